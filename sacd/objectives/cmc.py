"""Contrastive multiview coding: the same clip in both modalities against all other clips.

    L = CE + weight · (L_video→EEG + L_EEG→video),    both as in `nce.py`, on linear 128-d embeddings

Source: Tian, Krishnan & Isola 2020, arXiv:1906.05849. Published: K = 4096, τ = 0.07, momentum 0.5, 128-d, both views
weighted 1; they train without labels, so the weight beside the cross-entropy, 1, is ours.
Extra cost: two N × 128 banks, two linear layers, a B × min(N, K) matrix each way.
Unlabelled clips: used, all of them, like the others: no class enters.
"""

from typing import Any, ClassVar

from torch import Tensor, nn

from sacd.objectives.base import Context, Objective, Pair
from sacd.objectives.nce import ContrastMemory


class CMC(Objective):
    """Cross-entropy and two-view noise-contrastive estimation.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the contrastive term.
    negatives : int
        K.
    **options
        The rest of `ContrastMemory`'s.
    """

    title: ClassVar[str] = "CMC"
    family: ClassVar[str] = "contrast with the teacher"
    source: ClassVar[str] = "arXiv:1906.05849"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    parts: ClassVar[tuple[type[nn.Module], ...]] = (ContrastMemory,)

    def __init__(self, context: Context, weight: float = 1.0, negatives: int = 4096, **options: Any) -> None:
        super().__init__(context)
        self.weight = weight
        self.memory = ContrastMemory(context, negatives, **options)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "cmc": scalar}."""
        loss = self.memory(pair, self.memory.candidates())
        return {"ce": self.labelled(pair), "cmc": self.weight * loss}
