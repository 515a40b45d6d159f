"""Train what is missing and open what is there: `ensure` and `plan`."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path

import pandas as pd
import torch

from sacd.cohort import Cohort
from sacd.decisions import ARGMAX, Clips, decide, decision_named
from sacd.exceptions import SacdError
from sacd.runs.execute import PROBABILITIES, execute
from sacd.runs.forecast import predicted_seconds
from sacd.runs.identity import run_id
from sacd.runs.kind import RunConfig
from sacd.runs.store import DONE, Run, RunStore
from sacd.simulate.beside import make_whole
from sacd.simulate.provenance import check_version
from sacd.workers import Job, run_jobs, side_by_side

PROGRESS = "progress"
_PROGRESS_SECONDS = 0.5
_ENVIRONMENT = {name: "2000000000" for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")}
"""Else glibc gives a step's large blocks back to the system and asks for them again: a tenth of its time."""


def closure(configs: Iterable[RunConfig]) -> list[RunConfig]:
    """Each run once, after the runs it depends on."""
    ordered: dict[RunConfig, None] = {}

    def add(config: RunConfig) -> None:
        if config not in ordered:
            for dependency in config.dependencies:
                add(dependency)
            ordered[config] = None

    for config in configs:
        add(config)
    return list(ordered)


def plan(cohort: Cohort, configs: Iterable[RunConfig], store: RunStore | None = None) -> pd.DataFrame:
    """What `ensure` would do: run_id, kind, title, cached, predicted_seconds (on one core), in order of training."""
    store = store or RunStore.beside(cohort)
    rows = []
    for config in closure(configs):
        name = run_id(config, cohort)
        cached = (store.root / name / DONE).exists()
        seconds = 0.0 if cached else predicted_seconds(config, cohort, store)
        rows.append((name, config.kind, config.title, cached, seconds))
    return pd.DataFrame(rows, columns=["run_id", "kind", "title", "cached", "predicted_seconds"])


def workers() -> int:
    """Training processes side by side: as cores and memory allow, or one in all where a GPU does the work."""
    return side_by_side(1 if torch.cuda.is_available() else None)


def ensure(cohort: Cohort, configs: Iterable[RunConfig], store: RunStore | None = None) -> pd.DataFrame:
    """Train the runs that are missing, and the teachers and trunks they need; open the others.

    Parameters
    ----------
    cohort : Cohort
        Or a benchmark of `sacd.audiovideo`.
    configs : iterable of RunConfig
    store : RunStore, optional
        By default the folder ``runs`` beside the cohort.

    Returns
    -------
    DataFrame
        One row a requested run, in order: `status` ("done" or "failed"), `error`, `run_id`, `path`, what it is
        (method, tier, protocol, seed, …), and its figures. A failed run does not stop the others.
    """
    return ensure_all([(cohort, list(configs))], store)[0]


def ensure_one(cohort: Cohort, config: RunConfig) -> pd.Series:
    """The row that `ensure` gives of one run.

    Raises
    ------
    SacdError
        Its training failed.
    """
    row = ensure(cohort, [config]).iloc[0]
    if row.status != "done":
        raise SacdError(f"{row.path}: training failed: {row.error}")
    return row


def ensure_all(parts: Sequence[tuple[Cohort, list[RunConfig]]], store: RunStore | None = None) -> list[pd.DataFrame]:
    """`ensure` on several cohorts that share a store, trained side by side; a table each."""
    if not parts:
        return []
    for cohort, _ in parts:
        check_version(cohort.path, cohort.info)
    store = store or RunStore.beside(parts[0][0])
    absent = [
        {config for config in closure(configs) if not (store.folder(config, cohort) / DONE).exists()}
        for cohort, configs in parts
    ]
    make_whole(cohort for (cohort, _), missing in zip(parts, absent, strict=True) if missing)
    errors: dict[str, str] = {}
    jobs: dict[str, Job] = {}
    for (cohort, configs), missing in zip(parts, absent, strict=True):
        faults = {config: fault for config in missing if (fault := _fault(config, cohort))}
        for config in configs:
            needed = [part for part in closure([config]) if part in missing]
            if found := [faults[part] for part in needed if part in faults]:
                errors[run_id(config, cohort)] = found[0]
                continue
            for part in needed:
                name = run_id(part, cohort)
                if name not in jobs:
                    jobs[name] = _job(part, cohort, store)
    if jobs:
        store.check_writable()
    results = run_jobs("training", jobs, workers(), variables=_ENVIRONMENT)
    errors |= {name: result.error for name, result in results.items() if result.error}
    return [_table(cohort, configs, store, errors) for cohort, configs in parts]


def _fault(config: RunConfig, cohort: Cohort) -> str:
    """What is wrong with a run before anything is trained, in one line; empty where nothing is."""
    try:
        config.check(cohort)
    except SacdError as error:
        return str(error)
    return ""


def _job(config: RunConfig, cohort: Cohort, store: RunStore) -> Job:
    return Job(
        _train, (config, type(cohort).open, cohort.path, store.root), predicted_seconds(config, cohort, store),
        frozenset(run_id(need, cohort) for need in config.dependencies),
        partial(read_progress, store.folder(config, cohort)),
    )


def _table(cohort: Cohort, configs: list[RunConfig], store: RunStore, errors: dict[str, str]) -> pd.DataFrame:
    """A row a run: done, or failed with its error."""
    rows = []
    for config in configs:
        folder = store.folder(config, cohort)
        about = {"run_id": folder.name, "path": str(folder), **config.row()}
        if (folder / DONE).exists():
            rows.append({"status": "done", "error": "", **about, **Run(folder).metrics})
        else:
            rows.append({"status": "failed", "error": errors.get(folder.name, "not trained"), **about})
    return pd.DataFrame(rows)


def predictions(
    table: pd.DataFrame, split: str | Sequence[str] = "test", decision: str | Sequence[str] = ARGMAX
) -> pd.DataFrame:
    """Predictions of all runs of a table, joined with what the runs are.

    Parameters
    ----------
    table : DataFrame
        From `ensure`.
    split : str or sequence of str
        *test* or *validation*, or what else its kind of run names: one for all, or one a row.
    decision : str or sequence of str
        Of `sacd.decisions.DECISIONS`: how the column `predicted` comes from the probabilities; of several, the rows of
        one follow those of the other. The column `decision` names it.

    Raises
    ------
    SacdError
        A run of the table failed, or lacks what a decision needs.
    """
    failed = table[table.status != "done"]
    if len(failed):
        raise SacdError(
            f"{len(failed)} of {len(table)} runs failed; the first, {failed.run_id.iloc[0]}: {failed.error.iloc[0]}"
        )
    about = ["run_id", "kind", "method", "objective", "tier", "trunk", "student", "teacher"]
    about += ["protocol", "labelled", "fold", "seed"]
    decisions = [decision] if isinstance(decision, str) else decision
    splits = [split] * len(table) if isinstance(split, str) else split
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in decisions}
    for row, wanted in zip(table.to_dict("records"), splits, strict=True):
        run = Run(Path(row["path"]))
        part = run.predictions
        part = part[part.split == wanted]
        for name in decisions:
            parts[name].append(decided(run, part, name).assign(**{column: row.get(column) for column in about}))
    return pd.concat(chain.from_iterable(parts.values()), ignore_index=True)


def decided(run: Run, part: pd.DataFrame, decision: str) -> pd.DataFrame:
    """Some predictions of a run, all those of a night among them, with the column `predicted` by a decision.

    Raises
    ------
    SacdError
        The run lacks what the decision needs.
    """
    known = decision_named(decision)
    if decision == ARGMAX:
        return part.assign(decision=decision)
    fitted = known.fitted.read(run.path) if known.fitted else None
    clips = Clips(part[PROBABILITIES].to_numpy(), part["recording_id"].to_numpy(), part["clip"].to_numpy())
    return part.assign(predicted=decide(decision, clips, fitted), decision=decision)


def histories(table: pd.DataFrame, by: Sequence[str] = ("run_id",)) -> dict[str, pd.DataFrame]:
    """How the runs of a table from `ensure` learnt, a history each, named by the columns `by`."""
    names = table[list(by)].astype(str).agg(", ".join, axis=1)
    return {name: Run(Path(path)).history for name, path in zip(names, table["path"], strict=True)}


def read_progress(folder: Path) -> float:
    """Finished share of a run in training, 0 where it has not begun."""
    try:
        return float((folder / PROGRESS).read_text())
    except (OSError, ValueError):
        return 0.0


@lru_cache(maxsize=16)
def _opened(open_cohort: Callable[[Path], Cohort], path: Path) -> Cohort:
    """A worker lives for one `ensure`, which sees its cohorts as they were opened."""
    return open_cohort(path)


def _train(config: RunConfig, open_cohort: Callable[[Path], Cohort], path: Path, store: Path) -> None:
    torch.set_num_threads(1)
    cohort, runs = _opened(open_cohort, path), RunStore(store)
    folder = runs.folder(config, cohort)
    folder.mkdir(parents=True, exist_ok=True)
    told = time.monotonic()

    def report(step: int) -> None:
        nonlocal told
        if time.monotonic() - told > _PROGRESS_SECONDS:
            (folder / PROGRESS).write_text(json.dumps(step / config.training.steps))
            told = time.monotonic()

    execute(config, cohort, runs, report)
    (folder / PROGRESS).unlink(missing_ok=True)
