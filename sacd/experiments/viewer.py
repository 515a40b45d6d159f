"""Notebook 12: the clips of Figs. 11, 12 and 13, and the two students whose answers they compare."""

import pandas as pd

from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.distillation import embeddings
from sacd.experiments.profile import Profile
from sacd.runs.kind import RunConfig


def no_clips(cohort: Cohort) -> str | None:
    """Why notebook 12 does not apply: it shows pictures beside EEG, and the cohort has features in place of either."""
    for modality in ("video", "eeg"):
        if getattr(cohort.info, modality) == "features":
            return f"the cohort holds features of the {modality}, and no clip to show; open it on a simulated cohort"
    return None


def compared_runs(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """The students of notebook 06, one seed and fold: CE, KD and SACD as far as the profile has them.

    Raises
    ------
    NotApplicable
        The profile has fewer than two of them: nobody to compare.
    """
    found = embeddings(cohort, profile)
    if len(found) < 2:
        raise NotApplicable(f"it compares two methods, of which profile {profile.name} has one")
    return found


def compared(predictions: pd.DataFrame) -> tuple[str, str]:
    """Names of the model and of the baseline: the last and the first method of some predictions."""
    names = list(predictions["method"].unique())
    return names[-1], names[0]
