"""Training on clips that are no nights: they follow no other in time, weigh the same, and have classes of their own."""

import numpy as np
import torch

from sacd.cohort import Recording
from sacd.training.batches import WINDOW, Sampler
from sacd.training.inputs import predict
from sacd.training.tasks import StageTask, StudentTask, TeacherTask


class Clips:
    """Clips that are no nights, as samplers and tasks see a `ClipSet`: no recording, one participant, labels.

    Parameters
    ----------
    label : ndarray [n] int
        −1 where hidden.
    row : ndarray [n] int64
        Where each lies in the array that is read.
    """

    def __init__(self, label: np.ndarray, row: np.ndarray) -> None:
        self.label, self.row = label.astype(np.int64), row
        self.number = np.arange(len(label))
        self.recordings: list[Recording] = []
        self.usable = np.ones(len(label), dtype=bool)
        self.night = self.participant = np.zeros(len(label), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.label)


class Batches(Sampler):
    """Batches of single clips in random order, of which every 8 make a window: these clips follow no other in time."""

    def __init__(self, clips: Clips, eligible: np.ndarray, batch: int, seed: int) -> None:
        super().__init__(clips, eligible, batch, seed, sampler="random")

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the clips of one step and their window, int64 [B] each."""
        index, _ = super().batch(step)
        return index, np.arange(len(index)) // WINDOW


class TopOne(StageTask):
    """A task of any number of classes, every clip weighing the same."""

    def validate(self) -> dict[str, float]:
        """Top-1 accuracy, and as the score the mean probability of the true class: few clips tie in accuracy."""
        logits = predict(self.network, self._validation_inputs, np.arange(len(self._validation))).logits
        label = self._validation.label
        probability = torch.from_numpy(logits).softmax(dim=1)[torch.arange(len(label)), torch.from_numpy(label)]
        return {"score": float(probability.mean()), "accuracy": float((logits.argmax(1) == label).mean())}


class AudioTask(TopOne, TeacherTask):
    """Cross-entropy on audio."""


class PairTask(TopOne, StudentTask):
    """An objective on pairs of video and cached teacher outputs."""
