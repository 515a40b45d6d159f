"""C²KD: two proxies distil into each other where they rank the classes alike, and each with its own network.

Equations. With s and t the logits of student and teacher, s′ and t′ those of a proxy on the features of each, ⌊·⌋ what
gives no gradient, KL(a ‖ b) between softmax(a) and softmax(b), and K̂L the same without the clip's target class:

    L = CE + weight · (1/B) Σ_n [ KL(⌊s⌋ ‖ s′) + KL(⌊s′⌋ ‖ s) + KL(t ‖ t′) + m_n · (K̂L(⌊t′⌋ ‖ s′) + K̂L(⌊s′⌋ ‖ t′)) ]
    m_n = 1 where Kendall's rank correlation of s′_n and t′_n is above `threshold`, else 0 (on-the-fly selection)

Source: Huo et al. 2024, CVPR, "C2KD: Bridging the Modality Gap for Cross-Modal Knowledge Distillation", and the
authors' code: threshold 0, every term of weight 1, T = 1.
How read: in the paper the teacher trains along, from the labels and from its proxy, and so becomes a teacher that suits
this student. Here a teacher is frozen and its outputs are kept. What remains: the selection, the proxies, the
distillation between them in both directions, and the student's with its proxy. What does not: CE(t) and KL(⌊t′⌋ ‖ t),
the teacher's own terms; the student meets a teacher that suits it only in t′. Further:
- A proxy is a linear layer, a norm, a leaky ReLU and a linear layer on the features. The norm is over a clip's
  features, theirs over the batch.
- Their code sets the target's logit to 0 in K̂L, where it keeps some probability; here the class is left out.
- A tie in the ranks counts as neither in the correlation (τ_a).
Extra cost: two proxies, a C × C matrix a clip. Unlabelled clips: used, all of them (between the proxies those that are
selected); their target class is the teacher's argmax.
"""

from typing import ClassVar

from torch import Tensor, nn

from sacd.objectives.base import Context, Objective, Pair
from sacd.objectives.dkd import other_logits, target_class
from sacd.objectives.kd import softened_kl


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Kendall's τ_a [B] float32 of the classes' order in two logits [B, C] of each clip; no gradient."""
    one, other = ((z.unsqueeze(2) - z.unsqueeze(1)).sign() for z in (first.detach().float(), second.detach().float()))
    classes = first.shape[1]
    return (one * other).sum(dim=(1, 2)) / (classes * (classes - 1))


def proxy(features: int, classes: int) -> nn.Sequential:
    """A small classifier on a network's features [B, features]."""
    return nn.Sequential(
        nn.Linear(features, features, bias=False), nn.LayerNorm(features), nn.LeakyReLU(0.1),
        nn.Linear(features, classes),
    )


class C2KD(Objective):
    """Cross-entropy and distillation by way of a proxy of the student and one of the teacher.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of all that is distilled.
    threshold : float
        Rank correlation above which a clip is selected.
    """

    title: ClassVar[str] = "C²KD"
    family: ClassVar[str] = "the teacher's predictions"
    source: ClassVar[str] = "Huo et al. 2024, CVPR"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    since_paper: ClassVar[bool] = True

    def __init__(self, context: Context, weight: float = 1.0, threshold: float = 0.0) -> None:
        super().__init__(context)
        self.weight = weight
        self.threshold = threshold
        self.student_proxy = proxy(context.student_dim, context.n_classes)
        self.teacher_proxy = proxy(context.teacher_dim, context.n_classes)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "student": scalar, "teacher": scalar, "between": scalar}."""
        student = self.student_proxy(pair.student_features.float())
        teacher = self.teacher_proxy(pair.teacher_features.detach().float())
        own = _distilled(student, pair.student_logits) + _distilled(pair.student_logits, student)
        target = target_class(pair)
        others = [other_logits(logits, target) for logits in (student, teacher)]
        selected = rank_correlation(student, teacher) > self.threshold
        between = selected * (_distilled(*others) + _distilled(*reversed(others)))
        return {
            "ce": self.labelled(pair),
            "student": self.weight * own.mean(),
            "teacher": self.weight * _distilled(teacher, pair.teacher_logits).mean(),
            "between": self.weight * between.mean(),
        }


def _distilled(learner: Tensor, example: Tensor) -> Tensor:
    """KL(⌊example⌋ ‖ learner) [B] of two logits."""
    return softened_kl(learner, example, 1.0)
