"""Logit-adjusted KD: the prior of the training clips explains what is frequent, so that the student's logits need not.

Equations. With π the prior, s and t the logits of student and teacher, CE and KL_T as in KD:

    s′ = s + τ · log π,    L = ce_weight · CE(s′) + weight · T² · (1/B) Σ_n KL(p_t,n^T ‖ p_s′,n^T)

Where s′ fits, softmax(s) is the posterior under a uniform prior: its argmax makes the fewest errors in balanced
accuracy. π_c is the share of class c among the training clips, one clip a class added: by its label where a clip has
one, by the teacher's posterior where not.

Source: Menon et al. 2021, ICLR, arXiv:2007.07314, whose loss is the first term with τ = 1; the second term is the same
adjustment of Hinton's KD, arXiv:1503.02531, with its weights.
Extra cost: one softmax. Unlabelled clips: used, all of them, in the second term and in the prior.
"""

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from sacd.objectives.base import Context, Pair
from sacd.objectives.kd import KD
from sacd.objectives.prior import expected_counts, log_prior


class LogitAdjustedKD(KD):
    """KD of adjusted logits.

    Parameters
    ----------
    context : Context
    temperature, weight, ce_weight : float
        As in `KD`.
    tau : float
        τ, how far the logits are adjusted.
    """

    title: ClassVar[str] = "Logit-adjusted KD"
    source: ClassVar[str] = "arXiv:2007.07314"
    since_paper: ClassVar[bool] = True

    offset: Tensor

    def __init__(
        self, context: Context, temperature: float = 4.0, weight: float = 0.9, ce_weight: float = 0.1, tau: float = 1.0
    ) -> None:
        super().__init__(context, temperature, weight, ce_weight)
        self.register_buffer("offset", tau * log_prior(expected_counts(context)))

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "kd": scalar}."""
        return super().forward(replace(pair, student_logits=pair.student_logits.float() + self.offset))
