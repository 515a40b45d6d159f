"""The one student that `sacd train` trains: a profile's, but for what is asked for."""

from typing import Any, TypeVar

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.common import folds, is_features, student
from sacd.experiments.profile import Profile
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.training.config import ModelConfig, ObjectiveConfig

Run = TypeVar("Run", bound=RunConfig)


def single_student(
    cohort: Cohort, profile: Profile, objective: ObjectiveConfig, *, network: str | None = None,
    teacher: str | None = None, labelled: int | None = None, frozen: bool = False, steps: int | None = None,
    seed: int = 0, fold: tuple[int, int] | None = None, flagged: bool = False,
) -> StudentRun:
    """A student with its teacher and trunk.

    Parameters
    ----------
    cohort : Cohort
    profile : Profile
    objective : ObjectiveConfig
    network, teacher : str, optional
        Names of `sacd.models.MODELS`; the profile's by default.
    labelled : int, optional
        Participants whose labels it and its teacher see; by default everybody's.
    frozen : bool
        Whether it stands on a frozen trunk where the cohort has video.
    steps : int, optional
        Of the student; the profile's by default.
    seed : int
    fold : (int, int), optional
        By default the cohort's own split, or the first of the profile's folds.
    flagged : bool
        Whether it and its teacher also learn from clips that a quality flag marks, and are tested on them.

    Raises
    ------
    SacdError
        A teacher is named, and the objective has none; or it has one, and the cohort no EEG.
    """
    protocol = "few-label" if labelled else "paper"
    raw = not is_features(cohort) and not frozen
    run = student(cohort, profile, objective, protocol, seed, fold or folds(cohort, profile)[0], raw)
    if run.teacher is not None and cohort.info.eeg == "none":
        raise SacdError(
            f"{cohort.path}: was filmed without EEG, so nothing can be distilled there; stage its nights with "
            "'sacd predict' or, where they are scored, train by an objective without a teacher, such as ce"
        )
    if flagged:
        own = {name: getattr(run, name) for name in ("teacher", "trunk")}
        run = _with_flagged(run).model_copy(update={name: part and _with_flagged(part) for name, part in own.items()})
    changes: dict[str, Any] = {}
    if labelled:
        changes["labelled"] = labelled
    if network:
        changes["model"] = ModelConfig(name=network)
    if steps:
        changes["training"] = run.training.model_copy(update={"steps": steps})
    if run.teacher is not None:
        model = ModelConfig(name=teacher) if teacher else run.teacher.model
        changes["teacher"] = run.teacher.model_copy(update={"model": model, "labelled": labelled})
    elif teacher:
        raise SacdError(f"objective {objective.name} has no teacher; leave --teacher out")
    return run.model_copy(update=changes)


def _with_flagged(run: Run) -> Run:
    return run.model_copy(update={"training": run.training.model_copy(update={"flagged": True})})
