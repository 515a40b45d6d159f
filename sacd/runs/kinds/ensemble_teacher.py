"""The kind of run *ensemble-teacher*: teachers each trained without a part of the labelled, speaking as one."""

from typing import Any, Literal

import numpy as np
from pydantic import Field
from scipy.special import log_softmax, logsumexp

from sacd.cohort import Cohort, Recording
from sacd.cohort.splits import Split
from sacd.runs.execute import DRAWS, Making
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.teacher import EEGRun, TeacherRun
from sacd.runs.outputs import cached_outputs
from sacd.runs.store import RunStore
from sacd.training.batches import Sampler
from sacd.training.clip_set import ClipSet
from sacd.training.inputs import Outputs

SHARED = ("model", "training", "protocol", "labelled", "fold", "seed", "without", "test")


class EnsembleTeacherRun(EEGRun):
    """The mean of `parts` teachers' probabilities, each trained without part i of the labelled training participants.

    Of a labelled training participant only the one speaks that has not seen them: what a student is told of them is
    then as doubtful as what it is told of people whose labels are hidden. Features and inner activations are those of
    the first teacher, for features of different networks have nothing in common.
    """

    kind: Literal["ensemble-teacher"] = "ensemble-teacher"
    parts: int = Field(default=3, gt=1)

    @classmethod
    def of(cls, teacher: TeacherRun, parts: int = 3) -> "EnsembleTeacherRun":
        """The ensemble of teachers that are trained as this one is."""
        return cls(parts=parts, **{name: getattr(teacher, name) for name in SHARED})

    @property
    def members(self) -> list[TeacherRun]:
        """The teachers."""
        own = {name: getattr(self, name) for name in SHARED}
        return [TeacherRun(part=(part, self.parts), **own) for part in range(self.parts)]

    @property
    def dependencies(self) -> list[RunConfig]:
        """The teachers."""
        return list(self.members)

    @property
    def networks(self) -> tuple[str, ...]:
        """None: it trains nothing."""
        return ()

    def row(self) -> dict[str, Any]:
        """How many there are."""
        name = f"{self.model.name} × {self.parts}"
        return super().row() | {"teacher": name, "method": f"Teacher ({name})"}

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """Every teacher's, of all but the test participants, which are theirs."""
        return [(split.labelled + split.unlabelled, self.model.name)] * self.parts

    def outputs(
        self, cohort: Cohort, store: RunStore, recordings: list[Recording], taps: bool = False
    ) -> dict[str, Outputs]:
        """The logarithm of the mean probability; of a labelled training participant that of the one without them."""
        split = self.split(cohort)
        without = {name: part for part in range(self.parts) for name in split.part(part, self.parts)}
        said = [cached_outputs(member, cohort, store, recordings, taps) for member in self.members]
        found = {}
        for recording in recordings:
            own = [outputs[recording.recording_id] for outputs in said]
            heard = [own[without[recording.participant_id]]] if recording.participant_id in without else own
            logits = logsumexp([log_softmax(part.logits, axis=1) for part in heard], axis=0) - np.log(len(heard))
            found[recording.recording_id] = own[0]._replace(logits=logits.astype(np.float32))
        return found

    def make(self, making: Making) -> dict[str, Any]:
        """Write what they say of validation and test clips, and have ready what they say of training ones."""
        cohort, store, split = making.cohort, making.store, making.split

        def say(clips: ClipSet) -> np.ndarray:
            found = self.outputs(cohort, store, clips.recordings)
            return np.concatenate([found[recording.recording_id].logits for recording in clips.recordings])

        self.outputs(cohort, store, cohort.of(split.labelled + split.unlabelled))
        clips = ClipSet(cohort.of(split.labelled), split.labelled, self.training.flagged)
        sampler = Sampler(
            clips, clips.label >= 0, self.training.batch, self.seed, self.training.sampler, self.training.stretch
        )
        steps = min(self.training.steps, -(-DRAWS // self.training.batch))
        drawn = np.concatenate([sampler.batch(step)[0] for step in range(steps)])
        first = store.open(self.members[0], cohort)
        making.describe(tuple(first.description["input_shape"]))
        return making.judge(say, self.tested, say(clips)[drawn])
