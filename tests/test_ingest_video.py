"""Pictures at given times."""

from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest
import recording_folders as made

from sacd.cohort.extras import frame_times
from sacd.exceptions import SacdError
from sacd.ingest import video as reader
from sacd.ingest.picture import decode
from sacd.ingest.video import read_video


def test_nearest_picture(tmp_path: Path) -> None:
    made.write_video(tmp_path / "v.mp4", 60)
    video = read_video(tmp_path / "v.mp4")
    assert video.duration_s == pytest.approx(60, abs=0.01)
    assert video.start is None
    times = np.array([0.1, 0.4, 20.2, 20.3, 59.4, 62.0])
    found = list(decode(video, times, 6, 8))
    assert [round(distance, 2) for _, distance in found] == [0.1, 0.1, 0.2, 0.2, 0.1, 2.5]
    for (picture, _), shown in zip(found, [0.0, 0.5, 20.0, 20.5, 59.5, 59.5], strict=True):
        assert picture.shape == (6, 8)
        assert picture.dtype == np.uint8
        assert abs(picture.mean() - made.level(shown)) < 3


def test_real_infrared_video(real_data: Path) -> None:
    file = real_data / "ir-video-eventsleep" / "subject09_config1.mp4"
    assert read_video(file).duration_s == pytest.approx(89, abs=0.2)
    times = frame_times(np.array([0.0, 30.0]), 32).ravel()
    found = list(decode(read_video(file), times, 32, 32))
    assert len(found) == 64
    assert max(distance for _, distance in found) <= 1 / 6
    pictures = np.array([picture for picture, _ in found])
    # A bed in the dark: brighter in the middle than at the edge, and somebody moves.
    assert pictures[:, 12:20, 12:20].mean() > 2 * pictures[:, :2].mean()
    assert np.abs(np.diff(pictures.astype(int), axis=0)).max() > 10


def test_text_of_another_encoding_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "v.mp4"
    made.write_video(file, 4, created="2024-03-01T22:30:00")
    content = file.read_bytes()
    assert b"Lavf" in content
    file.write_bytes(content.replace(b"Lavf", b"caf\xe9"))
    assert read_video(file).start == made.START
    assert len(list(decode(read_video(file), np.array([0.1, 3.0]), 6, 8))) == 2


def test_no_video_stream(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("text")
    with pytest.raises(SacdError, match="does not decode"):
        read_video(tmp_path / "v.mp4")


@pytest.mark.parametrize(
    ("told", "start", "zone"),
    [
        ("2024-03-01T22:30:00", "2024-03-01T22:30:00", None),
        ("2024-03-01T22:30:00Z", "2024-03-01T22:30:00", "+00:00"),
        ("2024-03-01T22:30:00+01:00", "2024-03-01T22:30:00", "+01:00"),
        ("1970-01-01T00:00:00Z", None, None),
        ("yesterday", None, None),
    ],
)
def test_the_start_and_its_zone(tmp_path: Path, told: str, start: str | None, zone: str | None) -> None:
    # FFmpeg turns the usual key into UTC; QuickTime's own is kept as it was written.
    with av.open(tmp_path / "v.mov", "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata["com.apple.quicktime.creationdate"] = told
        stream = container.add_stream("mpeg4", rate=2)
        stream.width, stream.height = 64, 48
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64), np.uint8), format="gray")))
        container.mux(stream.encode())
    video = read_video(tmp_path / "v.mov")
    assert (video.start and video.start.isoformat(), video.zone) == (start, zone)


def test_the_zone_of_an_mp4_is_utc(tmp_path: Path) -> None:
    made.write_video(tmp_path / "v.mp4", 4, created="2024-03-01T22:30:00+01:00")
    video = read_video(tmp_path / "v.mp4")
    assert video.start == made.START - timedelta(hours=1) and video.zone == "+00:00"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".ts", ".wmv"])
def test_lengths_come_from_the_packets(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"v{suffix}"
    made.write_video(file, 40, lost=(10, 15), codec="wmv2" if suffix == ".wmv" else "mpeg4")
    assert read_video(file).duration_s == pytest.approx(40, abs=0.6) and read_video(file).notes == ()


def test_a_file_cut_off_is_shorter_than_it_promises(tmp_path: Path) -> None:
    made.write_video(tmp_path / "whole.mkv", 60)
    content = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    video = read_video(tmp_path / "cut.mkv")
    assert 20 < video.duration_s < 40
    (note,) = video.notes
    assert note.startswith("the file promises ") and note.endswith("more than it has pictures for")


def test_several_recordings_in_one_file_are_refused(tmp_path: Path) -> None:
    for name, begin in (("a.ts", 0), ("b.ts", 100)):
        made.write_video(tmp_path / name, 20, begin)
    (tmp_path / "both.ts").write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    with pytest.raises(SacdError, match=r"both\.ts: .* time stamps fall back by 20 s: .*; split it where they meet"):
        read_video(tmp_path / "both.ts")


def test_pictures_too_large_for_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made.write_video(tmp_path / "v.mp4", 4)
    monkeypatch.setattr(reader, "_LARGEST", 64 * 48 - 1)
    with pytest.raises(SacdError, match=r"pictures of 64 × 48 pixels are too large"):
        read_video(tmp_path / "v.mp4")
