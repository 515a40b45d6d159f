"""Which waves a clip's EEG holds, told against the rest of its own night."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sacd.analysis.calibration import BANDS, log_band_power
from sacd.cohort import Recording
from sacd.stages import CLIP_SECONDS

_DECIBEL = 10 / np.log(10)
_CHUNK = 256


class Wave(NamedTuple):
    """The band of `BANDS` that stands out most in a clip.

    Attributes
    ----------
    band : str
    gain : float
        dB above the median of the night's clips.
    begin : float
        Where in the clip the ten seconds begin that hold most of it, s.
    """

    band: str
    gain: float
    begin: float


@lru_cache(maxsize=32)
def band_gains(recording: Recording, hz: float) -> np.ndarray:
    """Power density of each band in each clip against the night's median of that band, dB [clips, bands].

    Parameters
    ----------
    recording : Recording
        Of a cohort with raw EEG, whose first channel is taken.
    hz : float
        Its rate.
    """
    parts = np.array_split(recording.eeg, 1 + len(recording) // _CHUNK)
    power = np.concatenate([log_band_power(part[:, 0].astype(np.float32), hz) for part in parts])
    return _DECIBEL * (power - np.median(power, axis=0))


def main_wave(recording: Recording, place: int, hz: float) -> Wave:
    """The wave that stands out most in the clip in row `place` of a recording's arrays."""
    gains = band_gains(recording, hz)[place]
    band = int(gains.argmax())
    thirds = np.array_split(np.asarray(recording.eeg[place, 0], np.float32), 3)
    length = min(map(len, thirds))
    strongest = log_band_power(np.stack([third[:length] for third in thirds]), hz)[:, band].argmax()
    return Wave(list(BANDS)[band], float(gains[band]), float(strongest * CLIP_SECONDS / 3))
