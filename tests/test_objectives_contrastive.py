"""Two-way K-hard negatives and SACD as a whole, against loops and values worked out by hand."""

import math
from collections import deque
from dataclasses import replace

import pytest
import torch
from objective_pairs import context, make_pair
from torch import Tensor

from sacd.exceptions import SacdError
from sacd.objectives import build_objective
from sacd.objectives.base import Pair, labelled_cross_entropy
from sacd.objectives.contrastive import ContrastiveLoss
from sacd.objectives.jsd import jensen_shannon
from sacd.objectives.structure import StructureLoss

Entry = tuple[list[float], int]


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def slow_class(pair: Pair, n: int, confidence: float) -> int:
    if pair.label[n] >= 0:
        return int(pair.label[n])
    p = pair.teacher_logits[n].softmax(0).tolist()
    return p.index(max(p)) if max(p) >= confidence else -1


class Slow:
    """L_C with lists: one anchor, one negative at a time."""

    def __init__(self, m: int, k: int, two_way: bool, live: bool, reduction: str, margin: float = 0.2) -> None:
        self.k, self.two_way, self.live, self.reduction, self.margin = k, two_way, live, reduction, margin
        self.eeg: deque[Entry] = deque(maxlen=m)
        self.video: deque[Entry] = deque(maxlen=m)

    def __call__(self, pair: Pair) -> float:
        video, eeg = pair.student_features.tolist(), pair.teacher_features.tolist()
        label = [slow_class(pair, n, 0.5) for n in range(len(video))]
        batch = list(zip(video, label, strict=True)) if self.live else []
        directions = [(video, list(self.eeg))] + ([(eeg, list(self.video) + batch)] if self.two_way else [])
        total = 0.0
        for anchors, candidates in directions:
            means, costs = [], []
            for n, anchor in enumerate(anchors):
                similar = sorted(
                    (cosine(anchor, other) for other, c in candidates if label[n] >= 0 <= c != label[n]), reverse=True
                )[: self.k]
                cost = [max(0.0, self.margin - cosine(video[n], eeg[n]) + s) for s in similar]
                costs += cost
                if cost:
                    means.append(sum(cost) / len(cost))
            total += sum(costs) if self.reduction == "sum" else sum(means) / max(len(means), 1)
        for n, c in enumerate(label):
            if c >= 0:
                self.eeg.append((eeg[n], c))
                self.video.append((pair.momentum_features[n].tolist(), c))
        return total


@pytest.mark.parametrize("direction", ["two-way", "one-way"])
@pytest.mark.parametrize("video_negatives", ["queue+batch", "queue"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_against_lists(direction: str, video_negatives: str, reduction: str) -> None:
    options = {"direction": direction, "video_negatives": video_negatives, "reduction": reduction}
    loss = ContrastiveLoss(context(), bank_size=20, negatives=6, **options)
    slow = Slow(20, 6, direction == "two-way", video_negatives == "queue+batch", reduction)
    for seed in range(5):  # the banks wrap around
        pair = make_pair(seed=seed, labels="mixed" if seed % 2 else "none")
        assert loss(pair).item() == pytest.approx(slow(pair), rel=1e-5, abs=1e-5)


def axis(*which: int) -> list[float]:
    return [float(i in which) for i in range(4)]


def bare_pair(video: list[list[float]], eeg: list[list[float]], label: list[int]) -> Pair:
    """A pair of given features with confident teacher logits that say the label."""
    logits = 20.0 * torch.nn.functional.one_hot(torch.tensor(label).clamp(min=0), 5).float()
    return Pair(
        torch.tensor(video, requires_grad=True), torch.zeros(len(label), 5), torch.tensor(label), torch.tensor(eeg),
        logits, torch.tensor(video), logits,
    )


def test_by_hand() -> None:
    loss = ContrastiveLoss(context(4, 4), direction="one-way")
    loss.eeg_bank.enqueue(torch.tensor([axis(0), axis(0, 1), axis(2)]), torch.tensor([1, 1, 0]))
    pair = bare_pair([axis(0)], [axis(1)], [0])
    # positive 0; negatives of another class: 1 and 1/√2 → hinge 1.2 and 0.2 + 1/√2; the third has the anchor's class
    assert loss(pair).item() == pytest.approx((1.2 + 0.2 + math.sqrt(0.5)) / 2)


def second_direction_gradient(video_negatives: str) -> Tensor:
    """Gradient at clip 1, which costs nothing as an anchor and whose video is the hard negative of clip 0's EEG."""
    loss = ContrastiveLoss(context(4, 4), video_negatives=video_negatives)
    loss.video_bank.enqueue(torch.tensor([axis(0), axis(3)]), torch.tensor([1, 0]))
    pair = bare_pair([axis(2), axis(0)], [axis(0, 1), axis(0)], [0, 1])
    loss(pair).backward()
    assert pair.student_features.grad[0].any()  # clip 0's positive pulls either way
    return pair.student_features.grad[1]


def test_live_negatives_carry_gradient_and_the_bank_carries_none() -> None:
    assert second_direction_gradient("queue+batch").norm() > 0.01
    assert second_direction_gradient("queue").norm() == 0


def test_scale_of_features_does_not_matter() -> None:
    one, other = ContrastiveLoss(context()), ContrastiveLoss(context())
    for seed in range(2):
        pair = make_pair(seed=seed)
        scaled = replace(
            pair, student_features=7 * pair.student_features, teacher_features=0.1 * pair.teacher_features,
            momentum_features=3 * pair.momentum_features,
        )
        torch.testing.assert_close(one(pair), other(scaled), rtol=1e-5, atol=1e-5)


def test_unsure_clips_are_dropped_and_counted() -> None:
    loss = ContrastiveLoss(context(4, 4), confidence=0.9)
    pair = bare_pair([axis(0), axis(1), axis(2), axis(3)], [axis(0), axis(1), axis(2), axis(3)], [0, 1, -1, -1])
    unsure = replace(pair, teacher_logits=torch.tensor([[0.0] * 5, [0.0] * 5, [9.0] + [0.0] * 4, [1.0] + [0.0] * 4]))
    loss(unsure)
    assert loss.share_dropped.item() == 0.25
    assert sorted(loss.eeg_bank.contents()[1].tolist())[-4:] == [-1, 0, 0, 1]  # the third takes the teacher's class


def test_one_class_and_empty_banks_cost_nothing() -> None:
    loss = ContrastiveLoss(context())
    for seed in range(2):
        value = loss(make_pair(labels="one", seed=seed))
        assert value.item() == 0.0


def test_one_way_needs_no_video_bank() -> None:
    assert not hasattr(ContrastiveLoss(context(4, 4), direction="one-way"), "video_bank")


@pytest.mark.parametrize("option", ["direction", "video_negatives", "reduction"])
def test_unknown_choice(option: str) -> None:
    with pytest.raises(SacdError, match=f"unknown {option} 'sideways'; choose one of "):
        ContrastiveLoss(context(4, 4), **{option: "sideways"})


def test_sacd_is_the_weighted_sum() -> None:
    torch.manual_seed(1)
    objective = build_objective("sacd", context(), {"structure": 0.3, "contrastive": 0.4, "jsd": 2.0})
    alone = ContrastiveLoss(context())
    graphs = StructureLoss(context())
    graphs.load_state_dict(objective.structure.state_dict())
    for seed in range(2):
        pair = make_pair(seed=seed)
        terms = objective(pair)
        torch.testing.assert_close(terms["ce"], labelled_cross_entropy(pair.student_logits, pair.label))
        torch.testing.assert_close(terms["structure"], 0.3 * graphs(pair))
        torch.testing.assert_close(terms["contrastive"], 0.4 * alone(pair))
        torch.testing.assert_close(terms["jsd"], 2.0 * jensen_shannon(pair.student_logits, pair.teacher_logits).mean())
        assert objective.diagnostics["share_dropped"] == alone.share_dropped


@pytest.mark.parametrize(
    ("off", "terms", "momentum", "buffers", "parameters"),
    [
        ({"structure": 0, "contrastive": 0, "jsd": 0}, {"ce"}, False, False, False),
        ({"structure": 0}, {"ce", "contrastive", "jsd"}, True, True, False),
        ({"jsd": 0}, {"ce", "structure", "contrastive"}, True, True, True),
        ({"contrastive": 0}, {"ce", "structure", "jsd"}, False, False, True),
        ({"direction": "one-way"}, {"ce", "structure", "contrastive", "jsd"}, False, True, True),
        ({}, {"ce", "structure", "contrastive", "jsd"}, True, True, True),
    ],
)
def test_ablations_are_configurations(
    off: dict, terms: set[str], momentum: bool, buffers: bool, parameters: bool
) -> None:
    """v0–v4 and ours: a term of weight 0 is gone with its nets and banks."""
    objective = build_objective("sacd", context(), off)
    assert set(objective(make_pair())) == terms
    assert objective.needs_momentum is momentum
    assert bool(list(objective.buffers())) is buffers
    assert bool(list(objective.parameters())) is parameters
    assert objective.needs_teacher is (terms != {"ce"})
