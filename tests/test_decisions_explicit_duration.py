"""The explicit-duration model against the sum over all bouts, the Markov model it contains, and counts by hand."""

from itertools import groupby, product

import numpy as np
import pytest

from sacd.decisions import forward_backward
from sacd.decisions.explicit_duration import AGES, OLDEST, STRENGTH, bouts, filtered, hazards, smoothed, start_ages
from sacd.decisions.stretches import steps

RNG = np.random.default_rng(1)
TRANSITION = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
HAZARD = np.array([[0.1, 0.6, 0.3, 0.4], [0.5, 0.2, 0.1, 0.25], [0.3, 0.3, 0.3, 0.2]])
"""Of ages 1, 2, 3 and all older ones."""
START = np.array([0.5, 0.3, 0.2])


def along(*lengths):
    night = np.repeat(np.arange(len(lengths)), lengths)
    return steps(night, np.concatenate([np.arange(length) for length in lengths]))


def over_all_bouts(emission, seen):
    """P(stage | the first `seen` clips) of every clip of one stretch, by renewal theory's weights of bouts.

    A stretch begins at a random moment of a bout, which then lasts l clips more, this one included, with probability
    P(D ≥ l) / E D; the last bout is left open.
    """
    count, classes = emission.shape
    ages = np.arange(1, 400)
    hazard = HAZARD[:, np.minimum(ages, HAZARD.shape[1]) - 1]
    survival = np.cumprod(np.hstack([np.ones((classes, 1)), 1 - hazard]), axis=1)[:, :-1]  # P(D ≥ l)
    exactly, mean = survival * hazard, survival.sum(axis=1)
    result = np.zeros((count, classes))
    for path in product(range(classes), repeat=count):
        runs = [(stage, len(list(run))) for stage, run in groupby(path)]
        weight = START[path[0]]
        for place, (stage, length) in enumerate(runs):
            first, last = place == 0, place == len(runs) - 1
            if first:
                weight *= (survival[stage, length - 1 :].sum() if last else survival[stage, length - 1]) / mean[stage]
            else:
                before = runs[place - 1][0]
                weight *= TRANSITION[before, stage] / (1 - TRANSITION[before, before])
                weight *= survival[stage, length - 1] if last else exactly[stage, length - 1]
        weight *= np.prod([emission[t, path[t]] for t in range(seen)])
        result[np.arange(count), path] += weight
    return result / result.sum(axis=1, keepdims=True)


def test_smoothing_sums_over_all_bouts():
    emission = RNG.random((7, 3))
    np.testing.assert_allclose(
        smoothed(emission, along(7), TRANSITION, HAZARD, START), over_all_bouts(emission, 7), rtol=1e-6
    )


def test_the_filter_sums_over_all_bouts_that_the_clips_so_far_allow():
    emission = RNG.random((6, 3))
    found = filtered(emission, along(6), TRANSITION, HAZARD, START)
    for last in range(6):
        np.testing.assert_allclose(found[last], over_all_bouts(emission, last + 1)[last], rtol=1e-6)


@pytest.mark.parametrize("name", ["smoothed", "filtered"])
def test_with_a_constant_hazard_it_is_the_markov_model(name):
    # Stretches of many lengths, more than go along at once.
    lengths = RNG.integers(1, 90, 40)
    emission = RNG.random((lengths.sum(), 3))
    constant = np.tile(1 - np.diag(TRANSITION)[:, None], OLDEST)
    decode = {"smoothed": smoothed, "filtered": filtered}[name]
    np.testing.assert_allclose(
        decode(emission, along(*lengths), TRANSITION, constant, START),
        getattr(forward_backward, name)(emission, along(*lengths), TRANSITION, START), rtol=1e-8, atol=1e-12,
    )


def test_bouts_count_endings_by_age_where_the_age_is_known():
    stage = np.array([2, 2, 0, 0, 0, 2, 1, 1, 2, 2])
    night, number = np.zeros(10, dtype=int), np.array([0, 1, 2, 3, 4, 5, 6, 7, 9, 10])
    at_risk, ended = bouts(stage, night, number, 3)
    # The first bout's beginning was not seen; that of 1 is cut off by the gap at age 2, and what follows it is unknown.
    assert at_risk[:, :4].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]
    assert ended[:, :4].tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert at_risk.sum() == 5


def test_hazards_lie_between_their_counts_and_the_mean():
    at_risk, ended = np.zeros((2, 3, len(AGES)), dtype=int)
    at_risk[0, 4], ended[0, 4] = STRENGTH, STRENGTH  # stage 0 always ended at ages 6 and 7
    found = hazards(at_risk, ended, TRANSITION)
    expected = np.tile([[0.3], [0.4], [0.5]], OLDEST)
    expected[0, 5:7] = (1 + 0.3) / 2
    assert AGES[4:6].tolist() == [6, 8]
    np.testing.assert_allclose(found, expected)


def test_a_stretch_begins_at_a_random_age():
    # Bouts of 1 or 2 clips, half each: of three moments one is in a short bout, one at either age of a long one.
    hazard = np.array([[0.5, 1 - 1e-12]])
    np.testing.assert_allclose(start_ages(hazard, np.array([1.0])), [[2 / 3, 1 / 3]])


def test_a_night_of_certain_contradictions_stays_finite():
    certain = np.maximum(np.eye(3)[RNG.integers(0, 3, 2000)], 1e-9)
    for decode in (filtered, smoothed):
        found = decode(certain, along(1500, 499, 1), TRANSITION, np.repeat(HAZARD, 12, axis=1), START)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1)
