"""An ensemble of teachers: whom each has not seen, what they say together, and students that learn from it."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from tiny import make_cohort

from sacd import runs
from sacd.cohort import Cohort
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.outputs import cached_outputs
from sacd.runs.store import RunStore
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

SHORT = TrainingConfig(steps=6, batch=16, optimizer="adamw", validate_every=3)
MLP = ModelConfig(name="mlp")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, EnsembleTeacherRun, StudentRun]:
    cohort = make_cohort(tmp_path_factory.mktemp("ensemble") / "c", features=True, train=10, test=2)
    single = TeacherRun(model=MLP, training=SHORT, protocol="few-label", labelled=4)
    ensemble = EnsembleTeacherRun.of(single, parts=3)
    student = StudentRun(
        model=MLP, training=SHORT, protocol="few-label", labelled=4, objective=ObjectiveConfig(name="kd"),
        teacher=ensemble, taught="smoothed",
    )
    table = runs.ensure(cohort, [student])
    assert list(table.status) == ["done"], table.error.to_list()
    return cohort, ensemble, student


def test_who_is_labelled_hears_only_the_teacher_that_has_not_seen_them(made: tuple) -> None:
    cohort, ensemble, _ = made
    store, split = RunStore.beside(cohort), ensemble.split(cohort)
    recordings = cohort.of(split.labelled + split.unlabelled)
    said = ensemble.outputs(cohort, store, recordings)
    each = [cached_outputs(member, cohort, store, recordings) for member in ensemble.members]
    for member in ensemble.members:
        assert len(member.split(cohort).labelled) == len(split.labelled) - 1
    for recording in recordings:
        name = recording.recording_id
        unseen = [
            k for k, member in enumerate(ensemble.members)
            if recording.participant_id not in member.split(cohort).labelled
        ]
        assert len(unseen) == (1 if recording.participant_id in split.labelled else 3)
        expected = np.mean([softmax(each[k][name].logits, axis=1) for k in unseen], axis=0)
        np.testing.assert_allclose(np.exp(said[name].logits), expected, rtol=1e-5)


def test_it_is_judged_and_decided_as_a_teacher_is(made: tuple) -> None:
    cohort, ensemble, _ = made
    folder = RunStore.beside(cohort).folder(ensemble, cohort)
    assert {"decision.json", "night.json", "predictions.parquet"} <= {file.name for file in Path(folder).iterdir()}
    table = runs.ensure(cohort, [ensemble])
    assert len(runs.predictions(table, decision="forward-backward")) == len(runs.predictions(table)) > 0


def test_a_run_is_known_by_the_number_of_teachers(made: tuple) -> None:
    cohort, ensemble, student = made
    store = RunStore.beside(cohort)
    fewer = ensemble.model_copy(update={"parts": 2})
    assert store.folder(fewer, cohort) != store.folder(ensemble, cohort)
    other = student.model_copy(update={"teacher": fewer})
    assert store.folder(other, cohort) != store.folder(student, cohort)
    assert StudentRun.model_validate(student.model_dump()) == student
