"""EEG and video together: a head on their concatenated features, alone or on top of both encoders (paper section V-D).

The paper's heads are 1024 → 5 (experiments A and C) and 1024 → 256 → 64 → 5 (B and D). It names no activation between
the layers; without one three layers could express no more than one, so ReLU is used.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sacd.exceptions import SacdError
from sacd.models.base import FEATURE_DIM, Network
from sacd.stages import STAGES

HIDDEN: dict[int, tuple[int, ...]] = {1: (), 3: (256, 64)}
"""Widths between input and logits, by the number of fully connected layers."""


class TwoViews(NamedTuple):
    """The network inputs of the same B clips in both modalities."""

    eeg: Tensor
    video: Tensor


class FusionHead(Network):
    """One or three fully connected layers on concatenated features.

    Parameters
    ----------
    in_features : int
        Width of both encoders' features together; the paper's are 512 + 512.
    n_classes : int
    layers : int
        1 or 3. With 1, `features` are the concatenated ones; with 3, the 64 before the last layer.
    """

    def __init__(self, in_features: int = 2 * FEATURE_DIM, n_classes: int = len(STAGES), *, layers: int = 1) -> None:
        if layers not in HIDDEN:
            raise SacdError(f"a fusion head of {layers} layers is not known; use {' or '.join(map(str, HIDDEN))}")
        widths = (in_features, *HIDDEN[layers])
        super().__init__(widths[-1], n_classes)
        self.hidden = nn.Sequential()
        for before, after in zip(widths, widths[1:], strict=False):
            self.hidden.extend([nn.Linear(before, after), nn.ReLU()])

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What the last layer reads, of concatenated features [B, in_features] float; there are no taps."""
        return self.hidden(x), ()


class TwoStream(FusionHead):
    """Both encoders and a fusion head, trained together; the encoders' own stage heads are not used.

    Parameters
    ----------
    eeg, video : Network
    layers : int
        Of the head: 1 or 3.
    """

    def __init__(self, eeg: Network, video: Network, n_classes: int = len(STAGES), *, layers: int = 1) -> None:
        super().__init__(eeg.feature_dim + video.feature_dim, n_classes, layers=layers)
        self.eeg, self.video = eeg, video
        self.window = eeg.window

    def trunk(self, x: TwoViews, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What the last layer reads, of the two views of B clips; there are no taps."""
        features = [network.trunk(view)[0] for network, view in ((self.eeg, x.eeg), (self.video, x.video))]
        return super().trunk(torch.cat(features, dim=1))
