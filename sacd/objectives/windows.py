"""The windows of a batch: runs of consecutive clips, and the complete graph over the clips of each."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

WINDOW = 8
"""Clips in a window of the structure loss (DESIGN: graph over a window of 8 consecutive clips)."""


class Windows(NamedTuple):
    """The complete graphs over the windows of a batch of B clips, P pairs of clips.

    Attributes
    ----------
    number : int
        W, how many windows.
    window, position : Tensor [B] int64
        Window of a clip, 0 … W − 1, and its place there.
    first, second : Tensor [P] int64
        Every two different clips of a window, once.
    start, length : Tensor [W] int64, on the host
        A window's first clip in the batch, and how many it has.
    """

    number: int
    window: Tensor
    position: Tensor
    first: Tensor
    second: Tensor
    start: Tensor
    length: Tensor

    def edges(self, copies: int) -> Tensor:
        """Edges [2, 2 · copies · P] (from, to) of several copies of the graphs, the clips of copy c from c · B on.

        Copy by copy, first every pair one way, then every pair the other way.
        """
        one = torch.cat([torch.stack([self.first, self.second]), torch.stack([self.second, self.first])], dim=1)
        shift = len(self.window) * torch.arange(copies, device=one.device)
        return (one.unsqueeze(1) + shift.view(1, -1, 1)).flatten(1)

    def of_copies(self, copies: int) -> Tensor:
        """Windows [copies · B] of the clips of several copies, 0 … copies · W − 1."""
        return (self.window + self.number * torch.arange(copies, device=self.window.device).unsqueeze(1)).flatten()


def windows_of(window: Tensor, device: torch.device | None = None) -> Windows:
    """The graphs of a batch.

    Parameters
    ----------
    window : Tensor [B] int64, on the host
        Window of each clip, by any numbers.
    device : torch.device, optional
        Where the graphs are used; by default the host.
    """
    return _windows(tuple(window.tolist()), device or window.device)


# Batches repeat their windows step by step, and the tensors are a pure function of the numbers.
@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)
def _windows(window: tuple[int, ...], device: torch.device) -> Windows:
    number = torch.tensor(window).unique(return_inverse=True)[1]
    same = number.unsqueeze(1) == number.unsqueeze(0)
    first, second = same.triu(1).nonzero().T.contiguous()
    position = same.tril(-1).sum(dim=1)
    start = torch.empty(int(number.max()) + 1, dtype=torch.int64)
    start[number[position == 0]] = (position == 0).nonzero().squeeze(1)
    on_device = (one.to(device) for one in (number, position, first, second))
    return Windows(len(start), *on_device, start, number.bincount())
