"""The plug between a training loop and a way of distilling: what an objective sees, and what it gives back."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from sacd.stages import STAGES


@dataclass(frozen=True)
class Pair:
    """One batch as an objective sees it. B clips, C classes, d features; unused fields are None.

    Attributes
    ----------
    student_features : Tensor [B, d_s] float
    student_logits : Tensor [B, C] float
    label : Tensor [B] int64
        Stage code, −1 where the label is hidden or not scored.
    teacher_features : Tensor [B, d_t] float, no gradient
    teacher_logits : Tensor [B, C] float, no gradient
    momentum_features, momentum_logits : Tensor [B, d_s], [B, C], no gradient
        Of the momentum copy of the student; only where the objective `needs_momentum`.
    student_taps, teacher_taps : tuple of Tensor [B, ...]
        Inner activations, shallow to deep; only where the objective `needs_taps`.
    participant : Tensor [B] int64
        Index of the participant.
    clip : Tensor [B] int64
        Index of the clip among the training clips, 0 … n_clips − 1.
    window : Tensor [B] int64
        Index of the clip's window of consecutive clips within the batch; its clips stand together, in time order.
    night : Tensor [B] int64
        Index of the recording.
    posterior : Tensor [B, C] float
        Simulated cohorts only: P(stage | latent), for the oracle control.
    """

    student_features: Tensor
    student_logits: Tensor
    label: Tensor
    teacher_features: Tensor | None = None
    teacher_logits: Tensor | None = None
    momentum_features: Tensor | None = None
    momentum_logits: Tensor | None = None
    student_taps: tuple[Tensor, ...] = ()
    teacher_taps: tuple[Tensor, ...] = ()
    participant: Tensor | None = None
    clip: Tensor | None = None
    window: Tensor | None = None
    night: Tensor | None = None
    posterior: Tensor | None = None


@dataclass(frozen=True)
class Context:
    """What an objective may know before training: sizes only, never data."""

    n_clips: int
    student_dim: int = 512
    teacher_dim: int = 512
    n_classes: int = len(STAGES)
    student_taps: tuple[tuple[int, ...], ...] = field(default=())
    teacher_taps: tuple[tuple[int, ...], ...] = field(default=())


class Objective(nn.Module):
    """A way of distilling. Subclasses take a `Context` and keyword options with published defaults.

    `forward` returns weighted terms by name; the training loss is their sum. State that must survive a
    resumed run (banks, pointers) lives in buffers. A change of numbers needs a higher `version`. `weights` names the
    options that weigh its terms beside the cross-entropy: what a search for better settings scales.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = ""
    source: ClassVar[str] = ""
    weights: ClassVar[tuple[str, ...]] = ()
    needs_teacher: ClassVar[bool] = True
    uses_unlabelled: ClassVar[bool] = True
    needs_momentum: ClassVar[bool] = False
    needs_taps: ClassVar[bool] = False
    needs_posterior: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """Weighted terms of the loss, name → scalar Tensor.

        Parameters
        ----------
        pair : Pair
            The batch.
        """
        raise TypeError(f"{type(self).__name__} does not define forward(pair)")

    @property
    def diagnostics(self) -> dict[str, Tensor]:
        """Figures about the last batch worth logging, name → scalar Tensor without gradient."""
        return {}


def labelled_cross_entropy(logits: Tensor, label: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy summed over the labelled clips and divided by the whole batch.

    Dividing by the labelled clips alone over-weights them where labels are few.

    Parameters
    ----------
    logits : Tensor [B, C]
    label : Tensor [B] int64
        −1 where unlabelled.
    smoothing : float
        Label smoothing (Szegedy et al. 2016, doi:10.1109/CVPR.2016.308).
    """
    total = nn.functional.cross_entropy(
        logits.float(), label, ignore_index=-1, reduction="sum", label_smoothing=smoothing
    )
    return total / len(label)


def confident_class(pair: Pair, threshold: float) -> Tensor:
    """Class of each clip: its label, else the teacher's argmax where its probability reaches `threshold`, else −1.

    Returns
    -------
    Tensor [B] int64
    """
    if pair.teacher_logits is None:
        return pair.label
    probability, guess = pair.teacher_logits.float().softmax(dim=1).max(dim=1)
    guess = torch.where(probability >= threshold, guess, torch.full_like(guess, -1))
    return torch.where(pair.label >= 0, pair.label, guess)
