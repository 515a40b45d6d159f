"""`sacd pretrain`: weights and a card from simulated people, or a trunk that goes on on a cohort's own video."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tiny import make_cohort
from typer.testing import CliRunner

from sacd.cli import app
from sacd.experiments.common import student, trunk
from sacd.experiments.profile import load_profile
from sacd.models.shipped import checksum, shipped_network, weights_file
from sacd.pretraining import command
from sacd.pretraining.people import probe_clips
from sacd.runs.execute import execute
from sacd.runs.identity import run_id
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.store import Run, RunStore
from sacd.training.config import ModelConfig, TrainingConfig

MOTION = ModelConfig(name="r2plus1d_10", weights="motion")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("pretrain") / "cohort", train=4, test=2)


def test_pretrain_writes_weights_and_a_card_that_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setattr(
        command, "probe_clips", lambda tell: probe_clips(train=16, test=2, nights=0, frames=4, size=16, tell=tell)
    )
    arguments = ["--steps", "2", "--people", "10", "--targets", "pixels", "--out", str(tmp_path), "--seed", "3"]
    result = CliRunner().invoke(app, ["pretrain", *arguments])
    assert result.exit_code == 0, result.output
    file = tmp_path / "r2plus1d_10-pixels.safetensors"
    card = json.loads((tmp_path / "r2plus1d_10-pixels.json").read_text())
    assert card["checksum"] == checksum(file) and card["steps"] == 2 and card["people"] == 10
    wanted = "sacd pretrain --network r2plus1d_10 --targets pixels --seed 3 --steps 2 --people 10"
    assert card["command"].startswith(wanted)
    assert 0 < card["probe"]["few"]["accuracy"] <= 1 and card["targets_probe"] == {}
    assert card["command"] in (tmp_path / "README.md").read_text()


def test_a_trunk_trains_nothing_and_is_known_by_its_files_content(cohort, tmp_path):
    shipped = TrunkRun(model=MOTION)
    store = RunStore(tmp_path / "runs")
    folder = execute(shipped, cohort, store)
    assert Run(folder).metrics["steps"] == 0
    kept = load_file(folder / "weights.safetensors")
    wanted = shipped_network("r2plus1d_10", "motion").state_dict()
    assert all(torch.equal(kept[name], wanted[name]) for name in kept if not name.startswith("head"))
    elsewhere = shutil.copy(weights_file("r2plus1d_10", "motion"), tmp_path / "copied.safetensors")
    copied = TrunkRun(model=ModelConfig(name="r2plus1d_10", weights=str(elsewhere)))
    others = [TrunkRun(model=ModelConfig(name="r2plus1d_10", weights=weights)) for weights in ("pixels", None)]
    assert run_id(copied, cohort) == run_id(shipped, cohort)
    assert len({run_id(run, cohort) for run in (shipped, *others)}) == 3


def test_pretrain_goes_on_on_a_cohorts_own_video(cohort, monkeypatch):
    monkeypatch.setenv("SACD_RUNS", str(cohort.path.parent / "runs"))
    result = CliRunner().invoke(app, ["pretrain", str(cohort.path), "--profile", "smoke", "--steps", "3"])
    assert result.exit_code == 0, result.output
    run = Run(type(cohort.path)(result.stdout.strip().splitlines()[-1]))
    trained = load_file(run.path / "weights.safetensors")["stem.0.weight"]
    started = shipped_network("r2plus1d_10", "motion").stem[0].weight
    change = (trained - started).norm() / started.norm()
    # It moved, and not far: a random start would be some 1.4 away.
    assert 0 < change < 0.5
    assert run.metrics["steps"] == 3


def test_a_real_cohorts_frozen_tier_goes_on_from_what_a_simulated_ones_takes_as_it_is(cohort):
    profile = load_profile("smoke")
    assert trunk(cohort, profile, None) == TrunkRun(model=MOTION)
    assert trunk(cohort, profile, None, weights=None).model.weights is None
    real = make_real(cohort)
    continued = trunk(real, profile, None)
    assert isinstance(continued, ContinuedTrunkRun) and continued.model == MOTION
    assert student(real, profile, "ce", "paper", 0, None, raw=False).trunk == continued
    pixels = trunk(real, profile, None, "pixels", continued=False)
    beside = student(real, profile, "ce", "paper", 0, None, raw=False, sees_by=pixels)
    assert beside.trunk == TrunkRun(model=MOTION.model_copy(update={"weights": "pixels"}))
    assert beside.row()["trunk"] == "pixels" and continued.title_of_weights == "motion, continued"


def make_real(cohort):
    """The same cohort, as if it were not simulated."""
    changed = type(cohort).open(cohort.path)
    object.__setattr__(changed, "info", cohort.info.model_copy(update={"simulated": False}))
    return changed


def test_continuing_sees_no_test_participant_and_no_label(cohort):
    run = ContinuedTrunkRun(model=MOTION, training=TrainingConfig(steps=1))
    split = run.split(cohort)
    seen = {entry[2] for entry in run.data(cohort)}
    assert seen == set(split.pool) and not seen & set(split.test)
    assert {entry[0] for entry in run.data(cohort)} == {"pool"}
