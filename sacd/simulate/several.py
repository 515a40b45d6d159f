"""Several simulated cohorts at once, in processes of their own side by side."""

import multiprocessing
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from sacd.progress import progress
from sacd.simulate.simulated_cohort import simulate
from sacd.workers import cores, slot, start_worker

SIDE_BY_SIDE = 2


def side_by_side() -> int:
    """How many cohorts are simulated at once."""
    return min(SIDE_BY_SIDE, cores())


def simulate_several(wanted: dict[Path, dict[str, Any]]) -> None:
    """Simulate cohorts that are not there yet.

    Parameters
    ----------
    wanted : dict
        Folder of each → the arguments of `sacd.simulate.simulated_cohort.simulate`.

    Raises
    ------
    SacdError
        As `simulate`; the cohort that failed leaves nothing behind, those that were made stay.
    """
    people = {path: settings["train"] + settings["test"] for path, settings in wanted.items()}
    with (
        progress(f"simulating {len(wanted)} cohorts", sum(people.values())) as bar,
        ProcessPoolExecutor(
            min(side_by_side(), len(wanted)), mp_context=multiprocessing.get_context("spawn"),
            initializer=start_worker,
        ) as pool,
    ):
        running = {pool.submit(_simulate, path, settings) for path, settings in wanted.items()}
        while running:
            done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            bar.to(sum(min(_written(path), count) for path, count in people.items()))
            for future in done:
                future.result()


def _written(path: Path) -> int:
    """Nights of a cohort in the making that are on disk."""
    folder = path / "recordings"
    return sum(not entry.name.startswith(".") for entry in folder.iterdir()) if folder.is_dir() else 0


def _simulate(path: Path, settings: dict[str, Any]) -> None:
    with slot():
        simulate(path, **settings)
