"""Published weights: names and shapes of every layout, colour folded to grey, files that must be refused.

The real files are not here; their names and shapes are listed from the published sources, the numbers are random.
"""

import shutil
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sacd.exceptions import SacdError
from sacd.models import build
from sacd.models.pretrained import load_pretrained, read_state

Shapes = dict[str, tuple[int, ...]]


def norm(name: str, width: int) -> Shapes:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def middle(inputs: int, outputs: int) -> int:
    return inputs * outputs * 27 // (inputs * 9 + 3 * outputs)


def torchvision(factorised: bool) -> Shapes:
    """torchvision/models/video/resnet.py: r2plus1d_18 and r3d_18."""
    if factorised:
        shapes = {"stem.0.weight": (45, 3, 1, 7, 7), **norm("stem.1", 45), "stem.3.weight": (64, 45, 3, 1, 1)}
        shapes |= norm("stem.4", 64)
    else:
        shapes = {"stem.0.weight": (64, 3, 3, 7, 7), **norm("stem.1", 64)}
    channels = 64
    for stage, outputs in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name, width = f"layer{stage}.{block}", middle(channels, outputs)
            for index, inputs in ((1, channels), (2, outputs)):
                conv = f"{name}.conv{index}"
                if factorised:
                    shapes[f"{conv}.0.0.weight"] = (width, inputs, 1, 3, 3)
                    shapes |= norm(f"{conv}.0.1", width)
                    shapes[f"{conv}.0.3.weight"] = (outputs, width, 3, 1, 1)
                else:
                    shapes[f"{conv}.0.weight"] = (outputs, inputs, 3, 3, 3)
                shapes |= norm(f"{conv}.1", outputs)
            if channels != outputs:
                shapes[f"{name}.downsample.0.weight"] = (outputs, channels, 1, 1, 1)
                shapes |= norm(f"{name}.downsample.1", outputs)
            channels = outputs
    return shapes | {"fc.weight": (400, 512), "fc.bias": (400,)}


def resnets_3d(factorised: bool) -> Shapes:
    """3D-ResNets-PyTorch, models/resnet2p1d.py and models/resnet.py at depth 18, shortcut B."""
    if factorised:
        shapes = {"conv1_s.weight": (110, 3, 1, 7, 7), **norm("bn1_s", 110), "conv1_t.weight": (64, 110, 7, 1, 1)}
        shapes |= norm("bn1_t", 64)
    else:
        shapes = {"conv1.weight": (64, 3, 7, 7, 7), **norm("bn1", 64)}
    channels = 64
    for stage, outputs in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            for index, inputs in ((1, channels), (2, outputs)):
                if factorised:
                    width = middle(inputs, outputs)
                    shapes[f"{name}.conv{index}_s.weight"] = (width, inputs, 1, 3, 3)
                    shapes |= norm(f"{name}.bn{index}_s", width)
                    shapes[f"{name}.conv{index}_t.weight"] = (outputs, width, 3, 1, 1)
                    shapes |= norm(f"{name}.bn{index}_t", outputs)
                else:
                    shapes[f"{name}.conv{index}.weight"] = (outputs, inputs, 3, 3, 3)
                    shapes |= norm(f"{name}.bn{index}", outputs)
            if channels != outputs:
                shapes[f"{name}.downsample.0.weight"] = (outputs, channels, 1, 1, 1)
                shapes |= norm(f"{name}.downsample.1", outputs)
            channels = outputs
    return shapes | {"fc.weight": (700, 512), "fc.bias": (700,)}


def panns(embedding: int) -> Shapes:
    """audioset_tagging_cnn, pytorch/models.py: Cnn14 and Cnn14_emb512."""
    shapes = {
        "spectrogram_extractor.stft.conv_real.weight": (513, 1, 1024),
        "spectrogram_extractor.stft.conv_imag.weight": (513, 1, 1024),
        "logmel_extractor.melW": (513, 64), **norm("bn0", 64),
    }
    inputs = 1
    for index, outputs in enumerate((64, 128, 256, 512, 1024, 2048), 1):
        block = f"conv_block{index}"
        shapes[f"{block}.conv1.weight"] = (outputs, inputs, 3, 3)
        shapes[f"{block}.conv2.weight"] = (outputs, outputs, 3, 3)
        shapes |= norm(f"{block}.bn1", outputs) | norm(f"{block}.bn2", outputs)
        inputs = outputs
    shapes |= {"fc1.weight": (embedding, 2048), "fc1.bias": (embedding,)}
    return shapes | {"fc_audioset.weight": (527, embedding), "fc_audioset.bias": (527,)}


def filled(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Random numbers of these shapes; weights small and deviations positive, so that a network stays finite."""
    generator = torch.Generator().manual_seed(seed)
    state = OrderedDict()
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif len(shape) > 1:
            fan = int(np.prod(shape[1:]))
            state[name] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        else:
            state[name] = 0.5 + torch.rand(shape, generator=generator)
    return state


LAYOUTS = [
    ("r2plus1d_18", "torchvision", torchvision(True)),
    ("r3d_18", "torchvision", torchvision(False)),
    ("r2plus1d_18", "3dresnets", resnets_3d(True)),
    ("r3d_18", "3dresnets", resnets_3d(False)),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is removed at once: the files have hundreds of MB."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(("name", "variant", "shapes"), LAYOUTS)
def test_video_layouts_load_but_for_the_classifier(folder: Path, name: str, variant: str, shapes: Shapes) -> None:
    state = filled(shapes)
    path = folder / "weights.pth"
    if variant == "torchvision":
        torch.save(state, path)
    else:
        wrapped = {f"module.{key}": value for key, value in state.items()}
        torch.save({"epoch": 9, "arch": "x", "state_dict": wrapped, "scheduler": {"milestones": Counter({5: 1})}}, path)
    network = build(name, in_channels=3, variant=variant)
    head = network.head.weight.clone()
    loaded = load_pretrained(network, path)
    assert loaded.loaded == len(shapes) - 2 == len(network.state_dict()) - 2
    assert loaded.kept == ("head.weight", "head.bias")
    assert loaded.folded == loaded.unused == ()
    assert torch.equal(network.head.weight, head)
    # At the published number of classes nothing is left out.
    network = build(name, in_channels=3, n_classes=shapes["fc.bias"][0], variant=variant)
    loaded = load_pretrained(network, path)
    assert loaded.kept == loaded.unused == ()
    assert loaded.loaded == len(shapes)
    if variant == "torchvision":
        ours = network.state_dict()
        assert all(torch.equal(ours[key.replace("fc.", "head.")], value) for key, value in state.items())


def test_places_of_the_3dresnets_names(folder: Path) -> None:
    """The published forward order, spelled out: spatial, its norm, temporal, its norm."""
    path = folder / "weights.safetensors"
    state = filled(resnets_3d(True))
    save_file(state, path)
    network = build("r2plus1d_18", in_channels=3, variant="3dresnets")
    load_pretrained(network, path)
    block = network.layer2[0]
    assert len(network.stem) == 7  # the last one pools
    assert torch.equal(network.stem[0].weight, state["conv1_s.weight"])
    assert torch.equal(network.stem[1].weight, state["bn1_s.weight"])
    assert torch.equal(network.stem[3].weight, state["conv1_t.weight"])
    assert torch.equal(network.stem[4].running_var, state["bn1_t.running_var"])
    assert torch.equal(block.conv1[0][1].bias, state["layer2.0.bn1_s.bias"])
    assert torch.equal(block.conv1[1].bias, state["layer2.0.bn1_t.bias"])
    assert torch.equal(block.conv2[0][3].weight, state["layer2.0.conv2_t.weight"])
    assert torch.equal(block.downsample[1].running_mean, state["layer2.0.downsample.1.running_mean"])


def test_places_of_the_3dresnets_names_unfactorised(folder: Path) -> None:
    path = folder / "weights.safetensors"
    state = filled(resnets_3d(False))
    save_file(state, path)
    network = build("r3d_18", in_channels=3, variant="3dresnets")
    load_pretrained(network, path)
    assert torch.equal(network.stem[0].weight, state["conv1.weight"])
    assert torch.equal(network.stem[1].running_mean, state["bn1.running_mean"])
    assert torch.equal(network.layer3[1].conv1[0].weight, state["layer3.1.conv1.weight"])
    assert torch.equal(network.layer3[1].conv2[1].bias, state["layer3.1.bn2.bias"])


@pytest.mark.parametrize(("name", "variant", "shapes"), LAYOUTS[1:3])
def test_a_grey_network_equals_the_colour_one(folder: Path, name: str, variant: str, shapes: Shapes) -> None:
    """On grey clips, repeated three times for the colour network."""
    path = folder / "weights.safetensors"
    save_file(filled(shapes), path)
    colour, grey = build(name, in_channels=3, variant=variant), build(name, in_channels=1, variant=variant)
    load_pretrained(colour, path)
    assert load_pretrained(grey, path).folded == ("stem.0.weight",)
    x = torch.rand(1, 1, 4, 32, 32)
    with torch.inference_mode():
        expected = colour.eval()(x.expand(-1, 3, -1, -1, -1)).features
        tolerance = 1e-3 * float(expected.abs().max())
        torch.testing.assert_close(grey.eval()(x).features, expected, rtol=1e-3, atol=tolerance)


def test_panns_layout(folder: Path) -> None:
    shapes = panns(512)
    path = folder / "Cnn14.pth"
    torch.save({"iteration": 1, "model": filled(shapes), "sampler": {"indexes": np.arange(9), "pointer": 3}}, path)
    network = build("cnn14")
    loaded = load_pretrained(network, path)
    assert loaded.kept == ("head.weight", "head.bias")
    assert loaded.unused == tuple(sorted(key for key in shapes if key.startswith("spectrogram_extractor")))
    assert loaded.loaded == len(shapes) - 4
    assert torch.equal(network.logmel_extractor.melW, read_state(path)["logmel_extractor.melW"])


def test_own_weights_come_back(folder: Path) -> None:
    path = folder / "weights.safetensors"
    original, other = (build("r2plus1d_10", width=4).eval() for _ in range(2))
    save_file(original.state_dict(), path)
    assert load_pretrained(other, path).kept == ()
    x = torch.rand(1, 1, 4, 32, 32)
    assert torch.equal(original(x).logits, other(x).logits)


def test_the_wrong_network_is_refused_and_left_alone(folder: Path) -> None:
    path = folder / "r3d.safetensors"
    save_file(filled(torchvision(False)), path)
    network = build("r3d_18", in_channels=3, variant="3dresnets")
    before = network.stem[0].weight.clone()
    with pytest.raises(SacdError, match=r"r3d.safetensors: does not fit .*, 1 of .*stem.0.weight \(64, 3, 3, 7"):
        load_pretrained(network, path)
    assert torch.equal(network.stem[0].weight, before)
    with pytest.raises(SacdError, match=r"tensors are missing.*layers.0.0.weight missing"):
        load_pretrained(build("mlp", in_features=3), path)


class Malicious:
    """Runs a command where a pickle is trusted."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.marker,)


def test_a_file_that_would_run_code_is_refused(folder: Path) -> None:
    path, marker = folder / "evil.pth", folder / "ran"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "extra": Malicious(marker)}, path)
    with pytest.raises(SacdError, match="evil.pth.*could run code"):
        read_state(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_damaged_and_foreign_files(folder: Path) -> None:
    whole, path = folder / "whole.pth", folder / "weights.pth"
    torch.save(filled(torchvision(False) | {"fc.weight": (4, 512)}), whole)
    content = whole.read_bytes()[:20_000]
    cases = {"empty": b"", "text": b"hello", "cut": content, "pickle": b"\x80\x02]."}
    for told, data in cases.items():
        path.write_bytes(data)
        with pytest.raises(SacdError, match="weights.pth: (cannot be read|damaged|holds no)") as caught:
            read_state(path)
        assert "\n" not in str(caught.value), told
    torch.save({"state_dict": {"a": 3}}, path)
    with pytest.raises(SacdError, match="holds no named tensors"):
        read_state(path)
    path.with_suffix(".safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(SacdError, match="cannot be read"):
        read_state(path.with_suffix(".safetensors"))
    path.with_suffix(".h5").touch()
    with pytest.raises(SacdError, match="not a weights file"):
        read_state(path.with_suffix(".h5"))
    with pytest.raises(SacdError, match="no such file"):
        read_state(folder / "absent.pth")
