"""Notebooks executed side by side, each in a process of its own."""

import multiprocessing
import tempfile
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from sacd.progress import progress
from sacd.report.notebook import Notebook, Outcome, execute, finished_steps, prepare_worker, write_kernel
from sacd.workers import cores

MOST = 2


def notebooks_side_by_side() -> int:
    """How many notebooks are executed at once."""
    return min(MOST, cores())


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
    if not due:
        return {}
    outcomes: dict[str, Outcome] = {}
    targets = {name: folder / f"{name}.ipynb" for name in due}
    steps = {name: notebook.steps for name, (notebook, _) in due.items()}
    with (
        tempfile.TemporaryDirectory(prefix="sacd-kernel-") as home,
        progress(f"executing {len(due)} notebooks", sum(steps.values())) as bar,
        ProcessPoolExecutor(
            min(notebooks_side_by_side(), len(due)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=prepare_worker,
            initargs=(Path(home),),
        ) as pool,
    ):
        write_kernel(Path(home))
        waiting: dict[Future[Outcome], str] = {
            pool.submit(execute, notebook.path, targets[name], parameters): name
            for name, (notebook, parameters) in due.items()
        }
        while waiting:
            done, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                name = waiting.pop(future)
                try:
                    outcomes[name] = future.result()
                except BrokenProcessPool:
                    outcomes[name] = Outcome("failed", "its process was killed (was memory short?)", 0.0)
            ended = sum(steps[name] for name in outcomes)
            bar.to(ended + sum(finished_steps(targets[name]) for name in waiting.values()))
    return outcomes
