"""Orders of methods under two trunks, on values that are made for it."""

import numpy as np
import pandas as pd
import pytest

from sacd.analysis import order
from sacd.analysis.order import Values
from sacd.exceptions import SacdError


def made(effects: dict[str, tuple[float, float]], noise: float = 0.01, seeds: int = 5, people: int = 10) -> Values:
    """Methods with a true value under each trunk."""
    rng = np.random.default_rng(0)
    mean = np.array(list(effects.values()))[:, :, None, None]
    values = mean + noise * rng.standard_normal((*mean.shape[:2], seeds, people))
    return Values(tuple(effects), ("motion", "pixels"), values)


def test_an_order_is_claimed_only_where_both_trunks_show_it():
    found = made({"CE": (0.5, 0.5), "A": (0.55, 0.53), "B": (0.55, 0.45), "C": (0.55, 0.5), "D": (0.46, 0.45)})
    table = order.interactions(found, "CE").set_index("method")
    assert table["order"].to_dict() == {"A": 1, "B": 0, "C": 0, "D": -1}
    assert table.loc["B", "difference"] == pytest.approx(0.1, abs=0.01)
    assert table.loc["B", "low"] > 0.08
    assert not table.loc["B", "same_sign"]
    assert table.loc["D", "same_sign"]


def test_fewer_seeds_claim_no_order():
    found = made({"CE": (0.5, 0.5), "A": (0.6, 0.6)}, seeds=4)
    assert order.interactions(found, "CE")["order"].tolist() == [0]


def test_tau_of_the_same_and_of_the_opposite_order():
    values = {name: 0.5 + 0.02 * k for k, name in enumerate("ABCDEF")}
    same = order.agreement(made({name: (value, value) for name, value in values.items()}, noise=0.001))
    opposite = order.agreement(made({name: (value, 1 - value) for name, value in values.items()}, noise=0.001))
    assert (same.tau, same.low, same.high, same.without_interaction) == pytest.approx((1, 1, 1, 1))
    assert opposite.tau == pytest.approx(-1)
    # The mean of both trunks is the same for all methods: noise would order them.
    assert abs(opposite.without_interaction) < 0.3


def test_noise_alone_makes_orders_differ_and_is_told():
    found = order.agreement(made({name: (0.5 + 0.001 * k,) * 2 for k, name in enumerate("ABCDEFGH")}, noise=0.05))
    assert found.low < found.without_interaction < 0.8
    assert found.low <= found.tau <= found.high


def test_the_interval_covers_the_tau_of_another_such_experiment(monkeypatch):
    monkeypatch.setattr(order, "RESAMPLES", 1)
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(30):
        true = 0.02 * rng.standard_normal((10, 1)) + 0.01 * rng.standard_normal((10, 2))

        def experiment(true=true) -> np.ndarray:
            return true[:, :, None, None] + 0.08 * rng.standard_normal((10, 2, 3, 8))

        others = np.mean([order._tau(experiment().mean(axis=(2, 3))) for _ in range(20)])
        found = order.agreement(Values(tuple("ABCDEFGHIJ"), ("a", "b"), experiment()))
        covered.append(found.low <= others <= found.high)
    assert np.mean(covered) >= 0.9


def predictions(methods: dict[str, list[str]]) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    parts = [
        pd.DataFrame({
            "method": method, "trunk": trunk, "seed": seed, "participant_id": person, "recording_id": person,
            "clip": np.arange(20), "stage": rng.integers(0, 5, 20), "predicted": rng.integers(0, 5, 20),
        })
        for method, trunks in methods.items() for trunk in trunks for seed in range(3) for person in ("P1", "P2")
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_values_are_those_of_participants_and_methods_with_one_trunk_are_left_out():
    table = predictions({"CE": ["motion", "pixels"], "A": ["motion", "pixels"], "B": ["motion"]})
    found = order.values_of(table)
    assert (found.methods, found.trunks, found.values.shape) == (("CE", "A"), ("motion", "pixels"), (2, 2, 3, 2))
    part = table[(table.method == "A") & (table.trunk == "pixels") & (table.seed == 1) & (table.participant_id == "P2")]
    assert found.values[1, 1, 1, 1] == pytest.approx((part.stage == part.predicted).mean())
    with pytest.raises(SacdError, match="no method 'KD'"):
        order.interactions(found, "KD")


def test_what_is_not_two_trunks_is_refused():
    with pytest.raises(SacdError, match="1 values of trunk"):
        order.values_of(predictions({"CE": ["motion"], "A": ["motion"]}))
    with pytest.raises(SacdError, match="fewer than two"):
        order.values_of(predictions({"CE": ["motion", "pixels"], "A": ["motion"], "B": ["pixels"]}))
