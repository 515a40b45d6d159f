"""Several simulated cohorts at once, in processes of their own side by side."""

from functools import partial
from pathlib import Path
from typing import Any

from sacd.exceptions import SacdError
from sacd.simulate.simulated_cohort import simulate
from sacd.workers import Job, cores, run_jobs

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
    jobs = {
        str(path): Job(_simulate, (path, settings), count, share=partial(_share, path, count))
        for path, settings in wanted.items()
        if (count := settings["train"] + settings["test"])
    }
    results = run_jobs(f"simulating {len(wanted)} cohorts", jobs, SIDE_BY_SIDE)
    for result in results.values():
        if result.error:
            raise SacdError(result.error)


def _share(path: Path, people: int) -> float:
    return min(1.0, _written(path) / people)


def _written(path: Path) -> int:
    """Nights of a cohort in the making that are on disk."""
    folder = path / "recordings"
    return sum(not entry.name.startswith(".") for entry in folder.iterdir()) if folder.is_dir() else 0


def _simulate(path: Path, settings: dict[str, Any]) -> None:
    simulate(path, **settings)
