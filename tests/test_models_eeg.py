"""AttnSleep: shapes, gradients, learning; and the dropout made of bytes."""

import pytest
import torch
from torch.nn import functional

from sacd.models.eeg import AttnSleep, EncoderLayer, LayerNorm
from sacd.models.signal import Convolution, Dropout, as_rows


def overfit(network: torch.nn.Module, samples: int, steps: int) -> float:
    """Accuracy on 16 clips of 4 classes, sines of four frequencies in noise, after training on them."""
    torch.manual_seed(0)
    label = torch.arange(16) % 4
    time = torch.arange(samples) / 100
    x = torch.sin(2 * torch.pi * (label[:, None] * 4 + 1) * time + 6 * torch.rand(16, 1))[:, None]
    x = x + 0.5 * torch.randn_like(x)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        functional.cross_entropy(network(x).logits, label).backward()
        optimiser.step()
    with torch.no_grad():
        return float((network.eval()(x).logits.argmax(1) == label).float().mean())


def test_attnsleep_overfits_sixteen_clips() -> None:
    torch.manual_seed(1)
    assert overfit(AttnSleep(samples=1500), samples=1500, steps=25) > 0.9


@pytest.mark.parametrize(
    ("channels", "samples", "length"), [(1, 3000, 80), (2, 3000, 80), (1, 3750, 99), (1, 1500, 42)]
)
def test_shapes_follow_from_the_samples(channels: int, samples: int, length: int) -> None:
    network = AttnSleep(channels, 4, samples=samples).eval()
    output = network(torch.randn(2, channels, samples), taps=True)
    assert output.features.shape == (2, 512)
    assert output.logits.shape == (2, 4)
    assert [tuple(tap.shape[1:]) for tap in output.taps] == [(128, length), *[(30, length)] * 3]


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = AttnSleep()
    network(torch.randn(4, 1, 3000)).logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_seed_decides_weights_and_dropout() -> None:
    def logits(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return AttnSleep()(torch.ones(2, 1, 3000).cumsum(2)).logits

    assert torch.equal(logits(3), logits(3))
    assert not torch.equal(logits(3), logits(4))


def test_encoder_convolutions_are_causal() -> None:
    """The query, key and value of a place depend on that place and earlier ones only."""
    layer = EncoderLayer(20, 5)
    seen = []
    layer.causal.register_forward_hook(lambda module, inputs, output: seen.append(output))
    x = torch.randn(1, 30, 20)
    changed = x.clone()
    changed[:, :, 12:] += 1
    layer(x), layer(changed)
    assert torch.equal(seen[0][:, :, :12], seen[1][:, :, :12])
    assert not torch.equal(seen[0][:, :, 12:], seen[1][:, :, 12:])


def test_attention_agrees_with_torch() -> None:
    layer = EncoderLayer(80, 5).eval()
    x = torch.randn(3, 30, 80)
    query, key, value = (
        part.unflatten(2, (5, 16)).transpose(1, 2) for part in layer.causal(functional.pad(x, (6, 0))).chunk(3, dim=1)
    )
    attended = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    expected = query.transpose(1, 2).flatten(2) + layer.mix(attended)
    torch.testing.assert_close(layer(x), expected + layer.feed_forward(expected))


def test_layer_norm_is_the_authors() -> None:
    torch.manual_seed(0)
    norm, x = LayerNorm(80), 3 * torch.randn(4, 30, 80) + 1
    x[0, 0] = 2.0  # a channel that is silent
    torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    deviation = x.std(-1, keepdim=True)
    expected = norm.weight * (x - x.mean(-1, keepdim=True)) / (deviation + 1e-6) + norm.bias
    torch.testing.assert_close(norm(x), expected, rtol=1e-5, atol=1e-5)
    norms = [module for module in AttnSleep().modules() if isinstance(module, torch.nn.LayerNorm)]
    assert len(norms) == 3 and all(isinstance(module, LayerNorm) for module in norms)


@pytest.mark.parametrize("p", [0.1, 0.5])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.ones(50, 8, 10, 101).contiguous(memory_format=layout).requires_grad_()
    y = Dropout(p)(x)
    assert y.stride() == x.stride()
    assert abs((y == 0).float().mean() - p) < 0.004
    assert abs(y.mean() - 1) < 0.006
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_rests_in_evaluation(p: float) -> None:
    x = torch.randn(4, 5)
    assert torch.equal(Dropout(p).eval()(x), x)
    assert torch.equal(Dropout(p)(x), x) == (p == 0)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(50, 6, 24), (400, 50, 200), (7, 1, 0)])
def test_convolutions_are_torchs_and_channels_last(channels: int, kernel: int, stride: int, padding: int) -> None:
    torch.manual_seed(0)
    layer, x = Convolution(channels, 8, kernel, stride, padding), torch.randn(3, channels, 1000)
    out = layer(as_rows(x, 1000))
    expected = functional.conv1d(x, layer.weight.squeeze(2), stride=stride, padding=padding)
    torch.testing.assert_close(out.squeeze(2), expected, rtol=1e-5, atol=1e-5)
    assert out.is_contiguous(memory_format=torch.channels_last)
    weight = torch.randn_like(expected)
    (ours,) = torch.autograd.grad(out.squeeze(2), layer.weight, weight)
    (torchs,) = torch.autograd.grad(expected, layer.weight, weight)
    torch.testing.assert_close(ours, torchs, rtol=1e-4, atol=1e-3)
