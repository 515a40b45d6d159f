"""The run store: where runs lie, what has been trained, and what a finished run holds."""

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pandas as pd

from sacd.cohort import Cohort
from sacd.cohort.format import check_size, read_json
from sacd.exceptions import SacdError, reading
from sacd.locks import is_taken
from sacd.paths import ROOT
from sacd.runs.identity import run_id
from sacd.runs.kind import RunConfig
from sacd.training.config import TRAINING_VERSION

DONE = "DONE"
LOCK = "run"
"""What `sacd.locks.alone` locks in a run's folder while it is made."""
_REMEDY = "train the run anew"


@dataclass(frozen=True)
class Run:
    """A finished run on disk: one trained network with its predictions."""

    path: Path

    @cached_property
    def description(self) -> dict[str, Any]:
        """`config.json`: the configuration under ``run``, its row in a table, and all that inference needs."""
        return read_json(self.path / "config.json", _REMEDY)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Validation and test figures, times, clips/s: numbers, and the text `chosen` where a trial was."""
        told = read_json(self.path / "metrics.json", _REMEDY)
        if not isinstance(told, dict) or not all(
            _is_text(value) if name == "chosen" else isinstance(value, (int, float)) for name, value in told.items()
        ):
            raise SacdError(f"{self.path / 'metrics.json'}: holds what is no number; {_REMEDY}")
        return told

    @property
    def history(self) -> pd.DataFrame:
        """One row a validation: step, loss terms, validation figures."""
        check_size(self.path / "history.csv", _REMEDY)
        with reading(self.path / "history.csv", _REMEDY):
            return pd.read_csv(self.path / "history.csv")

    @property
    def predictions(self) -> pd.DataFrame:
        """recording_id, participant_id, split, clip, stage, predicted, p_W … p_REM; one row a clip.

        Of a run on a benchmark: name, unit, split, label, predicted.
        """
        with reading(self.path / "predictions.parquet", _REMEDY):
            return pd.read_parquet(self.path / "predictions.parquet")

    @property
    def is_current(self) -> bool:
        """Whether this version made it, and its files can be read."""
        try:
            row = self.description["row"].values()
            sound = all(value is None or isinstance(value, (int, float)) or _is_text(value) for value in row)
            return bool(self.description["version"] == TRAINING_VERSION and row and sound and self.metrics)
        except (SacdError, KeyError, TypeError, AttributeError):
            return False

    def is_of(self, cohort: Cohort) -> bool:
        """Whether it was trained on nights of a cohort, however they are cut into frames."""
        return self.description["cohort"]["source_id"] == cohort.info.source_id


class RunStore:
    """A folder of runs; cohorts that lie side by side share one."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @classmethod
    def beside(cls, cohort: Cohort | None = None) -> "RunStore":
        """`$SACD_RUNS`, else the folder ``runs`` beside the cohort, or beside those that reports simulate."""
        folder = ROOT / "data" if cohort is None else cohort.path.resolve().parent
        return cls(Path(os.environ.get("SACD_RUNS") or folder / "runs"))

    def folder(self, config: RunConfig, cohort: Cohort) -> Path:
        """Where a run lies, or will."""
        return self.root / run_id(config, cohort)

    def check_writable(self) -> None:
        """Make the folder, and see before hours of work whether runs can be written there.

        Raises
        ------
        SacdError
            They cannot.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise SacdError(
                f"{self.root}: cannot be written ({error.strerror}); correct that, or name another folder in SACD_RUNS"
            ) from None

    def finished(self) -> list[Run]:
        """Every finished run, of whatever version."""
        return [Run(marker.parent) for marker in sorted(self.root.glob(f"*/{DONE}"))]

    def done(self) -> list[Run]:
        """The finished runs that this version can read."""
        return [run for run in self.finished() if run.is_current]

    def open(self, config: RunConfig, cohort: Cohort) -> Run:
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

    def prunable(self) -> list[Path]:
        """Folders that nothing will open again: runs of another version or unreadable, and unfinished ones.

        Those that a process is training now are not among them.
        """
        current = {run.path for run in self.done()}
        folders = [path for path in sorted(self.root.glob("*")) if path.is_dir() and path not in current]
        return [path for path in folders if _is_idle(path)]

    def prune(self) -> None:
        """Delete what is `prunable`."""
        for path in self.prunable():
            shutil.rmtree(path)


def _is_text(value: Any) -> bool:
    """Whether a terminal and a page show it as it is."""
    return isinstance(value, str) and value.isprintable()


def _is_idle(folder: Path) -> bool:
    return not is_taken(folder / LOCK)


def size_of(path: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def tabulate(runs: list[Run]) -> pd.DataFrame:
    """One row a run: identity, what it is, and its figures."""
    return pd.DataFrame(
        [{"run_id": run.path.name, "path": str(run.path), **run.description["row"], **run.metrics} for run in runs]
    )
