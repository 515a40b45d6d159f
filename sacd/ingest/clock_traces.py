"""What camera and recorder both tell of a night, at 5 samples a second: movement, and breathing.

Neither is calibrated: a movement is what stands above the last minutes' noise, breathing has no unit and no sign.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import next_fast_len
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import hilbert

from sacd.cohort.extras import SignalInfo
from sacd.cohort.motion import GRID, HZ, SAMPLES, read_motion

_EMG = re.compile(r"emg|chin|ment|musc|leg|tib", re.IGNORECASE)
_BELT = re.compile(r"thor|abd|chest|belt|rip|effort", re.IGNORECASE)
_FLOW = re.compile(r"flow|nasal|cannula|therm|press", re.IGNORECASE)
_BAND_HZ = (0.1, 0.7)
# Five and a half minutes: noise and muscle tone change with the stage.
_AROUND_CLIPS = 11
_NOISE_SDS = 2.0
_SMOOTH_S = 0.3
# Clips that are turned into numbers at once.
_TOGETHER = 64


@dataclass(frozen=True)
class VideoTraces:
    """What moves in a video, on the clock that is to be tested.

    Attributes
    ----------
    onsets : ndarray [clips] float64
        Where the clips begin, s.
    movement, breathing : ndarray [clips, 150] float32
        Sample i stands (i + ½) / 5 s after the onset; breathing may be up or down in each clip.
    """

    onsets: np.ndarray
    movement: np.ndarray
    breathing: np.ndarray

    @classmethod
    def from_motion(cls, motion: np.ndarray, onsets: np.ndarray) -> "VideoTraces":
        """From `motion.npy` (uint8 [clips, 150, 65]) and the onsets of its clips (s)."""
        # Cell by cell, for all of a night's as numbers are hundreds of megabytes; a stored step is the least noise.
        cells = range(GRID * GRID)
        movement = sum(_excess(motion[..., cell].astype(np.float32), least=1.0) for cell in cells) / len(cells)
        parts = np.array_split(motion, range(_TOGETHER, len(motion), _TOGETHER))
        breathing = np.concatenate([read_motion(part)[1] for part in parts])
        return cls(np.asarray(onsets, dtype=float), _smooth(movement), breathing)


@dataclass(frozen=True)
class PsgTraces:
    """What a recorder tells of movement and breathing, on its own clock.

    Attributes
    ----------
    onsets, movement, breathing
        As of `VideoTraces`; None where no channel tells.
    breathing_sensors : int
        How many channels `breathing` is made of.
    """

    onsets: np.ndarray
    movement: np.ndarray | None
    breathing: np.ndarray | None
    breathing_sensors: int = 1

    @classmethod
    def from_signals(
        cls, signals: np.ndarray | None, info: SignalInfo | None, eeg: np.ndarray | None, onsets: np.ndarray
    ) -> "PsgTraces":
        """From the further channels and the EEG of a recording; what is flat or absent is left out.

        Parameters
        ----------
        signals : ndarray [clips, channels, samples] or None
            As `signals.npy` has them: EMG (its level, or itself), belts, airflow, known by their names.
        info : SignalInfo or None
            Goes with `signals`.
        eeg : ndarray [clips, channels, samples] or None
            30 s, any unit: muscles show in it where there is no EMG.
        onsets : ndarray [clips]
            s from the recording's start.
        """
        names = () if info is None else info.channels
        chosen = {kind: [i for i, name in enumerate(names) if kind.search(name)] for kind in (_EMG, _BELT, _FLOW)}
        muscle = [_level(signals[:, i]) for i in chosen[_EMG]]
        if not muscle and eeg is not None:
            # Differences of samples: muscle is faster than the brain.
            muscle = [_level(np.diff(channel, prepend=channel[:, :1])) for channel in np.moveaxis(eeg, 1, 0)]
        moves = [_smooth(_excess(level, least=1e-3)) for level in muscle if level.std() > 0]
        belts = [_resample(signals[:, i], info.hz) for i in chosen[_BELT]]
        if not belts:
            belts = [_volume(_resample(signals[:, i], info.hz), onsets) for i in chosen[_FLOW]]
        breaths = [belt / belt.std() for belt in belts if belt.std() > 0]
        return cls(
            np.asarray(onsets, dtype=float), np.mean(moves, axis=0) if moves else None,
            np.sum(breaths, axis=0) if breaths else None, len(breaths),
        )


def on_grid(values: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """Clips [clips, 150] laid out on one line of time from the first onset on, 0 in gaps, [samples].

    Onsets that are no multiple of 0.2 s apart are rounded to it.
    """
    places = _places(onsets)
    line = np.zeros(places[-1, -1] + 1, np.float32)
    line[places] = values
    return line


def analytic(line: np.ndarray) -> np.ndarray:
    """The analytic signal of what breathes in a line of samples, complex64 [samples]."""
    return hilbert(_filtered(line, lambda hertz: 1.0)).astype(np.complex64)


def _places(onsets: np.ndarray) -> np.ndarray:
    return np.rint((onsets - onsets[0]) * HZ).astype(int)[:, None] + np.arange(SAMPLES)


def _filtered(line: np.ndarray, gain: Callable[[np.ndarray], complex | np.ndarray]) -> np.ndarray:
    """A line of samples at breathing's frequencies (Hz), each multiplied by its gain."""
    size = next_fast_len(len(line), real=True)
    hertz = np.fft.rfftfreq(size, 1 / HZ)
    inside = (hertz >= _BAND_HZ[0]) & (hertz <= _BAND_HZ[1])
    spectrum = np.fft.rfft(line, size)
    spectrum[~inside] = 0
    spectrum[inside] *= gain(hertz[inside])
    return np.fft.irfft(spectrum, size)[: len(line)]


def _volume(flow: np.ndarray, onsets: np.ndarray) -> np.ndarray:
    """What flows [clips, 150], added up: it stands where belts do, a quarter of a breath behind the flow."""
    return _filtered(on_grid(flow, onsets), lambda hertz: 1 / (2j * np.pi * hertz))[_places(onsets)]


def _level(values: np.ndarray) -> np.ndarray:
    """Log of the root mean square in each of a clip's 150 parts, float32 [clips, 150]; 0 where nothing is recorded."""
    edges = np.rint(np.linspace(0, values.shape[1], SAMPLES + 1)).astype(int)[:-1]
    power = np.add.reduceat(np.square(np.nan_to_num(values), dtype=np.float32), edges, axis=1)
    floor = 1e-4 * np.median(power)
    return (0.5 * np.log(power + floor)) if floor > 0 else np.zeros_like(power)


def _resample(values: np.ndarray, hz: float) -> np.ndarray:
    """Values [clips, samples] at the times of the 150 samples of motion."""
    times = (np.arange(SAMPLES) + 0.5) / HZ
    own = np.arange(values.shape[1]) / hz
    before = np.clip(np.searchsorted(own, times, side="right") - 1, 0, len(own) - 2)
    part = ((times - own[before]) * hz).astype(np.float32)
    values = np.nan_to_num(np.asarray(values, dtype=np.float32))
    return values[:, before] * (1 - part) + values[:, before + 1] * part


def _excess(values: np.ndarray, least: float) -> np.ndarray:
    """How far values [clips, 150] stand above the noise of the minutes around, in its logarithm."""
    away = values - median_filter(np.median(values, axis=1), _AROUND_CLIPS)[:, None]
    noise = max(1.4826 * float(np.median(np.abs(away))), least)
    return np.log1p(np.maximum(away / noise - _NOISE_SDS, 0))


def _smooth(values: np.ndarray) -> np.ndarray:
    return gaussian_filter1d(values, _SMOOTH_S * HZ, axis=1).astype(np.float32)
