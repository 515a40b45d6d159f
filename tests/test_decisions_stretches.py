"""Nights are cut at gaps, whatever the order of the clips."""

import numpy as np

from sacd.decisions.stretches import steps, stretches

NIGHT = np.array(["b", "b", "a", "b", "a", "a", "b"])
NUMBER = np.array([4, 3, 7, 9, 8, 10, 2])
"""Of a: 7, 8, gap, 10; of b: 2, 3, 4, gap, 9."""


def test_a_stretch_ends_at_a_missing_number_and_with_the_night():
    found = [part.tolist() for part in stretches(NIGHT, NUMBER)]
    assert found == [[2, 4], [5], [6, 1, 0], [3]]


def test_steps_go_along_the_same_stretches_longest_first():
    along = [step.tolist() for step in steps(NIGHT, NUMBER)]
    assert along == [[6, 2, 5, 3], [1, 4], [0]]


def test_no_clips_are_no_stretch():
    nothing = np.empty(0, dtype=int)
    assert stretches(nothing, nothing) == steps(nothing, nothing) == []
