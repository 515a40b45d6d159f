"""Video networks: published sizes and names, any input, reachable gradients."""

import pytest
import torch

from sacd.exceptions import SacdError
from sacd.models import build
from sacd.models.video import r2plus1d_10, r2plus1d_18, r3d_18

SMALL = (("r2plus1d_10", {"width": 4}), ("r2plus1d_10", {"width": 8, "stem_stride": 2}))


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("factory", "parameters"), [(r2plus1d_18, 31_505_325), (r3d_18, 33_371_472)])
def test_parameters_as_torchvision(factory, parameters) -> None:
    with torch.device("meta"):
        assert count(factory(3, 400)) == parameters


def published_3dresnets(factorised: bool) -> int:
    """Parameters of 3D-ResNets-PyTorch's depth-18 models at 400 classes, counted from their layer list."""

    def middle(inputs: int, outputs: int, time: int, side: int) -> int:
        return inputs * outputs * time * side**2 // (inputs * side**2 + time * outputs)

    def convolution(inputs: int, outputs: int, time: int = 3, side: int = 3) -> int:
        if not factorised:
            return inputs * outputs * time * side**2 + 2 * outputs
        width = middle(inputs, outputs, time, side)
        return inputs * width * side**2 + 2 * width + width * outputs * time + 2 * outputs

    total, channels = convolution(3, 64, 7, 7), 64
    for outputs in (64, 128, 256, 512):
        total += convolution(channels, outputs) + 3 * convolution(outputs, outputs)
        if channels != outputs:
            total += channels * outputs + 2 * outputs
        channels = outputs
    return total + 512 * 400 + 400


@pytest.mark.parametrize("factory", [r2plus1d_18, r3d_18])
def test_parameters_as_3dresnets(factory) -> None:
    with torch.device("meta"):
        assert count(factory(3, 400, variant="3dresnets")) == published_3dresnets(factory is r2plus1d_18)


@pytest.mark.parametrize("variant", ["torchvision", "3dresnets"])
@pytest.mark.parametrize("name", ["r2plus1d_18", "r3d_18"])
def test_full_width_shapes(name: str, variant: str) -> None:
    with torch.device("meta"):
        network = build(name, in_channels=1, variant=variant).eval()
        output = network(torch.empty(2, 1, 16, 112, 112), taps=True)
    assert output.features.shape == (2, 512)
    assert output.logits.shape == (2, 5)
    assert [tap.shape[1] for tap in output.taps] == [64, 128, 256]  # the fourth stage's mean is the features
    assert not list(network.project.parameters())


@pytest.mark.parametrize(("name", "options"), SMALL)
@pytest.mark.parametrize(("channels", "frames", "size"), [(1, 32, 32), (3, 8, 48), (2, 5, 17)])
def test_any_input(name: str, options: dict, channels: int, frames: int, size: int) -> None:
    network = build(name, in_channels=channels, n_classes=7, **options).eval()
    x = torch.rand(2, channels, frames, size, size + 3)
    output = network(x, taps=True)
    assert output.features.shape == (2, 512)
    assert output.logits.shape == (2, 7)
    assert len(output.taps) == 4
    assert network(x).taps == ()
    torch.testing.assert_close(network(x).logits, output.logits)


def test_taps_are_the_stages_outputs() -> None:
    network = r2plus1d_10().eval()
    features, taps = network.trunk(torch.rand(2, 1, 16, 32, 32), taps=True)
    assert [tuple(tap.shape[1:]) for tap in taps] == [(8, 16, 8, 8), (16, 8, 4, 4), (32, 4, 2, 2), (64, 2, 1, 1)]
    torch.testing.assert_close(network.project(taps[-1].mean(dim=(2, 3, 4))), features)


@pytest.mark.parametrize("options", [{}, {"width": 4, "stem_stride": 2}])
def test_gradients_reach_every_parameter(options: dict) -> None:
    network = r2plus1d_10(**options)
    output = network(torch.rand(4, 1, 8, 32, 32))
    output.logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_seed_decides_the_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in r2plus1d_10().parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_layout_in_memory_changes_nothing() -> None:
    network = r2plus1d_10().eval()
    x = torch.rand(2, 1, 8, 32, 32)
    torch.testing.assert_close(
        network(x).logits, network(x.contiguous(memory_format=torch.channels_last_3d)).logits
    )


def test_unknown_variant() -> None:
    with pytest.raises(SacdError, match="variant 'caffe'.*torchvision, 3dresnets"):
        r3d_18(variant="caffe")


@pytest.mark.parametrize("name", ["r2plus1d_10", "r3d_10"])
@pytest.mark.parametrize(("frames", "size"), [(8, 32), (16, 16), (16, 32), (32, 16), (64, 32)])
def test_half_precision_gradients_on_a_cpu_point_the_right_way_for_short_and_small_clips(name, frames, size):
    torch.manual_seed(0)
    network = build(name).to(memory_format=torch.channels_last_3d)
    x, label = torch.randn(16, 1, frames, size, size), torch.arange(16) % 5
    found = []
    for half in (True, False):
        network.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            features, _ = network.trunk(x)
        torch.nn.functional.cross_entropy(100 * network.head(features.float()), label).backward()
        found.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]))
    assert torch.nn.functional.cosine_similarity(*found, dim=0) > 0.9
