"""Memory banks against a Python list, and the choice of the hardest against sorting."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sacd.objectives.banks import FeatureQueue, hardest


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 9),
    batches=st.lists(st.lists(st.integers(-1, 4), min_size=0, max_size=12), max_size=6),
)
def test_queue_is_the_newest_entries_of_a_list(size: int, batches: list[list[int]]) -> None:
    queue, listed, serial = FeatureQueue(size, 2), [], 0.0
    for labels in batches:
        rows = []
        for label in labels:
            serial += 1.0
            rows.append([serial, -serial])
            if label >= 0:
                listed.append((serial, label))
        queue.enqueue(torch.tensor(rows).view(-1, 2), torch.tensor(labels, dtype=torch.int64))
        features, kept = queue.contents()
        assert len(kept) == size and not features[kept < 0].any()
        features, kept = features[kept >= 0], kept[kept >= 0]
        assert len(kept) == min(size, len(listed))
        assert sorted(zip(features[:, 0].tolist(), kept.tolist(), strict=True)) == listed[-size:]
        assert torch.equal(features[:, 1], -features[:, 0])


def test_queue_keeps_no_gradient_and_outlives_the_batch() -> None:
    queue = FeatureQueue(4, 2)
    features = torch.ones(2, 2, dtype=torch.float16, requires_grad=True)
    queue.enqueue(features, torch.tensor([1, 2]))
    held = queue.contents()[0][:2]
    queue.enqueue(torch.zeros(4, 2), torch.tensor([0, 0, 0, 0]))
    assert not held.requires_grad and held.dtype == torch.float32 and torch.equal(held, torch.ones(2, 2))


def test_empty_queue_has_nothing() -> None:
    features, labels = FeatureQueue(5, 3).contents()
    assert features.shape == (5, 3) and labels.tolist() == 5 * [-1]


@settings(max_examples=40, deadline=None)
@given(
    anchors=st.integers(1, 4), entries=st.integers(0, 7), k=st.integers(1, 9), seed=st.integers(0, 1000),
)
def test_hardest_is_sorting(anchors: int, entries: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randn(anchors, entries, generator=generator)
    eligible = torch.rand(anchors, entries, generator=generator) < 0.5
    values, chosen = hardest(similarity, eligible, k)
    for n in range(anchors):
        allowed = [similarity[n, m].item() for m in range(entries) if eligible[n, m]]
        assert sorted(values[n][chosen[n]].tolist(), reverse=True) == sorted(allowed, reverse=True)[:k]


def test_hardest_carries_the_gradient_of_the_chosen_only() -> None:
    similarity = torch.tensor([[0.1, 0.9, 0.5, 0.7]], requires_grad=True)
    values, chosen = hardest(similarity, torch.tensor([[True, False, True, True]]), 2)
    (values * chosen).sum().backward()
    assert similarity.grad.tolist() == [[0.0, 0.0, 1.0, 1.0]]
