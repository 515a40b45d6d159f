"""Freedman–Lane: the t of least squares, confounders and mediators taken out, and the family-wise level."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sacd.analysis.ahi import codings, spearman
from sacd.analysis.freedman_lane import freedman_lane, survival_table

NOTHING = pd.DataFrame(index=range(60))


def people(n: int, channels: int, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 5, channels)), codings(pd.Series(rng.uniform(0, 60, n))), rng


def test_t_is_that_of_least_squares_on_ranks():
    means, coded, rng = people(40, 3)
    means[:5, 2] = np.nan
    given = pd.DataFrame({"age": rng.normal(size=40), "sex": rng.integers(0, 2, 40)})
    found = freedman_lane(means, coded, given, permutations=100).table.set_index(["coding", "stage", "channel"])
    for coding, stage, number in (("AHI", "N2", 2), ("severe", "W", 0)):
        known = ~np.isnan(means[:, number, 0])
        # The response's ranks are those among everybody; a feature's among those who have the stage.
        y = stats.rankdata(coded[coding])[known]
        design = np.column_stack([
            stats.rankdata(means[known, number, 1]), np.ones(known.sum()), stats.rankdata(given, axis=0)[known]
        ])
        beta, rest, *_ = np.linalg.lstsq(design, y, rcond=None)
        df = known.sum() - 4
        error = np.sqrt(rest[0] / df * np.linalg.inv(design.T @ design)[0, 0])
        row = found.loc[(coding, stage, 1)]
        assert row["t"] == pytest.approx(beta[0] / error) and row["n"] == known.sum()
        assert row["p"] == pytest.approx(2 * stats.t.sf(abs(row["t"]), df))


def test_what_goes_through_a_covariate_does_not_survive_it_and_what_does_not_does():
    means, _, rng = people(60, 4, 1)
    weight = rng.normal(size=60)
    ahi = pd.Series(stats.rankdata(weight + 0.6 * rng.normal(size=60)))
    means[:, 2, 0] = weight + 0.3 * rng.normal(size=60)  # by weight alone
    means[:, 3, 1] = ahi - ahi.mean() + 5 * rng.normal(size=60)  # by the AHI itself
    coded = codings(ahi)
    plain = freedman_lane(means, coded, NOTHING, 500).survivors
    given = freedman_lane(means, coded, pd.DataFrame({"weight": weight}), 500).survivors
    names = [set(zip(table["stage"], table["channel"], strict=True)) for table in (plain, given)]
    assert {("N2", 0), ("N3", 1)} <= names[0]
    assert ("N3", 1) in names[1] and ("N2", 0) not in names[1]


def test_the_largest_of_all_tests_is_found_by_chance_in_one_family_of_twenty():
    found = 0
    for seed in range(60):
        means, coded, rng = people(20, 8, seed)
        means[: 8, 1] = np.nan  # few have N1
        survival = freedman_lane(means, coded, pd.DataFrame({"age": rng.normal(size=20)}), 100, seed)
        known = survival.table.dropna()
        assert (known["p_corrected"] >= known["p"] - 0.02).all()
        found += len(survival.survivors) > 0
    assert stats.binomtest(found, 60, 0.05).pvalue > 0.01, f"{found} of 60 families"


def test_permutations_are_the_same_for_all_and_n_differs():
    means, coded, _ = people(30, 2)
    means[:28, 1] = np.nan
    first, second = (freedman_lane(means, coded, NOTHING.iloc[:30], 200, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.table, second.table)
    by_stage = first.table.groupby("stage")[["n", "t"]].agg({"n": "first", "t": "count"})
    assert by_stage.loc["N1"].tolist() == [2, 0] and by_stage.loc["W"].tolist() == [30, 10]
    assert first.table["p_corrected"].dropna().min() >= 1 / 200


def test_who_lacks_a_covariate_is_left_out_and_nobody_is_no_error():
    means, coded, rng = people(20, 2)
    given = pd.DataFrame({"weight": [np.nan] * 3 + list(rng.normal(size=17))})
    assert (freedman_lane(means, coded, given, 100).table["n"] == 17).all()
    nobody = freedman_lane(means, coded, pd.DataFrame({"weight": [np.nan] * 20}), 100)
    assert nobody.survivors.empty and nobody.table["t"].isna().all()


def test_the_table_counts_what_is_found_singly_by_chance_and_after_correction():
    means, _, rng = people(50, 40, 2)
    ahi = pd.Series(rng.uniform(0, 60, 50))
    means[:, 3, :5] += 0.2 * ahi.to_numpy()[:, None]
    coded = codings(ahi)
    found, survival = spearman(means, coded), freedman_lane(means, coded, NOTHING.iloc[:50], 200)
    table = survival_table(found, {"nothing": survival}).set_index(["coding", "stage"])
    assert table.loc[("AHI", "N3"), "nothing"] == 5 <= table.loc[("AHI", "N3"), "uncorrected"]
    assert (table["by_chance"] == 2).all() and len(table) == 25
