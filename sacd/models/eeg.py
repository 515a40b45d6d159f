"""AttnSleep, the paper's EEG teacher (Eldele et al. 2021, doi:10.1109/TNSRE.2021.3076234).

Follows the authors' published network; layers that they build but never use (a third convolution of the attention and
the norm before it) are left out, so that every parameter is trained.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.models.base import FEATURE_DIM, Network
from sacd.models.signal import Dropout, as_rows, convolution, pool
from sacd.stages import STAGES

REDUCED = 30
"""Channels after recalibration; the encoder attends over them, each a vector along time."""
MAX_HEADS = 5
CAUSAL_KERNEL = 7


class MultiResolution(nn.Module):
    """MRCNN: branches with kernels of 0.5 s and 4 s at 100 Hz, joined along time (sec. III-A)."""

    def __init__(self, in_channels: int, samples: int, dropout: float) -> None:
        super().__init__()
        self.samples = samples
        self.fine = nn.Sequential(
            convolution(in_channels, 64, 50, 6, 24, nn.GELU), pool(8, 2, 4), Dropout(dropout),
            convolution(64, 128, 8, 1, 4, nn.GELU), convolution(128, 128, 8, 1, 4, nn.GELU), pool(4, 4, 2),
        )
        self.coarse = nn.Sequential(
            convolution(in_channels, 64, 400, 50, 200, nn.GELU), pool(4, 2, 2), Dropout(dropout),
            convolution(64, 128, 7, 1, 3, nn.GELU), convolution(128, 128, 7, 1, 3, nn.GELU), pool(2, 2, 1),
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, samples] → [B, 128, d]; d = 80 for 3,000 samples."""
        x = as_rows(x, self.samples)
        joined = torch.cat((self.fine(x), self.coarse(x)), dim=3)
        return self.dropout(joined.squeeze(2).contiguous())


class Recalibration(nn.Module):
    """AFR: a residual squeeze-and-excitation block, [B, inputs, d] → [B, outputs, d] (sec. III-B)."""

    def __init__(self, inputs: int, outputs: int, reduction: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(inputs, outputs, 1), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True),
            nn.Conv1d(outputs, outputs, 1), nn.BatchNorm1d(outputs),
        )
        self.excitation = nn.Sequential(
            nn.Linear(outputs, outputs // reduction, bias=False), nn.ReLU(inplace=True),
            nn.Linear(outputs // reduction, outputs, bias=False), nn.Sigmoid(),
        )
        self.shortcut = nn.Sequential(nn.Conv1d(inputs, outputs, 1, bias=False), nn.BatchNorm1d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Recalibrated activations."""
        y = self.body(x)
        return functional.relu(y * self.excitation(y.mean(dim=2)).unsqueeze(2) + self.shortcut(x))


class LayerNorm(nn.LayerNorm):
    """Layer norm as the authors write it: divided by the unbiased standard deviation, 0.6 % larger at 80 places."""

    def __init__(self, length: int) -> None:
        super().__init__(length, eps=1e-12)
        self.unbiased = (1 - 1 / length) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        """[…, length] → […, length]; the authors' 1e-6 beside the deviation is below what float32 shows."""
        return functional.layer_norm(x, self.normalized_shape, self.weight * self.unbiased, self.bias, self.eps)


class EncoderLayer(nn.Module):
    """TCE layer: multi-head attention over causally convolved inputs, then a feed-forward layer (sec. III-C)."""

    def __init__(self, length: int, heads: int, feed_forward: int = 120, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads = heads
        self.causal = nn.Conv1d(REDUCED, 3 * REDUCED, CAUSAL_KERNEL)
        self.mix = nn.Linear(length, length)
        self.feed_forward = nn.Sequential(
            LayerNorm(length), nn.Linear(length, feed_forward), nn.ReLU(inplace=True), Dropout(dropout),
            nn.Linear(feed_forward, length), Dropout(dropout),
        )
        self.dropout = Dropout(dropout)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 30, d] → [B, 30, d]."""
        query, key, value = self.causal(functional.pad(x, (CAUSAL_KERNEL - 1, 0))).chunk(3, dim=1)
        scores = self._split(query) @ self._split(key).transpose(2, 3) * (x.shape[2] / self.heads) ** -0.5
        # In bfloat16 a softmax over so few is coarse, and slow on a CPU.
        shares = scores.softmax(dim=3, dtype=torch.promote_types(scores.dtype, torch.float32))
        attended = self.dropout(shares) @ self._split(value)
        x = query + self.dropout(self.mix(attended.transpose(1, 2).flatten(2)))
        return x + self.feed_forward(x)


class AttnSleep(Network):
    """Multi-resolution CNN, recalibration and an attention encoder over one clip of EEG.

    Features are a linear projection of the flattened encoder output (30 × 80 = 2,400 → 512); the authors map the 2,400
    straight to the classes. The encoder's width follows from `samples`; it has the most heads, up to five, that divide
    this width.

    Parameters
    ----------
    in_channels : int
        EEG channels.
    n_classes : int
    samples : int
        Samples of a clip; 3,000 for 30 s at 100 Hz.
    layers : int
        Encoder layers.
    dropout : float
        In the convolutional branches.
    """

    version: ClassVar[int] = 3

    def __init__(
        self, in_channels: int = 1, n_classes: int = len(STAGES), *, samples: int = 3000, layers: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(FEATURE_DIM, n_classes)
        self.branches = MultiResolution(in_channels, samples, dropout)
        with torch.device("meta"):
            probe = MultiResolution(in_channels, samples, dropout)
            length = probe(torch.empty(2, in_channels, samples)).shape[2]
        heads = max(h for h in range(1, MAX_HEADS + 1) if length % h == 0)
        self.recalibration = Recalibration(128, REDUCED)
        self.encoder = nn.ModuleList(EncoderLayer(length, heads) for _ in range(layers))
        self.norm = LayerNorm(length)
        self.project = nn.Linear(REDUCED * length, FEATURE_DIM)

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of EEG clips.

        Parameters
        ----------
        x : Tensor [B, in_channels, samples] float
        taps : bool
            Also return the joined branches [B, 128, d], their recalibration and each encoder layer's output [B, 30, d].

        Returns
        -------
        features : Tensor [B, 512] float
        taps : tuple of Tensor
        """
        x = self.branches(x)
        inner = [x]
        for layer in (self.recalibration, *self.encoder):
            x = layer(x)
            inner.append(x)
        return self.project(self.norm(x).flatten(1)), tuple(inner) if taps else ()
