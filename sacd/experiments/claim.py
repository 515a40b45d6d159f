"""The confirmation's design: which cohorts, which rows, and what fixes it before its second stage.

The design is `claim.yaml`; *ours* is one of its rows. Stage A is run on development cohorts, and what it measured is
committed as `claim_frozen.json`, with a digest of all that the runs' figures depend on: under another, stage B refuses.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from sacd import runs
from sacd.analysis.claim import Test, tests
from sacd.cohort import Cohort
from sacd.cohort.splits import Protocol
from sacd.decisions import night_model
from sacd.exceptions import SacdError, reading
from sacd.experiments.common import folds, student
from sacd.experiments.night import night_teacher
from sacd.experiments.profile import Profile, load_profile
from sacd.paths import ROOT
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.student import StudentRun
from sacd.simulate.beside import Place
from sacd.simulate.simulated_cohort import VERSION
from sacd.training.config import TRAINING_VERSION, Frozen, ObjectiveConfig, Recipe

CE, KD, OURS, CE_ALL = "CE", "KD", "ours", "CE all"
TESTED = (CE, KD, OURS, CE_ALL)
SEEDS = {"A": range(100, 200), "B": range(9000, 10**6)}
"""Cohorts on which methods are developed, and those that nobody has looked at."""
_FOLDER = Path(str(resources.files("sacd.experiments")))
DESIGN, FROZEN = _FOLDER / "claim.yaml", _FOLDER / "claim_frozen.json"
StageName = Literal["A", "B"]


class Row(Frozen):
    """A way of training the student.

    Attributes
    ----------
    objective, protocol
        How it learns, and from whose labels.
    teachers : int
        Parts of an ensemble that speaks in the teacher's place; 1: the teacher itself.
    fields : dict
        Further fields of `StudentRun`, e.g. ``taught``.
    """

    objective: ObjectiveConfig = ObjectiveConfig()
    protocol: Protocol = "few-label"
    teachers: int = Field(default=1, gt=0)
    fields: dict[str, Any] = {}


class Stage(Frozen):
    """Cohorts of a stage: coupling → how many, from a first seed on; training seeds on each.

    The first coupling is the stage; a further one is a stage of its own, on the same people behind another camera.
    """

    first_seed: int
    cohorts: dict[str, int]
    seeds: int = Field(gt=1)


class Real(Frozen):
    """The same rows on a real cohort of features: labelled participants, folds where it has no split, seeds, scores."""

    labelled: int = Field(gt=1)
    folds: int = Field(gt=1)
    seeds: int = Field(gt=0)
    metrics: tuple[str, ...]


class Design(Frozen):
    """What `claim.yaml` holds; the first of the students and of the decisions are those of the tests."""

    profile: str
    labelled: int = Field(gt=1)
    cohort: dict[str, Any]
    view: str
    stages: dict[StageName, Stage]
    students: dict[str, Recipe]
    decisions: tuple[str, ...]
    rows: dict[str, Row]
    real: Real

    @model_validator(mode="after")
    def _has_what_is_tested(self) -> "Design":
        absent = [name for name in TESTED if name not in self.rows]
        if absent or not self.students or not self.decisions:
            raise ValueError(f"a student, a decision and the rows {', '.join(TESTED)} are needed")
        return self

    @property
    def order(self) -> tuple[Test, ...]:
        """The tests, in their order."""
        return tests(OURS, KD, CE_ALL)

    def cohorts(self, stage: StageName, coupling: str, first_seed: int | None = None) -> list[int]:
        """Seeds of the cohorts of a stage.

        Raises
        ------
        SacdError
            A coupling that the stage does not have, or a seed that is not this stage's.
        """
        own = self.stages[stage]
        if coupling not in own.cohorts:
            raise SacdError(f"stage {stage} has no cohorts of {coupling} coupling; it has {', '.join(own.cohorts)}")
        first = own.first_seed if first_seed is None else first_seed
        found = list(range(first, first + own.cohorts[coupling]))
        allowed = SEEDS[stage]
        if any(seed not in allowed for seed in found):
            raise SacdError(f"stage {stage} takes cohorts of the seeds {allowed[0]} to {allowed[-1]}; name such a seed")
        return found

    def place(self, path: Path, coupling: str, seed: int) -> Place:
        """Where a cohort lies, or will."""
        return Place(path, self.cohort | {"coupling": coupling, "seed": seed})


def load_design(file: Path = DESIGN) -> Design:
    """The design.

    Raises
    ------
    SacdError
        The file cannot be read, or does not hold a design.
    """
    with reading(file, "restore it from the repository", "not valid YAML"):
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    try:
        return Design.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SacdError(f"{file}: {where}: {first['msg']}; correct it") from None


def configs(
    design: Design, cohort: Cohort, profile: Profile, rows: Iterable[str], students: Iterable[str], seeds: int,
    view: str = "",
) -> list[tuple[str, str, StudentRun]]:
    """The runs on a cohort of features, each with its row and its student's name; alike in all but these.

    Parameters
    ----------
    design : Design
    cohort : Cohort
    profile : Profile
    rows, students : iterable of str
        Names of the design's.
    seeds : int
        Training seeds, from 0 on.
    view : str
        Which features the students see (`StudentRun.view`).
    """
    return [
        (name, title, _student(design.rows[name], design.students[title], cohort, profile, seed, fold, view))
        for title in students
        for name in rows
        for seed in range(seeds)
        for fold in folds(cohort, profile)
    ]


def _student(
    row: Row, recipe: Recipe, cohort: Cohort, profile: Profile, seed: int, fold: tuple[int, int] | None, view: str
) -> StudentRun:
    guide = night_teacher(cohort, profile, row.protocol, seed, fold).model_copy(update={"test": False})
    run = student(cohort, profile, row.objective, row.protocol, seed, fold, raw=False, taught_by=guide)
    own = {"model": recipe.model, "training": recipe.training, "view": view} | row.fields
    if row.teachers > 1 and run.teacher is not None:
        own["teacher"] = EnsembleTeacherRun.of(run.teacher, row.teachers)
    return StudentRun.model_validate(dict(run) | own)  # model_copy would check nothing


def stage_runs(design: Design, cohort: Cohort, seeds: int) -> list[tuple[str, str, StudentRun]]:
    """`configs` of the tests on a simulated cohort."""
    profile = load_profile(design.profile).model_copy(update={"labelled": design.labelled})
    first = next(iter(design.students))
    return configs(design, cohort, profile, TESTED, [first], seeds, design.view)


def real_runs(design: Design, cohort: Cohort) -> list[tuple[str, str, StudentRun]]:
    """`configs` of every row and student on a real cohort, which sees all its features."""
    update = {"labelled": design.real.labelled, "folds": design.real.folds}
    profile = load_profile(design.profile).model_copy(update=update)
    return configs(design, cohort, profile, design.rows, design.students, design.real.seeds)


def digest(design: Design) -> str:
    """Of all that the figures of a stage depend on but its cohorts' seeds: design, components' versions, simulator."""
    coupling = next(iter(design.stages["B"].cohorts))
    planned = design.place(Path("planned"), coupling, SEEDS["B"][0]).open_or_plan()
    found = stage_runs(design, planned, design.stages["B"].seeds)
    content = {
        "loop": TRAINING_VERSION,
        "simulator": VERSION,
        "encoder": planned.info.provenance.get("encoder_sha256"),
        "night": night_model.VERSION,
        "cohort": design.cohort,
        "cohorts": design.stages["B"].cohorts,
        "decisions": design.decisions,
        "runs": [(run.content(), run.versions()) for run in runs.closure(run for *_, run in found)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def read_frozen(design: Design, file: Path = FROZEN) -> dict[str, Any]:
    """What stage A measured and fixed.

    Raises
    ------
    SacdError
        Nothing is fixed yet, or the design or a component has changed since.
    """
    if not file.exists():
        raise SacdError(f"{file}: absent, so nothing is fixed; run 'sacd claim --stage A' and commit its frozen.json")
    with reading(file, "restore it from the repository", "not valid JSON"):
        frozen = json.loads(file.read_text(encoding="utf-8"))
    if frozen["digest"] != (now := digest(design)):
        raise SacdError(
            f"{file}: fixes the method {frozen['digest']}, but the design and the code make {now}; "
            "go back to the commit that fixed it, or run stage A anew"
        )
    return frozen


def commit_of(folder: Path = ROOT) -> str:
    """The commit of the code, ``not under git`` where there is no repository.

    Raises
    ------
    SacdError
        The package has changes that are not committed.
    """
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout

    try:
        commit, changed = git("rev-parse", "HEAD").strip(), git("status", "--porcelain", "--", "sacd").strip()
    except (OSError, subprocess.CalledProcessError):
        return "not under git"
    if changed:
        raise SacdError(f"{folder / 'sacd'}: has changes that are in no commit; commit them, to name what was run")
    return commit
