"""Probabilistic knowledge transfer: who is near whom in a batch should be alike in both feature spaces.

    K(x, y) = (cos(x, y) + 1) / 2,    p_ij = K(x_i, x_j) / Σ_k K(x_i, x_k)
    L = CE + weight · (1/B²) Σ_ij p^t_ij log(p^t_ij / p^s_ij)

Source: Passalis & Tefas 2018, arXiv:1803.10837. Published weight: 30000, as in the
comparison of Tian et al. 2020, arXiv:1910.10699, whose mean over B² entries is kept.
Extra cost: two B × B matrices. Unlabelled clips: used, all of them, in the second term.
"""

from typing import ClassVar

from torch import Tensor

from sacd.objectives.base import Context, Objective, Pair

EPSILON = 1e-7


def cosine_probabilities(features: Tensor) -> Tensor:
    """p [B, B] float32 of features [B, d]: each row the conditional probabilities of a clip's neighbours."""
    features = features.float()
    unit = features / (features.norm(dim=1, keepdim=True) + EPSILON)
    kernel = (unit @ unit.T + 1.0) / 2.0
    return kernel / kernel.sum(dim=1, keepdim=True)


class PKT(Objective):
    """Cross-entropy and probabilistic knowledge transfer.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the transfer.
    """

    title: ClassVar[str] = "PKT"
    family: ClassVar[str] = "the teacher's features"
    source: ClassVar[str] = "arXiv:1803.10837"
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, context: Context, weight: float = 30000.0) -> None:
        super().__init__(context)
        self.weight = weight

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "pkt": scalar}."""
        student = cosine_probabilities(pair.student_features)
        teacher = cosine_probabilities(pair.teacher_features.detach())
        pkt = (teacher * ((teacher + EPSILON) / (student + EPSILON)).log()).mean()
        return {"ce": self.labelled(pair), "pkt": self.weight * pkt}
