"""Quality of a night's pictures, clip by clip: by a clip's own pictures, and by what is usual in its night."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sacd.cohort.motion import read_motion

DARK, BRIGHT = 16, 250
"""Grey levels of 255."""
_TOGETHER = 64
"""Clips that are looked at together."""
_PART = 1 / 3
_SAME, _LEAST_PAIRS = 2 / 3, 6
"""Key pictures differ a little from what they repeat: of a frozen camera's pictures most are identical, not all."""
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
    "occluded": Check("Covered or moved", "the usual view is gone"),
    "empty_bed": Check("Empty bed?", "no breathing movement seen"),
}
NOT_CHECKED = "Not checked: who and how many people lie in the bed."


def picture_faults(
    video: np.ndarray, gap: np.ndarray | None = None, damaged: np.ndarray | None = None,
    motion: np.ndarray | None = None,
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

    Returns
    -------
    DataFrame
        A bool column a check, a row a clip, in the order of `CHECKS`.
    """
    table = pd.DataFrame(_of_themselves(video), dtype=bool)
    table["occluded"] = _occluded(video)
    if motion is not None:
        table["empty_bed"] = _still(motion)
    # What is held over a gap, or made up by a decoder, is no picture to judge.
    for name, found in (("damaged", damaged), ("gap", gap)):
        if found is not None:
            table[np.asarray(found)] = False
            table[name] = found
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


def _occluded(video: np.ndarray) -> np.ndarray:
    """Where the usual edges of the night are gone in much of the picture, bool [n].

    Each of 4 × 4 tiles is compared with the night's median by the cosine between the gradients of the two: 1 where it
    is the same in another light, 0 where something else covers it. Tiles that usually look otherwise are left out, and
    where these are most of the picture nothing is said. On 450 clips of three simulated nights, people walking by and
    turning over cover 25 % of the tiles at most.
    """
    clips = len(video)
    if clips < _USUAL_CLIPS or min(video.shape[2:]) < 2 * _TILES:
        return np.zeros(clips, bool)
    edges = np.stack([_edges(clip) for clip in video])
    usual = np.median(edges, axis=0)
    alike = []
    for rows in np.array_split(np.arange(edges.shape[2]), _TILES):
        for columns in np.array_split(np.arange(edges.shape[3]), _TILES):
            tile = np.ix_(range(2), rows, columns)
            those, known = edges[:, *tile].reshape(clips, -1), usual[tile].ravel()
            alike.append(those @ known / np.maximum(np.linalg.norm(those, axis=1) * np.linalg.norm(known), 1e-6))
    tiles = np.array(alike)[np.median(alike, axis=1) >= _USUAL]
    return (tiles < _LOST).mean(axis=0) >= _COVERED if 2 * len(tiles) > len(alike) else np.zeros(clips, bool)


def _edges(clip: np.ndarray) -> np.ndarray:
    """Gradient of a clip's mean picture, scaled to 16 to 31 pixels if it is larger, float32 [2, height, width]."""
    picture = clip.mean(axis=0, dtype=np.float32)
    for axis in (0, 1):
        factor = max(1, picture.shape[axis] // _ACROSS)
        starts = np.arange(0, picture.shape[axis] - factor + 1, factor)
        picture = np.add.reduceat(picture, starts, axis=axis) / factor
    return np.stack(np.gradient(picture))


def _still(motion: np.ndarray) -> np.ndarray:
    """Where the breathing trace nearly vanishes for several clips, bool [n]."""
    breathing = np.array([read_motion(clip)[1].std() for clip in motion])
    if len(breathing) < _USUAL_CLIPS:
        return np.zeros(len(breathing), bool)
    still = np.pad(breathing < _STILL * np.median(breathing), _STILL_CLIPS - 1)
    runs = np.lib.stride_tricks.sliding_window_view(still, _STILL_CLIPS).all(axis=1)
    return np.lib.stride_tricks.sliding_window_view(runs, _STILL_CLIPS).any(axis=1)
