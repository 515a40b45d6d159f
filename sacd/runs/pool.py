"""Train what is missing and open what is there: `ensure`, `plan`, and tables of runs.

Runs are trained by single-thread processes side by side: on few cores two of them beat one of two threads.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.progress import Bar, progress
from sacd.runs.execute import execute
from sacd.runs.forecast import predicted_seconds
from sacd.runs.store import DONE, Run, RunStore, describe, run_id, tabulate
from sacd.simulate.provenance import check_version
from sacd.training.config import RunConfig, parse_run
from sacd.workers import cores, slot, start_worker

PROGRESS = "progress"
_PROGRESS_SECONDS = 0.5


def closure(configs: Iterable[RunConfig]) -> list[RunConfig]:
    """Each run once, after the runs it depends on."""
    ordered: dict[str, RunConfig] = {}

    def add(config: RunConfig) -> None:
        for dependency in config.dependencies:
            add(dependency)
        ordered.setdefault(config.model_dump_json(), config)

    for config in configs:
        add(config)
    return list(ordered.values())


def plan(cohort: Cohort, configs: Iterable[RunConfig], store: RunStore | None = None) -> pd.DataFrame:
    """What `ensure` would do: run_id, kind, title, cached, predicted_seconds (on one core), in order of training."""
    store = store or RunStore.beside(cohort)
    rows = []
    for config in closure(configs):
        name = run_id(config, cohort)
        cached = (store.root / name / DONE).exists()
        about = describe(config)
        title = " · ".join(
            str(part)
            for part in (
                about["method"],
                about.get("tier"),
                about.get("protocol"),
                f"seed {config.seed}",
                None if config.fold is None else f"fold {config.fold[0]}",
            )
            if part
        )
        seconds = 0.0 if cached else predicted_seconds(config, cohort, store)
        rows.append(
            {"run_id": name, "kind": config.kind, "title": title, "cached": cached, "predicted_seconds": seconds}
        )
    return pd.DataFrame(rows, columns=["run_id", "kind", "title", "cached", "predicted_seconds"])


def workers() -> int:
    """Training processes side by side: one a core, or one in all where a GPU does the work."""
    return 1 if torch.cuda.is_available() else cores()


def ensure(
    cohort: Cohort, configs: Iterable[RunConfig], store: RunStore | None = None, executor: str = "local"
) -> pd.DataFrame:
    """Train the runs that are missing, and the teachers and trunks they need; open the others.

    Parameters
    ----------
    cohort : Cohort
    configs : iterable of RunConfig
    store : RunStore, optional
        By default the folder ``runs`` beside the cohort.
    executor : {"local"}
        Where to train.

    Returns
    -------
    DataFrame
        One row a requested run, in order: `status` ("done" or "failed"), `error`, `run_id`, `path`, what it is
        (method, tier, protocol, seed, …), and its figures. A failed run does not stop the others.
    """
    if executor != "local":
        raise SacdError(f"executor {executor!r} is unknown; use local")
    return ensure_all([(cohort, list(configs))], store)[0]


def ensure_all(parts: Sequence[tuple[Cohort, list[RunConfig]]], store: RunStore | None = None) -> list[pd.DataFrame]:
    """`ensure` on several cohorts that share a store, trained side by side; a table each."""
    if not parts:
        return []
    for cohort, _ in parts:
        check_version(cohort.path, cohort.info)
    store = store or RunStore.beside(parts[0][0])
    ordered = [(cohort, config) for cohort, configs in parts for config in closure(configs)]
    errors = _Pool(store, ordered).run()
    return [_table(cohort, configs, store, errors) for cohort, configs in parts]


def _table(cohort: Cohort, configs: list[RunConfig], store: RunStore, errors: dict[str, str]) -> pd.DataFrame:
    """A row a run: done, or failed with its error."""
    rows = []
    for config in configs:
        folder = store.folder(config, cohort)
        if (folder / DONE).exists():
            rows.append({"status": "done", "error": "", **tabulate([Run(folder)]).iloc[0].to_dict()})
        else:
            error = errors.get(folder.name, "not trained")
            rows.append(
                {"status": "failed", "error": error, "run_id": folder.name, "path": str(folder), **describe(config)}
            )
    return pd.DataFrame(rows)


def predictions(table: pd.DataFrame, split: str = "test") -> pd.DataFrame:
    """Predictions of all runs of a table, joined with what the runs are.

    Parameters
    ----------
    table : DataFrame
        From `ensure`.
    split : {"test", "validation"}

    Raises
    ------
    SacdError
        A run of the table failed.
    """
    failed = table[table.status != "done"]
    if len(failed):
        raise SacdError(
            f"{len(failed)} of {len(table)} runs failed; the first, {failed.run_id.iloc[0]}: {failed.error.iloc[0]}"
        )
    about = ["run_id", "kind", "method", "objective", "tier", "student", "teacher"]
    about += ["protocol", "labelled", "fold", "seed"]
    parts = []
    for row in table.to_dict("records"):
        part = Run(Path(row["path"])).predictions
        parts.append(part[part.split == split].assign(**{name: row.get(name) for name in about}))
    return pd.concat(parts, ignore_index=True)


class _Pool:
    """Trains an ordered list of runs, each as soon as those it depends on are done."""

    def __init__(self, store: RunStore, ordered: list[tuple[Cohort, RunConfig]]) -> None:
        self.store = store
        self.missing: dict[str, tuple[Cohort, RunConfig]] = {}
        for cohort, config in ordered:
            name = run_id(config, cohort)
            if not (store.root / name / DONE).exists():
                self.missing.setdefault(name, (cohort, config))
        self.cost = {
            name: predicted_seconds(config, cohort, store) for name, (cohort, config) in self.missing.items()
        }
        self.needs = {
            name: {run_id(dependency, cohort) for dependency in config.dependencies}
            for name, (cohort, config) in self.missing.items()
        }
        self.hanging = dict(self.cost)
        for name in reversed(self.missing):  # those that need a run come after it
            for need in self.needs[name] & self.missing.keys():
                self.hanging[need] = max(self.hanging[need], self.cost[need] + self.hanging[name])
        self.errors: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        """Train all; the errors by run id."""
        if not self.missing:
            return {}
        self.store.root.mkdir(parents=True, exist_ok=True)
        waiting = dict(self.missing)
        running: dict[Future[None], str] = {}
        context = multiprocessing.get_context("spawn")
        # Else glibc gives a step's large blocks back to the system and asks for them again: a tenth of its time.
        for limit in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
            os.environ.setdefault(limit, "2000000000")
        with (
            progress("training", sum(self.cost.values())) as bar,
            ProcessPoolExecutor(min(workers(), len(waiting)), mp_context=context, initializer=_start_worker) as pool,
        ):
            while waiting or running:
                for name in list(waiting) if self.errors else ():
                    if broken := self.needs[name] & self.errors.keys():
                        causes = "; ".join(f"{run}, which failed: {self.errors[run]}" for run in sorted(broken))
                        self.errors[name] = f"needs {causes}"
                        del waiting[name]
                for name in self._next(waiting, set(running.values())):
                    cohort, config = waiting.pop(name)
                    future = pool.submit(_work, config.model_dump_json(), str(cohort.path), str(self.store.root))
                    running[future] = name
                done, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                for future in done:
                    name = running.pop(future)
                    try:
                        future.result()
                    except BrokenProcessPool:
                        raise SacdError(
                            f"{self.store.root / name}: a training process was killed; run the same command to go on"
                        ) from None
                    except (SacdError, RuntimeError, ValueError, TypeError, OSError, KeyError, IndexError) as error:
                        self.errors[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                self._show(bar, waiting, running)
        return self.errors

    def _next(self, waiting: dict[str, tuple[Cohort, RunConfig]], running: set[str]) -> list[str]:
        """Runs to start now, at most one a free worker: those first that the longest work hangs on."""
        free = workers() - len(running)
        if free <= 0:
            return []
        unfinished = waiting.keys() | running
        ready = [name for name in waiting if self.needs[name].isdisjoint(unfinished)]
        return sorted(ready, key=self.hanging.__getitem__, reverse=True)[:free]

    def _show(self, bar: Bar, waiting: dict[str, tuple[Cohort, RunConfig]], running: dict[Future[None], str]) -> None:
        left = sum(self.cost[name] for name in waiting)
        left += sum(self.cost[name] * (1 - read_progress(self.store.root / name)) for name in running.values())
        bar.to(sum(self.cost.values()) - left, f"{len(waiting) + len(running)} of {len(self.missing)} runs left")


def read_progress(folder: Path) -> float:
    """Finished share of a run in training, 0 where it has not begun."""
    try:
        return float((folder / PROGRESS).read_text())
    except (OSError, ValueError):
        return 0.0


def _start_worker() -> None:
    torch.set_num_threads(1)
    start_worker()


# A worker lives for one `ensure`, which sees its cohorts as they were opened.
_open = lru_cache(maxsize=16)(Cohort.open)


def _work(config: str, cohort: str, store: str) -> None:
    run_config = parse_run(config)
    opened, runs = _open(cohort), RunStore(Path(store))
    folder = runs.folder(run_config, opened)
    folder.mkdir(parents=True, exist_ok=True)
    told = time.monotonic()

    def report(step: int) -> None:
        nonlocal told
        if time.monotonic() - told > _PROGRESS_SECONDS:
            (folder / PROGRESS).write_text(json.dumps(step / run_config.training.steps))
            told = time.monotonic()

    with slot():
        execute(run_config, opened, runs, report)
    (folder / PROGRESS).unlink(missing_ok=True)
