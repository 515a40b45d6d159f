"""Quality of a night's EEG, clip by clip: what can be said of a signal without knowing the stage.

The limits are our choice and stand far from what brains do: a clip that is only unusual has no fault.
"""

import numpy as np
import pandas as pd

from sacd.ingest.quality import Check

_HZ = 100
FLAT_UV, FLAT_S = 1.0, 5
"""A second that moves less is flat; that many seconds of a clip, and the clip is."""
RAILS_S = 0.15
LARGE_UV, LARGE_S = 400.0, 5
FAST_HZ, SLOW_HZ = (20.0, 35.0), (1.0, 8.0)
FAST_UV = 25.0
LIKE_NOISE, NOISE_UV = 0.7, 10.0
IMPOSSIBLE_SD_UV, IMPOSSIBLE_UV = 1e3, 5e3
_TOGETHER = 64
"""Clips that are looked at together."""

CHECKS: dict[str, Check] = {
    "flat": Check("Flat", f"{FLAT_S} s or more move less than {FLAT_UV:g} µV from peak to peak"),
    "clipped": Check("Clipped", f"{RAILS_S:g} s or more at the largest or smallest number of the channel"),
    "disconnected": Check(
        "Disconnected", f"at {FAST_HZ[0]:g}–{FAST_HZ[1]:g} Hz more than {LIKE_NOISE:g} of the power density at "
        f"{SLOW_HZ[0]:g}–{SLOW_HZ[1]:g} Hz, and an SD below {NOISE_UV:g} µV: an amplifier without a head"
    ),
    "noisy": Check(
        "Noisy", f"an SD above {FAST_UV:g} µV at {FAST_HZ[0]:g}–{FAST_HZ[1]:g} Hz, or {LARGE_S} s or more beyond "
        f"{LARGE_UV:g} µV from peak to peak"
    ),
    "impossible": Check(
        "Impossible", f"an SD above {IMPOSSIBLE_SD_UV / 1e3:g} mV, or {IMPOSSIBLE_UV / 1e3:g} mV reached"
    ),
}
"""A clip has a fault where any of its channels has it."""


def signal_faults(eeg: np.ndarray, rails: np.ndarray | None = None) -> pd.DataFrame:
    """Which clips have which of the `CHECKS`.

    Parameters
    ----------
    eeg : ndarray [clips, channels, 3000] float
        µV at 100 Hz, 0.3–35 Hz, as `sacd.ingest.psg.read_eeg` gives it; may be a memory map.
    rails : ndarray [clips, channels, 3000] bool, optional
        Of `sacd.ingest.psg.read_rails`; without, no clip counts as clipped.

    Returns
    -------
    DataFrame
        A bool column a check, a row a clip.
    """
    clipped = np.zeros(len(eeg), bool) if rails is None else (rails.sum(axis=-1) >= RAILS_S * _HZ).any(axis=1)
    parts = [_faults(eeg[first : first + _TOGETHER]) for first in range(0, max(1, len(eeg)), _TOGETHER)]
    return pd.concat(parts, ignore_index=True).assign(clipped=clipped)[list(CHECKS)]


def _faults(eeg: np.ndarray) -> pd.DataFrame:
    signals = np.asarray(eeg, dtype=float)
    lost = ~np.isfinite(signals).all(axis=-1)
    signals = np.nan_to_num(signals, nan=0.0, posinf=0.0, neginf=0.0)
    seconds = np.ptp(signals.reshape(*signals.shape[:2], signals.shape[2] // _HZ, _HZ), axis=-1)
    power = np.abs(np.fft.rfft(signals)) ** 2
    hz = np.fft.rfftfreq(signals.shape[-1], 1 / _HZ)
    fast, slow = ((hz >= low) & (hz <= high) for low, high in (FAST_HZ, SLOW_HZ))
    deviation = signals.std(axis=-1)
    fast_uv = np.sqrt(2 * power[..., fast].sum(axis=-1)) / signals.shape[-1]
    flat = (seconds < FLAT_UV).sum(axis=-1) >= FLAT_S
    like_noise = power[..., fast].mean(axis=-1) > LIKE_NOISE * power[..., slow].mean(axis=-1)
    large = (seconds > LARGE_UV).sum(axis=-1) >= LARGE_S
    faults = {
        "flat": flat,
        "disconnected": like_noise & (deviation < NOISE_UV) & ~flat,
        "noisy": (fast_uv > FAST_UV) | large,
        "impossible": lost | (deviation > IMPOSSIBLE_SD_UV) | (np.abs(signals).max(axis=-1) > IMPOSSIBLE_UV),
    }
    return pd.DataFrame({name: found.any(axis=1) for name, found in faults.items()})
