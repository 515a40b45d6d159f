"""Runs write what they know of nights from their own labels; any run is decoded without training; smoothed teachers."""

import numpy as np
import pytest
from scipy.special import softmax
from tiny import make_cohort

from sacd import runs
from sacd.decisions import Clips, Correction, NightModel
from sacd.decisions.decoders import DECODERS, PROBABILITIES, decode
from sacd.exceptions import SacdError
from sacd.runs.execute import execute
from sacd.runs.identity import run_id
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.tuned import TunedRun
from sacd.runs.outputs import joined_outputs
from sacd.runs.store import RunStore
from sacd.training.clip_set import ClipSet
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

FAST = TrainingConfig(steps=6, batch=16, optimizer="adamw", lr=0.03, validate_every=3)
FEW = {"model": ModelConfig(name="mlp"), "training": FAST, "protocol": "few-label", "labelled": 4}
TEACHER = TeacherRun(**FEW)
STUDENT = StudentRun(**FEW, objective=ObjectiveConfig(name="kd"), teacher=TEACHER)
SMOOTHED = STUDENT.model_copy(update={"taught": "smoothed"})
WANTED = [TEACHER, STUDENT, SMOOTHED, SelectedRun.of([STUDENT]), TunedRun.of(STUDENT, parts=2)]


def train(cohort, store, wanted):
    for run in runs.closure(wanted):
        execute(run, cohort, store)
    table = runs.ensure(cohort, wanted, store)
    assert set(table.status) == {"done"}, table.error.tolist()
    return table


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    cohort, store = make_cohort(folder / "cohort", features=True), RunStore(folder / "runs")
    return cohort, store, train(cohort, store, WANTED)


def test_a_runs_night_is_counted_on_its_labelled_and_chosen_on_its_validation_participants(trained):
    cohort, store, _ = trained
    for config in (TEACHER, STUDENT, SMOOTHED):
        run, split = store.open(config, cohort), config.split(cohort)
        nights = ClipSet(cohort.of(split.labelled), split.labelled)
        counted = NightModel.counted(nights.label, nights.night, nights.number, Correction.read(run.path))
        held = run.predictions.query("split == 'validation'")
        assert set(held.participant_id) == set(split.validation)
        clips = Clips(held[PROBABILITIES].to_numpy(), held.recording_id.to_numpy(), held["clip"].to_numpy())
        assert NightModel.read(run.path) == counted.chosen(clips, held.stage.to_numpy(), held.participant_id.to_numpy())
        assert sum(counted.clips) == 24 * len(split.labelled)


def test_hidden_and_test_labels_do_not_enter_it(trained, tmp_path):
    cohort, store, _ = trained
    split = STUDENT.split(cohort)
    other = make_cohort(
        tmp_path / "cohort", features=True, relabel=dict.fromkeys(split.unlabelled + split.test, 5)
    )
    execute(TEACHER, other, RunStore(tmp_path / "runs"))
    again = RunStore(tmp_path / "runs").folder(TEACHER, other)
    assert NightModel.read(again) == NightModel.read(store.folder(TEACHER, cohort))


@pytest.mark.parametrize("name", DECODERS)
def test_any_run_is_decoded_without_training(trained, name):
    _, store, table = trained
    plain, decoded = runs.predictions(table), runs.predictions(table, decision=name)
    for run, rows in plain.groupby("run_id"):
        clips = Clips(rows[PROBABILITIES].to_numpy(), rows.recording_id.to_numpy(), rows["clip"].to_numpy())
        expected = decode(name, clips, NightModel.read(store.root / run)).argmax(axis=1)
        assert (decoded[decoded.run_id == run].predicted.to_numpy() == expected).all()
    assert plain.run_id.nunique() == len(WANTED)


def test_a_smoothed_teacher_says_the_log_posterior_of_its_own_nights(trained):
    cohort, store, _ = trained
    nights = cohort.of(STUDENT.split(cohort).unlabelled)
    plain, smoothed = (joined_outputs(TEACHER, cohort, store, nights, taught=how) for how in ("as-is", "smoothed"))
    model, first = NightModel.read(store.folder(TEACHER, cohort)), len(nights[0])
    clips = Clips(softmax(plain.logits[:first], axis=1), np.zeros(first), nights[0].clips["clip"].to_numpy())
    said = softmax(smoothed.logits[:first], axis=1)
    np.testing.assert_allclose(said, decode("forward-backward", clips, model), rtol=1e-4, atol=1e-7)
    assert np.abs(said - clips.probability).max() > 0.05
    np.testing.assert_array_equal(plain.features, smoothed.features)


def test_a_student_of_a_smoothed_teacher_is_another_run_and_says_so(trained):
    cohort, store, table = trained
    assert table.method.tolist()[1:3] == ["KD", "KD, teacher smoothed"]
    weights = [(store.folder(config, cohort) / "weights.safetensors").read_bytes() for config in (STUDENT, SMOOTHED)]
    assert weights[0] != weights[1]
    assert run_id(STUDENT, cohort) != run_id(SMOOTHED, cohort)
    assert "taught" not in STUDENT.content() and "smoothing" not in STUDENT.versions()
    with pytest.raises(SacdError, match="taught: smoothed is about a teacher"):
        StudentRun(**FEW, taught="smoothed")
