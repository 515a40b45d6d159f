"""One night in every format × every length of epoch, with and without what is not scored: always the same stages."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import edfio
import pytest
import recording_folders as made
from scorings import annotated, read, refused, written

from sacd.exceptions import SacdError
from sacd.ingest.scoring import SCORING_SUFFIXES, Scoring, is_scoring, read_scoring
from sacd.ingest.stage_names import StageNames

MINUTES = ("W", "N1", "N2", "?", "N3", "REM")
CLIPS = [code for minute in (0, 1, 2, -1, 3, 4) for code in (minute, minute)]
DIGITS = {"W": "0", "N1": "1", "N2": "2", "N3": "3", "REM": "5", "?": "9"}
CONCEPTS = {
    "W": "Wake|0", "N1": "Stage 1 sleep|1", "N2": "Stage 2 sleep|2", "N3": "Stage 3 sleep|3", "REM": "REM sleep|5",
    "?": "Unscored|9",
}  # fmt: skip
Rows = list[tuple[float, float, str]]


def bdf(path: Path, rows: Rows) -> Path:
    edfio.Bdf(
        [], recording=edfio.Recording(startdate=made.START.date()), starttime=made.START.time(),
        annotations=[edfio.EdfAnnotation(onset, duration, f"Sleep stage {stage}") for onset, duration, stage in rows],
    ).write(path)
    return path


def profusion(path: Path, rows: Rows) -> Path:
    stages = "".join(f"<SleepStage>{DIGITS[stage]}</SleepStage>" for *_, stage in rows)
    return written(path, f"<C><EpochLength>{rows[0][1]:g}</EpochLength><SleepStages>{stages}</SleepStages></C>")


def nsrr(path: Path, rows: Rows) -> Path:
    events = "".join(
        f"<ScoredEvent><EventType>Stages|Stages</EventType><EventConcept>{CONCEPTS[stage]}</EventConcept>"
        f"<Start>{onset}</Start><Duration>{duration}</Duration></ScoredEvent>"
        for onset, duration, stage in rows
    )
    return written(path, f"<PSGAnnotation><ScoredEvents>{events}</ScoredEvents></PSGAnnotation>")


def clock(path: Path, rows: Rows) -> Path:
    times = [(made.START + datetime.timedelta(seconds=onset)).strftime("%H:%M:%S") for onset, *_ in rows]
    return written(path, "\n".join(f"{time}\t{stage}" for time, (*_, stage) in zip(times, rows, strict=True)))


FORMATS: dict[str, Callable[[Path, Rows], Path]] = {
    "h.edf": lambda path, rows: annotated(path, [(a, b, f"Sleep stage {stage}") for a, b, stage in rows]),
    "without-duration.edf": lambda path, rows: annotated(path, [(a, None, stage) for a, _, stage in rows]),
    "h.bdf": bdf,
    "profusion.xml": profusion,
    "nsrr.xml": nsrr,
    "lines.txt": lambda path, rows: written(path, "\r\n".join(stage for *_, stage in rows), "utf-16"),
    "table.csv": lambda path, rows: written(
        path, "onset;duration;stage\n" + "".join(f"{a:.1f};{b:.1f};{stage}\n".replace(".", ",") for a, b, stage in rows)
    ),
    "clock.tsv": clock,
    "list.json": lambda path, rows: written(path, json.dumps([stage for *_, stage in rows])),
    "yasa.json": lambda path, rows: written(
        path, json.dumps({"values": [s.replace("?", "UNS") for *_, s in rows], "freq": f"{rows[0][1]:g}s"})
    ),
}


@pytest.mark.parametrize("epoch_s", [30, 20, 10, 5])
@pytest.mark.parametrize("name", FORMATS)
def test_a_night_is_the_same_in_every_format_and_epoch(tmp_path: Path, name: str, epoch_s: int) -> None:
    rows = [
        (60.0 * minute + onset, float(epoch_s), stage)
        for minute, stage in enumerate(MINUTES)
        for onset in range(0, 60, epoch_s)
    ]
    path = FORMATS[name](tmp_path / name, rows)
    assert is_scoring(path) and path.suffix in SCORING_SUFFIXES
    scoring = read(path, psg_s=360)
    assert (scoring.onset_s, scoring.end_s, scoring.stages.tolist()) == (0, 360, CLIPS)
    assert scoring.stages.dtype == "int64" and scoring.shares is None and scoring.events is None
    assert any("became clips" in note for note in scoring.notes) == (epoch_s != 30)
    assert not any(word in "".join(scoring.notes) for word in (name, "2024", str(tmp_path)))


@pytest.mark.parametrize("name", FORMATS)
def test_a_night_that_is_cut_off_or_damaged_is_read_or_refused(tmp_path: Path, name: str) -> None:
    rows = [(30.0 * clip, 30.0, stage) for clip, stage in enumerate(MINUTES)]
    content = FORMATS[name](tmp_path / name, rows).read_bytes()
    for at in range(0, len(content), max(1, len(content) // 12)):
        for damaged in (content[:at], content[:at] + b"\xff\x00\xfe" + content[at + 3 :]):
            (tmp_path / name).write_bytes(damaged)
            assert is_scoring(tmp_path / name) in (True, False)
            try:
                assert len(read(tmp_path / name).stages) < 400_000
            except SacdError as error:
                assert "\n" not in str(error) and name in str(error)


def test_a_night_without_any_stage_is_read(tmp_path: Path) -> None:
    scoring = read(written(tmp_path / "h.txt", "?\n?\n?\n"))
    assert (scoring.onset_s, scoring.stages.tolist(), scoring.lights) == (0, [-1, -1, -1], None)


def test_names_of_a_user_serve_every_format(tmp_path: Path) -> None:
    names = StageNames.read(written(tmp_path / "names.yaml", "stages: {W: [0], N1: [1], N3: [4], REM: [5]}"))
    digits = ["0", "1", "4", "5"]
    for path in (
        written(tmp_path / "h.txt", "\n".join(digits)),
        written(tmp_path / "h.json", json.dumps([0, 1, 4, 5])),
        annotated(tmp_path / "h.edf", [(30 * i, 30, digit) for i, digit in enumerate(digits)]),
    ):
        assert read(path, names=names).stages.tolist() == [0, 1, 3, 4]


def test_nobody_named(tmp_path: Path) -> None:
    with pytest.raises(SacdError, match="no scoring is named"):
        read_scoring([], made.START)
    refused(tmp_path / "absent.txt", "not found")
    assert Scoring(tmp_path, 0.0, None).lights is None
