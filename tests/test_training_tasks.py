"""What a stage classifier is shown at a step."""

import numpy as np
import pytest
import torch
from training_tasks import student

from sacd.exceptions import SacdError
from sacd.training.clip_set import Ahead


def test_steps_read_ahead_are_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [student("sacd").draw(step) for step in range(4)]
    monkeypatch.setattr("sacd.training.tasks.ahead", lambda make, device: Ahead(make))
    task = student("sacd")
    for step, drawn in enumerate(plain):
        for one, other in zip(task.draw(step), drawn, strict=True):
            assert np.array_equal(one, other)


def test_every_length_of_context_learns_from_the_same_clips() -> None:
    tasks = [student("sacd", batch=24, network="gru", stretch=12, length=length) for length in (1, 4, 12, 0)]
    for step in range(3):
        drawn = [task.draw(step) for task in tasks]
        assert all(torch.equal(x, drawn[0][2]) and np.array_equal(index, drawn[0][0]) for index, _, x, _ in drawn)
    assert all(sum(task.terms(0).values()).isfinite() for task in tasks)
    assert tasks[-1].network.stretch == tasks[-1].momentum_network.stretch == 12


def test_a_window_that_does_not_divide_the_stretch_is_refused() -> None:
    with pytest.raises(SacdError, match="reads windows of 5 clips, and the sampler draws 12 in a row"):
        student("ce", network="gru", stretch=12, length=5)
