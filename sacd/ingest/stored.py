"""A PSG file that was opened and found whole, whatever its format: what it holds, and samples of one channel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError

LONGEST_S = 36 * 3600.0
"""A recording is at most a day and a half long: what a header says beyond that is a mistake, and nobody waits."""
FASTEST_HZ = 1e5
"""Of any channel: some keep the night's sound."""
LONGEST_SAMPLES = 2**28
"""Of a channel that is read: a day at 3 kHz."""


@dataclass(frozen=True)
class Stored:
    """What a format's module tells of a file; `sacd.ingest.psg` goes on from there.

    Attributes
    ----------
    start : datetime or None
        Local time of the first sample; None where the format does not say.
    names, units : tuple of str
        Of the channels, as the file writes them; a unit is the one that `read` returns.
    rates : tuple of float
        Hz.
    segments : tuple of (float, float)
        Stretches without a gap: begin and end, s from `start`.
    positions : tuple of float
        Where the samples of each segment begin, in s of what is stored: a gap takes place in some formats only.
    read : callable
        ``read(channel, first, stop)``: samples of the channel with that index, float64 in its unit.
    """

    path: Path
    start: datetime | None
    names: tuple[str, ...]
    units: tuple[str, ...]
    rates: tuple[float, ...]
    segments: tuple[tuple[float, float], ...]
    positions: tuple[float, ...]
    read: Callable[[int, int, int], np.ndarray]

    def __post_init__(self) -> None:
        seconds = self.segments[-1][1]
        fastest = max(self.rates, default=0.0)
        if not (seconds <= LONGEST_S and fastest <= FASTEST_HZ):
            raise SacdError(
                f"{self.path}: its header promises {seconds / 3600:.4g} h at up to {fastest:g} Hz, more than a night "
                "holds; correct the header, or cut the recording into nights"
            )

    def ranges(self, channel: int) -> list[tuple[int, int]]:
        """First sample of each segment, and the one after its last."""
        hz = self.rates[channel]
        if self.segments[-1][1] * hz > LONGEST_SAMPLES:
            raise SacdError(
                f"{self.path}: channel {self.names[channel]} has {hz:g} samples a second, too many for a night; "
                "export it with fewer, or choose another channel"
            )
        return [
            (round(position * hz), round((position + end - begin) * hz))
            for position, (begin, end) in zip(self.positions, self.segments, strict=True)
        ]


def stretches(
    begins: Sequence[float] | np.ndarray, lengths: Sequence[float] | np.ndarray, tolerance_s: float
) -> tuple[tuple[tuple[float, float], ...], tuple[float, ...]]:
    """Parts of a recording, joined where no gap lies between them.

    Parameters
    ----------
    begins, lengths : array [n]
        When each part begins, and how long it is, s.
    tolerance_s : float
        Less than that is no gap.

    Returns
    -------
    segments, positions
        As `Stored` has them.

    Raises
    ------
    ValueError
        A part begins before the one before it has ended.
    """
    begins, lengths = np.asarray(begins, float), np.asarray(lengths, float)
    apart = begins[1:] - begins[:-1] - lengths[:-1]
    if (apart < -tolerance_s).any():
        raise ValueError("parts of the recording overlap or go back in time")
    firsts = np.concatenate([[0], np.flatnonzero(apart > tolerance_s) + 1])
    lasts = np.concatenate([firsts[1:], [len(begins)]]) - 1
    stored = np.concatenate([[0.0], np.cumsum(lengths)])
    # The end counts from the samples: begins are rounded where they are written.
    ends = begins[firsts] + stored[lasts + 1] - stored[firsts]
    segments = tuple((float(begin), float(end)) for begin, end in zip(begins[firsts], ends, strict=True))
    return segments, tuple(float(position) for position in stored[firsts])
