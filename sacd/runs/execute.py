"""One run from start to DONE: its kind trains it, with what is here, into its folder (DESIGN: "Runs")."""

import json
import platform
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from scipy.special import softmax

from sacd.cohort import Cohort, Recording
from sacd.decisions import Clips, Correction, NightModel
from sacd.decisions.decoders import PROBABILITIES
from sacd.locks import alone
from sacd.models.base import Network
from sacd.runs.forecast import alike
from sacd.runs.kind import RunConfig
from sacd.runs.store import DONE, LOCK, RunStore
from sacd.training.clip_set import ClipSet
from sacd.training.config import TRAINING_VERSION
from sacd.training.inputs import Inputs, predict
from sacd.training.loop import CHECKPOINT, Task, make_fabric, train
from sacd.training.tasks import StageTask, stage_scores

TRACEBACK = "traceback.txt"
DRAWS = 2048
"""Training draws whose mean probability is a run's prior: 256 windows, which know a stage's share to 2 or 3 points."""


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
        The run's folder; where it fails, `TRACEBACK` in it says how.
    """
    folder = store.folder(config, cohort)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / LOCK, "trains it"):
        if not (folder / DONE).exists():
            try:
                making = Making(config, cohort, store, folder, report)
                metrics = config.make(making)
                if left_out := config.left_out(cohort):
                    metrics["flagged_left_out"] = left_out
            except Exception:
                (folder / TRACEBACK).write_text(traceback.format_exc())
                raise
            (folder / "metrics.json").write_text(json.dumps(metrics, indent=1))
            (folder / DONE).write_text(datetime.now(UTC).isoformat(timespec="seconds"))
            for name in (CHECKPOINT, TRACEBACK):
                (folder / name).unlink(missing_ok=True)
    return folder


class Making:
    """What a kind works with while one of its runs is made.

    Attributes
    ----------
    split : Split
    fabric : Fabric
    participant_classes : int
        Of a participant head, for those who load the network later.
    """

    def __init__(
        self, config: RunConfig, cohort: Cohort, store: RunStore, folder: Path,
        report: Callable[[int], None] = lambda step: None,
    ) -> None:
        self.config, self.cohort, self.store, self.folder = config, cohort, store, folder
        self.split = config.split(cohort)
        self.fabric = make_fabric(config.training.precision)
        self.participant_classes = 0
        self._report = report

    def train(self, task: Task, shape: tuple[int, ...], keep_weights: bool = True) -> dict[str, Any]:
        """Train a task to its end; write weights, history and description, and give the figures of training.

        Parameters
        ----------
        shape : tuple of int
            Of a clip as the network's input is stored.
        """
        training = self.config.training
        task.to(self.fabric.device)
        result = train(task, training, self.config.seed, self.folder, self.fabric, self._report)
        if keep_weights:
            self.keep(task.network)
        self.describe(shape)
        pd.DataFrame(result["history"]).to_csv(self.folder / "history.csv", index=False)
        return {
            "steps": result["steps"], "best_step": result["best_step"], "best_score": result["best_score"],
            "seconds": round(result["seconds"], 2),
            "clips_per_second": round(result["steps"] * training.batch / max(result["seconds"], 1e-9), 1),
        }

    def keep(self, network: Network) -> None:
        """Write a network's weights."""
        weights = {name: value.contiguous() for name, value in network.state_dict().items()}
        save_file(weights, self.folder / "weights.safetensors")

    def evaluate(
        self, network: Network, inputs: Callable[[ClipSet], Inputs], tested: bool = True, task: StageTask | None = None
    ) -> dict[str, Any]:
        """Write a network's predictions of validation and test clips, and what decisions need to know; their figures.

        Parameters
        ----------
        inputs : callable
            The network's input over a clip set.
        tested : bool
            Without, the test participants are not looked at.
        task : StageTask, optional
            What trained the network: its draws give the prior that decisions are corrected for.
        """
        drawn = None
        if task is not None:
            steps = min(self.config.training.steps, -(-DRAWS // self.config.training.batch))
            drawn = predict(network, task.inputs, task.drawn(steps)).logits
        return self.judge(lambda clips: predict(network, inputs(clips), np.arange(len(clips))).logits, tested, drawn)

    def judge(
        self, say: Callable[[ClipSet], np.ndarray], tested: bool = True, drawn: np.ndarray | None = None
    ) -> dict[str, Any]:
        """Write what is said of validation and test clips, and what decisions need to know; their figures.

        Parameters
        ----------
        say : callable
            Of the clips of a set, their logits [n, C].
        tested : bool
            Without, the test participants are not looked at.
        drawn : ndarray [m, C], optional
            Logits of training draws; without, no decision but the likeliest stage can be made later.
        """
        parts: list[pd.DataFrame] = []
        figures: dict[str, Any] = {}
        for name, participants in (("validation", self.split.validation), ("test", self.split.test if tested else ())):
            recordings = self.cohort.of(participants)
            if not recordings:
                continue
            clips = ClipSet(recordings, participants, self.config.training.flagged)
            logits = say(clips)
            table = prediction_table(clips, recordings, logits)
            table.insert(2, "split", name)
            parts.append(table)
            scores = stage_scores(clips.label, logits.argmax(1), clips.participant)
            figures |= {f"{name}_{key}": value for key, value in scores.items()}
        predictions = pd.concat(parts)
        predictions.to_parquet(self.folder / "predictions.parquet", index=False)
        if drawn is not None:
            held = predictions[predictions["split"] == "validation"]
            chances = softmax(drawn, axis=1)
            correction = Correction.of(held[PROBABILITIES].to_numpy(), held["stage"].to_numpy(), chances)
            correction.write(self.folder)
            self.night_model(held, correction).write(self.folder)
        return figures

    def night_model(self, held: pd.DataFrame, correction: Correction) -> NightModel:
        """What the labelled training nights show, β and τ as the predictions of validation clips want them."""
        names = self.split.labelled
        known = ClipSet(self.cohort.of(names), names, self.config.training.flagged)
        counted = NightModel.counted(known.label, known.night, known.number, correction)
        clips = Clips(held[PROBABILITIES].to_numpy(), held["recording_id"].to_numpy(), held["clip"].to_numpy())
        return counted.chosen(clips, held["stage"].to_numpy(), held["participant_id"].to_numpy())

    def describe(self, shape: tuple[int, ...]) -> None:
        """Write what the run is, all that inference needs, and where it was made."""
        info = self.cohort.info
        description = {
            "version": TRAINING_VERSION,
            "row": self.config.row(),
            "like": alike(self.config, info.sampling.model_dump()),
            "run": self.config.model_dump(mode="json"),
            "input_shape": list(shape),
            "participant_classes": self.participant_classes,
            "classes": list(self.config.classes(self.cohort)),
            "cohort": {"name": info.name, "simulated": info.simulated, "source_id": info.source_id},
            "sampling": info.sampling.model_dump(mode="json"),
            "encoder": getattr(info, "provenance", {}).get("encoder"),
            "participants": {
                role: len(getattr(self.split, role)) for role in ("labelled", "unlabelled", "validation", "test")
            },
        }
        (self.folder / "config.json").write_text(json.dumps(description, indent=1))
        environment = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "device": str(self.fabric.device),
            "threads": torch.get_num_threads(),
            **{name: version(name) for name in ("sacd", "torch", "numpy", "lightning-fabric", "torch-geometric")},
        }
        (self.folder / "environment.json").write_text(json.dumps(environment, indent=1))


def prediction_table(clips: ClipSet, recordings: list[Recording], logits: np.ndarray) -> pd.DataFrame:
    """One row a clip: recording_id, participant_id, clip, stage, predicted and the probabilities p_W … p_REM."""
    probability = softmax(logits, axis=1)
    table = pd.DataFrame(
        {
            "recording_id": [recordings[i].recording_id for i in clips.night],
            "participant_id": [recordings[i].participant_id for i in clips.night],
            "clip": clips.number,
            "stage": clips.label,
            "predicted": logits.argmax(axis=1),
        }
    )
    for code, name in enumerate(PROBABILITIES):
        table[name] = probability[:, code].astype(np.float32)
    return table
