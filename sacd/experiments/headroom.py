"""Does distillation pay here: the cheap runs of Table II that answer it before anything else is trained."""

import pandas as pd

from sacd.analysis.headroom import knowledge
from sacd.cohort import Cohort
from sacd.experiments.common import PROTOCOLS, folds, student, teacher
from sacd.experiments.distillation import tiers
from sacd.experiments.profile import Profile
from sacd.runs.kind import RunConfig

LABELS = {"few-label": "few labels", "paper": "all labels"}
FEW_STUDENT, ALL_STUDENT, FEW_TEACHER = "student, few labels", "student, all labels", "teacher, few labels"


def headroom(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 02: the profile's teacher and a student by CE, from few and from all labels, in Table II's last tier."""
    return [
        run
        for protocol in PROTOCOLS
        for seed in range(profile.seeds)
        for fold in folds(cohort, profile)
        for run in (
            teacher(cohort, profile, protocol, seed, fold),
            student(cohort, profile, "ce", protocol, seed, fold, tiers(cohort, profile, protocol)[-1]),
        )
    ]


def systems(predictions: pd.DataFrame) -> pd.Series:
    """What `headroom`'s predictions are of, e.g. ``student, few labels``."""
    return predictions["kind"] + ", " + predictions["protocol"].map(LABELS)


def known_by_teacher(predictions: pd.DataFrame) -> pd.DataFrame:
    """`sacd.analysis.headroom.knowledge` of each protocol's teacher and student, with the column `labels`."""
    parts = []
    for protocol, labels in LABELS.items():
        own = dict(list(predictions[predictions["protocol"] == protocol].groupby("kind")))
        parts.append(knowledge(own["teacher"], own["student"]).assign(labels=labels))
    return pd.concat(parts, ignore_index=True)
