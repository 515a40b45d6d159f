"""Scores of confusion matrices: accuracy, macro-F1, κ, recalls; one definition for training, analysis and figures.

`SCORES` is the list of a results table's columns.

A participant's confusion matrix is normalised to sum 1 and matrices are averaged over participants, so that everybody
weighs the same. All scores ignore a matrix's scale: a sum of normalised matrices serves as well as their mean.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sacd.stages import NOT_SCORED, STAGES

N = len(STAGES)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise ratio, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Share of the diagonal (paper eq. 14). `matrix` [..., C, C], rows the truth; returns [...]."""
    return _divide(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def macro_f1(matrix: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur in truth or prediction (eq. 15). `matrix` [..., C, C]; returns [...]."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    f1 = _divide(2 * hits, matrix.sum(axis=-1) + matrix.sum(axis=-2))
    present = ~np.isnan(f1)
    return _divide(np.where(present, f1, 0).sum(axis=-1), present.sum(axis=-1))


def kappa(matrix: np.ndarray) -> np.ndarray:
    """Cohen's κ (eq. 16, doi:10.1177/001316446002000104), NaN where chance agreement is 1.

    `matrix` [..., C, C]; returns [...].
    """
    total = matrix.sum(axis=(-2, -1))
    chance = _divide((matrix.sum(axis=-1) * matrix.sum(axis=-2)).sum(axis=-1), total**2)
    return _divide(accuracy(matrix) - chance, np.where(np.isclose(chance, 1), 0, 1 - chance))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Recall of each class, NaN where the class does not occur. `matrix` [..., C, C]; returns [..., C]."""
    return _divide(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def _recall_of(code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda matrix: recall(matrix)[..., code]


@dataclass(frozen=True)
class Score:
    """A score, and how tables and figures write it.

    Attributes
    ----------
    title : str
    of : callable
        Of matrices [..., 5, 5], rows the truth, any scale, giving [...]; NaN where undefined.
    lowest : float
        The smallest value that it can have; the largest is 1.
    scale : float
        What it is written in: 100 for percent and points, 1 for a plain number.
    digits : int
    """

    title: str
    of: Callable[[np.ndarray], np.ndarray]
    lowest: float = 0.0
    scale: float = 100.0
    digits: int = 1

    @property
    def is_share(self) -> bool:
        """Whether it is written in percent, and its differences in points."""
        return self.scale == 100

    @property
    def heading(self) -> str:
        """Title with its unit, of a column."""
        return f"{self.title}, %" if self.is_share else self.title

    def written(self, value: float, sign: str = "") -> str:
        """A value as tables show it; `sign` "+" for differences."""
        return f"{self.scale * value:{sign}.{self.digits}f}".replace("-", "−")


SCORES: dict[str, Score] = {
    "accuracy": Score("Accuracy", accuracy),
    "macro_f1": Score("Macro-F1", macro_f1),
    "kappa": Score("κ", kappa, lowest=-1.0, scale=1.0, digits=2),
    **{f"recall_{stage}": Score(f"Recall {stage}", _recall_of(code)) for code, stage in enumerate(STAGES)},
}
"""The columns of a results table, by the name that stands in the column `metric` of summaries and comparisons."""


def confusion(stage: np.ndarray, predicted: np.ndarray, participant: np.ndarray) -> np.ndarray:
    """Mean of the participants' normalised confusion matrices over scored clips.

    Parameters
    ----------
    stage, predicted : ndarray [N] int
        Codes; clips whose stage is not scored are left out.
    participant : ndarray [N]
        Whose clip each is.

    Returns
    -------
    ndarray [5, 5] float
        Rows the truth; sum 1, or zero where nothing is scored.
    """
    scored = stage != NOT_SCORED
    people, place = np.unique(participant[scored], return_inverse=True)
    matrices = np.zeros((len(people), N, N))
    np.add.at(matrices, (place, stage[scored], predicted[scored]), 1)
    return (matrices / matrices.sum(axis=(-2, -1), keepdims=True)).sum(axis=0) / max(len(people), 1)
