"""Contrastive multiview coding: the same clip in both modalities against all other clips.

    L = CE + weight · (L_video→EEG + L_EEG→video),    both as in `nce.py`, on linear 128-d embeddings

Source: Tian, Krishnan & Isola 2020, arXiv:1906.05849. Published: K = 4096, τ = 0.07, momentum 0.5, 128-d, both views
weighted 1; they train without labels, so the weight beside the cross-entropy, 1, is ours.
Extra cost: two N × 128 banks, two linear layers, a B × min(N, K) matrix each way.
Unlabelled clips: used, all of them, like the others: no class enters.
"""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair, labelled_cross_entropy
from sacd.objectives.nce import ContrastMemory


class CMC(Objective):
    """Cross-entropy and two-view noise-contrastive estimation.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the contrastive term.
    negatives, temperature, momentum, dim
        K, τ, and the rest of `ContrastMemory`.
    """

    title: ClassVar[str] = "CMC"
    source: ClassVar[str] = "arXiv:1906.05849"
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(
        self,
        context: Context,
        weight: float = 1.0,
        negatives: int = 4096,
        temperature: float = 0.07,
        momentum: float = 0.5,
        dim: int = 128,
    ) -> None:
        super().__init__(context)
        self.weight = weight
        self.student_embedding = nn.Linear(context.student_dim, dim)
        self.teacher_embedding = nn.Linear(context.teacher_dim, dim)
        self.memory = ContrastMemory(context.n_clips, dim, negatives, temperature, momentum)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "cmc": scalar}."""
        candidates = self.memory.candidates()
        loss = self.memory(
            F.normalize(self.student_embedding(pair.student_features.float()), dim=1),
            F.normalize(self.teacher_embedding(pair.teacher_features.detach().float()), dim=1),
            pair.clip,
            candidates,
            pair.clip.unsqueeze(1) != candidates,
        )
        return {"ce": labelled_cross_entropy(pair.student_logits, pair.label), "cmc": self.weight * loss}
