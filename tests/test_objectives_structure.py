"""The structure loss against message passing written out with loops, and what it must not depend on."""

from dataclasses import replace

import pytest
import torch
from objective_pairs import context, make_pair, reordered
from torch import Tensor

from sacd.exceptions import SacdError
from sacd.objectives.base import Pair
from sacd.objectives.graphs import GraphNet, graph_vectors
from sacd.objectives.structure import StructureLoss, other_stages, stage_sequences
from sacd.objectives.windows import windows_of


def slow_graph_vector(net: GraphNet, features: Tensor) -> Tensor:
    """Eq. 6–10 for one window, node by node; every message is 512-d and built from the concatenation."""
    x = [net.project(row) for row in features]
    h = [net.node_net(row) for row in x]
    for layer in net.rounds:
        weight = torch.cat([layer.to_node.weight, layer.from_node.weight, layer.along_edge.weight], dim=1)
        new = []
        for i in range(len(h)):
            messages, scores = [], []
            for j in range(len(h)):
                if j != i:
                    joined = torch.cat([h[i], h[j], net.edge_net((x[i] - x[j]).abs())])
                    messages.append(layer.second.weight @ torch.relu(weight @ joined + layer.to_node.bias))
                    scores.append(torch.nn.functional.leaky_relu(layer.attention.weight[0] @ messages[-1], 0.2))
            total = torch.zeros(512)
            if messages:
                for share, message in zip(torch.stack(scores).softmax(dim=0), messages, strict=True):
                    total = total + share * message
            new.append(h[i] + layer.update_net(torch.cat([h[i], total])))
        h = new
    vector = net.graph_net(sum(net.readout(row) for row in h) / len(h))
    return vector / vector.norm()


def slow_loss(loss: StructureLoss, pair: Pair) -> float:
    """L_D window by window."""
    windows = sorted(set(pair.window.tolist()))
    clips = {w: [n for n in range(len(pair.label)) if pair.window[n] == w] for w in windows}
    stage = torch.where(pair.label >= 0, pair.label, pair.teacher_logits.argmax(1)).tolist()
    positive, negative = [], []
    for a in windows:
        video = slow_graph_vector(loss.student_net, pair.student_features[clips[a]])
        for b in windows:
            d = (video - slow_graph_vector(loss.teacher_net, pair.teacher_features[clips[b]])).square().sum().item()
            if a == b:
                positive.append(max(0.0, loss.margin - d if loss.reading == "printed" else loss.margin - (1 - d)))
            elif pair.night[clips[a][0]] == pair.night[clips[b][0]] and any(
                stage[m] != stage[n] for m, n in zip(clips[a], clips[b], strict=False)
            ):
                negative.append(max(0.0, loss.margin - (d - 1)))
    total = sum(positive) / len(positive)
    return total + sum(negative) / len(negative) if negative and loss.reading == "margin" else total


def build(reading: str = "margin", **options: float) -> StructureLoss:
    torch.manual_seed(5)
    return StructureLoss(context(), reading, **options)


def distances(loss: StructureLoss, pair: Pair) -> Tensor:
    return loss.distances(pair, windows_of(pair.window))


@pytest.mark.parametrize("reading", ["margin", "printed"])
@pytest.mark.parametrize("batch", [16, 13, 8, 1])
def test_against_loops(reading: str, batch: int) -> None:
    loss, pair = build(reading, graph_margin=4.0 if reading == "printed" else 0.9), make_pair(batch)
    assert loss(pair).item() == pytest.approx(slow_loss(loss, pair), rel=1e-5, abs=1e-5)
    assert loss(pair).item() > 0


def test_shapes_are_the_papers() -> None:
    net = build().student_net
    layer = net.rounds[0]
    assert net.project.out_features == 64 and net.node_net[-1].out_features == 128
    assert net.edge_net[-1].out_features == 64 and layer.second.out_features == 512
    assert len(net.rounds) == 2 and net.graph_net[-1].out_features == 1024
    features, window = torch.randn(10, 24), torch.tensor([0] * 8 + [1] * 2)
    vectors = net(features, windows_of(window))
    assert vectors.shape == (2, 1024)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))


def test_complete_graphs() -> None:
    windows = windows_of(torch.tensor([5, 5, 5, 2, 7, 7]))
    assert windows.number == 3 and windows.position.tolist() == [0, 1, 2, 0, 0, 1]
    assert windows.window.tolist() == [1, 1, 1, 0, 2, 2]  # by their numbers
    one = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (4, 5), (5, 4)]
    assert sorted(map(tuple, windows.edges(1).T.tolist())) == one
    assert sorted(map(tuple, windows.edges(2).T.tolist())) == one + [(a + 6, b + 6) for a, b in one]
    assert windows.of_copies(2).tolist() == [1, 1, 1, 0, 2, 2, 4, 4, 4, 3, 5, 5]
    forth, back = windows.edges(2).chunk(4, dim=1)[:2]
    assert torch.equal(forth, back.flip(0))  # an edge vector stands for both ways


def test_modalities_passed_at_once_are_as_one_by_one() -> None:
    loss, pair = build(), make_pair(13)
    nets, features = (loss.student_net, loss.teacher_net), (pair.student_features, pair.teacher_features)
    windows = windows_of(pair.window)
    for net, one, vector in zip(nets, features, graph_vectors(nets, features, windows), strict=True):
        torch.testing.assert_close(net(one, windows), vector)


def test_graphs_made_without_gradients_serve_training() -> None:
    """Windows are kept between batches; those that were first seen in inference mode must not be inference tensors."""
    loss, pair = build(), make_pair(10, window=5)
    with torch.inference_mode():
        loss(pair)
    loss(pair).backward()


def test_negatives_differ_in_stage() -> None:
    #        window 0    1       2 (same as 0)  3          4 (cut short, as far as it goes like 0)
    stage = torch.tensor([0, 1, 0, 2, 0, 1, 0, 2, 0])
    windows = windows_of(torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 4]))
    stages = stage_sequences(stage, windows)
    assert stages.shape == (5, 8) and stages[1].tolist() == [0, 2] + 6 * [-1]
    expected = torch.zeros(5, 5, dtype=torch.bool)
    for a, b in ((0, 1), (0, 3), (1, 2), (2, 3)):
        expected[a, b] = expected[b, a] = True
    assert torch.equal(other_stages(stages, stages), expected)
    stages[0] = -1
    assert not other_stages(stages, stages)[0].any()


def test_hand_computed_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """d = [[0.8, 1.2], [0.1, 0.2]], one night, other stages: positives 0.3 and 0, negatives 0.3 and 1.4."""
    pair = make_pair(2, labels=[0, 1], window=1)
    distance = torch.tensor([[0.8, 1.2], [0.1, 0.2]])
    for reading, expected in (("margin", 0.3 / 2 + (0.3 + 1.4) / 2), ("printed", 0.3 / 2)):
        loss = build(reading)
        monkeypatch.setattr(loss, "distances", lambda *_: distance)
        assert loss(pair).item() == pytest.approx(expected)


def test_without_a_negative_only_matching_windows_count() -> None:
    loss = build()
    pair = make_pair(labels="one")
    alone = torch.relu(loss.margin - (1 - distances(loss, pair).diagonal())).mean()
    torch.testing.assert_close(loss(pair), alone)
    apart = replace(make_pair(labels="all"), night=torch.arange(16) // 4)
    alone = torch.relu(loss.margin - (1 - distances(loss, apart).diagonal())).mean()
    torch.testing.assert_close(loss(apart), alone)


def test_a_window_alone_in_its_night_is_held_against_earlier_ones() -> None:
    """Nights 0 and 1 in every batch, a window each; the bank keeps the newest two windows of a night."""
    torch.manual_seed(5)
    loss = StructureLoss(context(n_nights=3), graph_margin=0.9)
    batches = [make_pair(seed=seed, labels="mixed", window=8, windows_per_night=1) for seed in range(4)]
    eeg: dict[int, list[tuple[Tensor, list[int]]]] = {0: [], 1: []}
    for pair in batches:
        stage = torch.where(pair.label >= 0, pair.label, pair.teacher_logits.argmax(1)).tolist()
        positive, negative = [], []
        for night in (0, 1):
            clips = slice(8 * night, 8 * night + 8)
            video = slow_graph_vector(loss.student_net, pair.student_features[clips])
            own = [(pair.teacher_features[clips].detach(), stage[clips])]
            for features, stages in own + eeg[night][-2:]:
                d = (video - slow_graph_vector(loss.teacher_net, features)).square().sum().item()
                if features is own[0][0]:
                    positive.append(max(0.0, loss.margin - (1 - d)))
                elif stages != stage[clips]:
                    negative.append(max(0.0, loss.margin - (d - 1)))
            eeg[night] += own
        value = loss(pair)
        expected = sum(positive) / 2 + sum(negative) / max(len(negative), 1)
        assert value.item() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert len(negative) == 4 and sum(negative) > 0  # else nothing was shown
    value.backward()
    assert loss.teacher_net.project.weight.grad.any()
    before = {name: buffer.clone() for name, buffer in loss.named_buffers()}
    loss.eval()(batches[0])
    assert all(torch.equal(buffer, before[name]) for name, buffer in loss.named_buffers())
    assert not before["bank.features"][2].any()


def test_windows_that_share_their_night_need_no_bank() -> None:
    torch.manual_seed(5)
    loss = StructureLoss(context(n_nights=2))
    loss(make_pair(labels="all", window=8, windows_per_night=2))
    assert (loss.bank.stages == -1).all()
    assert StructureLoss(context(n_nights=2), "printed").bank is None


def test_the_readings_pull_in_opposite_directions() -> None:
    pair = make_pair(labels="one")  # no negatives: d of matching windows alone
    gradients = []
    for reading in ("margin", "printed"):
        pair.student_features.grad = None
        build(reading, graph_margin=4.0)(pair).backward()  # a margin at which every window is active in both readings
        gradients.append(pair.student_features.grad.clone())
    torch.testing.assert_close(gradients[0], -gradients[1], rtol=1e-4, atol=1e-7)


def test_order_of_clips_within_windows_does_not_matter() -> None:
    """Complete graphs, symmetric edges: the same shuffle in both modalities and all windows changes nothing."""
    loss, pair = build(graph_margin=0.9), make_pair(labels="all")
    order = (torch.arange(16).view(4, 4)[:, [2, 0, 3, 1]]).flatten()
    torch.testing.assert_close(loss(reordered(pair, order)), loss(pair), rtol=1e-5, atol=1e-6)


def test_windows_do_not_see_each_other() -> None:
    loss, pair = build(), make_pair()
    before = distances(loss, pair)
    changed = pair.student_features.detach().clone()
    changed[4:8] += 1.0
    after = distances(loss, replace(pair, student_features=changed))
    same = torch.tensor([True, False, True, True])
    torch.testing.assert_close(after[same], before[same])
    assert not torch.allclose(after[1], before[1])


def test_window_numbers_are_only_names() -> None:
    loss, pair = build(), make_pair()
    torch.testing.assert_close(loss(replace(pair, window=pair.window * 7 + 3)), loss(pair))


def test_without_window_numbers_clips_are_taken_eight_by_eight() -> None:
    loss, pair = build(), make_pair(window=8)
    torch.testing.assert_close(loss(replace(pair, window=None)), loss(pair))


def test_unknown_reading() -> None:
    with pytest.raises(SacdError, match="unknown reading 'upside-down'; choose one of margin, printed"):
        StructureLoss(context(), "upside-down")


def test_training_brings_matching_windows_together_and_keeps_others_apart() -> None:
    loss, pair = build(), make_pair(labels="all")
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-3)
    first = loss(pair).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss(pair).backward()
        optimizer.step()
    distance = distances(loss, pair)
    assert loss(pair).item() < 0.2 * first
    assert distance[0, 1] > distance[0, 0] and distance[2, 3] > distance[2, 2]  # neighbours share their night
