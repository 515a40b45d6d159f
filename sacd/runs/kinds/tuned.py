"""The kind of run *tuned*: a student whose correction for the prior has the τ that serves its labelled people best.

τ is chosen by macro-F1 on predictions of all labelled people that are cross-fitted by participant: of the training ones
by students that were trained without them, each corrected with its own temperature and prior; of the validation ones,
whose labels moved no weight, by the student itself. Test participants and hidden labels take no part. A teacher is the
same for all: it has seen the left-out people's labels, but not one of their clips is shown to the student that it
teaches then.
"""

import shutil
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from sacd.cohort import Modality
from sacd.cohort.splits import Split
from sacd.decisions import Correction, NightModel
from sacd.decisions.prior import TAUS, best_tau
from sacd.metrics import confusion, macro_f1
from sacd.runs.execute import PROBABILITIES, Making, prediction_table
from sacd.runs.kind import LabelledRun, RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.runs.outputs import joined_outputs
from sacd.training.clip_set import ClipSet


class TunedRun(LabelledRun):
    """A student, and those that were trained without part i of `parts` of its labelled training participants."""

    kind: Literal["tuned"] = "tuned"
    student: StudentRun
    parts: int = Field(default=3, gt=1)

    @classmethod
    def of(cls, student: StudentRun, parts: int = 3) -> "TunedRun":
        """The tuned decision of a student that is tested on all its test participants."""
        shared = ("model", "training", "protocol", "labelled", "fold", "seed")
        return cls(student=student, parts=parts, **{name: getattr(student, name) for name in shared})

    @property
    def without(self) -> list[StudentRun]:
        """The students that were trained without a part; nobody reads their test predictions."""
        changes = [{"part": (part, self.parts), "test": False} for part in range(self.parts)]
        return [self.student.model_copy(update=change) for change in changes]

    @property
    def dependencies(self) -> list[RunConfig]:
        """The student, and those without a part."""
        return [self.student, *self.without]

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Video, of the participants that were left out."""
        return ("video",)

    @property
    def name(self) -> str:
        """The student's."""
        return self.student.name

    def content(self) -> dict[str, Any]:
        """Its kind: the students, on which it depends, say the rest."""
        return {"kind": self.kind}

    def row(self) -> dict[str, Any]:
        """The student's."""
        return self.student.row() | {"kind": self.kind}

    @property
    def networks(self) -> tuple[str, ...]:
        """None: it trains nothing."""
        return ()

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """The left-out participants."""
        return [(split.labelled, self.model.name)]

    def make(self, making: Making) -> dict[str, Any]:
        """Choose τ; the student's predictions and figures, and its correction with that τ."""
        cohort, store = making.cohort, making.store
        own = store.open(self.student, cohort)
        correction, said = Correction.read(own.path), own.predictions
        known = [(correction, said[said["split"] == "validation"])]
        for part, student in enumerate(self.without):
            names = making.split.part(part, self.parts)
            clips = ClipSet(cohort.of(names), names, self.training.flagged)
            logits = joined_outputs(student, cohort, store, clips.recordings).logits
            fitted = Correction.read(store.folder(student, cohort))
            known.append((fitted, prediction_table(clips, clips.recordings, logits)))
        tables = pd.concat([table for _, table in known])
        stage, participant = (tables[column].to_numpy() for column in ("stage", "participant_id"))

        def score(tau: float) -> float:
            predicted = [fitted.stages(table[PROBABILITIES].to_numpy(), tau) for fitted, table in known]
            return float(macro_f1(confusion(stage, np.concatenate(predicted), participant)))

        scores = {tau: score(tau) for tau in TAUS}
        tau = best_tau(scores)
        correction.model_copy(update={"tau": tau}).write(making.folder)
        for name in ("predictions.parquet", NightModel.file):
            shutil.copy(own.path / name, making.folder)
        making.describe(tuple(own.description["input_shape"]))
        return own.metrics | {"tau": tau} | {f"macro_f1_tau_{each:g}": value for each, value in scores.items()}
