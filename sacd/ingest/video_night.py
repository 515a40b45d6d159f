"""A video file as a night: its clips as a run wants them, their faults, and its scoring where one lies beside it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, Sampling, hash_file
from sacd.cohort.extras import frame_times
from sacd.cohort.format import read_json, validated
from sacd.exceptions import SacdError
from sacd.ingest.camera import Look, read_pictures
from sacd.ingest.recording_folder import Description
from sacd.ingest.scoring import Scoring, read_scoring
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import HOLD_S, VIDEO_SUFFIXES, Video, read_video
from sacd.progress import progress
from sacd.stages import CLIP_SECONDS, NOT_SCORED

_SCORINGS = (".txt", ".csv")
_END_S = 0.05
"""What may be missing of the last clip."""


@dataclass(frozen=True)
class VideoNight:
    """A night that no cohort holds.

    Attributes
    ----------
    recording_id, participant_id : str
        From the file's content, never from its name, which may be a person's.
    clips : DataFrame
        clip, onset (s from the first picture), stage; clips that the video does not show are absent.
    video : ndarray [clips, frames, height, width] uint8
    faults : DataFrame
        Of `sacd.ingest.quality.picture_faults`, of all clips from the first picture to the last.
    start : datetime or None
        When the file says that it began.
    simulated : bool
    """

    recording_id: str
    participant_id: str
    clips: pd.DataFrame
    video: np.ndarray
    faults: pd.DataFrame
    start: datetime | None
    simulated: bool

    def __len__(self) -> int:
        return len(self.clips)


def videos_of(path: Path) -> list[Path]:
    """The video files that a path names: itself, or those in a folder and in its folders.

    Raises
    ------
    SacdError
        There is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SacdError(f"{path}: not found; name a video, a folder of videos, or a cohort")
    files = [*path.glob("*"), *path.glob("*/*")]
    found = sorted(file for file in files if file.suffix.lower() in VIDEO_SUFFIXES and not file.name.startswith("."))
    if not found:
        raise SacdError(f"{path}: neither videos ({', '.join(VIDEO_SUFFIXES)}) nor a cohort; name another folder")
    return found


def read_night(path: Path, sampling: Sampling) -> VideoNight:
    """Read a video as a night.

    Parameters
    ----------
    path : Path
        A text scoring of the same name beside it (``night.mp4``, ``night.txt``) is read too: one stage a line from the
        first picture on, or onset (s from there), duration and stage.
    sampling : Sampling
        Frames of a clip, their span, height and width.

    Raises
    ------
    SacdError
        A file that does not decode, a video shorter than a clip, a scoring that cannot be read.
    """
    video = read_video(path)
    scoring = _scoring_beside(video)
    # A scoring has a grid of its own.
    begin = scoring.onset_s % CLIP_SECONDS if scoring is not None else 0.0
    count = int((video.duration_s - begin + _END_S) // CLIP_SECONDS)
    if count < 1:
        raise SacdError(f"{path}: {video.duration_s:.0f} s long, shorter than one clip of 30 s; name a longer video")
    onsets = begin + CLIP_SECONDS * np.arange(count)
    look = Look(sampling.frames, sampling.span_s, sampling.height, sampling.width, motion=False)
    with progress("reading the video", count) as bar, TemporaryDirectory() as aside:
        taken = read_pictures([(video, VideoClock(0.0))], onsets, look, Path(aside), lambda clips: bar.advance())
        away = np.abs(taken.frame_times - frame_times(onsets, sampling.frames, sampling.span_s))
        shown = (away <= HOLD_S).mean(axis=1) > 0.5
        pictures = taken.video[shown]
    if not shown.any():
        raise SacdError(f"{path}: no clip of 30 s has pictures throughout; convert the video again")
    table = pd.DataFrame({"clip": np.arange(count), "onset": onsets, "stage": _stages(scoring, onsets)})
    name = f"video-{hash_file(path)[:8]}"
    return VideoNight(
        name, name, table[shown].reset_index(drop=True), pictures, taken.faults, video.start, is_simulated(path)
    )


def _scoring_beside(video: Video) -> Scoring | None:
    files = [video.path.with_suffix(suffix) for suffix in _SCORINGS]
    found = next((file for file in files if file.exists()), None)
    return None if found is None else read_scoring(found, video.start)


def _stages(scoring: Scoring | None, onsets: np.ndarray) -> np.ndarray:
    """The scored stage of each clip, −1 where there is none."""
    stages = np.full(len(onsets), NOT_SCORED)
    if scoring is not None:
        place = np.rint((onsets - scoring.onset_s) / CLIP_SECONDS).astype(int)
        inside = (place >= 0) & (place < len(scoring.stages))
        stages[inside] = scoring.stages[place[inside]]
    return stages


def is_simulated(path: Path) -> bool:
    """What the description of a recording folder says, or the cohort that keeps the film; else a video is real."""
    for folder in path.resolve().parents[:2]:
        file = folder / "dataset_description.json"
        if file.exists():
            return validated(Description, read_json(file, "correct or remove it"), file).simulated
    homes = [folder for folder in path.resolve().parents[2:3] if (folder / "cohort.json").exists()]
    return any(Cohort.open(home).info.simulated for home in homes)
