"""Clips of many recordings as one flat set, and batches that are a pure function of (seed, step).

No global random state is touched: a resumed run draws exactly the batches it would have drawn.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from sacd.cohort import Recording
from sacd.exceptions import SacdError
from sacd.stages import NOT_SCORED, STAGES

WINDOW = 8
"""Clips in a window of the structure loss (DESIGN: graph over a window of 8 consecutive clips)."""


class ClipSet:
    """The clips of some recordings, flat.

    Parameters
    ----------
    recordings : sequence of Recording
    labelled : iterable of str
        Participants whose stages may be seen; all other labels become −1.

    Attributes
    ----------
    night, row, participant, number : ndarray [N] int64
        Recording index, row in its arrays, participant index, clip number in the night.
    label : ndarray [N] int64
        Visible stage code, −1 where hidden or not scored.
    """

    def __init__(self, recordings: Sequence[Recording], labelled: Iterable[str]) -> None:
        self.recordings = list(recordings)
        visible = set(labelled)
        names = sorted({recording.participant_id for recording in self.recordings})
        night, row, participant, number, label = [], [], [], [], []
        for index, recording in enumerate(self.recordings):
            count = len(recording)
            night.append(np.full(count, index))
            row.append(np.arange(count))
            participant.append(np.full(count, names.index(recording.participant_id)))
            number.append(recording.clips["clip"].to_numpy(dtype=np.int64))
            seen = recording.participant_id in visible
            label.append(recording.clips.stage.to_numpy(dtype=np.int64) if seen else np.full(count, NOT_SCORED))
        if not night:
            raise SacdError("no recordings to train on; check the cohort's splits in participants.tsv")
        self.night, self.row, self.participant, self.number, self.label = (
            np.concatenate(part).astype(np.int64) for part in (night, row, participant, number, label)
        )

    def __len__(self) -> int:
        return len(self.row)

    def windows(self, length: int = WINDOW) -> np.ndarray:
        """All runs of `length` consecutive clips of one night; they never cross a gap.

        Returns
        -------
        ndarray [n, length] int64
            Indices into this set.
        """
        if len(self) < length:
            return np.empty((0, length), dtype=np.int64)
        follows = (np.diff(self.number) == 1) & (np.diff(self.night) == 0)
        broken = np.concatenate([[0], np.cumsum(~follows)])
        starts = np.flatnonzero(broken[: len(broken) - length + 1] == broken[length - 1 :])
        return starts[:, None] + np.arange(length)

    def posterior(self) -> np.ndarray:
        """P(stage | latent night) of a simulated cohort, float32 [N, C].

        Raises
        ------
        SacdError
            The cohort has no posterior, for it is not simulated.
        """
        columns = [f"posterior_{stage}" for stage in STAGES]
        parts = []
        for recording in self.recordings:
            if not set(columns) <= set(recording.clips.columns):
                raise SacdError(f"{recording.path}: has no posterior; the oracle control needs a simulated cohort")
            parts.append(recording.clips[columns].to_numpy(dtype=np.float32))
        return np.concatenate(parts)


class Arrays:
    """One array a recording, read by flat clip index; memory maps stay maps.

    Parameters
    ----------
    clips : ClipSet
    arrays : sequence of ndarray or of callable
        For each recording of `clips` an array, first axis its clips, or a callable that gives one: it is asked for the
        array at every reading, so that thousands of recordings do not hold a file each.
    """

    def __init__(self, clips: ClipSet, arrays: Sequence[np.ndarray | Callable[[], np.ndarray]]) -> None:
        self.clips = clips
        self._arrays = list(arrays)
        first = self._array(0)
        # Whole nights may be stored in half precision beside others that are not.
        self.shape, self._dtype = first.shape[1:], np.dtype(np.float32) if first.dtype == np.float16 else first.dtype

    def _array(self, recording: int) -> np.ndarray:
        found = self._arrays[recording]
        return found() if callable(found) else found

    def take(self, index: np.ndarray) -> Tensor:
        """Clips by flat index, [len(index), ...], uint8 or float32; one read a recording, not a clip."""
        night, row = self.clips.night[index], self.clips.row[index]
        out = np.empty((len(index), *self.shape), dtype=self._dtype)
        for recording in np.unique(night):
            here = night == recording
            out[here] = self._array(recording)[row[here]]
        return torch.from_numpy(out)


class Sampler:
    """Batches of clip indices, a pure function of (seed, step).

    With ``sampler="window"`` a batch holds batch/8 windows of 8 consecutive clips, each window's clips together
    in time order, and two windows of a night side by side: the structure loss takes its negatives from the same
    night. With ``"random"`` it holds single clips. Every epoch is a fresh permutation.

    Parameters
    ----------
    clips : ClipSet
    eligible : ndarray [N] bool
        Clips that may be drawn; a window needs all of its own.
    batch : int
        Clips a step.
    """

    def __init__(self, clips: ClipSet, eligible: np.ndarray, batch: int, seed: int, sampler: str = "window") -> None:
        if sampler == "window":
            units = clips.windows()
            units = units[eligible[units].all(axis=1)]
            if not len(units):
                raise SacdError(
                    f"no {WINDOW} consecutive clips in the training recordings; use sampler: random"
                )
            self._night = clips.night[units[:, 0]]
        else:
            units = np.flatnonzero(eligible)[:, None]
            if not len(units):
                raise SacdError("no clip to train on; label at least one training participant")
            self._night = None
        self.units = units
        self.per_step = max(1, batch // units.shape[1])
        self.seed = seed
        self._order = lru_cache(maxsize=2)(self._permutation)

    def _permutation(self, epoch: int) -> np.ndarray:
        """Order of the units in an epoch; windows stand in pairs of one night."""
        rng = np.random.default_rng([self.seed, 0xBA7C, epoch])
        if self._night is None:
            return rng.permutation(len(self.units))
        mixed = rng.permutation(len(self.units))
        mixed = mixed[np.argsort(self._night[mixed], kind="stable")]
        pairs = []
        for night in np.split(mixed, np.flatnonzero(np.diff(self._night[mixed])) + 1):
            # The last of an odd number meets the night's first one again.
            pairs.append(np.append(night, night[0]) if len(night) % 2 else night)
        pairs = np.concatenate(pairs).reshape(-1, 2)
        return pairs[rng.permutation(len(pairs))].reshape(-1)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the clips of one step and the window each belongs to.

        Returns
        -------
        index, window : ndarray [B] int64
        """
        length = len(self._order(0))
        epoch, place = np.divmod(step * self.per_step + np.arange(self.per_step), length)
        unit = np.array([self._order(int(e))[p] for e, p in zip(epoch, place, strict=True)])
        index = self.units[unit]
        return index.reshape(-1), np.repeat(np.arange(self.per_step), self.units.shape[1])
