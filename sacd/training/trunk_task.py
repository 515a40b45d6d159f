"""A video trunk that learns without labels, and the targets that it learns to predict."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.models.base import Network
from sacd.training.batches import Sampler
from sacd.training.clip_set import ahead, to_device
from sacd.training.inputs import Inputs, evaluate, forward
from sacd.training.loop import Task, step_seed
from sacd.training.pretext import motion_statistics
from sacd.training.transforms import draw_placement, placed, recontrasted

Targets = Callable[[np.ndarray, Tensor, Tensor], Tensor]
"""(indices [B], clips as the trunk sees them, their `Placement.scale` [B]) → what it learns to predict, [B, d]."""


def pixel_targets(index: np.ndarray, clips: Tensor, scale: Tensor) -> Tensor:
    """Motion statistics of the pixels of the clips as they are seen: these know nothing but the picture."""
    return motion_statistics(clips)


class TrunkTask(Task):
    """A trunk learns, without labels, to predict targets that move along with the augmented picture.

    Parameters
    ----------
    network : Network
        Its stage head is not used.
    inputs : Inputs
        Of video.
    held : ndarray of int64
        Clips that are never drawn, for validation.
    targets : callable
        By default `pixel_targets`.
    """

    def __init__(
        self, network: Network, inputs: Inputs, sampler: Sampler, held: np.ndarray, seed: int, augment: bool,
        targets: Targets = pixel_targets,
    ) -> None:
        super().__init__()
        self.network = network
        self.inputs, self._sampler, self._held, self._seed, self._augment = inputs, sampler, held, seed, augment
        self._targets = targets
        self._reads = ahead(self._read, inputs.device)
        first = self._still_targets(sampler.units.reshape(-1)[:: max(1, sampler.units.size // 1024)])
        self.register_buffer("mean", first.mean(0))
        self.register_buffer("deviation", first.std(0).clamp_min(1e-3))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.regressor = nn.Linear(network.feature_dim, first.shape[1])

    def _read(self, step: int) -> tuple[np.ndarray, Tensor]:
        index = self._sampler.batch(step)[0]
        return index, self.inputs.stored(index)

    def _still_targets(self, index: np.ndarray) -> Tensor:
        """Targets of clips as they are stored."""
        clips = to_device(self.inputs.stored(index), self.inputs.device)
        return self._targets(index, clips, torch.ones(len(index), device=clips.device))

    def _error(self, features: Tensor, targets: Tensor) -> Tensor:
        wanted = (targets - self.mean) / self.deviation
        return functional.smooth_l1_loss(self.regressor(features).float(), wanted)

    def terms(self, step: int) -> dict[str, Tensor]:
        """Smooth L1 error of the standardised targets of the clips as the trunk sees them, moved if they are."""
        index, stored = self._reads(step)
        clips = to_device(stored, self.inputs.device)
        scale = torch.ones(len(index), device=clips.device)
        if self._augment:
            generator = torch.Generator(clips.device).manual_seed(step_seed(self._seed + 1, step))
            placement = draw_placement(len(index), generator, clips.device)
            clips, scale = placed(clips.float(), placement), placement.scale
            x = recontrasted(self.inputs.prepare(clips, None), generator)
        else:
            x = self.inputs.prepare(clips, None)
        targets = self._targets(index, clips, scale)
        return {"motion": self._error(forward(self.network, self.inputs, x).features, targets)}

    def validate(self) -> dict[str, float]:
        """Error on the held clips; its negative is the score."""
        total = sum(
            float(self._error(output.features, self._still_targets(part))) * len(part)
            for part, output in evaluate(self.network, self.inputs, self._held)
        )
        return {"score": -total / len(self._held), "error": total / len(self._held)}
