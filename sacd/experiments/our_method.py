"""Notebook 17: our method beside others that may use all that it uses, and without each of its parts.

Few labels. Every row has the same trunk, the same context network and the same decision; in the first block the same
teacher too, smoothed over the night: what differs there is the method, and not the night. An ensemble of teachers was
part of the method's proposal; it is a row of its own where the profile has one.
"""

from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.common import OURS, folds, parts_of
from sacd.experiments.night import Row as NightRow
from sacd.experiments.night import night_methods, on_nights_beside, on_own_nights, run_of
from sacd.experiments.profile import Profile
from sacd.objectives import load_objective
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.student import StudentRun
from sacd.training.config import ObjectiveConfig, Options

ALIKE, PARTS = "all else alike", "with other parts"
COMPARED = ("ce", "kd", "sacd", OURS)
COMPLETE = load_objective(OURS).title
"""Its row, in both blocks."""


@dataclass(frozen=True)
class Row:
    """A row of notebook 17.

    Attributes
    ----------
    block : str
    name : str
    objective : str
    options : dict
        Of the objective.
    ensemble, smoothed, context : bool
        Whether its teacher is the ensemble, is smoothed over the night, and its student sees the night.
    """

    block: str
    name: str
    objective: str = OURS
    options: Options = field(default_factory=dict)
    ensemble: bool = False
    smoothed: bool = True
    context: bool = True


def rows(cohort: Cohort, profile: Profile) -> list[Row]:
    """Methods with all that ours has, then ours without each part, and with what it left out.

    Raises
    ------
    NotApplicable
        The profile leaves our method out; no recording is long enough.
    """
    known = night_methods(cohort, profile)
    if OURS not in known:
        raise NotApplicable(f"the methods of profile {profile.name} leave {OURS} out")
    return [
        *(Row(ALIKE, load_objective(name).title, name) for name in COMPARED if name in known),
        Row(PARTS, COMPLETE),
        Row(PARTS, "teacher not smoothed", smoothed=False),
        Row(PARTS, "all clips weigh the same", options={"confidence": 0.0}),
        Row(PARTS, "labels beside the teacher", options={"ce_weight": 0.5}),
        Row(PARTS, "student sees single clips", context=False),
        Row(PARTS, "KD as published in its place", "kd", smoothed=False),
        *([Row(PARTS, "an ensemble of teachers", ensemble=True)] if _parts(cohort, profile) > 1 else []),
    ]


def named_runs(cohort: Cohort, profile: Profile) -> list[tuple[Row, StudentRun]]:
    """Every run with its row, on a cohort of nights (`sacd.experiments.night.night_place`)."""
    return [
        (row, _run(row, cohort, profile, seed, fold))
        for row in rows(cohort, profile)
        for seed in range(profile.night.seeds)
        for fold in folds(cohort, profile)
    ]


def _parts(cohort: Cohort, profile: Profile) -> int:
    return parts_of(cohort, profile, profile.night.parts or 1)


def _run(row: Row, cohort: Cohort, profile: Profile, seed: int, fold: tuple[int, int] | None) -> StudentRun:
    student = NightRow(row.name, row.objective, profile.night.longest if row.context else 1)
    base = run_of(student, cohort, profile, "few-label", seed, fold)
    changes = {"objective": ObjectiveConfig(name=row.objective, options=row.options)}
    if base.teacher is not None:
        changes |= {"taught": "smoothed" if row.smoothed else "as-is"}
    if row.ensemble:
        changes |= {"teacher": EnsembleTeacherRun.of(base.teacher, _parts(cohort, profile))}
    return base.model_copy(update=changes)


def with_rows(predictions: pd.DataFrame, table: pd.DataFrame, named: list[tuple[Row, StudentRun]]) -> pd.DataFrame:
    """Predictions with the columns `block` and `method` of the rows; a run of several rows stands in each.

    Parameters
    ----------
    predictions : DataFrame
        From `runs.predictions`.
    table : DataFrame
        From `runs.ensure` of the named runs, in their order.
    """
    about = pd.DataFrame({
        "run_id": table["run_id"], "block": [row.block for row, _ in named], "method": [row.name for row, _ in named],
    })
    known = predictions.drop(columns="method").drop_duplicates(["run_id", "decision", "recording_id", "clip"])
    return about.merge(known, on="run_id")


our_runs, our_companions = partial(on_own_nights, named_runs), partial(on_nights_beside, named_runs)
"""Notebook 17."""
