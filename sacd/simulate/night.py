"""One latent night: a semi-Markov hypnogram, the continuous latents depth and REM-ness, apnoeas, and its scorers.

Everything runs on bins of 5 s, six a clip. Depth is in units of stages (border W–N1 0.5, N1–N2 1.5, N2–N3 2.75).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import fftconvolve, lfilter
from scipy.special import log_ndtr, softmax

from sacd.simulate.coupling import LABELS, LabelModel
from sacd.simulate.participant import Participant, Stream
from sacd.stages import N1, N2, N3, REM, W

BIN_S = 5.0
BINS = 6
"""Bins in a clip."""

_PER_MINUTE = 60 / BIN_S
BORDERS = np.array([0.5, 1.5, 2.75])
STAGE_DEPTH = np.array([-0.7, 1.0, 2.0, 3.1, 1.2])
# Who sleeps deep has a deeper N3: a factor on the logarithm of that trait.
_DEEPER = 0.35
# Time constants, s: of sinking into sleep, of waking, of REM's coming and going.
_SETTLE_S, _WAKE_S, _REM_S, _LEAVE_REM_S = 21.0, 10.0, 132.0, 22.0
# The wandering of depth: time constant, s, and standard deviation.
_WANDER_S, _WANDER_SD = 600.0, 0.12
_AROUSAL_DEPTH, _AROUSAL_SHARE = 0.8, 0.5
# Half of the mean time awake in bed before and after sleep, minutes: the paper's nights are 41 % wake.
_LYING_AWAKE_MIN = 63
# Awakenings: rate an hour, what an event of the AHI adds, factors by stage; their median length (min) and spread.
_AWAKENINGS, _AWAKENINGS_AHI = 4.7, 0.05
_WAKES = (0.0, 4.7, 1.0, 0.18, 0.14)
_AWAKE_MIN, _AWAKE_SPREAD = 0.25, 0.6
# Half of N1's mean length when falling asleep, minutes, and by how much of it the sleepiest shorten it.
_DOZE_MIN, _SLEEPY = 0.5, 0.6
# Lying awake between cycles: how often, and how long, minutes.
_LONG_WAKE, _LONG_WAKE_MIN = 0.55, 27.0
# Minutes of N2 before and after N3; of N3 and REM in the first, second … cycle and in all that follow.
_N2_MINUTES = (34, 27)
_N3_MINUTES = (45, 21, 8, 0)
_REM_MINUTES = (13, 24, 34, 41, 43)
# How even these lengths are (shapes of gamma distributions); N3 shorter than so many minutes is left out.
_N3_SHAPE, _REM_SHAPE, _SHORTEST_N3 = 2.5, 3.0, 10.0


@dataclass(frozen=True)
class Latents:
    """A night before anybody observes it.

    Attributes
    ----------
    stages : ndarray [bins] of int
        The semi-Markov hypnogram.
    depth, remness : ndarray [bins] of float
        What EEG, video and scorers see of it.
    apnoea_onset, apnoea_duration : ndarray [apnoeas]
        s from the night's start, s.
    arousal : ndarray [apnoeas] of bool
        Whether an arousal ends the apnoea.
    ambiguity : float
        How unclear the night is to those who score it; the median person's is 1.
    """

    stages: np.ndarray
    depth: np.ndarray
    remness: np.ndarray
    apnoea_onset: np.ndarray
    apnoea_duration: np.ndarray
    arousal: np.ndarray
    ambiguity: float


def by_state(table: tuple[float, ...] | np.ndarray, depth: np.ndarray, remness: np.ndarray) -> np.ndarray:
    """A quantity given at depth −1, 0, 1, 2, 3 and in REM, for any state.

    Parameters
    ----------
    table : array-like [..., 6]
    depth, remness : ndarray [n]

    Returns
    -------
    ndarray [..., n]
    """
    table = np.asarray(table, dtype=float)
    place = np.clip(depth + 1, 0, 4)
    low = np.minimum(place.astype(int), 3)
    part = place - low
    sleep = table[..., low] * (1 - part) + table[..., low + 1] * part
    return sleep * (1 - remness) + table[..., 5:] * remness


def wander(rng: np.random.Generator, shape: tuple[int, ...], step_s: float, constant_s: float) -> np.ndarray:
    """Ornstein–Uhlenbeck process of unit variance along the last axis, sampled every `step_s`."""
    keep = np.exp(-step_s / constant_s)
    noise = rng.standard_normal(shape)
    start = rng.standard_normal((*shape[:-1], 1))
    return lfilter([np.sqrt(1 - keep**2)], [1, -keep], noise, axis=-1, zi=keep * start)[0]


def _drift(rng: np.random.Generator, shape: tuple[int, int], constant: float) -> np.ndarray:
    """Smooth Gaussian process of unit variance along the last axis: it seldom returns over a border it crossed."""
    pad = int(4 * constant)
    noise = rng.standard_normal((shape[0], shape[1] + 2 * pad))
    kernel = np.exp(-0.5 * (np.arange(-pad, pad + 1) / constant) ** 2)
    return fftconvolve(noise, kernel[None] / np.linalg.norm(kernel), mode="valid", axes=-1)


def night_length(participant: Participant) -> int:
    """Clips in the participant's night: about 1,210, within the paper's 1,080–1,360."""
    return int(np.clip(round(participant.rng(Stream.NIGHT, 0).normal(1210, 55)), 1080, 1360))


def hypnogram(participant: Participant, rng: np.random.Generator, bins: int) -> np.ndarray:
    """Semi-Markov hypnogram in 5-s bins: cycles N1, N2, N3, N2, REM, broken by awakenings that AHI makes frequent."""
    stages: list[int] = []
    doze = _DOZE_MIN * (1 - _SLEEPY * participant.sleepiness)
    awakenings = participant.fragility * (_AWAKENINGS + _AWAKENINGS_AHI * participant.ahi)

    def add(stage: int, minutes: float) -> None:
        stages.extend([stage] * max(1, round(minutes * _PER_MINUTE)))

    def sleep(stage: int, minutes: float) -> None:
        """A stage in which the sleeper may wake, also from the N1 through which sleep is found again."""
        while minutes > 0:
            gap = rng.exponential(60 / (awakenings * _WAKES[stage]))
            add(stage, min(gap, minutes))
            minutes -= gap
            if minutes > 0:
                add(W, rng.lognormal(np.log(_AWAKE_MIN), _AWAKE_SPREAD))
                if stage != N1:
                    sleep(N1, rng.gamma(2, doze / 2))
                if stage == N3:
                    add(N2, rng.gamma(2, 1))

    # However long somebody lies awake, half of the night is left for sleep.
    longest = bins / 4 / _PER_MINUTE
    add(W, min(rng.gamma(2, _LYING_AWAKE_MIN), longest))
    cycle = 0
    while len(stages) < bins:
        n3, rem = (table[min(cycle, len(table) - 1)] for table in (_N3_MINUTES, _REM_MINUTES))
        sleep(N1, rng.gamma(2, doze))
        sleep(N2, _N2_MINUTES[0] * rng.gamma(6, 1 / 6))
        deep = n3 * participant.deep * rng.gamma(_N3_SHAPE, 1 / _N3_SHAPE)
        if deep > _SHORTEST_N3:
            sleep(N3, deep)
        sleep(N2, _N2_MINUTES[1] * rng.gamma(4, 1 / 4))
        sleep(REM, rem * participant.rem * rng.gamma(_REM_SHAPE, 1 / _REM_SHAPE))
        if rng.random() < _LONG_WAKE * participant.fragility:
            add(W, rng.gamma(0.7, _LONG_WAKE_MIN))
        cycle += 1
    night = np.array(stages[:bins])
    night[bins - round(min(rng.gamma(2, _LYING_AWAKE_MIN), longest) * _PER_MINUTE) :] = W
    return night


def _apnoeas(participant: Participant, rng: np.random.Generator, depth: np.ndarray, remness: np.ndarray) -> np.ndarray:
    """Onset and duration (s) of apnoeas, [2, n]: on average AHI an hour of sleep, more in light sleep and REM."""
    rate = by_state((0.0, 0.0, 0.9, 1.2, 0.5, 1.5), depth, remness)
    asleep = depth > 0.5
    rate *= participant.ahi / 3600 / max(rate[asleep].mean(), 1e-6)
    # A dead time (apnoea and recovery) thins the events: raise the rate by what it removes.
    dead = 32.0
    rate = np.minimum(rate / np.maximum(1 - rate * dead, 0.2), 0.2)
    bins = np.nonzero(rng.random(len(rate)) < rate * BIN_S)[0]
    onset = (bins + rng.random(len(bins))) * BIN_S
    duration = 10 + rng.gamma(2, 4.5, len(onset))
    kept, free = [], 0.0
    for i, start in enumerate(onset):
        if start >= free:
            kept.append(i)
            free = start + duration[i] + 8
    return np.stack([onset[kept], duration[kept]])


def _approach(stages: np.ndarray, goal: np.ndarray, constant_s: np.ndarray) -> np.ndarray:
    """Exponential approach to each stage's goal [5] with its time constant [5] (s), from bin to bin."""
    values = np.empty(len(stages))
    value = goal[stages[0]]
    edges = [0, *np.nonzero(np.diff(stages))[0] + 1, len(stages)]
    for begin, end in pairwise(edges):
        stage = stages[begin]
        left = np.exp(-BIN_S / constant_s[stage] * np.arange(1, end - begin + 1))
        values[begin:end] = goal[stage] + (value - goal[stage]) * left
        value = values[end - 1]
    return values


def simulate_latents(participant: Participant) -> Latents:
    """The participant's latent night."""
    rng = participant.rng(Stream.NIGHT, 1)
    bins = night_length(participant) * BINS
    stages = hypnogram(participant, rng, bins)
    levels = STAGE_DEPTH.copy()
    levels[N3] += _DEEPER * np.log(participant.deep)
    depth = _approach(stages, levels, np.array([_WAKE_S] + [_SETTLE_S] * 4))
    remness = _approach(stages, np.eye(5)[REM], np.array([_LEAVE_REM_S] * 4 + [_REM_S]))
    walk = _WANDER_SD * wander(rng, (bins,), BIN_S, _WANDER_S)
    depth = depth + walk * np.where(stages == W, 1.0, participant.unsteadiness)
    onset, duration = _apnoeas(participant, rng, depth, remness)
    arousal = rng.random(len(onset)) < _AROUSAL_SHARE
    dip = np.zeros(bins)
    at = np.minimum(((onset + duration)[arousal] / BIN_S).astype(int), bins - 1)
    np.add.at(dip, at, _AROUSAL_DEPTH * rng.gamma(2, 0.5, len(at)))
    dip = lfilter([1.0], [1, -np.exp(-BIN_S / 8.0)], dip)
    depth = np.where(stages == W, depth, depth - np.minimum(dip, 1.5) * np.clip(depth / 2, 0, 1))
    return Latents(stages, depth, remness, onset, duration, arousal, participant.ambiguity)


def label_posterior(latents: Latents, model: LabelModel = LABELS) -> np.ndarray:
    """P(stage | latents) of each clip, float64 [clips, 5], rows sum to 1: how scorers as a population label it."""
    depth = latents.depth.reshape(-1, BINS).mean(1)
    remness = latents.remness.reshape(-1, BINS).mean(1)
    logits = np.zeros((len(depth), 5))
    rem_width, rem_depth = latents.ambiguity * model.rem_width, latents.ambiguity * model.rem_depth
    steps = (depth[:, None] - BORDERS) / (2 * (latents.ambiguity * np.array(model.widths)) ** 2)
    logits[:, N1:REM] = np.cumsum(steps, axis=1)
    logits[:, N1] -= model.n1_penalty
    # Only differences between stages grow with distance from a border: the likeliest is as sure as can be.
    logits[:, :REM] -= logits[:, :REM].max(axis=1, keepdims=True) + remness[:, None] ** 2 / (2 * rem_width**2)
    logits[:, REM] = -((1 - remness) ** 2) / (2 * rem_width**2)
    # Nobody mistakes lying awake or slow waves for REM.
    logits[:, REM] -= (depth - STAGE_DEPTH[REM]) ** 2 / (4 * rem_depth**2)
    return softmax(logits, axis=1)


def scorings(participant: Participant, posterior: np.ndarray, count: int, model: LabelModel = LABELS) -> np.ndarray:
    """Stages by `count` scorers, int [count, clips]; scorer i is the same whatever `count` is.

    Gumbel-max sampling with noise that is correlated in time: each scorer's label in each clip is distributed as the
    posterior over scorers and nights, but a scorer's leaning lasts (a bias of the night plus a slow, smooth process).
    """
    result = []
    for scorer in range(count):
        rng = participant.rng(Stream.SCORER, scorer)
        clips = len(posterior)
        # Some scorers decide each clip nearly afresh, others hardly change their mind.
        fresh = min(model.fresh * rng.gamma(model.fresh_shape, 1 / model.fresh_shape), 1 - model.bias)
        normal = (
            np.sqrt(model.bias) * rng.standard_normal((5, 1))
            + np.sqrt(1 - model.bias - fresh) * _drift(rng, (5, clips), model.slow_s / 30)
            + np.sqrt(fresh) * rng.standard_normal((5, clips))
        )
        gumbel = -np.log(-log_ndtr(normal))
        result.append((np.log(np.maximum(posterior, 1e-30)).T + gumbel).argmax(0))
    return np.stack(result)
