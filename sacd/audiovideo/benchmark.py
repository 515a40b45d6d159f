"""What a benchmark holds: the audio its teachers learn from, and pairs of audio and video for its students.

It is opened from a folder, as a cohort is, and stands where a cohort does when runs are identified and trained
(`sacd.runs.kinds.audio_video`).
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from sacd.cohort import Sampling

TRAIN, VALIDATION, TEST = "train", "validation", "test"
UNLABELLED = "unlabelled"
"""Part of pairs that train without their label, `TRAIN` pairs show it; part of audio that a teacher never learns from,
for it belongs to pairs."""


@dataclass(frozen=True)
class Half:
    """What both halves say of their clips.

    Attributes
    ----------
    label : ndarray [n] int64
        The truth, also where the part hides it.
    part : ndarray [n] of str
        `TRAIN`, `UNLABELLED`, `VALIDATION` or `TEST`.
    unit : ndarray [n] of str
        What clips hang together by, e.g. their speaker; statistics take units for the participants of a cohort.
    name : ndarray [n] of str
        What tells the clips apart.
    """

    label: np.ndarray
    part: np.ndarray
    unit: np.ndarray
    name: np.ndarray

    def rows(self, *parts: str) -> np.ndarray:
        """Indices of the clips of some parts, int64."""
        return np.flatnonzero(np.isin(self.part, parts))

    @property
    def visible(self) -> np.ndarray:
        """Labels int64 [n], −1 where hidden."""
        return np.where(self.part == UNLABELLED, -1, self.label)

    @cached_property
    def hashes(self) -> dict[str, dict[str, str]]:
        """SHA-256 of each part and attribute: part → name of the attribute → hash."""
        return {part: self._hashes_of(part) for part in map(str, np.unique(self.part))}

    def _hashes_of(self, part: str) -> dict[str, str]:
        found = {}
        for name in self.__dataclass_fields__:
            values = getattr(self, name)
            digest = hashlib.sha256(str(values.shape[1:]).encode())
            # Clip by clip: all of UCF51's videos at once would be copied.
            for row in self.rows(part):
                digest.update(values[row].tobytes())
            found[name] = digest.hexdigest()
        return found


@dataclass(frozen=True)
class Audio(Half):
    """The teacher's half; `x` float32 [n, d], one vector a clip."""

    x: np.ndarray


@dataclass(frozen=True)
class Pairs(Half):
    """The student's half.

    Attributes
    ----------
    video : ndarray [n, frames, height, width] uint8
    audio : ndarray [n, d] float32
        As `Audio.x`; NaN for clips of the parts that no audio is read for (`VALIDATION`, `TEST`).
    """

    video: np.ndarray
    audio: np.ndarray


@dataclass(frozen=True)
class BenchmarkInfo:
    """What a benchmark is.

    Attributes
    ----------
    name : str
        Of letters and hyphens.
    title : str
        For the caption of tables.
    classes : tuple of str
    unit : str
        The word for what takes the participants' part, in the plural.
    sampling : Sampling
        Frames, height and width of the video, where there is one.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    unit: str
    sampling: Sampling
    simulated: bool = False

    @property
    def source_id(self) -> str:
        """Public data are known by their name."""
        return self.name


class Benchmark(ABC):
    """An opened benchmark; `info`, `audio`, and pairs that a seed fixes."""

    def __init__(self, path: Path, info: BenchmarkInfo, audio: Audio) -> None:
        self.path, self.info, self.audio = path, info, audio
        self._pairs = lru_cache(maxsize=16)(self.make_pairs)

    @classmethod
    @abstractmethod
    def open(cls, path: Path) -> Self:
        """Read its folder."""

    @abstractmethod
    def make_pairs(self, seed: int, labelled: int | None) -> Pairs:
        """See `pairs`."""

    def pairs(self, seed: int, labelled: int | None = None) -> Pairs:
        """The pairs of a seed, and which of them are labelled; the test clips are the same for every seed.

        Parameters
        ----------
        seed : int
        labelled : int, optional
            Labelled pairs of each class; None where all are.
        """
        return self._pairs(seed, labelled)
