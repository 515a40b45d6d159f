"""A student that goes on on another cohort: from its own weights, with its teacher, and a run like any other."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tiny import make_cohort
from typer.testing import CliRunner

from sacd import runs
from sacd.cli import app
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.finetuning import finetuned
from sacd.experiments.night_report import Subject, night_report
from sacd.runs.execute import Making, execute
from sacd.runs.identity import run_id
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.outputs import cached_outputs
from sacd.runs.staging import TrainedStudent
from sacd.runs.store import Run, RunStore, tabulate
from sacd.stages import NOT_SCORED
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

FAST = TrainingConfig(steps=4, batch=16, optimizer="adamw", lr=0.01, validate_every=2, momentum_encoder=0.9)
MLP = ModelConfig(name="mlp")
TEACHER = TeacherRun(model=MLP, training=FAST)
KD = StudentRun(model=MLP, training=FAST, objective=ObjectiveConfig(name="kd"), teacher=TEACHER)
CE = StudentRun(model=MLP, training=FAST)


def trained(config: StudentRun, cohort: Cohort, store: RunStore) -> Run:
    for run in runs.closure([config]):
        execute(run, cohort, store)
    return store.open(config, cohort)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_file(run.path / "weights.safetensors")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> tuple[Cohort, RunStore]:
    folder = tmp_path_factory.mktemp("home")
    return make_cohort(folder / "cohort", features=True), RunStore(folder / "runs")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> tuple[Cohort, RunStore]:
    """Of other people; it says whom to test."""
    folder = tmp_path_factory.mktemp("clinic")
    return make_cohort(folder / "cohort", features=True, train=6, test=2, seed=5), RunStore(folder / "runs")


@pytest.fixture(scope="module")
def kd(home) -> Run:
    return trained(KD, *home)


def test_it_begins_with_the_students_weights_and_keeps_them_where_nothing_is_better(kd, clinic):
    config = finetuned(kd, clinic[0], labelled=2, steps=4)
    for run in config.dependencies:
        execute(run, *clinic)
    task = config.task(Making(config, *clinic, kd.path))
    for name, value in weights(kd).items():
        torch.testing.assert_close(task.network.state_dict()[name], value, rtol=0, atol=0)
    # Every step makes it worse: the student stays what it was.
    worse = config.training.model_copy(update={"lr": 1e4, "keep": "best"})
    broken = config.model_copy(update={"training": worse})
    run = Run(execute(broken, *clinic))
    assert run.metrics["best_step"] == 0 and run.history["step"].iloc[0] == 0
    assert all(torch.equal(weights(run)[name], value) for name, value in weights(kd).items())


def test_one_validating_night_chooses_no_weights_where_a_teacher_leads(kd, home, clinic):
    config = finetuned(kd, clinic[0], labelled=2)
    assert (config.training.keep, config.training.steps, config.training.patience) == ("midway", 1, None)
    assert finetuned(kd, clinic[0], labelled=2, steps=4).training.steps == 4
    worse = config.training.model_copy(update={"steps": 4, "lr": 1e4})
    run = trained(config.model_copy(update={"training": worse}), *clinic)
    assert run.metrics["best_step"] == 4
    assert not all(torch.equal(weights(run)[name], value) for name, value in weights(kd).items())
    history = run.history
    assert run.metrics["best_score"] not in history["validation_score"].tolist(), "that of the mean"
    # Without a teacher one night's labels alone would be learnt by heart.
    alone = finetuned(kd, clinic[0], ObjectiveConfig(name="ce"), labelled=2).training
    assert (alone.keep, alone.steps) == ("best", FAST.steps)


def test_it_is_a_run_like_any_other_and_knows_its_parent(kd, clinic):
    cohort, store = clinic
    config = finetuned(kd, cohort, labelled=2, steps=4)
    assert parse_run(config.model_dump_json()) == config
    run = trained(config, cohort, store)
    (row,) = tabulate([run]).to_dict("records")
    assert (row["kind"], row["parent"], row["method"]) == ("finetuned", kd.path.name, "KD, finetuned")
    said = run.predictions
    assert set(said[said["split"] == "test"]["participant_id"]) == set(config.split(cohort).test)
    student = TrainedStudent(run)
    student.check(cohort)
    night = cohort[said["recording_id"].iloc[-1]]
    own = said[said["recording_id"] == night.recording_id]
    np.testing.assert_array_equal(student.staged(night, "argmax")["predicted"], own["predicted"])
    again = finetuned(run, cohort, labelled=2, steps=4)  # and goes on once more
    assert again.parent.run_id == run.path.name and run_id(again, cohort) != run_id(config, cohort)


def test_its_teacher_goes_with_it_as_it_is(kd, home, clinic):
    cohort, store = clinic
    config = finetuned(kd, cohort, labelled=2, steps=4)
    assert config.objective == KD.objective and config.teacher.parent.run_id == run_id(TEACHER, home[0])
    execute(config.teacher, cohort, store)
    some = cohort.of(config.split(cohort).unlabelled[:1])
    here = cached_outputs(config.teacher, cohort, store, some)
    there = cached_outputs(TEACHER, cohort, home[1], some, home=home[0])
    np.testing.assert_array_equal(here[some[0].recording_id].logits, there[some[0].recording_id].logits)


def test_the_parents_id_and_weights_are_its_identity_not_its_place(kd, clinic, tmp_path):
    cohort, _ = clinic
    ours = finetuned(kd, cohort, ObjectiveConfig(name="ce"), labelled=2)
    moved = tmp_path / kd.path.name
    moved.mkdir()
    for name in ("config.json", "weights.safetensors", "metrics.json", "DONE"):
        (moved / name).write_bytes((kd.path / name).read_bytes())
    theirs = finetuned(Run(moved), cohort, ObjectiveConfig(name="ce"), labelled=2)
    assert run_id(theirs, cohort) == run_id(ours, cohort)
    renamed = theirs.model_copy(update={"parent": theirs.parent.model_copy(update={"run_id": "student-kd-0"})})
    assert run_id(renamed, cohort) != run_id(ours, cohort)
    (moved / "weights.safetensors").write_bytes(b"other")
    assert run_id(theirs, cohort) != run_id(ours, cohort)
    (moved / "weights.safetensors").unlink()
    with pytest.raises(SacdError, match=r"weights.safetensors: not found; put the run student-kd-.* back"):
        run_id(theirs, cohort)


def laboratory(tmp_path, scored: int, eeg: str = "features") -> Cohort:
    """Six people, of whom nobody is kept for testing and so many are scored."""
    cohort = make_cohort(tmp_path / "lab", features=True, train=6, test=0, seed=7)
    for recording in list(cohort)[scored:]:
        recording.clips.assign(stage=NOT_SCORED).to_parquet(recording.path / "clips.parquet", index=False)
    file = cohort.path / "cohort.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"eeg": eeg}))
    table = pd.read_csv(cohort.path / "participants.tsv", sep="\t").assign(split="n/a")
    table.to_csv(cohort.path / "participants.tsv", sep="\t", index=False)
    return Cohort.open(cohort.path)


def test_two_scored_nights_suffice_and_nobody_is_tested_unasked(kd, tmp_path):
    lab = laboratory(tmp_path, 2)
    config = finetuned(kd, lab, steps=2)
    split = config.split(lab)
    assert {*split.labelled, *split.validation} == {"P00", "P01"} and len(split.unlabelled) == 4 and split.test == ()
    run = trained(config, lab, RunStore(tmp_path / "runs"))
    assert set(run.predictions["participant_id"]) == set(split.validation)
    student = TrainedStudent(run)  # a report has no calibration nights then, and says so by leaving ranges out
    report = night_report(student, Subject.recorded(lab, "P05n1"), student.usual_decision)
    assert len(report.clips) == 24
    assert finetuned(kd, laboratory(tmp_path / "four", 4), fold=(0, 2)).fold == (0, 2)


def test_one_scored_night_does_not(kd, tmp_path):
    with pytest.raises(SacdError, match="needs at least 2 participants of whom clips are scored"):
        finetuned(kd, laboratory(tmp_path, 1))


def test_without_eeg_it_trains_itself_on_what_nobody_scored(kd, tmp_path):
    lab = laboratory(tmp_path, 2, eeg="none")
    config = finetuned(kd, lab, steps=2)
    assert config.objective.name == "self-training" and config.teacher is None
    assert trained(config, lab, RunStore(tmp_path / "runs")).metrics["steps"] > 0
    with pytest.raises(SacdError, match="filmed without EEG, of which objective kd asks a teacher; use self-training"):
        finetuned(kd, lab, ObjectiveConfig(name="kd"))


def test_where_everybody_is_scored_a_student_without_a_teacher_has_the_labels_alone(home, clinic):
    run = trained(CE, *home)
    assert finetuned(run, clinic[0]).objective.name == "ce"
    assert finetuned(run, clinic[0], labelled=2).objective.name == "self-training"
    with pytest.raises(SacdError, match="learnt from no teacher; name an objective without one"):
        finetuned(run, clinic[0], ObjectiveConfig(name="kd"))


def test_several_teachers_are_not_carried(home, clinic):
    several = KD.model_copy(update={"teacher": EnsembleTeacherRun.of(TEACHER, 2)})
    run = trained(several, *home)
    assert finetuned(run, clinic[0], labelled=2).objective.name == "self-training"
    with pytest.raises(SacdError, match="learnt from several teachers"):
        finetuned(run, clinic[0], ObjectiveConfig(name="kd"), labelled=2)


def test_clips_cut_otherwise_and_other_eeg_are_refused(kd, clinic, tmp_path):
    with pytest.raises(SacdError, match="cut the cohort alike, or name another run"):
        finetuned(kd, make_cohort(tmp_path / "raw"))
    config = finetuned(kd, clinic[0], labelled=2)
    about = config.teacher.parent.path / "config.json"
    before = about.read_text()
    about.write_text(before.replace('"input_shape": [\n  8\n ]', '"input_shape": [\n  9\n ]'))
    try:
        with pytest.raises(SacdError, match=r"its EEG has the shape \[8\], the teacher of teacher-mlp-.* knows \[9\]"):
            config.teacher.check(clinic[0])
    finally:
        about.write_text(before)


def test_a_trunk_that_went_on_at_home_stays_as_it_is(tmp_path):
    cohort, store = make_cohort(tmp_path / "home", clips=16), RunStore(tmp_path / "runs")
    small = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 4})
    two = FAST.model_copy(update={"steps": 2, "normalise": "clip-mean"})
    trunk = ContinuedTrunkRun(model=small, training=two)
    run = trained(StudentRun(model=MLP, training=two, trunk=trunk), cohort, store)
    clinic, clinics = make_cohort(tmp_path / "clinic", clips=16, seed=3), RunStore(tmp_path / "other")
    config = finetuned(run, clinic, steps=2)
    execute(config.trunk, clinic, clinics)
    night = next(iter(clinic))
    found = config.arrays(clinic, clinics, [night])[0]
    np.testing.assert_array_equal(found, TrainedStudent(run)._seen(night))


def test_the_command(kd, clinic, monkeypatch):
    cohort, store = clinic
    monkeypatch.setenv("SACD_RUNS", str(store.root))
    trained(finetuned(kd, cohort, labelled=2, steps=4), cohort, store)  # a process of its own takes seconds
    result = CliRunner().invoke(app, ["finetune", str(kd.path), str(cohort.path), "--labelled", "2", "--steps", "4"])
    assert result.exit_code == 0, result.output
    assert f"parent                {kd.path.name}" in result.output and "test_macro_f1" in result.output
    result = CliRunner().invoke(app, ["finetune", "student-kd-0", str(cohort.path)])
    assert result.exit_code == 1 and "no finished run there" in result.output
