"""What a benchmark holds: the audio its teacher learns from, and pairs of audio and video for its students."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sacd.training.config import Recipe

TRAIN, VALIDATION, TEST = "train", "validation", "test"
UNLABELLED = "unlabelled"
"""Part of pairs that train without their label; `TRAIN` pairs show it."""


@dataclass(frozen=True)
class Audio:
    """The teacher's half.

    Attributes
    ----------
    x : ndarray [n, d] float32
        One vector a clip.
    label : ndarray [n] int64
    part : ndarray [n] of str
        `TRAIN`, `VALIDATION` or `TEST`.
    unit : ndarray [n] of str
        What clips hang together by, e.g. their speaker; statistics resample units.
    """

    x: np.ndarray
    label: np.ndarray
    part: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """The student's half.

    Attributes
    ----------
    video : ndarray [n, frames, height, width] uint8
    audio : ndarray [n, d] float32
        As in `Audio`; NaN for clips of the parts that no audio is read for (`VALIDATION`, `TEST`).
    label : ndarray [n] int64
        The truth, also where the part hides it.
    part : ndarray [n] of str
        `TRAIN`, `UNLABELLED`, `VALIDATION` or `TEST`.
    unit : ndarray [n] of str
    name : ndarray [n] of str
        What tells the clips apart.
    """

    video: np.ndarray
    audio: np.ndarray
    label: np.ndarray
    part: np.ndarray
    unit: np.ndarray
    name: np.ndarray

    def select(self, *parts: str) -> "Pairs":
        """The clips of some parts."""
        chosen = np.isin(self.part, parts)
        return Pairs(*(getattr(self, name)[chosen] for name in ("video", "audio", "label", "part", "unit", "name")))

    @property
    def visible(self) -> np.ndarray:
        """Labels int64 [n], −1 where hidden."""
        return np.where(self.part == UNLABELLED, -1, self.label)


@dataclass(frozen=True)
class Benchmark:
    """An audio-to-video benchmark; a seed fixes its pairs and which of them are labelled.

    Attributes
    ----------
    title : str
        What it is, for the caption of tables.
    classes : tuple of str
    unit : str
        The word for what statistics resample, in the plural.
    audio : Audio
    pairs : callable
        seed → Pairs; the test clips are the same for every seed.
    teacher, student : Recipe
    """

    title: str
    classes: tuple[str, ...]
    unit: str
    audio: Audio
    pairs: Callable[[int], Pairs]
    teacher: Recipe
    student: Recipe
