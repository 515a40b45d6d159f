"""How good `sacd.analysis.severity` is: scores with intervals, risk–coverage; its controls: AHI shuffled, planted."""

import numpy as np
import pandas as pd
from scipy import stats

from sacd.analysis.severity import LEVEL, brier_skill, checked, cross_fit

SHUFFLES = 200
_BATCH = 50
_SURE = 1e-6
SCORES = {"log_loss": "log loss, nats", "brier": "Brier score"}
"""What the losses of a probability are called."""


def losses(probability: np.ndarray, outcome: np.ndarray) -> pd.DataFrame:
    """Each participant's `log_loss` (nats) and `brier` (squared error) of a probability."""
    chance, outcome = np.clip(probability, _SURE, 1 - _SURE), np.asarray(outcome, dtype=bool)
    return pd.DataFrame({
        "log_loss": -np.log(np.where(outcome, chance, 1 - chance)), "brier": np.square(chance - outcome)
    })


def scores(said: dict[str, np.ndarray], outcome: np.ndarray) -> pd.DataFrame:
    """Mean losses of several probabilities of the same people, and each one's difference to those before it.

    Parameters
    ----------
    said : dict of str to ndarray [n]
        Name → probability of AHI ≥ 15; the plainest first.
    outcome : ndarray [n] bool

    Returns
    -------
    DataFrame
        `name`, `score` (of `SCORES`), `mean`, `low`, `high` (95 % interval over participants, Student's t), `against`
        (a row for each name before), `difference`, `difference_low`, `difference_high` (the other's loss minus its own:
        above 0 it is better), `participants`.
    """
    found = {name: losses(probability, outcome) for name, probability in said.items()}
    rows = []
    for number, (name, table) in enumerate(found.items()):
        for score in table:
            mean, low, high = interval(table[score].to_numpy())
            row = {"name": name, "score": SCORES[score], "mean": mean, "low": low, "high": high}
            before = list(found)[:number] or [None]
            for other in before:
                apart = (np.nan,) * 3 if other is None else interval((found[other][score] - table[score]).to_numpy())
                named = dict(zip(("difference", "difference_low", "difference_high"), apart, strict=True))
                rows.append(row | {"against": other} | named | {"participants": len(table)})
    return pd.DataFrame(rows)


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of participants' values, and the ends of its 95 % interval."""
    mean, n = float(values.mean()), len(values)
    half = float(values.std(ddof=1) / np.sqrt(n) * stats.t.ppf((1 + LEVEL) / 2, n - 1)) if n > 1 else np.nan
    return mean, mean - half, mean + half


def risk_coverage(probability: np.ndarray, outcome: np.ndarray, distance: np.ndarray) -> pd.DataFrame:
    """Mean losses over those who are answered when the least far are answered first.

    Returns
    -------
    DataFrame [n rows]
        `distance` (of the last one answered), `coverage`, `brier`, `log_loss`, `wrong` (share whose likelier side is
        not theirs).
    """
    order = np.argsort(distance, kind="stable")
    table = losses(probability, outcome).assign(wrong=(probability >= 0.5) != outcome).iloc[order]
    number = np.arange(1, len(table) + 1)
    risk = table.cumsum().div(number, axis=0)
    return risk.assign(distance=distance[order], coverage=number / len(table)).reset_index(drop=True)


def shuffled_bounds(features: np.ndarray, ahi: np.ndarray, shuffles: int = SHUFFLES, seed: int = 0) -> np.ndarray:
    """Lower bounds of the Brier skill after the AHI was shuffled over people: who answers then, answers by chance.

    Returns
    -------
    ndarray [shuffles]
        It abstains where the bound is not above 0.
    """
    features, groups = checked(features, ahi)
    drawn = np.random.default_rng(seed).permuted(np.tile(groups, (shuffles, 1)), axis=1)
    bounds = []
    for part in np.array_split(drawn, max(1, -(-shuffles // _BATCH))):
        said = cross_fit(features, part)
        bounds.append(brier_skill(said.probability, said.base, part >= 2)[1])
    return np.concatenate(bounds)


def planted(features: np.ndarray, ahi: np.ndarray, share: float = 0.1, seed: int = 0) -> np.ndarray:
    """Features with the AHI's rank added along one random direction, so that it makes up `share` of their variance.

    Parameters
    ----------
    features : ndarray [n, d]
    ahi : ndarray [n]
    share : float
    seed : int
        Of the direction.
    """
    scaled = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-12)
    direction = np.random.default_rng(seed).standard_normal(features.shape[1])
    direction /= np.linalg.norm(direction)
    rank = stats.zscore(stats.rankdata(ahi))
    size = np.sqrt(share / (1 - share) * np.square(scaled).sum(axis=1).mean())
    return scaled + size * rank[:, None] * direction
