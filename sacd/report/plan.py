"""What a report would do: what it simulates, trains and executes, the time that takes and the disk it fills."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sacd import runs
from sacd.cohort import Cohort
from sacd.report.execution import notebooks_side_by_side
from sacd.report.job import Part
from sacd.runs.forecast import predicted_seconds
from sacd.runs.kind import RunConfig
from sacd.runs.store import RunStore, size_of
from sacd.simulate.beside import Place, is_whole
from sacd.simulate.planned import array_bytes, simulation_seconds
from sacd.workers import side_by_side

NOTEBOOK_SECONDS = 30.0
"""Assumed for a notebook whose time is not known from an earlier report."""
RUN_BYTES = {"teacher": 24e6, "trunk": 26e6, "continued-trunk": 26e6}
OTHER_RUN_BYTES = 1.35e6
"""Measured of runs on the laptop cohort; used where the store holds none of a kind that would tell."""


@dataclass(frozen=True)
class Plan:
    """What a report would do.

    Attributes
    ----------
    runs : DataFrame
        A row a run to train, as `sacd.runs.plan` gives it; on a cohort that is not simulated yet it has no hash.
    cached : int
        Runs that are there already.
    simulated : list of str
        Cohorts to simulate.
    notebooks : list of str
        Notebooks to execute.
    seconds : float
        Predicted wall time on this machine, s.
    peak_bytes, left_bytes, free_bytes : int
        Disk that it takes while it works, that stays taken, and that there is.
    """

    runs: pd.DataFrame
    cached: int
    simulated: list[str]
    notebooks: list[str]
    seconds: float
    peak_bytes: int
    left_bytes: int
    free_bytes: int

    @property
    def disk(self) -> str:
        """One line: the disk that it takes."""
        peak, left, free = (
            f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
            for size in (self.peak_bytes, self.left_bytes, self.free_bytes)
        )
        return f"disk: {peak} more while it works, {left} of it stay; {free} are free"


def make_plan(
    parts: list[Part], main: Cohort, store: RunStore, notebook_seconds: dict[str, float | None]
) -> Plan:
    """What is missing of some runs on some cohorts, and what it takes.

    Parameters
    ----------
    parts : list of Part
        A cohort that is not simulated yet is its index.
    main : Cohort
        It keeps its arrays, as do cohorts without runs; those of the others go when their runs are done.
    store : RunStore
    notebook_seconds : dict
        Names of the notebooks to execute → how long each took last time, s.
    """
    table = _table(parts, main, store)
    missing = table[~table.cached.astype(bool)]
    kept = {main.path.name} | {cohort.path.name for cohort, configs in parts if not configs}
    waited_for = set(missing.cohort) | kept
    cohorts = {cohort.path.name: cohort for cohort in [main, *(cohort for cohort, _ in parts)]}
    nights = kept - {main.path.name, *missing.cohort}  # what they hold may be spent
    simulated = {
        name: cohort for name, cohort in cohorts.items()
        if name in waited_for and not (Place(cohort.path).exists and (name in nights or is_whole(cohort)))
    }
    known = [seconds or NOTEBOOK_SECONDS for seconds in notebook_seconds.values()]
    seconds = float(missing.predicted_seconds.sum()) / runs.workers() + sum(known) / notebooks_side_by_side()
    seconds += sum(map(simulation_seconds, simulated.values())) / min(side_by_side(), max(1, len(simulated)))
    sizes = run_bytes(store)
    trained = int(sum(sizes.get(kind, OTHER_RUN_BYTES) for kind in missing.kind))
    return Plan(
        missing.drop(columns="cohort"), len(table) - len(missing), list(simulated), list(notebook_seconds), seconds,
        peak_bytes=trained + sum(map(array_bytes, simulated.values())),
        left_bytes=trained + sum(array_bytes(cohort) for name, cohort in simulated.items() if name in kept),
        free_bytes=_free_bytes(store.root),
    )


def run_bytes(store: RunStore) -> dict[str, float]:
    """Bytes of a run on disk, by kind: the mean of those in the store, else what was measured."""
    rows = [(run.description["row"]["kind"], size_of(run.path)) for run in store.done()]
    return RUN_BYTES | pd.DataFrame(rows, columns=["kind", "size"]).groupby("kind")["size"].mean().to_dict()


def _free_bytes(path: Path) -> int:
    """Of the disk that a file or folder lies on, or will."""
    return shutil.disk_usage(next(place for place in (path.resolve(), *path.resolve().parents) if place.exists())).free


def _table(parts: list[Part], main: Cohort, store: RunStore) -> pd.DataFrame:
    """As `sacd.runs.plan`, of all cohorts, each run once, with the cohort's name."""
    tables = [
        (runs.plan(cohort, configs, store) if Place(cohort.path).exists else _plan_on_absent(cohort, configs, store))
        .assign(cohort=cohort.path.name)
        for cohort, configs in parts
        if configs
    ]
    columns = ["run_id", "kind", "title", "cached", "predicted_seconds", "cohort"]
    table = pd.concat(tables or [pd.DataFrame(columns=columns)], ignore_index=True)
    return table.drop_duplicates("run_id")


def _plan_on_absent(cohort: Cohort, configs: Iterable[RunConfig], store: RunStore) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "run_id": f"{cohort.path.name}: {config.kind}-{config.name} {number}", "kind": config.kind,
            "title": config.title, "cached": False,
            "predicted_seconds": predicted_seconds(config, cohort, store),
        }
        for number, config in enumerate(runs.closure(configs), start=1)
    ])
