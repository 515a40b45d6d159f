"""The confirmation: cohorts as the unit, fixed beforehand; what holds, what does not, and what could not be resolved.

A cohort's difference is the mean over training seeds and participants of paired differences; over n cohorts it has a t
interval with n − 1 degrees of freedom, so that seeds and participants need no model. Tests go in a fixed order, each at
the full level, and stop at the first that fails (Westfall & Krishen 2001, doi:10.1016/S0378-3758(01)00077-5).

What a design can resolve comes from variance components of a stage before it: differences d of cohort c, seed s and
participant p are μ + C_c + S_cs + P_cp + e_csp, seeds and participants nested in cohorts, for a seed says who is
labelled there (expected mean squares: Searle, Casella & McCulloch 1992, doi:10.1002/9780470316856).
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from sacd.analysis.inference import ALPHA
from sacd.exceptions import SacdError

HOLDS, FAILS, NOT_RESOLVED, NOT_TESTED = "holds", "does not hold", "not resolved", "not tested"
POWER = 0.8
MARGIN = 0.01
"""Accuracy that *not worse* may cost: 1 point."""
LEAST_GAP = 0.02
"""A share of a gap is told only where the gap's own lower bound is above it: 2 points."""


@dataclass(frozen=True)
class Mean:
    """Mean of cohorts' values with its two-sided interval and p against 0; NaN for a single cohort."""

    mean: float
    low: float
    high: float
    p: float
    cohorts: int


def over_cohorts(values: np.ndarray, level: float = 1 - ALPHA) -> Mean:
    """Mean of one value a cohort, ndarray [n], with the t interval of n − 1 degrees of freedom."""
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return Mean(mean, np.nan, np.nan, np.nan, n)
    error = stats.sem(values)
    if error == 0:
        return Mean(mean, mean, mean, float(mean == 0), n)
    low, high = stats.t.interval(level, n - 1, mean, error)
    return Mean(mean, float(low), float(high), float(2 * stats.t.sf(abs(mean) / error, n - 1)), n)


@dataclass(frozen=True)
class Components:
    """Standard deviations of paired differences: between cohorts, seeds and participants of a cohort, and the rest."""

    sd_cohorts: float
    sd_seeds: float
    sd_participants: float
    sd_rest: float

    def error(self, cohorts: int, seeds: int, participants: int) -> float:
        """Standard error of the mean over cohorts of a design."""
        within = self.sd_seeds**2 / seeds + self.sd_participants**2 / participants
        within += self.sd_rest**2 / (seeds * participants)
        return float(np.sqrt((self.sd_cohorts**2 + within) / cohorts))


def variance_components(differences: np.ndarray) -> Components:
    """Components of paired differences, from mean squares; negative estimates are set to 0.

    Parameters
    ----------
    differences : ndarray [C, S, P]
        Fractions, complete.

    Raises
    ------
    SacdError
        Fewer than two cohorts, seeds or participants.
    """
    cohorts, seeds, participants = differences.shape
    if min(cohorts, seeds, participants) < 2:
        raise SacdError(
            f"{cohorts} cohorts × {seeds} seeds × {participants} participants: variance components need two of each"
        )
    of_cohort = differences.mean(axis=(1, 2), keepdims=True)
    of_seed = differences.mean(axis=2, keepdims=True) - of_cohort
    of_participant = differences.mean(axis=1, keepdims=True) - of_cohort
    rest = ((differences - of_cohort - of_seed - of_participant) ** 2).mean() * seeds * participants
    rest /= (seeds - 1) * (participants - 1)
    seed = max(0.0, (of_seed**2).mean() * seeds / (seeds - 1) - rest / participants)
    participant = max(0.0, (of_participant**2).mean() * participants / (participants - 1) - rest / seeds)
    within = seed / seeds + participant / participants + rest / (seeds * participants)
    cohort = max(0.0, of_cohort.var(ddof=1) - within)
    return Components(*(float(np.sqrt(value)) for value in (cohort, seed, participant, rest)))


def power_of(difference: float, components: Components, cohorts: int, seeds: int, participants: int) -> float:
    """Probability that the interval over cohorts is clear of 0, for a true difference, from the noncentral t."""
    error = components.error(cohorts, seeds, participants)
    if error == 0:
        return float(difference != 0)
    df, beyond = cohorts - 1, stats.t.isf(ALPHA / 2, cohorts - 1)
    shift = abs(difference) / error
    return float(stats.nct.sf(beyond, df, shift) + stats.nct.sf(beyond, df, -shift))


def resolvable(components: Components, cohorts: int, seeds: int, participants: int, power: float = POWER) -> float:
    """Smallest true difference that a design shows with a probability of `power`, a fraction."""
    error = components.error(cohorts, seeds, participants)
    if error == 0:
        return 0.0
    # From two cohorts on the sum of both quantiles comes within a fifth of the answer: twice that is beyond it.
    most = 2 * error * (stats.t.isf(ALPHA / 2, cohorts - 1) + stats.t.isf(1 - power, cohorts - 1))
    return float(
        brentq(lambda gain: power_of(gain, components, cohorts, seeds, participants) - power, 0.0, most, xtol=1e-7)
    )


def told(found: Mean, resolution: float, threshold: float = 0.0) -> str:
    """Whether a mean lies above a threshold: *holds* where its whole interval does.

    Where the threshold lies within, *not resolved* if the mean is nearer to it than what the design could resolve;
    else, and where the interval lies below, *does not hold*.
    """
    if found.low > threshold:
        return HOLDS
    if not found.high < threshold and (np.isnan(found.low) or abs(found.mean - threshold) < resolution):
        return NOT_RESOLVED
    return FAILS


@dataclass(frozen=True)
class Share:
    """A ratio of two paired means with its interval."""

    share: float
    low: float
    high: float


def fieller(part: np.ndarray, whole: np.ndarray, level: float = 1 - ALPHA) -> Share | None:
    """Mean of `part` over that of `whole`, paired by cohort, with Fieller's interval (1954).

    The set of r for which the mean of part − r·whole is not clear of 0 (doi:10.1111/j.2517-6161.1954.tb00159.x).

    Parameters
    ----------
    part, whole : ndarray [n]
        A value a cohort.
    level : float
        Coverage.

    Returns
    -------
    Share or None
        None where `whole` is not clear of 0: the set has no two ends.
    """
    n = len(part)
    if n < 2:
        return None
    covariance = np.cov(part, whole) / n * stats.t.isf((1 - level) / 2, n - 1) ** 2
    top, bottom = float(np.mean(part)), float(np.mean(whole))
    a = bottom**2 - covariance[1, 1]
    b = top * bottom - covariance[0, 1]
    c = top**2 - covariance[0, 0]
    if a <= 0:
        return None
    half = np.sqrt(max(0.0, b**2 - a * c))
    return Share(top / bottom, float((b - half) / a), float((b + half) / a))


def gap_closed(ours: np.ndarray, few: np.ndarray, every: np.ndarray) -> Share | None:
    """Share of the gap between few and all labels that a method closes; each argument a value a cohort, ndarray [n].

    None where the lower bound of the gap itself is not above `LEAST_GAP`.
    """
    if not over_cohorts(every - few).low > LEAST_GAP:
        return None
    return fieller(ours - few, every - few)


@dataclass(frozen=True)
class Test:
    """One of the fixed tests: what is compared by which score, and the threshold that the difference must exceed."""

    name: str
    row: str
    reference: str
    metric: str
    threshold: float = 0.0


def tests(ours: str, distilled: str, every: str) -> tuple[Test, ...]:
    """The fixed order: ours against KD by accuracy, by κ; then not worse than all labels by more than `MARGIN`."""
    return (
        Test("primary", ours, distilled, "accuracy"),
        Test("primary, κ", ours, distilled, "kappa"),
        Test("key secondary", ours, every, "accuracy", -MARGIN),
    )


def confirm(scores: pd.DataFrame, order: tuple[Test, ...], resolution: dict[str, float]) -> pd.DataFrame:
    """The tests in their order.

    Parameters
    ----------
    scores : DataFrame
        Columns `cohort`, `row`, `metric`, `value`: one value each, a fraction.
    order : tuple of Test
    resolution : dict of str to float
        Test's name → the difference that the design resolves (`resolvable`).

    Returns
    -------
    DataFrame
        A row a test: its fields, those of `Mean`, `resolution`, `alone` (`told` of this test alone) and `verdict`: the
        same as long as all before it hold, else *not tested*.
    """
    rows, open_ = [], True
    for test in order:
        found = over_cohorts(paired(scores, test.row, test.reference, test.metric))
        alone = told(found, resolution[test.name], test.threshold)
        verdict = alone if open_ else NOT_TESTED
        open_ = open_ and alone == HOLDS
        rows.append(
            asdict(test) | asdict(found) | {"resolution": resolution[test.name], "alone": alone, "verdict": verdict}
        )
    return pd.DataFrame(rows)


def paired(scores: pd.DataFrame, row: str, reference: str, metric: str) -> np.ndarray:
    """Differences of two rows by cohort, ndarray [n], in order of the cohorts' names."""
    of = scores[scores["metric"] == metric].pivot(index="cohort", columns="row", values="value").sort_index()
    for name in (row, reference):
        if name not in of or of[name].isna().any():
            raise SacdError(f"scores: {name} has no {metric} on some cohort; run it on all")
    return (of[row] - of[reference]).to_numpy()
