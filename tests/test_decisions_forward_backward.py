"""Filter and forward–backward against the sum over all paths, and at values known by hand."""

from itertools import product

import numpy as np
import pytest

from sacd.decisions.forward_backward import emissions, filtered, smoothed
from sacd.decisions.stretches import steps

RNG = np.random.default_rng(0)
TRANSITION = RNG.dirichlet(np.ones(3), 3)
START = np.array([0.5, 0.3, 0.2])


def along(*lengths):
    """Steps of stretches of these lengths, one after the other."""
    night = np.repeat(np.arange(len(lengths)), lengths)
    return steps(night, np.concatenate([np.arange(length) for length in lengths]))


def over_all_paths(emission, transition, start, last=None):
    """P(stage | clips up to `last`) of every clip of one stretch, by summing over paths."""
    count, classes = emission.shape
    result = np.zeros((count, classes))
    for path in product(range(classes), repeat=count):
        weight = start[path[0]] * np.prod([transition[a, b] for a, b in zip(path, path[1:], strict=False)])
        seen = range(count if last is None else last + 1)
        weight *= np.prod([emission[t, path[t]] for t in seen])
        result[np.arange(count), path] += weight
    return result / result.sum(axis=1, keepdims=True)


def test_smoothing_sums_over_all_paths():
    emission = RNG.random((5, 3))
    found = smoothed(emission, along(5), TRANSITION, START)
    np.testing.assert_allclose(found, over_all_paths(emission, TRANSITION, START))


def test_the_filter_sums_over_all_paths_that_the_clips_so_far_allow():
    emission = RNG.random((5, 3))
    found = filtered(emission, along(5), TRANSITION, START)
    for last in range(5):
        np.testing.assert_allclose(found[last], over_all_paths(emission, TRANSITION, START, last)[last])


def test_two_clips_by_hand():
    emission = np.array([[1.0, 0.5], [0.2, 1.0]])
    transition, start = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0.5, 0.5])
    # Weights of the paths: 00 .09, 01 .05, 10 .015, 11 .175; of the first clip alone 2 : 1.
    np.testing.assert_allclose(filtered(emission, along(2), transition, start), [[2 / 3, 1 / 3], [7 / 22, 15 / 22]])
    np.testing.assert_allclose(smoothed(emission, along(2), transition, start), [[14 / 33, 19 / 33], [7 / 22, 15 / 22]])


@pytest.mark.parametrize("decode", [filtered, smoothed])
def test_clips_that_say_nothing_leave_the_dynamics_of_the_prior(decode):
    emission = emissions(RNG.dirichlet(np.ones(3), 4), np.array([0.6, 0.3, 0.1]), beta=0, tau=0)
    expected = [START @ np.linalg.matrix_power(TRANSITION, t) for t in range(4)]
    np.testing.assert_allclose(decode(emission, along(4), TRANSITION, START), expected)


@pytest.mark.parametrize("decode", [filtered, smoothed])
def test_without_dynamics_each_clip_stands_alone(decode):
    probability, prior = RNG.dirichlet(np.ones(3), 6), np.array([0.6, 0.3, 0.1])
    found = decode(emissions(probability, prior, 1, 1), along(6), np.full((3, 3), 1 / 3), np.full(3, 1 / 3))
    ratio = probability / prior
    np.testing.assert_allclose(found, ratio / ratio.sum(axis=1, keepdims=True))
    # With the network's own prior for every next stage, division and prior cancel.
    same = decode(emissions(probability, prior, 1, 1), along(6), np.tile(prior, (3, 1)), prior)
    np.testing.assert_allclose(same, probability)


def test_emissions_are_tempered():
    found = emissions(np.array([[0.64, 0.36]]), np.array([0.25, 0.75]), beta=0.5, tau=0.5)
    np.testing.assert_allclose(found, [[1, 0.6 / 0.75**0.5 / (0.8 / 0.25**0.5)]])


@pytest.mark.parametrize("decode", [filtered, smoothed])
def test_a_night_of_certain_contradictions_stays_finite(decode):
    certain = np.eye(5)[RNG.integers(0, 5, 3000)].astype(np.float32)
    transition = np.full((5, 5), 1e-6) + np.eye(5)
    emission = emissions(certain, np.array([1, 0, 0, 0, 0]), 1, 1)
    found = decode(emission, along(3000), transition / transition.sum(1), np.full(5, 0.2))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
