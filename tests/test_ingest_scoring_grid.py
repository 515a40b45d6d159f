"""Epochs of 20, 10 and 5 s become clips of 30 s by the rule that is stated, whatever they hold."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorings import read, refused, written

from sacd.ingest.scoring_grid import first_clip, to_clips
from sacd.ingest.scoring_marks import Marks
from sacd.ingest.stage_names import StageNames

FILE = Path("h.txt")


def clips(codes: list[int], epoch_s: float) -> list[int]:
    marks = Marks.of_epochs(codes, epoch_s)
    return to_clips(FILE, marks, first_clip(FILE, marks)).tolist()


@pytest.mark.parametrize(
    ("codes", "epoch_s", "expected"),
    [
        ([0, 2, 2], 20, [0, 2]),  # 20 s of W and 10 of N2, 10 + 20 s of N2
        ([0, 2, 4], 10, [0]),  # of equals the one that comes first
        ([4, 2, 2], 10, [2]),
        ([1, 1, 1, 2, 2, 2], 5, [1]),
        ([-1, -1, 2], 10, [-1]),  # less than half is scored
        ([-1, -1, -1, 2, 2, 2], 5, [2]),
        ([2, -1], 20, [2, -1]),
        ([0] * 7, 5, [0, -1]),
        ([0, 1, -1, 3], 30, [0, 1, -1, 3]),
        ([-1, -1], 30, [-1, -1]),
    ],
)
def test_the_rule(codes: list[int], epoch_s: float, expected: list[int]) -> None:
    assert clips(codes, epoch_s) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 4), min_size=1, max_size=60), st.sampled_from([5, 10, 20]))
def test_as_counted_second_by_second(codes: list[int], epoch_s: int) -> None:
    seconds = np.repeat(codes, epoch_s)
    seconds = np.append(seconds, np.full(-len(seconds) % 30, -1))
    expected = []
    for part in seconds.reshape(-1, 30):
        said = [code for code in part if code >= 0]
        # max keeps the first of equals.
        expected.append(max(dict.fromkeys(said), key=said.count) if len(said) >= 15 else -1)
    assert clips(codes, epoch_s) == expected


@pytest.mark.parametrize(("step", "count"), [(30, 40), (20, 60), (10, 120), (5, 240)])
def test_the_recording_or_the_user_says_how_long_an_epoch_is(tmp_path: Path, step: int, count: int) -> None:
    path = written(tmp_path / "h.txt", "\n".join((["W"] * (count // 2)) + ["N2"] * (count // 2)))
    by_length = read(path, psg_s=1200 + 17)
    assert by_length.stages.tolist() == [0] * 20 + [2] * 20
    by_user = read(path, names=StageNames(epoch_s=step))
    assert by_user.stages.tolist() == by_length.stages.tolist() and by_user.notes == by_length.notes[-1:]
    assert len(by_length.notes) == (0 if step == 30 else 2)
    # Nobody says it: 30 s.
    assert len(read(path).stages) == count


def test_the_last_stage_may_end_with_the_recording_and_what_is_not_scored_anywhere(tmp_path: Path) -> None:
    path = written(tmp_path / "h.csv", "onset,duration,stage\n2.5,7,?\n100,60,W\n160,47.3,N2\n207.3,11,?\n")
    scoring = read(path)
    assert (scoring.onset_s, scoring.stages.tolist()) == (10, [-1, -1, -1, 0, 0, 2, 2])
    assert scoring.notes == ()
    off = written(tmp_path / "h.csv", "onset,duration,stage\n0,47.3,W\n47.3,30,N2\n")
    refused(off, "the stage at 0 s does not fill whole epochs")


def test_minutes_and_half_clips(tmp_path: Path) -> None:
    path = written(tmp_path / "h.csv", "onset,duration,stage\n0,45,W\n45,45,N2\n")
    assert read(path).stages.tolist() == [0, 0, 2] and "epochs of 5 s" in read(path).notes[0]
