"""The AHI beside features: each participant's mean feature of a stage, Spearman's ρ, and what a test of it can show.

The paper (section V-B3, Fig. 7) averages the features of each participant's clips of each stage and correlates every
channel with the AHI and with membership of each AHI group. Groups are those of adults: under 18 other cut-offs hold
(AASM manual v2.6: from 1 event/h), so minors are left out.
"""

import numpy as np
import pandas as pd
from scipy import stats

from sacd.exceptions import NotApplicable
from sacd.stages import AHI_GROUPS, NOT_SCORED, STAGES, ahi_group

ADULT = 18
"""Years."""
FEWEST_CLIPS = 10
"""Of a stage, for its mean to stand for a participant."""
FEWEST_PEOPLE = 18
"""Adults of known AHI: two thirds of them are 12, on whom something can be fitted."""
OVERALL = "AHI"
CODINGS = (OVERALL, *AHI_GROUPS)
"""The five panels of Fig. 7: the AHI itself, and membership of each group."""
CONFOUNDERS = ("age", "sex", "weight")
MEDIATORS = ("N1", "N2", "N3", "REM")
"""Shares of the night, through which apnoea may act on what the camera sees."""
UNCORRECTED = 0.05
"""The paper's level, of every single test."""
_RANK_VARIANCE = 1.06
_FEWEST_FOR_RHO = 5


def adults(participants: pd.DataFrame) -> pd.DataFrame:
    """Participants of known AHI who are not known to be under 18."""
    return participants[participants["ahi"].notna() & ~(participants["age"] < ADULT)]


def enough(grown: pd.DataFrame) -> None:
    """Raise `NotApplicable` where adults of known AHI are too few for anything to be said of them."""
    if len(grown) < FEWEST_PEOPLE:
        raise NotApplicable(
            f"{len(grown)} adults of known AHI whom the student has not seen; at least {FEWEST_PEOPLE} are needed"
        )


def person_means(
    features: np.ndarray, use: np.ndarray, participant: np.ndarray, people: pd.Index, fewest: int = FEWEST_CLIPS
) -> np.ndarray:
    """Each participant's mean feature over some clips.

    Parameters
    ----------
    features : ndarray [n, d] float
    use : ndarray [n] bool
        The clips.
    participant : ndarray [n] of str
    people : Index [P]
        Whose means, in this order.
    fewest : int
        Clips below which a mean is NaN.

    Returns
    -------
    ndarray [P, d] float64
    """
    place = people.get_indexer(participant)
    used = np.flatnonzero((place >= 0) & use)
    means = np.full((len(people), features.shape[1]), np.nan)
    for person, rows in pd.Series(used).groupby(place[used]):
        if len(rows) >= fewest:
            means[person] = features[rows].mean(axis=0, dtype=np.float64)
    return means


def stage_means(
    features: np.ndarray, stage: np.ndarray, participant: np.ndarray, people: pd.Index, fewest: int = FEWEST_CLIPS
) -> np.ndarray:
    """Each participant's mean feature of each stage, the paper's "average condition": float64 [P, 5, d].

    Parameters
    ----------
    stage : ndarray [n] int
        Of the clips; −1 is left out.
    features, participant, people, fewest
        As for `person_means`.
    """
    codes = range(len(STAGES))
    return np.stack([person_means(features, stage == code, participant, people, fewest) for code in codes], axis=1)


def codings(ahi: pd.Series) -> pd.DataFrame:
    """What features are correlated with, a column each of `CODINGS`: AHI (events/h), and 0 or 1 for each group."""
    group = ahi_group(ahi.to_numpy())
    groups = {name: (group == code).astype(float) for code, name in enumerate(AHI_GROUPS)}
    return pd.DataFrame({OVERALL: ahi.astype(float), **groups}, index=ahi.index)


def stage_shares(stage: np.ndarray, participant: np.ndarray, people: pd.Index) -> pd.DataFrame:
    """Share of each stage in each participant's scored clips; columns `STAGES`, rows `people`."""
    scored = stage != NOT_SCORED
    counts = pd.crosstab(participant[scored], stage[scored]).reindex(index=people, columns=range(len(STAGES)))
    counts = counts.fillna(0.0).set_axis(list(STAGES), axis=1)
    return counts.div(counts.sum(axis=1), axis=0)


def covariates(participants: pd.DataFrame, shares: pd.DataFrame | None = None) -> pd.DataFrame:
    """What may explain a correlation: age (years), sex (male 1), weight (kg); with `shares` also those of four stages.

    What is known of nobody is left out.

    Parameters
    ----------
    participants : DataFrame [P]
        `Cohort.participants`.
    shares : DataFrame [P], optional
        `stage_shares` of the same people.
    """
    initial = participants["sex"].str.strip().str.upper().str[:1]
    table = pd.DataFrame(
        {"age": participants["age"], "sex": initial.map({"M": 1.0, "F": 0.0}), "weight": participants["weight"]}
    )
    if shares is not None:
        table = table.join(shares[list(MEDIATORS)])
    return table.dropna(axis=1, how="all")


def spearman(means: np.ndarray, coded: pd.DataFrame) -> pd.DataFrame:
    """Spearman's ρ of every channel of every stage with every coding, and its uncorrected p.

    Parameters
    ----------
    means : ndarray [P, 5, d]
        `stage_means`; who has NaN at a stage is left out there.
    coded : DataFrame [P rows]
        `codings`.

    Returns
    -------
    DataFrame
        `coding`, `stage` (name), `channel`, `n`, `rho`, `p` (Student's t, two-sided); NaN where one of the two is
        constant, or fewer than five people have the stage.
    """
    parts = []
    for number, stage in enumerate(STAGES):
        known = ~np.isnan(means[:, number]).any(axis=1)
        n = int(known.sum())
        x, y = (_standard_ranks(values[known]) for values in (means[:, number], coded.to_numpy()))
        rho = np.clip(y.T @ x, -1, 1) if n >= _FEWEST_FOR_RHO else np.full((y.shape[1], x.shape[1]), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * stats.t.sf(np.abs(rho) * np.sqrt((n - 2) / (1 - rho**2)), n - 2)
        for row, coding in enumerate(coded.columns):
            parts.append(pd.DataFrame({
                "coding": coding, "stage": stage, "channel": np.arange(x.shape[1]), "n": n, "rho": rho[row],
                "p": p[row],
            }))
    return pd.concat(parts, ignore_index=True)


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of each column, centred, of length 1; NaN where it is constant."""
    if len(values) == 0:
        return np.full(values.shape, np.nan)
    ranks = stats.rankdata(values, axis=0) - (len(values) + 1) / 2
    length = np.linalg.norm(ranks, axis=0)
    return np.divide(ranks, length, out=np.full(ranks.shape, np.nan), where=length > 0)


def uncorrected_rho(n: int, level: float = UNCORRECTED) -> float:
    """The smallest |ρ| of n participants that a single test calls significant."""
    t = stats.t.isf(level / 2, n - 2)
    return float(t / np.sqrt(n - 2 + t**2))


def detectable_rho(n: int, tests: int, power: float = 0.8, level: float = UNCORRECTED) -> float:
    """The |ρ| that a test of n participants finds with a probability of `power`, corrected for so many tests.

    Fisher's z with the variance 1.06 / (n − 3) of a rank correlation (Fieller, Hartley & Pearson 1957,
    doi:10.1093/biomet/44.3-4.470), Bonferroni's level.
    """
    z = stats.norm.isf(level / (2 * tests)) + stats.norm.ppf(power)
    return float(np.tanh(z * np.sqrt(_RANK_VARIANCE / (n - 3))))


def rho_interval(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Spearman's `rho` over the `n` people who have both values, and its 95 % interval `low`, `high` by Fisher's z."""
    known = np.isfinite(x) & np.isfinite(y)
    n = int(known.sum())
    if n < _FEWEST_FOR_RHO or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        return {"rho": np.nan, "low": np.nan, "high": np.nan, "n": n}
    rho = float(stats.spearmanr(x[known], y[known]).statistic)
    half = stats.norm.isf(UNCORRECTED / 2) * np.sqrt(_RANK_VARIANCE / (n - 3))
    low, high = np.tanh(np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)) + np.array([-half, half]))
    return {"rho": rho, "low": float(low), "high": float(high), "n": n}


def power_table(found: pd.DataFrame, sizes: tuple[int, ...] = (20, 60, 120)) -> pd.DataFrame:
    """What |ρ| a test of so many people calls significant uncorrected, and what it finds corrected in 80 % of cases.

    Parameters
    ----------
    found : DataFrame
        `spearman`: its stages' n are rows, and so are `sizes`, for other cohorts.

    Returns
    -------
    DataFrame
        `people`, `n`, `uncorrected` (|ρ| at p = .05), `one_coding`, `all_codings` (|ρ| found with a power of 80 %,
        corrected for all channels and stages of one panel of Fig. 7, and of all five).
    """
    tests = int(found["rho"].notna().sum())
    panel = max(tests // found["coding"].nunique(), 1)
    rows = [(stage, int(part["n"].iloc[0])) for stage, part in found.groupby("stage", sort=False)]
    rows += [("if they were", n) for n in sizes]
    return pd.DataFrame([
        {
            "people": name, "n": n, "uncorrected": uncorrected_rho(n), "one_coding": detectable_rho(n, panel),
            "all_codings": detectable_rho(n, max(tests, 1)),
        }
        for name, n in rows
        if n >= _FEWEST_FOR_RHO
    ])
