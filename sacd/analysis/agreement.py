"""How far human scorers of one night agree: the ceiling of every classifier."""

from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from sacd.stages import NOT_SCORED, STAGES


def scorer_agreement(scorings: pd.DataFrame) -> pd.DataFrame:
    """Agreement of each pair of scorers over the clips that both scored.

    Parameters
    ----------
    scorings : DataFrame [clips, scorers]
        Stage codes, −1 where not scored.

    Returns
    -------
    DataFrame
        One row a pair: `first`, `second`, `clips`, `accuracy`, `kappa`; NaN where they share no clip or no variation.
    """
    rows = []
    for first, second in combinations(scorings.columns, 2):
        a, b = scorings[first].to_numpy(), scorings[second].to_numpy()
        both = (a != NOT_SCORED) & (b != NOT_SCORED)
        a, b = a[both], b[both]
        # κ of two constant, equal scorings is 0/0
        defined = len(np.union1d(a, b)) > 1
        rows.append(
            {
                "first": first,
                "second": second,
                "clips": int(both.sum()),
                "accuracy": float((a == b).mean()) if both.any() else np.nan,
                "kappa": float(cohen_kappa_score(a, b)) if defined else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["first", "second", "clips", "accuracy", "kappa"])


def soft_labels(scorings: pd.DataFrame) -> np.ndarray:
    """Share of the scorers who chose each stage.

    Parameters
    ----------
    scorings : DataFrame [clips, scorers]
        Stage codes, −1 where not scored.

    Returns
    -------
    ndarray [clips, 5] float
        Rows sum to 1, or are 0 where nobody scored.
    """
    votes = (scorings.to_numpy()[:, :, None] == np.arange(len(STAGES))).sum(axis=1).astype(float)
    return votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
