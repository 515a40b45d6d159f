"""Objectives on features: FitNet, PKT, RKD and IFD, against loops and values worked out by hand."""

import math

import pytest
import torch
from objective_pairs import context, make_pair
from torch import Tensor

from sacd.objectives import build_objective
from sacd.objectives.ifd import flow_divergence, matched_layers, student_t_probabilities
from sacd.objectives.pkt import cosine_probabilities
from sacd.objectives.rkd import relations

Rows = list[list[float]]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def minus(a: list[float], b: list[float]) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True)]


def cosine(a: list[float], b: list[float]) -> float:
    return dot(a, b) / (math.hypot(*a) * math.hypot(*b))


def huber(x: float) -> float:
    return x * x / 2 if abs(x) < 1 else abs(x) - 0.5


def rows_to_one(kernel: Rows) -> Rows:
    return [[value / sum(row) for value in row] for row in kernel]


def cosine_kernel(x: Rows) -> Rows:
    return rows_to_one([[(cosine(a, b) + 1) / 2 for b in x] for a in x])


def t_kernel(x: Rows) -> Rows:
    return rows_to_one([[1 / (1 + math.sqrt(dot(minus(a, b), minus(a, b)) + 1e-6)) for b in x] for a in x])


def close(value: Tensor, expected: float) -> None:
    assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_fitnet() -> None:
    objective, pair = build_objective("fitnet", context(teacher_dim=6)), make_pair(teacher_dim=6)
    weight, bias = objective.regressor.weight.tolist(), objective.regressor.bias.tolist()
    expected = 0.0
    for f, g in zip(pair.student_features.tolist(), pair.teacher_features.tolist(), strict=True):
        for k in range(6):
            expected += (dot(weight[k], f) + bias[k] - g[k]) ** 2 / (16 * 6)
    close(objective(pair)["hint"], 100 * expected)


def test_pkt() -> None:
    pair = make_pair()
    p, q = cosine_kernel(pair.student_features.tolist()), cosine_kernel(pair.teacher_features.tolist())
    expected = sum(q[i][j] * math.log(q[i][j] / p[i][j]) for i in range(16) for j in range(16)) / 16**2
    value = build_objective("pkt", context(), {"weight": 1.0})(pair)["pkt"]
    close(value, expected)
    assert value.item() == pytest.approx(expected, rel=1e-3)  # the value itself is small
    close(build_objective("pkt", context())(pair)["pkt"] / 30000, expected)


def test_pkt_by_hand() -> None:
    # x ⟂ y: kernel (1, ½; ½, 1) → rows (2/3, 1/3), (1/3, 2/3); equal vectors: rows (½, ½)
    found = cosine_probabilities(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    torch.testing.assert_close(found, torch.tensor([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]))
    torch.testing.assert_close(cosine_probabilities(torch.ones(2, 3)), torch.full((2, 2), 0.5))


def slow_relations(x: Rows) -> tuple[Rows, list[Rows]]:
    n = len(x)
    distance = [[math.hypot(*minus(a, b)) for b in x] for a in x]
    positive = [value for row in distance for value in row if value > 0]
    mean = sum(positive) / max(len(positive), 1)
    angle = [
        [
            [0.0 if i in (j, k) else cosine(minus(x[j], x[i]), minus(x[k], x[i])) for k in range(n)]
            for j in range(n)
        ]
        for i in range(n)
    ]
    return [[value / mean for value in row] for row in distance], angle


def test_rkd() -> None:
    pair = make_pair(9)
    (d, a), (e, b) = (slow_relations(x.tolist()) for x in (pair.student_features, pair.teacher_features))
    terms = build_objective("rkd", context())(pair)
    indices = range(9)
    close(terms["distance"], 25 * sum(huber(d[i][j] - e[i][j]) for i in indices for j in indices) / 81)
    expected = sum(huber(a[i][j][k] - b[i][j][k]) for i in indices for j in indices for k in indices) / 729
    close(terms["angle"], 50 * expected)


def test_rkd_by_hand() -> None:
    """A 3-4-5 triangle: mean distance 4; the right angle's cosine is 0, the others 3/5 and 4/5."""
    distance, cosine_ = relations(torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]))
    torch.testing.assert_close(distance, torch.tensor([[0, 3, 4], [3, 0, 5], [4, 5, 0]]) / 4.0)
    assert cosine_[0, 1, 2].item() == pytest.approx(0.0, abs=1e-6)
    assert cosine_[1, 0, 2].item() == pytest.approx(0.6) and cosine_[2, 1, 0].item() == pytest.approx(0.8)
    assert cosine_[0, 0, 2] == 0 and cosine_[1, 2, 2].item() == pytest.approx(1.0)


def test_rkd_sees_neither_shift_nor_scale_nor_rotation() -> None:
    x = make_pair().student_features.detach()
    rotation = torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(0)))[0]
    for moved in (x + 3.0, 5.0 * x, x @ rotation):
        for one, other in zip(relations(x), relations(moved), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_rkd_of_coinciding_clips() -> None:
    x = torch.ones(4, 6)
    x[3] = 2.0
    x.requires_grad_()
    distance, angle = relations(x)
    (distance.sum() + angle.sum()).backward()
    assert distance[0, 1] == 0 and not angle[0, 1].any()
    assert x.grad.isfinite().all()


def test_ifd() -> None:
    pair = make_pair()
    objective = build_objective("ifd", context(), {"inner": 3.0, "decay": 0.5, "weight": 2.0})

    def divergence(x: Rows, y: Rows) -> float:
        total = 0.0
        for kernel in (cosine_kernel, t_kernel):
            p, q = kernel(x), kernel(y)
            for i in range(len(x)):
                for j in range(len(x)):
                    total += (q[i][j] - p[i][j]) * (math.log(q[i][j]) - math.log(p[i][j])) / len(x)
        return total

    def averaged(tap: Tensor) -> Rows:
        return [[sum(channel.flatten().tolist()) / channel.numel() for channel in clip] for clip in tap]

    flow = sum(
        divergence(averaged(pair.student_taps[i]), averaged(pair.teacher_taps[j])) for i, j in ((0, 0), (1, 0), (2, 1))
    )
    features = divergence(pair.student_features.tolist(), pair.teacher_features.tolist())
    for alpha in (3.0, 3.0, 3.0, 1.5):  # 40 clips in batches of 16: the fourth step is in the second epoch
        terms = objective(pair)
        close(terms["features"], 2.0 * features)
        close(terms["flow"], 2.0 * alpha * flow)


def test_ifd_kernels_by_hand() -> None:
    # distance 1: kernel (1, ½; ½, 1) up to the ε under the root
    found = student_t_probabilities(torch.tensor([[0.0], [1.0]]))
    torch.testing.assert_close(found, torch.tensor([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]), rtol=0, atol=1e-3)
    same = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert flow_divergence(same, same).item() == pytest.approx(0.0, abs=1e-6)


def test_ifd_matches_layers_by_depth() -> None:
    student = [torch.full((2, 3), float(i)) for i in range(4)]
    teacher = [torch.full((2, 5), float(i)) for i in range(3)]
    found = [(int(s[0, 0]), int(t[0, 0])) for s, t in matched_layers(student, teacher)]
    assert found == [(0, 0), (1, 1), (2, 1), (3, 2)]
    assert matched_layers(student, []) == [] and matched_layers([], teacher) == []
