"""Ranges that hold a night's scored statistic with a stated chance: conformal, on the statistic itself.

What a model says of a statistic is corrected by a straight line, fitted on nights of other people whose scoring is
known (*calibration nights*, one a person), and the range is made of their errors: jackknife+ (Barber et al. 2021,
doi:10.1214/20-AOS1965), each error measured by the line of all other nights. Ranks are those of split conformal
prediction (Lei et al. 2018, doi:10.1080/01621459.2017.1307116), with an equal share of the risk at either end, for
errors need not be symmetric. A model that knows nothing of a statistic gets a line without slope, and with it the range
of the scored values themselves.

It holds for a new person of the same kind: exchangeable with the calibration nights.
"""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from sacd.analysis.sleep_statistics import STATISTICS

LEVEL = 0.9
FEWEST = 19
"""Calibration nights below which there is no range of 90 %: the ends would lie beyond the largest errors."""
ENOUGH = 99
"""From here on a new draw of calibration nights moves the coverage by about 3 points; fewer are said."""


def _ranks(count: int, level: float) -> tuple[int, int] | None:
    """Ranks, from 1, of the ends among `count` values; None where they lie beyond."""
    risk = (1 - level) / 2 * (count + 1)
    # Sums like 20 × 0.05 are whole numbers that floating point misses.
    low, high = floor(risk + 1e-9), ceil(count + 1 - risk - 1e-9)
    return (low, high) if low >= 1 else None


def _ends(values: np.ndarray, level: float) -> tuple[float, float]:
    ranks = _ranks(len(values), level)
    if ranks is None:
        return np.nan, np.nan
    ordered = np.sort(values)
    return float(ordered[ranks[0] - 1]), float(ordered[ranks[1] - 1])


def jackknife(predicted: np.ndarray, scored: np.ndarray, at: float, level: float = LEVEL) -> tuple[float, float]:
    """The range of the scored value of a night of which `at` is predicted.

    Parameters
    ----------
    predicted, scored : ndarray [n] float
        Of the calibration nights.
    at : float
    level : float

    Returns
    -------
    low, high : float
        NaN below `FEWEST` nights.
    """
    count = len(predicted)
    if _ranks(count, level) is None or not np.isfinite(at):
        return np.nan, np.nan
    # The line of all nights but one, for each one at once: sums without its own part.
    others = count - 1
    mean_x, mean_y = ((part.sum() - part) / others for part in (predicted, scored))
    along = (predicted**2).sum() - predicted**2 - others * mean_x**2
    across = (predicted * scored).sum() - predicted * scored - others * mean_x * mean_y
    flat = along <= 1e-9 * others * np.maximum(mean_x**2, 1)
    slope = np.divide(across, along, out=np.zeros(count), where=~flat)
    error = scored - mean_y - slope * (predicted - mean_x)
    return _ends(mean_y + slope * (at - mean_x) + error, level)


def no_information(scored: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """The range that one gets without any recording: that of other people's scored values, ndarray [n]."""
    return _ends(scored[np.isfinite(scored)], level)


def interval(pairs: pd.DataFrame, statistic: str, at: float, level: float = LEVEL) -> dict[str, float | int]:
    """The range of one statistic of a night, and the calibration nights behind it.

    Parameters
    ----------
    pairs : DataFrame
        Of `sacd.analysis.sleep_statistics.paired_statistics`.
    statistic : str
    at : float
        What is predicted of the night; NaN where undefined.
    level : float

    Returns
    -------
    dict
        `low`, `high` (NaN without a range); `nights`, those with both values; `absent`, those that have it as predicted
        but not as scored, and `missed`, the other way round.
    """
    part = pairs[pairs["statistic"] == statistic]
    predicted, scored = part["predicted"].to_numpy(), part["scored"].to_numpy()
    said, true = np.isfinite(predicted), np.isfinite(scored)
    both = said & true
    low, high = jackknife(predicted[both], scored[both], at, level)
    counts = {"nights": both, "absent": said & ~true, "missed": ~said & true}
    most = STATISTICS[statistic].most
    return {"low": max(low, 0.0), "high": min(high, most), **{name: int(which.sum()) for name, which in counts.items()}}


def leave_one_out(pairs: pd.DataFrame, fresh: pd.DataFrame | None = None, level: float = LEVEL) -> pd.DataFrame:
    """The range of every night from the others', or of fresh nights from all of them.

    Parameters
    ----------
    pairs : DataFrame
        Of `sacd.analysis.sleep_statistics.paired_statistics`: the calibration nights.
    fresh : DataFrame, optional
        Of people who are not among them.
    level : float

    Returns
    -------
    DataFrame
        The rows of the nights shown that are defined both ways, with `low`, `high`, `nights` and `covered` (None
        without a range).
    """
    rows = []
    for night in (pairs if fresh is None else fresh).dropna(subset=["predicted", "scored"]).to_dict("records"):
        others = pairs if fresh is not None else pairs[pairs["participant_id"] != night["participant_id"]]
        found = interval(others, night["statistic"], night["predicted"], level)
        known = np.isfinite(found["high"])
        covered = bool(found["low"] <= night["scored"] <= found["high"]) if known else None
        rows.append(night | {name: found[name] for name in ("low", "high", "nights")} | {"covered": covered})
    columns = [*pairs.columns, "low", "high", "nights", "covered"]
    return pd.DataFrame(rows, columns=columns)


def coverage(ranges: pd.DataFrame, by: Sequence[str] = ("statistic",)) -> pd.DataFrame:
    """How many ranges hold what was scored.

    Parameters
    ----------
    ranges : DataFrame
        Of `leave_one_out`, with the columns of `by`.
    by : sequence of str

    Returns
    -------
    DataFrame
        `by`, `fresh` (nights), `covered` (share), its 95 % Clopper–Pearson ends `low` and `high`, and `width`, the
        median one.
    """
    known = ranges[ranges["covered"].notna()]
    known = known.assign(width=known["high"] - known["low"], covered=known["covered"].astype(bool))
    rows = []
    for key, part in known.groupby(list(by), sort=False):
        hits, total = int(part["covered"].sum()), len(part)
        ends = binomtest(hits, total).proportion_ci(0.95, method="exact")
        rows.append((*key, total, hits / total, ends.low, ends.high, float(part["width"].median())))
    return pd.DataFrame(rows, columns=[*by, "fresh", "covered", "low", "high", "width"])
