"""Frozen configurations of runs and profiles; the paper's settings are the defaults (paper section V-B)."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Protocol = Literal["paper", "few-label"]
Options = dict[str, int | float | str | bool]


TRAINING_VERSION = 2
"""Enters the identity of every run; raised when the loop, sampler, transforms or pretext change numbers."""


class Frozen(BaseModel):
    """Base of every configuration: immutable, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Frozen):
    """A network by its name in `sacd.models.MODELS`, with keyword options; `weights` names a published checkpoint."""

    name: str
    options: Options = {}
    weights: str | None = None


class ObjectiveConfig(Frozen):
    """A way of distilling by its name in `sacd.objectives`, or ``file.py:Class``, with keyword options."""

    name: str = "ce"
    options: Options = {}


class TrainingConfig(Frozen):
    """How a network is trained. Batches hold `batch` clips; `validate_every` is in steps."""

    steps: int = Field(gt=0)
    batch: int = Field(default=16, gt=0)
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = Field(default=0.001, gt=0)
    weight_decay: float = 5e-4
    schedule: Literal["constant", "cosine"] = "constant"
    sampler: Literal["window", "random"] = "window"
    validate_every: int = Field(default=500, gt=0)
    augment: bool = True
    normalise: Literal["standard", "clip-mean"] = "standard"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    momentum_encoder: float = Field(default=0.999, ge=0, lt=1)


class RunConfig(Frozen):
    """What every run has. `fold` is (i, k), 0 ≤ i < k, where the cohort is split into folds."""

    kind: str
    model: ModelConfig
    training: TrainingConfig
    fold: tuple[int, int] | None = None
    seed: int = 0

    @property
    def dependencies(self) -> list["RunConfig"]:
        """Runs that must be done before this one."""
        return []

    def minimal(self) -> dict[str, Any]:
        """The configuration without default values and without dependencies: what enters the run's identity."""
        names = {name for name, value in self if isinstance(value, RunConfig)}
        return self.model_dump(mode="json", exclude_defaults=True, exclude=names) | {"kind": self.kind}


class LabelledRun(RunConfig):
    """A run that sees labels; `labelled` participants in the few-label protocol (a quarter of them validate).

    With `part` (i, k) it trains without part i of k of its labelled participants: for their out-of-fold features.
    """

    protocol: Protocol = "paper"
    labelled: int | None = None
    part: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _budget_belongs_to_few_label(self) -> "LabelledRun":
        if (self.protocol == "few-label") != (self.labelled is not None):
            raise ValueError("a number of labelled participants belongs to the few-label protocol, and only to it")
        return self


class TeacherRun(LabelledRun):
    """A stage classifier on EEG; feature columns whose name contains `without` are hidden from it."""

    kind: Literal["teacher"] = "teacher"
    without: str = ""


class TrunkRun(RunConfig):
    """A video trunk trained without any label, to predict motion statistics computed from the pixels."""

    kind: Literal["trunk"] = "trunk"


class StudentRun(LabelledRun):
    """A stage classifier on video. With a `trunk` it is an MLP on that trunk's frozen features.

    A control: with `shifted` the teacher's outputs are those of another time of the same night. Runs of a sweep keep
    neither weights (`keep_weights`) nor test predictions (`test`).
    """

    kind: Literal["student"] = "student"
    objective: ObjectiveConfig = ObjectiveConfig()
    teacher: TeacherRun | None = None
    trunk: TrunkRun | None = None
    shifted: bool = False
    test: bool = True
    keep_weights: bool = True

    @property
    def tier(self) -> str:
        """*raw*: trains on video; *frozen*: on a trunk's features; *features*: on given feature vectors."""
        if self.trunk is not None:
            return "frozen"
        return "features" if self.model.name == "mlp" else "raw"

    @property
    def dependencies(self) -> list[RunConfig]:
        return [run for run in (self.teacher, self.trunk) if run is not None]


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
        return list(self.trials)

    def minimal(self) -> dict[str, Any]:
        """Its kind: the trials, on which it depends, say the rest."""
        return {"kind": self.kind}


class FusionRun(LabelledRun):
    """Experiments A–D of Table IV: a head on the features of both encoders, frozen (A, B) or released (C, D).

    A frozen encoder has seen the labels of its own training participants, and its features of them are over-confident.
    With `parts` > 1 a head of A and B trains on features of encoders that were trained without that participant; with
    1 on the encoders' own, as the paper does.
    """

    kind: Literal["fusion"] = "fusion"
    model: ModelConfig = ModelConfig(name="fusion")
    experiment: Literal["A", "B", "C", "D"]
    eeg: TeacherRun
    video: StudentRun
    parts: int = Field(default=3, gt=0)

    @model_validator(mode="after")
    def _encoders_of_the_same_participants(self) -> "FusionRun":
        if self.part is not None:
            raise ValueError("a fusion trains on all of its labelled participants; only encoders leave a part out")
        for encoder in (self.eeg, self.video):
            for name in ("protocol", "labelled", "fold", "seed", "part"):
                if getattr(encoder, name) != getattr(self, name):
                    raise ValueError(f"the encoders of a fusion must have its {name}, to train on its participants")
        return self

    @property
    def released(self) -> bool:
        """Whether the encoders train too, from their trained weights."""
        return self.experiment in "CD"

    @property
    def layers(self) -> int:
        """Fully connected layers of the head."""
        return 1 if self.experiment in "AC" else 3

    def encoders(self, part: int | None = None) -> tuple[TeacherRun, StudentRun]:
        """The EEG and the video encoder; those that were trained without a part of the labelled participants."""
        if part is None:
            return self.eeg, self.video
        own = {"part": (part, self.parts)}
        # A student whose test features nobody reads need not be told of the test participants.
        return self.eeg.model_copy(update=own), self.video.model_copy(update=own | {"test": False})

    @property
    def dependencies(self) -> list[RunConfig]:
        parts = range(self.parts) if self.parts > 1 and not self.released else ()
        return [*self.encoders(), *(encoder for part in parts for encoder in self.encoders(part))]


class ReverseRun(TeacherRun):
    """Experiments E–G of Table IV: an EEG network that learns from a trained video network, the `source`.

    The source is frozen, or `released`: then it trains too, as the student of the EEG network (eq. 1–5 as printed).
    """

    kind: Literal["reverse"] = "reverse"
    objective: ObjectiveConfig
    source: StudentRun
    released: bool = False

    @property
    def experiment(self) -> str | None:
        """Its letter in Table IV, where it has one."""
        known = {("sacd", False): "E", ("sacd", True): "F", ("ccl", True): "G"}
        return None if self.objective.options else known.get((self.objective.name, self.released))

    @property
    def dependencies(self) -> list[RunConfig]:
        return [self.source]


RUN_KINDS: dict[str, type[RunConfig]] = {
    "teacher": TeacherRun,
    "trunk": TrunkRun,
    "student": StudentRun,
    "selected": SelectedRun,
    "fusion": FusionRun,
    "reverse": ReverseRun,
}


def parse_run(text: str) -> RunConfig:
    """A RunConfig from its JSON text."""
    raw = json.loads(text)
    return RUN_KINDS[raw["kind"]].model_validate(raw)
