"""Scores of confusion matrices: accuracy, macro-F1, κ, recalls …; one definition for training, analysis and figures.

`SCORES` is the list of them: columns of every results table or, as details, of a second one.

A participant's confusion matrix is normalised to sum 1 and matrices are averaged over participants, so that everybody
weighs the same. All scores ignore a matrix's scale: a sum of normalised matrices serves as well as their mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sacd.stages import NOT_SCORED, STAGES

N = len(STAGES)
FOUR, THREE = (0, 1, 1, 2, 3), (0, 1, 1, 1, 2)
"""Class of each stage where N1 and N2 are one (light sleep), and where N3 is too (W, NREM, REM)."""
MINUTES = 480
"""A night of 8 h, in which biases are told."""


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


def precision(matrix: np.ndarray) -> np.ndarray:
    """Precision of each class, NaN where it is never said. `matrix` [..., C, C]; returns [..., C]."""
    return _divide(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-2))


def bias(matrix: np.ndarray) -> np.ndarray:
    """Share of the time that is said to be of each class, minus its true share. `matrix` [..., C, C]; [..., C]."""
    return _divide(matrix.sum(axis=-2) - matrix.sum(axis=-1), matrix.sum(axis=(-2, -1))[..., None])


def balanced_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Mean recall of the classes that occur. `matrix` [..., C, C]; returns [...]."""
    recalls = recall(matrix)
    present = ~np.isnan(recalls)
    return _divide(np.where(present, recalls, 0).sum(axis=-1), present.sum(axis=-1))


def merged(matrix: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Confusion of coarser classes, `classes` the new one of each old; `matrix` [..., C, C] gives [..., K, K]."""
    member = np.eye(max(classes) + 1)[list(classes)]
    return member.T @ matrix @ member


def _one(of: Callable[[np.ndarray], np.ndarray], code: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda matrix: of(matrix)[..., code]


def _coarse(of: Callable[[np.ndarray], np.ndarray], classes: Sequence[int]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda matrix: of(merged(matrix, classes))


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
    unit : str
        Of what is no share.
    detail : bool
        Whether it stands in the table of details, and not in every results table.
    """

    title: str
    of: Callable[[np.ndarray], np.ndarray]
    lowest: float = 0.0
    scale: float = 100.0
    digits: int = 1
    unit: str = ""
    detail: bool = False

    @property
    def is_share(self) -> bool:
        """Whether it is written in percent, and its differences in points."""
        return self.scale == 100

    @property
    def heading(self) -> str:
        """Title with its unit, of a column."""
        unit = "%" if self.is_share else self.unit
        return f"{self.title}, {unit}" if unit else self.title

    @property
    def difference_unit(self) -> str:
        """Of a difference, after a space; empty for a plain number."""
        unit = "points" if self.is_share else self.unit
        return f" {unit}" if unit else ""

    def written(self, value: float, sign: str = "") -> str:
        """A value as tables show it; `sign` "+" for differences."""
        return f"{self.scale * value:{sign}.{self.digits}f}".replace("-", "−")


def _kappa(title: str, of: Callable[[np.ndarray], np.ndarray], detail: bool = False) -> Score:
    return Score(title, of, lowest=-1.0, scale=1.0, digits=2, detail=detail)


def _bias(stage: str, code: int) -> Score:
    return Score(f"Bias {stage}", _one(bias, code), -1.0, MINUTES, digits=0, unit="min in 8 h", detail=True)


SCORES: dict[str, Score] = {
    "accuracy": Score("Accuracy", accuracy),
    "macro_f1": Score("Macro-F1", macro_f1),
    "kappa": _kappa("κ", kappa),
    **{f"recall_{stage}": Score(f"Recall {stage}", _one(recall, code)) for code, stage in enumerate(STAGES)},
    "balanced_accuracy": Score("Balanced accuracy", balanced_accuracy, detail=True),
    **{
        f"precision_{stage}": Score(f"Precision {stage}", _one(precision, code), detail=True)
        for code, stage in enumerate(STAGES)
    },
    **{f"bias_{stage}": _bias(stage, code) for code, stage in enumerate(STAGES)},
    "accuracy_4": Score("Accuracy, 4 classes", _coarse(accuracy, FOUR), detail=True),
    "kappa_4": _kappa("κ, 4 classes", _coarse(kappa, FOUR), detail=True),
    "balanced_accuracy_3": Score("Balanced accuracy, 3 classes", _coarse(balanced_accuracy, THREE), detail=True),
    "kappa_3": _kappa("κ, 3 classes", _coarse(kappa, THREE), detail=True),
}
"""By the name that stands in the column `metric` of summaries and comparisons."""


def score_names(detail: bool = False) -> tuple[str, ...]:
    """Scores that are columns of every results table, or of the table of details."""
    return tuple(name for name, score in SCORES.items() if score.detail == detail)


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
