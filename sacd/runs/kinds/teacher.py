"""The kind of run *teacher*: a stage classifier on EEG."""

from typing import Any, Literal

import numpy as np

from sacd.cohort import Cohort, Modality, Recording
from sacd.cohort.splits import Split
from sacd.exceptions import SacdError
from sacd.runs.execute import Making
from sacd.runs.kinds.encoder import StageRun
from sacd.runs.outputs import cached_outputs
from sacd.runs.store import RunStore
from sacd.training.clip_set import Stored
from sacd.training.tasks import TeacherTask


class EEGRun(StageRun):
    """A stage classifier on EEG; feature columns whose name contains `without` are hidden from it."""

    without: str = ""

    @property
    def modality(self) -> Modality:
        """EEG."""
        return "eeg"

    def arrays(self, cohort: Cohort, store: RunStore, recordings: list[Recording]) -> list[Stored]:
        """EEG, or the features of it that it may see."""
        if not (self.without and self.reads_features(cohort)):
            return super().arrays(cohort, store, recordings)
        columns = feature_columns(cohort.info.sampling.eeg_features, self.without)
        return [recording.eeg[:, columns] for recording in recordings]


class TeacherRun(EEGRun):
    """A network that students learn from; what it says of their training clips is kept with it."""

    kind: Literal["teacher"] = "teacher"

    def row(self) -> dict[str, Any]:
        """Also what is hidden from it."""
        name = self.model.name + (f" without {self.without}" if self.without else "")
        return super().row() | {"teacher": name, "method": f"Teacher ({name})"}

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """Also the training participants', for the students."""
        taught = split.labelled + split.unlabelled if self.part is None else ()
        return [*super().inferences(split), (taught, self.model.name)]

    def task(self, making: Making) -> TeacherTask:
        """Cross-entropy; a participant head has a class for each labelled training participant."""
        return TeacherTask(*self.common(making, pairs=False, participants=len(making.split.labelled)))

    def make(self, making: Making) -> dict[str, Any]:
        """Train it and keep what it says of the training participants' clips."""
        making.participant_classes = len(making.split.labelled)
        figures = super().make(making)
        if self.part is None:
            taught = making.cohort.of(making.split.labelled + making.split.unlabelled)
            cached_outputs(self, making.cohort, making.store, taught)
        return figures


def feature_columns(names: tuple[str, ...], without: str) -> np.ndarray:
    """Indices of feature columns whose name does not contain `without`."""
    kept = [i for i, name in enumerate(names) if without not in name]
    if not kept:
        raise SacdError(f"without={without!r} hides every feature of the teacher; the names are {', '.join(names)}")
    return np.array(kept)
