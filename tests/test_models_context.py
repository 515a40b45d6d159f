"""Context networks: who hears whom."""

import pytest
import torch

from sacd.exceptions import SacdError
from sacd.models import build
from sacd.models.base import NIGHT, Network

CLIPS = 24


def network(name: str, **options: object) -> Network:
    torch.manual_seed(0)
    return build(name, in_features=6, **options).eval()


def heard(net: Network) -> torch.Tensor:
    """[clip that speaks, clip that hears] bool, over 24 clips in a row."""
    torch.manual_seed(1)
    x = torch.randn(CLIPS, 6)
    with torch.inference_mode():
        before = net(x).logits
        changed = []
        for clip in range(CLIPS):
            other = x.clone()
            other[clip] += 3
            changed.append(((net(other).logits - before).abs() > 1e-6).any(dim=1))
    return torch.stack(changed)


@pytest.mark.parametrize("name", ["gru", "tcn"])
@pytest.mark.parametrize("length", [1, 4, 20, 120, 0])
@pytest.mark.parametrize("causal", [False, True])
def test_a_clip_hears_its_window_and_when_causal_nothing_later(name: str, length: int, causal: bool) -> None:
    window = torch.arange(CLIPS) // (length or NIGHT)
    expected = window[:, None] == window
    assert torch.equal(heard(network(name, length=length, causal=causal)), expected.triu() if causal else expected)


def test_a_tcn_reaches_as_far_as_its_levels() -> None:
    reach = (torch.arange(CLIPS)[:, None] - torch.arange(CLIPS)).abs() <= 3
    assert torch.equal(heard(network("tcn", length=0, levels=2)), reach)


@pytest.mark.parametrize("name", ["gru", "tcn"])
def test_lengths_differ_in_nothing_but_the_window(name: str) -> None:
    x = torch.randn(CLIPS, 6)
    states = [network(name, length=length).state_dict() for length in (1, 20, 0)]
    for other in states[1:]:
        assert other.keys() == states[0].keys() and all(torch.equal(other[key], states[0][key]) for key in other)
    one = network(name, length=1)
    with torch.inference_mode():
        alone = torch.cat([one(clip[None]).logits for clip in x])
        torch.testing.assert_close(one(x).logits, alone)
        torch.testing.assert_close(network(name, length=0)(x[:1]).logits, alone[:1])


def test_a_night_is_cut_where_a_stretch_ends_while_training_only() -> None:
    net, x = network("gru", length=0, dropout=0.0), torch.randn(CLIPS, 6)
    net.stretch = 8
    with torch.inference_mode():
        parts = torch.cat([net(part).features for part in x.split(8)])
        whole = net(x).features
        torch.testing.assert_close(net.train()(x).features, parts)
    assert (whole - parts).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["gru", "tcn"])
def test_shapes_and_gradients(name: str) -> None:
    net = network(name, n_classes=3, hidden=16).train()
    output = net(torch.randn(CLIPS, 6), taps=True)
    assert output.features.shape == (CLIPS, 512) and output.logits.shape == (CLIPS, 3)
    assert [len(tap) for tap in output.taps] == [CLIPS, CLIPS] and output.taps[0].shape == (CLIPS, 16)
    output.logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_a_length_below_zero_is_refused() -> None:
    with pytest.raises(SacdError, match="length=-1 is not a number of clips"):
        network("gru", length=-1)
