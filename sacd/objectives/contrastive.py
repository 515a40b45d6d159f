"""Contrastive loss L_C: two-way K-hard negatives from two memory banks (paper eq. 12 and 13).

With v_n, s_n the video and EEG features of clip n, S the cosine, α the margin, [·]+ = max(0, ·), and in each direction
the min(K, eligible) *most similar* entries of another class:

    [α − S(v_n, s_n) + S(v_n, s_k)]+   s_k from the EEG bank                                  video → EEG
    [α − S(v_n, s_n) + S(v_k, s_n)]+   v_k from the video bank (momentum copy) and the batch  EEG → video

`reduction="mean"`: mean over an anchor's negatives, then over the anchors that have any, the two directions added;
`reduction="sum"`: the plain sum over n and k, as printed. LC′ of the ablation is `direction="one-way"`, video → EEG.

The teacher is frozen and the bank detached, so a negative from the video bank carries no gradient and in the second
direction only the positive would pull. Hence video-side candidates are the bank and the live batch together
(`video_negatives="queue+batch"`); `"queue"` is the bank alone, as printed.

Published: m = 256, K = 64, α = 0.2; bank and momentum copy of He et al. 2020, arXiv:1911.05722.
Extra cost: two m × d banks; one forward pass of the momentum copy without gradients (two-way only). Unlabelled clips:
their class is the teacher's argmax; below the confidence threshold they are dropped, as anchors and from the banks
(`share_dropped` says how many of the last batch were).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sacd.exceptions import SacdError
from sacd.objectives.banks import FeatureQueue, hardest
from sacd.objectives.base import Context, Pair, confident_class

DIRECTIONS = ("two-way", "one-way")
VIDEO_NEGATIVES = ("queue+batch", "queue")
REDUCTIONS = ("mean", "sum")


def _check(option: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise SacdError(f"contrastive loss: unknown {option} '{value}'; choose one of {', '.join(choices)}")
    return value


class ContrastiveLoss(nn.Module):
    """L_C with its two banks.

    Parameters
    ----------
    context : Context
        Where the features differ in size, a linear layer maps the student's to the teacher's.
    bank_size, negatives : int
        m and K.
    margin : float
        α.
    direction : str
        "two-way" or "one-way" (video → EEG).
    video_negatives : str
        "queue+batch" or "queue".
    reduction : str
        "mean" or "sum".
    confidence : float
        Least probability at which the teacher's argmax stands in for a missing label.
    """

    share_dropped: Tensor

    def __init__(
        self,
        context: Context,
        bank_size: int = 256,
        negatives: int = 64,
        margin: float = 0.2,
        direction: str = "two-way",
        video_negatives: str = "queue+batch",
        reduction: str = "mean",
        confidence: float = 0.5,
    ) -> None:
        super().__init__()
        student_dim, teacher_dim = context.student_dim, context.teacher_dim
        self.two_way = _check("direction", direction, DIRECTIONS) == "two-way"
        self.live = _check("video_negatives", video_negatives, VIDEO_NEGATIVES) == "queue+batch"
        self.reduction = _check("reduction", reduction, REDUCTIONS)
        self.negatives = negatives
        self.margin = margin
        self.confidence = confidence
        self.project = nn.Identity() if student_dim == teacher_dim else nn.Linear(student_dim, teacher_dim)
        self.eeg_bank = FeatureQueue(bank_size, teacher_dim)
        if self.two_way:
            self.video_bank = FeatureQueue(bank_size, student_dim)
        self.register_buffer("share_dropped", torch.zeros(()))

    def _hinge(self, positive: Tensor, similarity: Tensor, eligible: Tensor) -> Tensor:
        """One direction: positive [B], similarity to the candidates [B, M], which of them are eligible [B, M]."""
        values, chosen = hardest(similarity, eligible, self.negatives)
        cost = F.relu(self.margin - positive.unsqueeze(1) + values) * chosen
        if self.reduction == "sum":
            return cost.sum()
        count = chosen.sum(dim=1)
        return (cost.sum(dim=1) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)

    def forward(self, pair: Pair) -> Tensor:
        """L_C of a batch, a scalar; while training the batch then enters the banks."""
        label = confident_class(pair.label, pair.teacher_logits, self.confidence)
        video = F.normalize(self.project(pair.student_features.float()), dim=1)
        eeg_features = pair.teacher_features.detach().float()
        eeg = F.normalize(eeg_features, dim=1)
        positive = (video * eeg).sum(dim=1)

        bank, bank_label = self.eeg_bank.contents()
        loss = self._hinge(positive, video @ F.normalize(bank, dim=1).T, _other_class(label, bank_label))
        if self.two_way:
            bank, bank_label = self.video_bank.contents()
            candidates = F.normalize(self.project(bank), dim=1)
            if self.live:
                candidates = torch.cat([candidates, video])
                bank_label = torch.cat([bank_label, label])
            loss = loss + self._hinge(positive, eeg @ candidates.T, _other_class(label, bank_label))
        if self.training:
            self.share_dropped.copy_((label < 0).float().mean())
            self.eeg_bank.enqueue(eeg_features, label)
            if self.two_way:
                self.video_bank.enqueue(pair.momentum_features, label)
        return loss


def _other_class(anchor: Tensor, candidate: Tensor) -> Tensor:
    """[B, M] bool: both classes are known and differ; anchor [B], candidate [M] int64."""
    anchor, candidate = anchor.unsqueeze(1), candidate.unsqueeze(0)
    return (anchor != candidate) & (anchor >= 0) & (candidate >= 0)
