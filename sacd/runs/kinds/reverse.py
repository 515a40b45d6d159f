"""The kind of run *reverse*: experiments E–G of Table IV, an EEG network that learns from a video network.

What the paper leaves open (section V-D), and how it is read here:

- E: what is frozen is not said. Read as the source, the video network; the EEG network is trained from scratch, as in
  the forward direction.
- F, G: "released" is read as eq. 1–5 are printed, where every term trains both encoders and each has its cross-entropy.
  An objective gives its teacher no gradient, so each network is the student of the other, with an objective of its own;
  the source starts from its trained weights. EEG is what is evaluated.
"""

from typing import Any, Literal

from sacd.cohort import Modality
from sacd.cohort.splits import Split
from sacd.objectives import load_objective
from sacd.runs.execute import Making
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import DistilledRun, StudentRun
from sacd.runs.kinds.teacher import EEGRun
from sacd.runs.outputs import joined_outputs, load_network
from sacd.training.batches import Sampler
from sacd.training.clip_set import ClipSet
from sacd.training.fusion import ReleasedTask
from sacd.training.tasks import StudentTask


class ReverseRun(EEGRun, DistilledRun):
    """An EEG network that learns from a trained video network, the `source`.

    The source is frozen, or `released`: then it trains too, as the student of the EEG network (eq. 1–5 as printed).
    """

    kind: Literal["reverse"] = "reverse"
    source: StudentRun
    released: bool = False

    @property
    def experiment(self) -> str | None:
        """Its letter in Table IV, where it has one."""
        known = {("sacd", False): "E", ("sacd", True): "F", ("ccl", True): "G"}
        return None if self.objective.options else known.get((self.objective.name, self.released))

    @property
    def dependencies(self) -> list[RunConfig]:
        """The video network."""
        return [self.source]

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Both modalities."""
        return ("eeg", "video")

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """Also unlabelled participants."""
        return super().roles(split) | {"unlabelled": split.unlabelled}

    def row(self) -> dict[str, Any]:
        """Its letter, or what it is; the source is its teacher."""
        title = load_objective(self.objective.name).title or self.name
        reverse = f"{title}, video → EEG, {'released' if self.released else 'frozen'}"
        return super().row() | {
            "method": f"Experiment {self.experiment}" if self.experiment else reverse,
            "objective": self.objective.name, "teacher": self.source.model.name, "student": self.model.name,
            "tier": self.source.tier,
        }

    @property
    def networks(self) -> tuple[str, ...]:
        """Its own and, where it is released, the source."""
        return (self.model.name, self.source.model.name) if self.released else (self.model.name,)

    def task(self, making: Making) -> StudentTask:
        """The objective on pairs, the video network's cached outputs or the network itself on the other side."""
        common = self.common(making, pairs=self.needs.uses_unlabelled)
        network, _, clips, sampler, _, validation, *_ = common
        if self.released:
            source = self._source_task(making, clips, sampler, validation, network.feature_dim)
            return ReleasedTask(*common, source=source, **self.distillation(network.feature_dim, clips))
        teacher = None
        if self.needs.needs_teacher:
            teacher = joined_outputs(self.source, making.cohort, making.store, clips.recordings)
        return StudentTask(*common, posterior=None, **self.distillation(network.feature_dim, clips, teacher))

    def _source_task(
        self, making: Making, clips: ClipSet, sampler: Sampler, validation: ClipSet, dim: int
    ) -> StudentTask:
        """The released video network's side, from its trained weights, with an objective of its own."""
        cohort, store, fabric = making.cohort, making.store, making.fabric
        network, _ = load_network(self.source, store.folder(self.source, cohort))
        inputs, held = (self.source.inputs(cohort, store, part, fabric) for part in (clips, validation))
        return StudentTask(
            network, inputs, clips, sampler, held, validation, self.seed, self.training.augment, posterior=None,
            **self.distillation(dim, clips),
        )
