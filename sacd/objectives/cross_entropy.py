"""Training on the labels alone: the baseline every way of distilling is compared with, and label smoothing.

Equations. With y_n the label of clip n, z_n its logits, B the batch size, n over the *labelled* clips:

    CE = −(1/B) Σ_n log softmax(z_n)[y_n]

Label smoothing replaces the one-hot target by (1 − ε)·onehot + ε/C.

Source: Szegedy et al. 2016, doi:10.1109/CVPR.2016.308 (label smoothing; published ε = 0.1).
Extra cost: none. Unlabelled clips: not used.
"""

from typing import ClassVar

from torch import Tensor

from sacd.objectives.base import Context, Objective, Pair, labelled_cross_entropy


class CrossEntropy(Objective):
    """Cross-entropy with the labels (paper eq. 1)."""

    title: ClassVar[str] = "CE"
    family: ClassVar[str] = "without a teacher"
    source: ClassVar[str] = "paper eq. 1"
    needs_teacher: ClassVar[bool] = False
    uses_unlabelled: ClassVar[bool] = False

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar}."""
        return {"ce": self.labelled(pair)}


class LabelSmoothing(Objective):
    """Cross-entropy with smoothed labels: what a softer target gives without any teacher.

    Parameters
    ----------
    context : Context
    smoothing : float
        ε, the probability mass spread evenly over the classes.
    """

    title: ClassVar[str] = "Label smoothing"
    family: ClassVar[str] = "without a teacher"
    source: ClassVar[str] = "doi:10.1109/CVPR.2016.308"
    needs_teacher: ClassVar[bool] = False
    uses_unlabelled: ClassVar[bool] = False

    def __init__(self, context: Context, smoothing: float = 0.1) -> None:
        super().__init__(context)
        self.smoothing = smoothing

    def labelled(self, pair: Pair) -> Tensor:
        """The cross-entropy with the smoothed labels."""
        return labelled_cross_entropy(pair.student_logits, pair.label, self.smoothing)

    def forward(self, pair: Pair) -> dict[str, Tensor]:
        """{"ce": scalar}."""
        return {"ce": self.labelled(pair)}
