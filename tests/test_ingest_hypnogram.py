"""Scorings: names of both manuals, EDF+ and text, the 30-s grid."""

from datetime import timedelta
from pathlib import Path

import edfio
import numpy as np
import pytest
import recording_folders as made
from hypothesis import given, settings
from hypothesis import strategies as st

from sacd.exceptions import SacdError
from sacd.ingest.hypnogram import read_scoring, stage_code


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("W", "Wake", "Sleep stage W", " sleep stage w "), 0),
        (("N1", "S1", "Sleep stage 1", "Sleep stage N1"), 1),
        (("N2", "s2", "Sleep stage 2", "stage N2"), 2),
        (("N3", "S3", "S4", "Sleep stage 3", "Sleep stage 4", "Sleep stage N3"), 3),
        (("R", "REM", "Sleep stage R"), 4),
        (("?", "MT", "Movement time", "Sleep stage ?", "Sleep stage M", "unscored"), -1),
        (("4", "5", "Lights off", "EEG arousal", "Sleep stage X", ""), None),
    ],
)
def test_stage_names(names: tuple[str, ...], code: int | None) -> None:
    assert {name: stage_code(name) for name in names} == dict.fromkeys(names, code)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["W", "N1", "N2", "N3", "REM", "?"]), min_size=1, max_size=40), st.booleans())
def test_text_round_trip(tmp_path_factory: pytest.TempPathFactory, stages: list[str], spans: bool) -> None:
    file = tmp_path_factory.mktemp("text") / "scoring.csv"
    lines = ["onset,duration,stage", *(f"{30 * i},30,{s}" for i, s in enumerate(stages))] if spans else stages
    file.write_text("\n".join(lines) + "\n")
    scoring = read_scoring(file, made.START)
    assert scoring.stages.tolist() == [stage_code(stage) for stage in stages]
    assert (scoring.onset_s, scoring.end_s) == (0, 30 * len(stages))


def annotate(path: Path, notes: list[tuple[float, float, str]], later_s: float = 0.0) -> Path:
    begin = made.START + timedelta(seconds=later_s)
    edfio.Edf(
        [edfio.EdfSignal(np.arange(100.0), 1, label="x")],
        recording=edfio.Recording(startdate=begin.date()),
        starttime=begin.time(),
        annotations=[edfio.EdfAnnotation(*note) for note in notes],
    ).write(path)
    return path


def test_separate_edf_is_placed_by_its_own_start(tmp_path: Path) -> None:
    notes = [(0, 60, "Sleep stage 4"), (10, 3, "EEG arousal"), (60, 30, "Sleep stage R")]
    scoring = read_scoring(annotate(tmp_path / "h.edf", notes, later_s=20), made.START)
    assert scoring.onset_s == 20
    assert scoring.stages.tolist() == [3, 3, 4]


def test_what_nobody_scored_between_spans(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("onset;duration;stage\n0;30;W\n90;30;N2\n")
    assert read_scoring(tmp_path / "h.csv", made.START).stages.tolist() == [0, -1, -1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("W\nN2\nX9\n", "line 3: 'X9' is not a known stage"),
        ("W\n4\n", "line 2: '4' is not a known stage"),
        ("", "is empty"),
        ("stage\n", "holds no stage"),
        ("onset,duration,stage\n", "holds no stage"),
        ("onset,duration,stage\n0,20,W\n", "does not fill whole 30-s clips"),
        ("onset,duration,stage\n0,30,W\n45,30,W\n", "does not fill whole 30-s clips"),
        ("onset,duration,stage\n0,60,W\n30,30,N1\n", "two stages at 30 s"),
        ("onset,duration,stage\n0,30\n", "not every line"),
        ("onset,length\n0,30\n", "not every line"),
        ("onset,duration,stage\nnan,30,W\n", "a stage at nan s, 30 s long, is not within a recording"),
        ("onset,duration,stage\n0,30,W\ninf,30,W\n", "a stage at inf s"),
        ("onset,duration,stage\n0,30,W\n3e12,30,W\n", "a stage at 3e+12 s"),
        ("onset,duration,stage\n0,1e15,W\n", "1e+15 s long"),
        ("onset,duration,stage\n0,-30,W\n", "-30 s long"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "scoring.txt").write_text(text)
    with pytest.raises(SacdError) as caught:
        read_scoring(tmp_path / "scoring.txt", made.START)
    assert words in str(caught.value)
    assert "scoring.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ([(0, 30, "Lights off")], "found Lights off"),
        ([(0, 30, "Sleep stage 7")], "'Sleep stage 7' at 0 s is not a known stage"),
    ],
)
def test_bad_edf(tmp_path: Path, notes: list[tuple[float, float, str]], words: str) -> None:
    with pytest.raises(SacdError, match=words):
        read_scoring(annotate(tmp_path / "h.edf", notes), made.START)
