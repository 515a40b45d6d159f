"""Relational knowledge distillation: distances and angles between the clips of a batch.

    ψ_D(i, j) = ‖x_i − x_j‖ / μ,    μ the mean of the positive distances of the batch
    ψ_A(i, j, k) = cos ∠ x_j x_i x_k, the angle at x_i
    L = CE + weight · (25 · mean_ij h(ψ_D^s − ψ_D^t) + 50 · mean_ijk h(ψ_A^s − ψ_A^t)),    h the Huber loss, δ = 1

Source: Park et al. 2019, arXiv:1904.05068. Published weights: 25 and 50; weight 1 as in
the comparison of Tian et al. 2020, arXiv:1910.10699.
Extra cost: B × B × B angles, all of them: they come out of the B × B inner products, so no sub-sample is needed.
Unlabelled clips: used, all of them, in the second term.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair


def relations(features: Tensor) -> tuple[Tensor, Tensor]:
    """Distances and angles between the clips of a batch.

    Parameters
    ----------
    features : Tensor [B, d]

    Returns
    -------
    distance : Tensor [B, B] float32
        ψ_D, with mean 1 over the pairs that are apart.
    cosine : Tensor [B, B, B] float32
        ψ_A, first index the vertex; 0 where two of the three clips coincide.
    """
    centred = features.float() - features.float().mean(dim=0)  # keeps the differences of inner products exact
    product = centred @ centred.T
    square = product.diagonal()
    squared = square.unsqueeze(1) + square.unsqueeze(0) - 2.0 * product
    # Below this, the difference of two rounded numbers is noise: such clips count as one point.
    apart = (squared > 1e-6 * square.mean().detach()).fill_diagonal_(False)
    distance = torch.where(apart, squared, 1.0).sqrt() * apart
    inverse = torch.where(apart, squared, 1.0).rsqrt() * apart
    inner = (
        product.unsqueeze(0) - product.unsqueeze(2) - product.unsqueeze(1) + square.view(-1, 1, 1)
    )  # [i, j, k] = (x_j − x_i) · (x_k − x_i)
    cosine = inner * inverse.unsqueeze(2) * inverse.unsqueeze(1)
    return distance * apart.sum() / distance.sum().clamp(min=1e-12), cosine


class RKD(Objective):
    """Cross-entropy and relational knowledge distillation.

    Parameters
    ----------
    context : Context
    distance, angle : float
        Weights of the two relations.
    weight : float
        Weight of both together.
    """

    title: ClassVar[str] = "RKD"
    family: ClassVar[str] = "the teacher's features"
    source: ClassVar[str] = "arXiv:1904.05068"
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, context: Context, distance: float = 25.0, angle: float = 50.0, weight: float = 1.0) -> None:
        super().__init__(context)
        self.distance = distance
        self.angle = angle
        self.weight = weight

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "distance": scalar, "angle": scalar}."""
        distance, angle = relations(pair.student_features)
        with torch.no_grad():
            target_distance, target_angle = relations(pair.teacher_features)
        return {
            "ce": self.labelled(pair),
            "distance": self.weight * self.distance * F.smooth_l1_loss(distance, target_distance),
            "angle": self.weight * self.angle * F.smooth_l1_loss(angle, target_angle),
        }
