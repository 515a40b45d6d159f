"""Memory banks: bounded, on the training device, part of the checkpoint, filled without a loop over samples.

`FeatureQueue` is the first-in-first-out bank of MoCo (He et al. 2020, arXiv:1911.05722) with a class beside every
entry, as the paper's section IV-C asks; `NightBank` keeps a few windows of every night; `hardest` picks the K most
similar entries among those that are eligible.
"""

import torch
from torch import Tensor, nn


class FeatureQueue(nn.Module):
    """The newest `size` features with their classes.

    Parameters
    ----------
    size : int
        Entries at most (the paper's m).
    dim : int
        Size d of a feature.
    """

    features: Tensor
    labels: Tensor
    pointer: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("features", torch.zeros(size, dim))
        self.register_buffer("labels", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def enqueue(self, features: Tensor, labels: Tensor) -> None:
        """Add a batch in its order; the oldest entries give way.

        Parameters
        ----------
        features : Tensor [B, d] float
            Stored as float32, without gradient.
        labels : Tensor [B] int64
            Clips of class −1 (unknown) are left out.
        """
        if not len(labels):
            return
        known = labels >= 0
        order = (~known).int().argsort(stable=True)  # the known ones first, as they came
        total = known.sum()
        added = total.clamp(max=self.size)
        # Every slot asks which clip it takes: so no shape depends on how many are known.
        turn = (torch.arange(self.size, device=labels.device) - self.pointer) % self.size
        taken = turn < added
        clip = order[(total - added + turn).clamp(max=len(labels) - 1)]
        self.features.copy_(torch.where(taken.unsqueeze(1), features[clip].float(), self.features))
        self.labels.copy_(torch.where(taken, labels[clip], self.labels))
        self.pointer.add_(added).remainder_(self.size)

    def contents(self) -> tuple[Tensor, Tensor]:
        """Copies of the features [size, d] and classes [size], in no particular order; class −1 where still empty."""
        return self.features.clone(), self.labels.clone()


class NightBank(nn.Module):
    """The newest windows of every night: the features and stages of their clips.

    Parameters
    ----------
    nights, size : int
        Nights, and windows kept of each.
    length, dim : int
        Clips of a window, and size d of a clip's feature.
    """

    features: Tensor
    stages: Tensor
    turn: Tensor

    def __init__(self, nights: int, size: int, length: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("features", torch.zeros(nights, size, length, dim))
        self.register_buffer("stages", torch.full((nights, size, length), -1, dtype=torch.int64))
        self.register_buffer("turn", torch.zeros(nights, dtype=torch.int64))

    @torch.no_grad()
    def enqueue(self, night: Tensor, features: Tensor, stages: Tensor) -> None:
        """Add windows of different nights; the oldest of each night gives way.

        Parameters
        ----------
        night : Tensor [W] int64
        features : Tensor [W, length, d] float
            Stored as float32.
        stages : Tensor [W, length] int64
        """
        slot = night * self.size + self.turn[night]
        self.features.flatten(0, 1).index_copy_(0, slot, features.float())
        self.stages.flatten(0, 1).index_copy_(0, slot, stages)
        self.turn.index_copy_(0, night, (self.turn[night] + 1) % self.size)

    def of(self, night: Tensor) -> tuple[Tensor, Tensor]:
        """Features [W, size, length, d] and stages [W, size, length] of nights [W]; stage −1 where still empty."""
        return self.features[night], self.stages[night]


def hardest(similarity: Tensor, eligible: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The min(k, eligible) most similar entries of each anchor.

    Parameters
    ----------
    similarity : Tensor [N, M] float
    eligible : Tensor [N, M] bool
        Which entries may be chosen for an anchor.
    k : int

    Returns
    -------
    values : Tensor [N, min(k, M)] float
        Similarities, in no particular order, with their gradient.
    chosen : Tensor [N, min(k, M)] bool
        False where an anchor had fewer eligible entries; the value there is to be ignored.
    """
    ranked = similarity.detach().masked_fill(~eligible, -torch.inf)
    index = ranked.topk(min(k, similarity.shape[1]), dim=1, sorted=False).indices
    return similarity.gather(1, index), eligible.gather(1, index)
