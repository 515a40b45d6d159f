"""The plug between a training loop and a way of distilling: what an objective sees, and what it gives back."""

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

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
    window : Tensor [B] int64, on the host
        Index of the clip's window of consecutive clips within the batch; its clips stand together, in time order.
    night : Tensor [B] int64, on the host
        Index of the recording. Window and night say how a batch is built: read on the host, no device is waited for.
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
    """What an objective may know before training: sizes, and which class each training clip is known to have.

    Attributes
    ----------
    n_clips, n_nights : int
        Training clips and their recordings; 0 nights where clips belong to none.
    student_dim, teacher_dim, n_classes : int
    label : Tensor [n_clips] int64, optional
        Visible stage code of every training clip, −1 where hidden or not scored.
    teacher_logits : Tensor [n_clips, C] float, optional
        Of a frozen teacher.
    """

    n_clips: int
    student_dim: int = 512
    teacher_dim: int = 512
    n_classes: int = len(STAGES)
    n_nights: int = 0
    label: Tensor | None = None
    teacher_logits: Tensor | None = None


class Objective(nn.Module):
    """A way of distilling. Subclasses take a `Context` and keyword options with published defaults.

    `forward` returns weighted terms by name; the training loss is their sum. State that must survive a
    resumed run (banks, pointers) lives in buffers. A change of numbers needs a higher `version`. `weights` names the
    options that weigh its terms beside the cross-entropy: what a search for better settings scales. `parts` are
    modules whose options it takes as ``**options`` and hands on (`options_for`). `since_paper` marks what was published
    after the methods that the paper compares with: tables say so. Figures of many methods group them by `family`, what
    the student learns from beside its labels.

    A step on a GPU must not wait for it: no ``.item()``, no shape that depends on the values of a tensor.
    """

    version: ClassVar[int | str] = 1
    title: ClassVar[str] = ""
    source: ClassVar[str] = ""
    weights: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[tuple[type[nn.Module], ...]] = ()
    since_paper: ClassVar[bool] = False
    family: ClassVar[str] = "further methods"
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

    def labelled(self, pair: Pair) -> Tensor:
        """The cross-entropy with the labels, a scalar: the term "ce" of `forward`, which a correction may change."""
        return labelled_cross_entropy(pair.student_logits, pair.label)

    @property
    def diagnostics(self) -> dict[str, Tensor]:
        """Figures about the last batch worth logging, name → scalar Tensor without gradient."""
        return {}


def labelled_cross_entropy(logits: Tensor, label: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy summed over the labelled clips and divided by the whole batch.

    Dividing by the labelled clips alone over-weights them where labels are few; how much that is so for every objective
    is `TrainingConfig.labelled_weight`, which multiplies the term "ce" by `labelled_factor`.

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


def labelled_factor(label: Tensor, weight: float) -> Tensor:
    """(B / n)^weight for a batch of B clips, n of them labelled: by what `labelled_cross_entropy` is multiplied.

    With weight 0 it stays divided by the whole batch, with 1 it becomes the mean over the labelled clips; between, it
    is divided by B^(1 − weight) · n^weight. Where nobody is labelled it is 0 either way.

    Parameters
    ----------
    label : Tensor [B] int64
        −1 where unlabelled.
    weight : float
        In [0, 1].

    Returns
    -------
    Tensor
        Scalar, float32.
    """
    return (len(label) / (label >= 0).sum().clamp(min=1)) ** weight


def confident_class(label: Tensor, logits: Tensor | None, threshold: float) -> Tensor:
    """Class of each clip: its label, else the argmax of the logits where its probability reaches `threshold`, else −1.

    Parameters
    ----------
    label : Tensor [B] int64
    logits : Tensor [B, C] float, optional
    threshold : float

    Returns
    -------
    Tensor [B] int64
    """
    if logits is None:
        return label
    probability, guess = logits.detach().float().softmax(dim=1).max(dim=1)
    return torch.where(label >= 0, label, torch.where(probability >= threshold, guess, -1))


def defaults(kind: type[nn.Module]) -> dict[str, Any]:
    """Options of an objective or of a part and their defaults, those of its own parts after its own."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[2:]  # without self and context
    found = {p.name: p.default for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD}
    for part in getattr(kind, "parts", ()):
        found = found | {name: value for name, value in defaults(part).items() if name not in found}
    return found


def options_for(part: type[nn.Module], options: dict[str, Any]) -> dict[str, Any]:
    """Those of an objective's options that are a part's."""
    return {name: value for name, value in options.items() if name in defaults(part)}
