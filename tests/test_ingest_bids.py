"""BIDS data sets of sleep EEG with videos beside it, as the nights that ingest takes in."""

from datetime import datetime, timedelta
from pathlib import Path

import mne
import numpy as np
import pytest
from mne_bids import BIDSPath, write_raw_bids
from recording_folders import STAGES, START, level, write_edf, write_video

from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import ingest
from sacd.ingest.bids import find_bids_nights, read_bids_participants

NIGHT = "sub-01_ses-1_task-sleep"


def make_bids(
    root: Path, subjects: tuple[str, ...] = ("01",), session: str = "ses-1", videos: tuple[str, ...] = ("video.mp4",),
    seconds: float = 2,
) -> Path:
    """Small nights: an EDF+ with stages, videos that begin 3 s earlier, dates of scans.tsv shifted to another year."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "nights", "BIDSVersion": "1.10.0"}')
    people = ["participant_id\tage\tsex\tAHI\tname", *(f"sub-{name}\t40\tF\t7.5\tZebediah" for name in subjects)]
    (root / "participants.tsv").write_text("\n".join(people) + "\n")
    for name in subjects:
        stem = "_".join(part for part in (f"sub-{name}", session) if part)
        folder = root / f"sub-{name}" / session
        (folder / "eeg").mkdir(parents=True)
        (folder / "beh").mkdir()
        write_edf(folder / "eeg" / f"{stem}_task-sleep_eeg.edf", 30 * len(STAGES), STAGES, channels=("EEG C3-A2",))
        shifted = START.replace(year=1925)
        rows = ["filename\tacq_time", f"eeg/{stem}_task-sleep_eeg.edf\t{shifted.isoformat()}"]
        for place, video in enumerate(videos):
            write_video(folder / "beh" / f"{stem}_task-sleep_{video}", seconds, begin=-3)
            begun = shifted + timedelta(seconds=-3 + 100 * place)
            rows.append(f"beh/{stem}_task-sleep_{video}\t{begun.isoformat()}")
        (folder / f"{stem}_scans.tsv").write_text("\n".join(rows) + "\n")
    return root


def test_a_night_and_its_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_bids(tmp_path / "bids", ("01", "02"))
    monkeypatch.chdir(tmp_path)
    assert [night.psg for night in find_bids_nights(Path("bids"))][0].exists()
    one, two = find_bids_nights(root)
    assert (one.recording_id, one.participant_id) == (NIGHT, "sub-01")
    assert two.recording_id == NIGHT.replace("01", "02")
    assert one.psg == root / "sub-01" / "ses-1" / "eeg" / f"{NIGHT}_eeg.edf"
    assert one.videos == (root / "sub-01" / "ses-1" / "beh" / f"{NIGHT}_video.mp4",)
    assert one.video_starts == (START - timedelta(seconds=3),), "the header's date, not the table's shifted one"
    assert one.scorings == ()


def test_what_is_known_of_people(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids", ("01", "02"))
    known = {"sex": "F", "age": 40.0, "weight": None, "ahi": 7.5}
    assert read_bids_participants(root) == {"sub-01": known, "sub-02": known}
    (root / "participants.tsv").unlink()
    assert read_bids_participants(root)["sub-02"] == {"sex": "n/a", "age": None, "weight": None, "ahi": None}


def test_several_videos_of_a_night_and_no_session(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids", session="", videos=("split-1_video.mp4", "split-2_video.mp4"))
    (night,) = find_bids_nights(root)
    assert night.recording_id == "sub-01_task-sleep" and len(night.videos) == 2
    assert night.video_starts == (START - timedelta(seconds=3), START + timedelta(seconds=97))


def test_files_that_mne_bids_writes(tmp_path: Path) -> None:
    info = mne.create_info(["C3", "M2"], 100.0, "eeg")
    raw = mne.io.RawArray(np.random.default_rng(0).standard_normal((2, 3000)) * 1e-5, info, verbose=False)
    raw.set_meas_date(START.timestamp())
    raw.set_annotations(mne.Annotations([0], [30], ["Sleep stage W"]))
    path = BIDSPath(subject="P1", session="2", task="sleep", run="3", root=tmp_path / "bids", datatype="eeg")
    write_raw_bids(raw, path, format="BrainVision", allow_preload=True, overwrite=True, verbose=False)
    (night,) = find_bids_nights(tmp_path / "bids")
    assert night.recording_id == "sub-P1_ses-2_task-sleep_run-3" and night.psg.suffix == ".vhdr"
    assert [file.name for file in night.scorings] == ["sub-P1_ses-2_task-sleep_run-3_events.tsv"]
    assert "no video of its subject and session" in night.fault
    assert list(read_bids_participants(tmp_path / "bids")) == ["sub-P1"]


def test_a_scoring_beside_and_a_night_of_a_camera_alone(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids")
    beside = root / "sub-01" / "ses-1" / "eeg" / f"{NIGHT}_hypnogram.txt"
    beside.write_text("W\n" * 8)
    alone = root / "sub-03" / "beh"
    alone.mkdir(parents=True)
    write_video(alone / "sub-03_task-sleep_video.mkv", 2)
    (root / "sub-01" / "ses-1" / "eeg" / f"._{NIGHT}_eeg.edf").write_bytes(b"\0")
    scored, filmed = find_bids_nights(root)
    assert scored.scorings == (beside,)
    assert (filmed.recording_id, filmed.psg, filmed.video_starts) == ("sub-03_task-sleep", None, (None,))


def test_zones_are_respected_or_refused(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids")
    scans = root / "sub-01" / "ses-1" / "sub-01_ses-1_scans.tsv"
    text = scans.read_text()
    scans.write_text(text.replace("1925-03-01T22:30:00", "1925-03-01T22:30:00Z").replace(
        "1925-03-01T22:29:57", "1925-03-01T23:29:57+01:00"))
    assert find_bids_nights(root)[0].video_starts == (START - timedelta(seconds=3),)
    scans.write_text(text.replace("1925-03-01T22:30:00", "1925-03-01T22:30:00Z"))
    assert "write both alike" in find_bids_nights(root)[0].fault
    scans.write_text(text.replace("1925-03-01T22:29:57", "half past ten"))
    assert "acq_time 'half past ten' is not a time" in find_bids_nights(root)[0].fault


def test_without_scans_the_file_says_when_it_began(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids")
    (root / "sub-01" / "ses-1" / "sub-01_ses-1_scans.tsv").unlink()
    assert find_bids_nights(root)[0].video_starts == (None,)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("eeg/sub-01_ses-1_task-sleep_eeg.set", ".set is not read; export the EEG as EDF or BrainVision"),
        ("eeg/sub-01_ses-1_task-sleep_run-2_eeg.edf", "fits .* and .*; give its name the task, acq and run"),
        ("eeg/sub-01_ses-1_task-sleep_eeg.bdf", "fits .* and "),
        ("eeg/sub-01-ses-1-eeg.edf", "not a name of BIDS; write it like sub-01_task-sleep_eeg"),
        ("beh/night.mp4", "not a name of BIDS"),
        ("eeg/sub-02_task-sleep_eeg.edf", "sub-02_task-sleep_eeg.edf: not a name of BIDS"),
    ],
)
def test_refused_in_a_line(name: str, says: str, tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids")
    (root / "sub-01" / "ses-1" / name).write_bytes(b"")
    with pytest.raises(SacdError, match=says) as error:
        find_bids_nights(root)
    assert "\n" not in str(error.value)


def test_nothing_to_take_in(tmp_path: Path) -> None:
    (tmp_path / "bids" / "sub-01" / "anat").mkdir(parents=True)
    (tmp_path / "bids" / "sub-01" / "anat" / "sub-01_T1w.nii.gz").write_bytes(b"")
    with pytest.raises(SacdError, match="neither EEG .* nor videos"):
        find_bids_nights(tmp_path / "bids")


def test_a_data_set_becomes_a_cohort(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids", ("01", "02"), seconds=30 * len(STAGES) + 6)
    folder = root / "sub-02" / "ses-1" / "eeg"
    rows = [f"{30 * i}\t30\tSleep stage {stage}" for i, stage in enumerate(reversed(STAGES))]
    events = ["onset\tduration\ttrial_type", "2\t0\tLights off", *rows]
    (folder / f"{NIGHT.replace('01', '02')}_events.tsv").write_text("\n".join(events) + "\n")
    said: list[str] = []
    cohort = ingest(root, tmp_path / "out", progress=None, say=said.append, processes=1)
    assert checking.check(cohort.path) == []
    assert list(cohort.participants.index) == ["sub-01", "sub-02"] and cohort.info.name == "nights"
    one, two = (cohort[NIGHT.replace("01", name)] for name in ("01", "02"))
    assert one.clips.stage.tolist() == two.clips.stage.tolist()[::-1]
    assert one.metadata["provenance"]["clock"]["begin_s"] == -3 and cohort.info.provenance["format"] == "BIDS"
    assert one.metadata["provenance"]["clock"]["how"] == "scans.tsv"
    # The picture at t seconds says t.
    assert abs(int(one.video[2, 16].mean()) - level(30 * 2.5)) <= 2
    assert "Zebediah" not in "".join(file.read_text(errors="replace") for file in cohort.path.rglob("*.tsv"))
    assert any(NIGHT in line for line in said)


def test_dates_of_a_camera_alone_are_the_tables(tmp_path: Path) -> None:
    root = make_bids(tmp_path / "bids")
    (root / "sub-01" / "ses-1" / "eeg" / f"{NIGHT}_eeg.edf").unlink()
    assert find_bids_nights(root)[0].video_starts == (datetime(1925, 3, 1, 22, 29, 57),)
