"""Paired comparison of methods: difference, interval and p for new participants and seeds, Holm's correction.

What is compared is the mean over participants (and seeds) of each participant's own value. For accuracy that is the
difference of two rows of a table; for macro-F1, κ and recalls it is not, for there a row's value is that of the mean
matrix.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sacd.analysis.inference import components, estimate, standing
from sacd.analysis.summary import confusion_cells
from sacd.exceptions import SacdError
from sacd.metrics import SCORES, Score

COLUMNS = (
    "reference", "metric", "difference", "low", "high", "positive", "p", "p_holm", "standing", "participants", "seeds",
    "missing", "sd_seeds", "sd_participants", "sd_rest", "detectable", "family",
)  # fmt: skip
"""Of a comparison, after what names its rows."""


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


def compare(
    predictions: pd.DataFrame,
    reference: str = "CE",
    metrics: Sequence[str] = ("accuracy",),
    by: str = "method",
    within: Sequence[str] = (),
    unit: str = "participant_id",
    threshold: float = 0.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Each method against a reference, paired by participant and seed; both are random (`sacd.analysis.inference`).

    Parameters
    ----------
    predictions : DataFrame
        See `sacd.analysis.summary.confusion_cells`.
    reference : str
        Value of `by` that the others are compared with.
    metrics : sequence of str
        Of `sacd.metrics.SCORES`.
    by : str
        Column of the methods.
    within : sequence of str
        Columns (e.g. protocol) within whose values the comparison is made.
    unit : str
        Column of what takes the participants' part, where it is not they who are drawn at random.
    threshold : float
        The difference that p is against, a fraction.
    level : float
        Coverage of the interval.

    Returns
    -------
    DataFrame
        Columns `within`, `by`, `reference`, `metric`, `difference`, `low`, `high` (mean paired difference and its
        interval, fractions), `positive` (share of participants above 0), `p`, `p_holm` (over all rows of the table that
        have a p, `family` in number), `standing` (*claim*, *descriptive* or *too few*), `participants`, `seeds`,
        `missing` (participant × seed cells without a difference), and those of `sacd.analysis.inference.components`.
        `low`, `high` and `p` are NaN below three seeds or two participants.

    Raises
    ------
    SacdError
        Where the reference is missing, or shares no seed and participant with a method.
    """
    cells = confusion_cells(predictions, [*within, by], unit)
    keys = cells.groups[list(within)].astype(str).agg("|".join, axis=1) if within else pd.Series("", cells.groups.index)
    rows = []
    for metric in metrics:
        values = _score(metric).of(cells.matrices)
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
                rows.append(group | names | paired_statistics(pairs, threshold, level))
    if not rows:
        raise SacdError(f"predictions: nothing to compare with {by} {reference!r}; add another {by}")
    return corrected(pd.DataFrame(rows))


def compare_present(
    predictions: pd.DataFrame,
    reference: str = "CE",
    metrics: Sequence[str] = ("accuracy",),
    by: str = "method",
    within: Sequence[str] = (),
) -> pd.DataFrame:
    """`compare` wherever the reference stands beside another method: a profile may leave either out.

    Parameters
    ----------
    predictions, reference, metrics, by, within
        As for `compare`.

    Returns
    -------
    DataFrame
        As of `compare`; with its columns and no row where nothing is compared.
    """
    known = predictions[[*within, by]].drop_duplicates().astype(object)
    groups = known.groupby(list(within), sort=False)[by] if within else known.assign(all=0).groupby("all")[by]
    able = groups.transform(lambda names: (names == reference).any() and len(names) > 1).astype(bool)
    if not able.any():
        return pd.DataFrame(columns=[*within, by, *COLUMNS])
    # Most often all of them: nights of a hundred runs are not copied for nothing.
    shown = predictions if able.all() else predictions.merge(known[able], on=[*within, by])
    return compare(shown, reference, metrics, by, within)


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """A table with `p_holm` beside `p`, and `family`, the number of its rows that have a p."""
    table = table.assign(family=int(table["p"].notna().sum()))
    table.insert(table.columns.get_loc("p") + 1, "p_holm", holm(table["p"].to_numpy(dtype=float)))
    return table


def _score(metric: str) -> Score:
    if metric not in SCORES:
        raise SacdError(f"metric {metric!r} is unknown; use one of {', '.join(SCORES)}")
    return SCORES[metric]


def paired_statistics(
    differences: np.ndarray, threshold: float = 0.0, level: float = 0.95
) -> dict[str, float | int | str]:
    """What `compare` says of paired differences [seeds, participants], NaN where there is none."""
    found = estimate(differences)
    low, high = found.interval(level)
    seeds, participants = differences.shape
    return {
        "difference": float(found.mean),
        "low": float(low),
        "high": float(high),
        "positive": float((np.nanmean(differences, axis=0) > 0).mean()),
        "p": float(found.p(threshold)),
        "standing": standing(seeds, participants),
        "participants": participants,
        "seeds": seeds,
        "missing": int(np.isnan(differences).sum()),
    } | components(differences)
