"""Batches that hold labelled and unlabelled clips in a stated ratio, each kind drawn apart.

Drawn together, a batch of 64 clips from 6 labelled and 56 unlabelled people often holds one labelled window and
sometimes none: its cross-entropy is noise. Cf. Sohn et al. 2020, arXiv:2001.07685, sec. 2.2, where μ = 7 unlabelled
clips stand beside each labelled one.
"""

import numpy as np

from sacd.training.batches import Sampler, tell_of_short_recordings
from sacd.training.clip_set import ClipSet

APART = 0x5EED
"""Added to the seed of the unlabelled order: with as many windows of each kind, the same two would always meet."""


class SeparateSampler(Sampler):
    """Two samplers side by side: of the clips whose label is seen, and of those whose label is hidden.

    Each has its own epochs, and pairs its windows as `Sampler` does. A window holds clips of one kind: in nights of
    labelled people those that touch a clip nobody scored are never drawn. At least one window of each kind is drawn, so
    that a batch of one window becomes two.

    Parameters
    ----------
    clips : ClipSet
    eligible : ndarray [N] bool
        Clips that may be drawn; a window needs all of its own.
    batch : int
        Clips a step.
    labelled_share : float
        Share of the batch's windows (single clips where ``sampler="random"``) that are labelled, rounded.

    Raises
    ------
    SacdError
        There is no window of one of the kinds.
    """

    def __init__(
        self, clips: ClipSet, eligible: np.ndarray, batch: int, seed: int, sampler: str, stretch: int,
        labelled_share: float,
    ) -> None:
        super().__init__(clips, eligible, batch, seed, sampler, stretch, alone=False)
        if sampler == "stretch":
            tell_of_short_recordings(clips, stretch)
        length, windows = self.units.shape[1], max(2, self.per_step)
        share = min(max(1, round(labelled_share * windows)), windows - 1)
        seen = clips.label >= 0
        self.parts = (
            Sampler(clips, eligible & seen, share * length, seed, sampler, stretch, alone=False),
            Sampler(clips, eligible & ~seen, (windows - share) * length, seed + APART, sampler, stretch, alone=False),
        )
        self.units, self.per_step = np.concatenate([part.units for part in self.parts]), windows

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the clips of one step, labelled ones first, and the window each belongs to; int64 [B] each."""
        labelled, unlabelled = self.parts
        first, window = labelled.batch(step)
        second, further = unlabelled.batch(step)
        return np.concatenate([first, second]), np.concatenate([window, further + window[-1] + 1])
