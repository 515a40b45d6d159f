"""Pretraining itself: the loop that trains everything else, on clips in memory."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sacd.models.base import Network
from sacd.pretraining.people import Clips
from sacd.pretraining.targets import motion_targets
from sacd.training import single_clips
from sacd.training.batches import Sampler
from sacd.training.clip_set import Arrays
from sacd.training.config import ModelConfig, TrainingConfig
from sacd.training.inputs import Inputs, make_network, predict, video_preparation
from sacd.training.loop import make_fabric, train
from sacd.training.trunk_task import Targets, TrunkTask, pixel_targets

TargetsName = Literal["motion", "pixels"]
STEPS = 3000
HELD_SHARE = 0.1
"""Of the people, the last ones: their error picks the weights."""


def recipe(steps: int = STEPS) -> TrainingConfig:
    """How a trunk is pretrained."""
    return TrainingConfig(
        steps=steps, batch=64, optimizer="adamw", lr=0.003, weight_decay=0.01, schedule="cosine", sampler="random",
        validate_every=max(1, steps // 12), normalise="clip-mean", precision="bf16-mixed",
    )


def pretrain(
    network: str, targets: TargetsName, clips: Clips, seed: int, training: TrainingConfig,
    report: Callable[[int], None] = lambda step: None,
) -> tuple[Network, float]:
    """A network trained to predict targets of clips' motion; no label is read.

    Parameters
    ----------
    network : str
        A video network of `sacd.models.MODELS`.
    targets : {"motion", "pixels"}
        How the simulated body moved, or motion statistics of the pixels.
    clips : Clips
    seed : int
        Of the initial weights, the order of clips and augmentation.
    training : TrainingConfig
    report : callable
        Told the number of finished steps now and then.

    Returns
    -------
    network : Network
        In evaluation mode.
    error : float
        Smooth L1 error of the standardised targets on people held back.
    """
    fabric = make_fabric(training.precision)
    unlabelled = single_clips.Clips(np.full(len(clips.video), -1), np.arange(len(clips.video)))
    inputs = Inputs(Arrays(unlabelled, [clips.video]), video_preparation(training.normalise), fabric)
    held = clips.person >= round((1 - HELD_SHARE) * len(clips.people))
    sampler = Sampler(unlabelled, ~held, training.batch, seed, training.sampler)
    model = make_network(ModelConfig(name=network), inputs.arrays.shape, seed)
    wanted = pixel_targets if targets == "pixels" else _of_motion(clips.motion)
    task = TrunkTask(model, inputs, sampler, np.flatnonzero(held), seed, training.augment, wanted)
    task.to(fabric.device)
    with tempfile.TemporaryDirectory() as folder:
        result = train(task, training, seed, Path(folder), fabric, report)
    # Rounded as they are kept (`save_weights`), for it is these whose features are to have unit deviation.
    trunk = task.network.half().float().eval()
    standardise(trunk, inputs)
    return trunk, -result["best_score"]


def standardise(network: Network, inputs: Inputs) -> None:
    """Give features mean 0 and deviation 1 over some clips, by the linear layer that they leave the network through.

    What a student adds to them as noise is then in units of what they vary by.
    """
    features = torch.from_numpy(predict(network, inputs, np.arange(len(inputs.arrays.clips))).features)
    spread = features.std(dim=0).clamp_min(1e-3)
    with torch.no_grad():
        network.project.weight.div_(spread.unsqueeze(1))
        network.project.bias.sub_(features.mean(dim=0)).div_(spread)


def _of_motion(motion: np.ndarray) -> Targets:
    table = torch.from_numpy(motion)

    def of_clips(index: np.ndarray, clips: Tensor, scale: Tensor) -> Tensor:
        return motion_targets(table[torch.from_numpy(index)].to(scale.device), scale)

    return of_clips
