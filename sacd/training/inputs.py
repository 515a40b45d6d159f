"""How stored arrays become a network's input, and what the network says of them."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from sacd.cohort import Recording
from sacd.exceptions import SacdError
from sacd.models import MODELS, build
from sacd.models.base import Network, Output
from sacd.models.shipped import load_weights
from sacd.objectives.ifd import averaged
from sacd.stages import STAGES
from sacd.training.clip_set import Arrays, ClipSet, to_device
from sacd.training.config import ModelConfig
from sacd.training.transforms import prepare_video

Prepare = Callable[[Tensor, torch.Generator | None], Tensor]

EVALUATION_BYTES = 64 * 2**20
"""Network input of an evaluated batch; a video network's widest activation is some 16 times its input."""
EVALUATION_CLIPS = 256
"""Clips of an evaluated batch at most: more are no faster."""


class Outputs(NamedTuple):
    """What a network says of n clips.

    Attributes
    ----------
    features, logits : ndarray [n, 512], [n, C] float32
    taps : tuple of ndarray [n, channels] float32
        Inner activations averaged over time and space, shallow to deep; empty unless asked for.
    """

    features: np.ndarray
    logits: np.ndarray
    taps: tuple[np.ndarray, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence["Outputs"]) -> "Outputs":
        """The outputs of some clips after those of others."""
        features, logits, taps = zip(*parts, strict=True)
        return cls(
            np.concatenate(features),
            np.concatenate(logits),
            tuple(np.concatenate(layer) for layer in zip(*taps, strict=True)),
        )

    def shifted(self, clips: int) -> "Outputs":
        """Every clip's outputs are those of another, `clips` earlier; the first follow the last."""
        features, logits, *taps = (np.roll(values, clips, axis=0) for values in (*self[:2], *self.taps))
        return Outputs(features, logits, tuple(taps))


class Inputs:
    """The input of one network over a clip set.

    Parameters
    ----------
    arrays : Arrays
        What is stored.
    prepare : callable
        (stored batch on the device, generator or None) → network input.
    fabric : Fabric
        Gives the device and the precision.
    """

    def __init__(self, arrays: Arrays, prepare: Prepare, fabric: Fabric) -> None:
        self.arrays, self.prepare, self.fabric = arrays, prepare, fabric

    @property
    def device(self) -> torch.device:
        """Where batches are prepared."""
        return self.fabric.device

    def stored(self, index: np.ndarray) -> Tensor:
        """Some clips as stored, on the host, pinned where a GPU is to copy them; any thread may read them."""
        clips = self.arrays.take(index)
        return clips.pin_memory() if self.device.type == "cuda" else clips

    def prepared(self, stored: Tensor, seed: int | None = None) -> Tensor:
        """Network input of clips as stored; augmented by a generator of its own where `seed` is given."""
        generator = None if seed is None else torch.Generator(self.device).manual_seed(seed)
        return self.prepare(to_device(stored, self.device), generator)

    def batch(self, index: np.ndarray, seed: int | None = None) -> Tensor:
        """Network input of some clips."""
        return self.prepared(self.stored(index), seed)


def video_preparation(normalise: str) -> Prepare:
    """How stored video becomes a network's input, normalised in one of the ways of `prepare_video`."""
    return partial(_prepare_video, normalise=normalise)


def _prepare_video(x: Tensor, generator: torch.Generator | None, normalise: str) -> Tensor:
    return prepare_video(x, normalise, generator)


def make_network(
    model: ModelConfig, shape: tuple[int, ...], seed: int, participants: int = 0, n_classes: int = len(STAGES)
) -> Network:
    """The network for inputs stored with this shape a clip, initialised from the seed, its weights loaded.

    Parameters
    ----------
    shape : tuple of int
        (d,) features, (channels, samples) EEG, (frames, height, width) video.
    participants : int
        Classes of a participant head, for networks that have one.
    n_classes : int

    Raises
    ------
    SacdError
        The options of the model do not fit it, or name what follows from the data.
    """
    name, options = model.name, model.options
    size = {"in_features": shape[0]} if len(shape) == 1 else {"in_channels": shape[0] if len(shape) == 2 else 1}
    size["n_classes"] = n_classes
    optional = {"samples": shape[1], "participants": participants} if len(shape) == 2 else {}
    taken = inspect.signature(MODELS[name].factory).parameters if name in MODELS else ()
    size |= {key: value for key, value in optional.items() if key in taken}
    if named := size.keys() & options.keys():
        raise SacdError(f"model {name}: {', '.join(sorted(named))} follows from the data; leave it out of the options")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(name, **size, **options)
    if model.weights:
        load_weights(network, name, model.weights)
    # Kernels on video are faster channels last, on a CPU as on a GPU.
    return network.to(memory_format=torch.channels_last_3d) if len(shape) == 3 else network


def forward(network: Network, inputs: Inputs, x: Tensor, taps: bool = False) -> Output:
    """A network's output: the trunk in the run's precision, head and losses in float32."""
    with inputs.fabric.autocast():
        features, inner = network.trunk(x, taps)
    features = features.float()
    return Output(features, network.head(features), tuple(tap.float() for tap in inner))


def evaluation_batch(shape: tuple[int, ...]) -> int:
    """How many clips to evaluate at once, by the shape of one: float32 numbers as network input."""
    return max(1, min(EVALUATION_CLIPS, EVALUATION_BYTES // (4 * prod(shape))))


def evaluate(
    network: Network, inputs: Inputs, index: np.ndarray, taps: bool = False
) -> Iterator[tuple[np.ndarray, Output]]:
    """Outputs of a network in evaluation mode over some clips, in batches, as (indices, output).

    A network that reads windows is given those of one night: they begin where the night or a gap in it ends, and the
    last one before that may be shorter.
    """
    network.eval()
    parts = [index] if network.window == 1 else unbroken(inputs.arrays.clips, index)
    batch = max(1, evaluation_batch(inputs.arrays.shape) // network.window) * network.window
    with torch.inference_mode():
        for run in parts:
            for first in range(0, len(run), batch):
                part = run[first : first + batch]
                yield part, forward(network, inputs, inputs.batch(part), taps)


def unbroken(clips: ClipSet, index: np.ndarray) -> list[np.ndarray]:
    """Clips, cut wherever one does not follow the one before it in the same night."""
    follows = (np.diff(clips.night[index]) == 0) & (np.diff(clips.number[index]) == 1)
    return np.split(index, np.flatnonzero(~follows) + 1)


def predict(network: Network, inputs: Inputs, index: np.ndarray, taps: bool = False) -> Outputs:
    """Outputs of a network over some clips.

    Parameters
    ----------
    index : ndarray [n] int64
        Clips of the inputs' set; in time order where the network reads windows.
    taps : bool
        Also its inner activations.
    """
    return Outputs.joined(
        [
            Outputs(
                output.features.cpu().numpy(),
                output.logits.cpu().numpy(),
                tuple(averaged(layer).cpu().numpy() for layer in output.taps),
            )
            for _, output in evaluate(network, inputs, index, taps)
        ]
    )


def whole_set(recordings: list[Recording]) -> ClipSet:
    """A clip set without any visible label, for inference."""
    return ClipSet(recordings, labelled=())
