"""The report: trains the union of the chosen notebooks' runs, executes the notebooks against a full store, and
publishes pages that open with the network off.

A notebook is executed again only when something it depends on changed.
"""

import multiprocessing
import tempfile
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from sacd import experiments, runs
from sacd.cohort import Cohort, check_id, hash_file, read_info
from sacd.config import RunConfig
from sacd.errors import SacdError
from sacd.notebooks import Notebook, Outcome, execute, finished_steps, prepare_worker, write_kernel
from sacd.profile import Profile, load_profile
from sacd.progress import progress
from sacd.publish import Entry, Folder
from sacd.simulate.cohort import simulate, source_id
from sacd.simulate.coupling import get_coupling
from sacd.slots import cores
from sacd.store import RunStore, run_id

ROOT = Path(__file__).parents[1]
SIDE_BY_SIDE = 2
NOTEBOOK_SECONDS = 30.0
"""Assumed for a notebook whose time is not known from an earlier report."""
RESERVED = {"cohort": "--cohort", "profile": "--profile"}


@dataclass
class Job:
    """A chapter in preparation; `entry` is there from the start where there is nothing to execute."""

    name: str
    title: str
    notebook: Notebook
    parameters: dict[str, Any]
    chosen: bool
    configs: list[RunConfig]
    entry: Entry | None = None


@dataclass(frozen=True)
class Plan:
    """What a report would do.

    Attributes
    ----------
    runs : DataFrame
        A row a run to train, as `sacd.runs.plan` gives it.
    cached : int
        Runs that are there already.
    notebooks : list of str
        Notebooks to execute.
    seconds : float
        Predicted wall time on this machine, s.
    """

    runs: pd.DataFrame
    cached: int
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
        Chapters to execute, by number (``03``) or name; the profile's if empty. Others are kept while current.
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
        chosen = choose([word for word in only if word.strip()] or self.profile.chapters)
        notebooks = {name: Notebook(ROOT / "notebooks" / f"{name}.ipynb") for name in experiments.CHAPTERS}
        extra = parameters or {}
        check_parameters(extra, [notebooks[name] for name in chosen])
        name = self.profile.name if cohort is None else f"{Path(cohort).resolve().name}-{self.profile.name}"
        self.folder = Folder(Path(out) if out is not None else ROOT / "reports" / name)
        self.cohort = Cohort.open(cohort if cohort is not None else default_cohort(self.profile))
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
        job = Job(name, chapter.title, notebook, known, chosen, [])
        reason = chapter.not_applicable(self.cohort)
        if reason is not None:
            job.entry = Entry(name, chapter.title, "not applicable", reason)
            return job
        try:
            job.configs = chapter.runs(self.cohort, self.profile)
        except SacdError as error:
            job.entry = Entry(name, chapter.title, "failed", str(error))
        return job

    def _key(self, job: Job) -> str:
        trained = {}
        for config in job.configs:
            name = run_id(config, self.cohort)
            metrics = self.store.root / name / "metrics.json"
            trained[name] = hash_file(metrics) if metrics.exists() else None
        return job.notebook.key({
            "parameters": job.parameters, "runs": trained, "cohort": self.cohort.fingerprint,
            "profile": self.profile.model_dump(mode="json"),
        })

    def _keep(self) -> None:
        """Take from the previous report what is still current; drop what is neither chosen nor current."""
        for job in self.jobs:
            if job.entry is None:
                job.entry = self.folder.kept(job.name, self._key(job))
        self.jobs = [job for job in self.jobs if job.chosen or job.entry is not None]

    @property
    def _configs(self) -> list[RunConfig]:
        """The union of the chosen chapters' runs, each once."""
        configs = [config for job in self.jobs if job.chosen for config in job.configs]
        return list({config.model_dump_json(): config for config in configs}.values())

    def plan(self) -> Plan:
        """What `write` would do, and how long it would take."""
        table = runs.plan(self.cohort, self._configs, self.store)
        missing = table[~table.cached.astype(bool)]
        self._keep()
        waiting = [job.name for job in self.jobs if job.entry is None]
        known = [self.folder.seconds(name) or NOTEBOOK_SECONDS for name in waiting]
        seconds = float(missing.predicted_seconds.sum()) / runs.workers() + sum(known) / _side_by_side()
        return Plan(missing, len(table) - len(missing), waiting, seconds)

    def write(self) -> list[Entry]:
        """Train, execute, publish.

        Returns
        -------
        list of Entry
            One for each notebook in the report; the pages are in `folder.path`.
        """
        configs = self._configs
        trained = runs.ensure(self.cohort, configs, self.store)
        rows = {config.model_dump_json(): row for config, row in zip(configs, trained.to_dict("records"), strict=True)}
        self._keep()
        with self.folder.aside() as aside:
            outcomes = execute_all([job for job in self.jobs if job.entry is None], aside.notebooks)
            for job in self.jobs:
                if job.name in outcomes:
                    job.entry = self._entry(job, outcomes[job.name])
                job.entry.runs = len(job.configs)
                if job.chosen:
                    behind = [rows[config.model_dump_json()] for config in job.configs]
                    failed = [row for row in behind if row["status"] != "done"]
                    job.entry.failed_runs = [f"{row['run_id']}: {row['error']}" for row in failed]
            entries = [job.entry for job in self.jobs]
            aside.publish(entries, self.cohort, self.profile.name, trained)
        return entries

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
    present = read_info(path)
    who = {"seed": wanted.seed, "train": wanted.train, "test": wanted.test, "nights": wanted.nights}
    source = source_id(**who, coupling=asdict(get_coupling(wanted.coupling)))
    if (present.source_id, present.sampling.frames, present.sampling.height) != (source, wanted.frames, wanted.size):
        raise SacdError(
            f"{path}: made with other settings than profile {profile.name} has now, or by another version; "
            "move it away, or name it with --cohort"
        )
    return path


def _side_by_side() -> int:
    return min(SIDE_BY_SIDE, cores())


def execute_all(jobs: list[Job], folder: Path) -> dict[str, Outcome]:
    """Execute notebooks in processes side by side, saving them to `folder`; how each ended, by name."""
    if not jobs:
        return {}
    outcomes: dict[str, Outcome] = {}
    targets = {job.name: folder / f"{job.name}.ipynb" for job in jobs}
    total = sum(job.notebook.steps for job in jobs)
    with (
        tempfile.TemporaryDirectory(prefix="sacd-kernel-") as home,
        progress(f"executing {len(jobs)} notebooks", total) as bar,
        ProcessPoolExecutor(
            min(_side_by_side(), len(jobs)), mp_context=multiprocessing.get_context("spawn"),
            initializer=prepare_worker, initargs=(Path(home),),
        ) as pool,
    ):
        write_kernel(Path(home))
        waiting: dict[Future[Outcome], Job] = {
            pool.submit(execute, job.notebook.path, targets[job.name], job.parameters): job for job in jobs
        }
        while waiting:
            done, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                job = waiting.pop(future)
                try:
                    outcomes[job.name] = future.result()
                except BrokenProcessPool:
                    outcomes[job.name] = Outcome("failed", "its process was killed (was memory short?)", 0.0)
            ended = sum(job.notebook.steps for job in jobs if job.name in outcomes)
            bar.to(ended + sum(finished_steps(targets[job.name]) for job in waiting.values()))
    return outcomes
