"""Decoupled knowledge distillation: how sure the teacher is of the target class, and how it ranks the others.

Equations. With p^T = softmax(z / T), k the target class of a clip, b = (p_k, 1 − p_k) and p̂ the distribution p over
the classes other than k, normalised:

    L = ce_weight · CE + T² · (1/B) Σ_n [ target · KL(b_t,n ‖ b_s,n) + others · KL(p̂_t,n ‖ p̂_s,n) ]

KD is the same with target = 1 and others = 1 − p_t,k: it hides what a sure teacher knows of the other classes.

Source: Zhao et al. 2022, CVPR, arXiv:2203.08679. Published: T = 4, ce_weight = 1, α = target = 1, β = others = 8 (the
default of the authors' code; 1 to 8 by how sure the teacher is). Their linear warm-up over the first 20 of 240 epochs
is left out: it would span much of a student's training here.
Extra cost: two softmaxes. Unlabelled clips: used, all of them, in both terms; their target class is the teacher's
argmax.
"""

from typing import ClassVar

import torch
from torch import Tensor

from sacd.objectives.base import Context, Objective, Pair, confident_class
from sacd.objectives.kd import softened_kl


def target_class(pair: Pair) -> Tensor:
    """Target class [B] of each clip: its label, the teacher's argmax where it has none."""
    return confident_class(pair.label, pair.teacher_logits, 0.0)


def other_logits(logits: Tensor, target: Tensor) -> Tensor:
    """Logits [B, C − 1] float32 of the classes that are not a clip's target."""
    classes = logits.shape[1]
    others = (target.unsqueeze(1) + torch.arange(1, classes, device=target.device)) % classes
    return logits.float().gather(1, others)


def target_logits(logits: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Logits [B, 2] float32 whose probabilities at T are those of a clip's target class and of all others together."""
    others = other_logits(logits, target) / temperature
    own = logits.float().gather(1, target.unsqueeze(1)) / temperature
    return temperature * torch.cat([own, others.logsumexp(dim=1, keepdim=True)], dim=1)


class DKD(Objective):
    """Cross-entropy and both halves of KD, each with a weight of its own.

    Parameters
    ----------
    context : Context
    target, others : float
        α and β, the weights of the target class's part and of the other classes' part.
    temperature : float
        T, softens both distributions.
    ce_weight : float
        Weight of the cross-entropy.
    """

    title: ClassVar[str] = "DKD"
    family: ClassVar[str] = "the teacher's predictions"
    source: ClassVar[str] = "arXiv:2203.08679"
    weights: ClassVar[tuple[str, ...]] = ("target", "others")
    since_paper: ClassVar[bool] = True

    def __init__(
        self, context: Context, target: float = 1.0, others: float = 8.0, temperature: float = 4.0,
        ce_weight: float = 1.0,
    ) -> None:
        super().__init__(context)
        self.target = target
        self.others = others
        self.temperature = temperature
        self.ce_weight = ce_weight

    def labelled(self, pair: Pair) -> Tensor:
        """The cross-entropy with the labels, weighted."""
        return self.ce_weight * super().labelled(pair)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "target": scalar, "others": scalar}."""
        known = target_class(pair)
        both = pair.student_logits, pair.teacher_logits
        target = (target_logits(logits, known, self.temperature) for logits in both)
        others = (other_logits(logits, known) for logits in both)
        return {
            "ce": self.labelled(pair),
            "target": self.target * softened_kl(*target, self.temperature).mean(),
            "others": self.others * softened_kl(*others, self.temperature).mean(),
        }
