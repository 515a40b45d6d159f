"""The time since a recording began, as features of a clip: what can be said of a stage without looking."""

import numpy as np

from sacd.stages import CLIP_SECONDS

_PERIODS_HOURS = (12, 6, 3, 1.5)


def clock(clips: np.ndarray) -> np.ndarray:
    """Time, its square and its waves of 12, 6, 3 and 1.5 hours; known at the time.

    Parameters
    ----------
    clips : ndarray [n] int
        Numbers of clips in their recording.

    Returns
    -------
    ndarray [n, 10] float32
        Time is in units of 12 hours.
    """
    hours = np.asarray(clips)[:, None] * CLIP_SECONDS / 3600
    waves = [wave(2 * np.pi * hours / period) for period in _PERIODS_HOURS for wave in (np.sin, np.cos)]
    return np.hstack([hours / 12, (hours / 12) ** 2, *waves]).astype(np.float32)
