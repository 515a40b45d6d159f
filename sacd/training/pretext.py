"""Motion statistics of a clip, computed from its pixels: what the unlabelled trunk learns to predict."""

import torch
from torch import Tensor
from torch.nn import functional

BLOCKS = 4
TIME_BINS = 8


def motion_statistics(x: Tensor) -> Tensor:
    """Where, when and how regularly a clip moves.

    Parameters
    ----------
    x : Tensor [B, frames, height, width]
        Grey levels 0 … 255, uint8 or float.

    Returns
    -------
    Tensor [B, d] float32
        Log frame-difference energy: mean and maximum over time in each of 4×4 blocks, mean and maximum over space in
        each of 8 time bins; log power spectrum over time of the block intensities, averaged over space.
    """
    x = x.float() / 255
    x = x - x.mean(dim=1, keepdim=True)
    difference = (x[:, 1:] - x[:, :-1]).abs()
    blocks = functional.adaptive_avg_pool2d(difference, BLOCKS).flatten(2)
    bins = functional.adaptive_avg_pool1d(blocks.transpose(1, 2), TIME_BINS)
    fine = functional.adaptive_avg_pool2d(x, 2 * BLOCKS).flatten(2)
    power = torch.fft.rfft(fine, dim=1).abs().square().mean(dim=2)[:, 1:]
    energy = torch.cat([blocks.mean(1), blocks.amax(1), bins.mean(1), bins.amax(1)], dim=1)
    return torch.cat([(energy + 1e-4).log(), (power + 1e-4).log()], dim=1)
