"""A tiny benchmark of seven classes, each a brightness of video and a direction of audio."""

from pathlib import Path
from typing import Self

import numpy as np

from sacd.audiovideo.benchmark import TEST, TRAIN, UNLABELLED, VALIDATION, Audio, Benchmark, BenchmarkInfo, Pairs
from sacd.cohort import Sampling
from sacd.experiments.audio_video import training
from sacd.runs.kinds.audio_video import AudioTeacherRun, AudioVideoRun
from sacd.training.config import ModelConfig, ObjectiveConfig

N_CLASSES = 7
INFO = BenchmarkInfo("colours", "seven colours", tuple("abcdefg"), "clips", Sampling(frames=4, height=8, width=8))


def some_audio(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (np.eye(N_CLASSES)[label] + rng.normal(0, 0.2, (len(label), N_CLASSES))).astype(np.float32)


class Colours(Benchmark):
    """Nothing is read from its folder."""

    @classmethod
    def open(cls, path: Path) -> Self:
        label = np.tile(np.arange(N_CLASSES), 30)
        part = np.repeat([TRAIN, VALIDATION, TEST], len(label) // 3)
        name = np.array([f"sound{index}" for index in range(len(label))])
        return cls(Path(path), INFO, Audio(label, part, name, name, some_audio(label, np.random.default_rng(9))))

    def make_pairs(self, seed: int, labelled: int | None) -> Pairs:
        rng = np.random.default_rng(seed)
        part = np.repeat([TRAIN, UNLABELLED, VALIDATION, TEST], [14, 42, 14, 28])
        label = np.tile(np.arange(N_CLASSES), len(part) // N_CLASSES)
        audio = some_audio(label, rng)
        audio[np.isin(part, (VALIDATION, TEST))] = np.nan
        video = np.clip(rng.normal(0, 4, (len(part), 4, 8, 8)) + 30 * label[:, None, None, None], 0, 255)
        name = np.array([f"clip{index}" for index in range(len(part))])
        return Pairs(label, part, name, name, video.astype(np.uint8), audio)


def teacher(seed: int = 0) -> AudioTeacherRun:
    return AudioTeacherRun(model=ModelConfig(name="mlp"), training=training(40, lr=0.003), seed=seed)


def student(method: str = "kd", steps: int = 4, seed: int = 0) -> AudioVideoRun:
    return AudioVideoRun(
        model=ModelConfig(name="r2plus1d_10", options={"width": 4}), training=training(steps, batch=16, augment=False),
        objective=ObjectiveConfig(name=method), teacher=None if method == "ce" else teacher(seed), seed=seed,
    )
