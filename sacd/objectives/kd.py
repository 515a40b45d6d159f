"""Knowledge distillation: the student's softened predictions follow the teacher's.

Equations. With p^T = softmax(z / T) of teacher t and student s, B the batch size:

    L = ce_weight · CE + weight · T² · (1/B) Σ_n KL(p_t,n^T ‖ p_s,n^T)

T² keeps the gradient's size independent of T.

Source: Hinton, Vinyals & Dean 2015, arXiv:1503.02531. Published weights: T = 4, 0.1 · CE + 0.9 · KD, as in the
comparison of Tian et al. 2020, arXiv:1910.10699 (Hinton et al. leave them open).
Extra cost: one softmax. Unlabelled clips: used, all of them, in the second term.
"""

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair


def softened_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T² · KL(teacher ‖ student) of each clip's predictions softened by `temperature`.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor [B, C]
        Any float type; no gradient reaches the teacher's.
    temperature : float

    Returns
    -------
    Tensor [B] float32
        In nats.
    """
    student = F.log_softmax(student_logits.float() / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach().float() / temperature, dim=1)
    return temperature**2 * F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)


class KD(Objective):
    """Hinton's knowledge distillation.

    Parameters
    ----------
    context : Context
    temperature : float
        T, softens both distributions.
    weight, ce_weight : float
        Weights of the distillation term and of the cross-entropy.
    """

    title: ClassVar[str] = "KD"
    family: ClassVar[str] = "the teacher's predictions"
    source: ClassVar[str] = "arXiv:1503.02531"
    weights: ClassVar[tuple[str, ...]] = ("weight",)

    def __init__(self, context: Context, temperature: float = 4.0, weight: float = 0.9, ce_weight: float = 0.1) -> None:
        super().__init__(context)
        self.temperature = temperature
        self.weight = weight
        self.ce_weight = ce_weight

    def labelled(self, pair: Pair) -> Tensor:
        """The cross-entropy with the labels, weighted."""
        return self.ce_weight * super().labelled(pair)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "kd": scalar}."""
        kd = softened_kl(pair.student_logits, pair.teacher_logits, self.temperature).mean()
        return {"ce": self.labelled(pair), "kd": self.weight * kd}
