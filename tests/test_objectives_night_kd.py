"""Night-KD against a loop, its weights by hand, and what its parts take away."""

import math

import pytest
import torch
from objective_pairs import context, make_pair

from sacd.objectives import build_objective
from sacd.objectives.base import Context, Pair


def probabilities(logits: list[float]) -> list[float]:
    powers = [math.exp(value) for value in logits]
    return [power / sum(powers) for power in powers]


def slow(pair: Pair, typical: list[float], exponent: float) -> float:
    total = 0.0
    for student, teacher in zip(pair.student_logits.tolist(), pair.teacher_logits.tolist(), strict=True):
        p, q = probabilities(student), probabilities(teacher)
        weight = min(1.0, max(q) / typical[q.index(max(q))]) ** exponent
        total += weight * sum(a * math.log(a / b) for a, b in zip(q, p, strict=True))
    return total / len(pair.label)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_it_is_the_slow_sum(exponent: float) -> None:
    pair = make_pair()
    objective = build_objective("night-kd", context(), {"confidence": exponent, "weight": 0.7})
    objective.typical.copy_(torch.tensor([0.9, 0.5, 0.6, 0.99, 0.3]))
    expected = 0.7 * slow(pair, objective.typical.tolist(), exponent)
    assert objective(pair)["night"].item() == pytest.approx(expected, rel=1e-5)


def test_a_class_that_is_always_doubtful_is_not_left_out() -> None:
    """Both clips of class 1 are as confident as that class ever is: they weigh 1, though W is surer by far."""
    q = torch.tensor([[0.98, 0.005, 0.005, 0.005, 0.005], [0.2, 0.5, 0.2, 0.05, 0.05], [0.25, 0.4, 0.25, 0.05, 0.05]])
    known = Context(n_clips=3, teacher_logits=q.log())
    objective = build_objective("night-kd", known)
    torch.testing.assert_close(objective.typical, torch.tensor([0.98, 0.45, 1.0, 1.0, 1.0]))
    pair = Pair(torch.zeros(3, 2), torch.zeros(3, 5), torch.full((3,), -1), teacher_logits=q.log())
    kl = [sum(a * math.log(a / 0.2) for a in row) for row in q.tolist()]
    expected = (kl[0] + kl[1] + kl[2] * 0.4 / 0.45) / 3
    assert objective(pair)["night"].item() == pytest.approx(expected, rel=1e-5)


def test_gradient_without_weights_is_the_difference_of_the_distributions() -> None:
    pair = make_pair(labels="none")
    terms = build_objective("night-kd", context(), {"confidence": 0.0})(pair)
    sum(terms.values()).backward()
    expected = (pair.student_logits.softmax(1) - pair.teacher_logits.softmax(1)) / len(pair.label)
    torch.testing.assert_close(pair.student_logits.grad, expected.detach(), rtol=1e-4, atol=1e-6)
