"""Top-1 accuracy of methods over clips, and paired differences; the clips' units and the seeds are random."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sacd.analysis.comparison import corrected, paired_statistics
from sacd.analysis.inference import estimate
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

    @property
    def per_unit(self) -> np.ndarray:
        """Right answers [methods, seeds, units] such that a mean over units is the share of all clips."""
        return self.hits * len(self.clips) / self.clips.sum()


def count_hits(predictions: pd.DataFrame) -> Hits:
    """Count the right answers.

    Parameters
    ----------
    predictions : DataFrame
        Columns method, seed, unit, label, predicted, as `sacd.runs.predictions` gives them of Table III.

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


def top1(predictions: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each method.

    Returns
    -------
    DataFrame
        `method`, `mean` and `sd` over seeds (fractions; NaN for one seed), `low`, `high` (95 % interval for new units
        and seeds; NaN below three seeds), `clips`, `units`, `seeds`.
    """
    counted = count_hits(predictions)
    seeds, weight = counted.hits.shape[1], len(counted.clips) * counted.clips / counted.clips.sum()
    rows = []
    for index, method in enumerate(counted.methods):
        values = counted.top1[index]
        # A share of clips is a ratio: a unit with more clips is no further from the mean for that.
        low, high = estimate(counted.per_unit[index] + (1 - weight) * values.mean()).interval()
        spread = values.std(ddof=1) if seeds > 1 else np.nan
        rows.append({"method": method, "mean": values.mean(), "sd": spread, "low": float(low), "high": float(high)})
    return pd.DataFrame(rows).assign(clips=int(counted.clips.sum()), units=len(counted.clips), seeds=seeds)


def differences(predictions: pd.DataFrame, reference: str = "CE") -> pd.DataFrame:
    """Each method against a reference, paired by clip and seed.

    Returns
    -------
    DataFrame
        As `sacd.analysis.comparison.compare` gives it for accuracy, the units in the participants' place, each
        weighing as many as its clips.

    Raises
    ------
    SacdError
        The reference is missing.
    """
    counted = count_hits(predictions)
    if reference not in counted.methods:
        raise SacdError(f"predictions: no method {reference!r}; found {', '.join(counted.methods)}")
    origin = counted.methods.index(reference)
    rows = [
        {"method": method, "reference": reference, "metric": "accuracy"}
        | paired_statistics(counted.per_unit[index] - counted.per_unit[origin])
        for index, method in enumerate(counted.methods)
        if index != origin
    ]
    return corrected(pd.DataFrame(rows))
