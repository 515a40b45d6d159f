"""Simulated nights whose video runs on a wrong clock, as series: motion, EMG, EEG, belts and airflow.

Pictures are rendered at 16 × 16 at the times at which the camera took them, so motion comes from pictures as it does in
a cohort. What is left out is the codec, the scaling of pictures, and the reading of files.

In the simulator EMG and motion come of the same movements, and belts tell exactly the breathing that a camera sees. So
that a clock is not found by construction, the recorder gets movements of its own (many reach no muscle that is
recorded, others move nothing; all come earlier or later, longer or shorter, stronger or weaker than in the picture),
belts and airflow get noise, artefacts of these movements and lags that wander, and the sensors of a night are late or
early. What the camera alone sees or misses is the simulator's own (`Coupling`); pictures are lost as
`sacd.simulate.raw` loses them.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from sacd.cohort.extras import SignalInfo
from sacd.cohort.motion import CHANNELS, PICTURE, SAMPLES, TIMES_S, measure_motion
from sacd.ingest.clock_traces import PsgTraces, VideoTraces
from sacd.ingest.sync import ClockEstimate, VideoClock
from sacd.simulate.body import Movements
from sacd.simulate.coupling import COUPLINGS
from sacd.simulate.extras import SIGNALS, SIGNALS_HZ, signals
from sacd.simulate.night import wander
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import CLIP_SECONDS

HOURS = 4.0, 8.0
# What a clock may be wrong by, and how late the camera's own time stamps may be.
_OFFSET_S, _DRIFT_PPM, _CAMERA_LAG_S = 120.0, 50.0, 1.0
# Of the recorder, SDs: lags of its EMG, of single movements in it, and of belts and airflow, steady and wandering.
_EMG_LAG_S, _MOVEMENT_LAG_S = 0.15, 0.3
_BELT_LAG_S, _WANDER_LAG_S, _WANDER_S = 0.2, 0.15, 1800.0
# Of belts: the largest noise of a night and the size of artefacts, SDs of the signal.
_BELT_NOISE, _ARTEFACT = 1.0, 3.0
_MARGIN_CLIPS = 6
_DROPS_PER_HOUR, _LONGEST_DROP_S = 4.0, 4.0
MONTAGES = ("EMG and belts", "EMG and belts", "EEG and belts", "EMG and airflow", "EMG alone", "belts alone")


@dataclass(frozen=True)
class ClockNight:
    """A night on two clocks, as a cohort holds it: motion at the times that the camera states, signals at their own.

    `clock` says when the camera's times truly were; `signals`, `info` and `eeg` are the recorder's.
    """

    onsets: np.ndarray
    motion: np.ndarray
    signals: np.ndarray
    info: SignalInfo
    eeg: np.ndarray | None
    clock: VideoClock
    montage: str
    coupling: str

    @cached_property
    def video(self) -> VideoTraces:
        """What the camera tells."""
        return VideoTraces.from_motion(self.motion, self.onsets)

    @cached_property
    def psg(self) -> PsgTraces:
        """What the recorder tells."""
        return PsgTraces.from_signals(self.signals, self.info, self.eeg, self.onsets)


def error_s(estimate: ClockEstimate, truth: VideoClock) -> float:
    """The largest error of an estimate over the night."""
    edges = np.array([estimate.begin_s, estimate.end_s])
    return float(np.abs(estimate.clock.to_recording(edges) - truth.to_recording(edges)).max())


def clock_night(seed: int, index: int, hours: float | None = None) -> ClockNight:
    """Night number `index` of a study: 4 to 8 h of it, or `hours`."""
    rng = np.random.default_rng([seed, index])
    coupling = COUPLINGS[("weak", "medium", "strong")[index % 3]]
    montage = MONTAGES[index // 3 % len(MONTAGES)]
    night = SimulatedNight(make_participant(seed, "test", index), coupling)
    count = round((rng.uniform(*HOURS) if hours is None else hours) * 3600 / CLIP_SECONDS)
    first = _MARGIN_CLIPS + rng.integers(night.clips - 2 * _MARGIN_CLIPS - count + 1)
    offset = rng.uniform(-_OFFSET_S, _OFFSET_S) - rng.uniform(0, _CAMERA_LAG_S)
    clock = VideoClock(float(offset), float(rng.uniform(-_DRIFT_PPM, _DRIFT_PPM)))
    onsets = CLIP_SECONDS * np.arange(count)
    motion = _filmed(night, first * CLIP_SECONDS, onsets, clock, rng)
    recorded, events = _recorded(night, rng)
    clips = first + np.arange(count)
    values = _with_noise(signals(recorded, clips).astype(float), first * CLIP_SECONDS, events, rng)
    kept = [i for i, name in enumerate(SIGNALS.channels) if _has(montage, name)]
    info = SignalInfo(
        channels=tuple(SIGNALS.channels[i] for i in kept), units=tuple(SIGNALS.units[i] for i in kept), hz=SIGNALS_HZ,
    )
    eeg = recorded.eeg(clips).astype(np.float16) if "EEG" in montage else None
    return ClockNight(onsets, motion, values[:, kept].astype(np.float16), info, eeg, clock, montage, coupling.name)


def _has(montage: str, channel: str) -> bool:
    sensor = {"EMG chin": "EMG", "Resp nasal": "airflow"}.get(channel, "belts")
    return sensor in montage


def _filmed(
    night: SimulatedNight, begin_s: float, onsets: np.ndarray, clock: VideoClock, rng: np.random.Generator
) -> np.ndarray:
    motion = np.empty((len(onsets), SAMPLES, CHANNELS), np.uint8)
    length = onsets[-1] + CLIP_SECONDS
    lost = rng.uniform(0, length, rng.poisson(_DROPS_PER_HOUR * length / 3600))
    until = lost + rng.uniform(0, _LONGEST_DROP_S, len(lost))
    for row, onset in zip(motion, onsets, strict=True):
        times = onset + TIMES_S
        held = ((times[:, None] >= lost) & (times[:, None] < until)).any(axis=1)
        shown = np.maximum.accumulate(np.where(held, 0, np.arange(len(times))))
        pictures = night.render(begin_s + clock.to_recording(times), PICTURE, PICTURE)
        row[:] = measure_motion(pictures[shown])
    return motion


def _recorded(night: SimulatedNight, rng: np.random.Generator) -> tuple[SimulatedNight, Movements]:
    """The night as the recorder has it, with its own movements and the sensors' lags."""
    events = night._movements
    kept = np.flatnonzero(rng.random(len(events.onset)) > rng.uniform(0.1, 0.5))
    # Swallowing and grinding teeth: muscles that nothing shows of.
    extra = rng.integers(0, len(events.onset), rng.poisson(rng.uniform(0, 0.5) * len(events.onset)))
    chosen = np.concatenate([kept, extra])
    onset = events.onset[chosen] + rng.normal(0, _EMG_LAG_S) + rng.normal(0, _MOVEMENT_LAG_S, len(chosen))
    onset[len(kept) :] += rng.uniform(-900, 900, len(extra))
    own = replace(
        Movements(**{field.name: getattr(events, field.name)[chosen] for field in fields(events)}),
        onset=onset, duration=events.duration[chosen] * np.exp(rng.normal(0, 0.3, len(chosen))),
        strength=events.strength[chosen] * np.exp(rng.normal(0, 0.5, len(chosen))),
    )
    order = np.argsort(onset)
    own = Movements(**{field.name: getattr(own, field.name)[order] for field in fields(own)})
    recorded = SimulatedNight(night.participant, night.coupling)
    recorded._movements = own
    minutes = np.arange(round(night.duration_s / 60) + 1) * 60.0
    for name in ("thorax", "abdomen", "airflow"):
        lags = rng.normal(0, _BELT_LAG_S) + _WANDER_LAG_S * wander(rng, minutes.shape, 60.0, _WANDER_S)
        sensor = getattr(night, name)
        setattr(recorded, name, lambda t, sensor=sensor, lags=lags: sensor(t - np.interp(t, minutes, lags)))
    return recorded, own


def _with_noise(values: np.ndarray, begin_s: float, events: Movements, rng: np.random.Generator) -> np.ndarray:
    """Signals [clips, 4, 300] with noise on belts and airflow, and artefacts of the recorder's movements there."""
    clips, _, samples = values.shape
    for channel in range(1, 4):
        line = values[:, channel].ravel()
        size = line.std()
        line += rng.uniform(0.1, _BELT_NOISE) * size * wander(rng, line.shape, 1 / SIGNALS_HZ, 0.7)
        for onset, duration, strength in zip(events.onset - begin_s, events.duration, events.strength, strict=True):
            first, last = (int(np.clip(edge * SIGNALS_HZ, 0, len(line))) for edge in (onset, onset + 2 * duration))
            pull = np.hanning(last - first) if last > first + 2 else np.zeros(last - first)
            line[first:last] += rng.normal(0, _ARTEFACT * size * strength) * pull
        values[:, channel] = line.reshape(clips, samples)
    return values
