"""What a piece of evidence comes to on a cohort's predictions: a figure, its interval, and p against its threshold."""

from dataclasses import replace

import numpy as np
import pandas as pd

from sacd.analysis.comparison import compare
from sacd.analysis.inference import components, estimate, pseudo_values, standing
from sacd.analysis.summary import confusion_cells
from sacd.exceptions import SacdError
from sacd.metrics import SCORES, recall
from sacd.paper.claim_type import Evidence
from sacd.stages import STAGES

DEPTH = [STAGES.index(stage) for stage in ("W", "N1", "N2", "N3")]
"""Stages that have neighbours."""
FIGURES = (
    "figure", "low", "high", "p", "standing", "participants", "seeds",
    "sd_seeds", "sd_participants", "sd_rest", "detectable",
)  # fmt: skip


def weigh(evidence: Evidence, systems: dict[str, pd.DataFrame], level: float) -> dict[str, float | int | str] | None:
    """Measure one piece of evidence.

    Parameters
    ----------
    evidence : Evidence
    systems : dict of str to DataFrame
        The predictions of each system in one setting.
    level : float
        Coverage of the interval.

    Returns
    -------
    dict or None
        `FIGURES`: `figure` and its interval `low`, `high` (fractions), `p` against the threshold, `standing`,
        `participants`, `seeds`, and the variance components; None where a system is absent, no seed and participant is
        shared, or the stage asked for never occurs.
    """
    names = [name for name in (evidence.system, evidence.reference) if name]
    if not set(names) <= set(systems):
        return None
    if evidence.statistic == "difference":
        found = _paired(evidence, pd.concat([systems[name] for name in names]), level)
    else:
        found = _within(evidence, systems[evidence.system], level)
    return found if found is not None and np.isfinite(found["figure"]) else None


def _paired(evidence: Evidence, pair: pd.DataFrame, level: float) -> dict[str, float | int | str] | None:
    """A paired difference; None where the two share no seed and participant."""
    metric, threshold = (evidence.metric,), evidence.threshold
    try:
        table = compare(pair, evidence.reference, metric, by="system", threshold=threshold, level=level)
    except SacdError:
        return None
    found = table.rename(columns={"difference": "figure"}).iloc[0]
    return {name: found[name] for name in FIGURES}


def statistic(evidence: Evidence, matrix: np.ndarray) -> np.ndarray:
    """A statistic of one system.

    Parameters
    ----------
    evidence : Evidence
        Of any statistic but *difference*.
    matrix : ndarray [..., 5, 5]
        Rows the truth, any scale.

    Returns
    -------
    ndarray [...]
        NaN where the stage does not occur.
    """
    if evidence.statistic == "value":
        return SCORES[evidence.metric].of(matrix)
    if evidence.statistic == "lowest recall":
        code = STAGES.index(evidence.stage)
        recalls = recall(matrix)
        others = np.delete(recalls, code, axis=-1)
        return np.where(np.isnan(others), np.inf, others).min(axis=-1) - recalls[..., code]
    total = matrix.sum(axis=-1, keepdims=True)
    shares = np.divide(matrix, total, out=np.full(matrix.shape, np.nan), where=total > 0)
    if evidence.statistic == "common error":
        code, other = STAGES.index(evidence.stage), STAGES.index(evidence.other)
        return shares[..., code, other] - np.delete(shares[..., code, :], [code, other], axis=-1).max(axis=-1)
    distance = np.abs(np.subtract.outer(range(len(DEPTH)), range(len(DEPTH))))
    among = shares[..., DEPTH, :][..., DEPTH]
    return among[..., distance == 1].mean(axis=-1) - among[..., distance > 1].mean(axis=-1)


def _within(evidence: Evidence, predictions: pd.DataFrame, level: float) -> dict[str, float | int | str]:
    """A statistic of one system's mean matrix, mean over seeds; its interval from the participants' pseudo-values."""
    matrices = confusion_cells(predictions).matrices[0]
    matrices = matrices[:, matrices.sum(axis=(0, -2, -1)) > 0]
    seeds, participants = matrices.shape[:2]
    each = pseudo_values(matrices, lambda matrix: statistic(evidence, matrix))
    figure = float(statistic(evidence, matrices.sum(axis=1)).mean())
    around = replace(estimate(each), mean=np.asarray(figure))
    low, high = around.interval(level)
    found = {"figure": figure, "low": float(low), "high": float(high), "p": float(around.p(evidence.threshold))}
    sizes = {"standing": standing(seeds, participants), "participants": participants, "seeds": seeds}
    return found | sizes | components(each)
