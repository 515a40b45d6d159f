"""ABC: a balanced classifier beside the method's own, and it is the one that classifies.

Equations. With N_c the labelled training clips of class c, N_min the fewest of a class that has any, h(f_n) the
balanced head's logits on the student's features, and ŷ_n the label of clip n or, where it has none, the class that the
teacher gives at least the probability `abc_threshold`; other clips do not count:

    L = L_method + abc_weight · (1/B) Σ_n m_n · −log softmax(h(f_n))[ŷ_n],    m_n ~ Bernoulli(min(1, N_min / N_ŷn))

Every class is kept as often, so that h knows no prior; the features learn from all clips, by the method.

Two heads. The *network's own head* is the balanced one: it is what validation judges, what is saved and what
classifies, and nothing but a student's training need know of it. The method sees the logits of a second head on the
same features, which is part of the objective and goes with it when training ends. Of a momentum network the method sees
the features as ever, and the second head's logits on them: this head is not averaged.

Source: Lee, Shin & Kim 2021, NeurIPS, arXiv:2110.10368. Published: weight 1, threshold 0.95.
How read: the paper's consistency term teaches h with its own sure predictions on a weak view of unlabelled clips, and
keeps all of them at first and as few as above in the end. A clip has one view here, and what h says of it cannot teach
h more. Kept is the term where the method has a teacher and uses unlabelled clips: the teacher's sure decision stands in
the place of h's, kept by N_min / N_ŷ from the start. With other methods there is none.
m is drawn as dropout is, from the generator that the loop seeds anew at every step: a resumed run draws the same.
Extra cost: a linear layer. Unlabelled clips: those of which the teacher is sure, with such methods, beside the method's
own.
"""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sacd.objectives.base import Context, Pair, confident_class, labelled_cross_entropy
from sacd.objectives.corrections import Correction
from sacd.objectives.prior import labelled_counts


class BalancedHead(Correction):
    """An auxiliary balanced classifier.

    Parameters
    ----------
    context : Context
    abc_weight : float
        Weight of the balanced term.
    abc_threshold : float
        Least probability at which the teacher's decision stands in for a missing label.
    **options
        The method's.
    """

    title: ClassVar[str] = "ABC"
    source: ClassVar[str] = "arXiv:2110.10368"
    weights: ClassVar[tuple[str, ...]] = ("abc_weight",)

    kept: Tensor

    def __init__(self, context: Context, abc_weight: float = 1.0, abc_threshold: float = 0.95, **options: Any) -> None:
        super().__init__(context, **options)
        self.abc_weight = abc_weight
        self.abc_threshold = abc_threshold
        self.method_head = nn.Linear(context.student_dim, context.n_classes)
        counts = labelled_counts(context)
        seen = counts[counts > 0]
        fewest = seen.min() if len(seen) else counts.new_tensor(1.0)
        self.register_buffer("kept", (fewest / counts.clamp(min=1.0)).clamp(max=1.0))  # probability of each class

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """The method's terms, and {"abc": scalar}."""
        momentum = pair.momentum_features
        own = replace(
            pair, student_logits=self.method_head(pair.student_features.float()),
            momentum_logits=None if momentum is None else self.method_head(momentum.float()).detach(),
        )
        terms = super().forward(own)
        taught = pair.teacher_logits if self.needs_teacher and self.uses_unlabelled else None
        known = confident_class(pair.label, taught, self.abc_threshold)
        kept = torch.bernoulli(self.kept[known.clamp(min=0)]).bool()
        balanced = labelled_cross_entropy(pair.student_logits, torch.where(kept, known, -1))
        return {**terms, "abc": self.abc_weight * balanced}
