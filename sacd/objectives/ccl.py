"""Compositional contrastive learning: a composition of both modalities stands between teacher and student.

With f, g the features of student and teacher, f̂ = f/‖f‖, and q = softmax(C z) of the composition z:

    z = g + W [ĝ, f̂] + b                                                       composition network
    N(a, b) = mean_n { −mean_{j: y_j = y_n} log s_nj − mean_{j: y_j ≠ y_n} log(1 − s_nj) },
              s_nj = softmax_j(cos(a_n, b_j) / τ)                                multi-class contrastive loss
    C(a, b) = N(a, b) + N(b, a),    J(p, q) = ½ [KL(p ‖ q) + KL(q ‖ p)]

    student:      CE(p) + C(f, z) + C(f, g) + J(p, q)
    composition:  CE(q) + C(f, z) + C(z, g) + J(p, q)

The two share one backward pass here: CE(q) and C(z, g) see the student's features without gradient. J is what the
authors' code computes and calls JSD; kept, as the method is compared as published.

Source: Chen, Xian, Koepke, Shan & Akata 2021, CVPR, arXiv:2104.10955. Published: all
weights 1, τ = 0.5 (audio).
Extra cost: a (d_s + d_t) × d_t linear layer, six B × B matrices. Unlabelled clips: used; in the contrastive terms their
class is the teacher's argmax, and they are left out where it is not confident; J takes all clips.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair, confident_class, labelled_cross_entropy

EPSILON = 1e-10


def multiclass_nce(first: Tensor, second: Tensor, label: Tensor, temperature: float) -> Tensor:
    """N(first, second) of features [B, d] with classes [B], −1 where a clip is left out; a scalar, 0 for no clips."""
    known = label >= 0
    both = known.unsqueeze(1) & known.unsqueeze(0)
    similarity = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T / temperature
    # A finite floor: an anchor that is left out has nothing to share among, and must not give NaN.
    share = similarity.masked_fill(~both, torch.finfo(similarity.dtype).min).softmax(dim=1)
    same = (label.unsqueeze(1) == label.unsqueeze(0)) & both
    other = both & ~same
    pull = -((share + EPSILON).log() * same).sum(dim=1) / same.sum(dim=1).clamp(min=1)
    push = -((1.0 - share + EPSILON).log() * other).sum(dim=1) / other.sum(dim=1).clamp(min=1)
    return (pull + push).sum() / known.sum().clamp(min=1)


class CCL(Objective):
    """Cross-entropy and compositional contrastive learning.

    Parameters
    ----------
    context : Context
    contrastive, jsd, composition : float
        Weights of the contrastive terms, of J, and of CE(q).
    temperature : float
        τ.
    confidence : float
        Least probability at which the teacher's argmax stands in for a missing label.
    """

    title: ClassVar[str] = "CCL"
    family: ClassVar[str] = "contrast with the teacher"
    source: ClassVar[str] = "arXiv:2104.10955"
    weights: ClassVar[tuple[str, ...]] = ("contrastive", "jsd", "composition")

    def __init__(
        self,
        context: Context,
        contrastive: float = 1.0,
        jsd: float = 1.0,
        composition: float = 1.0,
        temperature: float = 0.5,
        confidence: float = 0.5,
    ) -> None:
        super().__init__(context)
        student, teacher = context.student_dim, context.teacher_dim
        self.contrastive = contrastive
        self.jsd = jsd
        self.composition = composition
        self.temperature = temperature
        self.confidence = confidence
        self.project = nn.Identity() if student == teacher else nn.Linear(student, teacher)
        self.residual = nn.Linear(2 * teacher, teacher)
        self.head = nn.Linear(teacher, context.n_classes)

    def compose(self, teacher: Tensor, student: Tensor) -> Tensor:
        """z [B, d_t] of teacher and (projected) student features [B, d_t]."""
        return teacher + self.residual(torch.cat([F.normalize(teacher, dim=1), F.normalize(student, dim=1)], dim=1))

    def _both_ways(self, first: Tensor, second: Tensor, label: Tensor) -> Tensor:
        return multiclass_nce(first, second, label, self.temperature) + multiclass_nce(
            second, first, label, self.temperature
        )

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "contrastive": scalar, "jsd": scalar, "composition": scalar}."""
        label = confident_class(pair.label, pair.teacher_logits, self.confidence)
        student = self.project(pair.student_features.float())
        teacher = pair.teacher_features.detach().float()
        composed = self.compose(teacher, student)
        held = self.compose(teacher, student.detach())
        contrast = sum(
            self._both_ways(a, b, label) for a, b in ((student, composed), (student, teacher), (held, teacher))
        )
        p, q = pair.student_logits.float().log_softmax(dim=1), self.head(composed).log_softmax(dim=1)
        jeffreys = 0.5 * ((p.exp() - q.exp()) * (p - q)).sum(dim=1).mean()
        return {
            "ce": self.labelled(pair),
            "contrastive": self.contrastive * contrast,
            "jsd": self.jsd * jeffreys,
            "composition": self.composition * labelled_cross_entropy(self.head(held), pair.label),
        }
