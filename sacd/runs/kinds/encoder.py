"""Runs of one network that reads one modality: its input, its construction, and stage classifiers among them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from sacd.cohort import Cohort, Modality, Recording
from sacd.exceptions import SacdError, first_line
from sacd.models import MODELS
from sacd.models.base import Network
from sacd.runs.execute import Making
from sacd.runs.kind import LabelledRun, RunConfig
from sacd.runs.outputs import cached_outputs
from sacd.runs.store import RunStore
from sacd.training.batches import Sampler
from sacd.training.clip_set import Arrays, ClipSet, Stored
from sacd.training.config import ModelConfig
from sacd.training.inputs import Inputs, Outputs, Prepare, make_network, video_preparation
from sacd.training.separate_draws import SeparateSampler
from sacd.training.tasks import StageTask
from sacd.training.transforms import prepare_eeg, prepare_features


class EncoderRun(RunConfig):
    """One network on EEG or video; what it says of every clip is kept for the runs that need it."""

    @property
    def modality(self) -> Modality:
        """What its network reads."""
        return "video"

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Its own modality."""
        return (self.modality,)

    def reads_features(self, cohort: Cohort) -> bool:
        """Whether its network reads feature vectors."""
        return getattr(cohort.info, self.modality) == "features"

    def arrays(self, cohort: Cohort, store: RunStore, recordings: list[Recording]) -> list[Stored]:
        """What it reads of some recordings, first axis the clips; maps are opened when they are read."""
        return [partial(recording.array, self.modality) for recording in recordings]

    def preparation(self, cohort: Cohort) -> Prepare:
        """How that becomes its network's input."""
        if self.reads_features(cohort):
            return prepare_features
        return prepare_eeg if self.modality == "eeg" else video_preparation(self.training.normalise)

    def inputs(self, cohort: Cohort, store: RunStore, clips: ClipSet, fabric: Fabric) -> Inputs:
        """Its network's input over a clip set."""
        return Inputs(Arrays(clips, self.arrays(cohort, store, clips.recordings)), self.preparation(cohort), fabric)

    def outputs(
        self, cohort: Cohort, store: RunStore, recordings: list[Recording], taps: bool = False
    ) -> dict[str, Outputs]:
        """What it says, once finished, of some recordings, by recording id; `taps`: inner activations too."""
        return cached_outputs(self, cohort, store, recordings, taps)

    def check(self, cohort: Cohort) -> None:
        """Refuse a network that cannot be built, or does not read what the cohort holds."""
        wanted = "features" if self.reads_features(cohort) else self.modality
        check_reads(self.model, wanted, cohort.path)
        if wanted != "features":
            check_builds(self.model, next(iter(cohort)).array(self.modality).shape[1:])


def check_reads(model: ModelConfig, wanted: str, path: Path) -> None:
    """Refuse a network that does not read video, EEG or features, as `wanted`, of the cohort at a path."""
    if MODELS[model.name].kind != wanted:
        able = ", ".join(other for other, known in MODELS.items() if known.kind == wanted)
        raise SacdError(f"model {model.name} does not read the {wanted} of {path}; choose one of {able}")


def check_builds(model: ModelConfig, shape: tuple[int, ...]) -> None:
    """Refuse a network that cannot be built for inputs of this shape a clip."""
    try:
        with torch.device("meta"):
            make_network(model.model_copy(update={"weights": None}), shape, seed=0)
    except (ValueError, RuntimeError, TypeError) as error:
        raise SacdError(f"model {model.name} cannot be built ({first_line(error)}); correct its options") from None


class StageRun(LabelledRun, EncoderRun):
    """A stage classifier of one network."""

    @property
    def leaves_weights(self) -> bool:
        """Whether its weights are kept."""
        return True

    def task(self, making: Making) -> StageTask:
        """What the loop trains."""
        raise TypeError(f"{type(self).__name__} does not define task(making)")

    def start(self, shape: tuple[int, ...], participants: int) -> Network:
        """The network as training begins, for clips of this shape; `participants`: classes of a participant head."""
        return make_network(self.model, shape, self.seed, participants)

    def common(self, making: Making, pairs: bool, participants: int = 0) -> tuple[Any, ...]:
        """The first arguments of its `StageTask`.

        Parameters
        ----------
        making : Making
        pairs : bool
            Whether unlabelled participants, and clips that nobody scored, take part.
        participants : int
            Classes of a participant head.
        """
        cohort, split, training = making.cohort, making.split, self.training
        paired = split.labelled + (split.unlabelled if pairs else ())
        clips = ClipSet(cohort.of(paired), split.labelled, training.flagged)
        validation = ClipSet(cohort.of(split.validation), split.validation, training.flagged)
        # Clips that nobody scored have nothing to teach a network without pairs.
        eligible = np.ones(len(clips), dtype=bool) if pairs else clips.label >= 0
        drawn = clips, eligible, training.batch, self.seed, training.sampler, training.stretch
        apart = pairs and split.unlabelled and training.labelled_share is not None
        sampler = SeparateSampler(*drawn, training.labelled_share) if apart else Sampler(*drawn)
        inputs, held = (self.inputs(cohort, making.store, part, making.fabric) for part in (clips, validation))
        network = self.start(inputs.arrays.shape, participants)
        return network, inputs, clips, sampler, held, validation, self.seed, training.augment

    def make(self, making: Making) -> dict[str, Any]:
        """Train it, write its weights and what it says of validation and test clips."""
        task = self.task(making)
        figures = making.train(task, task.inputs.arrays.shape, self.leaves_weights)
        return figures | making.evaluate(
            task.network, lambda clips: self.inputs(making.cohort, making.store, clips, making.fabric), self.tested,
            task,
        )
