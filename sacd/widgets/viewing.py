"""What a viewer looks at: a cohort, clips in the order they are walked through, and what models say of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from sacd.analysis.clip_filters import FILTERS, clip_rows, select
from sacd.cohort import Cohort, Recording
from sacd.cohort.remarks import Remarks
from sacd.exceptions import SacdError
from sacd.stages import NOT_SCORED, STAGES

CHANCES = [f"p_{stage}" for stage in STAGES]
Clips = pd.DataFrame | Iterable[tuple[str, int]]


@dataclass(frozen=True, eq=False)
class Viewing:
    """All that answers need.

    Attributes
    ----------
    cohort : Cohort
    clips : DataFrame
        `recording_id` and `clip`, a row each, in the order they are walked through.
    predictions : DataFrame
        `run` (a model's name), `recording_id`, `clip`, `predicted` and perhaps `p_W` … `p_REM`.
    remarks : Remarks or None
        Where a reader's labels go; without, nothing can be written.
    occlusion : callable or None
        ``occlusion(recording_id, clip)`` → float32 [time, height, width], how much the model loses without that part.
    reader : str
        Who writes remarks.
    """

    cohort: Cohort
    clips: pd.DataFrame
    predictions: pd.DataFrame
    remarks: Remarks | None = None
    occlusion: Callable[[str, int], np.ndarray] | None = None
    reader: str = "reader"

    @property
    def runs(self) -> list[str]:
        """Names of the models, as they come."""
        return self.predictions["run"].unique().tolist()

    def recording(self, recording_id: object) -> Recording:
        """A recording of the cohort; `SacdError` where there is none of that name."""
        if not isinstance(recording_id, str) or recording_id not in self.cohort.recordings["recording_id"].values:
            raise SacdError(f"recording {recording_id!r} is not in {self.cohort.path}; name one of its recordings")
        return self.cohort[recording_id]

    def row(self, recording: Recording, clip: object) -> int:
        """Where a clip stands in the arrays of its recording; `SacdError` where it does not."""
        rows = np.flatnonzero(recording.clips["clip"].to_numpy() == clip)
        if not isinstance(clip, int) or not len(rows):
            raise SacdError(f"{recording.recording_id} has no clip {clip!r}; name one of its {len(recording)}")
        return int(rows[0])

    def said(self, recording: Recording) -> tuple[np.ndarray, np.ndarray]:
        """What each model says of every clip of a night.

        Returns
        -------
        predicted : ndarray [runs, clips] int8
            −1 where it says nothing.
        probability : ndarray [runs, clips, 5] float32
            NaN where it says nothing.
        """
        numbers = recording.clips["clip"].to_numpy()
        predicted = np.full((len(self.runs), len(numbers)), NOT_SCORED, np.int8)
        probability = np.full((*predicted.shape, len(STAGES)), np.nan, np.float32)
        own = self.predictions[self.predictions["recording_id"] == recording.recording_id]
        known = set(CHANCES) <= set(own)
        for index, run in enumerate(self.runs):
            rows = own[own["run"] == run].set_index("clip").reindex(numbers)
            predicted[index] = rows["predicted"].fillna(NOT_SCORED)
            if known:
                probability[index] = rows[CHANCES]
        return predicted, probability

    def pairs(self, clips: pd.DataFrame | None = None) -> np.ndarray:
        """Clips as numbers, int32 [n, 2]: the place of their recording in the cohort, and the clip; by default all."""
        table = self.clips if clips is None else clips
        place = {name: place for place, name in enumerate(self.cohort.recordings["recording_id"])}
        return np.column_stack([table["recording_id"].map(place), table["clip"]]).astype(np.int32).reshape(-1, 2)


@lru_cache(maxsize=4)
def rows_of(viewing: Viewing, model: str | None, baseline: str | None) -> pd.DataFrame:
    """The table that filters ask, of the nights that the viewing's clips come from."""
    nights = set(viewing.clips["recording_id"])
    recordings = [recording for recording in viewing.cohort if recording.recording_id in nights]
    said = viewing.predictions.assign(method=viewing.predictions["run"])
    return clip_rows(recordings, said, model, baseline)


def questions(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The filters that a table of clips allows: name, title, and the values to choose from (None: a yes or no)."""
    return [
        {"name": name, "title": one.title, "choices": None if one.choices is None else one.choices(table)}
        for name, one in FILTERS.items() if one.applies(table)
    ]


def narrowed(
    viewing: Viewing, table: pd.DataFrame, names: Sequence[str], uncertain: bool, values: Mapping[str, str]
) -> pd.DataFrame:
    """Those of the viewing's clips that filters leave, in their order, or by falling uncertainty."""
    key = ["recording_id", "clip"]
    found = select(table, names, uncertain, **values)[key]
    return found.merge(viewing.clips, on=key) if uncertain else viewing.clips.merge(found, on=key)


def named_runs(predictions: pd.DataFrame | None) -> pd.DataFrame:
    """Predictions with the column `run`: what `sacd.runs.predictions` gives names its runs by *run*, else *method*.

    Raises
    ------
    SacdError
        A column is missing, or a run says two things of a clip.
    """
    if predictions is None:
        return pd.DataFrame(columns=["run", "recording_id", "clip", "stage", "predicted"])
    missing = [name for name in ("recording_id", "clip", "predicted") if name not in predictions]
    if missing:
        raise SacdError(f"predictions: no column {', '.join(missing)}; give what runs.predictions returns")
    name = next((predictions[column] for column in ("run", "method") if column in predictions), "model")
    named = predictions.assign(run=name).astype({"run": str})
    twice = named[named.duplicated(["run", "recording_id", "clip"])]
    if len(twice):
        run, recording, clip = twice.iloc[0][["run", "recording_id", "clip"]]
        raise SacdError(
            f"predictions: {run} says several things of {recording}, clip {clip}; "
            "choose one seed and decision, or tell them apart in a column run"
        )
    return named


def listed(cohort: Cohort, clips: Clips | None, predictions: pd.DataFrame) -> pd.DataFrame:
    """The clips to walk through: those given, else all of the nights that models speak of, else all.

    Returns
    -------
    DataFrame
        `recording_id`, `clip`.
    """
    if clips is None:
        spoken = set(predictions["recording_id"])
        nights = [recording for recording in cohort if not spoken or recording.recording_id in spoken]
        parts = [night.clips[["clip"]].assign(recording_id=night.recording_id) for night in nights]
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["recording_id", "clip"])
    elif isinstance(clips, pd.DataFrame):
        table = clips
    else:
        table = pd.DataFrame(list(clips), columns=["recording_id", "clip"])
    table = table[["recording_id", "clip"]].drop_duplicates().reset_index(drop=True)
    if not len(table):
        raise SacdError("there is no clip to look at; give at least one")
    stray = table.loc[~table["recording_id"].isin(cohort.recordings["recording_id"]), "recording_id"]
    if len(stray):
        raise SacdError(f"recording {stray.iloc[0]!r} is not in {cohort.path}; name clips of its recordings")
    return table.astype({"clip": int})
