"""FitNet: the student's features, mapped linearly, hit the teacher's.

    L = CE + weight · (1/(B·d_t)) Σ_n ‖W f_n + b − g_n‖²,    f, g the penultimate features of student and teacher

Source: Romero et al. 2015, arXiv:1412.6550. Published weight: 100, as in the comparison of Tian et al. 2020,
arXiv:1910.10699, which like us trains hint and classifier together, not one after the other. The hint sits on the
penultimate features: an EEG's inner activations have no position in the image that a video's could be held against.
Extra cost: one d_s × d_t linear layer. Unlabelled clips: used, all of them, in the second term.
"""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair


class FitNet(Objective):
    """Cross-entropy and a hint on the features.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the hint.
    """

    title: ClassVar[str] = "FitNet"
    family: ClassVar[str] = "the teacher's features"
    source: ClassVar[str] = "arXiv:1412.6550"
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, context: Context, weight: float = 100.0) -> None:
        super().__init__(context)
        self.weight = weight
        self.regressor = nn.Linear(context.student_dim, context.teacher_dim)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "hint": scalar}."""
        hint = F.mse_loss(self.regressor(pair.student_features.float()), pair.teacher_features.detach().float())
        return {"ce": self.labelled(pair), "hint": self.weight * hint}
