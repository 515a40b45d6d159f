"""Teachers and students of a benchmark, trained by the workbench's own tasks and loop; results can be kept."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sacd.audiovideo.paired import TEST, TRAIN, UNLABELLED, VALIDATION, Audio, Benchmark, Pairs
from sacd.models import MODELS, Network, build
from sacd.models.pretrained import load_pretrained
from sacd.objectives import build_objective, load_objective
from sacd.objectives.base import Context
from sacd.progress import progress
from sacd.training.batches import WINDOW, Arrays, Sampler
from sacd.training.config import TRAINING_VERSION, ModelConfig, Recipe, TrainingConfig
from sacd.training.inputs import Inputs, Outputs, predict, video_preparation
from sacd.training.loop import CHECKPOINT, make_fabric, train
from sacd.training.tasks import StageTask, StudentTask, TeacherTask
from sacd.training.transforms import prepare_features

METHODS = ("ce", "kd", "jsd", "fitnet", "pkt", "rkd", "crd", "cmc", "ccl", "sacd")
"""The rows of Table III, and KD and JSD."""
VERSION = 1
"""Enters a cached result's name; raised when the numbers of this module change."""


class Clips:
    """Clips that are no nights, as samplers and tasks see a `ClipSet`: one night, one participant, labels."""

    def __init__(self, label: np.ndarray) -> None:
        self.label = label.astype(np.int64)
        self.row = self.number = np.arange(len(label))
        self.night = self.participant = np.zeros(len(label), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.label)


class Batches(Sampler):
    """Batches of single clips in random order, of which every 8 make a window: these clips follow no other in time."""

    def __init__(self, clips: Clips, eligible: np.ndarray, batch: int, seed: int) -> None:
        super().__init__(clips, eligible, batch, seed, sampler="random")

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the clips of one step and their window, int64 [B] each."""
        index, _ = super().batch(step)
        return index, np.arange(len(index)) // WINDOW


class TopOne(StageTask):
    """A task of any number of classes, every clip weighing the same."""

    def validate(self) -> dict[str, float]:
        """Top-1 accuracy, and as the score the mean probability of the true class: few clips tie in accuracy."""
        logits = predict(self.network, self._validation_inputs, np.arange(len(self._validation))).logits
        label = self._validation.label
        probability = torch.from_numpy(logits).softmax(dim=1)[torch.arange(len(label)), torch.from_numpy(label)]
        return {"score": float(probability.mean()), "accuracy": float((logits.argmax(1) == label).mean())}


class AudioTask(TopOne, TeacherTask):
    """Cross-entropy on audio."""


class PairTask(TopOne, StudentTask):
    """An objective on pairs of video and cached teacher outputs."""


def _network(model: ModelConfig, n_classes: int, seed: int, **size: int) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(model.name, n_classes=n_classes, **size, **model.options)
    if model.weights:
        load_pretrained(network, model.weights)
    return network


def _prepare_audio(x: Tensor, generator: torch.Generator | None, mean: Tensor, deviation: Tensor) -> Tensor:
    return prepare_features((x - mean.to(x.device)) / deviation.to(x.device), generator)


class Teacher:
    """An audio classifier: its own training clips standardise what it reads.

    Parameters
    ----------
    audio : Audio
    n_classes : int
    recipe : Recipe
        A network on feature vectors, and how it is trained.
    seed : int
    """

    def __init__(self, audio: Audio, n_classes: int, recipe: Recipe, seed: int) -> None:
        mine = audio.x[audio.part == TRAIN]
        mean, deviation = torch.from_numpy(mine.mean(0)), torch.from_numpy(mine.std(0)).clamp_min(1e-3)
        self.fabric = make_fabric(recipe.training.precision)
        self.prepare = partial(_prepare_audio, mean=mean, deviation=deviation)
        self.network = _network(recipe.model, n_classes, seed, in_features=mine.shape[1])
        clips, validation = (Clips(audio.label[audio.part == part]) for part in (TRAIN, VALIDATION))
        task = AudioTask(
            self.network, self._inputs(mine), clips,
            Batches(clips, np.ones(len(clips), dtype=bool), recipe.training.batch, seed),
            self._inputs(audio.x[audio.part == VALIDATION]), validation, seed, recipe.training.augment,
        ).to(self.fabric.device)
        with tempfile.TemporaryDirectory() as folder:
            train(task, recipe.training, seed, Path(folder), self.fabric)

    def _inputs(self, x: np.ndarray) -> Inputs:
        return Inputs(Arrays(Clips(np.zeros(len(x))), [x]), self.prepare, self.fabric)

    def outputs(self, x: np.ndarray) -> Outputs:
        """Features float32 [n, 512], logits float32 [n, C] and taps of audio [n, d]."""
        return predict(self.network, self._inputs(x), np.arange(len(x)), taps=True)

    def predictions(self, audio: Audio, part: str = TEST) -> pd.DataFrame:
        """One row a clip of a part: unit, label, predicted."""
        chosen = audio.part == part
        predicted = self.outputs(audio.x[chosen]).logits.argmax(1)
        return pd.DataFrame({"unit": audio.unit[chosen], "label": audio.label[chosen], "predicted": predicted})


def train_student(
    pairs: Pairs, teacher: Outputs, n_classes: int, method: str, recipe: Recipe, seed: int,
    folder: Path,
) -> pd.DataFrame:
    """Train one student and let it name the test clips.

    Parameters
    ----------
    pairs : Pairs
    teacher : Outputs
        For the clips of ``pairs.select(TRAIN, UNLABELLED)``.
    method : str
        Of `sacd.objectives`.
    folder : Path
        Where the loop keeps its checkpoint.

    Returns
    -------
    DataFrame
        One row a test clip: name, unit, label, predicted; and method (its title), objective, seed.
    """
    training = recipe.training
    fabric = make_fabric(training.precision)
    mine, held, test = pairs.select(TRAIN, UNLABELLED), pairs.select(VALIDATION), pairs.select(TEST)
    clips, held_clips, test_clips = (Clips(part.visible) for part in (mine, held, test))

    def inputs(part: Pairs, of: Clips) -> Inputs:
        return Inputs(Arrays(of, [part.video]), video_preparation(training.normalise), fabric)

    network = _network(recipe.model, n_classes, seed, in_channels=1)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)
        sizes = Context(
            len(clips), network.feature_dim, teacher.features.shape[1], n_classes,
            label=torch.from_numpy(clips.label), teacher_logits=torch.from_numpy(teacher.logits),
        )
        objective = build_objective(method, sizes)
    eligible = np.ones(len(clips), dtype=bool) if objective.uses_unlabelled else clips.label >= 0
    task = PairTask(
        network, inputs(mine, clips), clips, Batches(clips, eligible, training.batch, seed),
        inputs(held, held_clips), held_clips, seed, training.augment,
        objective=objective, teacher=teacher if objective.needs_teacher else None, posterior=None,
        momentum=training.momentum_encoder, diagnose_every=training.validate_every,
    ).to(fabric.device)
    train(task, training, seed, folder, fabric)
    logits = predict(network, inputs(test, test_clips), np.arange(len(test_clips))).logits
    answers = {"name": test.name, "unit": test.unit, "label": test.label, "predicted": logits.argmax(1)}
    return pd.DataFrame(answers).assign(method=load_objective(method).title, objective=method, seed=seed)


def _data_hash(benchmark: Benchmark, pairs: Pairs) -> str:
    digest = hashlib.sha256()
    for array in (*vars(benchmark.audio).values(), *vars(pairs).values()):
        # Clip by clip: all of UCF51's videos at once would be copied.
        for clip in array:
            digest.update(clip.tobytes())
    return digest.hexdigest()


def _key(benchmark: Benchmark, data: str, method: str, seed: int) -> str:
    """Hash of all that a student's result depends on."""
    content = {
        "versions": [VERSION, TRAINING_VERSION, load_objective(method).version,
                     *(MODELS[recipe.model.name].version for recipe in (benchmark.teacher, benchmark.student))],
        "method": method, "seed": seed, "classes": benchmark.classes, "data": data,
        "recipes": [recipe.model_dump(mode="json") for recipe in (benchmark.teacher, benchmark.student)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def train_all(
    benchmark: Benchmark, methods: Sequence[str] = METHODS, seeds: int = 3, cache: Path | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every method with every seed; a seed has its own teacher, pairs and labelled subset, the same for all methods.

    Parameters
    ----------
    cache : Path, optional
        Folder in which finished students' predictions are kept, and checkpoints of the unfinished.

    Returns
    -------
    students : DataFrame
        See `train_student`.
    teachers : DataFrame
        See `Teacher.predictions`, with `seed` and `of`: the audio's own test clips (`TEST`), or the audio of the
        students' labelled and unlabelled pairs (`TRAIN`, `UNLABELLED`).
    """
    students, teachers = [], []
    with progress(benchmark.title, seeds * (1 + len(methods))) as bar:
        for seed in range(seeds):
            bar.advance(0, f"teacher, seed {seed}")
            pairs = benchmark.pairs(seed)
            teacher = Teacher(benchmark.audio, len(benchmark.classes), benchmark.teacher, seed)
            mine = np.isin(pairs.part, (TRAIN, UNLABELLED))
            outputs = teacher.outputs(pairs.audio[mine])
            heard = {name: getattr(pairs, name)[mine] for name in ("unit", "label")}
            heard |= {"predicted": outputs[1].argmax(1), "of": pairs.part[mine]}
            teachers.append(teacher.predictions(benchmark.audio).assign(of=TEST, seed=seed))
            teachers.append(pd.DataFrame(heard).assign(seed=seed))
            data = _data_hash(benchmark, pairs)
            for method in methods:
                bar.advance(1, f"{method}, seed {seed}")
                with tempfile.TemporaryDirectory() as temporary:
                    root = Path(temporary) if cache is None else cache
                    folder = root / f"{method}-{_key(benchmark, data, method, seed)}"
                    students.append(_kept(folder, pairs, outputs, benchmark, method, seed))
            bar.advance(1)
    return pd.concat(students, ignore_index=True), pd.concat(teachers, ignore_index=True)


def _kept(
    folder: Path, pairs: Pairs, outputs: tuple[np.ndarray, np.ndarray], benchmark: Benchmark, method: str, seed: int
) -> pd.DataFrame:
    """A finished student's predictions, or those of one trained now."""
    file = folder / "predictions.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        table = train_student(pairs, outputs, len(benchmark.classes), method, benchmark.student, seed, folder)
        table["seconds"] = time.monotonic() - began
        aside = file.with_suffix(".aside")
        table.to_parquet(aside, index=False)
        os.replace(aside, file)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return pd.read_parquet(file)


def training(steps: int, **changes: object) -> TrainingConfig:
    """AdamW with a cosine, ten validations."""
    values = {"batch": 32, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01, "schedule": "cosine",
              "momentum_encoder": 0.99, "validate_every": max(1, steps // 10)}
    return TrainingConfig(steps=steps, **(values | changes))
