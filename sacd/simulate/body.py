"""The sleeping body, which EEG and camera share: movements, postures, breathing and muscle tone of a whole night."""

from dataclasses import dataclass

import numpy as np

from sacd.simulate.coupling import Coupling
from sacd.simulate.night import BIN_S, Latents, by_state, wander
from sacd.simulate.participant import Participant, Stream

MODES = (
    "thorax", "abdomen", "head", "arm_left", "arm_right", "leg_left", "leg_right", "trunk", "eyes",
    "camera_x", "camera_y",
)
"""What can move in the picture; the last two are the camera itself."""
THORAX, ABDOMEN, HEAD = 0, 1, 2
LIMBS = slice(2, 7)
TRUNK, EYES, CAMERA_X, CAMERA_Y = 7, 8, 9, 10

KINDS = ("small", "gross", "twitch", "arousal")
SMALL, GROSS, TWITCH, AROUSAL = range(4)
POSTURES = ("supine", "left", "right", "prone")
_POSTURE_SHARES = (0.40, 0.25, 0.25, 0.10)
# Events in 30 s at depth −1, 0, 1, 2, 3 and in REM.
_RATES = np.array([
    (2.0, 1.2, 0.55, 0.18, 0.05, 0.45),
    (0.4, 0.25, 0.09, 0.03, 0.006, 0.03),
    (0.0, 0.0, 0.1, 0.05, 0.0, 2.2),
])
_DURATION_S = (1.4, 2.4, 0.8, 1.6)
_SWING = (0.14, 0.30, 0.12, 0.16)
_TURN_SHARE = 0.4
# Breathing: change of rate, variability of rate and of depth, depth; the last two exponents depend on coupling.
_RATE_SHIFT = (0.12, 0.06, 0.0, -0.03, -0.05, 0.05)
_RATE_CV = np.log([0.25, 0.20, 0.16, 0.09, 0.03, 0.34])
_DEPTH = (1.0, 1.0, 0.85, 0.95, 1.2, 0.6)
_DEPTH_CV = np.log([0.40, 0.32, 0.24, 0.15, 0.05, 0.60])
_UNRULY_SD, _UNRULY_S = 0.4, 240.0
# Falling asleep, breathing waxes and wanes (Bulow 1963).
_WAXING, _WAXING_S = (0.0, 0.1, 0.7, 0.15, 0.0, 0.0), 16.0
_EFFORT_LEFT, _FLOW_LEFT = 0.25, 0.04
_CHIN_UV = (14.0, 9.0, 5.0, 3.5, 2.5, 1.0)


@dataclass(frozen=True)
class Movements:
    """Events of a night sorted by onset, all arrays [events].

    `onset`, `duration` in s; `strength` 0–1.5; `kind` indexes `KINDS`; `seen` is uniform in 0–1 (the camera sees an
    event whose value is below its coupling's `seen`); `swing` [events, MODES] is the amplitude of the movement, `hertz`
    and `phase` are those of the swing; `turn` marks a new posture.
    """

    onset: np.ndarray
    duration: np.ndarray
    strength: np.ndarray
    kind: np.ndarray
    seen: np.ndarray
    swing: np.ndarray
    hertz: np.ndarray
    phase: np.ndarray
    turn: np.ndarray


def simulate_movements(participant: Participant, latents: Latents) -> Movements:
    """Movements fall with depth, limbs twitch in REM, and an arousal ends most apnoeas with a jerk."""
    rng = participant.rng(Stream.MOVEMENT)
    rates = by_state(_RATES, latents.depth, latents.remness) * (BIN_S / 30) * participant.restlessness
    # Many lie awake quite still: awake, restlessness comes and goes within minutes.
    awake = np.clip(1 - latents.depth, 0, 1) * (1 - latents.remness)
    rates[:2] *= np.exp(0.7 * awake * wander(rng, (len(awake),), BIN_S, 300.0))
    counts = rng.poisson(rates)
    kinds, bins = np.nonzero(counts)
    repeat = counts[kinds, bins]
    kind, place = np.repeat(kinds, repeat), np.repeat(bins, repeat)
    onset = (place + rng.random(len(place))) * BIN_S
    ends = (latents.apnoea_onset + latents.apnoea_duration)[latents.arousal]
    kind = np.concatenate([kind, np.full(len(ends), AROUSAL)])
    onset = np.concatenate([onset, ends])
    order = np.argsort(onset, kind="stable")
    kind, onset = kind[order], onset[order]
    n = len(onset)
    duration = np.array(_DURATION_S)[kind] * np.exp(0.4 * rng.standard_normal(n))
    size = np.array(_SWING)[kind]
    moves = np.zeros((n, len(MODES)))
    one = rng.choice(np.arange(2, 7), n, p=(0.3, 0.2, 0.2, 0.15, 0.15))
    moves[np.arange(n), one] = 1
    moves[kind == GROSS, : TRUNK + 1] = 1
    moves[kind == AROUSAL, HEAD:5] = 1
    moves[kind == TWITCH, LIMBS] *= np.array([1, 1, 1, 0.5, 0.5])
    swing = moves * size[:, None] * rng.standard_normal((n, len(MODES)))
    turn = (kind == GROSS) & (rng.random(n) < _TURN_SHARE)
    # Nobody turns over unseen.
    seen = np.where(turn, 0.0, rng.random(n))
    strength = np.minimum(3 * size * np.exp(0.3 * rng.standard_normal(n)), 1.5)
    return Movements(
        onset=onset, duration=duration, strength=strength, kind=kind, seen=seen, swing=swing,
        hertz=rng.uniform(0.4, 1.2, n), phase=rng.uniform(0, 2 * np.pi, n), turn=turn,
    )


@dataclass(frozen=True)
class Lies:
    """Stretches at rest between movements, arrays [lies].

    `onset` in s (the first is 0), `fade` the length of the movement that leads to it (s), `posture` a code, `rest`
    [lies, MODES] where head and limbs lie, `group` counts the gross movements so far.
    """

    onset: np.ndarray
    fade: np.ndarray
    posture: np.ndarray
    rest: np.ndarray
    group: np.ndarray


def simulate_lies(participant: Participant, movements: Movements, seen: float) -> Lies:
    """How the body lies: small movements shift limbs, gross ones lay head and limbs anew, some turn the body over."""
    rng = participant.rng(Stream.POSTURE)
    shown = movements.seen < seen
    kept = np.nonzero(shown & (movements.kind != TWITCH))[0]
    gross = np.append(True, movements.kind[kept] == GROSS)
    # Drawn for every event, seen or not: all couplings show the same positions.
    drawn = 0.15 * rng.standard_normal((len(shown) + 1, 5))[np.append(0, kept + 1)]
    moved = np.append(np.zeros((1, 5)), movements.swing[kept, LIMBS], axis=0) != 0
    # A head turns back after a small movement: the eyes stay where the modes of the lie have them.
    moved[:, 0] = False
    rest = np.zeros((len(gross), len(MODES)))
    for i in range(len(gross)):
        before = rest[i - 1, LIMBS]
        rest[i, LIMBS] = drawn[i] if gross[i] else np.where(moved[i], 0.7 * before + 0.4 * drawn[i], before)
    turns = np.append(True, movements.turn[kept])
    posture = rng.choice(len(POSTURES), len(shown) + 1, p=_POSTURE_SHARES)[np.append(0, kept + 1)]
    turned = np.maximum.accumulate(np.where(turns, np.arange(len(turns)), 0))
    return Lies(
        onset=np.append(0.0, movements.onset[kept]), fade=np.append(1.0, movements.duration[kept]),
        posture=posture[turned], rest=rest, group=np.cumsum(gross) - 1,
    )


class Motion:
    """The body's swings while it moves, at any time (without breathing); at rest all are 0."""

    def __init__(self, movements: Movements, seen: float) -> None:
        keep = movements.seen < seen
        self._onset = movements.onset[keep]
        self._duration = movements.duration[keep]
        self._swing = movements.swing[keep]
        self._hertz, self._phase = movements.hertz[keep], movements.phase[keep]
        self._longest = float(self._duration.max(initial=1.0))

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Coefficients [n, MODES] at rising times (s)."""
        part = slice(*np.searchsorted(self._onset, [times[0] - self._longest, times[-1]]))
        since = times[:, None] - self._onset[part]
        rise = np.sin(np.pi * np.clip(since / self._duration[part], 0, 1)) ** 2
        return (rise * np.sin(2 * np.pi * self._hertz[part] * since + self._phase[part])) @ self._swing[part]


class Breathing:
    """Respiration of a whole night on a grid of 1 s; effort and flow at any time.

    Rate and depth vary less the deeper the sleep, and much in REM. An apnoea is obstructive: flow stops, effort is low
    and paradoxical (abdomen against thorax), and a rebound follows.
    """

    def __init__(self, participant: Participant, latents: Latents, coupling: Coupling) -> None:
        rng = participant.rng(Stream.BREATHING)
        seconds = int(len(latents.depth) * BIN_S) + 2
        second = np.arange(seconds)
        centre = (np.arange(len(latents.depth)) + 0.5) * BIN_S

        def track(table: np.ndarray | tuple[float, ...]) -> np.ndarray:
            return np.interp(second, centre, by_state(table, latents.depth, latents.remness))

        # A stage has no one regularity of its own: it wanders within minutes.
        regularity = participant.breath_irregularity * np.exp(_UNRULY_SD * wander(rng, (seconds,), 1.0, _UNRULY_S))

        def spread(log_cv: np.ndarray) -> np.ndarray:
            mean = log_cv.mean()
            return track(np.exp(mean + coupling.breathing * (log_cv - mean))) * regularity

        vary = wander(rng, (2, seconds), 1.0, 4.0)
        rate = participant.breaths_hz * (1 + coupling.breathing * track(_RATE_SHIFT))
        rate *= np.exp(spread(_RATE_CV) * vary[0])
        self._phase = 2 * np.pi * (rng.random() + np.concatenate([[0], np.cumsum(rate)[:-1]]))
        self._depth = participant.breath_depth * track(_DEPTH) * np.exp(np.clip(spread(_DEPTH_CV) * vary[1], -1.5, 1.0))
        waxing = np.sin(2 * np.pi * second / _WAXING_S + wander(rng, (seconds,), 1.0, 120.0))
        self._depth *= 1 + coupling.breathing * track(_WAXING) * waxing
        self._closed = np.zeros(seconds)
        self._rebound = np.zeros(seconds)
        for onset, duration in zip(latents.apnoea_onset, latents.apnoea_duration, strict=True):
            near = slice(max(int(onset) - 3, 0), min(int(onset + duration) + 16, seconds))
            t = second[near] - onset
            shut = np.clip(np.minimum(t, duration - t) / 2 + 0.5, 0, 1)
            self._closed[near] = np.maximum(self._closed[near], shut)
            self._rebound[near] += np.exp(-(((t - duration - 4) / 3) ** 2))
        self._second = second
        self._abdominal = participant.abdominal

    def _at(self, values: np.ndarray, times: np.ndarray) -> np.ndarray:
        return np.interp(times, self._second, values)

    def _breath(self, times: np.ndarray, lead: float = 0.0) -> np.ndarray:
        phase = self._at(self._phase, times) + lead
        size = self._at(self._depth, times) * (1 + 0.9 * self._at(self._rebound, times))
        return size * (np.sin(phase) + 0.2 * np.sin(2 * phase))

    def effort(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Thorax and abdomen [n] each, arbitrary units: about ±1 together in quiet breathing."""
        closed = self._at(self._closed, times)
        breath = self._breath(times) * (1 - (1 - _EFFORT_LEFT) * closed)
        return breath * (1 - self._abdominal), breath * self._abdominal * (1 - 2 * closed)

    def airflow(self, times: np.ndarray) -> np.ndarray:
        """Nasal flow [n], arbitrary units, a quarter of a breath ahead of effort."""
        return self._breath(times, np.pi / 2) * (1 - (1 - _FLOW_LEFT) * self._at(self._closed, times))


def chin_tone(latents: Latents) -> np.ndarray:
    """Tonic chin EMG [bins], µV rms: falls with depth, lowest in REM."""
    return by_state(_CHIN_UV, latents.depth, latents.remness)
