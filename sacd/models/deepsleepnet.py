"""DeepSleepNet (Supratak et al. 2017, doi:10.1109/TNSRE.2017.2721116)."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from sacd.exceptions import SacdError
from sacd.models.base import FEATURE_DIM, Network, by_windows
from sacd.models.signal import Dropout, SamePadding, SamePool, as_rows, convolution
from sacd.stages import STAGES

CHANNELS = 128


class Representation(nn.Module):
    """Two convolutional branches of small and large kernels over one clip (sec. II-A), joined along time.

    Kernels are the paper's at 100 Hz: half a second every sixteenth of one, and four seconds every half.

    Parameters
    ----------
    in_channels, samples : int
        Of a clip.
    activation : callable
        Makes the non-linearity.
    """

    def __init__(self, in_channels: int, samples: int, activation: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.samples = samples
        self.small = self._branch(in_channels, 50, 6, 8, 8, 4, activation)
        self.large = self._branch(in_channels, 400, 50, 4, 6, 2, activation)
        # ⌈⌈⌈L / stride⌉ / pool⌉ / pool⌉ places a branch
        self.places = -(-samples // (6 * 8 * 4)) + -(-samples // (50 * 4 * 2))

    @staticmethod
    def _branch(
        in_channels: int, kernel: int, stride: int, first_pool: int, inner: int, last_pool: int,
        activation: Callable[[], nn.Module],
    ) -> nn.ModuleList:
        """Five steps; what follows each is an inner tap but for the last pool."""

        def deeper(inputs: int) -> nn.Module:
            return nn.Sequential(
                SamePadding(inner, 1), convolution(inputs, CHANNELS, inner, activation=activation)
            )

        stem = nn.Sequential(
            SamePadding(kernel, stride), convolution(in_channels, 64, kernel, stride, activation=activation),
            SamePool(first_pool), Dropout(0.5),
        )
        return nn.ModuleList([stem, deeper(64), deeper(CHANNELS), deeper(CHANNELS), SamePool(last_pool)])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Activations after each step, both branches joined along time, shallow to deep.

        Parameters
        ----------
        x : Tensor [B, in_channels, samples] float

        Returns
        -------
        list of Tensor [B, 64 or 128, places]
            The last one is [B, 128, self.places].
        """
        small = large = as_rows(x, self.samples)
        inner = []
        for small_step, large_step in zip(self.small, self.large, strict=True):
            small, large = small_step(small), large_step(large)
            inner.append(torch.cat((small, large), dim=3).squeeze(2).contiguous())
        return inner


class SequenceResidual(nn.Module):
    """Two LSTMs of two layers over windows of clips, one each way, beside a shortcut (sec. II-B).

    As in the authors' code the directions meet only after both layers. Cells have no peepholes.
    """

    def __init__(self, inputs: int, window: int, hidden: int = 512) -> None:
        super().__init__()
        self.window = window
        self.outputs = 2 * hidden
        self.forth, self.back = (
            nn.LSTM(inputs, hidden, num_layers=2, dropout=0.5, batch_first=True) for _ in range(2)
        )
        self.shortcut = nn.Sequential(
            nn.Linear(inputs, self.outputs, bias=False), nn.BatchNorm1d(self.outputs), nn.ReLU(inplace=True)
        )
        self.dropout = Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs] → [B, 1024]; rows 0 … window − 1 are one window, and so on; a last, shorter one is its own."""
        return self.dropout(by_windows(x, self.window, self._states) + self.shortcut(x))

    def _states(self, x: Tensor) -> Tensor:
        """[windows, clips, inputs] → [windows, clips, 1024]."""
        return torch.cat([self.forth(x)[0], self.back(x.flip(1))[0].flip(1)], dim=2)


class DeepSleepNet(Network):
    """The representation part over single clips, and the sequence part over windows of clips as an option.

    Features are a linear projection of what the authors map to the classes: the joined branches (3,072 numbers at 3,000
    samples), or with `sequence` the 1,024 of the residual LSTM. With `sequence`, the clips of a batch must stand in
    time order in windows of `window`, as the window sampler draws them; a night is evaluated in windows from its start,
    the last one before its end or a gap being shorter.

    Parameters
    ----------
    in_channels : int
        EEG channels.
    n_classes : int
    samples : int
        Samples of a clip; 3,000 for 30 s at 100 Hz.
    sequence : bool
        Add the sequence part.
    window : int
        Consecutive clips over which it runs (25 in the paper; 8 is the window of this workbench).
    """

    version: ClassVar[int] = 3

    def __init__(
        self, in_channels: int = 1, n_classes: int = len(STAGES), *, samples: int = 3000, sequence: bool = False,
        window: int = 8,
    ) -> None:
        super().__init__(FEATURE_DIM, n_classes)
        if window < 1:
            raise SacdError(f"window={window} of DeepSleepNet is not a number of clips; give 1 or more")
        self.representation = Representation(in_channels, samples)
        self.dropout = Dropout(0.5)
        width = CHANNELS * self.representation.places
        self.sequence = SequenceResidual(width, window) if sequence else None
        self.window = window if sequence else 1
        self.project = nn.Linear(self.sequence.outputs if sequence else width, FEATURE_DIM)

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of EEG clips.

        Parameters
        ----------
        x : Tensor [B, in_channels, samples] float
        taps : bool
            Also return the branches joined along time after each of their five steps, [B, C, places].

        Returns
        -------
        features : Tensor [B, 512] float
        taps : tuple of Tensor
        """
        inner = self.representation(x)
        y = self.dropout(inner[-1].flatten(1))
        if self.sequence is not None:
            y = self.sequence(y)
        return self.project(y), tuple(inner) if taps else ()
