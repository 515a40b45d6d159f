"""What trains both modalities at once: paired inputs, two networks that teach each other, the features' alignment."""

from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from torch import Tensor

from sacd.models.base import Output
from sacd.models.fusion import TwoViews
from sacd.training.inputs import Inputs, forward
from sacd.training.tasks import StudentTask, gradient_norms

RIDGE = 1e-3
"""Penalty of the alignment, in units of the features' summed variance."""


class PairedInputs(Inputs):
    """The inputs of both networks over one clip set; batches are `TwoViews`.

    Parameters
    ----------
    eeg, video : Inputs
    """

    def __init__(self, eeg: Inputs, video: Inputs) -> None:
        super().__init__(video.arrays, video.prepare, video.fabric)
        self.eeg, self.video = eeg, video

    def stored(self, index: np.ndarray) -> TwoViews:
        """Both modalities of some clips as stored."""
        return TwoViews(self.eeg.stored(index), self.video.stored(index))

    def prepared(self, stored: TwoViews, seed: int | None = None) -> TwoViews:
        """Both network inputs, augmented where `seed` is given."""
        return TwoViews(self.eeg.prepared(stored.eeg, seed), self.video.prepared(stored.video, seed))


def alignment(own: np.ndarray, final: np.ndarray) -> Ridge:
    """A linear map between two encoders' features of the same clips, float [n, d] each; no label is asked for."""
    return Ridge(alpha=RIDGE * len(own) * float(own.var())).fit(own, final)


class ReleasedTask(StudentTask):
    """Two networks, each the student of the other; `network`, the EEG one, is what is kept.

    Parameters
    ----------
    source : StudentTask
        The video network's side: its network, inputs and objective, over the same clips and batches.
    """

    def __init__(self, *common: object, source: StudentTask, **named: Any) -> None:
        super().__init__(*common, posterior=None, **named)
        self.source = source

    def terms(self, step: int) -> dict[str, Tensor]:
        """The weighted terms of both objectives at a step; those of the video network are named `source_…`."""
        index, window, x, label = self.draw(step)
        _, _, y, _ = self.source.draw(step)
        own, other = forward(self.network, self.inputs, x), forward(self.source.network, self.source.inputs, y)
        terms = self.losses(self.pair(index, window, x, label, own, _as_teacher(other)))
        back = self.source.losses(self.source.pair(index, window, y, label, other, _as_teacher(own)))
        if (step + 1) % self._diagnose_every == 0:
            self._norms = gradient_norms(terms, own.features)
        return terms | {f"source_{name}": term for name, term in back.items()}

    def after_step(self) -> None:
        """Move both momentum networks."""
        super().after_step()
        self.source.after_step()

    def validate(self) -> dict[str, float]:
        """The EEG network's figures (its macro-F1 is the score), and the video network's as `source_…`."""
        theirs = {f"source_{name}": value for name, value in self.source.validate().items() if name != "score"}
        return super().validate() | theirs


def _as_teacher(output: Output) -> dict[str, Tensor]:
    return {"teacher_features": output.features.detach(), "teacher_logits": output.logits.detach()}
