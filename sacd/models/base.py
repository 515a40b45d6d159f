"""What every network here is: a trunk that gives 512-d features and a linear head that gives stage logits."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from sacd.stages import STAGES

FEATURE_DIM = 512
NIGHT = 1_000_000
"""A window that no night fills: all clips up to a gap or the night's end are read as one."""


class Output(NamedTuple):
    """features [B, 512], logits [B, C], taps: inner activations, shallow to deep (empty unless asked for).

    An activation whose mean is the features is no tap.
    """

    features: Tensor
    logits: Tensor
    taps: tuple[Tensor, ...] = ()


class Network(nn.Module):
    """A classifier with named parts; subclasses define `trunk` and keep `head` linear.

    A change of numbers needs a higher `version` (it enters the identity of runs).
    """

    version: ClassVar[int] = 1
    window: int = 1
    """Clips that it reads as one: a batch stands in windows of so many consecutive clips, in time order."""
    stretch: int = NIGHT
    """Consecutive clips of a training batch, where a window that is a whole night ends while training."""

    def __init__(self, feature_dim: int = FEATURE_DIM, n_classes: int = len(STAGES)) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.frozen_trunk = False
        self.head = nn.Linear(feature_dim, n_classes)

    def freeze_trunk(self) -> None:
        """Leave all but the head as it is from now on: parameters, batch norm's statistics, no dropout."""
        self.frozen_trunk = True
        for name, parameter in self.named_parameters():
            if not name.startswith("head."):
                parameter.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Network":
        """Training or evaluation mode; a frozen trunk stays in evaluation mode."""
        super().train(mode)
        if self.frozen_trunk:
            for name, part in self.named_children():
                part.train(mode and name == "head")
        return self

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features [B, feature_dim] of a batch, and its inner activations when `taps`."""
        raise TypeError(f"{type(self).__name__} does not define trunk(x)")

    def forward(self, x: Tensor, taps: bool = False) -> Output:
        """Features and logits of a batch x."""
        features, inner = self.trunk(x, taps)
        return Output(features, self.head(features), inner)


def by_windows(x: Tensor, window: int, read: Callable[[Tensor], Tensor]) -> Tensor:
    """What is read of a batch in windows of consecutive rows; a last, shorter window is its own.

    Parameters
    ----------
    x : Tensor [B, inputs]
    window : int
    read : callable
        [windows, rows, inputs] → [windows, rows, outputs]

    Returns
    -------
    Tensor [B, outputs]
    """
    whole = len(x) - len(x) % window
    parts = [x[:whole].unflatten(0, (-1, window)), x[None, whole:]]
    return torch.cat([read(part).flatten(0, 1) for part in parts if part.numel()])
