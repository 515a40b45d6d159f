"""Objectives on predictions: cross-entropy, KD, JSD and the controls, against loops and values worked out by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from objective_pairs import context, make_pair

from sacd.exceptions import SacdError
from sacd.objectives import build_objective
from sacd.objectives.base import Pair
from sacd.objectives.jsd import jensen_shannon
from sacd.objectives.kd import softened_kl


def softmax(logits: list[float], temperature: float = 1.0) -> list[float]:
    powers = [math.exp(value / temperature) for value in logits]
    return [power / sum(powers) for power in powers]


def slow_ce(pair: Pair, smoothing: float = 0.0) -> float:
    total = 0.0
    for logits, label in zip(pair.student_logits.tolist(), pair.label.tolist(), strict=True):
        if label >= 0:
            p = softmax(logits)
            target = [smoothing / 5 + (1 - smoothing) * (c == label) for c in range(5)]
            total -= sum(t * math.log(q) for t, q in zip(target, p, strict=True))
    return total / len(pair.label)


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def slow_jsd(p: list[float], q: list[float]) -> float:
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return 0.5 * kl(p, m) + 0.5 * kl(q, m)


def close(value: torch.Tensor, expected: float) -> None:
    assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("labels", ["mixed", "all", "none"])
def test_cross_entropy(labels: str) -> None:
    pair = make_pair(labels=labels)
    close(build_objective("ce", context())(pair)["ce"], slow_ce(pair))
    close(build_objective("label-smoothing", context())(pair)["ce"], slow_ce(pair, 0.1))


def test_cross_entropy_divides_by_the_whole_batch() -> None:
    pair = Pair(torch.zeros(4, 2), torch.zeros(4, 5), torch.tensor([0, -1, -1, -1]))
    close(build_objective("ce", context())(pair)["ce"], math.log(5) / 4)


def test_kd() -> None:
    pair = make_pair()
    terms = build_objective("kd", context(), {"temperature": 2.5, "weight": 0.7, "ce_weight": 0.2})(pair)
    expected = 0.0
    for student, teacher in zip(pair.student_logits.tolist(), pair.teacher_logits.tolist(), strict=True):
        expected += 2.5**2 * kl(softmax(teacher, 2.5), softmax(student, 2.5)) / 16
    close(terms["kd"], 0.7 * expected)
    close(terms["ce"], 0.2 * slow_ce(pair))


def test_kd_by_hand() -> None:
    # teacher (3/4, 1/4), student (1/2, 1/2), T = 1: ¾ ln(3/2) + ¼ ln(1/2)
    value = softened_kl(torch.zeros(1, 2), torch.tensor([[math.log(3.0), 0.0]]), 1.0)
    close(value, 0.75 * math.log(1.5) + 0.25 * math.log(0.5))


def test_kd_gradient_is_the_difference_of_softened_predictions() -> None:
    pair = make_pair()
    softened_kl(pair.student_logits, pair.teacher_logits, 4.0).sum().backward()
    expected = 4.0 * ((pair.student_logits / 4).softmax(1) - (pair.teacher_logits / 4).softmax(1))
    torch.testing.assert_close(pair.student_logits.grad, expected.detach(), rtol=1e-4, atol=1e-5)


def test_jsd() -> None:
    pair = make_pair()
    terms = build_objective("jsd", context(), {"weight": 2.0})(pair)
    expected = [
        slow_jsd(softmax(s), softmax(t))
        for s, t in zip(pair.student_logits.tolist(), pair.teacher_logits.tolist(), strict=True)
    ]
    close(terms["jsd"], 2.0 * sum(expected) / 16)
    close(terms["ce"], slow_ce(pair))


def test_jsd_by_hand() -> None:
    # (1, 0) against (½, ½): m = (¾, ¼); ½ ln(4/3) + ½ (½ ln(2/3) + ½ ln 2)
    value = jensen_shannon(torch.tensor([[60.0, 0.0]]), torch.zeros(1, 2))
    close(value, 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-80, 80), min_size=10, max_size=10))
def test_jsd_is_symmetric_and_bounded(values: list[float]) -> None:
    first, second = torch.tensor(values).view(2, 1, 5)
    forward, backward = jensen_shannon(first, second), jensen_shannon(second, first)
    torch.testing.assert_close(forward, backward)
    assert -1e-6 <= forward.item() <= math.log(2) + 1e-6
    assert jensen_shannon(first, first + 3.0).item() == pytest.approx(0.0, abs=1e-6)  # shifts change no prediction


def test_jsd_of_certain_and_opposed_predictions_has_a_finite_gradient() -> None:
    student = torch.tensor([[1000.0, 0.0]], requires_grad=True)
    value = jensen_shannon(student, torch.tensor([[0.0, 1000.0]]))
    value.sum().backward()
    close(value, math.log(2))
    assert student.grad.isfinite().all()


def test_class_mean() -> None:
    objective = build_objective("class-mean", context(), {"temperature": 3.0, "momentum": 0.8})
    means: dict[int, list[float]] = {}
    for seed in range(3):
        pair = make_pair(seed=seed)
        terms = objective(pair)
        predictions: dict[int, list[list[float]]] = {}
        for logits, label in zip(pair.teacher_logits.tolist(), pair.label.tolist(), strict=True):
            if label >= 0:
                predictions.setdefault(label, []).append(softmax(logits, 3.0))
        for label, rows in predictions.items():
            batch = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
            past = means.get(label)
            means[label] = batch if past is None else [0.8 * a + 0.2 * b for a, b in zip(past, batch, strict=True)]
        expected = 0.0
        for logits, label in zip(pair.student_logits.tolist(), pair.label.tolist(), strict=True):
            if label >= 0:
                expected += 9.0 * kl(means[label], softmax(logits, 3.0)) / 16
        close(terms["class-mean"], 0.9 * expected)
        close(terms["ce"], 0.1 * slow_ce(pair))


def test_class_mean_does_not_know_the_clip() -> None:
    """Exchanging the teacher's predictions within a class changes nothing."""
    pair = make_pair(labels=[0] * 8 + [1] * 8)
    exchanged = make_pair(labels=[0] * 8 + [1] * 8)
    order = torch.cat([torch.arange(8).flip(0), torch.arange(8, 16).flip(0)])
    with torch.no_grad():
        exchanged.teacher_logits.copy_(pair.teacher_logits[order])
    one, other = (build_objective("class-mean", context())(p)["class-mean"] for p in (pair, exchanged))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("name", "field"), [("self-training", "momentum_logits"), ("pseudo-label", "teacher_logits")])
def test_pseudo_labels(name: str, field: str) -> None:
    pair = make_pair(labels=[0, 1, 2, 3] + 12 * [-1])
    terms = build_objective(name, context(), {"threshold": 0.9, "weight": 0.6})(pair)
    expected, used = 0.0, 0
    for n in range(4, 16):
        p = softmax(getattr(pair, field)[n].tolist())
        if max(p) >= 0.9:
            used += 1
            expected -= math.log(softmax(pair.student_logits[n].tolist())[p.index(max(p))]) / 16
    assert 0 < used < 12
    close(terms[name], 0.6 * expected)
    close(terms["ce"], slow_ce(pair))


def test_oracle() -> None:
    pair = make_pair(labels="none")
    expected = 0.0
    for logits, posterior in zip(pair.student_logits.tolist(), pair.posterior.tolist(), strict=True):
        expected -= sum(t * math.log(p) for t, p in zip(posterior, softmax(logits), strict=True)) / 16
    close(build_objective("oracle", context())(pair)["oracle"], expected)


def test_oracle_without_a_posterior() -> None:
    with pytest.raises(SacdError, match="posterior"):
        build_objective("oracle", context())(Pair(torch.zeros(2, 4), torch.zeros(2, 5), torch.zeros(2).long()))
