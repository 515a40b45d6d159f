"""How good a night's recording is, clip by clip: what its flags say, how loud, bright and restless it is, what is
missing."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, CohortInfo, Recording

FLAG = "flag_"
"""Columns of `clips.parquet` that begin so are True for clips with a fault."""
_TOGETHER = 64
"""Clips that are read together."""


def flags(clips: pd.DataFrame) -> pd.DataFrame:
    """The faults of a night's clips.

    Parameters
    ----------
    clips : DataFrame
        Of `Recording.clips`.

    Returns
    -------
    DataFrame
        A bool column a fault, in words ("video gap"); a row a clip.
    """
    names = [name for name in clips.columns if name.startswith(FLAG)]
    words = {name: name.removeprefix(FLAG).replace("_", " ").replace("eeg", "EEG") for name in names}
    return clips[names].astype(bool).rename(columns=words)


def left_out(recording: Recording) -> int:
    """Clips that were scored or filmed and are not in the cohort: by its provenance, else gaps in their numbers."""
    told = recording.metadata["provenance"].get("clips_left_out")
    return told if isinstance(told, int) else len(missing(recording.clips))


def missing(clips: pd.DataFrame) -> np.ndarray:
    """Numbers of the clips up to the last that a night does not have."""
    numbers = clips["clip"].to_numpy()
    return np.setdiff1d(np.arange(numbers.max(initial=-1) + 1), numbers)


def measures(recording: Recording, info: CohortInfo) -> pd.DataFrame:
    """What the stored signals and pictures are like.

    Parameters
    ----------
    recording : Recording
    info : CohortInfo
        The cohort's: what is raw in it.

    Returns
    -------
    DataFrame
        A row a clip; `eeg_uv`: standard deviation of the first channel (µV), where there is raw EEG; `brightness`
        (mean grey level, 0–255) and `movement` (mean change from picture to picture, grey levels), where there are
        pictures.
    """
    columns = {}
    if info.eeg == "raw":
        columns["eeg_uv"] = _by_clip(recording.eeg, lambda part: part[:, 0].std(axis=1))
    if info.video == "raw":
        columns["brightness"] = _by_clip(recording.video, lambda part: part.mean(axis=(1, 2, 3)))
        columns["movement"] = _by_clip(recording.video, _movement)
    return pd.DataFrame(columns, index=recording.clips.index)


def summary(cohort: Cohort) -> pd.DataFrame:
    """A row a recording: its clips, those with any fault, those left out, and how many have each fault."""
    rows = []
    for recording in cohort:
        found = flags(recording.clips)
        counts = {"clips": len(found), "flagged": int(found.any(axis=1).sum()), "left out": left_out(recording)}
        rows.append({"recording": recording.recording_id, **counts, **found.sum().to_dict()})
    table = pd.DataFrame(rows).fillna(0)
    return table.astype({name: int for name in table.columns if name != "recording"})


def _by_clip(array: np.ndarray, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    starts = range(0, len(array), _TOGETHER)
    parts = [measure(np.asarray(array[first : first + _TOGETHER], dtype=np.float32)) for first in starts]
    return np.concatenate([*parts, np.zeros(0)])


def _movement(pictures: np.ndarray) -> np.ndarray:
    if pictures.shape[1] < 2:
        return np.zeros(len(pictures))
    return np.abs(np.diff(pictures, axis=1)).mean(axis=(1, 2, 3))
