"""An explicit-duration (semi-Markov) model of the night: how likely a stage ends depends on how long it has lasted.

In a hidden Markov model a stage's duration is geometric; in real nights it is not. Here a state is a stage and its age,
the clips since it began: with the hazard h(stage, age) it ends and another begins at age 1, else it grows older (Yu
2010, doi:10.1016/j.artint.2009.11.011, "residual" and "elapsed time" forms). From `OLDEST` on the hazard is constant, a
geometric tail, so that forward and backward passes are exact at C × OLDEST states a clip, and the filter is the forward
pass alone. At the start of a stretch a stage has been going on for a while: its age is that of a bout looked into at
a random moment, in proportion to the survival. What lies beyond a stretch's end is left open. Durations of stages
cut off by either end therefore bias nothing, neither here nor in `bouts`.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sacd.decisions.forward_backward import scaled
from sacd.decisions.stretches import stretches

AGES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48])
"""Where each class of ages begins, in clips; within one the hazard is constant, in the last for ever."""
OLDEST = int(AGES[-1])
STRENGTH = 20.0
"""Clips at risk that a class of ages needs for its own share of endings to weigh as much as the stage's mean one."""
_CHUNK = 16
"""Stretches that go along side by side: of each, all states of all clips are kept."""


def bouts(stage: np.ndarray, night: np.ndarray, clip: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """How often a stage of a certain age had a next clip, and how often that was another stage.

    Counted are clips whose bout was seen to begin, so that their age is known.

    Parameters
    ----------
    stage, night, clip : ndarray [n]
        Of scored clips; one that is not among them is a gap.
    classes : int

    Returns
    -------
    at_risk, ended : ndarray [classes, len(AGES)] int
    """
    at_risk, ended = np.zeros((2, classes, len(AGES)), dtype=int)
    for part in stretches(night, clip):
        along = stage[part]
        changes = np.diff(along) != 0
        begins = np.flatnonzero(changes) + 1
        if not len(begins):
            continue
        place = np.arange(begins[0], len(along) - 1)
        began = begins[np.searchsorted(begins, place, side="right") - 1]
        where = along[place], np.searchsorted(AGES, place - began + 1, side="right") - 1
        np.add.at(at_risk, where, 1)
        np.add.at(ended, where, changes[place].astype(int))
    return at_risk, ended


def hazards(at_risk: np.ndarray, ended: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """P(a stage ends | stage, age), counts drawn towards the stage's mean hazard, that of the Markov model.

    Returns
    -------
    ndarray [C, OLDEST]
        Column a − 1 is age a; the last is that of all older ages too.
    """
    mean = 1 - np.diag(transition)[:, None]
    by_class = (ended + STRENGTH * mean) / (at_risk + STRENGTH)
    return by_class[:, np.searchsorted(AGES, np.arange(1, OLDEST + 1), side="right") - 1]


def jumps(transition: np.ndarray) -> np.ndarray:
    """P(next stage | a stage ends), [C, C] with a diagonal of 0."""
    return scaled(transition * (1 - np.eye(len(transition))))


def start_ages(hazard: np.ndarray, start: np.ndarray) -> np.ndarray:
    """P(stage, age) of the first clip of a stretch, [C, OLDEST]."""
    survival = np.cumprod(np.hstack([np.ones((len(hazard), 1)), 1 - hazard[:, :-1]]), axis=1)
    survival[:, -1] /= hazard[:, -1]  # all older ages together
    return start[:, None] * scaled(survival)


def filtered(
    emission: np.ndarray, steps: Sequence[np.ndarray], transition: np.ndarray, hazard: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """P(stage | this clip and those before it): causal.

    Parameters
    ----------
    emission, steps, transition, start
        As in `forward_backward.filtered`; of the transitions, only which stage follows another.
    hazard : ndarray [C, OLDEST]
        From `hazards`, all between 0 and 1.

    Returns
    -------
    ndarray [n, C] float64
    """
    result = np.empty(emission.shape)
    for part in _chunks(steps):
        for now, state in zip(part, _forward(emission, part, transition, hazard, start), strict=True):
            result[now] = state.sum(axis=2)
    return result


def smoothed(
    emission: np.ndarray, steps: Sequence[np.ndarray], transition: np.ndarray, hazard: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """P(stage | all clips of the stretch), by forward–backward over stages and ages; parameters as in `filtered`.

    Returns
    -------
    ndarray [n, C] float64
    """
    result = np.empty(emission.shape)
    into = jumps(transition).T
    for part in _chunks(steps):
        states = _forward(emission, part, transition, hazard, start)
        ahead = np.ones(states[0].shape)
        result[part[-1]] = states[-1].sum(axis=2)[: len(part[-1])]
        for (now, after), state in zip(reversed(list(pairwise(part))), reversed(states[:-1]), strict=True):
            here = ahead[: len(after)]
            here *= emission[after][:, :, None]
            begun = here[:, :, 0] @ into
            here[:, :, :-1] = here[:, :, 1:]
            here *= 1 - hazard
            here += hazard * begun[:, :, None]
            ahead[: len(after)] = scaled(here)
            result[now] = scaled((state * ahead[: len(now)]).sum(axis=2))
    return result


def _chunks(steps: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """Steps of a few stretches each."""
    count = len(steps[0]) if len(steps) else 0
    parts = [[step[first : first + _CHUNK] for step in steps] for first in range(0, count, _CHUNK)]
    return [[step for step in part if len(step)] for part in parts]


def _forward(
    emission: np.ndarray, steps: list[np.ndarray], transition: np.ndarray, hazard: np.ndarray, start: np.ndarray
) -> list[np.ndarray]:
    """P(stage, age | this clip and those before it) of every step, [stretches, C, OLDEST] each."""
    leaving, staying = jumps(transition), 1 - hazard
    states = [scaled(start_ages(hazard, start) * emission[steps[0]][:, :, None])]
    for now in steps[1:]:
        before = states[-1][: len(now)]
        older = before * staying
        state = np.empty(before.shape)
        state[:, :, 0] = np.einsum("nca,ca->nc", before, hazard) @ leaving
        state[:, :, 1:] = older[:, :, :-1]
        state[:, :, -1] += older[:, :, -1]
        state *= emission[now][:, :, None]
        states.append(scaled(state))
    return states
