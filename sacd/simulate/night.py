"""One latent night: a semi-Markov hypnogram, the continuous latents depth and REM-ness, apnoeas, and its scorers.

Everything runs on bins of 5 s, six a clip. Depth is in units of stages (border W–N1 0.5, N1–N2 1.5, N2–N3 2.5).
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.special import log_ndtr, softmax

from sacd.simulate.coupling import LABELS, LabelModel
from sacd.simulate.participant import Participant, Stream
from sacd.stages import N1, N2, N3, REM, W

BIN_S = 5.0
BINS = 6
"""Bins in a clip."""

_PER_MINUTE = 60 / BIN_S
STAGE_DEPTH = np.array([-0.7, 1.0, 2.0, 3.25, 1.2])
# Time constants, s: of falling asleep and of waking; and of the wandering of depth, with its standard deviation.
_SETTLE_S, _WAKE_S = 25.0, 10.0
_WANDER_S, _WANDER_SD = 480.0, 0.24
_AROUSAL_DEPTH, _AROUSAL_SHARE = 0.8, 0.5
# Half of the mean time awake in bed before and after sleep, minutes: the paper's nights are 41 % wake.
_LYING_AWAKE_MIN = 48
# Minutes of N3 and REM in the first, second … cycle.
_N3_MINUTES = (24, 16, 9, 4, 2, 1, 0, 0, 0)
_REM_MINUTES = (6, 11, 16, 19, 20, 20, 20, 20, 20)


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
    """

    stages: np.ndarray
    depth: np.ndarray
    remness: np.ndarray
    apnoea_onset: np.ndarray
    apnoea_duration: np.ndarray
    arousal: np.ndarray


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


def night_length(participant: Participant) -> int:
    """Clips in the participant's night: about 1,210, within the paper's 1,080–1,360."""
    return int(np.clip(round(participant.rng(Stream.NIGHT, 0).normal(1210, 55)), 1080, 1360))


def hypnogram(participant: Participant, rng: np.random.Generator, bins: int) -> np.ndarray:
    """Semi-Markov hypnogram in 5-s bins: cycles N1, N2, N3, N2, REM, broken by awakenings that AHI makes frequent."""
    stages: list[int] = []
    # Per hour, inside sleep.
    awakenings = 0.8 + 2.0 * participant.fragility + participant.ahi / 26

    def add(stage: int, minutes: float) -> None:
        stages.extend([stage] * max(1, round(minutes * _PER_MINUTE)))

    def sleep(stage: int, minutes: float) -> None:
        """A stage in which the sleeper may wake, half as often in REM, and then falls asleep again through N1."""
        while minutes > 0:
            gap = rng.exponential(60 / awakenings) * (2 if stage == REM else 1)
            add(stage, min(gap, minutes))
            minutes -= gap
            if minutes > 0:
                add(W, rng.lognormal(np.log(1.2), 1.0))
                add(N1, rng.gamma(2, 0.8))
                if stage == N3:
                    add(N2, rng.gamma(2, 2))

    add(W, rng.gamma(2, _LYING_AWAKE_MIN))
    cycle = 0
    while len(stages) < bins:
        number = min(cycle, len(_N3_MINUTES) - 1)
        add(N1, rng.gamma(2, 1.6))
        sleep(N2, rng.gamma(6, 3.9))
        deep = _N3_MINUTES[number] * participant.deep * rng.normal(1, 0.25)
        if deep > 2:
            sleep(N3, deep)
        sleep(N2, rng.gamma(4, 4.6))
        sleep(REM, _REM_MINUTES[number] * participant.rem * rng.gamma(8, 1 / 8))
        if rng.random() < 0.15 + 0.25 * participant.fragility:
            add(W, rng.gamma(1.2, 9))
        cycle += 1
    night = np.array(stages[:bins])
    rising = bins - round(rng.gamma(2, _LYING_AWAKE_MIN) * _PER_MINUTE)
    night[max(rising, bins // 2) :] = W
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


def _approach(target: np.ndarray, constant_s: np.ndarray) -> np.ndarray:
    """Exponential approach to `target` [n] with a time constant (s) that changes from bin to bin."""
    keep = np.exp(-BIN_S / constant_s)
    value, values = float(target[0]), []
    for goal, k in zip(target.tolist(), keep.tolist(), strict=True):
        value = k * value + (1 - k) * goal
        values.append(value)
    return np.array(values)


def simulate_latents(participant: Participant) -> Latents:
    """The participant's latent night."""
    rng = participant.rng(Stream.NIGHT, 1)
    bins = night_length(participant) * BINS
    stages = hypnogram(participant, rng, bins)
    settle = _approach(STAGE_DEPTH[stages], np.where(stages == W, _WAKE_S, _SETTLE_S))
    keep = np.exp(-BIN_S / _SETTLE_S)
    remness = lfilter([1 - keep], [1, -keep], (stages == REM).astype(float))
    depth = settle + wander(rng, (bins,), BIN_S, _WANDER_S) * _WANDER_SD * np.where(stages == W, 0.7, 1.0)
    onset, duration = _apnoeas(participant, rng, depth, remness)
    arousal = rng.random(len(onset)) < _AROUSAL_SHARE
    dip = np.zeros(bins)
    at = np.minimum(((onset + duration)[arousal] / BIN_S).astype(int), bins - 1)
    np.add.at(dip, at, _AROUSAL_DEPTH * rng.gamma(2, 0.5, len(at)))
    dip = lfilter([1.0], [1, -np.exp(-BIN_S / 8.0)], dip)
    depth = np.where(stages == W, depth, depth - np.minimum(dip, 1.5) * np.clip(depth / 2, 0, 1))
    return Latents(stages, depth, remness, onset, duration, arousal)


def label_posterior(latents: Latents, model: LabelModel = LABELS) -> np.ndarray:
    """P(stage | latents) of each clip, float64 [clips, 5], rows sum to 1: how scorers as a population label it."""
    depth = latents.depth.reshape(-1, BINS).mean(1)
    remness = latents.remness.reshape(-1, BINS).mean(1)
    logits = np.zeros((len(depth), 5))
    # Beyond the outermost stages there is no doubt: only differences between stages grow.
    beyond = (depth - np.clip(depth, W, N3)) ** 2
    logits[:, :REM] = -((depth[:, None] - np.arange(REM)) ** 2 - beyond[:, None]) / (4 * model.width**2)
    logits[:, N1] -= model.n1_penalty
    logits[:, :REM] -= remness[:, None] ** 2 / (2 * model.rem_width**2)
    logits[:, REM] = -((1 - remness) ** 2) / (2 * model.rem_width**2)
    # Nobody mistakes lying awake or slow waves for REM.
    logits[:, REM] -= (depth - STAGE_DEPTH[REM]) ** 2 / (4 * model.rem_depth**2)
    return softmax(logits, axis=1)


def scorings(participant: Participant, posterior: np.ndarray, count: int, model: LabelModel = LABELS) -> np.ndarray:
    """Stages by `count` scorers, int [count, clips]; scorer i is the same whatever `count` is.

    Gumbel-max sampling with noise that is correlated in time: each scorer's label in each clip is distributed as the
    posterior over scorers and nights, but a scorer's leaning lasts (a bias of the night plus a slow process).
    """
    result = []
    for scorer in range(count):
        rng = participant.rng(Stream.SCORER, scorer)
        clips = len(posterior)
        normal = (
            np.sqrt(model.bias) * rng.standard_normal((5, 1))
            + np.sqrt(model.slow) * wander(rng, (5, clips), 30.0, model.slow_s)
            + np.sqrt(1 - model.bias - model.slow) * rng.standard_normal((5, clips))
        )
        gumbel = -np.log(-log_ndtr(normal))
        result.append((np.log(posterior).T + gumbel).argmax(0))
    return np.stack(result)
