"""Clips of many recordings as one flat set, and batches that are a pure function of (seed, step).

No global random state is touched: a resumed run draws exactly the batches it would have drawn.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from math import prod
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from sacd.cohort import Recording
from sacd.exceptions import SacdError
from sacd.objectives.windows import WINDOW
from sacd.stages import NOT_SCORED, STAGES

T = TypeVar("T")
Stored = np.ndarray | Callable[[], np.ndarray]

_LOG = logging.getLogger(__name__)

STRETCH = 120
"""Clips of a stretch: an hour, the longest context that is compared with shorter ones."""

PAIRED = 4
"""Windows of a batch from which on they stand in pairs of one night."""

EVALUATION_BYTES = 64 * 2**20
"""Network input of an evaluated batch; a video network's widest activation is some 16 times its input."""
EVALUATION_CLIPS = 256
"""Clips of an evaluated batch at most: more are no faster."""


def evaluation_batch(shape: tuple[int, ...]) -> int:
    """How many clips to evaluate at once, by the shape of one: float32 numbers as network input."""
    return max(1, min(EVALUATION_CLIPS, EVALUATION_BYTES // (4 * prod(shape))))


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


def apart(block: np.ndarray, group: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of blocks of different groups, in random order.

    Every block stands in one row, a few in two where they do not fill the last one. A row has blocks of one group only
    where a group holds more than its share, 1/width, of all blocks.

    Parameters
    ----------
    block : ndarray [n, ...]
    group : ndarray [n]
    width : int
        Blocks of a row.

    Returns
    -------
    ndarray [rows, width, ...]
    """
    rows = -(-len(block) // width)
    mixed = rng.permutation(len(block))
    turn = rng.permutation(int(group.max()) + 1)  # groups one after the other, in an order of their own
    mixed = mixed[np.argsort(turn[group[mixed]], kind="stable")]
    filled = np.resize(mixed, rows * width)
    # Down the columns: what stands side by side in a row is far apart in the order of groups.
    return block[filled.reshape(width, rows).T[rng.permutation(rows)]]


class Sampler:
    """Batches of clip indices, a pure function of (seed, step).

    With ``sampler="random"`` a batch holds single clips; with ``"window"`` batch/8 windows of 8 consecutive clips, each
    window's clips together in time order. From 4 windows on they stand in pairs of one night, for the structure loss
    takes its negatives from the same night, and the pairs come from different people, as do single windows in a smaller
    batch: batch norm and live negatives should see more than one person. Where there is one person, nights stand for
    people. Every epoch is a fresh permutation.

    With ``"stretch"`` a batch holds batch/stretch longer runs of consecutive clips, of different people as far as there
    are, from which a network cuts the windows that it reads: whatever their length, it learns from the same clips. What
    an objective takes for windows are the runs of 8 clips within.

    Parameters
    ----------
    clips : ClipSet
    eligible : ndarray [N] bool
        Clips that may be drawn; a window needs all of its own, a stretch most.
    batch : int
        Clips a step.
    stretch : int
        Clips of a stretch.
    alone : bool
        Whether this is all that a batch holds; otherwise other people's windows are drawn apart.

    Raises
    ------
    SacdError
        There is nothing to draw, or a recording has no stretch.
    """

    def __init__(
        self, clips: ClipSet, eligible: np.ndarray, batch: int, seed: int, sampler: str = "window",
        stretch: int = STRETCH, alone: bool = True,
    ) -> None:
        if sampler != "random":
            units = clips.windows(stretch if sampler == "stretch" else WINDOW)
            if sampler == "stretch":
                _check_stretches(clips, units)
                units = units[eligible[units].mean(axis=1) > 0.5]
            else:
                units = units[eligible[units].all(axis=1)]
            if not len(units):
                raise SacdError(
                    f"no {WINDOW} consecutive clips in the training recordings; use sampler: random"
                    if sampler == "window" else f"no {stretch} consecutive clips to train on; use a shorter stretch"
                )
            self._night, self._person = clips.night[units[:, 0]], clips.participant[units[:, 0]]
            if len(set(self._person)) == 1:
                self._person = self._night
        else:
            units = np.flatnonzero(eligible)[:, None]
            if not len(units):
                raise SacdError("no clip to train on; label at least one training participant")
            self._night = None
        self.units = units
        self.per_step = max(1, batch // units.shape[1])
        self._paired = sampler == "window" and self.per_step >= PAIRED
        if alone and sampler == "window" and self.per_step == 1:
            _LOG.warning(
                "batch %d is one window of one night: batch norm and the negatives of a batch see one person a step; "
                "use a batch of %d or more",
                batch, 2 * WINDOW,
            )
        self.seed = seed
        self._order = lru_cache(maxsize=2)(self._permutation)

    def _permutation(self, epoch: int) -> np.ndarray:
        """Order of the units in an epoch."""
        rng = np.random.default_rng([self.seed, 0xBA7C, epoch])
        if self._night is None:
            return rng.permutation(len(self.units))
        if not self._paired:
            return apart(np.arange(len(self.units)), self._person, self.per_step, rng).reshape(-1)
        mixed = rng.permutation(len(self.units))
        mixed = mixed[np.argsort(self._night[mixed], kind="stable")]
        pairs = []
        for night in np.split(mixed, np.flatnonzero(np.diff(self._night[mixed])) + 1):
            # The last of an odd number meets the night's first one again.
            pairs.append(np.append(night, night[0]) if len(night) % 2 else night)
        pairs = np.concatenate(pairs).reshape(-1, 2)
        rows = apart(pairs, self._person[pairs[:, 0]], -(-self.per_step // 2), rng)
        # Of an odd number of windows the last one stands alone; the other of its pair waits for another epoch.
        return rows.reshape(len(rows), -1)[:, : self.per_step].reshape(-1)

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
        drawn = self.units.shape[1]
        windows = -(-drawn // WINDOW)
        window = windows * np.arange(self.per_step)[:, None] + np.arange(drawn) // WINDOW
        return index.reshape(-1), window.reshape(-1)


def _check_stretches(clips: ClipSet, stretches: np.ndarray) -> None:
    """Refuse recordings that would silently never be drawn."""
    short = sorted(set(range(len(clips.recordings))) - set(clips.night[stretches[:, 0]].tolist()))
    if short:
        raise SacdError(
            f"{clips.recordings[short[0]].path}: no {stretches.shape[1]} consecutive clips ({len(short)} such "
            "recordings); use a shorter stretch"
        )
