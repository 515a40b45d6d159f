"""The kind of run *selected*: the best of several students by validation, which alone is tested."""

import shutil
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from sacd.cohort import Modality
from sacd.cohort.splits import Split
from sacd.decisions import Correction, NightModel
from sacd.runs.execute import Making
from sacd.runs.kind import LabelledRun, RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.runs.outputs import load_network


class SelectedRun(LabelledRun):
    """The best of several students by its score on the validation participants; it alone need be tested."""

    kind: Literal["selected"] = "selected"
    trials: tuple[StudentRun, ...] = Field(min_length=1)

    @classmethod
    def of(cls, trials: Sequence[StudentRun]) -> "SelectedRun":
        """The choice between students that see the same participants; the first is the published setting."""
        shared = ("model", "training", "protocol", "labelled", "fold", "seed")
        return cls(trials=tuple(trials), **{name: getattr(trials[0], name) for name in shared})

    @property
    def dependencies(self) -> list[RunConfig]:
        """The trials."""
        return list(self.trials)

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Video, of the clips that the chosen one is tested on."""
        return ("video",)

    @property
    def name(self) -> str:
        """That of its trials."""
        return self.trials[0].name

    def content(self) -> dict[str, Any]:
        """Its kind: the trials, on which it depends, say the rest."""
        return {"kind": self.kind}

    def row(self) -> dict[str, Any]:
        """The first trial's, and how many there are."""
        return self.trials[0].row() | {"kind": self.kind, "trials": len(self.trials)}

    @property
    def networks(self) -> tuple[str, ...]:
        """None: it trains nothing."""
        return ()

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """The chosen one's of validation and test participants."""
        return [(split.validation + split.test, self.model.name)]

    def make(self, making: Making) -> dict[str, Any]:
        """Test the trial with the best validation score, the earliest of equal ones; its figures."""
        trials = [making.store.open(trial, making.cohort) for trial in self.trials]
        best = int(np.argmax([trial.metrics["best_score"] for trial in trials]))
        chosen = self.trials[best]
        network, _ = load_network(chosen, trials[best].path)
        figures = making.evaluate(
            network, lambda clips: chosen.inputs(making.cohort, making.store, clips, making.fabric)
        )
        for name in ("weights.safetensors", Correction.file, NightModel.file):
            shutil.copy(trials[best].path / name, making.folder)
        making.describe(tuple(trials[best].description["input_shape"]))
        trained = ("steps", "best_step", "best_score", "seconds", "clips_per_second")
        about = {"chosen": trials[best].path.name, "trial": best}
        return about | {name: trials[best].metrics[name] for name in trained} | figures
