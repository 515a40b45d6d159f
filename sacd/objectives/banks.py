"""Memory banks: bounded, on the training device, part of the checkpoint, filled without a loop over samples.

`FeatureQueue` is the first-in-first-out bank of MoCo (He et al. 2020, arXiv:1911.05722) with a class beside every
entry, as the paper's section IV-C asks; `hardest` picks the K most similar entries among those that are eligible.
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
    count: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("features", torch.zeros(size, dim))
        self.register_buffer("labels", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def __len__(self) -> int:
        """Entries filled so far."""
        return int(self.count)

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
        known = labels >= 0
        features, labels = features[known][-self.size :].float(), labels[known][-self.size :]
        added = len(labels)
        slot = (self.pointer + torch.arange(added, device=self.features.device)) % self.size
        self.features.index_copy_(0, slot, features)
        self.labels.index_copy_(0, slot, labels)
        self.pointer.add_(added).remainder_(self.size)
        self.count.add_(added).clamp_(max=self.size)

    def contents(self) -> tuple[Tensor, Tensor]:
        """Filled entries only, in no particular order: copies of the features [n, d] and classes [n], n ≤ size."""
        filled = len(self)  # the queue fills from slot 0, so the filled slots are the first ones
        return self.features[:filled].clone(), self.labels[:filled].clone()


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
