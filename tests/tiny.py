"""For tests of training and reports: a tiny cohort whose stages are easy to read, and a profile of short nights."""

from pathlib import Path

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, CohortInfo, Sampling
from sacd.cohort.writer import CohortWriter
from sacd.experiments.profile import Profile, load_profile
from sacd.stages import STAGES


def make_cohort(
    path: Path,
    features: bool = False,
    train: int = 8,
    test: int = 3,
    clips: int = 24,
    seed: int = 0,
    relabel: dict[str, int] | None = None,
) -> Cohort:
    """A cohort of train + test participants; `relabel` permutes the stages of some participants by a seed."""
    kind = "features" if features else "raw"
    sampling = (
        Sampling(
            video_features=("Pz-Oz_a", "Pz-Oz_b"),
            eeg_features=tuple(f"{c}_{i}" for c in ("Fpz-Cz", "Pz-Oz") for i in range(4)),
        )
        if features
        else Sampling(eeg_hz=100, eeg_channels=("C3",), frames=8, span_s=30, height=16, width=16)
    )
    info = CohortInfo(name="tiny", simulated=True, source_id="tiny", video=kind, eeg=kind, sampling=sampling)
    with CohortWriter(path, info) as writer:
        for number in range(train + test):
            rng = np.random.default_rng([seed, number])
            name = f"P{number:02d}"
            writer.add_participant(name, "M", 30, 70, float(rng.uniform(0, 50)), "train" if number < train else "test")
            stage = np.repeat(rng.integers(0, 5, clips // 2), 2)
            video, eeg = _feature_pair(rng, stage) if features else _raw_pair(rng, stage)
            written = np.random.default_rng(relabel[name]).permutation(stage) if relabel and name in relabel else stage
            table = pd.DataFrame(
                {"clip": np.arange(clips), "onset": 30.0 * np.arange(clips), "stage": written.astype(np.int8)}
            )
            for code, label in enumerate(STAGES):
                table[f"posterior_{label}"] = np.where(stage == code, 0.8, 0.05).astype(np.float32)
            writer.add_recording(f"{name}n1", name, table, video, eeg, commit=False)
    return Cohort.open(path)


def night_profile(**changes: object) -> Profile:
    """Smoke with a few steps on stretches of eight clips, and networks that see one clip or four; `changes` of it."""
    smoke = load_profile("smoke")
    student = smoke.night.student
    short = {"steps": 4, "batch": 32, "stretch": 8, "validate_every": 2}
    student = student.model_copy(update={"training": student.training.model_copy(update=short)})
    own = {"lengths": (1, 4), "student": student} | changes
    return smoke.model_copy(update={"night": smoke.night.model_copy(update=own)})


def _feature_pair(rng: np.random.Generator, stage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth = np.eye(5)[stage]
    video = truth[:, :2] + rng.normal(0, 0.5, (len(stage), 2))
    eeg = np.hstack([truth, truth[:, :3]]) + rng.normal(0, 0.3, (len(stage), 8))
    return video.astype(np.float32), eeg.astype(np.float32)


def _raw_pair(rng: np.random.Generator, stage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    noise = rng.normal(0, 1, (len(stage), 8, 16, 16)) * (4 + 12 * stage[:, None, None, None])
    video = np.clip(100 + noise, 0, 255).astype(np.uint8)
    eeg = rng.normal(0, 10, (len(stage), 1, 3000)) * (1 + stage[:, None, None])
    return video, eeg.astype(np.float32)
