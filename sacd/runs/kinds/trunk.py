"""The kind of run *trunk*: a video network of fixed weights, of which nothing is trained."""

import time
from pathlib import Path
from typing import Any, Literal

from sacd.cohort import Cohort
from sacd.cohort.splits import Split
from sacd.runs.execute import Making
from sacd.runs.kinds.encoder import EncoderRun
from sacd.runs.outputs import cached_outputs
from sacd.simulate.features import encoder_hash
from sacd.training.config import TrainingConfig
from sacd.training.inputs import make_network

FIXED = TrainingConfig(steps=1, normalise="clip-mean", precision="bf16-mixed")
"""Of it only how pictures are normalised and the precision matter: as the shipped weights were trained."""


class FrozenTrunk(EncoderRun):
    """A video network whose features of every clip students of the frozen tier read."""

    @property
    def title_of_weights(self) -> str:
        """A word for its weights."""
        return "random" if self.model.weights is None else Path(self.model.weights).stem

    def like(self, other: "FrozenTrunk | None") -> bool:
        """Whether it has another's network and began with the same weights; folds do not count."""
        return other is not None and (self.kind, self.model) == (other.kind, other.model)

    def wrote(self, cohort: Cohort) -> bool:
        """Whether a cohort's nights were simulated straight to its features (`sacd.simulate.features`)."""
        return False

    def row(self) -> dict[str, Any]:
        """A trunk, its network and its weights."""
        return super().row() | {"method": f"Trunk ({self.model.name}, {self.title_of_weights})"}

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """Every participant's clips: their features are kept."""
        return [(split.pool + split.test, self.model.name)]


class TrunkRun(FrozenTrunk):
    """A trunk of fixed weights: it learns nothing from a cohort, and is known by its file's content alone.

    Without weights it is a random initialisation, a control. Cohorts share it; each recording's features are computed
    when they are first asked for.
    """

    kind: Literal["trunk"] = "trunk"
    training: TrainingConfig = FIXED

    @property
    def networks(self) -> tuple[str, ...]:
        """It trains none."""
        return ()

    def wrote(self, cohort: Cohort) -> bool:
        """Shipped weights may have been a cohort's encoder."""
        made, shipped = cohort.info.provenance, f"{self.model.name}-{self.model.weights}"
        return made.get("encoder") == shipped and made["encoder_sha256"] == encoder_hash(shipped)

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """Nobody's data changes it."""
        return {}

    def make(self, making: Making) -> dict[str, Any]:
        """Keep its weights and its features of every clip."""
        begun = time.monotonic()
        shape = next(iter(making.cohort)).array(self.modality).shape[1:]
        making.keep(make_network(self.model, shape, self.seed))
        making.describe(shape)
        cached_outputs(self, making.cohort, making.store, list(making.cohort))
        return {"steps": 0, "seconds": round(time.monotonic() - begun, 2)}
