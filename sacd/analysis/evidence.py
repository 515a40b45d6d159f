"""What a piece of evidence comes to on a cohort's predictions: a figure, its interval, and p against its threshold."""

import numpy as np
import pandas as pd

from sacd.analysis.comparison import compare, participant_metric, sign_flip_p
from sacd.analysis.metrics import confusion_cells, interval, kappa, metrics, recall, resampling_weights
from sacd.exceptions import SacdError
from sacd.paper.evidence import Evidence
from sacd.stages import STAGES

DEPTH = [STAGES.index(stage) for stage in ("W", "N1", "N2", "N3")]
"""Stages that have neighbours."""


def weigh(
    evidence: Evidence, systems: dict[str, pd.DataFrame], draws: int, level: float, seed: int
) -> dict[str, float] | None:
    """Measure one piece of evidence.

    Parameters
    ----------
    evidence : Evidence
    systems : dict of str to DataFrame
        The predictions of each system in one setting.
    draws, level, seed
        Of the bootstrap, and of the sign-flip test where it is not exact.

    Returns
    -------
    dict or None
        `figure`, `low`, `high` (fractions), `p` (against the threshold: sign flips of paired differences, else the
        bootstrap's), `smallest_p`, `participants`, `seeds`; None where a system is absent, no seed and participant is
        shared, or the stage asked for never occurs.
    """
    names = [name for name in (evidence.system, evidence.reference) if name]
    if not set(names) <= set(systems):
        return None
    if evidence.statistic == "difference":
        found = _paired(evidence, pd.concat([systems[name] for name in names]), draws, level, seed)
    else:
        found = _within(evidence, systems[evidence.system], draws, level, seed)
    return found if found is not None and np.isfinite(found["figure"]) else None


def _paired(evidence: Evidence, pair: pd.DataFrame, draws: int, level: float, seed: int) -> dict[str, float] | None:
    """A paired difference; None where the two share no seed and participant."""
    try:
        row = compare(pair, evidence.reference, evidence.metric, "system", draws=draws, level=level, seed=seed)
    except SacdError:
        return None
    found = row.iloc[0][["low", "high", "p", "smallest_p", "participants", "seeds"]].to_dict()
    found["figure"] = row["difference"].iloc[0]
    if evidence.threshold:
        found["p"] = sign_flip_p(_differences(pair, evidence) - evidence.threshold, draws, seed)
    return found


def _differences(pair: pd.DataFrame, evidence: Evidence) -> np.ndarray:
    """Paired differences of a metric, one a participant who has both."""
    shared = set.intersection(*(set(part["seed"]) for _, part in pair.groupby("system")))
    each = participant_metric(pair[pair["seed"].isin(shared)], evidence.metric, by=["system"])
    wide = each.pivot(index="participant_id", columns="system", values=evidence.metric).dropna()
    return (wide[evidence.system] - wide[evidence.reference]).to_numpy()


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
        return kappa(matrix) if evidence.metric == "kappa" else metrics(matrix)[evidence.metric]
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


def _within(evidence: Evidence, predictions: pd.DataFrame, draws: int, level: float, seed: int) -> dict[str, float]:
    """A statistic of one system's mean matrix, mean over seeds, with its bootstrap over participants × seeds."""
    matrices = confusion_cells(predictions).matrices[0]
    matrices = matrices[:, matrices.sum(axis=(0, -2, -1)) > 0]
    seeds, participants = matrices.shape[:2]
    rng = np.random.default_rng(seed)
    over_participants, over_seeds = resampling_weights(participants, draws, rng), resampling_weights(seeds, draws, rng)
    drawn = statistic(evidence, np.einsum("bp,spij->bsij", over_participants, matrices, optimize=True))
    draw = np.where(over_seeds > 0, over_seeds * drawn, 0).sum(axis=1)
    low, high = interval(draw, level)
    known = draw[~np.isnan(draw)]
    below, above = (known <= evidence.threshold).sum(), (known >= evidence.threshold).sum()
    return {
        "figure": float(statistic(evidence, matrices.sum(axis=1)).mean()),
        "low": low,
        "high": high,
        "p": float(min(1.0, 2 * (1 + min(below, above)) / (1 + len(known)))),
        "smallest_p": 2 / (1 + draws),
        "participants": participants,
        "seeds": seeds,
    }
