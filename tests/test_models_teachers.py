"""DeepSleepNet, modified SEN and CNN14."""

import numpy as np
import pytest
import torch
from test_models_eeg import overfit
from torch.nn import functional

from sacd.exceptions import SacdError
from sacd.models import build
from sacd.models.audio import CNN14, LogMel, mel_filters, mel_frequencies
from sacd.models.deepsleepnet import DeepSleepNet, SequenceResidual
from sacd.models.fusion import TwoStream
from sacd.models.sen import ModifiedSEN, reverse_gradient
from sacd.models.signal import SamePadding, SamePool


def reached(network: torch.nn.Module) -> bool:
    return all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("name", ["deepsleepnet", "sen"])
@pytest.mark.parametrize(("channels", "samples", "places"), [(1, 3000, 24), (2, 3750, 30)])
def test_shapes_follow_from_the_samples(name: str, channels: int, samples: int, places: int) -> None:
    network = build(name, in_channels=channels, samples=samples, n_classes=4).eval()
    output = network(torch.randn(2, channels, samples), taps=True)
    assert output.features.shape == (2, 512)
    assert output.logits.shape == (2, 4)
    assert output.taps[-1].shape == (2, 128, places)
    assert len(output.taps) == 5


@pytest.mark.parametrize("name", ["attnsleep", "deepsleepnet", "sen"])
def test_another_length_is_refused(name: str) -> None:
    with pytest.raises(SacdError, match="reads 3000 samples a clip, not 2000"):
        build(name)(torch.randn(2, 1, 2000))


@pytest.mark.parametrize("network", [DeepSleepNet, ModifiedSEN])
def test_they_overfit_sixteen_clips(network: type[torch.nn.Module]) -> None:
    torch.manual_seed(1)
    assert overfit(network(samples=1500), samples=1500, steps=15) > 0.9


@pytest.mark.parametrize("options", [{}, {"sequence": True, "window": 2}])
def test_gradients_reach_every_parameter_of_deepsleepnet(options: dict) -> None:
    torch.manual_seed(0)
    network = DeepSleepNet(**options)
    network(torch.randn(4, 1, 3000)).logits.square().sum().backward()
    assert reached(network)


def test_only_the_sequence_part_reads_windows() -> None:
    assert build("deepsleepnet").window == build("sen").window == build("deepsleepnet", window=4).window == 1
    network = build("deepsleepnet", sequence=True, window=4)
    assert network.window == 4
    assert TwoStream(network, build("mlp", in_features=2)).window == 4


@pytest.mark.parametrize(
    ("length", "kernel", "stride"), [(3000, 50, 6), (3000, 400, 50), (63, 8, 1), (15, 6, 1), (7, 3, 2)]
)
def test_same_padding_as_tensorflow(length: int, kernel: int, stride: int) -> None:
    x = torch.ones(1, 1, 1, length)
    padded = SamePadding(kernel, stride)(x)
    assert functional.avg_pool2d(padded, (1, kernel), (1, stride)).shape[3] == -(-length // stride)
    before = int(padded[0, 0, 0].argmax())
    after = padded.shape[3] - length - before
    assert after - before in (0, 1)


@pytest.mark.parametrize(("length", "kernel"), [(500, 8), (63, 4), (60, 4), (15, 2), (7, 3)])
def test_same_pool_is_the_maximum_of_every_window(length: int, kernel: int) -> None:
    x = torch.randn(2, 3, 1, length)
    pooled = SamePool(kernel)(x)
    places = -(-length // kernel)
    left = (places * kernel - length) // 2
    padded = functional.pad(x, (left, places * kernel - length - left), value=-torch.inf)
    torch.testing.assert_close(pooled, padded.unflatten(3, (places, kernel)).amax(4))


def test_windows_do_not_see_each_other() -> None:
    part = SequenceResidual(6, window=4, hidden=8).eval()
    x = torch.randn(10, 6)
    states = part(x)
    assert states.shape == (10, 16)
    changed = x.clone()
    changed[5] += 1
    moved = (part(changed) - states).abs().sum(1) > 0
    assert moved.tolist() == [False] * 4 + [True] * 4 + [False] * 2
    torch.testing.assert_close(part(x[:4]), states[:4])
    torch.testing.assert_close(part(x[8:]), states[8:])


def test_directions_meet_after_both_layers() -> None:
    """The states of each direction are those of an LSTM that never sees the other, run over the window from its end."""
    part = SequenceResidual(6, window=4, hidden=8).eval()
    x = torch.randn(4, 6)
    states = part(x) - part.shortcut(x)
    for lstm, order, half in ((part.forth, [0, 1, 2, 3], slice(8)), (part.back, [3, 2, 1, 0], slice(8, 16))):
        assert lstm.num_layers == 2 and not lstm.bidirectional
        torch.testing.assert_close(states[order, half], lstm(x[order])[0])


def test_gradient_is_reversed_and_scaled() -> None:
    x = torch.randn(5, requires_grad=True)
    y = reverse_gradient(x, 0.25)
    assert torch.equal(y, x)
    (3 * y).sum().backward()
    torch.testing.assert_close(x.grad, torch.full((5,), -0.75))


def test_participant_head_trains_itself_and_works_against_the_trunk() -> None:
    torch.manual_seed(0)
    network = ModifiedSEN(participants=3, reversal=0.5)
    x, participant = torch.randn(6, 1, 3000), torch.arange(6) % 3
    network.eval()  # the same dropout and batch statistics in both passes

    def gradient(reversal: float) -> torch.Tensor:
        network.zero_grad()
        network.reversal = reversal
        output = network(x, taps=True)
        functional.cross_entropy(network.participant_logits(output), participant).backward()
        assert network.participant_head[0].weight.grad.abs().sum() > 0
        assert network.head.weight.grad is None
        return network.representation.small[1][1][0].weight.grad.clone()

    with_reversal, plain = gradient(0.5), gradient(-1.0)
    assert plain.abs().sum() > 0
    torch.testing.assert_close(with_reversal, -0.5 * plain, rtol=1e-3, atol=1e-7)


def test_gradients_of_both_heads_reach_every_parameter_of_sen() -> None:
    torch.manual_seed(0)
    network = ModifiedSEN(participants=4)
    output = network(torch.randn(4, 1, 3000), taps=True)
    (output.logits.square().sum() + network.participant_logits(output).square().sum()).backward()
    assert reached(network)


def test_sen_without_participants_says_so() -> None:
    network = ModifiedSEN().eval()
    with pytest.raises(SacdError, match="participants=N"):
        network.participant_logits(network(torch.randn(1, 1, 3000), taps=True))


def test_mel_filters_are_librosas() -> None:
    """Published outputs of librosa.mel_frequencies(40, fmax=11025) and librosa.filters.mel(22050, 2048)."""
    frequencies = mel_frequencies(40, 0, 11025)
    np.testing.assert_allclose(frequencies[:3], [0, 85.317, 170.635], atol=1e-3)
    np.testing.assert_allclose(frequencies[-1], 11025, atol=1e-6)
    filters = mel_filters(22050, 2048, 128, 0, 11025).numpy()
    assert filters.shape == (1025, 128)
    first = [0, 0.016182853, 0.032365706, 0.028990088, 0.012807235, 0]
    second = [0, 0, 0, 0.009779236, 0.025962089, 0.035393705, 0.019210852, 0.003027999, 0]
    np.testing.assert_allclose(filters[:6, 0], first, atol=1e-7)
    np.testing.assert_allclose(filters[:9, 1], second, atol=1e-7)


def test_log_mel_of_a_tone() -> None:
    """A tone of 1 kHz lies in the band whose triangle is highest there; ten times the amplitude is 20 dB more."""
    layer = LogMel(32000, 1024, 320, 64, 50, 14000)
    tone = 0.1 * torch.sin(2 * torch.pi * 1000 * torch.arange(16000) / 32000)[None]
    quiet, loud = layer(tone), layer(10 * tone)
    assert quiet.shape == (1, 1, 51, 64)
    assert int(quiet[0, 0, 25].argmax()) == int(layer.melW[32].argmax())
    band = int(quiet[0, 0, 25].argmax())
    torch.testing.assert_close(loud[..., band] - quiet[..., band], torch.full((1, 1, 51), 20.0), atol=0.01, rtol=0)
    assert torch.equal(layer(torch.zeros(1, 16000)), torch.full((1, 1, 51, 64), -100.0))


@pytest.mark.parametrize(("embedding", "classes", "parameters"), [(2048, 527, 80_753_615), (512, 51, 76_552_691)])
def test_cnn14(embedding: int, classes: int, parameters: int) -> None:
    with torch.device("meta"):
        network = CNN14(classes, embedding=embedding)
    assert network.feature_dim == embedding
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_cnn14_forward() -> None:
    network = CNN14(7).eval()
    with torch.inference_mode():
        output = network(torch.rand(1, 16000) - 0.5, taps=True)
    assert output.features.shape == (1, 512)
    assert output.logits.shape == (1, 7)
    assert (output.features >= 0).all()
    assert [tap.shape[1] for tap in output.taps] == [64, 128, 256, 512, 1024, 2048]


def test_cnn14_of_another_embedding() -> None:
    with pytest.raises(SacdError, match="choose one of"):
        build("cnn14", embedding=128)
