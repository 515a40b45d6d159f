"""The clips of many recordings as one flat set, and how what is stored of them is read."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from sacd.cohort import Recording
from sacd.cohort.format import flagged
from sacd.exceptions import SacdError
from sacd.objectives.windows import WINDOW
from sacd.stages import NOT_SCORED, STAGES

T = TypeVar("T")
Stored = np.ndarray | Callable[[], np.ndarray]


class ClipSet:
    """The clips of some recordings, flat.

    Parameters
    ----------
    recordings : sequence of Recording
    labelled : iterable of str
        Participants whose stages may be seen; all other labels become −1.
    with_flagged : bool
        Without, clips that a quality flag marks are here to be looked at, but neither drawn nor judged: they are not
        `usable`, and their labels become −1.

    Attributes
    ----------
    night, row, participant, number : ndarray [N] int64
        Recording index, row in its arrays, participant index, clip number in the night.
    label : ndarray [N] int64
        Visible stage code, −1 where hidden or not scored.
    usable : ndarray [N] bool
        Whether a clip may be drawn.
    """

    def __init__(
        self, recordings: Sequence[Recording], labelled: Iterable[str], with_flagged: bool = False
    ) -> None:
        self.recordings = list(recordings)
        visible = set(labelled)
        names = sorted({recording.participant_id for recording in self.recordings})
        night, row, participant, number, label, usable = [], [], [], [], [], []
        for index, recording in enumerate(self.recordings):
            count = len(recording)
            night.append(np.full(count, index))
            row.append(np.arange(count))
            participant.append(np.full(count, names.index(recording.participant_id)))
            number.append(recording.clips["clip"].to_numpy(dtype=np.int64))
            seen = recording.participant_id in visible
            label.append(recording.clips.stage.to_numpy(dtype=np.int64) if seen else np.full(count, NOT_SCORED))
            usable.append(np.full(count, with_flagged) | ~flagged(recording.clips).to_numpy(dtype=bool))
        if not night:
            raise SacdError("no recordings to train on; check the cohort's splits in participants.tsv")
        self.night, self.row, self.participant, self.number, self.label = (
            np.concatenate(part).astype(np.int64) for part in (night, row, participant, number, label)
        )
        self.usable = np.concatenate(usable)
        self.label[~self.usable] = NOT_SCORED

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

    def __init__(self, clips: ClipSet, arrays: Sequence[Stored]) -> None:
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


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device; a GPU is not waited for, which needs pinned memory."""
    if device.type == "cuda" and not x.is_pinned():
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


class Ahead(Generic[T]):
    """What the next step needs, made by a thread while this step is computed.

    Parameters
    ----------
    make : callable
        Step → what it needs, a pure function: what is made ahead is what would have been made then.
    """

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._waiting: dict[int, Future[T]] = {}

    def __call__(self, step: int) -> T:
        """What a step needs; that of the next one is begun."""
        now = self._waiting.pop(step, None) or self._pool.submit(self._make, step)
        self._waiting = {step + 1: self._pool.submit(self._make, step + 1)}
        return now.result()


def ahead(make: Callable[[int], T], device: torch.device) -> Callable[[int], T]:
    """`make` itself, or on a GPU `Ahead` of it: a CPU that trains has no core to spare for reading."""
    return Ahead(make) if device.type == "cuda" else make
