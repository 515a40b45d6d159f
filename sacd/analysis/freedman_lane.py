"""Which correlations survive covariates and their own number: Freedman–Lane on ranks, maximum of the studentised |t|.

The rank of the AHI (or of membership of a group) is regressed on the covariates' ranks; the residuals are permuted over
participants, once for all channels, stages and codings, added back, and refitted with the feature's rank and the
covariates (Freedman & Lane 1983, doi:10.2307/1391660; Winkler et al. 2014, doi:10.1016/j.neuroimage.2014.01.060).
The corrected p of a |t| is the share of permutations whose largest |t| anywhere is at least as large. The statistic is
Student's t, not ρ, since the number of participants differs between stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, stats

from sacd.stages import STAGES

LEVEL = 0.05
FEWEST_DF = 4
"""Residual degrees of freedom below which a stage is not tested."""
_TOGETHER = 100
# Rounding must not decide between a permutation and itself.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Survival:
    """What came of a family of tests.

    Attributes
    ----------
    table : DataFrame
        `coding`, `stage` (name), `channel`, `n`, `partial` (rank correlation given the covariates), `t`, `p`
        (uncorrected), `p_corrected`; NaN where nothing could be tested.
    critical : float
        The |t| that the corrected level asks for.
    permutations : int
        With the identity.
    covariates : tuple of str
    """

    table: pd.DataFrame
    critical: float
    permutations: int
    covariates: tuple[str, ...]

    @property
    def survivors(self) -> pd.DataFrame:
        """Rows whose corrected p is at most `LEVEL`."""
        return self.table[self.table["p_corrected"] <= LEVEL]


def freedman_lane(
    means: np.ndarray, coded: pd.DataFrame, covariates: pd.DataFrame, permutations: int = 2000, seed: int = 0
) -> Survival:
    """Test every channel of every stage against every coding, given covariates.

    Parameters
    ----------
    means : ndarray [P, 5, d]
        `sacd.analysis.ahi.stage_means`; who has NaN at a stage is left out there.
    coded : DataFrame [P rows]
        `sacd.analysis.ahi.codings`.
    covariates : DataFrame [P rows]
        Without columns: none. Who lacks one is left out everywhere.
    permutations : int
        With the identity: the smallest corrected p is one in so many.
    seed : int
        Of the permutations.
    """
    whole = covariates.notna().all(axis=1).to_numpy()
    means, targets = means[whole], stats.rankdata(coded.to_numpy()[whole], axis=0)
    ranks = stats.rankdata(covariates.to_numpy(dtype=float)[whole], axis=0).reshape(whole.sum(), covariates.shape[1])
    design = np.column_stack([np.ones(len(ranks)), ranks])
    basis = linalg.orth(design) if len(design) else design
    fitted = basis @ (basis.T @ targets)
    rest = targets - fitted
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(len(design)), (permutations, 1)), axis=1)
    order[0] = np.arange(len(design))
    largest = np.zeros(permutations)
    parts = []
    for number, stage in enumerate(STAGES):
        known = ~np.isnan(means[:, number]).any(axis=1)
        n = int(known.sum())
        parts.append(_frame(coded.columns, stage, means.shape[2], n))
        if n == 0:
            continue
        own = linalg.orth(design[known])
        df = n - own.shape[1] - 1
        if df < FEWEST_DF:
            continue
        x = _apart(stats.rankdata(means[known, number], axis=0)[None], own)[0]
        for first in range(0, permutations, _TOGETHER):
            some = slice(first, first + _TOGETHER)
            y = _apart(fitted[known] + rest[order[some]][:, known], own)
            partial = np.clip(y.transpose(0, 2, 1) @ x, -1, 1)
            top = np.nanmax(np.abs(partial), axis=(1, 2), initial=0.0)
            largest[some] = np.maximum(largest[some], _student(top, df))
            if first == 0:
                observed = partial[0]
        t = _student(observed, df)
        parts[-1] = parts[-1].assign(partial=observed.ravel(), t=t.ravel(), p=2 * stats.t.sf(np.abs(t), df).ravel())
    table = pd.concat(parts, ignore_index=True)
    reached = np.searchsorted(np.sort(largest), table["t"].abs().to_numpy() * (1 - _TOLERANCE), side="left")
    table["p_corrected"] = np.where(table["t"].isna(), np.nan, (permutations - reached) / permutations)
    return Survival(table, float(np.quantile(largest, 1 - LEVEL)), permutations, tuple(covariates.columns))


def survival_table(found: pd.DataFrame, survivals: Mapping[str, Survival]) -> pd.DataFrame:
    """How many channels of each panel of Fig. 7 are significant one by one, and how many survive.

    Parameters
    ----------
    found : DataFrame
        `sacd.analysis.ahi.spearman`.
    survivals : mapping of str to Survival
        What was given → what survives it.

    Returns
    -------
    DataFrame
        `coding`, `stage`, `n`, `largest` (|ρ|), `uncorrected` (channels with p ≤ .05), `by_chance` (how many of them
        chance alone gives), and a column of survivors for each of `survivals`.
    """
    known = found.assign(uncorrected=found["p"] <= LEVEL, tested=found["rho"].notna(), size=found["rho"].abs())
    groups = known.groupby(["coding", "stage"], sort=False)
    table = groups.agg(
        n=("n", "first"), largest=("size", "max"), uncorrected=("uncorrected", "sum"), tested=("tested", "sum")
    )
    table["by_chance"] = LEVEL * table.pop("tested")
    table = table.loc[list(found["coding"].unique())]
    for name, survival in survivals.items():
        counts = survival.survivors.groupby(["coding", "stage"]).size()
        table[name] = counts.reindex(table.index, fill_value=0).astype(int)
    return table.reset_index()


def _frame(codings: pd.Index, stage: str, channels: int, n: int) -> pd.DataFrame:
    nothing = dict.fromkeys(("partial", "t", "p"), np.nan)
    named = {"coding": np.repeat(list(codings), channels), "stage": stage}
    return pd.DataFrame(named | {"channel": np.tile(np.arange(channels), len(codings)), "n": n, **nothing})


def _apart(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Columns [..., n, k] without their part in the space of `basis` [n, r], of length 1; NaN where nothing is left."""
    left = values - basis @ (basis.T @ values)
    length = np.linalg.norm(left, axis=-2, keepdims=True)
    enough = length > _TOLERANCE * np.linalg.norm(values, axis=-2, keepdims=True)
    return np.divide(left, length, out=np.full(left.shape, np.nan), where=enough)


def _student(partial: np.ndarray, df: int) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return partial * np.sqrt(df / (1 - partial**2))
