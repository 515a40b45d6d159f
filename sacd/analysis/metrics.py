"""Metrics in which every participant weighs the same, vectorised over seeds and bootstrap draws.

A participant's confusion matrix is normalised to sum 1 and matrices are averaged over participants; accuracy, macro-F1
(paper eq. 14 and 15), Cohen's κ (eq. 16, doi:10.1177/001316446002000104) and recalls are computed from that mean.
All metrics ignore the matrix's scale, so a sum of normalised matrices serves as well as their mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sacd.exceptions import SacdError
from sacd.stages import NOT_SCORED, STAGES

METRICS: tuple[str, ...] = ("accuracy", "macro_f1", "kappa", *(f"recall_{stage}" for stage in STAGES))
METRIC_TITLES: dict[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "kappa": "κ",
    **{f"recall_{stage}": f"Recall {stage}" for stage in STAGES},
}
REQUIRED: tuple[str, ...] = ("participant_id", "recording_id", "clip", "stage", "predicted")
N = len(STAGES)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element-wise ratio, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Share of the diagonal (eq. 14). `matrix` [..., C, C], rows the truth; returns [...]."""
    return _divide(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def macro_f1(matrix: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur in truth or prediction (eq. 15). `matrix` [..., C, C]; returns [...]."""
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    f1 = _divide(2 * hits, matrix.sum(axis=-1) + matrix.sum(axis=-2))
    present = ~np.isnan(f1)
    return _divide(np.where(present, f1, 0).sum(axis=-1), present.sum(axis=-1))


def kappa(matrix: np.ndarray) -> np.ndarray:
    """Cohen's κ (eq. 16), NaN where chance agreement is 1. `matrix` [..., C, C]; returns [...]."""
    total = matrix.sum(axis=(-2, -1))
    chance = _divide((matrix.sum(axis=-1) * matrix.sum(axis=-2)).sum(axis=-1), total**2)
    return _divide(accuracy(matrix) - chance, np.where(np.isclose(chance, 1), 0, 1 - chance))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Recall of each class, NaN where the class does not occur. `matrix` [..., C, C]; returns [..., C]."""
    return _divide(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def metrics(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """All of `METRICS` from confusion matrices.

    Parameters
    ----------
    matrix : ndarray [..., 5, 5]
        Rows the truth, columns the prediction, any scale.

    Returns
    -------
    dict of ndarray [...]
        Fractions (κ in −1 … 1); NaN where undefined.
    """
    recalls = recall(matrix)
    overall = {"accuracy": accuracy(matrix), "macro_f1": macro_f1(matrix), "kappa": kappa(matrix)}
    return overall | {f"recall_{stage}": recalls[..., code] for code, stage in enumerate(STAGES)}


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


def _validated(predictions: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    missing = [name for name in (*REQUIRED, *by) if name not in predictions.columns]
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


def confusion_cells(predictions: pd.DataFrame, by: Sequence[str] = ()) -> Cells:
    """Count predictions into one matrix for each group, seed and participant, each normalised to sum 1.

    Parameters
    ----------
    predictions : DataFrame
        Columns `participant_id`, `recording_id`, `clip`, `stage`, `predicted`, optionally `seed`, and those of `by`.
    by : sequence of str
        What tells the groups apart; missing values are a group of their own.

    Raises
    ------
    SacdError
        Where a column is missing, several splits are mixed, or a clip occurs twice within a group and seed.
    """
    scored = _validated(predictions, by)
    if by:
        groups, first = scored.groupby(list(by), sort=False, dropna=False, observed=True), list(by)
        group, names = groups.ngroup().to_numpy(), scored.drop_duplicates(first)[first].reset_index(drop=True)
    else:
        group, names = np.zeros(len(scored), dtype=int), pd.DataFrame(index=[0])
    participant, participants = pd.factorize(scored["participant_id"], sort=True)
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


def resampling_weights(count: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap weights [draws, count]: how often each unit is drawn, divided by `count` (rows sum to 1)."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws) / count


def interval(values: np.ndarray, level: float) -> tuple[float, float]:
    """Percentile interval over the draws that are defined; NaN where none is."""
    values = values[~np.isnan(values)]
    if not values.size:
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _bootstrap(matrices: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Metrics [draws] of resampled participants and seeds, from matrices [seeds, participants, 5, 5]."""
    seeds, participants = matrices.shape[:2]
    weights = resampling_weights(participants, draws, rng)
    pooled = np.einsum("bp,spij->bsij", weights, matrices, optimize=True)
    over_seeds = resampling_weights(seeds, draws, rng)
    return {
        name: np.where(over_seeds > 0, over_seeds * value, 0).sum(axis=1) for name, value in metrics(pooled).items()
    }


def summarise(
    predictions: pd.DataFrame,
    by: Sequence[str] = ("method",),
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Every metric of every group: mean and standard deviation over seeds, interval over participants × seeds.

    Parameters
    ----------
    predictions : DataFrame
        See `confusion_cells`.
    by : sequence of str
        Columns that tell the groups (rows of a table) apart.
    draws : int
        Bootstrap draws; participants and seeds are both drawn with replacement, the same participants for every seed.
    level : float
        Coverage of the percentile interval.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Columns `by`, `metric`, `mean`, `sd` (over seeds, ddof 1; NaN for one seed), `low`, `high`, `participants`,
        `seeds`, `clips`, `missing` (participant × seed cells without a prediction). Fractions.
    """
    cells = confusion_cells(predictions, by)
    rows = []
    for index, group in enumerate(cells.groups.to_dict("records")):
        filled = cells.matrices[index].sum(axis=(-2, -1)) > 0
        matrices = cells.matrices[index][filled.any(axis=1)][:, filled.any(axis=0)]
        seeds, participants = matrices.shape[:2]
        each_seed = metrics(matrices.sum(axis=1))
        draw = _bootstrap(matrices, draws, np.random.default_rng(seed))
        counts = {
            "participants": participants,
            "seeds": seeds,
            "clips": int(cells.clips[index]),
            "missing": seeds * participants - int(filled.sum()),
        }
        for name in METRICS:
            values = each_seed[name]
            low, high = interval(draw[name], level)
            spread = float(values.std(ddof=1)) if seeds > 1 else np.nan
            found = {"metric": name, "mean": float(values.mean()), "sd": spread, "low": low, "high": high}
            rows.append(group | found | counts)
    return pd.DataFrame(rows)
