"""The kind of run *continued-trunk*: a trunk that goes on from its weights on a cohort's own video, without labels."""

from typing import Any, Literal

import numpy as np

from sacd.cohort.splits import Split
from sacd.runs.execute import Making
from sacd.runs.kinds.trunk import FrozenTrunk
from sacd.runs.outputs import cached_outputs
from sacd.training.batches import Sampler
from sacd.training.clip_set import ClipSet
from sacd.training.inputs import make_network
from sacd.training.trunk_task import TrunkTask

HELD_EVERY = 10
"""Every tenth window of the pool is held back to validate a trunk."""


class ContinuedTrunkRun(FrozenTrunk):
    """A video trunk that goes on, without any label, to predict motion statistics computed from a cohort's pixels.

    For pictures that the simulator never drew. Without weights it begins at random.
    """

    kind: Literal["continued-trunk"] = "continued-trunk"

    @property
    def title_of_weights(self) -> str:
        """Where it began, and that it went on."""
        return f"{super().title_of_weights}, continued"

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """Everybody but the test participants, without their labels."""
        return {"pool": split.pool}

    def task(self, making: Making) -> TrunkTask:
        """What the loop trains."""
        training = self.training
        clips = ClipSet(making.cohort.of(making.split.pool), (), training.flagged)
        inputs = self.inputs(making.cohort, making.store, clips, making.fabric)
        held = (np.arange(len(clips)) // HELD_EVERY) % HELD_EVERY == 0
        sampler = Sampler(clips, ~held, training.batch, self.seed, training.sampler)
        network = make_network(self.model, inputs.arrays.shape, self.seed)
        return TrunkTask(network, inputs, sampler, np.flatnonzero(held & clips.usable), self.seed, training.augment)

    def make(self, making: Making) -> dict[str, Any]:
        """Train it and keep its features of every clip."""
        task = self.task(making)
        figures = making.train(task, task.inputs.arrays.shape)
        cached_outputs(self, making.cohort, making.store, list(making.cohort))
        return figures
