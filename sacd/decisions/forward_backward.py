"""A hidden Markov model of the night over what a network says of each clip: filter and forward–backward smoothing.

The network's posterior divided by the prior it was fitted to is a likelihood up to a factor (Bourlard & Morgan 1994,
doi:10.1007/978-1-4615-3210-1); tempered, p(y|x)^β / π^τ, for the clips of a night are not independent given the stages.
Recursions: Rabiner 1989, doi:10.1109/5.18626, scaled at every clip. All unbroken stretches (`stretches.steps`) go along
side by side, each from the start probabilities on.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

FLOOR = 1e-9
"""No network's probability counts as less: rounded to 0 it would forbid a stage for good."""


def emissions(probability: np.ndarray, prior: np.ndarray, beta: float, tau: float) -> np.ndarray:
    """How well each stage explains each clip, p(y|x)^β / π^τ.

    Parameters
    ----------
    probability : ndarray [n, C]
    prior : ndarray [C]
        π, what the network expects before it sees a clip.
    beta, tau : float
        0 and 0 make every clip say nothing; 1 and 1 are a likelihood of independent clips.

    Returns
    -------
    ndarray [n, C] float64
        The largest of each row is 1.
    """
    logarithm = beta * np.log(np.maximum(probability, FLOOR, dtype=float)) - tau * np.log(np.maximum(prior, FLOOR))
    return np.exp(logarithm - logarithm.max(axis=1, keepdims=True))


def scaled(values: np.ndarray) -> np.ndarray:
    """Brought to sum 1 over all but the first axis."""
    return values / values.sum(axis=tuple(range(1, values.ndim)), keepdims=True)


def filtered(
    emission: np.ndarray, steps: Sequence[np.ndarray], transition: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """P(stage | this clip and those before it): causal.

    Parameters
    ----------
    emission : ndarray [n, C]
        From `emissions`.
    steps : sequence of ndarray
        From `sacd.decisions.stretches.steps`.
    transition : ndarray [C, C]
        P(next stage | stage), all above 0.
    start : ndarray [C]
        P(stage) of the first clip of a stretch, all above 0.

    Returns
    -------
    ndarray [n, C] float64
    """
    result = np.empty(emission.shape)
    if len(steps):
        result[steps[0]] = scaled(start * emission[steps[0]])
    for before, now in pairwise(steps):
        result[now] = scaled((result[before[: len(now)]] @ transition) * emission[now])
    return result


def smoothed(
    emission: np.ndarray, steps: Sequence[np.ndarray], transition: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """P(stage | all clips of the stretch), by forward–backward; parameters as in `filtered`.

    Returns
    -------
    ndarray [n, C] float64
    """
    ahead = np.ones(emission.shape)
    for now, after in reversed(list(pairwise(steps))):
        ahead[now[: len(after)]] = scaled((emission[after] * ahead[after]) @ transition.T)
    return scaled(filtered(emission, steps, transition, start) * ahead)
