"""Settings are put back, also where something fails."""

import os

import pytest
import torch

from sacd.training.loop import make_fabric
from sacd.training.settings import deterministic
from sacd.workers import environment


def test_variables_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACD_SET", "mine")
    with pytest.raises(ZeroDivisionError), environment(SACD_SET="theirs", SACD_NEW="theirs"):
        assert os.environ["SACD_SET"] == "mine" and os.environ["SACD_NEW"] == "theirs"
        _ = 1 / 0
    assert os.environ["SACD_SET"] == "mine" and "SACD_NEW" not in os.environ


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
