"""One channel of a PSG at another rate, block after block: a night at 2 kHz never lies in memory whole."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil

import numpy as np
from scipy.signal import firwin, resample_poly

_BLOCK_S = 600.0
# The filter's half length in samples of the slower rate, and its window: it falls from 42 to 58 % of that rate, and
# what is beyond is 80 dB down.
_HALF, _WINDOW = 16, ("kaiser", 8.0)
_LARGEST = 20_000
"""Of numerator and denominator of a ratio of rates."""
_IMPOSSIBLE = 1e30


def resampled(
    read: Callable[[int, int], np.ndarray], first: int, stop: int, hz: float, to_hz: float, count: int
) -> np.ndarray:
    """Samples `first` to `stop` of a channel at `to_hz`.

    Parameters
    ----------
    read : callable
        ``read(first, stop)``: float64 samples. What is no number is taken as 0.
    first, stop : int
        Nothing beyond them is read: segments are resampled apart, so nothing leaks over a gap.
    hz, to_hz : float
        Rates before and after.
    count : int
        Samples asked for: what the segment lasts at `to_hz`, rounded.

    Returns
    -------
    ndarray [count] float32
    """
    ratio = Fraction(to_hz / hz).limit_denominator(_LARGEST)
    up, down = ratio.numerator, ratio.denominator
    half = _HALF * max(up, down)
    taps = firwin(2 * half + 1, 1 / max(up, down), window=_WINDOW) if up != down else None
    # Blocks and margins are whole numbers of `down` samples, so that blocks meet without a seam.
    margin = ceil(half / up / down)
    block = max(margin + 1, ceil(_BLOCK_S * hz / down))
    result = np.zeros(count, np.float32)
    for done in range(0, count if stop > first else 0, block * up):
        before = margin if done else 0
        # From the rate itself: what its ratio is off by does not add up over the night.
        begin = first + round(done * hz / to_hz) - before * down
        values = _finite(read(begin, min(stop, begin + (before + block + margin) * down)))
        middle = values.mean()
        if taps is not None:
            # An offset of many mV, as DC amplifiers have, would ring through the filter.
            values = resample_poly(values - middle, up, down, window=taps, padtype="edge") + middle
        part = result[done : done + block * up]
        found = values[before * up :][: len(part)]
        part[: len(found)] = found
        part[len(found) :] = values[-1:]
    return result


def nearest(
    read: Callable[[int, int], np.ndarray], first: int, stop: int, hz: float, to_hz: float, count: int
) -> np.ndarray:
    """As `resampled`, with the sample that was last taken and nothing between: for steps, like those of an oximeter."""
    result = np.zeros(count, np.float32)
    each = ceil(_BLOCK_S * to_hz)
    for done in range(0, count if stop > first else 0, each):
        at = np.arange(done, min(count, done + each)) * (hz / to_hz)
        at = np.minimum((at + 1e-6).astype(int), stop - first - 1)
        values = _finite(read(first + int(at[0]), first + int(at[-1]) + 1))
        result[done : done + len(at)] = values[at - at[0]]
    return result


def _finite(values: np.ndarray) -> np.ndarray:
    """With 0 where there is no number."""
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), -_IMPOSSIBLE, _IMPOSSIBLE)
