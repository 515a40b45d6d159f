"""What a scoring of a night looks like in a dozen numbers: stage changes, bouts, shares, and agreement with others."""

from itertools import combinations

import numpy as np
from sklearn.metrics import cohen_kappa_score

from sacd.exceptions import SacdError
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES, W

STATISTICS = {
    "changes_per_hour": "stage changes/h",
    "one_clip_share": "share of clips in one-clip bouts",
    "wake_share": "wake in the sleep period",
    **{f"share_{name}": f"{name} of sleep" for name in STAGES[1:]},
    **{f"bout_{name}": f"mean bout of {name}, clips" for name in STAGES[1:]},
    "kappa": "κ between scorers, whole recording",
    "kappa_sleep": "κ between scorers, sleep period",
}
"""Statistics of one scoring of one night, from the first to the last clip of sleep, and what they are called.

Recordings of the simulated clinic hold twice the wake of the Dreem ones (the paper's 41 % against 22 %), on which all
agree: κ over the whole recording flatters its scorers, κ over the sleep period compares like with like.
"""
_CLIPS_PER_HOUR = 3600 / CLIP_SECONDS


def scoring_statistics(stages: np.ndarray) -> dict[str, float]:
    """Statistics of one scoring, all of `STATISTICS` but the κ.

    Parameters
    ----------
    stages : ndarray [clips] of int
        −1 (not scored) is left out.
    """
    asleep = np.nonzero(stages > W)[0]
    if len(asleep) == 0:
        raise SacdError("a night without sleep has no sleep statistics; leave it out")
    period = stages[asleep[0] : asleep[-1] + 1]
    period = period[period != NOT_SCORED]
    begin = np.concatenate([[0], np.nonzero(np.diff(period))[0] + 1])
    length, stage = np.diff(np.append(begin, len(period))), period[begin]
    sleep = period[period > W]
    result = {
        "changes_per_hour": (len(begin) - 1) / (len(period) / _CLIPS_PER_HOUR),
        "one_clip_share": float((length == 1).sum() / len(period)),
        "wake_share": float((period == W).mean()),
    }
    for code, name in enumerate(STAGES[1:], start=1):
        result[f"share_{name}"] = float((sleep == code).mean())
    for code, name in enumerate(STAGES[1:], start=1):
        result[f"bout_{name}"] = float(length[stage == code].mean()) if (stage == code).any() else np.nan
    return result


def night_rows(scorings: np.ndarray) -> list[dict[str, float]]:
    """Statistics of each scorer of one night; κ is the mean over the other scorers.

    Parameters
    ----------
    scorings : ndarray [scorers, clips] of int
    """
    asleep = np.nonzero((scorings > W).any(axis=0))[0]
    period = scorings[:, asleep[0] : asleep[-1] + 1]
    return [
        scoring_statistics(stages) | {"kappa": kappa, "kappa_sleep": kappa_sleep}
        for stages, kappa, kappa_sleep in zip(scorings, _kappas(scorings), _kappas(period), strict=True)
    ]


def _kappas(scorings: np.ndarray) -> np.ndarray:
    """Mean κ of each scorer with the others, NaN where there is no other."""
    pairs = np.zeros((len(scorings), len(scorings)))
    for i, j in combinations(range(len(scorings)), 2):
        both = (scorings[[i, j]] != NOT_SCORED).all(axis=0)
        pairs[i, j] = pairs[j, i] = cohen_kappa_score(scorings[i, both], scorings[j, both])
    return pairs.sum(axis=1) / (len(scorings) - 1) if len(scorings) > 1 else np.full(1, np.nan)
