"""The choice between trials is made on validation participants alone; the shifted teacher speaks of another time."""

import json

import numpy as np
import pandas as pd
import pytest
from tiny import make_cohort

from sacd import runs
from sacd.experiments.trials import trials
from sacd.objectives import OBJECTIVES
from sacd.runs.identity import run_id
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.store import Run, RunStore
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.inputs import Outputs

FAST = TrainingConfig(steps=6, batch=16, optimizer="adamw", validate_every=3, momentum_encoder=0.9)
MLP = ModelConfig(name="mlp")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("selection") / "cohort", features=True)


def student(method="kd", **changes):
    teacher = TeacherRun(model=MLP, training=FAST, protocol="few-label", labelled=4)
    return StudentRun(
        model=MLP, training=FAST, protocol="few-label", labelled=4, objective=ObjectiveConfig(name=method),
        teacher=teacher if OBJECTIVES[method].needs_teacher else None, **changes,
    )  # fmt: skip


def test_the_best_trial_by_validation_is_tested_and_no_other(cohort, tmp_path):
    store = RunStore(tmp_path)
    config = SelectedRun.of(list(trials(student(), 4).values()))
    (row,) = runs.ensure(cohort, [config], store).to_dict("records")
    each = [store.open(trial, cohort) for trial in config.trials]
    best = int(np.argmax([run.metrics["best_score"] for run in each]))
    assert (row["status"], row["trial"], row["chosen"]) == ("done", best, each[best].path.name)
    assert [set(run.predictions.split) for run in each[1:]] == [{"validation"}] * (len(each) - 1)
    chosen = store.open(config, cohort)
    own = chosen.predictions
    theirs = each[best].predictions
    pd.testing.assert_frame_equal(
        own[own.split == "validation"].reset_index(drop=True),
        theirs[theirs.split == "validation"].reset_index(drop=True),
    )
    assert set(own[own.split == "test"].participant_id) == set(
        cohort.participants.index[cohort.participants["split"] == "test"]
    )


def test_it_follows_the_validation_score_wherever_that_lies(cohort, tmp_path):
    store = RunStore(tmp_path)
    config = SelectedRun.of(list(trials(student("jsd"), 3).values())[:3])
    runs.ensure(cohort, config.trials, store)
    for trial, score in zip(config.trials, (0.1, 0.1, 0.9), strict=True):
        file = store.folder(trial, cohort) / "metrics.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"best_score": score}))
    (row,) = runs.ensure(cohort, [config], store).to_dict("records")
    assert row["trial"] == 2
    assert row["run_id"] != run_id(SelectedRun.of(config.trials[:2]), cohort)
    assert parse_run(config.model_dump_json()) == config
    assert parse_run(json.dumps(Run(store.folder(config, cohort)).description["run"])) == config


def test_shifted_outputs_are_those_of_another_clip():
    outputs = Outputs(np.arange(6.0).reshape(6, 1), np.arange(12.0).reshape(6, 2), (np.arange(6.0).reshape(6, 1),))
    moved = outputs.shifted(2)
    assert moved.features[:, 0].tolist() == moved.taps[0][:, 0].tolist() == [4, 5, 0, 1, 2, 3]
    assert moved.logits[:, 0].tolist() == [8, 10, 0, 2, 4, 6]


def test_a_shifted_teacher_is_another_run_with_other_weights(cohort, tmp_path):
    store = RunStore(tmp_path)
    table = runs.ensure(cohort, [student(), student(taught="shifted")], store)
    assert table.status.tolist() == ["done", "done"]
    assert table.method.tolist() == ["KD", "KD, EEG shifted"]
    first, second = (Run(store.folder(config, cohort)) for config in (student(), student(taught="shifted")))
    assert (first.path / "weights.safetensors").read_bytes() != (second.path / "weights.safetensors").read_bytes()
