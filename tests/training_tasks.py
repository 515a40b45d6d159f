"""Small tasks for the tests of training: random nights of feature vectors or video, without a cohort on disk."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from sacd.models import build
from sacd.objectives import build_objective
from sacd.objectives.base import Context
from sacd.training.batches import Sampler
from sacd.training.clip_set import Arrays, ClipSet
from sacd.training.config import TrainingConfig
from sacd.training.inputs import Inputs, Outputs
from sacd.training.loop import make_fabric
from sacd.training.tasks import StudentTask
from sacd.training.transforms import prepare_features

FABRIC = make_fabric("32-true")


@dataclass(frozen=True)
class Night:
    """What a ClipSet asks of a recording."""

    participant_id: str
    clips: pd.DataFrame

    def __len__(self) -> int:
        return len(self.clips)


def make_clips(nights: int = 4, length: int = 24, per_person: int = 1, seed: int = 0) -> ClipSet:
    """Nights of `length` clips whose random stages may be seen."""
    rng = np.random.default_rng(seed)
    tables = [pd.DataFrame({"clip": np.arange(length), "stage": rng.integers(0, 5, length)}) for _ in range(nights)]
    made = [Night(f"P{number // per_person:02d}", table) for number, table in enumerate(tables)]
    return ClipSet(made, {night.participant_id for night in made})


def feature_inputs(clips: ClipSet, dim: int = 6, seed: int = 1) -> Inputs:
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal((len(night), dim), dtype=np.float32) for night in clips.recordings]
    return Inputs(Arrays(clips, arrays), prepare_features, FABRIC)


def student(
    method: str = "sacd", batch: int = 16, diagnose_every: int = 3, network: str = "mlp", stretch: int = 0,
    **options: object,
) -> StudentTask:
    """A network that learns from random teacher outputs, from windows or, with a length, from stretches."""
    clips, rng = make_clips(), np.random.default_rng(2)
    inputs = feature_inputs(clips)
    torch.manual_seed(0)
    model = build(network, in_features=6, **options)
    teacher = Outputs(*(rng.standard_normal((len(clips), size), dtype=np.float32) for size in (512, 5)))
    drawn = Sampler(clips, np.ones(len(clips), dtype=bool), batch, 0, "stretch" if stretch else "window", stretch)
    return StudentTask(
        model, inputs, clips, drawn, inputs, clips, 0, False,
        objective=build_objective(method, Context(len(clips), n_nights=len(clips.recordings))), teacher=teacher,
        posterior=None, momentum=0.9, diagnose_every=diagnose_every,
    )


def training(steps: int, validate_every: int = 3) -> TrainingConfig:
    return TrainingConfig(steps=steps, batch=16, optimizer="adamw", validate_every=validate_every)
