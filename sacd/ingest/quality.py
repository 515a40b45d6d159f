"""Quality of a night's pictures, clip by clip: by a clip's own pictures, and by what is usual in its night."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sacd.cohort.motion import read_motion
from sacd.stages import CLIP_SECONDS

DARK, BRIGHT = 16, 250
"""Grey levels of 255."""
_TOGETHER = 64
"""Clips that are looked at together."""
_PART = 1 / 3
_SAME, _LEAST_PAIRS = 2 / 3, 6
"""Key pictures differ a little from what they repeat: of a frozen camera's pictures most are identical, not all."""
_JUMP, _EVERYWHERE = 20, 3 / 4
"""Grey levels, and the share of the picture in which half of them are seen."""
_COLOURLESS, _COLOURED = 2, 3
"""Levels from grey: what a picture without colour has at most, and how much more one with colour."""
_SUDDEN_S, _SUDDEN, _ENDS = 2.0, 0.6, 8
"""How long a switch takes, the share of the change that it makes, and the part of a clip that is at either side."""
_TILES, _ACROSS = 4, 16
_USUAL, _LOST, _COVERED = 0.6, 0.3, 0.4
_STILL, _STILL_CLIPS = 0.25, 2
_USUAL_CLIPS = 10
"""In fewer clips nothing is usual."""


class Check(NamedTuple):
    """A fault of a clip: what it is called, and what is then seen, in a few words for a report's reader."""

    title: str
    meaning: str


CHECKS: dict[str, Check] = {
    "gap": Check("No picture", "a gap in the video"),
    "damaged": Check("Damaged", "the file is spoilt there"),
    "black": Check("Black", "hardly any light"),
    "bright": Check("Over-exposed", "half of the picture white"),
    "frozen": Check("Frozen", "the picture stands still"),
    "switch": Check("Light switched", "a lamp, or day picture"),
    "occluded": Check("Covered or moved", "the usual view is gone"),
    "empty_bed": Check("Empty bed?", "no breathing movement seen"),
}
NOT_CHECKED = "Not checked: who and how many people lie in the bed."


def picture_faults(
    video: np.ndarray, gap: np.ndarray | None = None, damaged: np.ndarray | None = None,
    motion: np.ndarray | None = None, colour: np.ndarray | None = None,
) -> pd.DataFrame:
    """Which clips have which of the `CHECKS`.

    Parameters
    ----------
    video : ndarray [n, frames, height, width] uint8
        May be a memory map.
    gap, damaged : ndarray [n] bool, optional
        Where the video has no picture, and spoilt ones; without, no such check.
    motion : ndarray [n, 150, 65] uint8, optional
        As `sacd.cohort.motion` says; without, no check for an empty bed.
    colour : ndarray [n, m] float, optional
        Of m pictures, evenly over each clip, by `sacd.ingest.picture.colourfulness`; without, a switch is seen by
        brightness alone.

    Returns
    -------
    DataFrame
        A bool column a check, a row a clip, in the order of `CHECKS`.
    """
    table = pd.DataFrame(_of_themselves(video), dtype=bool)
    # What is held over a gap, or made up by a decoder, is no picture to judge.
    for name, found in (("damaged", damaged), ("gap", gap)):
        if found is not None:
            table[np.asarray(found)] = False
            table[name] = found
    # A picture that is black, or stands still, shows neither bed nor breath.
    clear = ~table[table.columns.difference(["bright"])].any(axis=1).to_numpy()
    table["switch"] = _switched(video, colour, clear)
    table["occluded"] = _occluded(video, clear)
    if motion is not None:
        table["empty_bed"] = _still(motion, clear)
    return table[[name for name in CHECKS if name in table]]


def _of_themselves(video: np.ndarray) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {"black": [], "bright": [], "frozen": []}
    for first in range(0, len(video), _TOGETHER):
        clips = video[first : first + _TOGETHER].reshape(-1, video.shape[1], video.shape[2] * video.shape[3])
        found["black"].append((clips <= DARK).all(axis=2).mean(axis=1) >= _PART)
        found["bright"].append(((clips > BRIGHT).mean(axis=2) >= 0.5).mean(axis=1) >= _PART)
        found["frozen"].append(_frozen((clips[:, 1:] == clips[:, :-1]).all(axis=2)))
    return {name: np.concatenate([*parts, np.zeros(0, bool)]) for name, parts in found.items()}


def _frozen(same: np.ndarray) -> np.ndarray:
    """Whether a stretch of a clip stands still, bool [n]; `same` [n, pairs]: pictures identical to the one before."""
    pairs = same.shape[1]
    if not pairs:
        return np.zeros(len(same), bool)
    stretch = min(pairs, max(_LEAST_PAIRS, -(-pairs // 3)))
    sums = np.cumsum(np.pad(same, ((0, 0), (1, 0))), axis=1)
    return ((sums[:, stretch:] - sums[:, :-stretch]) >= _SAME * stretch).any(axis=1)


def _switched(video: np.ndarray, colour: np.ndarray | None, clear: np.ndarray) -> np.ndarray:
    """Where the light is switched within a clip, bool [n]; `clear` [n]: what can be judged.

    Whoever turns over changes a part of the picture, and a lamp that is turned up slowly has made a part of its change
    within two seconds.
    """
    found = np.zeros(len(video), bool)
    for clip in np.flatnonzero(clear):
        found[clip] = _brightness_jumps(video[clip]) or (colour is not None and _colour_jumps(colour[clip]))
    return found


def _brightness_jumps(pictures: np.ndarray) -> bool:
    apart, before, after = _jump(pictures.mean(axis=(1, 2), dtype=np.float32), _JUMP)
    if apart < _JUMP:
        return False
    usual = [np.median(pictures[part], axis=0) for part in (before, after)]
    # What goes black, or comes back, is no switch.
    seen = min(picture.max() for picture in usual) > DARK
    return bool(seen and (np.abs(usual[1] - usual[0]) >= _JUMP / 2).mean() >= _EVERYWHERE)


def _colour_jumps(colour: np.ndarray) -> bool:
    apart, before, after = _jump(colour, _COLOURED)
    return bool(apart >= _COLOURED and min(colour[before].max(), colour[after].max()) <= _COLOURLESS)


def _jump(values: np.ndarray, least: float) -> tuple[float, slice, slice]:
    """How far all values after a moment are from all before it where they are farthest, and which these are.

    0 where that is less than `least`, or the values change as much at other times.
    """
    count = len(values)
    ends, width = max(2, count // _ENDS), max(1, int(_SUDDEN_S * count / CLIP_SECONDS))
    last = np.arange(ends - 1, count - ends - width + 1)
    if not len(last) or np.ptp(values) < least:
        return 0.0, slice(0), slice(0)
    first = last + width
    lower, upper = np.minimum.accumulate(values)[last], np.maximum.accumulate(values)[last]
    later = values[::-1]
    lowest, highest = np.minimum.accumulate(later)[::-1][first], np.maximum.accumulate(later)[::-1][first]
    apart = np.maximum(lowest - upper, lower - highest)
    best = apart.argmax()
    before, after = slice(0, last[best] + 1), slice(first[best], count)
    change = abs(np.median(values[after]) - np.median(values[before]))
    return float(apart[best]) if apart[best] >= _SUDDEN * change else 0.0, before, after


def _occluded(video: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Where the usual edges of the night are gone in much of the picture, bool [n]; `clear` [n]: what can be judged.

    Each of 4 × 4 tiles is compared with the night's median by the cosine between the gradients of the two: 1 where it
    is the same in another light, 0 where something else covers it. Tiles that usually look otherwise are left out, and
    where these are most of the picture nothing is said. On 450 clips of three simulated nights, people walking by and
    turning over cover 25 % of the tiles at most.
    """
    found, judged = np.zeros(len(video), bool), np.flatnonzero(clear)
    if len(judged) < _USUAL_CLIPS or min(video.shape[2:]) < 2 * _TILES:
        return found
    edges = np.stack([_edges(video[clip]) for clip in judged])
    usual = np.median(edges, axis=0)
    alike = []
    for rows in np.array_split(np.arange(edges.shape[2]), _TILES):
        for columns in np.array_split(np.arange(edges.shape[3]), _TILES):
            tile = np.ix_(range(2), rows, columns)
            those, known = edges[:, *tile].reshape(len(judged), -1), usual[tile].ravel()
            alike.append(those @ known / np.maximum(np.linalg.norm(those, axis=1) * np.linalg.norm(known), 1e-6))
    tiles = np.array(alike)[np.median(alike, axis=1) >= _USUAL]
    if 2 * len(tiles) > len(alike):
        found[judged] = (tiles < _LOST).mean(axis=0) >= _COVERED
    return found


def _edges(clip: np.ndarray) -> np.ndarray:
    """Gradient of a clip's mean picture, scaled to 16 to 31 pixels if it is larger, float32 [2, height, width]."""
    picture = clip.mean(axis=0, dtype=np.float32)
    for axis in (0, 1):
        factor = max(1, picture.shape[axis] // _ACROSS)
        starts = np.arange(0, picture.shape[axis] - factor + 1, factor)
        picture = np.add.reduceat(picture, starts, axis=axis) / factor
    return np.stack(np.gradient(picture))


def _still(motion: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Where the breathing trace nearly vanishes for several clips, bool [n]; `clear` [n]: what can be judged."""
    breathing = np.array([read_motion(clip)[1].std() for clip in motion])
    if clear.sum() < _USUAL_CLIPS:
        return np.zeros(len(breathing), bool)
    still = np.pad(clear & (breathing < _STILL * np.median(breathing[clear])), _STILL_CLIPS - 1)
    runs = np.lib.stride_tricks.sliding_window_view(still, _STILL_CLIPS).all(axis=1)
    return np.lib.stride_tricks.sliding_window_view(runs, _STILL_CLIPS).any(axis=1)
