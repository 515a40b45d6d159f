"""Runs that take a network from another cohort; the kind *carried-teacher*: a teacher that speaks of new nights."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal

from sacd.cohort import Cohort
from sacd.decisions import Correction, NightModel
from sacd.exceptions import SacdError
from sacd.models.base import Network
from sacd.runs.execute import Making
from sacd.runs.kind import hash_of_weights
from sacd.runs.kinds.encoder import StageRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.outputs import cached_outputs, load_network
from sacd.runs.store import Run, RunStore
from sacd.training.clip_set import Arrays
from sacd.training.config import Frozen
from sacd.training.inputs import whole_set


class Parent(Frozen):
    """A finished run of another cohort: its id, and the folder where its weights lie."""

    run_id: str
    folder: str

    @classmethod
    def of(cls, run: Run) -> "Parent":
        """Of a run with weights."""
        return cls(run_id=run.path.resolve().name, folder=str(run.path.resolve()))

    @property
    def path(self) -> Path:
        """Its folder."""
        return Path(self.folder)

    @property
    def description(self) -> dict[str, Any]:
        """As `Run.description`."""
        return json.loads((self.path / "config.json").read_text())


class CarriedRun(StageRun):
    """A stage classifier whose network was trained on another cohort: a laboratory's first labels come on top.

    It is known by its parent's id and weights, wherever these lie. A cohort that does not say whom to test has nobody
    tested: its few labels are needed.
    """

    parent: Parent

    @property
    def holds_out(self) -> bool:
        """Nobody is held out unasked."""
        return False

    def content(self) -> dict[str, Any]:
        """The parent's id, not its place."""
        return super().content() | {"parent": self.parent.run_id}

    def versions(self) -> dict[str, Any]:
        """Also the parent's weights."""
        file = self.parent.path / "weights.safetensors"
        if not file.is_file():
            raise SacdError(f"{file}: not found; put the run {self.parent.run_id} back, or go on from another")
        return super().versions() | {"parent": hash_of_weights(file)}

    def row(self) -> dict[str, Any]:
        """Also the parent."""
        return super().row() | {"parent": self.parent.run_id}

    def start(self, shape: tuple[int, ...], participants: int) -> Network:
        """The parent's network."""
        return load_network(self, self.parent.path)[0]


class CarriedTeacherRun(CarriedRun, TeacherRun):
    """The teacher of a student that goes on elsewhere, as it is: EEG looks alike wherever it is recorded.

    What it has learnt of decisions goes with it. The new cohort's scorers judge it; it learns nothing from them.
    """

    kind: Literal["carried-teacher"] = "carried-teacher"

    @property
    def networks(self) -> tuple[str, ...]:
        """It trains none."""
        return ()

    def check(self, cohort: Cohort) -> None:
        """Also that the EEG has the channels that it knows."""
        super().check(cohort)
        some = [next(iter(cohort))]
        found = list(Arrays(whole_set(some), self.arrays(cohort, RunStore.beside(cohort), some)).shape)
        known = self.parent.description["input_shape"]
        if known != found:
            raise SacdError(
                f"{cohort.path}: a clip of its EEG has the shape {found}, the teacher of {self.parent.run_id} knows "
                f"{known}; ingest the same channels, or name an objective without a teacher (ce, self-training)"
            )

    def make(self, making: Making) -> dict[str, Any]:
        """Keep its weights, and what it says of the new cohort's clips."""
        about, cohort, store = self.parent.description, making.cohort, making.store
        making.participant_classes = about["participant_classes"]
        making.describe(tuple(about["input_shape"]))
        network = self.start(tuple(about["input_shape"]), making.participant_classes)
        making.keep(network)
        for name in (Correction.file, NightModel.file):
            if (self.parent.path / name).exists():
                shutil.copy(self.parent.path / name, making.folder)
        figures = making.evaluate(network, lambda clips: self.inputs(cohort, store, clips, making.fabric), self.tested)
        cached_outputs(self, cohort, store, cohort.of(making.split.labelled + making.split.unlabelled))
        return {"steps": 0, "seconds": 0.0} | figures
