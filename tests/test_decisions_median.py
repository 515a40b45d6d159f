"""The median filter over the clips of a stretch."""

import numpy as np

from sacd.decisions.median import medians


def test_medians_are_of_the_same_stretch_and_sum_to_one():
    first = np.array([0.1, 0.9, 0.2, 0.3, 0.8])
    probability = np.stack([first, 1 - first], axis=1)
    night, number = np.zeros(5, dtype=int), np.array([0, 1, 2, 4, 5])
    found = medians(probability, night, number, 3)
    # Ends are repeated: .1 .1 .9 | .1 .9 .2 | .9 .2 .2, and after the gap .3 .3 .8 | .3 .8 .8.
    np.testing.assert_allclose(found[:, 0], [0.1, 0.2, 0.2, 0.3, 0.8])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(medians(probability, night, number, 1), probability)


def test_a_width_leaves_a_stage_that_is_never_in_the_majority_and_no_clip_without_probabilities():
    probability = np.eye(5)[[0, 1, 2, 3, 4, 3]]
    found = medians(probability, np.zeros(6), np.arange(6), 5)
    np.testing.assert_allclose(found[2], 0.2)
    assert np.isfinite(found).all()
    # Beyond the end the last clip is repeated, so that its stage is the majority there.
    assert found[4:].argmax(axis=1).tolist() == [3, 3]


def test_twenty_one_of_a_stage_outvote_one_flicker():
    probability = np.full((21, 2), [0.9, 0.1])
    probability[10] = [0.05, 0.95]
    np.testing.assert_allclose(medians(probability, np.zeros(21), np.arange(21), 9), np.full((21, 2), [0.9, 0.1]))
