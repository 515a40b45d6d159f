"""The report: trains the union of the chosen notebooks' runs, executes the notebooks against a full store, and
publishes pages that open with the network off.

A notebook is executed again only when something it depends on changed.
"""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from sacd import experiments, runs
from sacd.cohort import Cohort, check_id
from sacd.experiments.profile import load_profile
from sacd.locks import alone
from sacd.paths import ROOT
from sacd.report.execution import execute_all
from sacd.report.folder import Entry, Folder
from sacd.report.job import Job, Part, check_parameters, choose, union
from sacd.report.notebook import Notebook, Outcome
from sacd.report.plan import Plan, make_plan
from sacd.report.reference import references
from sacd.runs.identity import run_id
from sacd.runs.store import RunStore
from sacd.simulate.beside import Place, empty, ensure, make_whole
from sacd.simulate.provenance import check_version, is_ours


class Report:
    """A report in preparation.

    Parameters
    ----------
    profile : str
        smoke, laptop, evening, paper, or a YAML file.
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
        usual = Place(ROOT / "data" / f"simulated-{self.profile.name}", self.profile.cohort.model_dump())
        self.main = usual if cohort is None else Place(Path(cohort))
        file = Path(profile)
        common = {
            "cohort": str(self.main.path.resolve()),
            "profile": str(file.resolve()) if file.suffix in (".yaml", ".yml") else profile,
        }
        self.jobs = []
        for name, notebook in notebooks.items():
            values = common | (extra if name in chosen else {})
            known = {key: value for key, value in values.items() if key in notebook.parameters}
            self.jobs.append(Job(experiments.CHAPTERS[name], notebook, known, name in chosen))
        self._resolve()

    def _resolve(self) -> None:
        """Find every job's runs on the cohorts as they are now, each opened once."""
        self.cohort = self.main.open_or_plan()
        check_version(self.cohort.path, self.cohort.info)
        self.store = RunStore.beside(self.cohort)
        opened: dict[Path, Cohort] = {}

        def opened_once(place: Place) -> Cohort:
            if place.path not in opened:
                opened[place.path] = place.open_or_plan()
            return opened[place.path]

        for job in self.jobs:
            job.resolve(self.cohort, self.profile, opened_once)

    def _keep(self) -> None:
        """Take from the previous report what is still current; drop what is neither chosen nor current."""
        for job in self.jobs:
            if job.entry is None:
                job.entry = self.folder.kept(job.name, job.key(self.profile, self.store), job.chosen)
        self.jobs = [job for job in self.jobs if job.chosen or job.entry is not None]

    def plan(self) -> Plan:
        """What `write` would do, and how long it would take; nothing is simulated for it."""
        parts = union(self.jobs)
        self._keep()
        due = {job.name: self.folder.seconds(job.name) for job in self.jobs if job.entry is None}
        return make_plan(parts, self.cohort, self.store, due)

    @property
    def left_out(self) -> list[Entry]:
        """The notebooks that are asked for and will not be executed, each with the reason."""
        entries = [job.entry for job in self.jobs if job.chosen and job.entry is not None]
        return [entry for entry in entries if entry.status != "done"]

    def write(self) -> list[Entry]:
        """Simulate, train, execute, publish; a second report on the same cohort or in the same folder waits.

        Returns
        -------
        list of Entry
            One for each notebook in the report; the pages are in `folder.path`.
        """
        with (
            alone(self.folder.path, "writes this report"),
            alone(self.store.root / self.cohort.path.name, "writes a report on this cohort"),
        ):
            self._resolve()  # the other may have made what was absent
            plan = make_plan(union(self.jobs), self.cohort, self.store, {})
            if plan.peak_bytes:
                print(plan.disk, file=sys.stderr, flush=True)
            self._simulate()
            parts = union(self.jobs)
            tables = runs.ensure_all(parts, self.store)
            rows = {row["run_id"]: row for table in tables for row in table.to_dict("records")}
            self._keep()
            entries = self._publish(rows)
            self._clear(parts, tables)
        return entries

    def _simulate(self) -> None:
        """Make the main cohort, and those beside it that the chosen chapters need, where they are not there."""
        absent = [self.main, *(one.place for job in self.jobs if job.is_due for one in job.companions)]
        ensure({place.path: place for place in absent}.values())
        self._resolve()
        make_whole([self.cohort])

    def _publish(self, rows: dict[str, dict[str, Any]]) -> list[Entry]:
        """Execute what is due, and write the report; `rows` are those of the runs, by id."""
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
            # What was simulated here stands beside simulated cohorts alone.
            kept = references if is_ours(self.cohort.info) else lambda name, but: []
            beside = {job.name: [asdict(one) for one in kept(job.name, self.profile.name)] for job in self.jobs}
            aside.publish(entries, self.cohort, self.profile.name, pd.DataFrame(rows.values()), beside)
        return entries

    def _clear(self, parts: list[Part], tables: list[pd.DataFrame]) -> None:
        """Remove the arrays of the cohorts that were simulated beside the main one for runs that are all done.

        Of those that are there for their nights go the files that all chapters which read them are done with.
        """
        beside = [(job, one) for job in self.jobs for one in job.companions if one.place.settings is not None]
        made = {one.place.path for _, one in beside}
        for (cohort, _), table in zip(parts, tables, strict=True):
            if cohort.path in made and len(table) and (table.status == "done").all():
                empty(cohort)
        spent = {(one.place.path, one.spent) for _, one in beside if one.spent}
        for path, names in spent:
            if all(job.entry.status == "done" for job, one in beside if (one.place.path, one.spent) == (path, names)):
                empty(Cohort.open(path), names)

    def _entry(self, job: Job, outcome: Outcome) -> Entry:
        executed = datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")
        return Entry(
            job.name, job.chapter.title, outcome.status, outcome.reason, key=job.key(self.profile, self.store),
            seconds=round(outcome.seconds, 2), executed=executed,
        )
