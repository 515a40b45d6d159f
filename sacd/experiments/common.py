"""What every chapter's runs are made of: folds, label budgets, teachers, trunks and students of a profile."""

from sacd.cohort import Cohort
from sacd.cohort.splits import Protocol, default_budget
from sacd.exceptions import NotApplicable
from sacd.experiments.profile import Profile
from sacd.objectives import load_objective
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.training.config import ModelConfig, ObjectiveConfig

PROTOCOLS: tuple[Protocol, ...] = ("paper", "few-label")
HIDDEN_CHANNEL = "Pz-Oz"
"""The channel of the weak view; one arm of the privileged-feature benchmark hides it from the teacher."""


def folds(cohort: Cohort, profile: Profile) -> list[tuple[int, int] | None]:
    """The cohort's own split, or folds by participant where it has none."""
    if (cohort.participants["split"] == "test").any():
        return [None]
    return [(index, profile.folds) for index in range(profile.folds)]


def is_features(cohort: Cohort) -> bool:
    """Whether the video is feature vectors; the EEG beside them may be raw."""
    return cohort.info.video == "features"


def ask_for_sacd(profile: Profile) -> None:
    """Raise NotApplicable where a profile's methods leave SACD out: what is about it has nothing to train."""
    if "sacd" not in profile.methods:
        raise NotApplicable(f"it takes SACD apart, which the methods of profile {profile.name} leave out")


def budget(cohort: Cohort, profile: Profile, protocol: Protocol) -> int | None:
    """Labelled participants of the few-label protocol: the profile's, or 2 on a small cohort."""
    if protocol == "paper":
        return None
    return default_budget(cohort.participants, folds(cohort, profile)[0], profile.labelled)


def teacher(
    cohort: Cohort,
    profile: Profile,
    protocol: Protocol,
    seed: int,
    fold: tuple[int, int] | None,
    without: str = "",
    model: ModelConfig | None = None,
) -> TeacherRun:
    """The EEG teacher of a protocol, trained on that protocol's labelled participants and no others.

    The profile's network, or another `model` with the same training.
    """
    if cohort.info.eeg == "features":
        recipe = profile.feature_teacher
    else:
        recipe = profile.teacher if protocol == "paper" else profile.few_label_teacher
    return TeacherRun(
        model=model or recipe.model,
        training=recipe.training,
        protocol=protocol,
        labelled=budget(cohort, profile, protocol),
        seed=seed,
        fold=fold,
        without=without,
    )


def trunk(profile: Profile, fold: tuple[int, int] | None) -> TrunkRun | None:
    """The frozen tier's video trunk: one for all seeds, for it sees no label."""
    if profile.trunk is None:
        return None
    return TrunkRun(model=profile.trunk.model, training=profile.trunk.training, fold=fold)


def view(cohort: Cohort) -> str:
    """What a student sees of a feature cohort: of nights that were simulated to features, the trunk's alone."""
    return "trunk" if cohort.info.sampling.video_features[:1] == ("trunk_000",) else ""


def student(
    cohort: Cohort,
    profile: Profile,
    objective: str | ObjectiveConfig,
    protocol: Protocol,
    seed: int,
    fold: tuple[int, int] | None,
    raw: bool,
    taught_by: TeacherRun | None = None,
) -> StudentRun:
    """A student by an objective: raw trains on video, otherwise an MLP on frozen (or given) features.

    Its teacher is the profile's, or `taught_by`; an objective that does not ask for one has none.
    """
    features = is_features(cohort)
    recipe = profile.feature_student if features else (profile.student if raw else profile.frozen)
    chosen = ObjectiveConfig(name=objective) if isinstance(objective, str) else objective
    needs = load_objective(chosen.name).needs_teacher
    return StudentRun(
        model=recipe.model,
        training=recipe.training,
        protocol=protocol,
        labelled=budget(cohort, profile, protocol),
        seed=seed,
        fold=fold,
        objective=chosen,
        teacher=(taught_by or teacher(cohort, profile, protocol, seed, fold)) if needs else None,
        trunk=None if features or raw else trunk(profile, fold),
        view=view(cohort),
    )
