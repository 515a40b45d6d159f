"""What a recording holds beside its modalities: it comes back, its faults are told, no run's identity feels it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import clip_table, raw_arrays, raw_info

from sacd import experiments
from sacd.cohort import Cohort, hash_file
from sacd.cohort.check import check
from sacd.cohort.events import EVENT_TYPES
from sacd.cohort.extras import FILES, Extras, SignalInfo, frame_times
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.runs.store import run_id

CLIPS = 4
WEBM = b"\x1aE\xdf\xa3 and so on"
EVENTS = pd.DataFrame({"onset": [0.0, 12.5, 20.25], "duration": [0.0, 11.0, 3.0],
                       "type": ["lights off", "apnoea", "limb movement"]})
ABOUT = SignalInfo(channels=("EMG chin", "Resp nasal"), units=("µV rms", "a.u."), hz=10)


def everything() -> Extras:
    rng = np.random.default_rng(0)
    return Extras(
        frame_times=frame_times(30.0 * np.arange(CLIPS), 4), events=EVENTS, signal_info=ABOUT,
        motion=rng.integers(0, 256, (CLIPS, 150, 65), dtype=np.uint8),
        signals=rng.standard_normal((CLIPS, 2, 300)).astype(np.float16), preview=lambda file: file.write_bytes(WEBM),
    )


def write(path: Path, extras: Extras | None, people: int = 1, **changes) -> Path:
    """A cohort of some participants with one recording each."""
    arrays = [raw_arrays(CLIPS, seed) for seed in range(people)]
    with CohortWriter(path, raw_info(**changes)) as writer:
        for k in range(people):
            writer.add_participant(f"P{k}", ahi=10.0, split=("train", "train", "validation", "test")[k % 4])
            writer.add_recording(f"P{k}-1", f"P{k}", clip_table(CLIPS), **arrays[k], extras=extras)
    return path


@pytest.fixture
def night(tmp_path) -> Path:
    return write(tmp_path / "cohort", everything()) / "recordings" / "P0-1"


def test_frame_times():
    assert frame_times(np.array([0.0, 60.0]), 3).tolist() == [[5, 15, 25], [65, 75, 85]]
    assert frame_times(np.array([30.0]), 2, span_s=10).tolist() == [[42.5, 47.5]]


def test_round_trip(night):
    assert check(night.parents[1]) == []
    recording, given = Cohort.open(night.parents[1])["P0-1"], everything()
    assert set(FILES) <= set(recording.metadata["hashes"])
    for name in ("frame_times", "motion", "signals"):
        np.testing.assert_array_equal(getattr(recording, name), getattr(given, name))
    pd.testing.assert_frame_equal(recording.events, EVENTS)
    assert recording.signal_info == ABOUT and recording.preview.read_bytes() == WEBM


def test_a_recording_may_have_none(tmp_path):
    recording = Cohort.open(write(tmp_path / "c", None))["P0-1"]
    assert check(tmp_path / "c") == []
    assert [recording.frame_times, recording.motion, recording.events, recording.signals, recording.signal_info,
            recording.preview] == [None] * 6


def replace(night: Path, name: str, content: bytes | np.ndarray | str) -> None:
    """Another content, and its hash: the fault is in the content alone."""
    if isinstance(content, np.ndarray):
        np.save(night / name, content)
    else:
        (night / name).write_bytes(content.encode() if isinstance(content, str) else content)
    metadata = json.loads((night / "recording.json").read_text())
    metadata["hashes"][name] = hash_file(night / name)
    (night / "recording.json").write_text(json.dumps(metadata))


TIMES = frame_times(30.0 * np.arange(CLIPS), 4)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("frame_times.npy", TIMES[:, :3], "shape is (4, 3), must be (clips, 4)"),
        ("frame_times.npy", TIMES.astype(np.float32), "dtype is float32, must be float64"),
        ("frame_times.npy", TIMES[:, ::-1], "times fall within the clip in row 0"),
        ("frame_times.npy", np.where(TIMES > 100, np.nan, TIMES), "NaN or infinite value in row 3"),
        ("frame_times.npy", b"", "cannot be read as an array"),
        ("motion.npy", np.zeros((CLIPS, 150, 64), np.uint8), "must be (clips, 150, 65)"),
        ("motion.npy", np.zeros((CLIPS, 150, 65), np.int16), "dtype is int16, must be uint8"),
        ("motion.npy", np.zeros((3, 150, 65), np.uint8), "3 clips, recordings.tsv says 4"),
        ("signals.npy", np.zeros((CLIPS, 3, 300), np.float16), "must be (clips, 2, 300)"),
        ("signals.npy", np.full((CLIPS, 2, 300), np.inf, np.float16), "NaN or infinite value in row 0"),
        ("preview.webm", b"GIF89a", "is not a WebM video"),
        ("events.tsv", "onset\tduration\ttype\n1\t2\tsneeze\n", "type 'sneeze' is unknown (1 such); use arousal, "),
        ("events.tsv", "onset\tduration\ttype\n1\t-2\tapnoea\n", "duration in row 0 is negative"),
        ("events.tsv", "onset\tduration\ttype\n1\tn/a\tapnoea\n", "duration in row 0 is not a number"),
        ("events.tsv", "onset\tduration\ttype\nnan\t2\tapnoea\n", "onset in row 0 is not a number"),
        ("events.tsv", "onset\tduration\ttype\ninf\t2\tapnoea\n", "'inf' is not a number"),
        ("events.tsv", "onset\ttype\n1\tapnoea\n", "no column duration"),
        ("events.tsv", b"\xff\xfe\x00", "not a tab-separated table"),
    ],
)
def test_faults(night, name, content, words):
    replace(night, name, content)
    faults = check(night.parents[1])
    assert any(fault.startswith(f"{night / name}: ") and words in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


@pytest.mark.parametrize("name", FILES)
def test_files_are_hashed(night, name):
    """Changed, without a hash, or gone: each is told."""
    path = night.parents[1]
    content = (night / name).read_bytes()
    (night / name).write_bytes(content + b"\n")
    assert any(f"{night / name}: changed since it was written" in fault for fault in check(path))
    (night / name).unlink()
    assert [f"{night / name}: file is missing" in fault for fault in check(path)] == [True]
    if name != "preview.webm":
        with pytest.raises(SacdError, match="missing|not found"):
            getattr(Cohort.open(path)["P0-1"], name.split(".")[0])
    (night / name).write_bytes(content)
    metadata = json.loads((night / "recording.json").read_text())
    del metadata["hashes"][name]
    (night / "recording.json").write_text(json.dumps(metadata))
    assert [f"no hash of {name}" in fault for fault in check(path)] == [True]


@pytest.mark.parametrize("about", [None, {"channels": [], "units": [], "hz": 10}, [1],
                                   {"channels": ["a", "b"], "units": ["V"], "hz": 10},
                                   {"channels": ["a", "b"], "units": ["V", "V"], "hz": 0}])
def test_signals_without_their_description(night, about):
    file = night / "recording.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"signals": about}))
    (fault,) = check(night.parents[1])
    assert fault.startswith(f"{file}: does not say channels, units and rate of signals.npy") and "\n" not in fault
    with pytest.raises(SacdError, match="does not say channels"):
        _ = Cohort.open(night.parents[1])["P0-1"].signal_info


def test_bad_extras_are_not_written(tmp_path):
    bad = Extras(events=EVENTS.assign(type="sneeze"))
    with pytest.raises(SacdError, match=r"P0-1: events.tsv: type 'sneeze' is unknown .*; nothing was written"):
        write(tmp_path / "c", bad)
    assert not (tmp_path / "c").exists()


def test_the_types_are_those_of_the_design():
    assert EVENT_TYPES == ("arousal", "apnoea", "hypopnoea", "limb movement", "position change", "artefact",
                           "lights off", "lights on")


def test_format_1_opens_and_grows_as_it_is(tmp_path):
    """A cohort of format 1 is sound; what grows it stays in format 1, and files of format 2 are refused."""
    path = write(tmp_path / "old", None, format_version=1)
    assert check(path) == [] and Cohort.open(path).info.format_version == 1
    with CohortWriter(path, raw_info()) as writer:
        writer.add_participant("P7")
        with pytest.raises(SacdError, match="is of format 1, which has no frame_times.npy; write to another folder"):
            writer.add_recording("P7-1", "P7", clip_table(CLIPS), **raw_arrays(CLIPS), extras=everything())
        half = raw_arrays(CLIPS)
        with pytest.raises(SacdError, match="dtype is float16, must be float32; "):
            writer.add_recording("P7-1", "P7", clip_table(CLIPS), half["video"], half["eeg"].astype(np.float16))
        writer.add_recording("P7-1", "P7", clip_table(CLIPS), **half)
    grown = Cohort.open(path)
    assert check(path) == [] and grown.info.format_version == 1 and len(grown) == 2
    assert grown["P7-1"].motion is None


def test_eeg_may_have_half_precision(tmp_path):
    eeg = raw_arrays(CLIPS)["eeg"]
    with CohortWriter(tmp_path / "c", raw_info()) as writer:
        writer.add_participant("P1")
        writer.add_recording("P1-1", "P1", clip_table(CLIPS), raw_arrays(CLIPS)["video"], eeg.astype(np.float16))
    stored = Cohort.open(tmp_path / "c")["P1-1"].eeg
    assert check(tmp_path / "c") == [] and stored.dtype == np.float16
    np.testing.assert_allclose(stored, eeg, rtol=2**-11, atol=1e-6)


def test_runs_do_not_feel_them_but_the_fingerprint_does(tmp_path):
    profile = load_profile("smoke")
    cohorts = [Cohort.open(write(tmp_path / name, extras, people=4))
               for name, extras in (("without", None), ("with", everything()))]
    for make in (lambda cohort: experiments.teacher(cohort, profile, "paper", 0, None),
                 lambda cohort: experiments.student(cohort, profile, "kd", "paper", 0, None, raw=True)):
        assert len({run_id(make(cohort), cohort) for cohort in cohorts}) == 1
    assert len({cohort.fingerprint for cohort in cohorts}) == 2
