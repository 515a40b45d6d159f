"""Controls: how much of a gain is not the teacher's knowledge of the clip at hand.

With B the batch size, p = softmax(z) of the student, KL_T the softened divergence of `kd.py`:

- `ClassMean`: L = ce_weight·CE + weight · (1/B) Σ_labelled KL_T(p̄_{y_n} ‖ p_n), p̄_c the teacher's mean softened
  prediction over the labelled clips of class c, a moving average over batches. What class similarities alone give
  (cf. Yuan et al. 2020, arXiv:1909.11723). Unlabelled clips: not used.
- `SelfTraining`: L = CE + weight · (1/B) Σ_unlabelled 1[max p^m_n ≥ τ] · −log p_n[argmax p^m_n], p^m the prediction
  of the momentum copy of the student. Video alone, no teacher. Tarvainen & Valpola 2017, arXiv:1703.01780, with the
  threshold τ = 0.95 and weight 1 of Sohn et al. 2020, arXiv:2001.07685. Unlabelled clips: the confident ones.
- `PseudoLabel`: L = CE + weight · (1/B) Σ_unlabelled 1[max q_n ≥ τ] · −log p_n[argmax q_n], q the teacher's prediction:
  its decision without its doubts. Lee 2013 (ICML workshop on representation learning), weight 1; τ = 0.5 is ours.
  Unlabelled clips: those where the teacher is confident.
- `Oracle`: L = (1/B) Σ_n H(π_n, p_n), the cross-entropy with the posterior π = P(stage | latent state) that only a
  simulator knows: the best teacher there can be. Unlabelled clips: used, all of them; the labels are not needed.

Extra cost: a softmax each; `SelfTraining` also one forward pass of the momentum copy without gradients.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from sacd.exceptions import SacdError
from sacd.objectives.base import Context, Objective, Pair, confident_class, labelled_cross_entropy


class ClassMean(Objective):
    """Soft labels that are the same for every clip of a class: the teacher's mean prediction for it.

    Parameters
    ----------
    context : Context
    temperature, weight, ce_weight : float
        As in `KD`, so that the two differ only in the target.
    momentum : float
        Weight of the past in the moving average of a class's mean, per batch that has the class.
    """

    title: ClassVar[str] = "Class-mean soft labels"
    family: ClassVar[str] = "controls"
    source: ClassVar[str] = "arXiv:1909.11723"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    uses_unlabelled: ClassVar[bool] = False

    def __init__(
        self,
        context: Context,
        temperature: float = 4.0,
        weight: float = 0.9,
        ce_weight: float = 0.1,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(context)
        self.temperature = temperature
        self.weight = weight
        self.ce_weight = ce_weight
        self.momentum = momentum
        self.register_buffer("mean", torch.full((context.n_classes, context.n_classes), 1.0 / context.n_classes))
        self.register_buffer("seen", torch.zeros(context.n_classes, dtype=torch.bool))

    def labelled(self, pair: Pair) -> Tensor:
        """The cross-entropy with the labels, weighted."""
        return self.ce_weight * super().labelled(pair)

    @torch.no_grad()
    def _update(self, prediction: Tensor, onehot: Tensor) -> None:
        count = onehot.sum(dim=0)
        present = count > 0
        batch_mean = onehot.T @ prediction / count.clamp(min=1).unsqueeze(1)
        past = torch.where(self.seen, self.momentum, 0.0).unsqueeze(1)  # the first batch of a class sets its mean
        updated = past * self.mean + (1 - past) * batch_mean
        self.mean.copy_(torch.where(present.unsqueeze(1), updated, self.mean))
        self.seen.logical_or_(present)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "class-mean": scalar}."""
        labelled = (pair.label >= 0).float()
        label = pair.label.clamp(min=0)
        if self.training:
            prediction = (pair.teacher_logits.detach().float() / self.temperature).softmax(dim=1)
            self._update(prediction, F.one_hot(label, self.context.n_classes).float() * labelled.unsqueeze(1))
        student = F.log_softmax(pair.student_logits.float() / self.temperature, dim=1)
        divergence = self.temperature**2 * F.kl_div(student, self.mean[label], reduction="none").sum(dim=1)
        return {
            "ce": self.labelled(pair),
            "class-mean": self.weight * (divergence * labelled).mean(),
        }


class _PseudoLabels(Objective):
    """Cross-entropy with the labels, and with a confident prediction where there is none; subclasses say whose.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of the unlabelled term.
    threshold : float
        τ, the least probability at which a prediction counts.
    """

    weights: ClassVar[tuple[str, ...]] = ("weight",)
    term: ClassVar[str]

    def __init__(self, context: Context, weight: float, threshold: float) -> None:
        super().__init__(context)
        self.weight = weight
        self.threshold = threshold

    def believed(self, pair: Pair) -> Tensor:
        """Logits [B, C] whose decision stands in for a label."""
        raise TypeError(f"{type(self).__name__} does not define believed(pair)")

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar} and the unlabelled term."""
        guess = confident_class(pair.label, self.believed(pair), self.threshold)
        unlabelled = torch.where(pair.label >= 0, -1, guess)
        return {
            "ce": self.labelled(pair),
            self.term: self.weight * labelled_cross_entropy(pair.student_logits, unlabelled),
        }


class SelfTraining(_PseudoLabels):
    """Video alone: unlabelled clips are trained towards the momentum copy's confident predictions."""

    title: ClassVar[str] = "Self-training (video only)"
    family: ClassVar[str] = "without a teacher"
    source: ClassVar[str] = "arXiv:1703.01780, arXiv:2001.07685"
    needs_teacher: ClassVar[bool] = False
    needs_momentum: ClassVar[bool] = True
    term: ClassVar[str] = "self-training"

    def __init__(self, context: Context, weight: float = 1.0, threshold: float = 0.95) -> None:
        super().__init__(context, weight, threshold)

    def believed(self, pair: Pair) -> Tensor:
        """The momentum copy's."""
        return pair.momentum_logits


class PseudoLabel(_PseudoLabels):
    """Unlabelled clips take the teacher's decision as their label, where it is confident."""

    title: ClassVar[str] = "Pseudo-labels"
    family: ClassVar[str] = "controls"
    source: ClassVar[str] = "Lee 2013"
    term: ClassVar[str] = "pseudo-label"

    def __init__(self, context: Context, weight: float = 1.0, threshold: float = 0.5) -> None:
        super().__init__(context, weight, threshold)

    def believed(self, pair: Pair) -> Tensor:
        """The teacher's."""
        return pair.teacher_logits


class Oracle(Objective):
    """Simulated cohorts only: every clip is trained towards the true posterior of its stage."""

    title: ClassVar[str] = "Oracle posterior (simulated)"
    family: ClassVar[str] = "controls"
    source: ClassVar[str] = "control"
    needs_teacher: ClassVar[bool] = False
    needs_posterior: ClassVar[bool] = True

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"oracle": scalar}."""
        if pair.posterior is None:
            raise SacdError("objective 'oracle': the cohort has no posterior_* columns; use a simulated cohort")
        target = pair.posterior.detach().float()
        return {"oracle": F.cross_entropy(pair.student_logits.float(), target)}
