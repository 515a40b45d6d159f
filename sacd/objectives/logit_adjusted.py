"""LA: logit-adjusted cross-entropy in the place of a method's labelled term.

Equations. With s the student's logits and π the shares of the classes among the labelled training clips, one clip a
class added, the method's cross-entropy with the labels becomes that of s + la_tau · log π; its other terms see s as
ever.

Where the adjusted logits fit the labels, softmax(s) is the posterior under a uniform prior (cf. `la_kd.py`, whose
second term is adjusted as well).

Source: Menon et al. 2021, ICLR, arXiv:2007.07314. Published: τ = 1.
Extra cost: none. Unlabelled clips: as the method does.
"""

from dataclasses import replace
from typing import Any, ClassVar

from torch import Tensor

from sacd.exceptions import SacdError
from sacd.objectives.base import Context, Pair
from sacd.objectives.corrections import Correction
from sacd.objectives.prior import labelled_counts, log_prior


class LogitAdjusted(Correction):
    """Logit-adjusted cross-entropy with the labels.

    Parameters
    ----------
    context : Context
    la_tau : float
        τ, how far the logits are adjusted.
    **options
        The method's.
    """

    title: ClassVar[str] = "LA"
    source: ClassVar[str] = "arXiv:2007.07314"

    offset: Tensor

    def __init__(self, context: Context, la_tau: float = 1.0, **options: Any) -> None:
        super().__init__(context, **options)
        self.register_buffer("offset", la_tau * log_prior(labelled_counts(context)))
        self._found = False

    def labelled(self, pair: Pair) -> Tensor:
        """The method's labelled term on adjusted logits."""
        self._found = True
        return super().labelled(replace(pair, student_logits=pair.student_logits.float() + self.offset))

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """The method's terms."""
        terms = super().forward(pair)
        if not self._found:
            raise SacdError(f"{self.title}: its method has no labelled term; let it call self.labelled(pair)")
        return terms
