"""A night's signals at a glance: a pyramid of lowest and highest values, of which a screen needs two a pixel column.

The EEG's channels come first, then those of `signals.npy`. Level 0 has 64 pairs a clip, every further level a quarter
of the one before. It is made on first use and kept beside the recording; where nothing can be written, in memory.
"""

import zipfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sacd.cohort.cohort import Recording
from sacd.cohort.extras import SIGNALS
from sacd.cohort.format import ARRAY_NAMES
from sacd.exceptions import SacdError
from sacd.replacing import replacing
from sacd.stages import CLIP_SECONDS

FILE = "overview.npz"
VERSION = 1
PAIRS, STEP, LEVELS = 64, 4, 5
"""Pairs a clip at level 0; how many become one at the next level; how many levels there are."""
EMPTY = (32767, -32768)
"""Lowest and highest of a pair where nothing was recorded: lowest above highest, whatever it is joined with."""
_LARGEST = 32766
_CHUNK = 128
_EEG = ARRAY_NAMES["eeg", "raw"]


class Overview(NamedTuple):
    """One level of a night's pyramid.

    Attributes
    ----------
    pairs : ndarray [channels, n, 2] int16
        Lowest and highest value in steps of `scale`; `EMPTY` in the gaps of a night.
    scale : ndarray [channels] float32
        A step: µV of the EEG, the channel's own unit (`Recording.signal_info`) of the others.
    seconds : float
        That a pair stands for.
    start : float
        Onset of the first pair, s from the recording's start.
    """

    pairs: np.ndarray
    scale: np.ndarray
    seconds: float
    start: float


def level_for(seconds: float, pixels: int) -> int:
    """The finest level with at most two pairs a pixel column, for `seconds` shown on `pixels`; else the coarsest."""
    fits = [level for level in range(LEVELS) if seconds / _seconds(level) <= 2 * pixels]
    return fits[0] if fits else LEVELS - 1


def overview(recording: Recording, level: int) -> Overview:
    """A night's signals at one level; without channels where the cohort has features in their place.

    Parameters
    ----------
    recording : Recording
    level : int
        0, the finest, to `LEVELS` − 1; see `level_for`.

    Raises
    ------
    SacdError
        No such level, or an array that cannot be read.
    """
    if not 0 <= level < LEVELS:
        raise SacdError(f"overview of {recording.recording_id}: no level {level}; use 0 to {LEVELS - 1}")
    scale, levels = _pyramid(recording)
    return Overview(levels[level], scale, _seconds(level), float(recording.clips["onset"].iloc[0]))


def _seconds(level: int) -> float:
    return CLIP_SECONDS / PAIRS * STEP**level


@lru_cache(maxsize=16)
def _pyramid(recording: Recording) -> tuple[np.ndarray, list[np.ndarray]]:
    file, key = recording.path / FILE, _key(recording)
    found = _read(file, key)
    if found is None:
        found = _measure(recording)
        _keep(file, key, *found)
    scale, finest = found
    levels = [finest]
    for _ in range(1, LEVELS):
        levels.append(_coarser(levels[-1]))
    return scale, levels


def _key(recording: Recording) -> str:
    """What the pyramid was made from."""
    hashes = recording.metadata["hashes"]
    return " ".join([f"version {VERSION}", *(hashes.get(name, "none") for name in (_EEG, SIGNALS))])


def _read(file: Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(file, allow_pickle=False) as content:
            return (content["scale"], content["pairs"]) if str(content["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # absent, or cut off: it is made anew
        return None


def _keep(file: Path, key: str, scale: np.ndarray, pairs: np.ndarray) -> None:
    with suppress(OSError), replacing(file) as aside:  # the disk is full, or the cohort not ours: memory has it
        np.savez(aside, key=np.array(key), scale=scale, pairs=pairs)


def _measure(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Steps of the channels, float32 [channels], and the finest level, int16 [channels, n, 2]."""
    has_eeg = _EEG in recording.metadata["hashes"]
    arrays = [array for array in (recording.eeg if has_eeg else None, recording.signals) if array is not None]
    extremes = [_extremes(array) for array in arrays]
    clips = recording.clips["clip"].to_numpy()
    place = clips - clips[0]
    channels = sum(low.shape[1] for low, _ in extremes)
    pairs = np.tile(np.array(EMPTY, np.int16), (channels, int(place[-1]) + 1, PAIRS, 1))
    scale = np.ones(channels, np.float32)
    channel = 0
    for low, high in extremes:
        for each in range(low.shape[1]):
            largest = max(-low[:, each].min(), high[:, each].max(), 0.0)
            scale[channel] = largest / _LARGEST or 1.0
            # Rounded outwards: no extreme is made smaller.
            pairs[channel, place, :, 0] = np.clip(np.floor(low[:, each] / scale[channel]), -_LARGEST, _LARGEST)
            pairs[channel, place, :, 1] = np.clip(np.ceil(high[:, each] / scale[channel]), -_LARGEST, _LARGEST)
            channel += 1
    return scale, pairs.reshape(channels, pairs.shape[1] * PAIRS, 2)


def _extremes(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest values of the `PAIRS` parts of each clip of [clips, channels, samples]; float32."""
    samples = array.shape[-1]
    starts = np.minimum(-(-np.arange(PAIRS) * samples // PAIRS), samples - 1)  # the first sample within each part
    parts = [np.asarray(array[first : first + _CHUNK], np.float32) for first in range(0, len(array), _CHUNK)]
    low = np.concatenate([np.minimum.reduceat(part, starts, axis=-1) for part in parts])
    return low, np.concatenate([np.maximum.reduceat(part, starts, axis=-1) for part in parts])


def _coarser(pairs: np.ndarray) -> np.ndarray:
    """The next level: `STEP` pairs as one, the last filled up with nothing."""
    channels, before = pairs.shape[:2]
    short = -before % STEP
    filled = np.concatenate([pairs, np.tile(np.array(EMPTY, np.int16), (channels, short, 1))], axis=1)
    groups = filled.reshape(channels, (before + short) // STEP, STEP, 2)
    return np.stack([groups[..., 0].min(axis=2), groups[..., 1].max(axis=2)], axis=-1)
