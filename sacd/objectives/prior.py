"""How often each class occurs among the training clips, as far as an objective may know."""

import torch
from torch import Tensor

from sacd.objectives.base import Context


def labelled_counts(context: Context) -> Tensor:
    """Labelled training clips of each class, [C] float32 on the host; zeros where no label is known."""
    if context.label is None:
        return torch.zeros(context.n_classes)
    return context.label[context.label >= 0].bincount(minlength=context.n_classes).float()


def expected_counts(context: Context) -> Tensor:
    """Training clips of each class, [C] float32 on the host: by label, else by the teacher's posterior."""
    counts = labelled_counts(context)
    if context.teacher_logits is None:
        return counts
    posterior = context.teacher_logits.float().softmax(dim=1)
    return counts + (posterior if context.label is None else posterior[context.label < 0]).sum(dim=0)


def log_prior(counts: Tensor) -> Tensor:
    """log π [C], π_c = (counts_c + 1) / Σ (counts + 1): a class that nobody has seen keeps a finite logit."""
    return (counts + 1.0).log() - (counts + 1.0).sum().log()
