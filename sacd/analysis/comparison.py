"""Paired comparison of methods over participants: difference, interval, exact sign-flip test, Holm's correction.

Seeds are averaged within a participant first, so that they do not pass for more participants. For macro-F1 and κ the
difference is the mean of the participants' own values, which is not the difference of two rows of a table.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import permutation_test

from sacd.analysis.metrics import METRICS, confusion_cells, interval, metrics, resampling_weights
from sacd.exceptions import SacdError


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of p-values (Holm 1979, Scand. J. Statist. 6, 65–70).

    Parameters
    ----------
    p : ndarray [n]
        NaN is left out of the family and stays NaN.

    Returns
    -------
    ndarray [n]
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return adjusted


def smallest_p(n: int, draws: int) -> float:
    """Smallest two-sided p that a sign-flip test of `n` pairs can give with at most `draws` resamples."""
    return 2 / 2**n if 2**n <= draws else 2 / (draws + 1)


def sign_flip_p(differences: np.ndarray, draws: int = 9999, seed: int = 0) -> float:
    """Two-sided p of the mean of paired differences under sign flips, exact where 2ⁿ ≤ `draws`.

    Parameters
    ----------
    differences : ndarray [n]
        One number a participant.
    draws : int
        Resamples where the exact test would need more.
    seed : int
        Of the resampling.
    """
    if len(differences) < 2 or not np.any(differences):
        return 1.0
    result = permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=draws,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(result.pvalue)


def participant_metric(
    predictions: pd.DataFrame, metric: str = "accuracy", by: Sequence[str] = ("method",)
) -> pd.DataFrame:
    """A metric of each participant's own confusion matrix, averaged over seeds.

    Returns
    -------
    DataFrame
        Columns `by`, `participant_id`, `metric`'s name (fraction; NaN where undefined, e.g. a stage that is absent).
    """
    cells = confusion_cells(predictions, by)
    values = _seed_mean(metrics(cells.matrices)[_known(metric)])
    frames = [
        pd.DataFrame({**group, "participant_id": cells.participants, metric: values[index]})
        for index, group in enumerate(cells.groups.to_dict("records"))
    ]
    return pd.concat(frames, ignore_index=True)


def compare(
    predictions: pd.DataFrame,
    reference: str = "CE",
    metric: str = "accuracy",
    by: str = "method",
    within: Sequence[str] = (),
    draws: int = 9999,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Each method against a reference, paired by participant and seed.

    Parameters
    ----------
    predictions : DataFrame
        See `sacd.analysis.metrics.confusion_cells`.
    reference : str
        Value of `by` that the others are compared with.
    metric : str
        One of `sacd.analysis.metrics.METRICS`.
    by : str
        Column of the methods.
    within : sequence of str
        Columns (e.g. protocol) within whose values the comparison is made.
    draws : int
        Bootstrap draws, and resamples of the test where it is not exact.
    level : float
        Coverage of the interval.
    seed : int
        Of both.

    Returns
    -------
    DataFrame
        Columns `within`, `by`, `reference`, `metric`, `difference`, `low`, `high` (mean paired difference and bootstrap
        interval over participants × seeds, fractions), `dz` (Cohen's, mean / SD of differences), `positive` (share of
        participants above 0), `p` (sign-flip), `p_holm` (over every row of the returned table, `family` in number),
        `smallest_p`, `participants`, `seeds`.

    Raises
    ------
    SacdError
        Where the reference is missing, or shares no seed and participant with a method.
    """
    cells = confusion_cells(predictions, [*within, by])
    values = metrics(cells.matrices)[_known(metric)]
    keys = cells.groups[list(within)].astype(str).agg("|".join, axis=1) if within else pd.Series("", cells.groups.index)
    rows = []
    for key, members in cells.groups.groupby(keys, sort=False):
        origin = members.index[members[by] == reference]
        if len(origin) != 1:
            where = f" in {key}" if key else ""
            raise SacdError(f"predictions: no {by} {reference!r}{where}; found {', '.join(map(str, members[by]))}")
        for index in members.index.drop(origin):
            paired = values[index] - values[origin[0]]
            known = ~np.isnan(paired)
            if not known.any():
                name = cells.groups.loc[index, by]
                raise SacdError(
                    f"predictions: {name} and {reference} share no seed and participant; run the same seeds"
                )
            group = {name: cells.groups.loc[index, name] for name in (*within, by)}
            names = {"reference": reference, "metric": metric}
            pairs = paired[known.any(axis=1)][:, known.any(axis=0)]
            rows.append(group | names | _paired(pairs, draws, level, seed))
    if not rows:
        raise SacdError(f"predictions: nothing to compare with {by} {reference!r}; add another {by}")
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("p") + 1, "p_holm", holm(table["p"].to_numpy()))
    return table.assign(family=len(table))


def _known(metric: str) -> str:
    if metric not in METRICS:
        raise SacdError(f"metric {metric!r} is unknown; use one of {', '.join(METRICS)}")
    return metric


def _seed_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the second last axis (seeds) of the values that are defined: [..., seeds, participants]."""
    known = ~np.isnan(values)
    count = known.sum(axis=-2)
    total = np.where(known, values, 0).sum(axis=-2)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _paired(differences: np.ndarray, draws: int, level: float, seed: int) -> dict[str, float]:
    """Statistics of paired differences [seeds, participants]."""
    each = _seed_mean(differences)
    seeds, n = differences.shape
    rng = np.random.default_rng(seed)
    over_participants, over_seeds = resampling_weights(n, draws, rng), resampling_weights(seeds, draws, rng)
    known = ~np.isnan(differences)
    filled = np.where(known, differences, 0)
    weight = ((over_seeds @ known) * over_participants).sum(axis=1)
    total = ((over_seeds @ filled) * over_participants).sum(axis=1)
    draw = np.divide(total, weight, out=np.full(draws, np.nan), where=weight > 0)
    low, high = interval(draw, level)
    spread = each.std(ddof=1) if n > 1 else 0.0
    return {
        "difference": float(each.mean()),
        "low": low,
        "high": high,
        "dz": float(each.mean() / spread) if spread > 0 else np.nan,
        "positive": float((each > 0).mean()),
        "p": sign_flip_p(each, draws, seed),
        "smallest_p": smallest_p(n, draws),
        "participants": n,
        "seeds": seeds,
    }
