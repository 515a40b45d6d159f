"""The loop stops where numbers are not finite, and a killed run tells the same history."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from training_tasks import FABRIC, student, training

from sacd.exceptions import SacdError
from sacd.training.loop import CHECKPOINT, Task, deterministic, make_fabric, train


class Spoiled(Task):
    """One weight; from a step on a term, the weights or the score are spoiled."""

    def __init__(self, what: str, value: float, at: int) -> None:
        super().__init__()
        self.network = torch.nn.Linear(1, 1)
        self.what, self.value, self.at = what, value, at

    def terms(self, step: int) -> dict[str, Tensor]:
        loss = self.network(torch.ones(1, 1)).square().sum()
        bad = self.what == "term" and step + 1 == self.at
        return {"ce": loss, "graph": loss * (self.value if bad else 1.0), "other": 0.1 * loss}

    def validate(self) -> dict[str, float]:
        return {"score": self.value if self.what == "score" else 0.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("at", [1, 4, 6])
def test_the_first_term_that_is_not_finite_is_named(tmp_path: Path, value: float, at: int) -> None:
    with pytest.raises(SacdError, match=f"the loss term 'graph' is not finite at step {at};") as caught:
        train(Spoiled("term", value, at), training(steps=6), 0, tmp_path, FABRIC)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_a_checkpoint_holds_finite_sums_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacd.training.loop._CHECKPOINT_SECONDS", 0.0)
    for _ in range(2):  # again from the checkpoint
        with pytest.raises(SacdError, match="'graph' is not finite at step 5;"):
            train(Spoiled("term", float("nan"), 5), training(100, validate_every=100), 0, tmp_path, FABRIC)
        saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)
        assert saved["state"]["step"] == 4 and all(total.isfinite() for total in saved["sums"]["total"].values())


def test_a_score_that_is_not_finite_is_never_the_best(tmp_path: Path) -> None:
    with pytest.raises(SacdError, match="the validation score is not finite at step 3;"):
        train(Spoiled("score", float("nan"), 0), training(steps=6), 0, tmp_path, FABRIC)


def test_networks_that_have_diverged_have_no_score() -> None:
    task = student("ce").eval()
    assert np.isfinite(task.validate()["score"])
    with torch.no_grad():
        task.network.head.bias[1] = float("nan")
    assert np.isnan(task.validate()["score"])


class Killed(BaseException):
    """As a signal would end it."""


def test_gradient_norms_outlive_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured at step 3, killed at 4, told in the row of step 5."""
    monkeypatch.setattr("sacd.training.loop._CHECKPOINT_SECONDS", 0.0)

    def kill(step: int) -> None:
        if step == 5:
            raise Killed

    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    whole = train(student(), training(steps=5), 0, folders[0], FABRIC)
    with pytest.raises(Killed):
        train(student(), training(steps=5), 0, folders[1], FABRIC, kill)
    assert torch.load(folders[1] / CHECKPOINT, weights_only=True)["state"]["step"] == 4
    resumed = train(student(), training(steps=5), 0, folders[1], FABRIC)
    assert resumed["history"] == whole["history"]
    assert resumed["history"][-1]["gradient_norm_structure"] > 0


class Counting(Task):
    """Every step adds 1 to the weight; the score says what the weight is."""

    def __init__(self) -> None:
        super().__init__()
        self.network = torch.nn.BatchNorm1d(1)  # with a counter among its weights
        self.network.weight.data.fill_(1.0)

    def terms(self, step: int) -> dict[str, Tensor]:
        self.network(torch.ones(2, 1))
        return {"ce": -self.network.weight.sum()}

    def validate(self) -> dict[str, float]:
        return {"score": self.network.weight.item()}


def test_midway_is_the_mean_of_the_first_and_the_last_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacd.training.loop._CHECKPOINT_SECONDS", 0.0)
    changes = {"lr": 1.0, "weight_decay": 0.0, "optimizer": "sgd", "schedule": "constant", "keep": "midway"}
    config = training(steps=4).model_copy(update=changes)

    def kill(step: int) -> None:
        if step == 3:
            raise Killed

    for name in "abc":
        (tmp_path / name).mkdir()
    last, midway, killed = Counting(), Counting(), Counting()
    train(last, config.model_copy(update={"keep": "best"}), 0, tmp_path / "a", FABRIC)
    told = train(midway, config, 0, tmp_path / "b", FABRIC)
    with pytest.raises(Killed):
        train(Counting(), config, 0, tmp_path / "c", FABRIC, kill)
    train(killed, config, 0, tmp_path / "c", FABRIC)
    assert last.network.weight.item() > 2
    expected = (1.0 + last.network.weight.item()) / 2
    assert midway.network.weight.item() == pytest.approx(expected) == killed.network.weight.item()
    assert (told["best_step"], told["best_score"]) == (4, pytest.approx(expected))
    assert midway.network.num_batches_tracked.item() == 4


def test_sums_have_one_order_in_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with deterministic(torch.device("cpu")):
        assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(ZeroDivisionError), deterministic(torch.device("cuda")):
        assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        _ = 1 / 0
    assert not torch.are_deterministic_algorithms_enabled() and "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_a_fabric_changes_no_global_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("sacd.training.loop.Fabric", dict)
    before = dict(os.environ)
    assert make_fabric("32-true")["accelerator"] == "cuda"
    assert os.environ == before and not torch.are_deterministic_algorithms_enabled()
