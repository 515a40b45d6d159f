"""A recording folder becomes a cohort; every fault of it becomes one line and leaves nothing behind."""

import datetime
import errno
from pathlib import Path

import av
import numpy as np
import pytest
import recording_folders as made
from scorings import annotated

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import ingest, scoring_edf
from sacd.ingest.box import Box
from sacd.ingest.layout import find_nights
from sacd.ingest.opened import open_night
from sacd.ingest.options import IngestOptions

CODES = [0, 1, 2, 2, 3, 4, 4, -1]
FRAMES = 8


def run(source: Path, out: Path, **options: object) -> Cohort:
    return ingest(source, out, **{"frames": FRAMES, "size": 16, "processes": 1} | options)


def fails(source: Path, out: Path, *words: str, **options: object) -> str:
    """The one-line error; nothing may be left of the cohort."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(SacdError) as caught:
        run(source, out, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    assert not out.exists()
    assert sorted(out.parent.iterdir()) == before
    return message


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made.make_source(tmp_path / "source")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "cohort"


def expected_levels(clips: list[int], shift: float = 0.0) -> np.ndarray:
    times = np.array(clips)[:, None] * 30 + (np.arange(FRAMES) + 0.5) * 30 / FRAMES
    return np.vectorize(made.level)(times - shift)


def test_whole(tmp_path: Path, out: Path) -> None:
    source = made.make_source(tmp_path / "source", ("P1_a", "P1_b", "P2"))
    cohort = run(source, out, keep_dates=True)
    assert checking.check(out) == []
    assert list(cohort.recordings.recording_id) == ["P1_a", "P1_b", "P2"]
    assert list(cohort.recordings.participant_id) == ["P1", "P1", "P2"]
    assert cohort.participants.ahi.tolist() == [7.5, 7.5]
    assert not cohort.info.simulated
    night = cohort["P1_a"]
    assert night.clips.stage.tolist() == CODES
    assert night.clips.onset.tolist() == [30.0 * i for i in range(8)]
    assert night.start == made.START.isoformat()
    assert night.channel == "C3-M2"
    assert not night.clips.flag_video_gap.any()
    seconds = np.arange(8 * 3000).reshape(8, 1, 3000) / 100
    wave = made.AMPLITUDE_UV * np.sin(2 * np.pi * made.SINE_HZ * seconds)
    # Within 5 s of the recording's ends the filter guesses what lies beyond.
    assert np.abs(night.eeg - wave).reshape(-1)[600:-600].max() < 0.5
    found = np.asarray(night.video, dtype=float).mean(axis=(2, 3))
    assert np.abs(found - expected_levels(list(range(8)))).max() < 4


def test_offset_moves_the_video(source: Path, out: Path) -> None:
    night = run(source, out, offset=20.0)["P1_a"]
    # Twenty seconds later than it was: its first clip is not covered, and the others show what was 20 s before.
    assert night.clips["clip"].tolist() == list(range(1, 8))
    found = np.asarray(night.video, dtype=float).mean(axis=(2, 3))
    assert np.abs(found - expected_levels(list(range(1, 8)), shift=20.0)).max() < 4


def test_creation_time_of_the_container(source: Path, out: Path) -> None:
    (source / "recordings.tsv").unlink()
    made.write_video(source / "P1_a" / "video.mp4", 250, -5.0, created="2024-03-01T22:29:55.000000Z")
    fails(source, out, "video.mp4", "22:29:55+00:00", "names a time zone", "--time-zone")
    found = np.asarray(run(source, out, time_zone="UTC")["P1_a"].video, dtype=float).mean(axis=(2, 3))
    assert np.abs(found - expected_levels(list(range(8)))).max() < 4


def test_video_of_unknown_start(source: Path, out: Path) -> None:
    (source / "recordings.tsv").unlink()
    fails(source, out, "video.mp4", "does not say when it began", "video_start")


@pytest.mark.parametrize(("name", "codec"), [("video.mkv", "mpeg4"), ("video.avi", "mpeg4"), ("video.webm", "libvpx")])
def test_other_containers(source: Path, out: Path, name: str, codec: str) -> None:
    (source / "P1_a" / "video.mp4").unlink()
    made.write_video(source / "P1_a" / name, 246, -3.0, codec=codec)
    found = np.asarray(run(source, out)["P1_a"].video, dtype=float).mean(axis=(2, 3))
    assert np.abs(found - expected_levels(list(range(8)))).max() < 5


def test_files_of_one_stem_and_text_scoring(source: Path, out: Path) -> None:
    folder = source / "P1_a"
    made.write_edf(source / "P1_a.edf", 240)
    (folder / "video.mp4").rename(source / "P1_a.mp4")
    (folder / "psg.edf").unlink()
    folder.rmdir()
    (source / "P1_a-Hypnogram.txt").write_text("\n".join(made.STAGES))
    assert run(source, out)["P1_a"].clips.stage.tolist() == CODES


def test_more_nights_may_join(tmp_path: Path, out: Path) -> None:
    run(made.make_source(tmp_path / "first", ("P1_a",)), out)
    grown = run(made.make_source(tmp_path / "second", ("P1_b", "P2")), out)
    assert len(grown) == 3
    assert checking.check(out) == []
    run(made.make_source(tmp_path / "third", ("P0", "P1_b")), out)
    assert Cohort.open(out).recordings.recording_id.tolist() == ["P1_a", "P1_b", "P2", "P0"]
    assert checking.check(out) == []


def test_annotations_of_another_alphabet(source: Path, out: Path) -> None:
    file = source / "P1_a" / "psg.edf"
    file.write_bytes(file.read_bytes().replace(b"Lights off", "Lüftung an".encode("latin-1")))
    assert run(source, out)["P1_a"].clips.stage.tolist() == CODES


NOTED = ((5, None, "Lights off"), (52, 11, "Apnea"), (70, 3, "EEG arousal"), (80, None, "Mrs Miller coughs"))


def test_events_of_the_recording_count_beside_a_scoring(source: Path, out: Path) -> None:
    """But those of types that the scoring notes: a machine's apnoeas are no scorer's."""
    made.write_edf(source / "P1_a" / "psg.edf", 240, notes=(*NOTED, (90, 30, "Sleep stage 7")))
    stages = [(30 * i, 30, f"Sleep stage {stage}") for i, stage in enumerate(made.STAGES)]
    begin = made.START + datetime.timedelta(seconds=30)
    annotated(source / "P1_a" / "hypnogram.edf", [*stages[:7], (25, 12, "Obstructive apnea")], begin)
    night = run(source, out)["P1_a"]
    assert night.clips.stage.tolist() == CODES[:7]
    assert night.events.to_numpy().tolist() == [[5, 0, "lights off"], [55, 12, "apnoea"], [70, 3, "arousal"]]
    assert all(b"Miller" not in file.read_bytes() for file in out.rglob("*") if file.is_file())


def test_events_of_a_recording_that_nobody_scored(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.write_edf(source / "P1_a" / "psg.edf", 240, notes=NOTED)
    (files,) = find_nights(source)
    assert open_night(files, IngestOptions()).events["type"].tolist() == ["lights off", "apnoea", "arousal"]
    (source / "P1_a" / "hypnogram.txt").write_text("\n".join(made.STAGES))
    monkeypatch.setattr(scoring_edf, "_MOST_BYTES", 0)
    (files,) = find_nights(source)
    night = open_night(files, IngestOptions())
    assert night.events is None and night.notes == ("the recording's own annotations cannot be read",)


def test_split_and_name_are_taken_over(source: Path, out: Path) -> None:
    (source / "participants.tsv").write_text(
        "participant_id\tsex\tage\tweight\tahi\tsplit\nP1\tn/a\tn/a\tn/a\tn/a\ttest\n"
    )
    (source / "dataset_description.json").write_text('{"Name": "ward", "Simulated": true}')
    cohort = run(source, out)
    assert cohort.info.simulated
    assert cohort.label == "ward (simulated)"
    assert cohort.participants.loc["P1", "split"] == "test"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"Name": "ward", "Simulated": "false"}', "Simulated: Input should be a valid boolean"),
        ('{"Name": "ward", "Simulated": 0}', "Simulated: Input should be a valid boolean"),
        ('{"Name": ["ward"]}', "Name: Input should be a valid string"),
        ("[1]", "valid dictionary"),
        ("[" * 100_000, "not valid JSON"),
        ('{"Name": ', "not valid JSON"),
    ],
)
def test_bad_descriptions(source: Path, out: Path, text: str, words: str) -> None:
    (source / "dataset_description.json").write_text(text)
    fails(source, out, "dataset_description.json: ", words)


def test_no_header_name_is_written(source: Path, out: Path) -> None:
    assert made.PATIENT.encode() in (source / "P1_a" / "psg.edf").read_bytes()
    run(source, out)
    files = [file for file in out.rglob("*") if file.is_file()]
    assert len(files) >= 7
    for file in files:
        content = file.read_bytes().lower()
        assert b"zebediah" not in content, file
        assert b"quux" not in content, file


def test_same_source_other_frames(source: Path, tmp_path: Path) -> None:
    first, second = run(source, tmp_path / "a"), ingest(source, tmp_path / "b", frames=4, size=(12, 16), span_s=10)
    assert first.info.source_id == second.info.source_id
    assert second["P1_a"].video.shape == (8, 4, 12, 16)


def test_edf_cut_off(source: Path, out: Path) -> None:
    file = source / "P1_a" / "psg.edf"
    file.write_bytes(file.read_bytes()[:-5000])
    fails(source, out, "psg.edf", "cut off", "240 s")


def test_edf_cut_off_in_its_header(source: Path, out: Path) -> None:
    file = source / "P1_a" / "psg.edf"
    file.write_bytes(file.read_bytes()[:600])
    fails(source, out, "psg.edf", "cut off inside its header")


def test_not_an_edf(source: Path, out: Path) -> None:
    (source / "P1_a" / "psg.edf").write_bytes(b"no EDF at all" * 100)
    fails(source, out, "psg.edf", "not an EDF file")


def test_gaps_are_refused_unless_asked_for(source: Path, out: Path) -> None:
    made.make_discontinuous(source / "P1_a" / "psg.edf", 100, 60)
    stages = [*made.STAGES, "N2", "N2"]
    (source / "P1_a" / "hypnogram.txt").write_text("\n".join(stages))
    made.write_video(source / "P1_a" / "video.mp4", 306, -3.0)
    fails(source, out, "psg.edf", "1 gap: 60 s after 1 min 40 s", "--allow-gaps")
    night = run(source, out, allow_gaps=True)["P1_a"]
    # 100 s of signal, 60 s of nothing, 140 s of signal: clips 3 (90–120), 4 and 5 (150–180) touch the gap.
    assert night.clips["clip"].tolist() == [0, 1, 2, 6, 7, 8, 9]
    assert night.clips.stage.tolist() == [0, 1, 2, 4, -1, 2, 2]
    assert night.metadata["provenance"]["gaps"] == 1
    assert checking.check(out) == []
    # Clip 6 begins at 180 s, which is 120 s into the samples: 2 Hz sine, whole periods.
    sample = np.arange(3000) / 100
    wave = made.AMPLITUDE_UV * np.sin(2 * np.pi * made.SINE_HZ * sample)
    assert np.abs(night.eeg[3, 0] - wave)[600:-600].max() < 0.5


def test_discontinuous_without_gaps(source: Path, out: Path) -> None:
    made.make_discontinuous(source / "P1_a" / "psg.edf", 100, 0)
    assert len(run(source, out)["P1_a"]) == 8


def test_missing_channel(source: Path, out: Path) -> None:
    fails(source, out, "psg.edf", "'F4-M1'", "EEG C3-A2, EMG chin", "--channel", channel="F4-M1")


def test_no_eeg_at_all(source: Path, out: Path) -> None:
    made.write_edf(source / "P1_a" / "psg.edf", 240, made.STAGES, ("EMG chin", "Airflow"))
    fails(source, out, "psg.edf", "no EEG channel", "EMG chin, Airflow")


def test_scoring_shorter(source: Path, out: Path) -> None:
    (source / "P1_a" / "hypnogram.txt").write_text("\n".join(made.STAGES[:6]))
    fails(source, out, "hypnogram.txt", "(0 to 180 s) is shorter than the recording psg.edf (0 to 240 s)")


@pytest.mark.parametrize("psg_start", ["n/a", "2024-03-01T22:31:00"])
def test_the_table_says_from_when_a_scoring_counts(source: Path, out: Path, psg_start: str) -> None:
    (source / "P1_a" / "hypnogram.txt").write_text("\n".join(made.STAGES[2:]))
    head = "recording_id\tvideo_start\tpsg_start\tscoring_start\n"
    reference = made.START if psg_start == "n/a" else datetime.datetime.fromisoformat(psg_start)
    starts = [reference - datetime.timedelta(seconds=3), reference + datetime.timedelta(seconds=60)]
    row = f"P1_a\t{starts[0].isoformat()}\t{psg_start}\t{starts[1].isoformat()}\n"
    (source / "recordings.tsv").write_text(head + row)
    said = fails(source, out, "hypnogram.txt", "(60 to 240 s) is shorter than the recording psg.edf (0 to 240 s)")
    assert "scoring_start" in said
    night = run(source, out, allow_gaps=True)["P1_a"]
    assert night.clips.stage.tolist() == CODES[2:] and night.clips.onset.tolist() == [60, 90, 120, 150, 180, 210]
    assert night.video.mean(axis=(2, 3)).round() == pytest.approx(expected_levels([2, 3, 4, 5, 6, 7]), abs=3)


def test_scoring_longer(source: Path, out: Path) -> None:
    (source / "P1_a" / "hypnogram.txt").write_text("\n".join([*made.STAGES, "W", "W"]))
    fails(source, out, "hypnogram.txt", "(0 to 300 s) is longer than the recording psg.edf (0 to 240 s)")


@pytest.mark.parametrize(
    ("stages", "count"), [([*made.STAGES, "W"], 8), (made.STAGES[:7], 7), ([*made.STAGES, *"????"], 8)]
)
def test_one_clip_or_unscored_tail_is_tolerated(source: Path, out: Path, stages: list[str], count: int) -> None:
    (source / "P1_a" / "hypnogram.txt").write_text("\n".join(stages))
    assert len(run(source, out)["P1_a"]) == count


def test_video_does_not_decode(source: Path, out: Path) -> None:
    (source / "P1_a" / "video.mp4").write_bytes(b"\x00" * 5000)
    fails(source, out, "video.mp4", "does not decode")


def test_video_cut_off(source: Path, out: Path) -> None:
    file = source / "P1_a" / "video.mp4"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    fails(source, out, "video.mp4", "does not decode")


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_video_that_breaks_inside(source: Path, out: Path, codec: str) -> None:
    file = source / "P1_a" / "video.mp4"
    made.write_video(file, 246, -3.0, codec=codec)
    data = bytearray(file.read_bytes())
    begin, end = data.index(b"mdat"), data.index(b"moov")
    # The index at the end still promises every picture.
    half = (begin + end) // 2
    data[half : end - 8] = bytes(end - 8 - half)
    file.write_bytes(data)
    fails(source, out, "video.mp4", "does not decode")


def test_video_shorter(source: Path, out: Path) -> None:
    made.write_video(source / "P1_a" / "video.mp4", 150, -3.0)
    fails(source, out, "video.mp4", "(-3 to 147 s", "shorter than the scoring", "0 to 240 s", "--offset")


def test_lost_pictures_are_flagged(source: Path, out: Path) -> None:
    made.write_video(source / "P1_a" / "video.mp4", 246, -3.0, lost=(70, 75))
    clips = run(source, out)["P1_a"].clips
    assert clips.flag_video_gap.tolist() == [False, False, True, *[False] * 5]
    assert not clips.filter(like="flag_video").drop(columns="flag_video_gap").any(axis=None)


def two_videos(source: Path, first_s: float, second_begins: float) -> None:
    """In place of the one: from 3 s before the recording on, and from `second_begins` to its end."""
    folder = source / "P1_a"
    (folder / "video.mp4").unlink()
    made.write_video(folder / "1.mp4", first_s, -3.0)
    made.write_video(folder / "2.mkv", 243 - second_begins, second_begins)
    starts = (made.START + datetime.timedelta(seconds=begin) for begin in (-3.0, second_begins))
    row = ",".join(start.isoformat() for start in starts)
    (source / "recordings.tsv").write_text(f"recording_id\tvideo_start\nP1_a\t{row}\n")


def test_two_videos_of_a_night(source: Path, out: Path) -> None:
    two_videos(source, 106, 104.0)
    night = run(source, out)["P1_a"]
    assert len(night) == 8 and not night.clips.flag_video_gap.any()
    found = np.asarray(night.video, dtype=float).mean(axis=(2, 3))
    assert np.abs(found - expected_levels(list(range(8)))).max() < 4
    assert len(night.metadata["provenance"]["video_sha256"]) == 2
    assert night.metadata["provenance"]["clock"]["later_s"] == [104.0]


def test_a_gap_between_two_videos(source: Path, out: Path) -> None:
    # Clip 3 (90–120 s) has half of its pictures, clip 4 (120–150 s) has none.
    two_videos(source, 109, 152.0)
    said: list[str] = []
    night = run(source, out, say=said.append)["P1_a"]
    assert night.clips["clip"].tolist() == [0, 1, 2, 3, 5, 6, 7] and "1 without video" in said[1]
    assert night.clips.flag_video_gap.tolist() == [False, False, False, True, True, False, False]
    assert (np.diff(night.frame_times, axis=1) >= 0).all()


def test_two_cameras_are_refused(source: Path, out: Path) -> None:
    two_videos(source, 246, 10.0)
    fails(source, out, "2.mkv: begins 233 s before 1.mp4 ends", "keep one of the two")


def test_a_camera_that_runs_fast(source: Path, out: Path) -> None:
    night = run(source, out, drift_ppm=20_000.0, allow_gaps=True)["P1_a"]
    times = night.clips.onset.to_numpy()[:, None] + (np.arange(FRAMES) + 0.5) * 30 / FRAMES
    filmed = -3 + (times + 3) * 1.02
    assert len(night) == 8 - 1 and night.metadata["provenance"]["clock"]["drift_ppm"] == 20_000
    found = np.asarray(night.video, dtype=float).mean(axis=(2, 3))
    assert np.abs(found - np.vectorize(made.level)(filmed)).max() < 4


def test_a_scoring_of_1985(source: Path, out: Path) -> None:
    past = datetime.datetime(1985, 1, 1, 22, 30)
    notes = [(30 * i, 30, f"Sleep stage {stage}") for i, stage in enumerate(made.STAGES)]
    annotated(source / "P1_a" / "hypnogram.edf", notes, past)
    fails(source, out, "hypnogram.edf", "1985-01-01", "2024-03-01", "time of day")
    assert run(source, out, clock="time of day")["P1_a"].clips.stage.tolist() == CODES


def test_a_recording_of_1985(source: Path, out: Path) -> None:
    file = source / "P1_a" / "psg.edf"
    data = bytearray(file.read_bytes())
    data[88:168] = b"Startdate 01-JAN-1985 X X X".ljust(80)
    data[168:176] = b"01.01.85"
    file.write_bytes(data)
    fails(source, out, "video.mp4: begins on 2024-03-01, the recording on 1985-01-01", "--clock 'time of day'")
    night = run(source, out, clock="time of day", keep_dates=True)["P1_a"]
    assert night.start == "1985-01-01T22:30:00" and len(night) == 8
    # Or the table says when it was; the stages in the file still go by the file's own clock.
    row = "2024-03-01T22:29:57\t2024-03-01T22:30:00"
    (source / "recordings.tsv").write_text(f"recording_id\tvideo_start\tpsg_start\nP1_a\t{row}\n")
    night = run(source, out.with_name("told"), keep_dates=True)["P1_a"]
    assert night.start == made.START.isoformat() and night.clips.stage.tolist() == CODES


def test_a_region_and_a_preview(tmp_path: Path, out: Path) -> None:
    source = made.make_source(tmp_path / "small", stages=("W", "N2"))
    half = Box(0.0, 0.0, 0.5, 1.0)
    night = run(source, out, region=half, blur=half, preview=True)["P1_a"]
    assert night.metadata["provenance"]["region"] == [0.0, 0.0, 0.5, 1.0]
    with av.open(str(night.preview)) as film:
        (shape,) = {(frame.height, frame.width) for frame in film.decode(video=0)}
    assert shape == (48, 32)
    assert checking.check(out) == []
    again = run(source, tmp_path / "again", region=half, blur=half, preview=True)["P1_a"]
    assert again.preview.read_bytes() == night.preview.read_bytes()


def test_two_recordings_with_one_id(source: Path, out: Path) -> None:
    made.write_edf(source / "P1_a.edf", 240)
    fails(source, out, "two recordings with one id", "P1_a")


def test_two_rows_with_one_id(source: Path, out: Path) -> None:
    with open(source / "recordings.tsv", "a") as table:
        table.write("P1_a\tn/a\n")
    fails(source, out, "recordings.tsv", "two recordings with one id", "P1_a")


def test_two_edfs_in_a_folder(source: Path, out: Path) -> None:
    made.write_edf(source / "P1_a" / "again.edf", 240)
    fails(source, out, "two recordings with one id", "again.edf, psg.edf")


def test_participants_without_ahi(source: Path, out: Path) -> None:
    (source / "participants.tsv").write_text("participant_id\tsex\tage\tweight\nP1\tn/a\tn/a\tn/a\n")
    fails(source, out, "participants.tsv", "no column ahi")


def test_no_participants_table(source: Path, out: Path) -> None:
    (source / "participants.tsv").unlink()
    fails(source, out, "participants.tsv", "not found")


def test_unknown_participant(source: Path, out: Path) -> None:
    (source / "participants.tsv").write_text("participant_id\tsex\tage\tweight\tahi\nP9\tn/a\tn/a\tn/a\tn/a\n")
    fails(source, out, "recording P1_a", "participants.tsv")


def test_bad_second_recording_leaves_nothing(tmp_path: Path, out: Path) -> None:
    source = made.make_source(tmp_path / "source", ("P1_a", "P2"))
    (source / "P2" / "video.mp4").write_bytes(b"")
    fails(source, out, "video.mp4", "does not decode")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_at_the_arrays(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "save", full)
    fails(source, out, "No space left on device", "free space")


def test_full_disk_at_the_pictures(source: Path, out: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses to write past 4 kB as it would on a full disk (Python ignores SIGXFSZ).
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(SacdError, match="File too large.*nothing was half-written"):
            run(source, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [({"format": "dicom"}, "unknown"), ({"span_s": 31.0}, "span"), ({"frames": 0}, "cannot be cut"),
     ({"size": 100_000}, "bytes a clip"), ({"frames": 10**6}, "bytes a clip")],
)
def test_impossible_requests(source: Path, out: Path, options: dict[str, object], word: str) -> None:
    with pytest.raises(SacdError, match=word):
        ingest(source, out, **options)
    assert not out.exists()


def test_no_such_source(tmp_path: Path) -> None:
    with pytest.raises(SacdError, match="not a folder"):
        ingest(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SacdError, match="no known format"):
        ingest(tmp_path / "empty", tmp_path / "out")
