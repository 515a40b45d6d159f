"""Traces of one clip as they are drawn: EEG behind a display filter, its spectrogram, and what moves."""

from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfiltfilt, spectrogram

from sacd.cohort import Recording
from sacd.cohort.motion import TIMES_S, read_motion
from sacd.stages import CLIP_SECONDS

BANDS: dict[str, tuple[float, float] | None] = {
    "0.3–35 Hz": (0.3, 35.0), "as stored": None, "slow waves, 0.5–4 Hz": (0.5, 4.0), "spindles, 11–16 Hz": (11.0, 16.0),
}
"""Filters of the display alone, Hz; the first is that of the AASM manual for EEG. Models see the EEG as stored."""
_MARGIN_S = 10.0
WINDOW_S, STEP_S, HIGHEST_HZ = 2.0, 0.25, 30.0
LOWEST_DB, HIGHEST_DB = -10.0, 30.0
"""Of the spectrogram's colours: dB over 1 µV²/Hz."""
_SAMPLED_CLIPS = 60


def bands(hz: float) -> list[str]:
    """Names of the display filters that a sampling rate (Hz) allows; the first is the default."""
    return [name for name, band in BANDS.items() if band is None or band[1] < hz / 2]


def with_neighbours(array: np.ndarray, numbers: np.ndarray, row: int, margin: int) -> np.ndarray:
    """One clip of a signal with `margin` samples before and after.

    Parameters
    ----------
    array : ndarray [clips, channels, samples]
    numbers : ndarray [clips] int
        Of the clips in the night: across a gap the clip itself is mirrored instead.
    row : int
    margin : int
        At most a clip.

    Returns
    -------
    ndarray [channels, margin + samples + margin] float64
    """
    clip = np.asarray(array[row], dtype=float)
    mirrored = np.pad(clip, ((0, 0), (margin, margin)), mode="reflect" if clip.shape[-1] > margin else "edge")
    if row and numbers[row - 1] == numbers[row] - 1:
        mirrored[:, :margin] = array[row - 1, :, clip.shape[-1] - margin :]
    if row + 1 < len(numbers) and numbers[row + 1] == numbers[row] + 1:
        mirrored[:, margin + clip.shape[-1] :] = array[row + 1, :, :margin]
    return mirrored


def filtered(recording: Recording, row: int, hz: float, band: str) -> np.ndarray:
    """EEG of a clip as it is drawn, float32 [channels, samples] µV: a Butterworth filter run forth and back."""
    limits = BANDS[band]
    if limits is None:
        return np.asarray(recording.eeg[row], dtype=np.float32)
    margin = round(_MARGIN_S * hz)
    wide = with_neighbours(recording.eeg, recording.clips["clip"].to_numpy(), row, margin)
    smooth = sosfiltfilt(butter(2, limits, "bandpass", fs=hz, output="sos"), wide, axis=-1)
    return smooth[:, margin:-margin].astype(np.float32)


def colours(recording: Recording, row: int, hz: float) -> np.ndarray:
    """Spectrogram of the clip's first EEG channel, unfiltered.

    Returns
    -------
    ndarray [frequencies, times] uint8
        Of windows of 2 s, a Hann taper each, whose middles stand 0.25 s apart, 0 to 30 s; rows are 0.5 Hz apart and
        begin at 0. The value 0 is `LOWEST_DB`, 255 `HIGHEST_DB`.
    """
    half, window = round(WINDOW_S / 2 * hz), round(WINDOW_S * hz)
    wide = with_neighbours(recording.eeg, recording.clips["clip"].to_numpy(), row, half)[0]
    step = max(round(STEP_S * hz), 1)
    frequency, _, power = spectrogram(wide, hz, "hann", window, window - step, scaling="density")
    level = 10 * np.log10(np.maximum(power[frequency <= HIGHEST_HZ], 1e-6))
    return np.clip(255 * (level - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB), 0, 255).astype(np.uint8)


def movement(recording: Recording, row: int, times: np.ndarray | None) -> dict[str, np.ndarray]:
    """What moves in a clip.

    Parameters
    ----------
    times : ndarray [frames] or None
        Of the pictures of `video.npy`, s from the clip's onset; None where there are none.

    Returns
    -------
    dict
        `movement` [n], the mean absolute difference of two pictures in grey levels (of 255), of `motion.npy`, else of
        the clip's own pictures; `movement_edges` [n + 1], when these pictures were taken, s from the clip's onset;
        `breathing` [n], between the same, where `motion.npy` has it. Empty where nothing is known.
    """
    if recording.motion is not None:
        grid, breathing = read_motion(recording.motion[row])
        energy = grid.mean(axis=(-1, -2))
        return {"movement_edges": TIMES_S.astype(np.float32), "movement": energy, "breathing": breathing}
    if times is None or len(times) < 2:
        return {}
    energy = np.abs(np.diff(recording.video[row].astype(np.float32), axis=0)).mean(axis=(1, 2))
    return {"movement_edges": times.astype(np.float32), "movement": energy}


@lru_cache(maxsize=64)
def ranges(recording: Recording) -> dict[str, list[float]]:
    """Where traces of a night lie, from a sample of its clips: one scale a night, so that what is flat looks flat.

    Returns
    -------
    dict
        `signals`: the largest deviation from the median of each channel (99.5 %), and `signal_middles`, these medians;
        `movement`: its 5 % and 99.5 % quantiles; `breathing`: 99.5 % of its deviation from 0.
    """
    rows = np.unique(np.linspace(0, len(recording) - 1, _SAMPLED_CLIPS).round().astype(int))
    found: dict[str, list[float]] = {}
    if recording.signals is not None:
        part = np.asarray(recording.signals[rows], dtype=float).swapaxes(0, 1).reshape(recording.signals.shape[1], -1)
        middles = np.median(part, axis=1)
        found["signal_middles"] = middles.tolist()
        found["signals"] = np.quantile(np.abs(part - middles[:, None]), 0.995, axis=1).tolist()
    if recording.motion is not None:
        grid, breathing = read_motion(np.asarray(recording.motion[rows]))
        found["movement"] = np.quantile(grid.mean(axis=(-1, -2)), [0.05, 0.995]).tolist()
        found["breathing"] = [float(np.quantile(np.abs(breathing), 0.995))]
    return found


def picture_times(recording: Recording, row: int, frames: int, span_s: float) -> np.ndarray:
    """When the pictures of a clip were taken, s from its onset, float64 [frames]; as sampled where nobody wrote it."""
    onset = float(recording.clips["onset"].iloc[row])
    if recording.frame_times is not None:
        return np.asarray(recording.frame_times[row]) - onset
    return (CLIP_SECONDS - span_s) / 2 + (np.arange(frames) + 0.5) * span_s / frames
