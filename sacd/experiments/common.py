"""What every chapter's runs are made of: folds, label budgets, teachers, trunks and students of a profile."""

from sacd.cohort import Cohort
from sacd.cohort.splits import Protocol, default_budget, fold_count, make_split
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments.profile import Profile
from sacd.objectives import load_objective
from sacd.runs.kinds.continued_trunk import ContinuedTrunkRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.training.config import ModelConfig, ObjectiveConfig

PROTOCOLS: tuple[Protocol, ...] = ("paper", "few-label")
OWN = "of the profile"
OURS = "night-kd"
"""The objective that is our own."""


def folds(cohort: Cohort, profile: Profile) -> list[tuple[int, int] | None]:
    """The cohort's own split, or folds by participant where it has none."""
    people = cohort.scored()
    if (people["split"] == "test").any():
        return [None]
    count = fold_count(len(people), profile.folds)
    return [(index, count) for index in range(count)]


def is_features(cohort: Cohort) -> bool:
    """Whether the video is feature vectors; the EEG beside them may be raw."""
    return cohort.info.video == "features"


def hidden_view(cohort: Cohort) -> str:
    """The channel or sensor of a feature cohort's student, which one arm hides from the teacher."""
    return cohort.info.sampling.video_features[0].partition("_")[0]


def ask_for_sacd(profile: Profile) -> None:
    """Raise NotApplicable where a profile's methods leave SACD out: what is about it has nothing to train."""
    if "sacd" not in profile.methods:
        raise NotApplicable(f"it takes SACD apart, which the methods of profile {profile.name} leave out")


def budget(cohort: Cohort, profile: Profile, protocol: Protocol) -> int | None:
    """Labelled participants of the few-label protocol: the profile's, or 2 on a small cohort.

    Raises
    ------
    NotApplicable
        Fewer are scored than that needs.
    """
    if protocol == "paper":
        return None
    known = cohort.scored()
    unscored = len(cohort.participants) - len(known)
    return default_budget(known, folds(cohort, profile)[0], profile.labelled, unscored)


def parts_of(
    cohort: Cohort, profile: Profile, wanted: int, protocol: Protocol = "few-label",
    fold: tuple[int, int] | None = None,
) -> int:
    """Parts that a protocol's labelled training participants can be cut into, at most those wanted."""
    chosen = fold or folds(cohort, profile)[0]
    labelled = budget(cohort, profile, protocol)
    split = make_split(cohort.participants, protocol, labelled, chosen, scored=cohort.scored().index)
    return min(wanted, len(split.labelled))


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


def trunk(
    cohort: Cohort, profile: Profile, fold: tuple[int, int] | None, weights: str | None = OWN,
    continued: bool | None = None,
) -> TrunkRun | ContinuedTrunkRun | None:
    """The frozen tier's video trunk: one for all seeds, for it sees no label.

    Parameters
    ----------
    weights : str, optional
        Shipped weights by name, or a path; by default the profile's own. None: a random initialisation, as a control.
    continued : bool, optional
        Whether it goes on from there on the cohort's own unlabelled video; by default where the cohort is real, for its
        pictures were never drawn by the simulator.
    """
    if profile.trunk is None:
        return None
    started = profile.trunk.weights if weights == OWN else weights
    recipe = profile.continued_trunk
    if continued is None:
        continued = not cohort.info.simulated and recipe is not None
    if not continued:
        return TrunkRun(model=_started_from(profile.trunk, started))
    if recipe is None:
        raise SacdError(f"profile {profile.name} goes on with no trunk; add a continued_trunk to it")
    return ContinuedTrunkRun(model=_started_from(recipe.model, started), training=recipe.training, fold=fold)


def _started_from(model: ModelConfig, weights: str | None) -> ModelConfig:
    return ModelConfig(name=model.name, options=model.options, weights=weights)


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
    sees_by: TrunkRun | ContinuedTrunkRun | None = None,
) -> StudentRun:
    """A student by an objective: raw trains on video, otherwise an MLP on frozen (or given) features.

    Its teacher is the profile's, or `taught_by`; an objective that does not ask for one has none; for our own method
    it is smoothed over the night. Its trunk, in the frozen tier, is the profile's, or `sees_by`.
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
        trunk=None if features or raw else sees_by or trunk(cohort, profile, fold),
        taught="smoothed" if chosen.name == OURS else "as-is",
        view=view(cohort),
    )
