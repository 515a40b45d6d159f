"""What every kind of run declares: what it reads, whose labels it sees, what it is called, and how it is made.

A kind is one file with a subclass, named in `sacd.runs.kinds`; everything else asks the methods that are declared here.
What it is trained on is a cohort, or for the kinds of `sacd.runs.kinds.audio_video` a benchmark in a cohort's place.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from sacd.cohort import Cohort, Modality, hash_file
from sacd.cohort.splits import Protocol, Split, make_split
from sacd.exceptions import SacdError
from sacd.models import MODELS
from sacd.models.shipped import weights_file
from sacd.stages import STAGES
from sacd.training.config import Frozen, ModelConfig, ObjectiveConfig, TrainingConfig

if TYPE_CHECKING:
    from sacd.runs.execute import Making


HIDDEN_ROLES = ("pool", "unlabelled")
"""Participants of whom a run sees no label."""


class RunConfig(Frozen):
    """What every run has. `fold` is (i, k), 0 ≤ i < k, where the cohort is split into folds."""

    kind: str
    model: ModelConfig
    training: TrainingConfig
    fold: tuple[int, int] | None = None
    seed: int = 0

    def __hash__(self) -> int:
        return hash((type(self), self.model_dump_json()))

    @model_validator(mode="after")
    def _leaves_out_what_those_it_needs_do(self) -> "RunConfig":
        for needed in self.dependencies:
            learns = needed.networks or needed.dependencies
            if learns and needed.training.flagged != self.training.flagged:
                raise SacdError(f"a {self.kind} and its {needed.kind} must take flagged clips both, or neither")
        return self

    # What it needs and sees.

    @property
    def dependencies(self) -> list["RunConfig"]:
        """Runs that must be done before this one."""
        return []

    @property
    def reads(self) -> tuple[Modality, ...]:
        """Modalities whose stored arrays its numbers depend on."""
        return ()

    @property
    def sees_posterior(self) -> bool:
        """Whether it is told the true posterior of clips whose labels are hidden."""
        return False

    def split(self, cohort: Cohort) -> Split:
        """The participants' roles."""
        scored = cohort.scored(self.training.flagged)
        return make_split(cohort.participants, fold=self.fold, seed=self.seed, scored=scored.index)

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """The participants whose data it may see, by role; of *pool* and *unlabelled* no label."""
        raise TypeError(f"{type(self).__name__} does not define roles(split)")

    def data(self, cohort: Cohort) -> list[list[str]]:
        """Hashes of all that it may see, each with what it is of, and of nothing else: hidden labels do not enter."""
        content = []
        for role, participants in self.roles(self.split(cohort)).items():
            hidden = role in HIDDEN_ROLES and not self.sees_posterior
            for recording in cohort.of(participants):
                labels = recording.timing_hash if hidden else recording.metadata["hashes"]["clips.parquet"]
                files = [recording.hash_of(modality) for modality in self.reads]
                content.append([role, recording.recording_id, recording.participant_id, *files, labels])
                # Named only where clips are left out: of cohorts without flags it makes no difference.
                if recording.flagged.any() and not self.training.flagged:
                    sound = hashlib.sha256(recording.flagged.tobytes()).hexdigest()
                    content.append([role, recording.recording_id, "without flagged clips", sound])
        return content

    def left_out(self, cohort: Cohort) -> int:
        """Clips of the people it may see that are neither drawn nor judged, for a quality flag marks them."""
        people = set().union(*self.roles(self.split(cohort)).values())
        return 0 if self.training.flagged else sum(int(night.flagged.sum()) for night in cohort.of(people))

    def check(self, cohort: Cohort) -> None:
        """Refuse, before anything is trained, what would fail later.

        Raises
        ------
        SacdError
            E.g. a network that cannot read what the cohort holds.
        """

    # What identifies it.

    def content(self) -> dict[str, Any]:
        """The configuration without default values and without dependencies: what enters the run's identity."""
        names = {name for name, value in self if isinstance(value, RunConfig)}
        own = self.model_dump(mode="json", exclude_defaults=True, exclude=names)
        own.get("model", {}).pop("weights", None)
        own.get("training", {}).pop("flagged", None)  # `data` says whether it makes a difference
        return own | {"kind": self.kind}

    def versions(self) -> dict[str, Any]:
        """Versions of the components whose numbers it depends on, and hashes of files that it reads beside a cohort."""
        name, weights = self.model.name, self.model.weights
        return {"model": MODELS[name].version, "weights": weights and hash_of_weights(weights_file(name, weights))}

    def classes(self, cohort: Cohort) -> tuple[str, ...]:
        """What its clips are classified into."""
        return STAGES

    @property
    def distils(self) -> ObjectiveConfig | None:
        """The objective that trains it, if one does."""
        return None

    # What it is called.

    @property
    def name(self) -> str:
        """What stands before the hash in its id, after its kind: what matters most of it."""
        return self.model.name

    def row(self) -> dict[str, Any]:
        """Columns that tell runs apart in a table: kind, method, seed, fold, and those of its kind."""
        fold = -1 if self.fold is None else self.fold[0]
        return {"kind": self.kind, "method": self.name, "seed": self.seed, "fold": fold}

    @property
    def title(self) -> str:
        """One line for plans."""
        row = self.row()
        parts = [row["method"], row.get("tier"), row.get("protocol"), f"seed {self.seed}"]
        return " · ".join(filter(None, [*parts, None if self.fold is None else f"fold {self.fold[0]}"]))

    # How long it takes.

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the networks that it trains."""
        return (self.model.name,)

    def clips(self, cohort: Cohort) -> Mapping[str, int]:
        """Clips of each participant."""
        return cohort.clip_counts

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """Participants whose clips a network goes through when training is over, and the network's name."""
        return []

    # How it is made.

    def make(self, making: "Making") -> dict[str, Any]:
        """Train and evaluate it, write what it leaves into its folder.

        Returns
        -------
        dict
            Its metrics.
        """
        raise TypeError(f"{type(self).__name__} does not define make(making)")


class LabelledRun(RunConfig):
    """A run that sees labels; `labelled` participants in the few-label protocol (a quarter of them validate).

    Without `test` nobody asks what it says of test participants, and their clips are not looked at.
    With `part` (i, k) it trains without part i of k of its labelled participants: for their out-of-fold features.
    """

    protocol: Protocol = "paper"
    labelled: int | None = None
    part: tuple[int, int] | None = None
    test: bool = True

    @model_validator(mode="after")
    def _budget_belongs_to_few_label(self) -> "LabelledRun":
        if (self.protocol == "few-label") != (self.labelled is not None):
            raise ValueError("a number of labelled participants belongs to the few-label protocol, and only to it")
        return self

    @property
    def tested(self) -> bool:
        """Whether it names the test participants' clips."""
        return self.test

    @property
    def holds_out(self) -> bool:
        """Whether a fifth is tested where neither a fold nor the cohort says who is."""
        return True

    def split(self, cohort: Cohort) -> Split:
        """The participants' roles; those of the left-out part have none."""
        scored = cohort.scored(self.training.flagged)
        split = make_split(
            cohort.participants, self.protocol, self.labelled, self.fold, self.seed, scored.index, self.holds_out
        )
        return split if self.part is None else split.without(*self.part)

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """Labelled, validation and test participants."""
        seen = {"labelled": split.labelled, "validation": split.validation}
        return seen | ({"test": split.test} if self.tested else {})

    def row(self) -> dict[str, Any]:
        """Also protocol and labelled."""
        part = {} if self.part is None else {"part": self.part[0]}
        return super().row() | {"protocol": self.protocol, "labelled": self.labelled} | part

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """The validation participants and, where it is tested, the test participants."""
        seen = split.validation + (split.test if self.tested else ())
        return [(seen, name) for name in self.networks]


def hash_of_weights(file: Path) -> str:
    """SHA-256 of a file of weights, read once while it does not change."""
    if not file.is_file():
        raise SacdError(f"{file}: no such file; name the published weights, or leave them out")
    about = file.stat()
    return _hash_of(file, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=64)
def _hash_of(file: Path, changed: int, size: int) -> str:
    return hash_file(file)
