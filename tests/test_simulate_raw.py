"""Nights as a clinic hands them over, and back through ingest."""

import errno
import json
import multiprocessing
import os
from pathlib import Path
from signal import SIGKILL

import av
import mne
import numpy as np
import pytest

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import ingest
from sacd.simulate import raw
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_night import SimulatedNight

PEOPLE = [make_participant(3, "test", k) for k in range(2)]
BEGIN, CLIPS = 415, 4


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return raw.write_raw_nights(tmp_path_factory.mktemp("raw") / "nights", PEOPLE, clips=CLIPS, begin=BEGIN)


@pytest.fixture(scope="module")
def cohort(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return ingest(source, tmp_path_factory.mktemp("raw-cohort") / "cohort")


def test_round_trip(cohort: Cohort) -> None:
    assert checking.check(cohort.path) == []
    assert cohort.info.simulated
    assert cohort.participants.index.tolist() == [person.participant_id for person in PEOPLE]
    for person, recording in zip(PEOPLE, cohort, strict=True):
        night = SimulatedNight(person)
        part = range(BEGIN, BEGIN + CLIPS)
        assert recording.clips.stage.tolist() == night.labels[part].tolist()
        assert recording.video.shape == (CLIPS, 32, 32, 32)
        kept = mne.filter.filter_data(night.eeg(part).ravel().astype(float), 100, 0.3, 35, verbose="error")
        # At the ends of the file the filter has to guess.
        assert np.abs(recording.eeg.ravel() - kept)[500:-500].max() < 0.1
        assert cohort.participants.loc[person.participant_id, "ahi"] == pytest.approx(person.ahi)


def test_video_is_the_nights(source: Path, cohort: Cohort) -> None:
    """What the camera showed at a clip's time is what ingest cut, but for the lag, which nobody knows."""
    for person, recording in zip(PEOPLE, cohort, strict=True):
        truth = json.loads((source / recording.recording_id / "truth.json").read_text())
        assert 0 <= truth["lag_s"] < 1
        times = BEGIN * 30 + (np.arange(32) + 0.5) * 30 / 32 - truth["lag_s"]
        pictures = SimulatedNight(person).render(times, 240, 320).reshape(32, 8, 30, 8, 40).mean(axis=(2, 4))
        found = recording.video[0].reshape(32, 8, 4, 8, 4).mean(axis=(2, 4))
        assert np.abs(found - pictures).mean() < 6


def test_what_a_clinic_would_have(source: Path) -> None:
    folder = source / f"{PEOPLE[0].participant_id}-night1"
    psg = mne.io.read_raw_edf(folder / "psg.edf", verbose="error")
    assert psg.ch_names == ["EEG Fpz-Cz", "EMG chin", "Resp thorax", "Resp abdomen", "Resp nasal"]
    assert (folder / "psg.edf").read_bytes()[8:16] == b"X X X X "
    assert len([text for text in psg.annotations.description if text.startswith("Sleep stage")]) == CLIPS
    with av.open(folder / "video.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate.limit_denominator(1)) == (320, 240, 10)


def test_lost_frames_leave_holes(tmp_path: Path) -> None:
    kept = np.array([0, 1, 2, 8, 9])
    pictures = np.full((5, 240, 320), 90, np.uint8)
    raw._write_video(tmp_path / "v.mp4", kept, iter([pictures]), lambda done: None)
    with av.open(tmp_path / "v.mp4") as container:
        frames = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx([0, 0.1, 0.2, 0.8, 0.9])
    assert [level for _, level in frames] == pytest.approx([90] * 5, abs=2)


def test_drops_are_told() -> None:
    kept, dropped = raw._drop_frames(np.random.default_rng(0), 3600.0)
    assert kept[0] == 0
    lost = {number for first, count in dropped for number in range(first, min(first + count, 36000))}
    assert lost
    assert lost == set(range(36000)) - set(kept.tolist())


def test_part_of_a_night_is_the_nights_own(source: Path, tmp_path: Path) -> None:
    again = raw.write_raw_nights(tmp_path / "again", PEOPLE[:1], clips=1, begin=BEGIN + 2)
    name = Path(f"{PEOPLE[0].participant_id}-night1") / "psg.edf"
    first, second = (mne.io.read_raw_edf(folder / name, verbose="error").get_data() for folder in (source, again))
    hz = 200
    shared = first[:, 2 * 30 * hz : 3 * 30 * hz]
    # Each file has its own digital steps, and signals of a lower rate are interpolated at the ends.
    error = np.abs(shared - second)[:, hz:-hz].max(axis=1)
    assert (error < 0.005 * np.ptp(first, axis=1)).all()


def test_folder_must_be_new(source: Path) -> None:
    with pytest.raises(SacdError, match="not empty"):
        raw.write_raw_nights(source, PEOPLE[:1], clips=1)


def test_what_a_killed_writer_left_is_replaced(tmp_path: Path) -> None:
    def killed() -> None:
        raw.write_raw_nights(tmp_path / "raw", PEOPLE[:1], clips=1, progress=lambda *_: os.kill(os.getpid(), SIGKILL))

    child = multiprocessing.get_context("fork").Process(target=killed)
    child.start()
    child.join()
    assert child.exitcode == -SIGKILL and [left.name[0] for left in tmp_path.iterdir()] == ["."]
    raw.write_raw_nights(tmp_path / "raw", PEOPLE[:1], clips=1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["raw"]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(raw, "_write_video", full)
    with pytest.raises(SacdError, match="No space left on device"):
        raw.write_raw_nights(tmp_path / "nights", PEOPLE[:1], clips=1)
    assert list(tmp_path.iterdir()) == []
