"""What a step needs is read ahead and reaches its device."""

import threading

import pytest
import torch

from sacd.training.clip_set import Ahead, to_device


def test_the_next_step_is_made_ahead_by_a_thread() -> None:
    made, begun = [], threading.Event()

    def make(step: int) -> int:
        made.append((step, threading.current_thread() is not threading.main_thread()))
        if step == 5:
            begun.set()
        return step * step

    ahead = Ahead(make)
    assert ahead(4) == 16
    assert begun.wait(10)  # before it was asked for
    assert [ahead(5), ahead(6), ahead(2)] == [25, 36, 4]  # any step may follow, as after a resume
    assert made[:3] == [(4, True), (5, True), (6, True)] and [step for step, _ in made].count(5) == 1


def test_what_fails_ahead_fails_in_its_step() -> None:
    def make(step: int) -> int:
        return 1 // (2 - step)

    ahead = Ahead(make)
    assert ahead(1) == 1
    with pytest.raises(ZeroDivisionError):
        ahead(2)


def test_a_tensor_of_the_host_is_not_copied_there() -> None:
    x = torch.arange(3)
    assert to_device(x, torch.device("cpu")) is x
