"""Clips that stand for what the paper's Figs. 11, 12 and 13 show, chosen by rule from the table of `clip_rows`."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sacd.analysis.clip_filters import FILTERS, PROBABILITIES
from sacd.analysis.misclassification import common_errors, error_examples, one_of_each
from sacd.analysis.summary import mean_confusion
from sacd.cohort import Recording
from sacd.cohort.motion import read_motion
from sacd.stages import NOT_SCORED, STAGES

_CHUNK = 128


def movement(recording: Recording) -> np.ndarray:
    """How much moves in each clip: mean absolute difference of neighbouring pictures, grey levels [clips].

    Pictures 0.2 s apart where the recording has motion, else those that the student sees.
    """
    found, stored = [], recording.motion
    for first in range(0, len(recording), _CHUNK):
        part = slice(first, first + _CHUNK)
        if stored is None:
            found.append(np.abs(np.diff(recording.video[part].astype(np.int16), axis=1)).mean(axis=(1, 2, 3)))
        else:
            found.append(read_motion(np.asarray(stored[part]))[0].mean(axis=(1, 2, 3)))
    return np.concatenate(found)


def with_movement(table: pd.DataFrame, recordings: Iterable[Recording]) -> pd.DataFrame:
    """A table from `clip_rows` of these very recordings, with the column `movement` (grey levels)."""
    return table.assign(movement=np.concatenate([movement(recording) for recording in recordings]))


def correspondence(table: pd.DataFrame) -> pd.DataFrame:
    """Fig. 11: for each stage the clip that the model gets right most confidently and the baseline gets wrong.

    If possible of different participants. A stage without such a clip has no row.
    """
    won = table[FILTERS["only_baseline_wrong"](table)]
    sure = won[PROBABILITIES].to_numpy()[np.arange(len(won)), won["stage"]]
    order = ["stage", "confidence", "recording_id", "clip"]
    return one_of_each(won.assign(confidence=sure).sort_values(order, ascending=[True, False, True, True]))


def junction(table: pd.DataFrame) -> pd.DataFrame:
    """Fig. 12 (a): a clip that both get wrong, where the clips before and after it are of two stages.

    Rather one that is itself of a third stage, and of these the one that the model gets wrong most confidently. No row
    where there is none; else one, with the columns `previous` and `next` (stages).
    """
    night = table.set_index(["recording_id", "clip"])["stage"]
    beside = {
        name: night.reindex(pd.MultiIndex.from_arrays([table["recording_id"], table["clip"] + step])).to_numpy()
        for name, step in (("previous", -1), ("next", 1))
    }
    bad = table.assign(**beside)[FILTERS["both_wrong"](table)]
    known = (bad["previous"] >= 0) & (bad["next"] >= 0) & (bad["previous"] != bad["next"])
    bad = bad[known].astype({"previous": int, "next": int})
    bad = bad.assign(three=(bad["stage"] != bad["previous"]) & (bad["stage"] != bad["next"]), sure=_confidence(bad))
    found = bad.sort_values(["three", "sure", "recording_id", "clip"], ascending=[False, False, True, True]).head(1)
    return found.drop(columns=["three", "sure"])


def restless(table: pd.DataFrame) -> pd.DataFrame:
    """Fig. 12 (b): of clips that both get wrong, the liveliest one of the participant who moves most; one row, or none.

    Needs the column `movement` (`with_movement`).
    """
    bad = table[FILTERS["both_wrong"](table)]
    if bad.empty:
        return bad
    who = people_movement(table)[bad["participant_id"].unique()].idxmax()
    return bad[bad["participant_id"] == who].sort_values("movement", ascending=False, kind="stable").head(1)


def people_movement(table: pd.DataFrame) -> pd.Series:
    """Mean movement of each participant's clips, grey levels."""
    return table.groupby("participant_id")["movement"].mean()


def main_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Fig. 13 (a–e): a confident example of each stage's most common error, in the order of the stages.

    Returns
    -------
    DataFrame
        Rows of the table with `share` (of the stage's clips that go there) and `of_errors` (of the stage's errors).
    """
    said = table[table["predicted"] != NOT_SCORED]
    chosen = one_of_each(error_examples(said))
    rates = common_errors(mean_confusion(said)).set_index("stage")[["share", "of_errors"]]
    rows = table.merge(chosen[["recording_id", "clip"]], on=["recording_id", "clip"]).sort_values("stage")
    return rows.join(rates.set_axis(range(len(STAGES))), on="stage")


def little_to_see(table: pd.DataFrame) -> pd.DataFrame:
    """Fig. 13 (f): of the clips that both get wrong, of whatever stage, that in which least moves; one row, or none.

    What the camera cannot see cannot be asked of a cohort; a clip without movement is one that shows little.
    """
    return table[FILTERS["both_wrong"](table)].sort_values("movement", kind="stable").head(1)


def _confidence(table: pd.DataFrame) -> np.ndarray:
    """Probability of the stage that the model says."""
    return table[PROBABILITIES].to_numpy()[np.arange(len(table)), table["predicted"]]
