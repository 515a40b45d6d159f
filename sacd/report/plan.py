"""The report: trains the union of the chosen notebooks' runs, executes the notebooks against a full store, and
publishes pages that open with the network off.

A notebook is executed again only when something it depends on changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from sacd import experiments, runs
from sacd.cohort import Cohort, check_id, hash_file
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments import companions
from sacd.experiments.companions import Companion, check_made_with, simulation_seconds
from sacd.experiments.profile import Profile, load_profile
from sacd.progress import progress
from sacd.report.execution import execute_all, notebooks_side_by_side
from sacd.report.folder import Entry, Folder
from sacd.report.notebook import Notebook, Outcome
from sacd.runs.forecast import predicted_seconds
from sacd.runs.identity import run_id
from sacd.runs.kind import RunConfig
from sacd.runs.store import RunStore
from sacd.simulate.provenance import check_version
from sacd.simulate.several import side_by_side
from sacd.simulate.simulated_cohort import simulate

ROOT = Path(__file__).parents[2]
NOTEBOOK_SECONDS = 30.0
"""Assumed for a notebook whose time is not known from an earlier report."""
RESERVED = {"cohort": "--cohort", "profile": "--profile"}
Part = tuple[Cohort, list[RunConfig]]
"""A cohort, and runs on it."""


@dataclass
class Job:
    """A chapter in preparation; `entry` is there from the start where there is nothing to execute.

    `parts` are its runs on the main cohort and on each of its `companions`.
    """

    name: str
    title: str
    notebook: Notebook
    parameters: dict[str, Any]
    chosen: bool
    companions: list[Companion] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    entry: Entry | None = None


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
        Cohorts to simulate beside the main one.
    notebooks : list of str
        Notebooks to execute.
    seconds : float
        Predicted wall time on this machine, s.
    """

    runs: pd.DataFrame
    cached: int
    simulated: list[str]
    notebooks: list[str]
    seconds: float


class Report:
    """A report in preparation.

    Parameters
    ----------
    profile : str
        smoke, laptop, paper, or a YAML file.
    cohort : path, optional
        By default ``data/simulated-PROFILE``, simulated if absent.
    only : iterable of str
        Chapters to execute, by number (``03``) or name; all if empty. Others are kept while current.
    parameters : dict
        Values for names in the parameter cells of the chosen notebooks.
    out : path, optional
        By default ``reports/PROFILE``, or ``reports/COHORT-PROFILE`` for a named cohort.

    Raises
    ------
    SacdError
        Unknown profile, chapter or parameter; no cohort there; a folder `out` that holds something else.
    """

    def __init__(
        self, profile: str = "laptop", cohort: Path | None = None, only: Iterable[str] = (),
        parameters: dict[str, Any] | None = None, out: Path | None = None,
    ) -> None:
        self.profile = load_profile(profile)
        check_id(self.profile.name, "profile")
        chosen = choose(only)
        notebooks = {name: Notebook(ROOT / "notebooks" / f"{name}.ipynb") for name in experiments.CHAPTERS}
        extra = parameters or {}
        check_parameters(extra, [notebooks[name] for name in chosen])
        name = self.profile.name if cohort is None else f"{Path(cohort).resolve().name}-{self.profile.name}"
        self.folder = Folder(Path(out) if out is not None else ROOT / "reports" / name)
        self.cohort = Cohort.open(cohort if cohort is not None else default_cohort(self.profile))
        check_version(self.cohort.path, self.cohort.info)
        self._opened = {self.cohort.path.resolve(): self.cohort}
        self.store = RunStore.beside(self.cohort)
        file = Path(profile)
        common = {
            "cohort": str(self.cohort.path.resolve()),
            "profile": str(file.resolve()) if file.suffix in (".yaml", ".yml") else profile,
        }
        self.jobs = []
        for name, notebook in notebooks.items():
            values = common | (extra if name in chosen else {})
            self.jobs.append(self._job(name, notebook, values, name in chosen))

    def _job(self, name: str, notebook: Notebook, values: dict[str, Any], chosen: bool) -> Job:
        chapter = experiments.CHAPTERS[name]
        known = {key: value for key, value in values.items() if key in notebook.parameters}
        job = Job(name, chapter.title, notebook, known, chosen)
        reason = chapter.not_applicable(self.cohort)
        if reason is not None:
            job.entry = Entry(name, chapter.title, "not applicable", reason)
        else:
            self._resolve(job)
        return job

    def _resolve(self, job: Job) -> None:
        """Find a job's runs on all of its cohorts; an entry says so where there are none to be had."""
        chapter = experiments.CHAPTERS[job.name]
        job.parts, job.companions = [], []
        try:
            beside = chapter.companions(self.cohort, self.profile)
            cohorts = [self._open(companion) for companion in beside]
            job.parts = [
                (self.cohort, chapter.runs(self.cohort, self.profile)),
                *((cohort, companion.runs(cohort)) for cohort, companion in zip(cohorts, beside, strict=True)),
            ]
            job.companions = beside
        except NotApplicable as error:
            job.entry = Entry(job.name, job.title, "not applicable", str(error))
        except SacdError as error:
            job.entry = Entry(job.name, job.title, "failed", str(error))

    def _open(self, companion: Companion) -> Cohort:
        """A companion, opened once; its planned index where it is not simulated yet."""
        path = companion.path.resolve()
        if path not in self._opened:
            if not companion.exists:
                return companion.planned()
            self._opened[path] = companion.open()
        return self._opened[path]

    def _is_planned(self, cohort: Cohort) -> bool:
        return cohort.path.resolve() not in self._opened

    def _key(self, job: Job) -> str:
        trained, beside = {}, {}
        for cohort, configs in job.parts:
            planned = self._is_planned(cohort)
            beside[cohort.path.name] = None if planned else cohort.fingerprint
            for config in configs if not planned else ():
                name = run_id(config, cohort)
                metrics = self.store.root / name / "metrics.json"
                trained[name] = hash_file(metrics) if metrics.exists() else None
        return job.notebook.key({
            "parameters": job.parameters, "runs": trained, "cohorts": beside,
            "profile": self.profile.model_dump(mode="json"),
        })

    def _keep(self) -> None:
        """Take from the previous report what is still current; drop what is neither chosen nor current."""
        for job in self.jobs:
            if job.entry is None:
                job.entry = self.folder.kept(job.name, self._key(job))
        self.jobs = [job for job in self.jobs if job.chosen or job.entry is not None]

    @property
    def _union(self) -> list[Part]:
        """The union of the chosen chapters' runs on each cohort, each run once."""
        union: dict[Path, tuple[Cohort, dict[str, RunConfig]]] = {}
        for job in self.jobs:
            for cohort, configs in job.parts if job.chosen and job.entry is None else ():
                _, known = union.setdefault(cohort.path.resolve(), (cohort, {}))
                known.update({config.model_dump_json(): config for config in configs})
        return [(cohort, list(known.values())) for cohort, known in union.values() if known]

    def plan(self) -> Plan:
        """What `write` would do, and how long it would take; nothing but the main cohort is simulated for it."""
        union = self._union
        absent = [cohort for cohort, _ in union if self._is_planned(cohort)]
        tables = [
            _plan_on_absent(cohort, configs, self.store) if cohort in absent else runs.plan(cohort, configs, self.store)
            for cohort, configs in union
        ]
        table = pd.concat([table for table in tables if len(table)] or [runs.plan(self.cohort, [], self.store)])
        table = table.drop_duplicates("run_id")
        missing = table[~table.cached.astype(bool)]
        self._keep()
        waiting = [job.name for job in self.jobs if job.entry is None]
        known = [self.folder.seconds(name) or NOTEBOOK_SECONDS for name in waiting]
        seconds = float(missing.predicted_seconds.sum()) / runs.workers() + sum(known) / notebooks_side_by_side()
        seconds += sum(map(simulation_seconds, absent)) / side_by_side()
        return Plan(missing, len(table) - len(missing), [cohort.path.name for cohort in absent], waiting, seconds)

    def write(self) -> list[Entry]:
        """Simulate, train, execute, publish.

        Returns
        -------
        list of Entry
            One for each notebook in the report; the pages are in `folder.path`.
        """
        self._simulate()
        tables = runs.ensure_all(self._union, self.store)
        rows = {row["run_id"]: row for table in tables for row in table.to_dict("records")}
        self._keep()
        with self.folder.aside() as aside:
            due = {job.name: (job.notebook, job.parameters) for job in self.jobs if job.entry is None}
            outcomes = execute_all(due, aside.notebooks)
            for job in self.jobs:
                if job.name in outcomes:
                    job.entry = self._entry(job, outcomes[job.name])
                behind = [rows.get(run_id(config, cohort)) for cohort, configs in job.parts for config in configs]
                job.entry.runs = len(behind)
                if job.chosen:
                    failed = [row for row in behind if row is not None and row["status"] != "done"]
                    job.entry.failed_runs = [f"{row['run_id']}: {row['error']}" for row in failed]
            entries = [job.entry for job in self.jobs]
            aside.publish(entries, self.cohort, self.profile.name, pd.DataFrame(rows.values()))
        return entries

    def _simulate(self) -> None:
        """Make the companions that the chosen chapters need and that are not there."""
        jobs = [job for job in self.jobs if job.chosen and job.entry is None and job.companions]
        companions.ensure([companion for job in jobs for companion in job.companions])
        for job in jobs:
            self._resolve(job)

    def _entry(self, job: Job, outcome: Outcome) -> Entry:
        executed = datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")
        return Entry(
            job.name, job.title, outcome.status, outcome.reason, key=self._key(job), seconds=round(outcome.seconds, 2),
            executed=executed,
        )


def choose(only: Iterable[str]) -> list[str]:
    """Names of chapters by number or name; all where nothing is asked for."""
    names = list(experiments.CHAPTERS)
    wanted = [word.strip() for word in only if word.strip()]
    for word in wanted:
        if not any(word in (name, name.split("_")[0]) for name in names):
            raise SacdError(f"chapter {word!r} is unknown; use a number or a name of {', '.join(names)}")
    return [name for name in names if not wanted or {name, name.split("_")[0]} & set(wanted)]


def check_parameters(parameters: dict[str, Any], notebooks: list[Notebook]) -> None:
    """Refuse names that none of the notebooks has in its parameters cell."""
    known = sorted({name for notebook in notebooks for name in notebook.parameters} - set(RESERVED))
    for name in parameters:
        if name in RESERVED:
            raise SacdError(f"parameter {name!r} is set by {RESERVED[name]}; use that")
        if name not in known:
            raise SacdError(f"parameter {name!r} is in no chosen notebook; they have {', '.join(known) or 'none'}")


def default_cohort(profile: Profile) -> Path:
    """The profile's simulated cohort, made if absent.

    Raises
    ------
    SacdError
        There is one, made with other settings or by another version of the simulator.
    """
    wanted = profile.cohort
    path = ROOT / "data" / f"simulated-{profile.name}"
    if not (path / "cohort.json").exists():
        with progress(f"simulating {path.name}", wanted.train + wanted.test) as bar:
            simulate(path, **wanted.model_dump(), progress=lambda done, of: bar.to(done))
    check_made_with(path, wanted.model_dump())
    return path


def _plan_on_absent(cohort: Cohort, configs: list[RunConfig], store: RunStore) -> pd.DataFrame:
    """As `sacd.runs.plan`, on a cohort that is not simulated yet."""
    ordered = runs.closure(configs)
    return pd.DataFrame([
        {
            "run_id": f"{cohort.path.name}: {config.kind}-{config.name} {number}", "kind": config.kind,
            "title": config.title, "cached": False,
            "predicted_seconds": predicted_seconds(config, cohort, store),
        }
        for number, config in enumerate(ordered, start=1)
    ])
