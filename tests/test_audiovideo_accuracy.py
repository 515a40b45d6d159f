"""Top-1 accuracy and paired differences of benchmarks."""

import numpy as np
import pandas as pd
import pytest

from sacd.audiovideo.accuracy import count_hits, differences, top1
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
    table = top1(predictions({"CE": [[1, 1, 1, 0]]}, ["a", "a", "a", "b"]), draws=50)
    assert table["mean"].item() == pytest.approx(3 / 4)  # units of equal weight would give 1/2
    assert (table["clips"].item(), table["units"].item(), table["seeds"].item()) == (4, 2, 1)
    assert np.isnan(table["sd"].item())


def test_spread_is_over_seeds_and_the_interval_holds_the_mean() -> None:
    rng = np.random.default_rng(0)
    hits = (rng.random((2, 200)) < 0.7).astype(int)
    row = top1(predictions({"CE": hits.tolist()}, [f"u{i}" for i in range(200)]), draws=500).iloc[0]
    assert row["sd"] == pytest.approx(hits.mean(axis=1).std(ddof=1))
    assert row["low"] < row["mean"] < row["high"]
    # 400 answers of 200 units, nearly independent: at least as wide as if they were 400 units, at most as if 100.
    width = row["high"] - row["low"]
    assert 2 * 1.96 * np.sqrt(0.21 / 400) * 0.8 < width < 2 * 1.96 * np.sqrt(0.21 / 100) * 1.2


def test_differences_are_paired() -> None:
    units = [f"u{i}" for i in range(12)]
    base = [1, 0] * 6
    table = differences(predictions({"CE": [base], "same": [base], "all": [[1] * 12]}, units), draws=5000)
    table = table.set_index("method")
    assert table.loc["same", ["difference", "low", "high"]].tolist() == [0, 0, 0]
    assert table.loc["same", "p"] == 1
    assert table.loc["all", "difference"] == pytest.approx(0.5)
    # Six pairs that differ, all one way: 2 of the 2⁶ flips of them are as extreme.
    assert table.loc["all", "p"] == pytest.approx(2 / 2**6)
    assert table.loc["all", "p_holm"] == pytest.approx(2 * table.loc["all", "p"])
    assert table.loc["all", "smallest_p"] == pytest.approx(2 / 2**12)


def test_differing_test_clips_are_refused() -> None:
    table = predictions({"CE": [[1, 0]], "KD": [[1, 1]]}, ["a", "b"])
    with pytest.raises(SacdError, match="differ in their test clips"):
        count_hits(table.iloc[:-1])
    with pytest.raises(SacdError, match="no method 'SACD'; found CE, KD"):
        differences(table, "SACD")
