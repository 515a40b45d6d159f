"""SACD: structure-aware contrastive distillation, the paper's method (eq. 5).

    L = CE + λ1 · L_D + λ2 · L_C + λ3 · JSD,    λ = (0.5, 1, 1)

L_D is in `structure.py`, L_C in `contrastive.py`, JSD in `jsd.py`; each says what it does with unlabelled clips (all
three use them). A term of weight 0 is left out together with its nets and banks, so that the ablations v0–v4 of
Table V are configurations.

Source: "Seeing your sleep stage", section IV. Extra cost: two small graph nets, two banks of 256 features, one forward
pass of the momentum copy without gradients.
"""

from typing import Any, ClassVar

from torch import Tensor, nn

from sacd.objectives.base import Context, Objective, Pair, defaults, options_for
from sacd.objectives.contrastive import ContrastiveLoss
from sacd.objectives.jsd import jensen_shannon
from sacd.objectives.structure import StructureLoss


class SACD(Objective):
    """The paper's method.

    Parameters
    ----------
    context : Context
    structure, contrastive, jsd : float
        λ1, λ2, λ3; 0 leaves the term out.
    **options
        Those of `StructureLoss` and of `ContrastiveLoss`.
    """

    version: ClassVar[int] = 2
    title: ClassVar[str] = "SACD"
    family: ClassVar[str] = "structure, contrast and predictions"
    source: ClassVar[str] = "paper eq. 5"
    weights: ClassVar[tuple[str, ...]] = ("structure", "contrastive", "jsd")
    parts: ClassVar[tuple[type[nn.Module], ...]] = (StructureLoss, ContrastiveLoss)

    def __init__(
        self, context: Context, structure: float = 0.5, contrastive: float = 1.0, jsd: float = 1.0, **options: Any
    ) -> None:
        super().__init__(context)
        if unknown := options.keys() - defaults(SACD).keys():
            raise TypeError(f"SACD has no option {', '.join(sorted(unknown))}")
        self.structure_weight = structure
        self.contrastive_weight = contrastive
        self.jsd_weight = jsd
        if structure:
            self.structure = StructureLoss(context, **options_for(StructureLoss, options))
        if contrastive:
            self.contrastive = ContrastiveLoss(context, **options_for(ContrastiveLoss, options))
        self.needs_teacher = bool(structure or contrastive or jsd)
        self.uses_unlabelled = self.needs_teacher
        self.needs_momentum = bool(contrastive) and self.contrastive.two_way

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar} and, where their weight is not 0, "structure", "contrastive" and "jsd"."""
        terms = {"ce": self.labelled(pair)}
        if self.structure_weight:
            terms["structure"] = self.structure_weight * self.structure(pair)
        if self.contrastive_weight:
            terms["contrastive"] = self.contrastive_weight * self.contrastive(pair)
        if self.jsd_weight:
            divergence = jensen_shannon(pair.student_logits, pair.teacher_logits.detach())
            terms["jsd"] = self.jsd_weight * divergence.mean()
        return terms

    @property
    def diagnostics(self) -> dict[str, Tensor]:
        """`share_dropped`: the share of the last batch that was too uncertain for L_C."""
        return {"share_dropped": self.contrastive.share_dropped} if self.contrastive_weight else {}
