"""SoftMatch: pseudo-labels that weigh less the less sure they are, by a Gaussian that follows how sure they are.

Equations. With q_n the teacher's prediction of an unlabelled clip, q̄ its moving average, μ and σ² those of the mean
and the variance of max q′ over a batch's unlabelled clips, p the student's prediction, B the batch size:

    q′_n = normalised(q_n · (1/C) / q̄)                                          (uniform alignment)
    λ_n = exp(−(max q′_n − μ)² / (2 σ² / width²)) where max q′_n < μ, else 1    (truncated Gaussian)
    L = CE + weight · (1/B) Σ_unlabelled λ_n · −log p_n[argmax q_n]

Alignment gives rare classes weight; the pseudo-label itself is not aligned. Each average moves by 1 − momentum a batch.

Source: Chen et al. 2023, ICLR, arXiv:2301.10921. Published: weight 1, momentum 0.999, width 2 (σ is halved).
How read: in the paper q is the student's own prediction on a weakly augmented view; here the teacher's posterior stands
in its place, which needs no second view. The averages start at the first batch's own figures, not at μ = 1/C and σ² =
1: those take thousands of batches to be left, of which their students see a million and ours some hundred. A batch
with fewer than two unlabelled clips moves nothing.
Extra cost: two softmaxes. Unlabelled clips: used, all of them, by their weight.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from sacd.objectives.base import Context, Objective, Pair

LEAST_VARIANCE = 1e-6
"""Of σ²: a teacher that is always as sure gives every clip the weight 1."""


class SoftMatch(Objective):
    """Cross-entropy with the labels, and with the teacher's decisions by how sure they are.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the unlabelled term.
    momentum : float
        Weight of the past in the moving averages.
    width : float
        How many times narrower than σ the Gaussian is.
    """

    title: ClassVar[str] = "SoftMatch (teacher's posterior)"
    family: ClassVar[str] = "the teacher's predictions"
    source: ClassVar[str] = "arXiv:2301.10921"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    since_paper: ClassVar[bool] = True

    prior: Tensor
    mean: Tensor
    variance: Tensor
    started: Tensor

    def __init__(self, context: Context, weight: float = 1.0, momentum: float = 0.999, width: float = 2.0) -> None:
        super().__init__(context)
        self.weight = weight
        self.momentum = momentum
        self.width = width
        self.register_buffer("prior", torch.full((context.n_classes,), 1.0 / context.n_classes))  # q̄
        self.register_buffer("mean", torch.tensor(1.0 / context.n_classes))
        self.register_buffer("variance", torch.tensor(1.0))
        self.register_buffer("started", torch.tensor(False))

    def _move(self, average: Tensor, batch: Tensor, enough: Tensor) -> None:
        past = torch.where(self.started, self.momentum, 0.0)
        average.copy_(torch.where(enough, past * average + (1 - past) * batch, average))

    @torch.no_grad()
    def clip_weight(self, prediction: Tensor, unlabelled: Tensor) -> Tensor:
        """λ [B] of a batch; while training, the averages move first.

        Parameters
        ----------
        prediction : Tensor [B, C] float32
            q.
        unlabelled : Tensor [B] float32
            1 where a clip has no label, else 0.
        """
        count = unlabelled.sum()
        enough = count >= 2
        if self.training:
            self._move(self.prior, unlabelled @ prediction / count.clamp(min=1), enough)
        sure = F.normalize(prediction / (self.prior + 1e-6), p=1, dim=1).amax(dim=1)
        if self.training:
            mean = unlabelled @ sure / count.clamp(min=1)
            self._move(self.mean, mean, enough)
            self._move(self.variance, unlabelled @ (sure - mean).square() / (count - 1).clamp(min=1), enough)
            self.started.logical_or_(enough)
        below = (sure - self.mean).clamp(max=0.0)
        return (-(below.square()) * self.width**2 / (2.0 * self.variance.clamp(min=LEAST_VARIANCE))).exp()

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "softmatch": scalar}."""
        unlabelled = (pair.label < 0).float()
        prediction = pair.teacher_logits.detach().float().softmax(dim=1)
        weight = unlabelled * self.clip_weight(prediction, unlabelled)
        wrong = F.cross_entropy(pair.student_logits.float(), prediction.argmax(dim=1), reduction="none")
        return {"ce": self.labelled(pair), "softmatch": self.weight * (weight * wrong).mean()}
