"""Golden numbers: the loss after three steps of every component, pinned together with the component's version.

When numbers change on purpose, raise the component's `version` (or `TRAINING_VERSION`), then write them anew with
`SACD_WRITE_GOLDEN=1 pytest tests/test_golden.py`.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from tiny import make_cohort

from sacd.models import MODELS, build
from sacd.objectives import OBJECTIVES
from sacd.runs.execute import execute
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.store import Run, RunStore
from sacd.training.config import TRAINING_VERSION, ModelConfig, ObjectiveConfig, TrainingConfig

FILE = Path(__file__).with_name("golden.json")
THREE = TrainingConfig(steps=3, batch=64, optimizer="adamw", validate_every=3, momentum_encoder=0.9)
INPUTS = {"video": (2, 1, 8, 32, 32), "eeg": (2, 1, 3000), "features": (4, 6), "audio": (2, 32000)}
TOLERANCE = 2e-3
"""Relative: other processors round differently, a changed formula moves more."""


def check(name: str, version: int, value: float) -> None:
    """Compare with the pinned number, or pin it."""
    golden = json.loads(FILE.read_text()) if FILE.exists() else {}
    if os.environ.get("SACD_WRITE_GOLDEN"):
        golden[name] = {"version": version, "loss": round(value, 6)}
        FILE.write_text(json.dumps(dict(sorted(golden.items())), indent=1) + "\n")
    pinned = golden[name]
    assert pinned["version"] == version, f"{name}: version {version}, golden has {pinned['version']}; write it anew"
    assert value == pytest.approx(pinned["loss"], rel=TOLERANCE), f"{name}: numbers changed; raise its version"


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_objective(name, tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True)
    model = ModelConfig(name="mlp", options={"dropout": 0.0})
    teacher = TeacherRun(model=model, training=THREE, protocol="few-label", labelled=4)
    config = StudentRun(
        model=model,
        training=THREE,
        protocol="few-label",
        labelled=4,
        objective=ObjectiveConfig(name=name),
        teacher=teacher if OBJECTIVES[name].needs_teacher else None,
    )
    store = RunStore(tmp_path / "runs")
    for run in (*config.dependencies, config):
        folder = execute(run, cohort, store)
    check(f"objective {name}", OBJECTIVES[name].version, float(Run(folder).history["loss"].iloc[-1]))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_model(name):
    torch.manual_seed(0)
    kind = MODELS[name].kind
    shape = INPUTS[kind]
    network = build(
        name,
        **({"in_features": shape[1]} if kind == "features" else {"in_channels": shape[1]} if kind != "audio" else {}),
    )
    # Double precision: three steps amplify rounding, which differs between processors.
    network = network.double()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    label = torch.arange(shape[0])
    torch.manual_seed(2)
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(network(x).logits, label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    check(f"model {name}", MODELS[name].version, float(loss.detach()))


@pytest.mark.parametrize("name", ["deepsleepnet", "sen"])
def test_teacher(name, tmp_path):
    cohort = make_cohort(tmp_path / "cohort")
    options = {"sequence": True} if name == "deepsleepnet" else {}
    training = THREE.model_copy(update={"batch": 16, "optimizer": "sgd"})
    config = TeacherRun(model=ModelConfig(name=name, options=options), training=training)
    folder = execute(config, cohort, RunStore(tmp_path / "runs"))
    check(f"teacher {name}", MODELS[name].version, float(Run(folder).history["loss"].iloc[-1]))


def test_loop_and_trunk(tmp_path):
    cohort = make_cohort(tmp_path / "cohort")
    model = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 2})
    folder = execute(ContinuedTrunkRun(model=model, training=THREE), cohort, RunStore(tmp_path / "runs"))
    check("training", TRAINING_VERSION, float(Run(folder).history["loss"].iloc[-1]))
