"""Building networks by name, and the perceptron on features."""

import inspect

import pytest
import torch

from sacd.exceptions import SacdError
from sacd.models import MODELS, Network, build
from sacd.models.mlp import MLP


def test_every_model_is_a_network_with_documented_kind() -> None:
    for model in MODELS.values():
        assert issubclass(model.network, Network)
        assert model.kind in {"video", "eeg", "features", "audio"}
        assert model.version == model.network.version >= 1
        assert "n_classes" in inspect.signature(model.factory).parameters


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("resnet", {}, "model 'resnet' is not known; choose one of r2plus1d_18, r3d_18"),
        ("mlp", {}, "model mlp needs in_features"),
        ("mlp", {"in_features": 3, "widht": 4}, "no option widht; its options are in_features, n_classes, hidden"),
        ("mlp", {"in_features": "3"}, "in_features must be int, not '3'"),
        ("mlp", {"in_features": True}, "in_features must be int"),
        ("mlp", {"in_features": 3, "norm": "group"}, "norm 'group'.*layer, batch, none"),
        ("attnsleep", {"in_features": 3}, "no option in_features"),
    ],
)
def test_wrong_requests(name: str, options: dict, told: str) -> None:
    with pytest.raises(SacdError, match=told) as caught:
        build(name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inputs", [2, 72, 512])
@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
def test_mlp(inputs: int, norm: str) -> None:
    network = build("mlp", in_features=inputs, n_classes=3, norm=norm, depth=2, hidden=32, dropout=0)
    output = network(torch.randn(6, inputs), taps=True)
    assert output.features.shape == (6, 512)
    assert output.logits.shape == (6, 3)
    assert [tuple(tap.shape) for tap in output.taps] == [(6, 32), (6, 32)]
    output.logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_mlp_learns() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    label = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    network = MLP(4, 4, hidden=64)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.2, momentum=0.9)
    for _ in range(100):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(x).logits, label).backward()
        optimiser.step()
    assert (network.eval()(x).logits.argmax(1) == label).float().mean() > 0.95


def test_one_clip_can_be_trained_on_with_layer_norm() -> None:
    assert torch.isfinite(MLP(3)(torch.randn(1, 3)).logits).all()
