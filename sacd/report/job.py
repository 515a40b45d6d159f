"""A chapter in preparation: which are chosen, their parameters, their runs on every cohort, what a result hangs on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sacd import experiments
from sacd.cohort import Cohort, hash_file
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments import Chapter
from sacd.experiments.companions import Companion
from sacd.experiments.profile import Profile
from sacd.report.folder import Entry
from sacd.report.notebook import Notebook
from sacd.runs.identity import run_id
from sacd.runs.kind import RunConfig
from sacd.runs.store import RunStore
from sacd.simulate.beside import Place

RESERVED = {"cohort": "--cohort", "profile": "--profile"}
Part = tuple[Cohort, list[RunConfig]]
"""A cohort, and runs on it."""


@dataclass
class Job:
    """A chapter in preparation.

    Attributes
    ----------
    chosen : bool
        Whether it is asked for; another only stays in the report while it is current.
    companions : list of Companion
        Its further cohorts.
    parts : list of Part
        Its runs on the main cohort and on each of the others; of those that are not made yet the cohort is its index.
    entry : Entry or None
        There from the start where there is nothing to execute.
    """

    chapter: Chapter
    notebook: Notebook
    parameters: dict[str, Any]
    chosen: bool
    companions: list[Companion] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    entry: Entry | None = None

    @property
    def name(self) -> str:
        """The notebook's name."""
        return self.chapter.name

    @property
    def is_due(self) -> bool:
        """Whether it is asked for, and may have to be executed."""
        return self.chosen and self.entry is None

    def resolve(self, cohort: Cohort, profile: Profile, opened: Callable[[Place], Cohort]) -> None:
        """Find its runs on all of its cohorts; an entry says so where there are none to be had."""
        self.companions, self.parts, self.entry = [], [], None
        try:
            reason = self.chapter.not_applicable(cohort)
            if reason is not None:
                raise NotApplicable(reason)
            companions = self.chapter.companions(cohort, profile)
            others = [opened(companion.place) for companion in companions]
            self.parts = [
                (cohort, self.chapter.runs(cohort, profile)),
                *((other, companion.runs(other)) for other, companion in zip(others, companions, strict=True)),
            ]
            self.companions = companions
        except NotApplicable as error:
            self.entry = Entry(self.name, self.chapter.title, "not applicable", str(error))
        except SacdError as error:
            self.entry = Entry(self.name, self.chapter.title, "failed", str(error))

    def key(self, profile: Profile, store: RunStore) -> str:
        """Hash of all that the notebook's results depend on."""
        trained, beside = {}, {}
        for cohort, configs in self.parts:
            made = Place(cohort.path).exists
            beside[cohort.path.name] = cohort.fingerprint if made else None
            for config in configs if made else ():
                name = run_id(config, cohort)
                metrics = store.root / name / "metrics.json"
                trained[name] = hash_file(metrics) if metrics.exists() else None
        return self.notebook.key({
            "parameters": self.parameters, "runs": trained, "cohorts": beside,
            "profile": profile.model_dump(mode="json"),
        })


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


def union(jobs: Iterable[Job]) -> list[Part]:
    """The runs of the due chapters on each cohort, each run once; a companion may be there for its nights alone."""
    found: dict[str, tuple[Cohort, dict[str, RunConfig]]] = {}
    for job in jobs:
        for number, (cohort, configs) in enumerate(job.parts if job.is_due else ()):
            if number == 0 and not configs:  # the main cohort is there anyhow
                continue
            _, known = found.setdefault(str(cohort.path.resolve()), (cohort, {}))
            known.update({config.model_dump_json(): config for config in configs})
    return [(cohort, list(known.values())) for cohort, known in found.values()]
