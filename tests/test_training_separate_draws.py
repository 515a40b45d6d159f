"""Labelled and unlabelled clips are drawn apart in the stated ratio, wherever there are clips of both kinds."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import make_cohort
from training_tasks import make_clips

from sacd.cohort import Cohort
from sacd.runs.execute import Making
from sacd.runs.kinds.student import StudentRun
from sacd.runs.store import RunStore
from sacd.stages import NOT_SCORED
from sacd.training.batches import WINDOW, Sampler
from sacd.training.clip_set import ClipSet
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.separate_draws import SeparateSampler


def few_labelled(nights: int = 8, labelled: int = 2, length: int = 20) -> ClipSet:
    """One night a person, of which the first `labelled` are."""
    clips = make_clips(nights, length)
    clips.label[clips.participant >= labelled] = NOT_SCORED
    return clips


def separate(clips: ClipSet, batch: int, share: float, seed: int = 0, sampler: str = "window") -> SeparateSampler:
    return SeparateSampler(clips, np.ones(len(clips), dtype=bool), batch, seed, sampler, 8, share)


@given(
    batch=st.sampled_from([8, 16, 24, 64, 128]), share=st.floats(0.01, 0.99), seed=st.integers(0, 5),
    step=st.integers(0, 500), sampler=st.sampled_from(["window", "random"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_batch_holds_whole_windows_of_each_kind_in_the_ratio(batch, share, seed, step, sampler) -> None:
    clips = few_labelled()
    length = WINDOW if sampler == "window" else 1
    drawn = separate(clips, batch, share, seed, sampler)
    index, window = drawn.batch(step)
    number = max(2, batch // length)
    labelled = min(max(1, round(share * number)), number - 1)
    assert drawn.per_step == number
    rows = index.reshape(number, length)
    assert (np.diff(rows) == 1).all() and (clips.night[rows] == clips.night[rows[:, :1]]).all()
    seen = clips.label[rows] >= 0
    assert (seen == seen[:, :1]).all() and seen[:, 0].sum() == labelled
    assert window.tolist() == np.repeat(np.arange(number), length).tolist()
    again, _ = separate(clips, batch, share, seed, sampler).batch(step)  # a pure function of seed and step
    assert again.tolist() == index.tolist()


def test_each_kind_has_its_own_epochs_and_pairs() -> None:
    clips = few_labelled(nights=10, labelled=4, length=24)  # 17 windows a night
    sampler = separate(clips, 64, 0.5)
    starts = np.stack([sampler.batch(step)[0].reshape(-1, WINDOW)[:, 0] for step in range(18)])
    for kind, people in ((starts[:, :4], 4), (starts[:, 4:], 6)):
        for row in kind:
            assert sorted(Counter(clips.night[row].tolist()).values()) == [2, 2]  # pairs of one night, of two people
        assert len(set(clips.participant[kind].ravel())) == people
    assert len(set(starts[:, :4].ravel())) == 4 * 17  # an epoch of the few: nine pairs a night, two a step


def test_as_many_of_each_kind_do_not_always_meet_the_same() -> None:
    sampler = separate(few_labelled(nights=4, labelled=2), 16, 0.5)
    offsets = {int(index[WINDOW] - index[0]) for index, _ in (sampler.batch(step) for step in range(26))}
    assert len(offsets) > 3


def test_a_window_with_a_clip_that_nobody_scored_is_of_no_kind() -> None:
    clips = few_labelled(length=24)
    clips.label[10] = NOT_SCORED
    sampler = separate(clips, 16, 0.5)
    drawn = np.concatenate([sampler.batch(step)[0] for step in range(80)])
    assert {9, 11} <= set(drawn.tolist()) and 10 not in drawn


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("few") / "cohort", features=True)


@pytest.mark.parametrize(
    ("objective", "protocol", "share", "kind"),
    [
        ("self-training", "few-label", 0.25, SeparateSampler),
        ("self-training", "few-label", None, Sampler),
        ("self-training", "paper", 0.25, Sampler),  # everybody is labelled
        ("ce", "few-label", 0.25, Sampler),  # sees the labelled alone
    ],
)
def test_they_are_drawn_apart_where_there_are_both(
    cohort: Cohort, tmp_path: Path, objective: str, protocol: str, share: float | None, kind: type
) -> None:
    run = StudentRun(
        model=ModelConfig(name="mlp"), training=TrainingConfig(steps=1, batch=32, labelled_share=share),
        protocol=protocol, labelled=4 if protocol == "few-label" else None, objective=ObjectiveConfig(name=objective),
    )  # fmt: skip
    task = run.task(Making(run, cohort, RunStore(tmp_path), tmp_path))
    _, _, _, label = task.draw(0)
    assert type(task._sampler) is kind and len(label) == 32
    if kind is SeparateSampler:
        assert int((label >= 0).sum()) == 8
