"""Top-1 accuracy of methods, and paired differences: over clips, seeds averaged, units and seeds resampled."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sacd.analysis.comparison import holm, sign_flip_p, smallest_p
from sacd.analysis.metrics import interval, resampling_weights
from sacd.exceptions import SacdError


@dataclass(frozen=True)
class Hits:
    """Right answers [methods, seeds, units], clips of each unit [units], and the methods' titles."""

    methods: list[str]
    hits: np.ndarray
    clips: np.ndarray

    @property
    def top1(self) -> np.ndarray:
        """Share of all clips, [methods, seeds]."""
        return self.hits.sum(axis=2) / self.clips.sum()

    def resampled(self, draws: int, seed: int) -> np.ndarray:
        """Bootstrapped share of clips [draws, methods]: units and seeds with replacement, the same for all methods."""
        rng = np.random.default_rng(seed)
        units = resampling_weights(len(self.clips), draws, rng)
        seeds = resampling_weights(self.hits.shape[1], draws, rng)
        share = np.einsum("bu,msu->bms", units, self.hits, optimize=True) / (units @ self.clips)[:, None, None]
        return np.einsum("bs,bms->bm", seeds, share)


def count_hits(predictions: pd.DataFrame) -> Hits:
    """Count the right answers.

    Parameters
    ----------
    predictions : DataFrame
        Columns method, seed, unit, label, predicted, as `sacd.audiovideo.training.train_all` gives them.

    Raises
    ------
    SacdError
        Methods or seeds that were not asked the same clips.
    """
    right = predictions.assign(right=predictions.label == predictions.predicted)
    cells = right.groupby(["method", "seed", "unit"], sort=False).right.agg(["sum", "size"]).unstack("unit")
    methods, seeds = (cells.index.unique(level) for level in ("method", "seed"))
    sizes = cells["size"].to_numpy(dtype=float)
    if len(cells) != len(methods) * len(seeds) or not (sizes == sizes[0]).all():
        raise SacdError("predictions: methods or seeds differ in their test clips; train all of them on one benchmark")
    order = pd.MultiIndex.from_product([methods, seeds])
    hits = cells["sum"].loc[order].to_numpy(dtype=float).reshape(len(methods), len(seeds), -1)
    return Hits(list(methods), hits, sizes[0])


def top1(predictions: pd.DataFrame, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Accuracy of each method.

    Returns
    -------
    DataFrame
        `method`, `mean` and `sd` over seeds (fractions; NaN for one seed), `low`, `high` (95 % interval over units and
        seeds), `clips`, `units`, `seeds`.
    """
    counted = count_hits(predictions)
    drawn = counted.resampled(draws, seed)
    seeds = counted.hits.shape[1]
    rows = []
    for index, method in enumerate(counted.methods):
        values = counted.top1[index]
        low, high = interval(drawn[:, index], 0.95)
        spread = values.std(ddof=1) if seeds > 1 else np.nan
        rows.append({"method": method, "mean": values.mean(), "sd": spread, "low": low, "high": high})
    return pd.DataFrame(rows).assign(clips=int(counted.clips.sum()), units=len(counted.clips), seeds=seeds)


def differences(predictions: pd.DataFrame, reference: str = "CE", draws: int = 9999, seed: int = 0) -> pd.DataFrame:
    """Each method against a reference, paired by clip and seed.

    Returns
    -------
    DataFrame
        `method`, `difference` (mean, fraction), `low`, `high` (95 %, over units and seeds), `p` (sign flips of the
        units' differences, seeds averaged first), `p_holm` (over the rows), `smallest_p` (that so many units allow).

    Raises
    ------
    SacdError
        The reference is missing.
    """
    counted = count_hits(predictions)
    if reference not in counted.methods:
        raise SacdError(f"predictions: no method {reference!r}; found {', '.join(counted.methods)}")
    origin = counted.methods.index(reference)
    drawn = counted.resampled(draws, seed)
    rows = []
    for index, method in enumerate(counted.methods):
        if index == origin:
            continue
        units = (counted.hits[index] - counted.hits[origin]).mean(axis=0)
        low, high = interval(drawn[:, index] - drawn[:, origin], 0.95)
        rows.append({"method": method, "difference": units.sum() / counted.clips.sum(), "low": low, "high": high,
                     "p": sign_flip_p(units, draws, seed)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p"].to_numpy()), smallest_p=smallest_p(len(counted.clips), draws))
