"""From stored clips to network inputs, batched on the device: scaling, normalisation, augmentation."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

EEG_SCALE_UV = 50.0
EEG_CLIP_UV = 800.0
CLIP_MEAN_SCALE = 12.0
"""Grey levels (of 255) that become 1 after the clip's mean frame is subtracted: the size of breathing and noise."""


def prepare_eeg(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """EEG in µV to network input: artefacts clipped at ±800 µV, divided by 50 µV, amplitude kept.

    Parameters
    ----------
    x : Tensor [B, channels, samples] float32, µV
    generator : torch.Generator, optional
        Where given, augments: a gain of ±20 % and a circular shift of at most 1 s of 30 s for each clip.
    """
    x = x.float().clamp(-EEG_CLIP_UV, EEG_CLIP_UV) / EEG_SCALE_UV
    if generator is None:
        return x
    gain = 1 + 0.2 * (2 * _uniform(len(x), generator, x.device) - 1)
    limit = x.shape[-1] // 30
    shift = ((2 * _uniform(len(x), generator, x.device) - 1) * limit).long()
    place = (torch.arange(x.shape[-1], device=x.device) - shift[:, None]) % x.shape[-1]
    return x.gather(-1, place[:, None].expand_as(x)) * gain[:, None, None]


def prepare_video(x: Tensor, normalise: str, generator: torch.Generator | None = None) -> Tensor:
    """Grey clips to network input.

    Parameters
    ----------
    x : Tensor [B, frames, height, width] uint8
    normalise : {"standard", "clip-mean"}
        *standard*: the grey mean and deviation of Kinetics. *clip-mean*: the clip's mean frame is subtracted, which
        leaves motion and speeds learning.
    generator : torch.Generator, optional
        Where given, augments each clip, all frames alike: mirror, turn ±10°, shift ±6 %, scale ±10 %, contrast ±20 %.

    Returns
    -------
    Tensor [B, 1, frames, height, width] float32
    """
    x = x.float()
    if generator is not None:
        x = placed(x, draw_placement(len(x), generator, x.device))
    x = (x - x.mean(dim=1, keepdim=True)) / CLIP_MEAN_SCALE if normalise == "clip-mean" else (x / 255 - 0.43) / 0.22
    return (x if generator is None else recontrasted(x, generator)).unsqueeze(1)


def prepare_features(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Feature vectors [B, d] as float32; augmentation adds a little noise."""
    x = x.float()
    if generator is None:
        return x
    noise = torch.randn(x.shape, generator=generator, device=generator.device).to(x.device)
    return x + 0.1 * noise


def _uniform(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.rand(count, generator=generator, device=generator.device).to(device)


class Placement(NamedTuple):
    """How pictures are laid anew, one number a clip, Tensors [B] float32.

    `angle` in radians; `scale` is how much more of the scene there is to see, so that what moves, moves by 1/`scale` as
    much; `mirror` is 1 or −1; `across` and `down` are shifts in half pictures.
    """

    angle: Tensor
    scale: Tensor
    mirror: Tensor
    across: Tensor
    down: Tensor


def draw_placement(count: int, generator: torch.Generator, device: torch.device) -> Placement:
    """One random turn of ±10°, scale of ±10 %, mirroring and shift of ±6 % for each of `count` clips."""
    draw = [2 * _uniform(count, generator, device) - 1 for _ in range(5)]
    mirror = torch.where(draw[2] > 0, 1.0, -1.0)
    return Placement(draw[0] * math.radians(10), 1 + 0.1 * draw[1], mirror, 0.12 * draw[3], 0.12 * draw[4])


def placed(x: Tensor, placement: Placement) -> Tensor:
    """Clips [B, frames, height, width] float, laid anew; all frames of a clip alike."""
    angle, scale, mirror, across, down = placement
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    theta = torch.stack(
        [torch.stack([mirror * cosine, -sine, across], 1), torch.stack([mirror * sine, cosine, down], 1)], 1
    )
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def recontrasted(x: Tensor, generator: torch.Generator) -> Tensor:
    """One random contrast, ±20 %, a clip of normalised clips [B, …] float."""
    factor = 1 + 0.2 * (2 * _uniform(len(x), generator, x.device) - 1)
    return x * factor.view(-1, *(1,) * (x.ndim - 1))
