"""Formats × cases: each PSG, scoring, video and way of telling the start gives one and the same night, or one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import psg_files
import pytest
import recording_folders as made
from scorings import annotated, written
from test_ingest_scoring_xml import profusion

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import ingest
from sacd.ingest.layout import NightFiles
from sacd.ingest.opened import open_night
from sacd.ingest.options import IngestOptions
from sacd.ingest.stage_names import StageNames

STAGES = [0, 2, 4]
SECONDS = 90
NAMES = "stages: {W: [0], N2: [2], REM: [5]}\n"
LINES = "W\nN2\nREM\n"


def words(*stages: str) -> Callable[[Path], None]:
    return lambda folder: annotated(
        folder / "night_scoring.edf", [(30 * i, 30, f"Sleep stage {stage}") for i, stage in enumerate(stages)]
    ) and None


def text(name: str, content: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    return lambda folder: written(folder / name, content, encoding) and None


SCORINGS: dict[str, Callable[[Path], None]] = {
    "annotations": words("W", "2", "R"),
    "lines": text("lines.txt", LINES),
    "utf-16": text("hypnogram.txt", LINES.replace("\n", "\r\n"), "utf-16"),
    "latin-1 table": text(
        "table.csv", "Beginn;onset;duration;stage\nüber;0;30;W\nüber;30;30;S2\nüber;60;30;REM\n", "latin-1"
    ),
    "profusion": text("night.xml", profusion("025")),
    "json": text("hypnogram.json", "[0, 2, 4]"),
    "10-s epochs": text("tens.txt", "W\nW\nW\nN2\nN2\nN1\nR\nR\nR\n"),
    "digits": text("digits.txt", "0\n2\n5\n"),
}
VIDEOS = {
    "video.mp4": "mpeg4", "video.mkv": "mpeg4", "video.avi": "mpeg4", "video.webm": "libvpx", "video.mov": "mpeg4",
    "video.ts": "mpeg4",
}
STARTS = ("row", "sidecar", "container", "zone in the row")
NIGHTS = {
    "P1_1": ("a.edf", "annotations", "video.mp4", "row"),
    "P1_2": ("a.rec", "lines", "video.mkv", "sidecar"),
    "P1_3": ("plus.edf", "utf-16", "video.avi", "zone in the row"),
    "P1_4": ("a.bdf", "latin-1 table", "video.webm", "row"),
    "P1_5": ("plus.bdf", "profusion", "video.mov", "container"),
    "P1_6": ("a.vhdr", "json", "video.ts", "sidecar"),
    "P1_7": ("a_raw.fif", "10-s epochs", "video.mkv", "container"),
    "P1_8": ("a.edf", "digits", "video.mp4", "container"),
}
BEGIN = -3.0


def signals() -> np.ndarray:
    """Noise as `psg_files` has it, for 90 s."""
    return np.tile(psg_files.noise(), 3)[:, : SECONDS * psg_files.HZ]


def put_video(folder: Path, name: str, start: str) -> str:
    """Write a video; returns what recordings.tsv says of its start."""
    created = "2024-03-01T21:29:57.000000Z" if start == "container" else None
    made.write_video(folder / name, SECONDS + 6, BEGIN, created, VIDEOS[name])
    if start == "sidecar":
        (folder / name).with_suffix(".json").write_text('{"video_start": "2024-03-01T22:29:57"}')
    return {"row": "2024-03-01T22:29:57", "zone in the row": "2024-03-01T21:29:57Z"}.get(start, "n/a")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, list[str]]:
    """All nights of the matrix, taken in at once, and what was said of them."""
    source = tmp_path_factory.mktemp("matrix") / "source"
    source.mkdir()
    (source / "participants.tsv").write_text("participant_id\tsex\tage\tweight\tahi\nP1\tF\t40\tn/a\tn/a\n")
    rows = ["recording_id\tvideo_start"]
    for name, (psg, scoring, video, start) in NIGHTS.items():
        folder = source / name
        folder.mkdir()
        psg_files.write(folder / psg, signals())
        SCORINGS[scoring](folder)
        (folder / "notes.txt").write_text("Electrode C3 was fixed at two.\n")
        rows.append(f"{name}\t{put_video(folder, video, start)}")
    (source / "recordings.tsv").write_text("\n".join(rows) + "\n")
    (source / "names.yaml").write_text(NAMES)
    said: list[str] = []
    options = {"frames": 3, "size": 8, "processes": 1, "time_zone": "Europe/Zurich"}
    cohort = ingest(source, source.parent / "cohort", stage_names=source / "names.yaml", say=said.append, **options)
    return cohort, said


def test_the_matrix_has_every_format() -> None:
    columns = list(zip(*NIGHTS.values(), strict=True))
    for used, all_of_them in zip(columns, (psg_files.FORMATS, SCORINGS, VIDEOS, STARTS), strict=True):
        assert set(used) == set(all_of_them)


@pytest.mark.parametrize("name", NIGHTS)
def test_each_is_the_same_night(nights: tuple[Cohort, list[str]], name: str) -> None:
    night, first = nights[0][name], nights[0]["P1_1"]
    assert night.clips.stage.tolist() == STAGES and night.clips.onset.tolist() == [0.0, 30.0, 60.0]
    assert night.channel == "C3-M2" and np.abs(night.eeg - first.eeg).max() < 0.1
    assert night.signal_info.channels == ("EMG chin", "Resp thorax", "SpO2")
    times = made.frame_times_of(night.clips.onset.to_numpy(), 3)
    levels = np.vectorize(made.level)(times)
    assert np.abs(np.asarray(night.video, dtype=float).mean(axis=(2, 3)) - levels).max() < 4
    # Two pictures a second.
    assert np.abs(night.frame_times - times).max() <= 0.26
    assert night.motion.shape == (3, 150, 65) and not night.clips.filter(like="flag_video").any(axis=None)


def test_the_cohort_is_sound_and_told_of(nights: tuple[Cohort, list[str]]) -> None:
    cohort, said = nights
    assert checking.check(cohort.path) == []
    assert [line.split()[0] for line in said] == ["recording", *NIGHTS]
    log = pd.read_csv(cohort.path / "ingest.tsv", sep="\t", keep_default_na=False).set_index("recording_id")
    assert (log.status == "taken in").all() and (log.scored == 3).all() and (log.left_out == "none").all()
    assert "10 s" in log.remarks["P1_7"]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 4], "empty": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
    "something else": lambda content: b"%PDF-1.7\n" + bytes(range(256)) * 20,
}


SOUND_ALL_THE_SAME = {
    # Samples without a header: silence, and numbers. Three lines of nine are three epochs of 30 s.
    ("PSG", "zeros"): ["a.vhdr"], ("scoring", "cut"): ["tens.txt"],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", ["PSG", "scoring", "video"])
def test_what_is_damaged_is_refused_in_one_line(tmp_path: Path, kind: str, damage: str) -> None:
    """Every format of the kind, in a night that is sound otherwise."""
    options = IngestOptions(stage_names=written(tmp_path / "names.yaml", NAMES))
    sound = {"PSG": tmp_path / "a.edf", "scoring": tmp_path / "sound.txt", "video": tmp_path / "sound.mp4"}
    psg_files.write(sound["PSG"], signals())
    written(sound["scoring"], LINES)
    made.write_video(sound["video"], SECONDS + 6, BEGIN)
    files = [make(tmp_path) for make in MAKERS[kind]]
    assert len(files) >= 6
    taken = []
    for file in files:
        paths = sound | {kind: file}
        night = NightFiles(
            "P1", "P1", paths["PSG"], (paths["video"],), (paths["scoring"],), (pd.Timestamp("2024-03-01T22:29:57"),)
        )
        assert open_night(night, options).clips.table.stage.tolist() == STAGES
        data = file.with_suffix(".eeg") if file.suffix == ".vhdr" else file
        data.write_bytes(DAMAGE[damage](data.read_bytes()))
        try:
            open_night(night, options)
            taken.append(file.name)
        except SacdError as error:
            message = str(error)
            assert "\n" not in message and str(tmp_path) in message and file.stem in message
    assert taken == SOUND_ALL_THE_SAME.get((kind, damage), [])


def psg_in(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / f"of {name}").mkdir()
        return psg_files.write(folder / f"of {name}" / name, signals())

    return make


def scoring_in(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).mkdir()
        SCORINGS[name](folder / name)
        (path,) = (folder / name).iterdir()
        return path

    return make


def video_in(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        made.write_video(folder / name, SECONDS + 6, BEGIN, codec=VIDEOS[name])
        return folder / name

    return make


MAKERS = {
    "PSG": [psg_in(name) for name in psg_files.FORMATS],
    "scoring": [scoring_in(name) for name in SCORINGS],
    "video": [video_in(name) for name in VIDEOS],
}


def test_digits_need_their_meaning(tmp_path: Path) -> None:
    digits = written(tmp_path / "digits.txt", "0\n2\n5\n")
    psg = psg_files.write(tmp_path / "a.edf", signals())
    made.write_video(tmp_path / "v.mp4", SECONDS + 6, BEGIN)
    night = NightFiles("P1", "P1", psg, (tmp_path / "v.mp4",), (digits,), (pd.Timestamp("2024-03-01T22:29:57"),))
    with pytest.raises(SacdError, match="digits mean different stages"):
        open_night(night, IngestOptions())
    assert StageNames.read(written(tmp_path / "names.yaml", NAMES)).stage("5") == 4
