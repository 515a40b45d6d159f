"""The kind of run *fusion*: experiments A–D of Table IV, a head on the features of an EEG and a video network.

What the paper leaves open (section V-D), and how it is read here:

- A, B: it trains the heads on features of the encoders' own training participants, which are over-confident. Here they
  are out-of-fold, from encoders that were trained without that participant (`FusionRun.parts`; 1 is the paper's way).
  Encoders differ in their coordinates, so a ridge regression maps out-of-fold features to those of the final
  encoder; it is fitted on the validation participants' clips, without labels.
- C, D: released encoders start from their trained weights, the head from scratch. Where the video encoder stands on a
  trunk's features, the trunk stays as it is.
"""

from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import Field, model_validator

from sacd.cohort import Cohort, Modality, Recording
from sacd.cohort.splits import Split
from sacd.models import build
from sacd.models.fusion import TwoStream
from sacd.runs.execute import Making
from sacd.runs.kind import LabelledRun, RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.outputs import cached_outputs, load_network
from sacd.runs.store import RunStore
from sacd.training.batches import Sampler
from sacd.training.clip_set import Arrays, ClipSet
from sacd.training.config import ModelConfig
from sacd.training.fusion import PairedInputs, alignment
from sacd.training.inputs import Inputs
from sacd.training.tasks import TeacherTask
from sacd.training.transforms import prepare_features


class FusionRun(LabelledRun):
    """A head on the features of both encoders, frozen (A, B) or released (C, D).

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
        """The encoders, and those of each part."""
        parts = range(self.parts) if self.parts > 1 and not self.released else ()
        return [*self.encoders(), *(encoder for part in parts for encoder in self.encoders(part))]

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Both modalities."""
        return ("eeg", "video")

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """Also unlabelled participants, whom its encoders may have learnt from."""
        return super().roles(split) | {"unlabelled": split.unlabelled}

    @property
    def name(self) -> str:
        """Its letter."""
        return self.experiment

    def row(self) -> dict[str, Any]:
        """Its letter, and its encoders as teacher and student."""
        return super().row() | {
            "method": f"Experiment {self.experiment}", "teacher": self.eeg.model.name, "student": self.video.model.name,
            "tier": self.video.tier,
        }

    @property
    def networks(self) -> tuple[str, ...]:
        """The head and, where they are released, the encoders."""
        return (self.model.name, *(encoder.model.name for encoder in self.encoders() if self.released))

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """Also the frozen encoders' features."""
        seen = super().inferences(split)
        if self.released:
            return seen
        encoded = split.labelled + split.test + (1 + self.parts) * split.validation
        return [*seen, *((encoded, encoder.model.name) for encoder in self.encoders())]

    def inputs(self, cohort: Cohort, store: RunStore, clips: ClipSet, fabric: Fabric) -> Inputs:
        """What it reads of a clip set: cached features for a head alone, both modalities for released encoders."""
        if self.released:
            return PairedInputs(*(encoder.inputs(cohort, store, clips, fabric) for encoder in self.encoders()))
        features = frozen_features(self, cohort, store, clips.recordings)
        return Inputs(Arrays(clips, features), prepare_features, fabric)

    def task(self, making: Making) -> TeacherTask:
        """What the loop trains."""
        cohort, store, split, training = making.cohort, making.store, making.split, self.training
        clips, validation = (
            ClipSet(cohort.of(names), names, training.flagged) for names in (split.labelled, split.validation)
        )
        inputs, held = (self.inputs(cohort, store, part, making.fabric) for part in (clips, validation))
        trained = [load_network(run, store.folder(run, cohort))[0] for run in self.encoders() if self.released]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            if trained:
                network = TwoStream(*trained, layers=self.layers)
            else:
                network = build(self.model.name, in_features=inputs.arrays.shape[0], layers=self.layers)
        sampler = Sampler(clips, clips.label >= 0, training.batch, self.seed, training.sampler, training.stretch)
        return TeacherTask(network, inputs, clips, sampler, held, validation, self.seed, training.augment)

    def make(self, making: Making) -> dict[str, Any]:
        """Train the head, and released encoders with it."""
        task = self.task(making)
        figures = making.train(task, task.inputs.arrays.shape)
        return figures | making.evaluate(
            task.network, lambda clips: self.inputs(making.cohort, making.store, clips, making.fabric), task=task
        )


def part_of(config: FusionRun, cohort: Cohort) -> dict[str, int]:
    """The part of each labelled training participant whose features must be out-of-fold; empty where none."""
    if config.parts == 1:
        return {}
    split = config.split(cohort)
    return {name: part for part in range(config.parts) for name in split.part(part, config.parts)}


def frozen_features(
    config: FusionRun, cohort: Cohort, store: RunStore, recordings: list[Recording]
) -> list[np.ndarray]:
    """Both encoders' features side by side, float32 [clips, 1024] a recording.

    Those of labelled training participants come from the encoders that were trained without them, aligned; all others,
    of validation and test participants, from the final encoders.
    """
    parts = part_of(config, cohort)
    held = cohort.of(config.split(cohort).validation)

    def features(encoder: TeacherRun | StudentRun, of: list[Recording]) -> list[np.ndarray]:
        outputs = cached_outputs(encoder, cohort, store, of)
        return [outputs[recording.recording_id].features for recording in of]

    found: dict[str, np.ndarray] = {}
    for part in {parts.get(recording.participant_id) for recording in recordings}:
        members = [recording for recording in recordings if parts.get(recording.participant_id) == part]
        sides = []
        for own, final in zip(config.encoders(part), config.encoders(), strict=True):
            side = features(own, members)
            if part is not None:
                aligned = alignment(np.concatenate(features(own, held)), np.concatenate(features(final, held)))
                side = [aligned.predict(x).astype(np.float32) for x in side]
            sides.append(side)
        for recording, *views in zip(members, *sides, strict=True):
            found[recording.recording_id] = np.concatenate(views, axis=1)
    return [found[recording.recording_id] for recording in recordings]
