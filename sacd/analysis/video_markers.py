"""Two markers of a night from the video alone, which features have to beat: movement arousals and uneven breathing.

Both come from `motion.npy` (`sacd.cohort.motion`): no network, no stage, no EEG. A movement arousal is a burst of
movement after at least 10 s of rest, as an arousal is scored after 10 s of stable sleep (AASM manual v2.6), that lasts
at most 15 s. Breathing is uneven where its amplitude waxes and wanes: apnoeas nearly stop it, and a rebound follows.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import pandas as pd

from sacd.cohort import Recording
from sacd.cohort.extras import MOTION
from sacd.cohort.motion import HZ, SAMPLES, read_motion
from sacd.cohort.writer import write_atomically
from sacd.stages import CLIP_SECONDS

MARKERS = ("movement_arousals", "breathing_variability")
"""Per hour of recording; standard deviation of the log amplitude of breathing within a clip, mean over clips."""
MOVING = 5.0
"""A sample moves where `movement` exceeds this: three of four jerks that end an apnoea in simulated nights do."""
STRETCH, PARTS = 20, 3
"""Clips in which what moves is compared, and how many cells of the grid count: an arm is no larger."""
REST_S, LONGEST_S, GAP_S = 10.0, 15.0, 1.0
WINDOW_S = 5.0
"""Of breathing's amplitude: a breath or more."""
FILE = "video_markers.json"
"""Beside a recording's motion: its markers, kept when they are first asked for."""
VERSION = 1
"""Of the markers: what is kept of another is measured anew."""
_FEWEST_WINDOWS = 4
_STEP, _QUIET = 1 / 4, 1 / 16
"""Added to deviations and to breathing's amplitudes, grey levels: one step of what is stored."""


def movement(stored: np.ndarray) -> np.ndarray:
    """How far the most moving cells stand out from what they do within ten minutes, float32 [clips, 150].

    A cell over the chest moves with every breath, one over an arm with the camera's noise alone: over the whole picture
    breathing drowns a jerk of an arm.

    Parameters
    ----------
    stored : ndarray [clips, 150, 65] uint8
        `Recording.motion`.

    Returns
    -------
    ndarray
        Mean over the `PARTS` highest cells of (difference − median) / median absolute deviation.
    """
    result = np.empty(stored.shape[:2], np.float32)
    for first in range(0, len(stored), STRETCH):
        grid, _ = read_motion(stored[first : first + STRETCH])
        cells = grid.reshape(-1, grid.shape[-2] * grid.shape[-1])
        above = cells - np.median(cells, axis=0)
        above /= np.median(np.abs(above), axis=0) + _STEP
        highest = np.partition(above, -PARTS, axis=1)[:, -PARTS:]
        result[first : first + STRETCH] = highest.mean(axis=1).reshape(-1, SAMPLES)
    return result


def movement_bursts(moves: np.ndarray, clip: np.ndarray) -> pd.DataFrame:
    """Bursts of movement in a night.

    Parameters
    ----------
    moves : ndarray [clips, 150]
        `movement`.
    clip : ndarray [clips] int
        Numbers of the clips in the night; a burst may cross a border between neighbours.

    Returns
    -------
    DataFrame
        `onset`, `duration` (s), `rest` (s without movement before it, since the last gap of the recording at most).
    """
    moving = moves > MOVING
    start = np.asarray(clip, dtype=np.int64) * SAMPLES
    samples = (start[:, None] + np.arange(SAMPLES))[moving]
    if len(samples) == 0:
        return pd.DataFrame(columns=["onset", "duration", "rest"], dtype=float)
    first = np.append(True, np.diff(samples) > GAP_S * HZ)
    onset, end = samples[first], np.append(samples[:-1][first[1:]], samples[-1]) + 1
    # Where the recording was interrupted, nobody knows what came before.
    begins = start[np.append(True, np.diff(clip) != 1)]
    since = begins[np.searchsorted(begins, onset, side="right") - 1]
    rest = onset - np.maximum(since, np.append(since[0], end[:-1]))
    return pd.DataFrame({"onset": onset / HZ, "duration": (end - onset) / HZ, "rest": rest / HZ})


def breathing_variability(stored: np.ndarray, moves: np.ndarray) -> float:
    """Standard deviation of the log of breathing's amplitude within a clip, mean over clips; NaN where all move.

    Parameters
    ----------
    stored, moves
        As above; windows of 5 s with movement are left out.
    """
    _, breathing = read_motion(stored)
    length = round(WINDOW_S * HZ)
    windows = breathing.reshape(len(breathing), -1, length)
    still = ~(moves > MOVING).reshape(windows.shape).any(axis=2)
    amplitude = np.log(np.sqrt(np.square(windows).mean(axis=2)) + _QUIET)
    use = still.sum(axis=1) >= _FEWEST_WINDOWS
    if not use.any():
        return float("nan")
    return float(np.nanmean(np.nanstd(np.where(still, amplitude, np.nan)[use], axis=1)))


def night_markers(stored: np.ndarray, clip: np.ndarray) -> dict[str, float]:
    """The `MARKERS` of one night."""
    moves = movement(stored)
    bursts = movement_bursts(moves, clip)
    arousals = (bursts["rest"] >= REST_S) & (bursts["duration"] <= LONGEST_S)
    hours = len(stored) * CLIP_SECONDS / 3600
    return {
        "movement_arousals": float(arousals.sum() / hours),
        "breathing_variability": breathing_variability(stored, moves),
    }


def kept_markers(recording: Recording) -> dict[str, float] | None:
    """The `MARKERS` of a recording where they are kept beside it, measured from its very motion; else None."""
    try:
        kept = json.loads((recording.path / FILE).read_text(encoding="utf-8"))
        return {name: float(kept[name]) for name in MARKERS} if kept["of"] == _measured(recording) else None
    except (OSError, ValueError, KeyError, TypeError):  # absent, or cut off: it is measured anew
        return None


def recording_markers(recording: Recording) -> dict[str, float] | None:
    """The `MARKERS` of a recording, kept beside it from then on; None where it holds no motion."""
    if not recording.has(MOTION):
        return None
    found = kept_markers(recording)
    if found is None:
        found = night_markers(recording.motion, recording.clips["clip"].to_numpy())
        with suppress(OSError):  # the cohort is not ours to write
            write_atomically(recording.path / FILE, json.dumps(found | {"of": _measured(recording)}))
    return found


def _measured(recording: Recording) -> str:
    return f"version {VERSION} {recording.metadata['hashes'][MOTION]}"


def video_markers(recordings: Iterable[Recording], people: pd.Index) -> pd.DataFrame:
    """The `MARKERS` of each participant, mean over nights; NaN where a recording holds no motion.

    Returns
    -------
    DataFrame [P rows]
    """
    rows = [
        {"participant_id": recording.participant_id} | found
        for recording in recordings
        if recording.participant_id in people and (found := recording_markers(recording)) is not None
    ]
    table = pd.DataFrame(rows, columns=["participant_id", *MARKERS])
    return table.groupby("participant_id")[list(MARKERS)].mean().reindex(people).astype(float)
