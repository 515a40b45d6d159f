"""The run store: what identifies a run, where it lies, what has been trained.

A run's identity is a hash of its configuration without default values, of the versions of the components whose
numbers it depends on, and of the data it may see; a docstring edit retrains nothing.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, Recording, hash_file
from sacd.cohort.splits import Split, make_split
from sacd.exceptions import SacdError
from sacd.models import MODELS
from sacd.objectives import load_objective
from sacd.training.config import (
    TRAINING_VERSION,
    FusionRun,
    LabelledRun,
    ReverseRun,
    RunConfig,
    SelectedRun,
    StudentRun,
    TeacherRun,
    TrunkRun,
    parse_run,
)

DONE = "DONE"


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def split_of(config: RunConfig, cohort: Cohort) -> Split:
    """The participants' roles in a run."""
    if isinstance(config, LabelledRun):
        split = make_split(cohort.participants, config.protocol, config.labelled, config.fold, config.seed)
        return split if config.part is None else split.without(*config.part)
    return make_split(cohort.participants, fold=config.fold, seed=config.seed)


def _stages_hash(recording: Recording) -> str:
    return recording.metadata["hashes"]["clips.parquet"]


def data_fingerprint(config: RunConfig, cohort: Cohort) -> str:
    """Hash of all that a run may see, and of nothing else: hidden labels do not enter."""
    split = split_of(config, cohort)
    both = isinstance(config, FusionRun | ReverseRun)
    # A student does not read EEG, but its teacher's outputs on the training participants.
    taught = isinstance(config, StudentRun) and config.teacher is not None
    modalities = ("eeg", "video") if both or taught else ("eeg",) if isinstance(config, TeacherRun) else ("video",)
    sees_posterior = isinstance(config, StudentRun) and load_objective(config.objective.name).needs_posterior
    if isinstance(config, TrunkRun):
        roles = {"pool": split.pool}
    else:
        roles = {"labelled": split.labelled, "validation": split.validation}
    if isinstance(config, StudentRun):
        roles |= {"unlabelled": split.unlabelled, "test": split.test if config.test else ()}
    elif both:
        roles |= {"unlabelled": split.unlabelled, "test": split.test}
    elif isinstance(config, TeacherRun | SelectedRun):
        roles |= {"test": split.test}
    content = []
    for role, participants in roles.items():
        hidden = role in ("pool", "unlabelled") and not sees_posterior
        for recording in cohort.of(participants):
            labels = recording.timing_hash if hidden else _stages_hash(recording)
            files = [recording.hash_of(modality) for modality in modalities]
            content.append([role, recording.recording_id, recording.participant_id, *files, labels])
    return _digest(sorted(content))


def _objective_identity(name: str) -> Any:
    """The version of an objective of ours; the hash of the file of a custom one."""
    if ":" in name:
        return hash_file(Path(name.rsplit(":", 1)[0]))
    return load_objective(name).version


def _custom_files(config: RunConfig) -> tuple[str, ...]:
    """Hashes of the files of custom objectives in a run and in those it depends on."""
    own = isinstance(config, StudentRun | ReverseRun) and ":" in config.objective.name
    needed = [part for dependency in config.dependencies for part in _custom_files(dependency)]
    return ((_objective_identity(config.objective.name),) if own else ()) + tuple(needed)


def run_id(config: RunConfig, cohort: Cohort) -> str:
    """Name and hash that identify a run on a cohort, e.g. ``student-kd-1a2b3c4d5e6f``."""
    # A custom objective's file may be edited while a notebook runs: its hash belongs to the cache's key.
    return _run_id(config.model_dump_json(), cohort, _custom_files(config))


@lru_cache(maxsize=10_000)
def _run_id(text: str, cohort: Cohort, custom: tuple[str, ...]) -> str:
    config = parse_run(text)
    content: dict[str, Any] = {
        "config": config.minimal(),
        "loop": TRAINING_VERSION,
        "model": MODELS[config.model.name].version if config.model.name in MODELS else None,
        "data": data_fingerprint(config, cohort),
        "dependencies": sorted(run_id(dependency, cohort) for dependency in config.dependencies),
    }
    if content["model"] is None:
        raise SacdError(f"model {config.model.name!r} is unknown; use {', '.join(MODELS)}")
    if isinstance(config, StudentRun | ReverseRun):
        content["objective"] = _objective_identity(config.objective.name)
    return f"{run_name(config)}-{_digest(content)[:12]}"


def run_name(config: RunConfig) -> str:
    """What stands before the hash in a run's id: its kind, and what matters most of it."""
    name = config.model.name
    if isinstance(config, StudentRun | ReverseRun):
        name = Path(config.objective.name.split(":")[-1]).name
    if isinstance(config, SelectedRun):
        name = Path(config.trials[0].objective.name.split(":")[-1]).name
    if isinstance(config, FusionRun):
        name = config.experiment
    return f"{config.kind}-{name}"


class RunStore:
    """A folder of runs; cohorts that lie side by side share one."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @classmethod
    def beside(cls, cohort: Cohort) -> "RunStore":
        """`$SACD_RUNS`, else the folder ``runs`` beside the cohort."""
        return cls(Path(os.environ.get("SACD_RUNS") or cohort.path.resolve().parent / "runs"))

    def folder(self, config: RunConfig, cohort: Cohort) -> Path:
        """Where a run lies, or will."""
        return self.root / run_id(config, cohort)

    def done(self) -> list["Run"]:
        """Every finished run."""
        return [Run(marker.parent) for marker in sorted(self.root.glob(f"*/{DONE}"))]

    def open(self, config: RunConfig, cohort: Cohort) -> "Run":
        """A finished run.

        Raises
        ------
        SacdError
            It has not been trained.
        """
        folder = self.folder(config, cohort)
        if not (folder / DONE).exists():
            raise SacdError(f"{folder}: not trained yet; run 'sacd report' or sacd.runs.ensure first")
        return Run(folder)


@dataclass(frozen=True)
class Run:
    """A finished run on disk: one trained network with its predictions and features."""

    path: Path

    @cached_property
    def config(self) -> RunConfig:
        """Its configuration."""
        return parse_run(json.dumps(self.description["run"]))

    @cached_property
    def description(self) -> dict[str, Any]:
        """`config.json`: the configuration under ``run``, and all that inference needs."""
        return json.loads((self.path / "config.json").read_text())

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Validation and test figures, times, clips/s."""
        return json.loads((self.path / "metrics.json").read_text())

    @property
    def history(self) -> pd.DataFrame:
        """One row a validation: step, loss terms, validation figures."""
        return pd.read_csv(self.path / "history.csv")

    @property
    def predictions(self) -> pd.DataFrame:
        """recording_id, participant_id, split, clip, stage, predicted, p_W … p_REM; one row a clip."""
        return pd.read_parquet(self.path / "predictions.parquet")

    @property
    def test_features(self) -> np.ndarray:
        """float16 [test clips, 512], in the order of the test rows of `predictions`."""
        return np.load(self.path / "test_features.npy", mmap_mode="r", allow_pickle=False)


def tabulate(runs: list[Run]) -> pd.DataFrame:
    """One row a run: identity, what it is, and its figures."""
    rows = []
    for run in runs:
        config = run.config
        row: dict[str, Any] = {"run_id": run.path.name, "path": str(run.path), **describe(config), **run.metrics}
        rows.append(row)
    return pd.DataFrame(rows)


def describe(config: RunConfig) -> dict[str, Any]:
    """Columns that tell runs apart: method, objective, tier, student, teacher, protocol, labelled, fold, seed."""
    row: dict[str, Any] = {
        "kind": config.kind,
        "seed": config.seed,
        "fold": -1 if config.fold is None else config.fold[0],
    }
    if isinstance(config, LabelledRun):
        row |= {"protocol": config.protocol, "labelled": config.labelled}
        if config.part is not None:
            row |= {"part": config.part[0]}
    if isinstance(config, FusionRun):
        return row | {
            "method": f"Experiment {config.experiment}",
            "teacher": config.eeg.model.name,
            "student": config.video.model.name,
            "tier": config.video.tier,
        }
    if isinstance(config, ReverseRun):
        title = load_objective(config.objective.name).title or config.objective.name
        reverse = f"{title}, video → EEG, {'released' if config.released else 'frozen'}"
        return row | {
            "method": f"Experiment {config.experiment}" if config.experiment else reverse,
            "objective": config.objective.name,
            "teacher": config.source.model.name,
            "student": config.model.name,
            "tier": config.source.tier,
        }
    if isinstance(config, SelectedRun):
        return describe(config.trials[0]) | {"kind": config.kind, "trials": len(config.trials)}
    if isinstance(config, TeacherRun):
        name = config.model.name + (f" without {config.without}" if config.without else "")
        return row | {"teacher": name, "method": f"Teacher ({name})"}
    if isinstance(config, StudentRun):
        title = load_objective(config.objective.name).title or config.objective.name
        options = ", ".join(f"{key}={value}" for key, value in sorted(config.objective.options.items()))
        hidden = f", teacher without {config.teacher.without}" if config.teacher and config.teacher.without else ""
        shifted = ", EEG shifted" if config.shifted else ""
        return row | {
            "method": title + (f" ({options})" if options else "") + hidden + shifted,
            "objective": config.objective.name,
            "student": config.model.name,
            "tier": config.tier,
            "teacher": "none" if config.teacher is None else config.teacher.model.name,
        }
    return row | {"method": f"Trunk ({config.model.name})"}
