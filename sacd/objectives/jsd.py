"""Jensen–Shannon divergence between the two predictive distributions (paper eq. 4).

Equations. With p and q the predictions of student and teacher and m = (p + q) / 2:

    JSD(p, q) = ½ KL(p ‖ m) + ½ KL(q ‖ m),    0 ≤ JSD ≤ ln 2,    L = CE + weight · (1/B) Σ_n JSD(p_n, q_n)

This is the divergence itself; the published code sums two KLs between p and q instead.

Source: Lin 1991, doi:10.1109/18.61115; paper eq. 4 and 5, λ3 = 1.
Extra cost: one softmax. Unlabelled clips: used, all of them, in the second term.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair


def jensen_shannon(first_logits: Tensor, second_logits: Tensor) -> Tensor:
    """Jensen–Shannon divergence of each clip's two predictions.

    Parameters
    ----------
    first_logits, second_logits : Tensor [B, C]
        Any float type.

    Returns
    -------
    Tensor [B] float32
        In nats, 0 … ln 2; symmetric in its arguments.
    """
    first = F.log_softmax(first_logits.float(), dim=1)
    second = F.log_softmax(second_logits.float(), dim=1)
    mixture = torch.logaddexp(first, second) - math.log(2.0)
    return 0.5 * (first.exp() * (first - mixture) + second.exp() * (second - mixture)).sum(dim=1)


class JSD(Objective):
    """Cross-entropy and the Jensen–Shannon divergence to the teacher's predictions.

    Parameters
    ----------
    context : Context
    weight : float
        λ3.
    """

    title: ClassVar[str] = "JSD"
    family: ClassVar[str] = "the teacher's predictions"
    source: ClassVar[str] = "paper eq. 4; doi:10.1109/18.61115"
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, context: Context, weight: float = 1.0) -> None:
        super().__init__(context)
        self.weight = weight

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "jsd": scalar}."""
        return {
            "ce": self.labelled(pair),
            "jsd": self.weight * jensen_shannon(pair.student_logits, pair.teacher_logits.detach()).mean(),
        }
