"""What is kept of a cohort whose runs are removed: counts of scored and predicted stages, and the scores from them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sacd.metrics import SCORES, N
from sacd.stages import NOT_SCORED

IDENTITY = ("row", "student", "decision")
"""Columns that tell apart what is compared on a cohort."""
COLUMNS = (*IDENTITY, "seed", "participant_id", "stage", "predicted")


def count(predictions: pd.DataFrame) -> pd.DataFrame:
    """Clips of every stage that were given every stage.

    Parameters
    ----------
    predictions : DataFrame
        Columns `COLUMNS`, a row a clip.

    Returns
    -------
    DataFrame
        `COLUMNS` and `clips`; combinations that do not occur have no row.
    """
    scored = predictions[predictions["stage"] != NOT_SCORED]
    return scored.groupby(list(COLUMNS), sort=False, observed=True).size().rename("clips").reset_index()


def matrices(counts: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Confusion matrices of every row, seed and participant, each of sum 1 or zero where there is no clip.

    Returns
    -------
    groups : DataFrame
        `IDENTITY`, a row a group.
    matrices : ndarray [groups, S, P, 5, 5]
    """
    grouped = counts.groupby(list(IDENTITY), sort=False, observed=True)
    names = counts.drop_duplicates(list(IDENTITY))[list(IDENTITY)].reset_index(drop=True)
    seed, seeds = pd.factorize(counts["seed"], sort=True)
    person, people = pd.factorize(counts["participant_id"], sort=True)
    found = np.zeros((len(names), len(seeds), len(people), N, N))
    np.add.at(found, (grouped.ngroup(), seed, person, counts["stage"], counts["predicted"]), counts["clips"])
    total = found.sum(axis=(-2, -1), keepdims=True)
    return names, np.divide(found, total, out=found, where=total > 0)


def scores(counts: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """A cohort's scores: of the participants' mean matrix, mean over seeds.

    Returns
    -------
    DataFrame
        `IDENTITY`, `metric`, `value`.
    """
    names, found = matrices(counts)
    mean = found.sum(axis=2)
    parts = [names.assign(metric=metric, value=SCORES[metric].of(mean).mean(axis=1)) for metric in metrics]
    return pd.concat(parts, ignore_index=True)
