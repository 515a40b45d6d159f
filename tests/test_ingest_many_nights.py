"""Many nights: each whole or absent, in order, whatever interrupts; and what is said of them."""

import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recording_folders as made
from conftest import ROOT

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import aside, ingest, many_nights

STAGES = ("W", "N2", "REM")
SIX = ("P1_a", "P1_b", "P2", "P3", "P4", "P5")


def run(source: Path, out: Path, **options: object) -> Cohort:
    return ingest(source, out, **{"frames": 2, "size": 8, "processes": 1} | options)


def make(folder: Path, *nights: str) -> Path:
    return made.make_source(folder, nights, STAGES)


def content(folder: Path) -> dict[str, bytes]:
    """All files, hidden ones as well."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def ids(out: Path) -> list[str]:
    return Cohort.open(out).recordings.recording_id.tolist()


def log(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "ingest.tsv", sep="\t", keep_default_na=False).set_index("recording_id")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "cohort"


def break_inside(video: Path) -> None:
    """The index at the end still promises every picture."""
    data = bytearray(video.read_bytes())
    begin, end = data.index(b"mdat"), data.index(b"moov")
    data[begin + 300 : end - 8] = bytes(end - begin - 308)
    video.write_bytes(data)


def test_what_is_new_joins_and_nothing_else_changes(tmp_path: Path, out: Path) -> None:
    run(make(tmp_path / "first", "P1_a", "P3"), out)
    before, said = content(out / "recordings"), list[str]()
    source = make(tmp_path / "second", "P1_a", "P2", "P3")
    # Nights that are known are not even opened.
    (source / "P3" / "video.mp4").write_bytes(b"")
    run(source, out, say=said.append)
    assert ids(out) == ["P1_a", "P3", "P2"]
    after = content(out / "recordings")
    assert {name: after[name] for name in before} == before and len(after) == 1.5 * len(before)
    assert [line.split()[0] for line in said] == ["recording", "P2", "2"] and said[-1].endswith("in the cohort already")
    assert checking.check(out) == []
    whole = content(out)
    run(source, out)
    assert content(out) == whole


def test_two_processes_make_the_same_cohort(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Forked, for new interpreters import for seconds; those are killed and repeated in the slow test below.
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: fork)
    source = make(tmp_path / "source", "P1_a", "P2", "P3")
    run(source, out)
    run(source, tmp_path / "again", processes=2, progress=(told := Told()))
    assert content(tmp_path / "again") == content(out)
    assert told == sorted(told) and told[-1] == pytest.approx(1)


class Told(list[float]):
    """A bar that remembers."""

    def to(self, done: float, note: str = "") -> None:
        self.append(done)


def test_progress_rises_to_the_end(tmp_path: Path, out: Path) -> None:
    told = Told()
    run(make(tmp_path / "source", "P1_a", "P2"), out, progress=told)
    assert told == sorted(told) and told[-1] == pytest.approx(1) and len(told) >= 8


def test_a_fault_stops_all_before_anything_is_written(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "source", "P1_a", "P2", "P3")
    (source / "P2" / "video.mp4").write_bytes(b"")
    with pytest.raises(SacdError, match="P2/video.mp4: .*; --keep-going takes in the other 2"):
        run(source, out)
    (source / "P3" / "psg.edf").write_bytes(b"")
    with pytest.raises(SacdError, match=r"P2/video.mp4.*\(and 1 more recording cannot be taken in\)"):
        run(source, out)
    assert not out.exists() and sorted(entry.name for entry in tmp_path.iterdir()) == ["source"]


def test_keep_going(tmp_path: Path, out: Path) -> None:
    source, said = make(tmp_path / "source", *SIX[:5]), list[str]()
    (source / "P1_b" / "video.mp4").unlink()
    break_inside(source / "P2" / "video.mp4")
    made.write_edf(source / "P3" / "psg.edf", 90, STAGES, ("EMG chin",))
    run(source, out, keep_going=True, say=said.append)
    assert ids(out) == ["P1_a", "P4"] and checking.check(out) == []
    assert log(out).status.to_dict() == {
        "P1_a": "taken in", "P4": "taken in", "P1_b": "skipped", "P2": "skipped", "P3": "skipped",
    }
    assert "has no video" in log(out).remarks["P1_b"] and "does not decode" in log(out).remarks["P2"]
    assert [line.split(":")[0] for line in said[-3:]] == ["P1_b", "P2", "P3"] and "psg.edf: " in said[-1]
    # What was skipped may be corrected, and joins.
    made.write_video(source / "P2" / "video.mp4", 96, -3.0)
    run(source, out, keep_going=True)
    assert ids(out) == ["P1_a", "P4", "P2"] and log(out).status.tolist() == ["taken in"] * 3 + ["skipped"] * 2


def test_keep_going_with_nothing_to_go_on_with(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "source", "P1_a", "P2")
    for night in ("P1_a", "P2"):
        break_inside(source / night / "video.mp4")
    with pytest.raises(SacdError, match="P1_a/video.mp4.*1 more recording"):
        run(source, out, keep_going=True)
    assert not out.exists()


def test_a_fault_that_shows_late_leaves_the_nights_before_it(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "source", "P1_a", "P2", "P3")
    whole = tmp_path / "whole"
    run(source, whole)
    sound = (source / "P2" / "video.mp4").read_bytes()
    break_inside(source / "P2" / "video.mp4")
    with pytest.raises(SacdError, match="P2/video.mp4.*does not decode"):
        run(source, out)
    assert ids(out) == ["P1_a"] and checking.check(out) == []
    (source / "P2" / "video.mp4").write_bytes(sound)
    run(source, out)
    assert ids(out) == ["P1_a", "P2", "P3"]
    assert {name: data for name, data in content(out).items() if name.startswith("rec")} == {
        name: data for name, data in content(whole).items() if name.startswith("rec")
    }


def test_nights_that_nobody_scored(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "source", "P1_a", "P2")
    made.write_edf(source / "P2" / "psg.edf", 90)
    cohort = run(source, out)
    assert cohort["P1_a"].clips.stage.tolist() == [0, 2, 4] and cohort["P2"].clips.stage.tolist() == [-1, -1, -1]
    assert log(out).scored.tolist() == [3, 0] and checking.check(out) == []


def test_cameras_alone(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "source", "P1_a", "P2")
    (source / "P2" / "psg.edf").unlink()
    with pytest.raises(SacdError, match="recording P2 has no PSG though others have"):
        run(source, tmp_path / "mixed")
    (source / "P1_a" / "psg.edf").unlink()
    cohort = run(source, out)
    assert cohort.info.eeg == "none" and cohort.info.sampling.eeg_channels == () and checking.check(out) == []
    assert cohort["P1_a"].clips.stage.tolist() == [-1, -1, -1] and cohort["P1_a"].channel == "n/a"
    assert cohort["P1_a"].clips.onset.tolist() == [0, 30, 60]
    levels = np.asarray(cohort["P1_a"].video, dtype=float).mean(axis=(2, 3))
    assert np.abs(levels[:, 0] - [made.level(30 * i + 7.5 - 3) for i in range(3)]).max() < 4


def test_what_was_left_out_is_told(tmp_path: Path, out: Path) -> None:
    source, said = make(tmp_path / "source", "P1_a"), list[str]()
    made.write_video(source / "P1_a" / "video.mp4", 96 - 29, -3.0)
    cohort = run(source, out, say=said.append)
    assert cohort["P1_a"].clips["clip"].tolist() == [0, 1]
    assert log(out).left_out["P1_a"] == "1 without video"
    assert said[0].split()[:3] == ["recording", "id", "channel"] and "without video" in said[1]


def test_dates_move_unless_they_are_kept(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "source", "P1_a", "P1_b", "P2")
    moved = pd.to_datetime(run(source, out).recordings.start)
    kept = run(source, tmp_path / "kept", keep_dates=True)
    assert set(kept.recordings.start) == {made.START.isoformat()}
    assert (moved.dt.time == made.START.time()).all() and (moved.dt.day_of_week == made.START.weekday()).all()
    assert moved[0] == moved[1] and moved[0] != pd.Timestamp(made.START)
    assert kept["P1_a"].metadata["provenance"]["dates"] == "kept"


def test_no_name_gets_into_the_log(tmp_path: Path, out: Path) -> None:
    source = make(tmp_path / "Quux", "P1_a", "P2", "P3", "P4")
    (source / "P2" / "video.mp4").rename(source / "P2" / "Zebediah Quux.mp4")
    break_inside(source / "P2" / "Zebediah Quux.mp4")
    (source / "P3" / "Quux-hypnogram.txt").write_text("W\nN2\nZebediah Quux snored\n")
    (source / "P4" / "psg.edf").rename(source / "P4" / "Quux.edf")
    (source / "P4" / "Quux.edf").write_bytes(b"Quux" * 100)
    with pytest.raises(SacdError, match="Quux"):
        run(source, out)
    run(source, out, keep_going=True)
    assert log(out).status.tolist().count("skipped") == 3
    for name, data in content(out).items():
        if name != "cohort.json":  # the folder's own name is the cohort's
            assert b"quux" not in data.lower() and b"zebediah" not in data.lower(), name


def test_without_names_keeps_what_helps() -> None:
    from sacd.ingest.layout import NightFiles
    from sacd.ingest.log import without_names

    folder = Path("/data/Max von Muster")
    files = NightFiles("P1", "P1", folder / "P1/psg.edf", (folder / "P1/cam.mp4",))
    line = f"{folder}/participants.tsv: recording P1: {folder}/P1/cam.mp4 says 'Muster' (of C:\\Muster\\x); use \"Max\""
    found = without_names(line, files)
    assert "Muster" not in found and "Max" not in found and "von" not in found
    assert "participants.tsv: recording P1: a video says" in found


def test_the_bar_can_be_of_its_own(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(run(make(tmp_path / "source", "P1_a"), out)) == 1
    assert capsys.readouterr().out == ""


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes], float]:
    """A source of six nights, its cohort made without interruption, and how long that takes."""
    folder = tmp_path_factory.mktemp("six")
    source = make(folder / "source", *SIX)
    begun = time.monotonic()
    run(source, folder / "whole")
    return source, content(folder / "whole"), time.monotonic() - begun


def killed_after(begin: Callable[[], "multiprocessing.Process"], seconds: float) -> None:
    child = begin()
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    child.join()


def test_killed_and_repeated(six: tuple[Path, dict[str, bytes], float], out: Path) -> None:
    """Killed three times at random, then repeated: nothing tells it from a cohort made at once."""
    source, whole, seconds = six

    def begin() -> "multiprocessing.Process":
        child = multiprocessing.get_context("fork").Process(target=run, args=(source, out))
        child.start()
        return child

    for _ in range(3):
        killed_after(begin, random.uniform(0, 0.6 * seconds))
        if (out / "cohort.json").exists():
            # Between its move and its row a night lies there whole, and in no table.
            faults = [fault for fault in checking.check(out) if "is not in recordings.tsv" not in fault]
            assert faults == [] and ids(out) == list(SIX[: len(ids(out))])
    run(source, out)
    assert content(out) == whole


@pytest.mark.slow
def test_killed_twenty_times(six: tuple[Path, dict[str, bytes], float], tmp_path: Path) -> None:
    """As a command with two processes, killed at twenty moments spread at random over its time, from the start each."""
    source, whole, _ = six
    command = [sys.executable, "-m", "sacd", "ingest", str(source), "--frames", "2", "--size", "8", "--processes", "2"]
    begun = time.monotonic()
    subprocess.run([*command, str(tmp_path / "timed")], cwd=ROOT, check=True, capture_output=True)
    seconds, moments = time.monotonic() - begun, list[int]()
    for number in range(20):
        out = tmp_path / f"out{number}"
        child = subprocess.Popen([*command, str(out)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.3, 1.0) * seconds)
        child.kill()
        child.wait()
        moments.append(len(ids(out)) if (out / "cohort.json").exists() else 0)
        subprocess.run([*command, str(out)], cwd=ROOT, check=True, capture_output=True)
        assert content(out) == whole
    print(f"nights that were in when killed: {moments}")
    assert min(moments) < 6


@pytest.mark.parametrize(
    ("where", "what", "reads"),
    [(many_nights, "_adopt", 2), (many_nights.CohortWriter, "commit", 3)],
    ids=["before a night is moved", "between its move and its row"],
)
def test_killed_where_it_matters(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, where: object, what: str, reads: int
) -> None:
    """What lies whole aside is not read again; what was moved and never named is."""
    source = make(tmp_path / "source", "P1_a", "P2")
    whole = tmp_path / "whole"
    run(source, whole)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    calls = itertools.count()
    read = aside.read_night

    def counted(*args: object) -> object:
        next(calls)
        return read(*args)

    monkeypatch.setattr(aside, "read_night", counted)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        # As if killed: nothing is tidied up.
        patched.setattr(where, what, killed)
        patched.setattr(many_nights.shutil, "rmtree", lambda *_, **__: None)
        run(source, out)
    (left,) = (entry for entry in (out / ".ingest").iterdir() if entry.name[0] != ".")
    assert json.loads((left / "row.json").read_text())["clips"] == 3
    run(source, out)
    assert next(calls) == reads and content(out) == content(whole)
