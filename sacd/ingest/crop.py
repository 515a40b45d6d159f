"""What is kept of a recording that is much longer than its night.

By the clock, which knows no scoring and asks of a clinic no more than its recorder's time. The literature's sleep
± 30 minutes tells a network how long the wake before sleep lasts; to have its share of wake without that, *drawn*
draws the two margins of each night.
"""

from datetime import datetime
from typing import Literal, get_args

import numpy as np

from sacd.exceptions import SacdError
from sacd.stages import CLIP_SECONDS, W

Crop = Literal["clock", "drawn"]
BED_HOUR, RISE_HOUR = 22, 9
"""The clock's window: of 16 Sleep-EDF nights it leaves out 13 % of one's sleep (risen at 10:06) and nobody else's."""
MARGIN_CLIPS = 120
"""The longest margin beside sleep that is drawn: an hour."""
WORDS: dict[str, str] = {
    "clock": f"clips that begin from {BED_HOUR}:00 to {RISE_HOUR}:00",
    "drawn": f"sleep by its scoring, with margins of 0–{MARGIN_CLIPS} clips drawn for each night",
}
"""The crops, for a cohort's provenance."""


def check_crop(crop: str) -> None:
    """Raise SacdError for an unknown crop."""
    if crop not in get_args(Crop):
        raise SacdError(f"crop {crop!r} is unknown; use {' or '.join(get_args(Crop))}")


def kept(crop: Crop, recording: str, start: datetime, clips: np.ndarray, stages: np.ndarray) -> np.ndarray:
    """Which clips of a recording a crop keeps.

    Parameters
    ----------
    crop : {"clock", "drawn"}
    recording : str
        Its id.
    start : datetime
        When clip 0 began, local time.
    clips, stages : ndarray of int [n]
        Clip numbers, and stages that the clock does not look at.

    Returns
    -------
    ndarray of bool [n]
    """
    if crop == "clock":
        begin_s = 3600 * start.hour + 60 * start.minute + start.second + CLIP_SECONDS * clips
        hour = begin_s / 3600 % 24
        return (hour >= BED_HOUR) | (hour < RISE_HOUR)
    asleep = np.flatnonzero(stages != W)
    if not len(asleep):
        return np.zeros(len(clips), bool)
    before, after = drawn_margins(recording)
    row = np.arange(len(clips))
    return (row >= asleep[0] - before) & (row <= asleep[-1] + after)


def drawn_margins(recording: str) -> tuple[int, int]:
    """Clips kept before and after a night's sleep, 0 to `MARGIN_CLIPS`; they depend on its id alone."""
    before, after = np.random.default_rng(list(recording.encode())).integers(0, MARGIN_CLIPS, size=2, endpoint=True)
    return int(before), int(after)
