"""Building blocks of networks on one-dimensional signals.

Signals are carried as [B, C, 1, L] in channels-last order: a CPU then runs the convolutions, norms and pools of a
training step faster than as [B, C, L].
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.exceptions import SacdError


def as_rows(x: Tensor, samples: int) -> Tensor:
    """Signals [B, C, samples] as [B, C, 1, samples] in channels-last order.

    Raises
    ------
    SacdError
        The signals have another length than the network was built for.
    """
    if x.shape[2] != samples:
        given = x.shape[2]
        raise SacdError(f"the network reads {samples} samples a clip, not {given}; build it with samples={given}")
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class Convolution(nn.Conv2d):
    """Convolution along the signal without bias.

    Of one input channel it is a matrix product of the signal's sections: several times faster on a CPU than torch's
    convolution, whose output of such an input also loses the channels-last order, and with it all layers after it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(inputs, outputs, (1, kernel), (1, stride), (0, padding), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, 1, L] → [B, outputs, 1, L'] in channels-last order."""
        if self.in_channels > 1:
            return super().forward(x)
        padding = self.padding[1]
        sections = functional.pad(x[:, 0, 0], (padding, padding)).unfold(1, self.kernel_size[1], self.stride[1])
        return functional.linear(sections, self.weight.flatten(1)).transpose(1, 2).unsqueeze(2)


def convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Convolution without bias, batch norm and activation, [B, inputs, 1, L] → [B, outputs, 1, L']."""
    layer = Convolution(inputs, outputs, kernel, stride, padding)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), activation())


def pool(kernel: int, stride: int, padding: int = 0) -> nn.MaxPool2d:
    """Max-pooling along the signal."""
    return nn.MaxPool2d((1, kernel), (1, stride), (0, padding))


class SamePadding(nn.Module):
    """Zeros around a signal so that the layer after it gives ⌈L / stride⌉ places (TensorFlow's "same")."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, L] padded at both ends, one more at the end where the sum is odd."""
        length = x.shape[3]
        total = max((-(-length // self.stride) - 1) * self.stride + self.kernel - length, 0)
        return functional.pad(x, (total // 2, total - total // 2))


class SamePool(nn.Module):
    """Max-pooling without overlap to ⌈L / kernel⌉ places, centred as TensorFlow's "same"."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, L] → [B, C, 1, ⌈L / kernel⌉]."""
        left = -x.shape[3] % self.kernel // 2
        return functional.max_pool2d(x, (1, self.kernel), padding=(0, left), ceil_mode=True)


class Dropout(nn.Module):
    """Dropout that draws one random byte an element on a CPU, five times faster than torch's draw of a float.

    Parameters
    ----------
    p : float
        Probability of dropping an element, on a CPU rounded to a multiple of 1/256 (the scale follows).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """x with elements dropped in training, x itself in evaluation."""
        dropped = round(self.p * 256)
        if x.device.type != "cpu" or not 0 < dropped < 256 or not self.training:
            return functional.dropout(x, self.p, self.training)
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        # Bytes are whole numbers in every float type, and compare there faster than truth values turn into numbers.
        kept = words.view(torch.uint8)[: x.numel()].to(x.dtype).ge_(dropped).mul_(256 / (256 - dropped))
        # The layout of x without gaps: any dense order is one run of memory, so the mask needs no reordering.
        return x * kept.as_strided(x.shape, torch.empty_like(x, device="meta").stride())
