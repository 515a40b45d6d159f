"""Students on video: R(2+1)D and R3D residual networks (Tran et al. 2018, doi:10.1109/CVPR.2018.00675).

One structure serves two published layouts. Parameters are named as torchvision names them (`stem.0`,
`layer1.0.conv1.0.0`, …; its `fc` is `head` here). `variant="3dresnets"` builds what 3D-ResNets-PyTorch trains (Hara et
al. 2018, doi:10.1109/CVPR.2018.00685): a stem of temporal extent 7 followed by max-pooling, and a second convolution of
each block whose middle width follows from its own input. Its names are translated by sacd.models.pretrained.
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

from sacd.exceptions import SacdError
from sacd.models.base import FEATURE_DIM, Network
from sacd.stages import STAGES

VARIANTS = ("torchvision", "3dresnets")
STAGE_FACTORS = (1, 2, 4, 8)


def middle_width(inputs: int, outputs: int, time: int = 3, side: int = 3) -> int:
    """Channels between the two halves so that together they have the parameters of one 3-D kernel (sec. 3.5)."""
    return (inputs * outputs * time * side * side) // (inputs * side * side + time * outputs)


def _factorised(
    inputs: int, middle: int, outputs: int, stride: tuple[int, int] = (1, 1), time: int = 3, side: int = 3
) -> list[nn.Module]:
    """A spatial and a temporal convolution with a non-linearity between; `stride` is (time, space)."""
    return [
        nn.Conv3d(inputs, middle, (1, side, side), (1, stride[1], stride[1]), (0, side // 2, side // 2), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(inplace=True),
        TemporalConvolution(middle, outputs, (time, 1, 1), (stride[0], 1, 1), (time // 2, 0, 0), bias=False),
    ]


class TemporalConvolution(nn.Conv3d):
    """A convolution over time alone, computed in two dimensions, time and place: on a CPU in half the time."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, T, H, W] → [B, outputs, T', H, W]."""
        stride, padding = (self.stride[0], 1), (self.padding[0], 0)
        return functional.conv2d(x.flatten(3), self.weight.squeeze(4), None, stride, padding).unflatten(3, x.shape[3:])


class ResidualBlock(nn.Module):
    """Two 3×3×3 convolutions, factorised or not, around which the input is added.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of the first convolution, in time and space.
    middles : (int, int) or None
        Widths between the halves of the two convolutions; None leaves them unfactorised.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, middles: tuple[int, int] | None) -> None:
        super().__init__()

        def convolution(index: int, channels: int, step: int) -> nn.Module:
            if middles is None:
                return nn.Conv3d(channels, outputs, 3, step, 1, bias=False)
            return nn.Sequential(*_factorised(channels, middles[index], outputs, (step, step)))

        self.conv1 = nn.Sequential(convolution(0, inputs, stride), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(convolution(1, outputs, 1), nn.BatchNorm3d(outputs))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Activations [B, outputs, T', H', W'] of [B, inputs, T, H, W]."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.conv2(self.conv1(x)).add_(shortcut).relu_()


class VideoNetwork(Network):
    """An 18- or 10-layer video residual network.

    Parameters
    ----------
    in_channels : int
        1 for grey or infrared, 3 for RGB. Any number of frames and any size can be fed.
    n_classes : int
    factorised : bool
        R(2+1)D instead of R3D.
    blocks : int
        Residual blocks in each of the four stages.
    width : int
        Channels of the first stage; the last has eight times as many, and is projected to 512 where that differs.
    stem_stride : int
        Spatial stride of the first convolution.
    variant : str
        "torchvision" or "3dresnets".
    middle_multiple : int
        Middle widths of R(2+1)D are rounded to a multiple of this; 1 leaves them as published.
    """

    def __init__(
        self, in_channels: int, n_classes: int, *, factorised: bool, blocks: int, width: int, stem_stride: int,
        variant: str = "torchvision", middle_multiple: int = 1,
    ) -> None:
        super().__init__(FEATURE_DIM, n_classes)
        if variant not in VARIANTS:
            raise SacdError(f"variant {variant!r} of a video network is not known; choose one of {', '.join(VARIANTS)}")
        self.variant, self.middle_multiple = variant, middle_multiple
        self.stem = self._make_stem(in_channels, width, stem_stride, factorised)
        channels = width
        for index, factor in enumerate(STAGE_FACTORS):
            stage = nn.Sequential()
            for block in range(blocks):
                outputs, stride = width * factor, 2 if index > 0 and block == 0 else 1
                middles = self._middles(channels, outputs) if factorised else None
                stage.append(ResidualBlock(channels, outputs, stride, middles))
                channels = outputs
            self.add_module(f"layer{index + 1}", stage)
        self.project = nn.Identity() if channels == FEATURE_DIM else nn.Linear(channels, FEATURE_DIM)
        self._initialise()

    def _make_stem(self, in_channels: int, width: int, stride: int, factorised: bool) -> nn.Sequential:
        time = 3 if self.variant == "torchvision" else 7
        if factorised:
            # torchvision fixes 45 for 64; 3D-ResNets-PyTorch counts three input channels whatever their number.
            middle = round(45 * width / 64) if self.variant == "torchvision" else middle_width(3, width, time, 7)
            convolutions = _factorised(in_channels, self._rounded(middle), width, (1, stride), time, 7)
        else:
            padding = (time // 2, 3, 3)
            convolutions = [nn.Conv3d(in_channels, width, (time, 7, 7), (1, stride, stride), padding, bias=False)]
        pool = [nn.MaxPool3d(3, 2, 1)] if self.variant == "3dresnets" else []
        return nn.Sequential(*convolutions, nn.BatchNorm3d(width), nn.ReLU(inplace=True), *pool)

    def _middles(self, inputs: int, outputs: int) -> tuple[int, int]:
        first = middle_width(inputs, outputs)
        second = first if self.variant == "torchvision" else middle_width(outputs, outputs)
        return self._rounded(first), self._rounded(second)

    def _rounded(self, width: int) -> int:
        return max(1, round(width / self.middle_multiple)) * self.middle_multiple

    def _initialise(self) -> None:
        """As both published implementations do it: He et al. 2015 (doi:10.1109/ICCV.2015.123), fan-out."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of video clips.

        Parameters
        ----------
        x : Tensor [B, in_channels, frames, height, width] float
        taps : bool
            Also return the outputs of the stages, [B, C, T, H, W] each; the last one's mean may be the features.

        Returns
        -------
        features : Tensor [B, 512] float
        taps : tuple of Tensor
        """
        if x.device.type == "cpu":
            # Channels last is the CPU's fast layout for 3-D convolutions: twice the speed in narrow networks.
            x = x.contiguous(memory_format=torch.channels_last_3d)
        x = self.stem(x)
        # bfloat16 convolutions of torch 2.13 on CPUs give wrong gradients on two frames, and crash on a single pixel.
        broken = x.dtype == torch.bfloat16 and x.device.type == "cpu" and (x.shape[2] <= 16 or min(x.shape[3:]) <= 4)
        inner = []
        with torch.autocast("cpu", enabled=False) if broken else nullcontext():
            x = x.float() if broken else x
            for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
                x = stage(x)
                inner.append(x)
        if isinstance(self.project, nn.Identity):
            inner.pop()
        return self.project(x.mean(dim=(2, 3, 4))), tuple(inner) if taps else ()


def r2plus1d_18(in_channels: int = 1, n_classes: int = len(STAGES), *, variant: str = "torchvision") -> VideoNetwork:
    """R(2+1)D-18: 31,505,325 parameters in torchvision's layout with 3 channels and 400 classes."""
    return VideoNetwork(in_channels, n_classes, factorised=True, blocks=2, width=64, stem_stride=2, variant=variant)


def r3d_18(in_channels: int = 1, n_classes: int = len(STAGES), *, variant: str = "torchvision") -> VideoNetwork:
    """R3D-18: 33,371,472 parameters in torchvision's layout with 3 channels and 400 classes."""
    return VideoNetwork(in_channels, n_classes, factorised=False, blocks=2, width=64, stem_stride=2, variant=variant)


def r2plus1d_10(
    in_channels: int = 1, n_classes: int = len(STAGES), *, width: int = 8, stem_stride: int = 4
) -> VideoNetwork:
    """R(2+1)D with one block a stage, for CPUs; its middle widths are multiples of 8, a quarter faster there.

    Parameters
    ----------
    width : int
        Channels of the first stage.
    stem_stride : int
        Spatial stride of the first convolution; 4 turns 32×32 pixels into 8×8 places.
    """
    return VideoNetwork(
        in_channels, n_classes, factorised=True, blocks=1, width=width, stem_stride=stem_stride, middle_multiple=8
    )


def r3d_10(in_channels: int = 1, n_classes: int = len(STAGES), *, width: int = 8, stem_stride: int = 4) -> VideoNetwork:
    """R3D with one block a stage, for CPUs: beside `r2plus1d_10`, whose parameters it takes."""
    return VideoNetwork(in_channels, n_classes, factorised=False, blocks=1, width=width, stem_stride=stem_stride)
