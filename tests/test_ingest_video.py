"""Pictures at given times."""

from pathlib import Path

import numpy as np
import pytest
import recording_folders as made

from sacd.cohort.extras import frame_times
from sacd.exceptions import SacdError
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
