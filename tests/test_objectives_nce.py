"""CRD, CMC and CCL against loops, and their banks against the authors' rule of renewal."""

import math
from dataclasses import replace

import pytest
import torch
from objective_pairs import N_CLIPS, context, make_pair, step
from torch import Tensor, nn

from sacd.objectives import build_objective
from sacd.objectives.base import Objective, Pair
from sacd.objectives.ccl import multiclass_nce
from sacd.objectives.nce import ContrastMemory

Rows = list[list[float]]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def unit(a: list[float]) -> list[float]:
    return [x / math.hypot(*a) for x in a]


def embedded(layer: nn.Linear, features: Tensor) -> Rows:
    return [unit(row) for row in layer(features).tolist()]


class SlowNce:
    """The authors' NCE with lists: every clip against every allowed one."""

    def __init__(self, objective: Objective, by_class: bool) -> None:
        self.objective, self.by_class = objective, by_class
        self.video = objective.memory.student_bank.tolist()
        self.eeg = objective.memory.teacher_bank.tolist()
        self.classes = [-1] * N_CLIPS
        self.scale: list[float | None] = [None, None]

    def classes_of(self, pair: Pair) -> list[int]:
        found = []
        for n in range(len(pair.label)):
            p = pair.teacher_logits[n].softmax(0).tolist()
            guess = p.index(max(p)) if max(p) >= 0.5 else -1
            found.append(int(pair.label[n]) if pair.label[n] >= 0 else guess)
        return found

    def __call__(self, pair: Pair) -> float:
        video = embedded(self.objective.memory.student_embedding, pair.student_features)
        eeg = embedded(self.objective.memory.teacher_embedding, pair.teacher_features)
        label, clip = self.classes_of(pair), pair.clip.tolist()
        total = 0.0
        for which, (anchors, bank) in enumerate(((video, self.eeg), (eeg, self.video))):
            rows = []
            for n, anchor in enumerate(anchors):
                others = [
                    j for j in range(N_CLIPS)
                    if j != clip[n] and not (self.by_class and label[n] >= 0 and self.classes[j] == label[n])
                ]
                rows.append([math.exp(dot(anchor, bank[j]) / 0.07) for j in [clip[n], *others]])
            if self.scale[which] is None:
                values = [value for row in rows for value in row]
                self.scale[which] = sum(values) / len(values) * N_CLIPS
            for row in rows:
                noise = (len(row) - 1) / N_CLIPS
                positive, *negatives = (value / self.scale[which] for value in row)
                total -= math.log(positive / (positive + noise)) / len(rows)
                total -= sum(math.log(noise / (negative + noise)) for negative in negatives) / len(rows)
        for n, j in enumerate(clip):
            self.video[j] = unit([0.5 * a + 0.5 * b for a, b in zip(self.video[j], video[n], strict=True)])
            self.eeg[j] = unit([0.5 * a + 0.5 * b for a, b in zip(self.eeg[j], eeg[n], strict=True)])
            self.classes[j] = label[n]
        return total


@pytest.mark.parametrize(("name", "by_class"), [("crd", True), ("cmc", False)])
def test_against_lists(name: str, by_class: bool) -> None:
    torch.manual_seed(2)
    objective = build_objective(name, context(), {"weight": 1.0, "dim": 8})
    slow = SlowNce(objective, by_class)
    for seed in range(4):
        pair = make_pair(seed=seed)
        value = objective(pair)[name].item()
        assert value == pytest.approx(slow(pair), rel=1e-5, abs=1e-5)
    torch.testing.assert_close(objective.memory.student_bank, torch.tensor(slow.video), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(objective.memory.teacher_bank, torch.tensor(slow.eeg), rtol=1e-5, atol=1e-5)
    if by_class:
        assert objective.classes.tolist() == slow.classes


def test_crd_knows_classes_before_it_meets_clips() -> None:
    """Labels, else the confident teacher: no clip of a known class is a false negative in the first step."""
    told = make_pair(N_CLIPS, seed=7)
    sizes = replace(context(), label=told.label, teacher_logits=told.teacher_logits)
    torch.manual_seed(2)
    objective = build_objective("crd", sizes, {"weight": 1.0, "dim": 8})
    slow = SlowNce(objective, by_class=True)
    slow.classes = slow.classes_of(told)
    assert objective.classes.tolist() == slow.classes and max(slow.classes) >= 0
    pair = make_pair()
    assert objective(pair)["crd"].item() == pytest.approx(slow(pair), rel=1e-5)
    assert build_objective("crd", replace(context(), label=told.label)).classes.tolist() == told.label.tolist()


def test_published_weights() -> None:
    torch.manual_seed(2)
    pair = make_pair()
    losses = []
    for weight in ({}, {"weight": 1.0}):
        torch.manual_seed(2)
        losses.append(build_objective("crd", context(), weight)(pair)["crd"].item())
    assert losses[0] == pytest.approx(0.8 * losses[1])
    memory = build_objective("crd", context()).memory
    assert (memory.negatives, memory.temperature, memory.momentum) == (16384, 0.07, 0.5)
    assert memory.student_bank.shape == memory.teacher_bank.shape == (N_CLIPS, 128)
    assert build_objective("cmc", context()).memory.negatives == 4096


def test_by_hand() -> None:
    """Two clips, τ = 1, banks on the axes: positive e¹, one negative e⁰; Z = N · mean = e + 1, c = ½."""
    memory = ContrastMemory(context(2, 2, n_clips=2), negatives=8, temperature=1.0, dim=2)
    memory.student_bank.copy_(torch.eye(2))
    memory.teacher_bank.copy_(torch.eye(2))
    anchor = torch.tensor([[1.0, 0.0]])
    loss = memory.loss(anchor, anchor, torch.tensor([0]), memory.candidates(), torch.tensor([[False, True]]))
    positive, negative = math.e / (math.e + 1), 1 / (math.e + 1)
    expected = -math.log(positive / (positive + 0.5)) - math.log(0.5 / (negative + 0.5))
    assert loss.item() == pytest.approx(2 * expected, rel=1e-5)


def test_a_draw_is_bounded_and_travels_with_the_state() -> None:
    """With fewer negatives than clips they are drawn, anew at each step, and a restored state draws the same."""
    torch.manual_seed(2)
    objective = build_objective("cmc", context(), {"negatives": 7})
    first = objective.memory.candidates()
    assert torch.equal(first, objective.memory.candidates())
    assert first.shape == (7,) and first.min() >= 0 and first.max() < N_CLIPS
    step(objective, make_pair())
    second = objective.memory.candidates()
    assert not torch.equal(first, second)
    torch.manual_seed(50)
    restored = build_objective("cmc", context(), {"negatives": 7})
    assert not torch.equal(restored.memory.candidates(), second)
    restored.load_state_dict(objective.state_dict())
    assert torch.equal(restored.memory.candidates(), second)
    pair = make_pair(seed=1)
    assert step(objective, pair) == step(restored, pair)


def test_crd_learns_to_match() -> None:
    torch.manual_seed(0)
    objective = build_objective("crd", context(), {"weight": 1.0, "dim": 8})
    pair = make_pair(labels="all")
    first = step(objective, pair)["crd"]
    for _ in range(40):
        last = step(objective, pair)["crd"]
    assert last < first


def slow_multiclass(a: Rows, b: Rows, label: list[int], temperature: float) -> float:
    total = 0.0
    for n, row in enumerate(a):
        powers = [math.exp(dot(unit(row), unit(other)) / temperature) for other in b]
        share = [power / sum(powers) for power in powers]
        pull = [-math.log(s) for s, c in zip(share, label, strict=True) if c == label[n]]
        push = [-math.log(1 - s) for s, c in zip(share, label, strict=True) if c != label[n]]
        total += sum(pull) / len(pull) + (sum(push) / len(push) if push else 0.0)
    return total / len(a)


def test_ccl() -> None:
    torch.manual_seed(4)
    objective = build_objective("ccl", context())
    pair = make_pair()
    terms = objective(pair)
    features, teacher, composed, logits = [], [], [], []
    weight, bias = objective.residual.weight.tolist(), objective.residual.bias.tolist()
    head, head_bias = objective.head.weight.tolist(), objective.head.bias.tolist()
    for f, g in zip(pair.student_features.tolist(), pair.teacher_features.tolist(), strict=True):
        joined = unit(g) + unit(f)
        z = [g[k] + dot(weight[k], joined) + bias[k] for k in range(24)]
        features.append(f)
        teacher.append(g)
        composed.append(z)
        logits.append([dot(head[c], z) + head_bias[c] for c in range(5)])
    slow = SlowNce.classes_of(None, pair)
    kept = [n for n in range(16) if slow[n] >= 0]
    assert 0 < len(kept) < 16 or all(c >= 0 for c in slow)

    def both(a: Rows, b: Rows) -> float:
        a, b, label = [a[n] for n in kept], [b[n] for n in kept], [slow[n] for n in kept]
        return slow_multiclass(a, b, label, 0.5) + slow_multiclass(b, a, label, 0.5)

    contrast = both(features, composed) + both(features, teacher) + both(composed, teacher)
    assert terms["contrastive"].item() == pytest.approx(contrast, rel=1e-5, abs=1e-5)
    jeffreys, ce = 0.0, 0.0
    for n in range(16):
        p = pair.student_logits[n].softmax(0).tolist()
        q = torch.tensor(logits[n]).softmax(0).tolist()
        for a, b in zip(p, q, strict=True):
            jeffreys += 0.5 * (a * math.log(a / b) + b * math.log(b / a)) / 16
        if pair.label[n] >= 0:
            ce -= math.log(q[int(pair.label[n])]) / 16
    assert terms["jsd"].item() == pytest.approx(jeffreys, rel=1e-5, abs=1e-5)
    assert terms["composition"].item() == pytest.approx(ce, rel=1e-5, abs=1e-5)


def test_ccl_gives_each_side_its_own_gradient() -> None:
    """The student learns from CE(p) + C(f, z) + C(f, g) + J, the composition from CE(q) + C(f, z) + C(z, g) + J."""
    torch.manual_seed(4)
    objective = build_objective("ccl", context())
    pair = make_pair(labels="all")
    terms = objective(pair)
    held = torch.autograd.grad(terms["composition"], pair.student_features, retain_graph=True, allow_unused=True)
    assert held == (None,)
    (ours,) = torch.autograd.grad(terms["contrastive"], pair.student_features, retain_graph=True)
    f, g = pair.student_features, pair.teacher_features.detach()
    z = objective.compose(g, f)

    def both(a: Tensor, b: Tensor) -> Tensor:
        return multiclass_nce(a, b, pair.label, 0.5) + multiclass_nce(b, a, pair.label, 0.5)

    (theirs,) = torch.autograd.grad(both(f, z) + both(f, g), f, retain_graph=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    (ours,) = torch.autograd.grad(terms["contrastive"], objective.residual.weight, retain_graph=True)
    (theirs,) = torch.autograd.grad(both(f, z) + both(z, g), objective.residual.weight)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_multiclass_by_hand() -> None:
    """Two orthogonal clips of two classes, τ = 1: s = e/(e+1) for the own, so −2 log(e/(e+1)) for each."""
    x = torch.eye(2)
    expected = -2 * math.log(math.e / (math.e + 1))
    assert multiclass_nce(x, x, torch.tensor([0, 1]), 1.0).item() == pytest.approx(expected, rel=1e-5)


def test_unsure_clips_do_not_enter_ccl_contrast() -> None:
    torch.manual_seed(4)
    objective = build_objective("ccl", context())
    pair = make_pair(labels=[0, 1, 2, 3] + 12 * [-1])
    unsure = replace(pair, teacher_logits=torch.zeros(16, 5))
    (gradient,) = torch.autograd.grad(objective(unsure)["contrastive"], pair.student_features)
    assert gradient[:4].any(dim=1).all() and not gradient[4:].any()
