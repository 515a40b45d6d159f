"""The AHI beside features: means, codings, ρ as scipy has it, and what so many people can show."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sacd.analysis.ahi import (
    CODINGS,
    adults,
    codings,
    covariates,
    detectable_rho,
    enough,
    person_means,
    power_table,
    rho_interval,
    spearman,
    stage_means,
    stage_shares,
    uncorrected_rho,
)
from sacd.exceptions import NotApplicable

PEOPLE = pd.Index(["a", "b", "c"])


def test_minors_and_people_of_unknown_ahi_are_left_out_and_the_unknown_age_is_not():
    table = pd.DataFrame({"ahi": [3.0, 40, np.nan, 8], "age": [17.0, 18, 50, np.nan]}, index=list("abcd"))
    assert list(adults(table).index) == ["b", "d"]
    with pytest.raises(NotApplicable, match="2 adults of known AHI"):
        enough(adults(table))


def test_a_mean_needs_ten_clips_of_the_stage():
    stage = np.array([2] * 10 + [3] * 9 + [-1] * 5 + [2] * 12)
    who = np.array(["a"] * 24 + ["b"] * 12)
    features = np.arange(36, dtype=np.float32)[:, None] * [1, -1]
    means = stage_means(features, stage, who, PEOPLE)
    assert means.shape == (3, 5, 2)
    np.testing.assert_allclose(means[0, 2], [4.5, -4.5])
    np.testing.assert_allclose(means[1, 2], [29.5, -29.5])
    assert np.isnan(means[0, [0, 1, 3, 4]]).all() and np.isnan(means[2]).all()
    np.testing.assert_allclose(person_means(features, stage == 3, who, PEOPLE, fewest=9)[0], [14, -14])


def test_codings_are_the_ahi_and_one_column_a_group():
    coded = codings(pd.Series([0.0, 5, 15, 29.9, 30]))
    assert tuple(coded.columns) == CODINGS
    np.testing.assert_array_equal(coded.iloc[:, 1:].to_numpy().argmax(1), [0, 1, 2, 2, 3])
    assert (coded.iloc[:, 1:].sum(axis=1) == 1).all()


def test_rho_and_p_are_scipys_over_those_who_have_the_stage():
    rng = np.random.default_rng(0)
    means, coded = rng.normal(size=(30, 5, 3)), codings(pd.Series(rng.uniform(0, 60, 30)))
    means[:4, 1] = np.nan
    means[:, 2, 0] = 1.0
    found = spearman(means, coded).set_index(["coding", "stage", "channel"])
    for coding, stage, number, channel in (("AHI", "N1", 1, 2), ("severe", "W", 0, 1), ("mild", "N1", 1, 0)):
        known = ~np.isnan(means[:, number, 0])
        theirs = stats.spearmanr(means[known, number, channel], coded[coding][known])
        row = found.loc[(coding, stage, channel)]
        assert (row["n"], row["rho"]) == (known.sum(), pytest.approx(theirs.statistic))
        assert row["p"] == pytest.approx(theirs.pvalue)
    assert np.isnan(found.loc[("AHI", "N2", 0), "rho"]) and len(found) == 75


def test_what_the_uncorrected_level_and_power_ask_for():
    assert uncorrected_rho(20) == pytest.approx(0.444, abs=0.001)
    tests = 512 * 5
    for n, rho in ((20, 0.86), (60, 0.60), (120, 0.45)):
        assert detectable_rho(n, tests) == pytest.approx(rho, abs=0.005)
    # The level and power that it promises, by simulation of one test.
    rng, n, rho = np.random.default_rng(1), 60, detectable_rho(60, 1)
    x = rng.standard_normal((2000, n))
    y = 2 * np.sin(np.pi * rho / 6) * x  # of normal variables with this rank correlation
    y = y + np.sqrt(1 - (2 * np.sin(np.pi * rho / 6)) ** 2) * rng.standard_normal((2000, n))
    ranks = [stats.rankdata(values, axis=1) - (n + 1) / 2 for values in (x, y)]
    found = (ranks[0] * ranks[1]).sum(1) / np.sqrt((ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1))
    assert (found > uncorrected_rho(n)).mean() == pytest.approx(0.8, abs=0.04)


def test_the_power_table_has_a_row_a_stage_and_other_sizes():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(24, 5, 8))
    means[:22, 1] = np.nan
    table = power_table(spearman(means, codings(pd.Series(rng.uniform(0, 60, 24)))))
    assert table["people"].tolist() == ["W", "N2", "N3", "REM"] + ["if they were"] * 3, "two people are no test"
    assert (table["uncorrected"] < table["one_coding"]).all() and (table["one_coding"] < table["all_codings"]).all()


def test_an_interval_covers_rho_and_needs_values():
    x = np.append(np.arange(20.0), np.nan)
    found = rho_interval(x, np.append(np.arange(20.0)[::-1], 3))
    assert found["n"] == 20 and found["rho"] == pytest.approx(-1)
    assert found["low"] <= found["rho"] + 1e-9 and found["high"] < -0.99
    assert np.isnan(rho_interval(np.ones(20), np.arange(20.0))["rho"])


def test_covariates_are_ranks_to_be_of_what_is_known():
    table = pd.DataFrame({"age": [30.0, 40], "sex": ["female", "M"], "weight": [np.nan, np.nan]}, index=["a", "b"])
    shares = stage_shares(np.array([0, 2, 2, 4, -1, 1, 1]), np.array(list("aaaabbb")), pd.Index(["a", "b"]))
    assert shares.loc["a"].tolist() == [0.25, 0, 0.5, 0, 0.25] and shares.loc["b", "N1"] == 1
    found = covariates(table, shares)
    assert list(found.columns) == ["age", "sex", "N1", "N2", "N3", "REM"], "nobody's weight is known"
    assert found["sex"].tolist() == [0, 1]
