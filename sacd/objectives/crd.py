"""Contrastive representation distillation: the same clip in both modalities against clips of other classes.

    L = CE + weight · (L_student→teacher + L_teacher→student),    both as in `nce.py`, on linear 128-d embeddings

Negatives of a clip are the clips that are not known to share its class, as in the authors' code.

Source: Tian, Krishnan & Isola 2020, arXiv:1910.10699. Published: weight 0.8, K = 16384, τ = 0.07, momentum 0.5, 128-d.
Extra cost: two N × 128 banks, two linear layers, a B × min(N, K) matrix each way.
Unlabelled clips: used, all of them; their class is the teacher's argmax where it is confident, else unknown, and a clip
whose class is unknown may be a negative of any other. Classes are known from the start where the `Context` tells them,
else from a clip's first batch on.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sacd.objectives.base import Context, Objective, Pair, confident_class
from sacd.objectives.nce import ContrastMemory


class CRD(Objective):
    """Cross-entropy and contrastive representation distillation.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the contrastive term.
    negatives : int
        K.
    confidence : float
        Least probability at which the teacher's argmax stands in for a missing label.
    **options
        The rest of `ContrastMemory`'s.
    """

    title: ClassVar[str] = "CRD"
    family: ClassVar[str] = "contrast with the teacher"
    version: ClassVar[int] = 2
    source: ClassVar[str] = "arXiv:1910.10699"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    parts: ClassVar[tuple[type[nn.Module], ...]] = (ContrastMemory,)

    classes: Tensor

    def __init__(
        self, context: Context, weight: float = 0.8, negatives: int = 16384, confidence: float = 0.5, **options: Any
    ) -> None:
        super().__init__(context)
        self.weight = weight
        self.confidence = confidence
        self.memory = ContrastMemory(context, negatives, **options)
        unknown = torch.full((context.n_clips,), -1)
        visible = unknown if context.label is None else context.label.clone()
        self.register_buffer("classes", confident_class(visible, context.teacher_logits, confidence))

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "crd": scalar}."""
        label = confident_class(pair.label, pair.teacher_logits, self.confidence)
        candidates = self.memory.candidates()
        same_class = (label.unsqueeze(1) == self.classes[candidates]) & (label >= 0).unsqueeze(1)
        loss = self.memory(pair, candidates, excluded=same_class)
        if self.training:
            self.classes.index_copy_(0, pair.clip, label)
        return {"ce": self.labelled(pair), "crd": self.weight * loss}
