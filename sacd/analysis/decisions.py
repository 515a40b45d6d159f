"""Does a decision see every stage, at every seed, and is it no worse than argmax? Of one table of several decisions."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sacd.analysis.summary import confusion_cells
from sacd.decisions import ARGMAX
from sacd.exceptions import SacdError
from sacd.metrics import macro_f1, precision, recall
from sacd.stages import STAGES

LOWEST_RECALL = 0.10


def stages_seen(predictions: pd.DataFrame, by: Sequence[str] = ("method",)) -> pd.DataFrame:
    """How each seed of each row sees each stage that occurs.

    Parameters
    ----------
    predictions : DataFrame
        See `sacd.analysis.summary.confusion_cells`.
    by : sequence of str
        Columns that name a row.

    Returns
    -------
    DataFrame
        Columns `by`, `seed`, `stage`, `recall`, `precision` (0 where the stage is never said), `prevalence` (its share
        of the time), and `seen`: whether recall is at least `LOWEST_RECALL` and precision above prevalence. Fractions,
        of the mean matrix over participants.
    """
    rows = []
    for group, seed, matrix in _matrices(predictions, by):
        prevalence = matrix.sum(axis=1) / matrix.sum()
        for code in np.flatnonzero(prevalence):
            values = float(recall(matrix)[code]), float(np.nan_to_num(precision(matrix)[code])), float(prevalence[code])
            seen = values[0] >= LOWEST_RECALL and values[1] > values[2]
            rows.append((*group.values(), seed, STAGES[code], *values, seen))
    return pd.DataFrame(rows, columns=[*by, "seed", "stage", "recall", "precision", "prevalence", "seen"])


def check_decision(predictions: pd.DataFrame, decision: str, by: Sequence[str] = ("method",)) -> pd.DataFrame:
    """Whether a decision sees every stage at every seed, and its macro-F1 is not below argmax's.

    Parameters
    ----------
    predictions : DataFrame
        Of several decisions (`runs.predictions`), argmax and the one in question among them.
    decision : str
        Of `sacd.decisions.DECISIONS`.
    by : sequence of str
        Columns that name a row.

    Returns
    -------
    DataFrame
        Columns `by`, `decision`, `seeds`, `every_stage` (bool: all are seen at every seed), `missed` (those that are
        not, and at how many seeds), `lowest_recall` and `lowest_lift` (of any stage and seed; lift: precision by
        prevalence), `macro_f1` and `macro_f1_argmax` (means over seeds), `not_below` (bool).

    Raises
    ------
    SacdError
        A row lacks one of both decisions.
    """
    asked, plain = (predictions[predictions["decision"] == name] for name in (decision, ARGMAX))
    if asked.empty or plain.empty:
        raise SacdError(f"predictions: no decision {decision} or no {ARGMAX}; ask runs.predictions for both")
    own, argmax = (_mean_macro_f1(part, by) for part in (asked, plain))
    table = own.merge(argmax, on=list(by), how="left", suffixes=("", "_argmax"))
    if table["macro_f1_argmax"].isna().any():
        raise SacdError(f"predictions: some rows of {decision} lack {ARGMAX}; ask runs.predictions for both")
    seen = stages_seen(asked, by)
    seen = seen.assign(lift=seen["precision"] / seen["prevalence"])
    groups = seen.groupby(list(by), sort=False, dropna=False)
    found = {
        "decision": decision, "seeds": groups["seed"].nunique(), "every_stage": groups["seen"].all(),
        "missed": [_missed(part) for _, part in groups],
        "lowest_recall": groups["recall"].min(), "lowest_lift": groups["lift"].min(),
    }  # fmt: skip
    for name, values in found.items():
        table[name] = np.asarray(values)
    return table.assign(not_below=table["macro_f1"] >= table["macro_f1_argmax"])


def _matrices(predictions: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], Any, np.ndarray]]:
    """Each row's name, each of its seeds, and the sum of its participants' matrices."""
    cells = confusion_cells(predictions, by)
    for group, matrices in zip(cells.groups.to_dict("records"), cells.matrices.sum(axis=2), strict=True):
        yield from ((group, seed, matrix) for seed, matrix in zip(cells.seeds, matrices, strict=True) if matrix.any())


def _mean_macro_f1(predictions: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    rows = [group | {"macro_f1": float(macro_f1(matrix))} for group, _, matrix in _matrices(predictions, by)]
    return pd.DataFrame(rows).groupby(list(by), sort=False, dropna=False, as_index=False).mean()


def _missed(seen: pd.DataFrame) -> str:
    """``N1 at 2 of 5 seeds, REM at 1 of 5 seeds``."""
    failed, seeds = seen[~seen["seen"]].groupby("stage", sort=False).size(), seen["seed"].nunique()
    return ", ".join(f"{stage} at {count} of {seeds} seeds" for stage, count in failed.items())
