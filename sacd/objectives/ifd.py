"""Information flow distillation: the flow through the layers, strong at first, fading after the critical period.

For two matched layers with features x (student) and y (teacher), conditional probabilities over the batch from two
kernels, cosine K_c = (cos + 1)/2 and T K_t = 1/(1 + ‖·‖), and Jeffreys' divergence between them:

    D = Σ_K∈{c,t} (1/B) Σ_ij (p^y_ij − p^x_ij)(log p^y_ij − log p^x_ij)
    L = CE + weight · (D_features + α_k Σ_inner layers D),    α_k = 100 · 0.7^k in epoch k

Source: Passalis, Tzelepi & Tefas 2020, CVPR, arXiv:2005.00727, α = 100 and decay 0.7.
How read (the paper names the method "IFD [44]" and its reference list is cut off):
- Inner layers are averaged over space and time (the authors flatten), so that a frozen teacher's can be kept with its
  features, and matched by relative depth. The auxiliary teacher, a copy of the student trained by the teacher, is left
  out: a copy of the video student cannot read EEG.
- The features are a pair of their own, with weight 1 as the authors': a network's inner layers do not repeat them.
- D sums over j where the authors' code averages, so that a weight means the same at any batch size. They train
  without cross-entropy, hence publish no weight beside it; ours is 1.
- An epoch is as many clips seen as there are training clips. Without inner layers the features alone remain: so it is
  where a video network teaches an EEG network.
Extra cost: four B × B matrices a layer. Unlabelled clips: used, all of them, in the second term.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from sacd.objectives.base import Context, Objective, Pair
from sacd.objectives.pkt import EPSILON, cosine_probabilities


def student_t_probabilities(features: Tensor) -> Tensor:
    """p [B, B] float32 of features [B, d], by the kernel 1 / (1 + distance)."""
    features = features.float() - features.float().mean(dim=0)  # small numbers: their differences stay exact
    square = features.square().sum(dim=1)
    squared = (square.unsqueeze(1) + square.unsqueeze(0) - 2.0 * features @ features.T).fill_diagonal_(0.0)
    kernel = 1.0 / (1.0 + (squared.clamp(min=0.0) + 1e-6).sqrt())
    return kernel / kernel.sum(dim=1, keepdim=True)


def flow_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """D of one pair of layers, features [B, d_s] and [B, d_t]; a scalar."""
    total = torch.zeros((), device=student.device)
    for probabilities in (cosine_probabilities, student_t_probabilities):
        p, q = probabilities(student), probabilities(teacher.detach())
        total = total + ((q - p) * ((q + EPSILON).log() - (p + EPSILON).log())).sum(dim=1).mean()
    return total


def matched_layers(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Every student layer with the teacher layer of the same relative depth, both averaged to [B, channels]."""
    if not student or not teacher:
        return []
    step = (len(teacher) - 1) / max(len(student) - 1, 1)
    return [(averaged(layer), averaged(teacher[round(i * step)])) for i, layer in enumerate(student)]


def averaged(layer: Tensor) -> Tensor:
    """[B, channels] float32 of an activation [B, channels, …]: its mean over time and space."""
    return layer.float().flatten(2).mean(dim=2) if layer.ndim > 2 else layer.float()


class IFD(Objective):
    """Cross-entropy and information flow modelling.

    Parameters
    ----------
    context : Context
    weight : float
        Weight of all divergences.
    inner, decay : float
        α of the inner layers in the first epoch, and its factor per epoch.
    """

    title: ClassVar[str] = "IFD"
    family: ClassVar[str] = "the teacher's features"
    version: ClassVar[int] = 3
    source: ClassVar[str] = "arXiv:2005.00727"
    weights: ClassVar[tuple[str, ...]] = ("weight",)
    needs_taps: ClassVar[bool] = True

    seen: Tensor

    def __init__(self, context: Context, weight: float = 1.0, inner: float = 100.0, decay: float = 0.7) -> None:
        super().__init__(context)
        self.weight = weight
        self.inner = inner
        self.decay = decay
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar, "features": scalar} and, where there are taps, "flow": scalar."""
        terms = {
            "ce": self.labelled(pair),
            "features": self.weight * flow_divergence(pair.student_features, pair.teacher_features),
        }
        layers = matched_layers(pair.student_taps, pair.teacher_taps)
        if layers:
            alpha = self.inner * self.decay ** (self.seen // self.context.n_clips)
            flow = torch.stack([flow_divergence(student, teacher) for student, teacher in layers]).sum()
            terms["flow"] = self.weight * alpha * flow
        if self.training:
            self.seen.add_(len(pair.label))
        return terms
