"""One EEG derivation (Fpz–Cz, 100 Hz, µV) of a latent night, continuous over clip borders.

Background: Gaussian noise whose spectrum follows depth and REM-ness, in 10-s frames that overlap by half (windows are
power-complementary), one frame centred on each 5-s bin. On it: graphic elements (spindles, K-complexes, vertex waves,
sawtooth waves, eye movements), muscle bursts of the movements that the camera sees too, and nuisance of its own
(electrode drift and pops, sweat, mains). The spectra were fitted to band powers of Sleep-EDF (`calibration.json`).
"""

from functools import lru_cache

import numpy as np

from sacd.simulate.body import GROSS, TWITCH, Movements
from sacd.simulate.night import BIN_S, BINS, Latents, by_state, wander
from sacd.simulate.participant import Participant, Stream

RATE_HZ = 100
SAMPLES = 3000
CHANNEL = "EEG Fpz-Cz"

_FRAME = 1000
_BIN = 500
_WINDOW = np.sin(np.pi * (np.arange(_FRAME) + 0.5) / _FRAME).astype(np.float32)
_FREQUENCY = np.fft.rfftfreq(_FRAME, 1 / RATE_HZ)
_KNOTS_HZ = np.array([0.5, 2.0, 6.0, 10.0, 13.5, 22.0, 40.0])
_ALPHA, _SIGMA = 3, 4
# Amplitude density (µV/√Hz) at the knots, at depth −1, 0, 1, 2, 3 and in REM.
_DENSITY = np.array([
    (8.2, 8.2, 0.55, 7.8, 27.0, 1.0),
    (6.5, 6.5, 0.45, 6.4, 22.5, 0.8),
    (3.5, 3.5, 2.1, 4.0, 4.2, 3.5),
    (0.9, 2.15, 0.7, 1.5, 1.55, 0.8),
    (2.2, 2.2, 1.25, 1.7, 1.2, 1.2),
    (2.3, 1.5, 1.3, 0.52, 0.63, 0.92),
    (2.7, 1.35, 1.1, 0.41, 0.34, 0.21),
])
_FLOOR = 0.15
_PERSON_SD, _BIN_SD = 0.17, 0.18

ELEMENTS = ("spindle", "k-complex", "vertex", "sawtooth", "eye", "slow eye")
_EYE = 4
# Events in 30 s at depth −1, 0, 1, 2, 3 and in REM; amplitude, µV.
_ELEMENT_RATES = np.array([
    (0.0, 0.0, 0.2, 3.5, 0.7, 0.1),
    (0.0, 0.0, 0.1, 1.6, 0.5, 0.0),
    (0.0, 0.0, 4.5, 0.2, 0.0, 0.0),
    (0.0, 0.0, 0.0, 0.0, 0.0, 3.0),
    (6.0, 3.0, 0.3, 0.0, 0.0, 4.5),
    (0.0, 0.8, 6.0, 0.0, 0.0, 0.1),
])
_ELEMENT_UV = np.array([17.0, 75.0, 50.0, 35.0, 45.0, 45.0])
_BURST_UV, _SWAY_UV = 25.0, 60.0


def _elements(spindle_hz: float) -> list[np.ndarray]:
    """Waveforms of unit size at 100 Hz."""
    def seconds(length: float) -> np.ndarray:
        return np.arange(round(length * RATE_HZ)) / RATE_HZ

    t = seconds(1.0)
    spindle = np.sin(2 * np.pi * spindle_hz * t) * np.hanning(len(t))
    t = seconds(1.2)
    complex_ = -np.sin(2 * np.pi * 1.1 * t) * np.exp(-(((t - 0.35) / 0.3) ** 2)) * np.minimum(1, (1.2 - t) * 4)
    t = seconds(0.25)
    vertex = -np.sin(2 * np.pi * 4 * t) ** 2
    t = seconds(2.0)
    sawtooth = ((3 * t) % 1 - 0.5) * np.sin(np.pi * t / 2)
    t = seconds(0.5)
    eye = np.sin(np.pi * t / 0.5)
    t = seconds(3.0)
    slow = np.sin(2 * np.pi * t / 3) * np.hanning(len(t))
    return [wave.astype(np.float32) for wave in (spindle, complex_, vertex, sawtooth, eye, slow)]


class EEG:
    """The EEG of a night, clip by clip.

    Parameters
    ----------
    participant : Participant
    latents : Latents
    movements : Movements
        Their muscle bursts and sway appear whether or not the camera sees the movement.
    """

    def __init__(self, participant: Participant, latents: Latents, movements: Movements) -> None:
        self._participant = participant
        self._clips = len(latents.depth) // BINS
        self._movements = movements
        self._latents = latents
        rng = participant.rng(Stream.EEG_EVENTS)
        knots = _KNOTS_HZ.copy()
        knots[_ALPHA] = np.clip(rng.normal(10.0, 0.6), 8.5, 11.5)
        knots[_SIGMA] = np.clip(rng.normal(13.4, 0.5), 12.3, 14.8)
        position = np.log(np.maximum(_FREQUENCY, 0.1))
        # Linear interpolation over log frequency as a matrix [knots, frequencies].
        basis = [np.interp(position, np.log(knots), row) for row in np.eye(len(knots))]
        self._basis = np.stack(basis).astype(np.float32)
        self._scale = np.exp(rng.normal(0, 0.12))
        self._background(rng)
        self._place_elements(rng, knots[_SIGMA])
        self._nuisance()
        self._chunk = lru_cache(maxsize=4)(self._draw_chunk)

    def _background(self, rng: np.random.Generator) -> None:
        bins = len(self._latents.depth)
        person = rng.normal(0, _PERSON_SD, (len(_KNOTS_HZ), 1))
        jitter = _BIN_SD * wander(rng, (len(_KNOTS_HZ), bins), BIN_S, 45.0)
        log = by_state(np.log(_DENSITY), self._latents.depth, self._latents.remness) + person + jitter
        self._log_density = log.T.astype(np.float32)
        self._floor = _FLOOR * np.exp(rng.normal(0, 0.3))

    def _place_elements(self, rng: np.random.Generator, spindle_hz: float) -> None:
        person = np.exp(rng.normal(0, 0.3, (len(ELEMENTS), 1)))
        rates = by_state(_ELEMENT_RATES, self._latents.depth, self._latents.remness) * person / BINS
        counts = rng.poisson(rates)
        kind, bins = np.nonzero(counts)
        repeat = counts[kind, bins]
        kind, bins = np.repeat(kind, repeat), np.repeat(bins, repeat)
        start = bins * _BIN + rng.integers(0, _BIN, len(bins))
        sign = np.where(kind >= _EYE, rng.choice([-1, 1], len(kind)), 1)
        size = sign * _ELEMENT_UV[kind] * rng.normal(1, 0.3, len(kind))
        order = np.argsort(start, kind="stable")
        self._element = kind[order], start[order], size[order].astype(np.float32)
        self._waves = _elements(spindle_hz)
        self._longest = max(map(len, self._waves))

    def _nuisance(self) -> None:
        """What EEG alone has: the gain drifts, electrodes pop, sweat sways the line, the mains hum."""
        rng = self._participant.rng(Stream.EEG_NUISANCE)
        seconds = self._clips * 30 + 1
        bins = self._clips * BINS
        self._gain = (self._scale * np.exp(0.12 * wander(rng, (bins,), BIN_S, 3600.0))).astype(np.float32)
        sweating = np.clip(wander(rng, (bins,), BIN_S, 1200.0) - 1.2, 0, None) * rng.gamma(1, 20)
        sweating = np.interp(np.arange(seconds), np.arange(bins) * BIN_S, sweating)
        self._line = (sweating * wander(rng, (seconds,), 1.0, 1.5)).astype(np.float32)
        self._mains_uv = np.exp(rng.normal(0.2, 0.8)) * np.clip(1 + wander(rng, (self._clips,), 30.0, 900.0), 0, None)
        self._mains_hz = 50 + rng.uniform(0.02, 0.08)
        pops = np.sort(rng.uniform(0, seconds, rng.poisson(self._clips / 120 * 0.5)))
        self._pops = pops, rng.normal(0, 150, len(pops))

    def _draw_chunk(self, clip: int) -> np.ndarray:
        """Spectra of white noise for the frames of one clip's bins, complex64 [6, frequencies]."""
        rng = self._participant.rng(Stream.EEG_NOISE, clip + 1)
        noise = rng.standard_normal((BINS, len(_FREQUENCY), 2), dtype=np.float32)
        return noise.view(np.complex64)[..., 0]

    def _noise(self, clip: int) -> np.ndarray:
        spectra = np.concatenate([self._chunk(clip - 1)[-1:], self._chunk(clip), self._chunk(clip + 1)[:1]])
        bins = np.clip(np.arange(BINS * clip - 1, BINS * (clip + 1) + 1), 0, len(self._log_density) - 1)
        density = np.exp(self._log_density[bins] @ self._basis) + self._floor
        density[:, :3] = 0
        # One-sided density S over Δf = 0.1 Hz: the coefficient's parts have deviation N/2·√(S Δf).
        frames = np.fft.irfft(spectra * density, n=_FRAME).astype(np.float32)
        frames *= _WINDOW * np.float32(_FRAME / 2 * np.sqrt(RATE_HZ / _FRAME))
        return frames[0::2].reshape(-1)[750:3750] + frames[1::2].reshape(-1)[250:3250]

    def _add_elements(self, signal: np.ndarray, clip: int) -> None:
        kind, start, size = self._element
        begin = clip * SAMPLES
        first, last = np.searchsorted(start, [begin - self._longest, begin + SAMPLES])
        for i in range(first, last):
            wave, at = self._waves[kind[i]], start[i] - begin
            low, high = max(at, 0), min(at + len(wave), SAMPLES)
            if high > low:
                signal[low:high] += size[i] * wave[low - at : high - at]

    def _add_movements(self, signal: np.ndarray, clip: int) -> None:
        events, begin = self._movements, clip * 30.0
        longest = events.duration.max(initial=0)
        first, last = np.searchsorted(events.onset, [begin - longest, begin + 30])
        if first == last:
            return
        muscle = np.diff(self._participant.rng(Stream.MUSCLE, clip).standard_normal(SAMPLES + 1, dtype=np.float32))
        for i in range(first, last):
            low = max(int((events.onset[i] - begin) * RATE_HZ) + 1, 0)
            high = min(int((events.onset[i] + events.duration[i] - begin) * RATE_HZ), SAMPLES)
            if high <= low:
                continue
            since = np.arange(low, high) / RATE_HZ + begin - events.onset[i]
            rise = np.sin(np.pi * since / events.duration[i]) ** 2
            # A limb's twitch hardly reaches the scalp; rolling over does.
            reach = events.strength[i] * (0.15 if events.kind[i] == TWITCH else 1.0)
            sway = np.sin(2 * np.pi * events.hertz[i] * since + events.phase[i])
            lift = _SWAY_UV if events.kind[i] == GROSS else 0.4 * _SWAY_UV
            signal[low:high] += (reach * rise * (_BURST_UV * muscle[low:high] + lift * sway)).astype(np.float32)

    def _add_nuisance(self, signal: np.ndarray, clip: int) -> None:
        sample = np.arange(SAMPLES, dtype=np.float32) / RATE_HZ
        signal += np.interp(sample, np.arange(31), self._line[clip * 30 : clip * 30 + 31])
        hum = self._mains_uv[[clip, min(clip + 1, self._clips - 1)]]
        if hum.any():
            # Phase from absolute time, in double precision: no jump at a border.
            phase = 2 * np.pi * ((self._mains_hz * 30 * clip) % 1 + self._mains_hz * sample.astype(float))
            signal += np.linspace(*hum, SAMPLES) * np.sin(phase)
        pops, size = self._pops
        for i in np.nonzero((pops > clip * 30 - 10) & (pops < clip * 30 + 30))[0]:
            since = sample + clip * 30 - pops[i]
            signal += np.where(since >= 0, size[i] * np.exp(-np.maximum(since, 0) / 1.5), 0)

    def clip(self, clip: int) -> np.ndarray:
        """One clip, float32 [3000], µV."""
        signal = self._noise(clip)
        self._add_elements(signal, clip)
        self._add_movements(signal, clip)
        knots = np.clip(np.arange(BINS * clip - 1, BINS * (clip + 1) + 1), 0, len(self._gain) - 1)
        signal *= np.interp(np.arange(SAMPLES), (np.arange(BINS + 2) - 0.5) * _BIN, self._gain[knots])
        self._add_nuisance(signal, clip)
        return signal
