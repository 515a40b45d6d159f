"""Mean, interval and p of a seeds × participants table, with participants *and* training seeds as random.

A p-value answers for a new draw of both: were there no difference, so large a one would be found in a share p of
repeats with other participants and networks trained anew. On the table of values v[s, p] without replication,

    t = v̄ / √((MS_S + MS_P) / SP),   df = (MS_S + MS_P)² / (MS_S²/(S − 1) + MS_P²/(P − 1))

with the mean squares of seeds and participants (min-F′: Clark 1973, doi:10.1016/S0022-5371(73)80014-3; degrees of
freedom: Satterthwaite 1946, doi:10.2307/3002019). The sum counts the rest MS_E twice and so errs on the safe side:
at five seeds and 24 participants it rejects a true null in .040 of cases, where MS_E is subtracted once in .050.

MS_S / SP is the variance of the mean when whole seeds are drawn, MS_P / SP when whole participants are. Written so, the
formula needs no complete table: cells without a value are left out and nothing is guessed (two-way clusters: Cameron,
Gelbach & Miller 2011, doi:10.1198/jbes.2010.07136).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

CLAIM, DESCRIPTIVE, TOO_FEW = "claim", "descriptive", "too few"
ALPHA = 0.05
CLAIM_SEEDS = 5
"""A claim needs so many: the level is at most .06 whatever the sizes (`sacd.analysis.power`)."""
DESCRIPTIVE_SEEDS = 3
"""With fewer no interval and no p is given: at two seeds a true null is rejected in .12 of cases (105 participants)."""
ENOUGH_PARTICIPANTS = 8
"""The fewest of `sacd.analysis.power.SIZES` at which five seeds find a gain of 5 points at least one time in four.

With seed effects .28 (without .34); at 6 participants .21, at 16 .46, at 24 .56, at 105 .72. The level holds for all.
"""


def standing(seeds: int, participants: int) -> str:
    """What a row may be read as: a *claim*, *descriptive*, or *too few* seeds or participants to read anything."""
    if seeds < DESCRIPTIVE_SEEDS or participants < ENOUGH_PARTICIPANTS:
        return TOO_FEW
    return CLAIM if seeds >= CLAIM_SEEDS else DESCRIPTIVE


def side(low: float, high: float, threshold: float = 0.0) -> int:
    """Where an interval lies: +1 wholly above the threshold, −1 wholly below, 0 neither, or without an interval."""
    return int(low > threshold) - int(high < threshold)


@dataclass(frozen=True)
class Estimate:
    """A mean with the standard error and degrees of freedom of its t, each ndarray [...]; NaN where there is none."""

    mean: np.ndarray
    error: np.ndarray
    df: np.ndarray

    def interval(self, level: float = 1 - ALPHA) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the two-sided interval."""
        half = np.where(self.error > 0, stats.t.isf((1 - level) / 2, self.df) * self.error, self.error)
        return self.mean - half, self.mean + half

    def p(self, threshold: float = 0.0) -> np.ndarray:
        """Two-sided p of the mean against a threshold; without any spread 1 at the threshold and 0 elsewhere."""
        away = np.abs(self.mean - threshold)
        flat = np.where(np.isnan(self.error), np.nan, (away == 0).astype(float))
        t = np.divide(away, self.error, out=np.zeros(away.shape), where=self.error > 0)
        return np.where(self.error > 0, 2 * stats.t.sf(t, self.df), flat)


def estimate(values: np.ndarray) -> Estimate:
    """Mean of a seeds × participants table, both random.

    Parameters
    ----------
    values : ndarray [..., S, P]
        NaN where there is no value; every seed and participant has one, or the whole table has none.

    Returns
    -------
    Estimate [...]
        The mean over all cells; no error below three seeds (see `DESCRIPTIVE_SEEDS`) or two participants.
    """
    seeds, participants = values.shape[-2:]
    known = ~np.isnan(values)
    count = known.sum(axis=(-2, -1), dtype=float)
    count = np.where(count > 0, count, np.nan)
    mean = np.where(known, values, 0).sum(axis=(-2, -1)) / count
    if seeds < DESCRIPTIVE_SEEDS or participants < 2:
        nothing = np.full(mean.shape, np.nan)
        return Estimate(mean, nothing, nothing)
    apart = np.where(known, values - mean[..., None, None], 0)
    by_seed = seeds / (seeds - 1) * (apart.sum(axis=-1) ** 2).sum(axis=-1) / count**2
    by_participant = participants / (participants - 1) * (apart.sum(axis=-2) ** 2).sum(axis=-1) / count**2
    variance = by_seed + by_participant
    df = satterthwaite(by_seed, by_participant, seeds, participants)
    return Estimate(mean, np.sqrt(variance), df)


def satterthwaite(by_seed: np.ndarray, by_participant: np.ndarray, seeds: int, participants: int) -> np.ndarray:
    """Degrees of freedom of a sum of two mean squares; 1 where both are 0."""
    below = by_seed**2 / (seeds - 1) + by_participant**2 / (participants - 1)
    return np.divide((by_seed + by_participant) ** 2, below, out=np.ones(np.shape(below)), where=below > 0)


def components(values: np.ndarray) -> dict[str, float]:
    """Variance components of a seeds × participants table, as standard deviations, and what they let it show.

    Parameters
    ----------
    values : ndarray [S, P]
        Participants without a value at some seed are left out.

    Returns
    -------
    dict of float
        `sd_seeds`, `sd_participants`, `sd_rest` from the mean squares, negative estimates set to 0; `detectable`, the
        smallest mean that all of the table's seeds and participants show with a probability of .8. NaN for one seed or
        participant, `detectable` also below three seeds.
    """
    whole = values[:, ~np.isnan(values).any(axis=0)]
    seeds, participants = whole.shape
    if seeds < 2 or participants < 2:
        return dict.fromkeys(("sd_seeds", "sd_participants", "sd_rest", "detectable"), np.nan)
    of_seed, of_participant = whole.mean(axis=1, keepdims=True), whole.mean(axis=0, keepdims=True)
    ms_seeds = participants * of_seed.var(ddof=1)
    ms_participants = seeds * of_participant.var(ddof=1)
    rest = ((whole - of_seed - of_participant + whole.mean()) ** 2).sum() / ((seeds - 1) * (participants - 1))
    sd = {
        "sd_seeds": float(np.sqrt(max(0.0, (ms_seeds - rest) / participants))),
        "sd_participants": float(np.sqrt(max(0.0, (ms_participants - rest) / seeds))),
        "sd_rest": float(np.sqrt(rest)),
    }
    return sd | {"detectable": detectable(*values.shape, **sd)}


def detectable(
    seeds: int, participants: int, sd_seeds: float, sd_participants: float, sd_rest: float, power: float = 0.8
) -> float:
    """Smallest true difference that is clear of 0 with a probability of `power`, from the expected mean squares."""
    if seeds < DESCRIPTIVE_SEEDS or participants < 2:
        return float("nan")
    by_seed = (sd_rest**2 / participants + sd_seeds**2) / seeds
    by_participant = (sd_rest**2 / seeds + sd_participants**2) / participants
    df = satterthwaite(np.asarray(by_seed), np.asarray(by_participant), seeds, participants)
    return float((stats.t.isf(ALPHA / 2, df) + stats.t.isf(1 - power, df)) * np.sqrt(by_seed + by_participant))


def pseudo_values(matrices: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What each participant adds to a statistic of the mean matrix, seed by seed: the jackknife's pseudo-values.

    n·f(all) − (n − 1)·f(all but one) (Tukey 1958). For accuracy they are the participants' own accuracies; macro-F1, κ
    and others, which are no means over participants, get values whose mean and spread stand for the statistic's.

    Parameters
    ----------
    matrices : ndarray [S, P, A, B]
        Confusion matrices or other shares, that each sum to 1, or zero where a participant has no prediction.
    statistic : callable
        Of matrices [..., A, B] of any scale, giving [...].

    Returns
    -------
    ndarray [S, P]
        NaN where there is no prediction, and everywhere if leaving one participant out leaves the statistic undefined.
    """
    filled = matrices.sum(axis=(-2, -1)) > 0
    total = matrices.sum(axis=1, keepdims=True)
    rest = total - matrices
    rest[rest < 1e-9] = 0  # rounding must not make a stage occur
    count = filled.sum(axis=1, keepdims=True)
    values = count * statistic(total) - (count - 1) * statistic(rest)
    if np.isnan(values[filled]).any():
        return np.full(filled.shape, np.nan)
    return np.where(filled, values, np.nan)
