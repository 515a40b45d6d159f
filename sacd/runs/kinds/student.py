"""The kind of run *student*: a stage classifier on video that an objective distils."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import model_validator

from sacd.cohort import Cohort, Modality, Recording
from sacd.cohort.clock import clock
from sacd.cohort.splits import Split
from sacd.decisions import night_model
from sacd.exceptions import SacdError
from sacd.models import MODELS
from sacd.objectives import build_objective, identity, load_objective, short_name
from sacd.objectives.base import Context, Objective
from sacd.runs.execute import Making
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.encoder import StageRun
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.outputs import Taught, cached_outputs, joined_outputs
from sacd.runs.store import RunStore
from sacd.stages import STAGES
from sacd.training.clip_set import ClipSet, Stored
from sacd.training.config import ObjectiveConfig
from sacd.training.inputs import Outputs
from sacd.training.tasks import StudentTask

CLOCK = "clock"
"""The view that shows a student nothing but the time."""


class ObjectiveRun(RunConfig):
    """A classifier that an objective trains."""

    objective: ObjectiveConfig = ObjectiveConfig()

    @property
    def distils(self) -> ObjectiveConfig:
        """Its objective."""
        return self.objective

    @property
    def name(self) -> str:
        """Its objective's."""
        return short_name(self.objective.name)

    @property
    def method(self) -> str:
        """The objective's title, with its options."""
        options = ", ".join(f"{key}={value}" for key, value in sorted(self.objective.options.items()))
        return (load_objective(self.objective.name).title or self.name) + (f" ({options})" if options else "")

    @property
    def sees_posterior(self) -> bool:
        """The oracle control is told it."""
        return load_objective(self.objective.name).needs_posterior

    def check(self, cohort: Cohort) -> None:
        """Also that there is a posterior, where it is told one."""
        super().check(cohort)
        if self.sees_posterior and not cohort.has_posterior:
            raise SacdError(f"{cohort.path}: holds no posterior of a simulator; leave objective {self.name} out")

    def content(self) -> dict[str, Any]:
        """An objective of one's own is known by its file's content, not by where it lies."""
        own = super().content()
        if ":" in self.objective.name:
            own["objective"]["name"] = self.name
        return own

    def versions(self) -> dict[str, Any]:
        """Also the objective's."""
        return super().versions() | {"objective": identity(self.objective.name)}

    @property
    def needs(self) -> Objective:
        """An instance that says what the objective asks for: options can take terms away."""
        options = tuple(self.objective.options.items())
        return _instance(self.objective.name, identity(self.objective.name), options)

    def build_objective(self, context: Context) -> Objective:
        """The objective, its own networks initialised from the run's seed."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed + 1)
            return build_objective(self.objective.name, context, self.objective.options)

    def distillation(
        self, feature_dim: int, clips: ClipSet, teacher: Outputs | None = None, n_classes: int = len(STAGES)
    ) -> dict[str, Any]:
        """Keyword arguments of its `StudentTask` that every distilled run has; `teacher` where it is frozen."""
        context = Context(
            n_clips=len(clips), student_dim=feature_dim, n_classes=n_classes, n_nights=len(clips.recordings),
            label=torch.from_numpy(clips.label),
            teacher_logits=None if teacher is None else torch.from_numpy(teacher.logits),
        )
        return {
            "objective": self.build_objective(context), "teacher": teacher,
            "momentum": self.training.momentum_encoder, "diagnose_every": self.training.validate_every,
            "labelled_weight": self.training.labelled_weight,
        }


class DistilledRun(ObjectiveRun, StageRun):
    """A stage classifier that an objective trains."""


class StudentRun(DistilledRun):
    """A stage classifier on video. With a `trunk` it is an MLP on that trunk's frozen features.

    Of a feature cohort it sees the columns whose names begin with `view`, or with one of several, separated by commas.
    With the view "clock" it sees nothing of any cohort but the time (`sacd.cohort.clock`): a control.
    What its teacher says of a clip it is `taught` as it is, or smoothed over the night (`sacd.runs.outputs`), or as a
    control shifted: what was said of another time of the same night. Runs of a sweep keep neither weights
    (`keep_weights`) nor test predictions (`test`).
    """

    trained_by: ClassVar[type[StudentTask]] = StudentTask
    kind: Literal["student"] = "student"
    teacher: TeacherRun | EnsembleTeacherRun | None = None
    trunk: TrunkRun | ContinuedTrunkRun | None = None
    taught: Taught = "as-is"
    view: str = ""
    keep_weights: bool = True

    @model_validator(mode="after")
    def _objective_has_what_it_needs(self) -> "StudentRun":
        if self.teacher is None and self.needs.needs_teacher:
            raise SacdError(f"objective {self.name} learns from a teacher; name one")
        if self.teacher is None and self.taught != "as-is":
            raise SacdError(f"taught: {self.taught} is about a teacher; name one")
        return self

    @property
    def tier(self) -> str:
        """*raw*: trains on video; *frozen*: on a trunk's features; *features*: on those that a cohort holds."""
        if self.trunk is not None:
            return "frozen"
        return "features" if MODELS[self.model.name].kind == "features" else "raw"

    @property
    def leaves_weights(self) -> bool:
        """A run of a sweep may not."""
        return self.keep_weights

    @property
    def dependencies(self) -> list[RunConfig]:
        """Its teacher and its trunk."""
        return [run for run in (self.teacher, self.trunk) if run is not None]

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Of the EEG it reads nothing but its teacher's outputs, which follow from it."""
        return ("eeg", "video") if self.teacher is not None else ("video",)

    def versions(self) -> dict[str, Any]:
        """Also that of the smoothing, where its teacher is smoothed."""
        return super().versions() | ({"smoothing": night_model.VERSION} if self.taught == "smoothed" else {})

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """Also unlabelled participants."""
        return super().roles(split) | {"unlabelled": split.unlabelled}

    def row(self) -> dict[str, Any]:
        """Objective with its options and controls, tier, student, the weights of its trunk, teacher."""
        hidden = f", teacher without {self.teacher.without}" if self.teacher and self.teacher.without else ""
        taught = {"as-is": "", "shifted": ", EEG shifted", "smoothed": ", teacher smoothed"}[self.taught]
        seen = {"view": self.view} if self.view else {}
        return super().row() | seen | {
            "method": self.method + hidden + taught,
            "objective": self.objective.name, "student": self.model.name, "tier": self.tier,
            "trunk": "" if self.trunk is None else self.trunk.title_of_weights,
            "teacher": "none" if self.teacher is None else self.teacher.model.name,
        }

    def reads_features(self, cohort: Cohort) -> bool:
        """Also where it stands on a trunk, or sees the time alone."""
        return self.trunk is not None or self.view == CLOCK or super().reads_features(cohort)

    def check(self, cohort: Cohort) -> None:
        """Also that there is what it should see."""
        super().check(cohort)
        if self.view not in ("", CLOCK):
            columns_of(cohort, self.view)

    def arrays(self, cohort: Cohort, store: RunStore, recordings: list[Recording]) -> list[Stored]:
        """Video, its trunk's features of it, the columns of a feature cohort that it sees, or the time.

        Nights that were simulated straight to its trunk's features hold them already.
        """
        if self.view == CLOCK:
            return [clock(recording.clips["clip"].to_numpy()) for recording in recordings]
        view = self.view or ("trunk" if self.trunk is not None and self.trunk.wrote(cohort) else "")
        if view:
            columns = columns_of(cohort, view)
            return [recording.video[:, columns] for recording in recordings]
        if self.trunk is None:
            return super().arrays(cohort, store, recordings)
        found = cached_outputs(self.trunk, cohort, store, recordings)
        return [found[recording.recording_id].features for recording in recordings]

    def task(self, making: Making) -> StudentTask:
        """The objective on pairs of video and cached teacher outputs."""
        needs = self.needs
        common = self.common(making, pairs=needs.uses_unlabelled)
        network, _, clips, *_ = common
        teacher = None
        if needs.needs_teacher:
            cohort, store = making.cohort, making.store
            teacher = joined_outputs(
                self.teacher, cohort, store, clips.recordings, taps=needs.needs_taps, taught=self.taught
            )
        return self.trained_by(
            *common, posterior=clips.posterior() if needs.needs_posterior else None,
            **self.distillation(network.feature_dim, clips, teacher),
        )


def in_view(names: Sequence[str], view: str) -> list[bool]:
    """Which features a view names: those that begin with one of its parts."""
    return [name.startswith(tuple(view.split(","))) for name in names]


def columns_of(cohort: Cohort, view: str) -> np.ndarray:
    """Indices of the columns of a feature cohort that a view names."""
    names = cohort.info.sampling.video_features
    seen = np.flatnonzero(in_view(names, view))
    if not len(seen):
        known = ", ".join(dict.fromkeys(name.split("_")[0] for name in names)) or "none: it holds pictures"
        raise SacdError(f"{cohort.path}: no video feature begins with view={view!r}; what is there: {known}")
    return seen


@lru_cache(maxsize=512)
def _instance(name: str, version: int | str, options: tuple[tuple[str, Any], ...]) -> Objective:
    return build_objective(name, Context(n_clips=1), dict(options))
