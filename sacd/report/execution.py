"""Notebooks executed side by side, each in a process of its own."""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from sacd.kernels import prepare_worker, write_kernel
from sacd.report.notebook import Notebook, Outcome, execute, finished_steps
from sacd.workers import Job, run_jobs, side_by_side

MOST = 2


def notebooks_side_by_side() -> int:
    """How many notebooks are executed at once."""
    return side_by_side(MOST)


def execute_all(due: dict[str, tuple[Notebook, dict[str, Any]]], folder: Path) -> dict[str, Outcome]:
    """Execute notebooks.

    Parameters
    ----------
    due : dict
        Name → notebook and its parameters.
    folder : Path
        Where each is saved as ``NAME.ipynb``.

    Returns
    -------
    dict of str to Outcome
        How each ended.
    """
    with tempfile.TemporaryDirectory(prefix="sacd-kernel-") as home:
        write_kernel(Path(home))
        jobs = {
            name: _job(notebook, folder / f"{name}.ipynb", parameters) for name, (notebook, parameters) in due.items()
        }
        # What a kernel trains takes a slot of its own.
        results = run_jobs(
            f"executing {len(due)} notebooks", jobs, MOST, slots=False, prepare=partial(prepare_worker, Path(home))
        )
    return {name: result.value or Outcome("failed", result.error, 0.0) for name, result in results.items()}


def _job(notebook: Notebook, target: Path, parameters: dict[str, Any]) -> Job:
    share = partial(_finished_share, target, notebook.steps)
    return Job(execute, (notebook.path, target, parameters), max(1, notebook.steps), share=share)


def _finished_share(target: Path, steps: int) -> float:
    return finished_steps(target) / max(1, steps)
