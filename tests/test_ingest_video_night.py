"""A video file becomes a night."""

from pathlib import Path

import numpy as np
import pytest
import recording_folders as made
from tiny import make_cohort

from sacd.cohort import Sampling
from sacd.exceptions import SacdError
from sacd.ingest.video_night import is_simulated, read_night, videos_of

SAMPLING = Sampling(frames=4, span_s=30, height=6, width=8)


def test_clips_times_and_levels(tmp_path: Path) -> None:
    file = tmp_path / "Mrs Miller.mp4"
    made.write_video(file, 100, created="2024-03-01T22:30:00")
    night = read_night(file, SAMPLING)
    assert night.clips["clip"].tolist() == [0, 1, 2] and night.clips.onset.tolist() == [0, 30, 60]
    assert night.clips.stage.tolist() == [-1] * 3 and len(night) == 3
    assert night.video.shape == (3, 4, 6, 8) and night.start == made.START and not night.simulated
    middles = [made.level(3.75 + 7.5 * number) for number in range(12)]
    assert np.abs(night.video.mean(axis=(2, 3)).ravel() - middles).max() < 3
    assert "Miller" not in repr(night.recording_id) and night.recording_id == night.participant_id
    assert night.recording_id == read_night(file, SAMPLING).recording_id


def test_a_scoring_of_the_same_name_is_read(tmp_path: Path) -> None:
    made.write_video(tmp_path / "v.mp4", 100)
    (tmp_path / "v.txt").write_text("W\nN2\n?\nREM\n")
    assert read_night(tmp_path / "v.mp4", SAMPLING).clips.stage.tolist() == [0, 2, -1]
    (tmp_path / "v.txt").write_text("onset,duration,stage\n40,30,N3\n")
    later = read_night(tmp_path / "v.mp4", SAMPLING).clips
    assert later.onset.tolist() == [10, 40, 70] and later.stage.tolist() == [-1, 3, -1]


def test_a_simulated_recording_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "REC").mkdir()
    made.write_video(tmp_path / "REC" / "v.mp4", 31)
    (tmp_path / "dataset_description.json").write_text('{"Simulated": true}')
    assert read_night(tmp_path / "REC" / "v.mp4", SAMPLING).simulated
    assert videos_of(tmp_path) == [tmp_path / "REC" / "v.mp4"] == videos_of(tmp_path / "REC" / "v.mp4")


def test_a_film_that_a_simulated_cohort_keeps_is_simulated(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "cohort", train=1, test=1, clips=2)
    assert is_simulated(cohort.path / "recordings" / "P00n1" / "preview.webm")
    assert not is_simulated(tmp_path / "recordings" / "P00n1" / "preview.webm")


def test_what_serves_no_night(tmp_path: Path) -> None:
    made.write_video(tmp_path / "v.mp4", 20)
    with pytest.raises(SacdError, match="20 s long, shorter than one clip"):
        read_night(tmp_path / "v.mp4", SAMPLING)
    with pytest.raises(SacdError, match="not found"):
        videos_of(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SacdError, match="neither videos"):
        videos_of(tmp_path / "empty")


def test_a_real_infrared_video(real_data: Path) -> None:
    night = read_night(real_data / "ir-video-eventsleep" / "subject09_config1.mp4", SAMPLING)
    assert len(night) == 2 and not night.faults.to_numpy().any()
