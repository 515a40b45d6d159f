"""Batches that are a pure function of (seed, step): which clips stand together in a step.

No global random state is touched: a resumed run draws exactly the batches it would have drawn.
"""

import logging
from functools import lru_cache

import numpy as np

from sacd.exceptions import SacdError
from sacd.objectives.windows import WINDOW
from sacd.training.clip_set import ClipSet

_LOG = logging.getLogger(__name__)

STRETCH = 120
"""Clips of a stretch: an hour, the longest context that is compared with shorter ones."""

PAIRED = 4
"""Windows of a batch from which on they stand in pairs of one night."""


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
        Clips that may be drawn, where they are usable; a window needs all of its own, a stretch most. Neither holds one
        that is not usable.
    batch : int
        Clips a step.
    stretch : int
        Clips of a stretch.
    alone : bool
        Whether this is all that a batch holds; otherwise other people's windows are drawn apart.

    Raises
    ------
    SacdError
        There is nothing to draw.
    """

    def __init__(
        self, clips: ClipSet, eligible: np.ndarray, batch: int, seed: int, sampler: str = "window",
        stretch: int = STRETCH, alone: bool = True,
    ) -> None:
        if sampler != "random":
            units = clips.windows(stretch if sampler == "stretch" else WINDOW)
            if sampler == "stretch":
                if alone:
                    tell_of_short_recordings(clips, stretch)
                units = units[eligible[units].mean(axis=1) > 0.5]
            else:
                units = units[eligible[units].all(axis=1)]
            units = units[clips.usable[units].all(axis=1)]
            if not len(units):
                raise SacdError(
                    f"no {WINDOW} consecutive clips in the training recordings; use sampler: random"
                    if sampler == "window" else f"no {stretch} consecutive clips to train on; use a shorter stretch"
                )
            self._night, self._person = clips.night[units[:, 0]], clips.participant[units[:, 0]]
            if len(set(self._person)) == 1:
                self._person = self._night
        else:
            units = np.flatnonzero(eligible & clips.usable)[:, None]
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


def tell_of_short_recordings(clips: ClipSet, stretch: int) -> None:
    """Warn of recordings that are never drawn: gaps leave them no stretch of so many clips."""
    long = set(clips.night[clips.windows(stretch)[:, 0]].tolist())
    short = [place for place in range(len(clips.recordings)) if place not in long]
    if short and long:
        _tell_once(
            f"{clips.recordings[short[0]].path}: no {stretch} consecutive clips ({len(short)} of "
            f"{len(clips.recordings)} recordings): nothing is learnt from it; a shorter stretch would"
        )


@lru_cache(maxsize=64)
def _tell_once(line: str) -> None:
    """Warn; a process that trains many runs on the same recordings says it once."""
    _LOG.warning("%s", line)
