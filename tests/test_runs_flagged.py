"""Clips that a quality flag marks are neither drawn nor judged unless asked for; unscored nights are pairs alone."""

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny import make_cohort
from training_tasks import Night

from sacd import runs
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.experiments.single_student import single_student
from sacd.runs.execute import Making, execute
from sacd.runs.identity import run_id
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.store import Run, RunStore
from sacd.stages import NOT_SCORED
from sacd.training.batches import Sampler
from sacd.training.clip_set import ClipSet
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

FAST = TrainingConfig(steps=2, batch=16, validate_every=1, labelled_share=0.5)
ALL = FAST.model_copy(update={"flagged": True})
MLP = ModelConfig(name="mlp")


def student(training: TrainingConfig = FAST, method: str = "kd", **changes: object) -> StudentRun:
    teacher = None if method in ("ce", "self-training") else TeacherRun(model=MLP, training=training, **changes)
    return StudentRun(model=MLP, training=training, objective=ObjectiveConfig(name=method), teacher=teacher, **changes)


def edited(cohort: Cohort, names: tuple[str, ...], flags: slice | None = None, unscored: bool = False) -> Cohort:
    """The cohort with a flag on some clips of some people, or without their scoring; opened anew."""
    for recording in cohort.of(names):
        table = recording.clips.copy()
        if flags is not None:
            table["flag_video_gap"] = False
            table.loc[table.index[flags], "flag_video_gap"] = True
        if unscored:
            table["stage"] = np.int8(NOT_SCORED)
        table.to_parquet(recording.path / "clips.parquet", index=False)
    return Cohort.open(cohort.path)


@pytest.fixture
def plain(tmp_path) -> Cohort:
    return make_cohort(tmp_path / "cohort", features=True)


# Clips.


def test_flagged_clips_are_not_usable_and_have_no_label():
    table = pd.DataFrame({"clip": range(4), "stage": [0, 1, 2, 3], "flag_a": [False, True, False, False]})
    other = pd.DataFrame({"clip": range(2), "stage": [4, 4], "flag_b": [False, True]})
    nights = [Night("A", table), Night("B", other), Night("C", table[["clip", "stage"]])]
    clips = ClipSet(nights, "ABC")
    assert clips.usable.tolist() == [True, False, True, True, True, False, True, True, True, True]
    assert clips.label.tolist() == [0, -1, 2, 3, 4, -1, 0, 1, 2, 3]
    every = ClipSet(nights, "ABC", with_flagged=True)
    assert every.usable.all() and every.label.tolist() == [0, 1, 2, 3, 4, 4, 0, 1, 2, 3]


@pytest.mark.parametrize(("sampler", "stretch"), [("window", 8), ("random", 8), ("stretch", 12)])
def test_no_batch_holds_a_flagged_clip(sampler, stretch):
    marked = np.zeros(60, dtype=bool)
    marked[[5, 30]] = True
    table = pd.DataFrame({"clip": np.arange(60), "stage": 2, "flag_x": marked})
    clips = ClipSet([Night("A", table), Night("B", table.assign(flag_x=True)), Night("C", table)], "AC")
    drawn = Sampler(clips, np.ones(len(clips), dtype=bool), 24, 0, sampler, stretch)
    seen = np.unique(np.concatenate([drawn.batch(step)[0] for step in range(60)]))
    assert clips.usable[seen].all() and set(clips.night[seen]) == {0, 2}


# Identity.


def test_without_flags_the_option_is_no_part_of_an_identity(plain):
    assert run_id(student(ALL), plain) == run_id(student(), plain)
    assert student().left_out(plain) == 0


def test_with_flags_it_is_and_so_are_the_flags_of_people_whose_labels_are_hidden(plain):
    few = {"protocol": "few-label", "labelled": 2}
    before, hidden = run_id(student(**few), plain), student(**few).split(plain).unlabelled[0]
    marked = edited(plain, (hidden,), slice(3, 5))
    assert run_id(student(ALL, **few), marked) == before != run_id(student(**few), marked)
    assert student(**few).left_out(marked) == 2 and student(ALL, **few).left_out(marked) == 0


def test_a_student_and_its_teacher_agree():
    with pytest.raises(SacdError, match="a student and its teacher must take flagged clips both, or neither"):
        StudentRun(
            model=MLP, training=FAST, objective=ObjectiveConfig(name="kd"), teacher=TeacherRun(model=MLP, training=ALL)
        )


# Runs.


def test_a_run_leaves_them_out_and_says_how_many(plain, tmp_path):
    split = student().split(plain)
    marked = edited(plain, (*split.labelled[:1], split.test[0], split.validation[0]), slice(0, 4))
    store = RunStore(tmp_path / "runs")
    for config, left in ((student(), 12), (student(ALL), None)):
        for run in runs.closure([config]):
            folder = execute(run, marked, store)
        said, metrics = Run(folder).predictions, Run(folder).metrics
        assert metrics.get("flagged_left_out") == left
        judged = said[said["recording_id"] == f"{split.test[0]}n1"]
        assert len(judged) == 24 and (judged["stage"] == NOT_SCORED).sum() == (4 if left else 0)


def test_a_trunk_neither_learns_from_them_nor_validates_on_them(tmp_path):
    cohort = make_cohort(tmp_path / "cohort")
    marked = edited(cohort, tuple(cohort.participants.index[:4]), slice(0, 12))
    small = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 4})
    config = ContinuedTrunkRun(model=small, training=FAST.model_copy(update={"normalise": "clip-mean"}))
    task = config.task(Making(config, marked, RunStore(tmp_path / "runs"), tmp_path))
    usable = task.inputs.arrays.clips.usable
    assert not usable.all() and usable[task._held].all() and usable[task._sampler.units].all()


def test_a_profile_and_the_command_can_ask_for_them(plain, tmp_path):
    smoke = load_profile("smoke")
    raw = smoke.model_dump(mode="json")
    for recipe in ("feature_student", "feature_teacher"):
        raw[recipe]["training"]["flagged"] = True
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(raw))
    kd = ObjectiveConfig(name="kd")
    asked = single_student(plain, smoke, kd, flagged=True)
    assert asked.training.flagged and asked.teacher.training.flagged
    assert single_student(plain, load_profile(tmp_path / "own.yaml"), kd) == asked


# People of whom nothing is scored.


def test_the_unscored_train_as_pairs_and_nothing_else(plain, tmp_path):
    before = student().split(plain)
    names = (before.labelled[0], before.test[0])
    cohort, store = edited(plain, names, unscored=True), RunStore(tmp_path / "runs")
    config = student()
    split = config.split(cohort)
    assert split.unlabelled == names[:1] and names[1] not in split.test
    for run in runs.closure([config]):
        folder = execute(run, cohort, store)
    task = config.task(Making(config, cohort, store, folder))
    drawn = task._sampler.parts[1].units.ravel()
    nights = task.inputs.arrays.clips
    assert {nights.recordings[night].participant_id for night in nights.night[drawn]} == set(names[:1])
    assert not set(names) & set(Run(folder).predictions["participant_id"])


def test_whose_every_scored_clip_is_flagged_counts_as_unscored(plain):
    name = student().split(plain).labelled[0]
    cohort = edited(plain, (name,), slice(None))
    assert name not in cohort.scored().index and name in cohort.scored(with_flagged=True).index
    assert student().split(cohort).unlabelled == (name,) and student(ALL).split(cohort).unlabelled == ()


def test_without_eeg_there_is_nothing_to_distil_but_labels_can_be_learnt(plain):
    blind = Cohort(plain.path, plain.info.model_copy(update={"eeg": "none"}), plain.participants, plain.recordings)
    with pytest.raises(SacdError, match="filmed without EEG, so nothing can be distilled there; stage its nights"):
        single_student(blind, load_profile("smoke"), ObjectiveConfig(name="kd"))
    assert run_id(single_student(blind, load_profile("smoke"), ObjectiveConfig(name="ce")), blind)
