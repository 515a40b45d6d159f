"""CNN14 on log-mel audio (PANNs, Kong et al. 2020, doi:10.1109/TASLP.2020.3030497).

Parameters bear the names of the published checkpoints, but for the classifier (`fc_audioset` there, `head` here). The
checkpoint's two convolutions that compute a Fourier transform are not used: torch.stft does it. SpecAugment and mixup
belong to the training on AudioSet and are left out.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.exceptions import SacdError
from sacd.models.base import Network

WIDTHS = (64, 128, 256, 512, 1024, 2048)
EMBEDDINGS = (512, 2048)
FLOOR = 1e-10
"""Smallest mel energy before the logarithm."""


def mel_frequencies(count: int, low: float, high: float) -> np.ndarray:
    """Frequencies in Hz, evenly spaced on Slaney's mel scale: linear to 1 kHz, then 27 steps to every factor of 6.4.

    Returns
    -------
    ndarray [count] float64, Hz
    """
    step, corner = 200 / 3, 1000.0
    growth = np.log(6.4) / 27

    def to_mel(hertz: float) -> float:
        return hertz / step if hertz < corner else corner / step + np.log(hertz / corner) / growth

    mel = np.linspace(to_mel(low), to_mel(high), count)
    return np.where(mel < corner / step, mel * step, corner * np.exp(growth * (mel - corner / step)))


def mel_filters(sample_rate: int, window: int, bins: int, low: float, high: float) -> Tensor:
    """Triangular filters of equal area on Slaney's mel scale, as the checkpoints' own.

    Parameters
    ----------
    sample_rate : int
        Hz.
    window : int
        Samples of a Fourier window.
    bins : int
        Number of filters.
    low, high : float
        Hz, of the lowest and highest edge.

    Returns
    -------
    Tensor [window // 2 + 1, bins] float32
    """
    edges = mel_frequencies(bins + 2, low, high)
    frequency = np.linspace(0, sample_rate / 2, window // 2 + 1)[:, None]
    rising = (frequency - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequency) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return torch.from_numpy((triangles * 2 / (edges[2:] - edges[:-2])).astype(np.float32))


class LogMel(nn.Module):
    """Waveform to decibels of mel energy; `melW` is named as in the checkpoints.

    Parameters
    ----------
    sample_rate : int
        Hz.
    window, hop : int
        Samples.
    bins : int
    low, high : float
        Hz.
    """

    def __init__(self, sample_rate: int, window: int, hop: int, bins: int, low: float, high: float) -> None:
        super().__init__()
        self.window, self.hop = window, hop
        self.register_buffer("melW", mel_filters(sample_rate, window, bins, low, high))
        self.register_buffer("hann", torch.hann_window(window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, samples] → [B, 1, times, bins], dB."""
        spectrum = torch.stft(x, self.window, self.hop, window=self.hann, pad_mode="reflect", return_complex=True)
        energy = spectrum.abs().square().transpose(1, 2) @ self.melW
        return 10 * energy.clamp_min(FLOOR).log10().unsqueeze(1)


class ConvolutionBlock(nn.Module):
    """Two 3×3 convolutions, [B, inputs, T, F] → [B, outputs, T, F]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        nn.init.xavier_uniform_(self.conv1.weight)
        nn.init.xavier_uniform_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Activations."""
        x = functional.relu_(self.bn1(self.conv1(x)))
        return functional.relu_(self.bn2(self.conv2(x)))


class CNN14(Network):
    """Six blocks over a log-mel spectrogram; features are the layer `fc1`: 512 (Cnn14_emb512) or 2,048 numbers (Cnn14).

    AudioSet's labels do not exclude each other: there, a sigmoid of the logits is the published output.

    Parameters
    ----------
    n_classes : int
        51 for UCF51; 527 takes the published classifier too.
    embedding : int
        512 or 2048.
    sample_rate : int
        Hz.
    window, hop : int
        Samples of a Fourier window, and between two.
    low, high : float
        Hz, the range of the 64 mel bins.
    """

    def __init__(
        self, n_classes: int = 51, *, embedding: int = 512, sample_rate: int = 32000, window: int = 1024,
        hop: int = 320, low: float = 50.0, high: float = 14000.0,
    ) -> None:
        if embedding not in EMBEDDINGS:
            raise SacdError(f"embedding={embedding} of CNN14 is not published; choose one of {EMBEDDINGS}")
        super().__init__(embedding, n_classes)
        self.logmel_extractor = LogMel(sample_rate, window, hop, 64, low, high)
        self.bn0 = nn.BatchNorm2d(64)
        for index, (inputs, outputs) in enumerate(zip((1, *WIDTHS), WIDTHS, strict=False)):
            self.add_module(f"conv_block{index + 1}", ConvolutionBlock(inputs, outputs))
        self.fc1 = nn.Linear(WIDTHS[-1], embedding)
        for layer in (self.fc1, self.head):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of audio clips.

        Parameters
        ----------
        x : Tensor [B, samples] float, −1 … 1
            At least 32 hops long, for five halvings in time.
        taps : bool
            Also return the outputs of the six blocks, [B, C, T, F].

        Returns
        -------
        features : Tensor [B, embedding] float
        taps : tuple of Tensor
        """
        x = self.logmel_extractor(x)
        x = self.bn0(x.transpose(1, 3)).transpose(1, 3).contiguous(memory_format=torch.channels_last)
        inner = []
        for index in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"conv_block{index}")(x)
            if index < len(WIDTHS):
                x = functional.avg_pool2d(x, 2)
            x = functional.dropout(x, 0.2, self.training)
            inner.append(x)
        x = x.mean(dim=3)
        x = functional.dropout(x.amax(dim=2) + x.mean(dim=2), 0.5, self.training)
        return functional.relu(self.fc1(x)), tuple(inner) if taps else ()
