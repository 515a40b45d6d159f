"""DIST: the student's predictions need not equal the teacher's, they need to vary with them.

Equations. With P = softmax(z / T) [B, C] of student and teacher, ρ Pearson's correlation:

    L = CE + weight · T² · [ inter · (1/B) Σ_n (1 − ρ(P_s[n, :], P_t[n, :]))
                             + intra · (1/C) Σ_c (1 − ρ(P_s[:, c], P_t[:, c])) ]

The first compares the classes within a clip, the second the clips of a batch within a class.

Source: Huang et al. 2022, NeurIPS, arXiv:2205.10536. Defaults of the authors' code: weight = 1, β = inter = 1,
γ = intra = 1, T = 1. Extra cost: one softmax. Unlabelled clips: used, all of them, in both correlations.
A clip or a class whose probabilities are all the same has no correlation; it counts as 0, and gives no gradient.
"""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair


def uncorrelated(first: Tensor, second: Tensor, dim: int) -> Tensor:
    """1 − Pearson's correlation of two matrices along a dimension, averaged over the other; a scalar, 0 … 2."""
    first, second = (values - values.mean(dim=dim, keepdim=True) for values in (first, second))
    return 1.0 - F.cosine_similarity(first, second, dim=dim).mean()


class DIST(Objective):
    """Cross-entropy and the correlation of both predictions, within clips and within classes.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of both correlations.
    inter, intra : float
        β and γ: the correlation over the classes of a clip, and over the clips of a class.
    temperature : float
        T, softens both distributions.
    """

    title: ClassVar[str] = "DIST"
    family: ClassVar[str] = "the teacher's predictions"
    source: ClassVar[str] = "arXiv:2205.10536"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    since_paper: ClassVar[bool] = True

    def __init__(
        self, context: Context, weight: float = 1.0, inter: float = 1.0, intra: float = 1.0, temperature: float = 1.0
    ) -> None:
        super().__init__(context)
        self.weight = weight
        self.inter = inter
        self.intra = intra
        self.temperature = temperature

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "inter": scalar, "intra": scalar}."""
        student = (pair.student_logits.float() / self.temperature).softmax(dim=1)
        teacher = (pair.teacher_logits.detach().float() / self.temperature).softmax(dim=1)
        scale = self.weight * self.temperature**2
        return {
            "ce": self.labelled(pair),
            "inter": scale * self.inter * uncorrelated(student, teacher, dim=1),
            "intra": scale * self.intra * uncorrelated(student, teacher, dim=0),
        }
