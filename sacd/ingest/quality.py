"""Quality of a night's pictures, clip by clip: what can be said of a picture without knowing what it shows."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from sacd.ingest.video import HOLD_S

DARK, BRIGHT = 16, 250
"""Grey levels of 255."""
_TOGETHER = 64
"""Clips that are looked at together."""


class Check(NamedTuple):
    """A fault of a clip: what it is called, and when a clip has it."""

    title: str
    meaning: str


CHECKS: dict[str, Check] = {
    "gap": Check("No picture", f"the video has no picture within {HOLD_S:g} s"),
    "black": Check("Black", f"no point of the picture is brighter than {DARK} of 255"),
    "bright": Check("Over-exposed", f"half of the picture is brighter than {BRIGHT} of 255"),
    "frozen": Check("Frozen", "all pictures of the 30 s are identical"),
}
NOT_CHECKED = "Not checked: whether the bed is empty, who and how many lie in it, whether the camera was moved."


def picture_faults(video: np.ndarray, gap: np.ndarray | None = None) -> pd.DataFrame:
    """Which clips have which of the `CHECKS`.

    Parameters
    ----------
    video : ndarray [n, frames, height, width] uint8
        May be a memory map.
    gap : ndarray [n] bool, optional
        Where the video has no picture; without, no such check.

    Returns
    -------
    DataFrame
        A bool column a check, a row a clip.
    """
    found: dict[str, list[np.ndarray]] = {"black": [], "bright": [], "frozen": []}
    for first in range(0, len(video), _TOGETHER):
        clips = video[first : first + _TOGETHER].reshape(-1, video.shape[1], video.shape[2] * video.shape[3])
        found["black"].append((clips <= DARK).all(axis=(1, 2)))
        found["bright"].append((clips > BRIGHT).mean(axis=(1, 2)) >= 0.5)
        found["frozen"].append((clips == clips[:, :1]).all(axis=(1, 2)) & (clips.shape[1] > 1))
    table = pd.DataFrame({name: np.concatenate([*parts, np.zeros(0, bool)]) for name, parts in found.items()})
    if gap is None:
        return table
    # What is held over a gap is no picture to judge.
    table[gap] = False
    return pd.concat([pd.DataFrame({"gap": gap}), table], axis=1)
