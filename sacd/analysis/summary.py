"""Predictions into confusion matrices of every participant and seed, and each score with spread and interval.

Every participant weighs the same (`sacd.metrics`). Intervals take participants and seeds as random
(`sacd.analysis.inference`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sacd.analysis.inference import components, estimate, pseudo_values, standing
from sacd.exceptions import SacdError
from sacd.metrics import SCORES, N
from sacd.stages import NOT_SCORED

REQUIRED: tuple[str, ...] = ("recording_id", "clip", "stage", "predicted")


@dataclass(frozen=True)
class Cells:
    """Confusion matrices of every group, seed and participant.

    Attributes
    ----------
    groups : DataFrame
        One row a group, the columns grouped by, in order of appearance.
    seeds, participants : ndarray
    matrices : ndarray [groups, seeds, participants, 5, 5] float
        Each sums to 1, or is zero where there is no scored prediction.
    clips : ndarray [groups]
        Scored clips of each group, counted once over seeds.
    """

    groups: pd.DataFrame
    seeds: np.ndarray
    participants: np.ndarray
    matrices: np.ndarray
    clips: np.ndarray


def _validated(predictions: pd.DataFrame, by: Sequence[str], unit: str) -> pd.DataFrame:
    missing = [name for name in (unit, *REQUIRED, *by) if name not in predictions.columns]
    if missing:
        raise SacdError(f"predictions: no column {', '.join(missing)}; pass the joined predictions of runs")
    if "split" in predictions.columns and "split" not in by and predictions["split"].nunique() > 1:
        raise SacdError("predictions: several splits in one table; select validation or test first")
    scored = predictions[predictions["stage"] != NOT_SCORED]
    if scored.empty:
        raise SacdError("predictions: no scored clip; metrics need clips whose stage is known")
    codes = scored[["stage", "predicted"]].to_numpy()
    if codes.min() < 0 or codes.max() >= N:
        raise SacdError(f"predictions: stage codes beyond 0 … {N - 1}; check the columns stage and predicted")
    keys = [*by, *(["seed"] if "seed" in scored.columns and "seed" not in by else []), "recording_id", "clip"]
    if scored.duplicated(keys).any():
        raise SacdError(
            f"predictions: a clip occurs twice within {', '.join(keys)}; group by what tells the runs apart"
        )
    return scored


def confusion_cells(predictions: pd.DataFrame, by: Sequence[str] = (), unit: str = "participant_id") -> Cells:
    """Count predictions into one matrix for each group, seed and participant, each normalised to sum 1.

    Parameters
    ----------
    predictions : DataFrame
        Columns `unit`, `recording_id`, `clip`, `stage`, `predicted`, optionally `seed`, and those of `by`.
    by : sequence of str
        What tells the groups apart; missing values are a group of their own.
    unit : str
        Column of the units that weigh the same: participants, or what else is drawn at random (speakers, films).

    Raises
    ------
    SacdError
        Where a column is missing, several splits are mixed, or a clip occurs twice within a group and seed.
    """
    scored = _validated(predictions, by, unit)
    if by:
        groups, first = scored.groupby(list(by), sort=False, dropna=False, observed=True), list(by)
        group, names = groups.ngroup().to_numpy(), scored.drop_duplicates(first)[first].reset_index(drop=True)
    else:
        group, names = np.zeros(len(scored), dtype=int), pd.DataFrame(index=[0])
    participant, participants = pd.factorize(scored[unit], sort=True)
    if "seed" in scored.columns and "seed" not in by:
        seed, seeds = pd.factorize(scored["seed"], sort=True)
    else:
        seed, seeds = np.zeros(len(scored), dtype=int), np.zeros(1, dtype=int)
    shape = (len(names), len(seeds), len(participants), N, N)
    place = np.ravel_multi_index((group, seed, participant, scored["stage"], scored["predicted"]), shape)
    counts = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(float)
    totals = counts.sum(axis=(-2, -1), keepdims=True)
    clips = totals.max(axis=1).sum(axis=(1, 2, 3)).astype(int)
    matrices = np.divide(counts, totals, out=counts, where=totals > 0)
    return Cells(names, np.asarray(seeds), np.asarray(participants), matrices, clips)


def participant_confusions(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Participants and their confusion matrices, averaged over seeds.

    Returns
    -------
    participants : ndarray [P] of str
    matrices : ndarray [P, 5, 5] float
        Rows the truth; each sums to 1.
    """
    cells = confusion_cells(predictions)
    matrices = cells.matrices[0].sum(axis=0)
    return cells.participants, matrices / matrices.sum(axis=(-2, -1), keepdims=True)


def mean_confusion(predictions: pd.DataFrame) -> np.ndarray:
    """Mean confusion matrix over participants of equal weight (and seeds), float [5, 5], sum 1."""
    return participant_confusions(predictions)[1].mean(axis=0)


def summarise(
    predictions: pd.DataFrame, by: Sequence[str] = ("method",), unit: str = "participant_id", level: float = 0.95
) -> pd.DataFrame:
    """Every metric of every group: mean and standard deviation over seeds, interval over participants and seeds.

    The interval is that of `sacd.analysis.inference.estimate` on pseudo-values: for accuracy each participant's own,
    for the others what the participant adds to the metric of the mean matrix. In simulations of 8 to 105 participants
    and three to five seeds it covers the true accuracy, macro-F1 and κ in .94 to .97 of cases.

    Parameters
    ----------
    predictions : DataFrame
        See `confusion_cells`.
    by : sequence of str
        Columns that tell the groups (rows of a table) apart.
    unit : str
        Column of the units that weigh the same and are random.
    level : float
        Coverage of the interval.

    Returns
    -------
    DataFrame
        Columns `by`, `metric`, `mean`, `sd` (over seeds, ddof 1; NaN for one seed), `low`, `high` (NaN below three
        seeds or two participants), `participants`, `seeds`, `standing`, `clips`, `missing` (participant × seed cells
        without a prediction), and those of `sacd.analysis.inference.components`. Fractions.
    """
    cells = confusion_cells(predictions, by, unit)
    rows = []
    for index, group in enumerate(cells.groups.to_dict("records")):
        filled = cells.matrices[index].sum(axis=(-2, -1)) > 0
        matrices = cells.matrices[index][filled.any(axis=1)][:, filled.any(axis=0)]
        seeds, participants = matrices.shape[:2]
        counts = {
            "participants": participants,
            "seeds": seeds,
            "standing": standing(seeds, participants),
            "clips": int(cells.clips[index]),
            "missing": seeds * participants - int(filled.sum()),
        }
        for name, score in SCORES.items():
            values = score.of(matrices.sum(axis=1))
            each = pseudo_values(matrices, score.of)
            around = replace(estimate(each), mean=values.mean())
            low, high = np.clip(around.interval(level), score.lowest, 1)
            spread = float(values.std(ddof=1)) if seeds > 1 else np.nan
            found = {"metric": name, "mean": float(values.mean()), "sd": spread, "low": float(low), "high": float(high)}
            rows.append(group | found | counts | components(each))
    return pd.DataFrame(rows)
