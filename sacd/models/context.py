"""Context networks: what the clips around a clip say of its stage, over the features of single clips.

All have the same layer that reads a clip and the same head; between them stands what lets clips of one window speak to
each other, as many clips as `length` says. With a length of 1 the same network sees every clip alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.exceptions import SacdError
from sacd.models.base import FEATURE_DIM, NIGHT, Network, by_windows
from sacd.stages import STAGES


class ContextNetwork(Network):
    """A layer that reads clips, `mix` over the clips of a window, and a linear layer to the 512 features.

    Windows stand side by side from the start of a night, of a gap's end, or while training of a stretch; no clip hears
    of another window. Subclasses define `mix`.

    Parameters
    ----------
    in_features : int
        Length of a clip's feature vector.
    n_classes : int
    length : int
        Clips of a window; 0 is the whole night, or while training a stretch.
    hidden : int
        Width of the layer that reads clips.
    outputs : int
        Width of what `mix` gives.
    dropout : float
        Probability of dropping a hidden unit, before `mix` and after it.
    """

    def __init__(
        self, in_features: int, n_classes: int, length: int, hidden: int, outputs: int, dropout: float
    ) -> None:
        super().__init__(FEATURE_DIM, n_classes)
        if length < 0:
            raise SacdError(f"context networks: length={length} is no number of clips; give 1 or more, or 0: a night")
        self.window = length or NIGHT
        self.read = nn.Sequential(nn.Linear(in_features, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Dropout(dropout))
        self.drop = nn.Dropout(dropout)
        self.project = nn.Linear(outputs, FEATURE_DIM)

    def mix(self, x: Tensor) -> Tensor:
        """[windows, clips, hidden] → [windows, clips, outputs]."""
        raise TypeError(f"{type(self).__name__} does not define mix(x)")

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of clips in windows, each in time order.

        Parameters
        ----------
        x : Tensor [B, in_features] float
        taps : bool
            Also return what was read of each clip, [B, hidden], and what its window adds to it, [B, outputs].

        Returns
        -------
        features : Tensor [B, 512] float
        taps : tuple of Tensor
        """
        alone = self.read(x)
        together = by_windows(alone, min(self.window, self.stretch) if self.training else self.window, self.mix)
        return self.project(self.drop(together)), (alone, together) if taps else ()


class GRU(ContextNetwork):
    """A gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) each way, or only forwards.

    Parameters
    ----------
    in_features, n_classes, length, dropout
        As in `ContextNetwork`.
    hidden : int
        Width of the layer that reads clips, and of the state each way.
    causal : bool
        Forwards only: a clip hears nothing of later ones.
    """

    def __init__(
        self, in_features: int, n_classes: int = len(STAGES), *, length: int = 120, hidden: int = 64,
        dropout: float = 0.2, causal: bool = False,
    ) -> None:
        super().__init__(in_features, n_classes, length, hidden, hidden if causal else 2 * hidden, dropout)
        self.states = nn.GRU(hidden, hidden, batch_first=True, bidirectional=not causal)

    def mix(self, x: Tensor) -> Tensor:
        """[windows, clips, hidden] → [windows, clips, hidden or 2 · hidden]."""
        return self.states(x)[0]


class TCN(ContextNetwork):
    """Residual convolutions over clips whose dilation doubles (Bai et al. 2018, arXiv:1803.01271).

    Whatever `length` is, a clip hears of no more than 2^levels − 1 others each way, or when causal of twice as many
    before it.

    Parameters
    ----------
    in_features, n_classes, length, hidden, dropout
        As in `ContextNetwork`.
    levels : int
        Convolutions of three clips each; 6 reach 63 clips each way.
    causal : bool
        A clip hears nothing of later ones.
    """

    def __init__(
        self, in_features: int, n_classes: int = len(STAGES), *, length: int = 120, hidden: int = 64,
        dropout: float = 0.2, levels: int = 6, causal: bool = False,
    ) -> None:
        super().__init__(in_features, n_classes, length, hidden, hidden, dropout)
        self.levels = nn.ModuleList(Level(hidden, 2**level, causal) for level in range(levels))

    def mix(self, x: Tensor) -> Tensor:
        """[windows, clips, hidden] → the same shape."""
        for level in self.levels:
            x = level(x)
        return x


class Level(nn.Module):
    """One dilated convolution of three clips beside a shortcut; norm is over a clip's channels, never over time."""

    def __init__(self, hidden: int, dilation: int, causal: bool) -> None:
        super().__init__()
        self.padding = (2 * dilation, 0) if causal else (dilation, dilation)
        self.convolution = nn.Conv1d(hidden, hidden, 3, dilation=dilation)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """[windows, clips, hidden] → the same shape."""
        heard = self.convolution(functional.pad(x.transpose(1, 2), self.padding)).transpose(1, 2)
        return x + torch.relu(self.norm(heard))
