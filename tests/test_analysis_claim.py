"""The confirmation's statistics: hand values, coverage and level by simulation, and every word it can say."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sacd.analysis import claim
from sacd.analysis.claim import FAILS, HOLDS, NOT_RESOLVED, NOT_TESTED, Components, Mean
from sacd.exceptions import SacdError


def test_the_interval_over_cohorts_is_that_of_a_t_test():
    values = np.random.default_rng(0).normal(0.01, 0.02, 10)
    found, theirs = claim.over_cohorts(values), stats.ttest_1samp(values, 0)
    assert (found.p, found.mean) == pytest.approx((theirs.pvalue, values.mean()))
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_one_cohort_and_cohorts_that_do_not_differ():
    assert np.isnan(claim.over_cohorts(np.array([0.1])).low)
    same = claim.over_cohorts(np.zeros(4))
    assert (same.low, same.high, same.p) == (0, 0, 1)


def test_components_come_back_from_a_large_table():
    rng = np.random.default_rng(1)
    sd = Components(0.02, 0.03, 0.05, 0.04)
    shape = (3000, 5, 20)
    table = (
        sd.sd_cohorts * rng.standard_normal((3000, 1, 1))
        + sd.sd_seeds * rng.standard_normal((3000, 5, 1))
        + sd.sd_participants * rng.standard_normal((3000, 1, 20))
        + sd.sd_rest * rng.standard_normal(shape)
    )
    found = claim.variance_components(table)
    for name, value in vars(sd).items():
        assert getattr(found, name) == pytest.approx(value, rel=0.08), name


def test_components_are_never_negative_and_need_two_of_each():
    found = claim.variance_components(np.random.default_rng(2).standard_normal((3, 2, 4)) - 5)
    assert min(vars(found).values()) >= 0
    with pytest.raises(SacdError, match="1 cohorts"):
        claim.variance_components(np.zeros((1, 2, 2)))


def _cohort_means(sd: Components, tables: int, rng: np.random.Generator) -> np.ndarray:
    """Means of 10 cohorts of 3 seeds and 8 participants, drawn cell by cell, float [tables, 10]."""
    shape = (tables, 10, 3, 8)
    cells = sd.sd_cohorts * rng.standard_normal((*shape[:2], 1, 1)) + sd.sd_rest * rng.standard_normal(shape)
    cells += sd.sd_seeds * rng.standard_normal((*shape[:3], 1))
    return (cells + sd.sd_participants * rng.standard_normal((*shape[:2], 1, 8))).mean(axis=(2, 3))


def test_level_and_power_of_the_primary_test():
    """2,000 tables without a difference, and with the difference that the design resolves four times in five."""
    sd = Components(0.01, 0.03, 0.06, 0.08)
    gain = claim.resolvable(sd, 10, 3, 8)
    found = [claim.over_cohorts(row) for row in _cohort_means(sd, 2000, np.random.default_rng(3))]
    told = {threshold: [claim.told(one, gain, threshold) for one in found] for threshold in (0.0, -gain)}
    # The upper half of a two-sided test; above −gain by nothing is as above 0 by the gain.
    assert told[0.0].count(HOLDS) / 2000 == pytest.approx(0.025, abs=0.011)
    assert told[-gain].count(HOLDS) / 2000 == pytest.approx(0.8, abs=0.03)
    assert claim.power_of(0.0, sd, 10, 3, 8) == pytest.approx(0.05)


def test_without_any_spread_everything_is_resolved():
    none = Components(0, 0, 0, 0)
    assert claim.resolvable(none, 10, 5, 96) == 0
    assert (claim.power_of(0.0, none, 10, 5, 96), claim.power_of(0.001, none, 10, 5, 96)) == (0, 1)


@pytest.mark.parametrize(
    ("mean", "low", "high", "threshold", "word"),
    [
        (0.02, 0.01, 0.03, 0.0, HOLDS),
        (0.005, 0.001, 0.009, 0.0, HOLDS),
        (0.005, -0.01, 0.02, 0.0, NOT_RESOLVED),
        (-0.005, -0.02, 0.01, 0.0, NOT_RESOLVED),
        (0.03, -0.01, 0.07, 0.0, FAILS),
        (-0.005, -0.009, -0.001, 0.0, FAILS),
        (-0.004, -0.009, 0.001, -0.01, HOLDS),
        (-0.004, -0.011, 0.003, -0.01, NOT_RESOLVED),
        (-0.03, -0.04, -0.02, -0.01, FAILS),
        (0.02, np.nan, np.nan, 0.0, NOT_RESOLVED),
    ],
)
def test_what_is_told_of_an_interval(mean, low, high, threshold, word):
    assert claim.told(Mean(mean, low, high, 0.5, 10), resolution=0.015, threshold=threshold) == word


def test_fieller_against_a_search_over_all_ratios():
    rng = np.random.default_rng(4)
    whole = rng.normal(0.05, 0.01, 8)
    part = 0.6 * whole + rng.normal(0, 0.01, 8)
    ratios = np.linspace(-2, 4, 60001)
    t = stats.ttest_1samp(part[:, None] - ratios * whole[:, None], 0).statistic
    inside = ratios[np.abs(t) <= stats.t.isf(0.025, 7)]
    found = claim.fieller(part, whole)
    assert (found.low, found.high) == pytest.approx((inside[0], inside[-1]), abs=2e-4)
    assert found.share == pytest.approx(part.mean() / whole.mean())


def test_fieller_covers_and_has_no_ends_where_the_whole_may_be_nothing():
    rng = np.random.default_rng(5)
    whole = rng.normal(0.05, 0.02, (2000, 10))
    part = 0.7 * whole + rng.normal(0, 0.02, (2000, 10))
    found = [claim.fieller(*pair) for pair in zip(part, whole, strict=True)]
    covered = [one.low <= 0.7 <= one.high for one in found if one]
    assert len(covered) > 1990
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)
    assert claim.fieller(part[0], whole[0] - whole[0].mean()) is None


def test_the_share_of_a_gap_is_told_only_of_a_gap_above_two_points():
    few = np.linspace(0.6, 0.61, 5)
    assert claim.gap_closed(few + 0.02, few, few + np.array([3, 4, 4, 5, 4]) / 100).share == pytest.approx(0.5)
    assert claim.gap_closed(few + 0.02, few, few + np.array([0, 4, 4, 8, 4]) / 100) is None


def _scores(gain: dict[str, float]) -> pd.DataFrame:
    """Six cohorts whose values differ by 0.1 points beside the gains."""
    rng = np.random.default_rng(6)
    return pd.DataFrame([
        {"cohort": f"c{k}", "row": row, "metric": metric, "value": 0.6 + gain.get(row, 0) + rng.normal(0, 0.001)}
        for k in range(6) for row in ("KD", "ours", "CE all") for metric in ("accuracy", "kappa")
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("gain", "verdicts"),
    [
        ({"ours": 0.02, "CE all": 0.02}, [HOLDS, HOLDS, HOLDS]),
        ({"ours": 0.02, "CE all": 0.09}, [HOLDS, HOLDS, FAILS]),
        ({"ours": -0.02}, [FAILS, NOT_TESTED, NOT_TESTED]),
    ],
)
def test_tests_stop_at_the_first_that_fails(gain, verdicts):
    order = claim.tests("ours", "KD", "CE all")
    table = claim.confirm(_scores(gain), order, dict.fromkeys((test.name for test in order), 0.01))
    assert table["verdict"].tolist() == verdicts


def test_a_row_that_a_cohort_lacks_is_named():
    scores = _scores({}).drop(index=0)
    with pytest.raises(SacdError, match="KD has no accuracy"):
        claim.paired(scores, "ours", "KD", "accuracy")
