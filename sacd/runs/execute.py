"""One run from start to DONE: builds its task, trains it, writes its folder (DESIGN: "Runs")."""

import json
import platform
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from lightning_fabric import Fabric
from safetensors.torch import save_file

from sacd.cohort import Cohort, Recording
from sacd.models.base import Network
from sacd.objectives import build_objective
from sacd.objectives.base import Context, Objective
from sacd.runs.outputs import cached_outputs, load_network, stored_inputs
from sacd.runs.store import DONE, RunStore, split_of
from sacd.stages import STAGES
from sacd.training.batches import ClipSet, Sampler
from sacd.training.config import FusionRun, ReverseRun, RunConfig, SelectedRun, StudentRun, TrunkRun
from sacd.training.fusion import ReleasedTask, fusion_inputs, fusion_task, source_task
from sacd.training.inputs import Inputs, Outputs, make_network, predict
from sacd.training.loop import CHECKPOINT, Task, make_fabric, train
from sacd.training.tasks import StageTask, StudentTask, TeacherTask, TrunkTask, stage_scores

TRUNK_HELD_EVERY = 10
"""Every tenth window of the pool is held back to validate a trunk."""


def execute(
    config: RunConfig, cohort: Cohort, store: RunStore, report: Callable[[int], None] = lambda step: None
) -> Path:
    """Train a run unless it is done; where another process trains it, wait for that one.

    Parameters
    ----------
    report : callable
        Told the number of finished steps now and then.

    Returns
    -------
    Path
        The run's folder.
    """
    folder = store.folder(config, cohort)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / DONE).exists():
            _Execution(config, cohort, store, folder).run(report)
    return folder


class _Execution:
    """The state of one run while it is made."""

    def __init__(self, config: RunConfig, cohort: Cohort, store: RunStore, folder: Path) -> None:
        self.config, self.cohort, self.store, self.folder = config, cohort, store, folder
        self.split = split_of(config, cohort)
        self.fabric: Fabric = make_fabric(config.training.precision)
        self.device = self.fabric.device

    def run(self, report: Callable[[int], None]) -> None:
        """Train, or choose between trials; evaluate, write. DONE is written last."""
        metrics = self._choose(self.config) if isinstance(self.config, SelectedRun) else self._train(report)
        (self.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
        (self.folder / DONE).write_text(datetime.now(UTC).isoformat(timespec="seconds"))
        (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def _choose(self, config: SelectedRun) -> dict[str, Any]:
        """Test the trial with the best validation score, the earliest of equal ones; its figures."""
        trials = [self.store.open(trial, self.cohort) for trial in config.trials]
        best = int(np.argmax([trial.metrics["best_score"] for trial in trials]))
        chosen = config.trials[best].model_copy(update={"test": True})
        _, network, _ = load_network(trials[best].path)
        figures = _Execution(chosen, self.cohort, self.store, self.folder)._predict(network)
        shutil.copy(trials[best].path / "weights.safetensors", self.folder)
        self._write_description(tuple(trials[best].description["input_shape"]))
        trained = ("steps", "best_step", "best_score", "seconds", "clips_per_second")
        about = {"chosen": trials[best].path.name, "trial": best}
        return about | {name: trials[best].metrics[name] for name in trained} | figures

    def _train(self, report: Callable[[int], None]) -> dict[str, Any]:
        task, shape = self._trunk_task() if isinstance(self.config, TrunkRun) else self._stage_task()
        task.to(self.device)
        result = train(task, self.config.training, self.config.seed, self.folder, self.fabric, report)
        if getattr(self.config, "keep_weights", True):
            weights = {name: value.contiguous() for name, value in task.network.state_dict().items()}
            save_file(weights, self.folder / "weights.safetensors")
        self._write_description(shape)
        pd.DataFrame(result["history"]).to_csv(self.folder / "history.csv", index=False)
        metrics = self._metrics(result)
        if isinstance(task, StageTask):
            metrics |= self._predict(task.network)
        else:
            cached_outputs(self.folder, self.cohort, list(self.cohort))
        if self.config.kind == "teacher" and self.config.part is None:
            cached_outputs(self.folder, self.cohort, self.cohort.of(self.split.labelled + self.split.unlabelled))
        return metrics

    def _inputs(self, clips: ClipSet) -> Inputs:
        config = self.config
        if isinstance(config, FusionRun):
            return fusion_inputs(config, self.cohort, self.store, clips, self.fabric)
        return stored_inputs(config, self.cohort, self.store, clips, self.fabric)

    def _stage_task(self) -> tuple[StageTask, tuple[int, ...]]:
        config, split, training = self.config, self.split, self.config.training
        if isinstance(config, FusionRun):
            return fusion_task(config, self.cohort, self.store, self.fabric)
        # Options can take terms away, and with them what the objective needs; the instance knows.
        distils = isinstance(config, StudentRun | ReverseRun)
        objective = self._objective(Context(n_clips=1)) if distils else None
        pairs = split.unlabelled if objective is not None and objective.uses_unlabelled else ()
        clips = ClipSet(self.cohort.of(split.labelled + pairs), split.labelled)
        validation = ClipSet(self.cohort.of(split.validation), split.validation)
        # Clips of labelled participants that nobody scored have nothing to teach a network without pairs.
        eligible = (
            np.ones(len(clips), dtype=bool) if objective is not None and objective.uses_unlabelled else clips.label >= 0
        )
        sampler = Sampler(clips, eligible, training.batch, config.seed, training.sampler)
        inputs = self._inputs(clips)
        network = make_network(config, inputs.arrays.shape, config.seed, self._participant_classes)
        common = (network, inputs, clips, sampler, self._inputs(validation), validation, config.seed, training.augment)
        if objective is None:
            return TeacherTask(*common), inputs.arrays.shape
        released = isinstance(config, ReverseRun) and config.released
        frozen = objective.needs_teacher and not released
        teacher = self._teacher_outputs(clips, objective.needs_taps) if frozen else None
        context = Context(
            n_clips=len(clips),
            student_dim=network.feature_dim,
            n_nights=len(clips.recordings),
            label=torch.from_numpy(clips.label),
            teacher_logits=None if teacher is None else torch.from_numpy(teacher.logits),
        )
        named = {
            "objective": self._objective(context),
            "momentum": training.momentum_encoder,
            "diagnose_every": training.validate_every,
        }
        if released:
            source = source_task(
                config, self.cohort, self.store, clips, sampler, validation, self._objective(context), self.fabric
            )
            return ReleasedTask(*common, source=source, **named), inputs.arrays.shape
        task = StudentTask(
            *common,
            teacher=teacher,
            posterior=clips.posterior() if objective.needs_posterior else None,
            **named,
        )
        return task, inputs.arrays.shape

    def _objective(self, context: Context) -> Objective:
        config = self.config
        with torch.random.fork_rng():
            torch.manual_seed(config.seed + 1)
            return build_objective(config.objective.name, context, dict(config.objective.options))

    def _teacher_outputs(self, clips: ClipSet, taps: bool) -> Outputs:
        config = self.config
        teacher = getattr(config, "source" if isinstance(config, ReverseRun) else "teacher", None)
        if teacher is None:
            raise TypeError(f"objective {getattr(config, 'objective', None)} needs a teacher in its RunConfig")
        found = cached_outputs(self.store.folder(teacher, self.cohort), self.cohort, clips.recordings, taps)
        outputs = [found[recording.recording_id] for recording in clips.recordings]
        if getattr(config, "shifted", False):
            outputs = [night.shifted(len(night.features) // 2) for night in outputs]
        return Outputs.joined(outputs)

    @property
    def _participant_classes(self) -> int:
        """Classes of a participant head: only a teacher trains one, on its labelled training participants."""
        return len(self.split.labelled) if self.config.kind == "teacher" else 0

    def _trunk_task(self) -> tuple[Task, tuple[int, ...]]:
        config, training = self.config, self.config.training
        clips = ClipSet(self.cohort.of(self.split.pool), labelled=())
        inputs = self._inputs(clips)
        place = np.arange(len(clips)) // TRUNK_HELD_EVERY
        held = place % TRUNK_HELD_EVERY == 0
        sampler = Sampler(clips, ~held, training.batch, config.seed, training.sampler)
        network = make_network(config, inputs.arrays.shape, config.seed)
        task = TrunkTask(network, inputs, sampler, np.flatnonzero(held), config.seed, training.augment)
        return task, inputs.arrays.shape

    def _predict(self, network: Network) -> dict[str, Any]:
        """Write predictions of validation and test clips, features of test clips; return the figures."""
        parts: list[pd.DataFrame] = []
        figures: dict[str, Any] = {}
        tested = getattr(self.config, "test", True)
        for name, participants in (("validation", self.split.validation), ("test", self.split.test if tested else ())):
            recordings = self.cohort.of(participants)
            if not recordings:
                continue
            clips = ClipSet(recordings, labelled=participants)
            features, logits, _ = predict(network, self._inputs(clips), np.arange(len(clips)))
            table = prediction_table(clips, recordings, logits)
            table.insert(2, "split", name)
            parts.append(table)
            figures |= {
                f"{name}_{key}": value
                for key, value in stage_scores(clips.label, logits.argmax(1), clips.participant).items()
            }
            if name == "test":
                np.save(self.folder / "test_features.npy", features.astype(np.float16))
        pd.concat(parts).to_parquet(self.folder / "predictions.parquet", index=False)
        return figures

    def _metrics(self, result: dict[str, Any]) -> dict[str, Any]:
        steps, batch = self.config.training.steps, self.config.training.batch
        return {
            "steps": steps,
            "best_step": result["best_step"],
            "best_score": result["best_score"],
            "seconds": round(result["seconds"], 2),
            "clips_per_second": round(steps * batch / max(result["seconds"], 1e-9), 1),
        }

    def _write_description(self, shape: tuple[int, ...]) -> None:
        description = {
            "run": self.config.model_dump(mode="json"),
            "input_shape": list(shape),
            "participant_classes": self._participant_classes,
            "stages": list(STAGES),
            "cohort": {
                "name": self.cohort.info.name,
                "simulated": self.cohort.info.simulated,
                "source_id": self.cohort.info.source_id,
            },
            "sampling": self.cohort.info.sampling.model_dump(mode="json"),
            "participants": {
                role: len(getattr(self.split, role)) for role in ("labelled", "unlabelled", "validation", "test")
            },
        }
        (self.folder / "config.json").write_text(json.dumps(description, indent=1))
        environment = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            **{name: version(name) for name in ("sacd", "torch", "numpy", "lightning-fabric", "torch-geometric")},
        }
        (self.folder / "environment.json").write_text(json.dumps(environment, indent=1))


def prediction_table(clips: ClipSet, recordings: list[Recording], logits: np.ndarray) -> pd.DataFrame:
    """One row a clip: recording_id, participant_id, clip, stage, predicted and the probabilities p_W … p_REM."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = shifted / shifted.sum(axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "recording_id": [recordings[i].recording_id for i in clips.night],
            "participant_id": [recordings[i].participant_id for i in clips.night],
            "clip": clips.number,
            "stage": clips.label,
            "predicted": logits.argmax(axis=1),
        }
    )
    for code, stage in enumerate(STAGES):
        table[f"p_{stage}"] = probability[:, code].astype(np.float32)
    return table
