"""Top-1 accuracy and paired differences of benchmarks."""

import numpy as np
import pandas as pd
import pytest

from sacd.analysis.inference import estimate
from sacd.analysis.top1 import count_hits, differences, top1
from sacd.exceptions import SacdError


def predictions(right: dict[str, list[list[int]]], units: list[str]) -> pd.DataFrame:
    """`right[method][seed][clip]` is 1 where the clip's answer is right."""
    rows = [
        {"method": method, "seed": seed, "unit": unit, "label": 3, "predicted": 3 if hit else 0}
        for method, seeds in right.items()
        for seed, hits in enumerate(seeds)
        for unit, hit in zip(units, hits, strict=True)
    ]
    return pd.DataFrame(rows)


def test_accuracy_counts_clips_and_not_units() -> None:
    table = top1(predictions({"CE": [[1, 1, 1, 0]]}, ["a", "a", "a", "b"]))
    assert table["mean"].item() == pytest.approx(3 / 4)  # units of equal weight would give 1/2
    assert (table["clips"].item(), table["units"].item(), table["seeds"].item()) == (4, 2, 1)
    assert np.isnan(table["sd"].item())


def test_spread_is_over_seeds_and_the_interval_holds_the_mean() -> None:
    rng = np.random.default_rng(0)
    hits = (rng.random((4, 200)) < 0.7).astype(int)
    units = [f"u{i}" for i in range(200)]
    row = top1(predictions({"CE": hits.tolist()}, units)).iloc[0]
    assert row["sd"] == pytest.approx(hits.mean(axis=1).std(ddof=1))
    assert (row["low"], row["high"]) == pytest.approx(tuple(map(float, estimate(hits.astype(float)).interval())))
    assert np.isnan(top1(predictions({"CE": hits[:2].tolist()}, units))["low"].item())


def test_a_unit_of_more_clips_is_no_further_from_the_mean() -> None:
    clips = ["a"] * 5 + ["b", "c"]
    row = top1(predictions({"CE": [[1] * 7] * 3}, clips)).iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((1, 1))


def test_differences_are_paired() -> None:
    units = [f"u{i}" for i in range(12)]
    base = [1, 0] * 6
    table = differences(predictions({"CE": [base] * 3, "same": [base] * 3, "all": [[1] * 12] * 3}, units))
    table = table.set_index("method")
    assert table.loc["same", ["difference", "low", "high", "p"]].tolist() == [0, 0, 0, 1]
    gains = np.tile(np.subtract(1.0, base), (3, 1))
    assert table.loc["all", "difference"] == pytest.approx(0.5)
    assert table.loc["all", "p"] == pytest.approx(float(estimate(gains).p()))
    assert table.loc["all", "p_holm"] == pytest.approx(2 * table.loc["all", "p"])
    assert table.loc["all", ["standing", "participants", "seeds"]].tolist() == ["descriptive", 12, 3]


def test_differences_count_clips_and_not_units() -> None:
    table = differences(predictions({"CE": [[0, 0, 0, 0]] * 3, "KD": [[1, 1, 1, 0]] * 3}, ["a", "a", "a", "b"]))
    assert table["difference"].item() == pytest.approx(3 / 4)


def test_differing_test_clips_are_refused() -> None:
    table = predictions({"CE": [[1, 0]], "KD": [[1, 1]]}, ["a", "b"])
    with pytest.raises(SacdError, match="differ in their test clips"):
        count_hits(table.iloc[:-1])
    with pytest.raises(SacdError, match="no method 'SACD'; found CE, KD"):
        differences(table, "SACD")
