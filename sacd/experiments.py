"""The runs behind each notebook: one function per table or figure, and the list of chapters of a report."""

from collections.abc import Callable
from dataclasses import dataclass

from sacd.cohort import Cohort
from sacd.config import (
    FusionRun,
    ObjectiveConfig,
    Profile,
    Protocol,
    ReverseRun,
    RunConfig,
    StudentRun,
    TeacherRun,
    TrunkRun,
)
from sacd.objectives import load_objective
from sacd.splits import default_budget

PROTOCOLS: tuple[Protocol, ...] = ("paper", "few-label")
NEEDS_UNLABELLED = ("self-training", "pseudo-label")
"""Controls that are plain cross-entropy where every training participant is labelled; run in few-label only."""
HIDDEN_CHANNEL = "Pz-Oz"
"""The channel of the weak view; one arm of the privileged-feature benchmark hides it from the teacher."""


@dataclass(frozen=True)
class Chapter:
    """A notebook of the report: what it is called, the runs it needs, and why it may not apply to a cohort."""

    name: str
    title: str
    runs: Callable[[Cohort, Profile], list[RunConfig]]
    not_applicable: Callable[[Cohort], str | None] = lambda cohort: None


def folds(cohort: Cohort, profile: Profile) -> list[tuple[int, int] | None]:
    """The cohort's own split, or folds by participant where it has none."""
    if (cohort.participants["split"] == "test").any():
        return [None]
    return [(index, profile.folds) for index in range(profile.folds)]


def is_features(cohort: Cohort) -> bool:
    """Whether both modalities are feature vectors."""
    return cohort.info.video == "features"


def budget(cohort: Cohort, profile: Profile, protocol: Protocol) -> int | None:
    """Labelled participants of the few-label protocol: the profile's, or 2 on a small cohort."""
    if protocol == "paper":
        return None
    return default_budget(cohort.participants, folds(cohort, profile)[0], profile.labelled)


def teacher(
    cohort: Cohort, profile: Profile, protocol: Protocol, seed: int, fold: tuple[int, int] | None, without: str = ""
) -> TeacherRun:
    """The EEG teacher of a protocol, trained on that protocol's labelled participants and no others."""
    if cohort.info.eeg == "features":
        recipe = profile.feature_teacher
    else:
        recipe = profile.teacher if protocol == "paper" else profile.few_label_teacher
    return TeacherRun(
        model=recipe.model,
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


def student(
    cohort: Cohort,
    profile: Profile,
    method: str,
    protocol: Protocol,
    seed: int,
    fold: tuple[int, int] | None,
    raw: bool,
    without: str = "",
) -> StudentRun:
    """A student by a method: raw trains on video, otherwise an MLP on frozen (or given) features."""
    features = is_features(cohort)
    recipe = profile.feature_student if features else (profile.student if raw else profile.frozen)
    needs = load_objective(method).needs_teacher
    return StudentRun(
        model=recipe.model,
        training=recipe.training,
        protocol=protocol,
        labelled=budget(cohort, profile, protocol),
        seed=seed,
        fold=fold,
        objective=ObjectiveConfig(name=method),
        teacher=teacher(cohort, profile, protocol, seed, fold, without) if needs else None,
        trunk=None if features or raw else trunk(profile, fold),
    )


def teachers(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 02: the teachers of both protocols; on a feature cohort also an arm blind to the weak view."""
    arms = ["", HIDDEN_CHANNEL] if cohort.info.eeg == "features" else [""]
    return [
        teacher(cohort, profile, protocol, seed, fold, without)
        for without in arms
        for protocol in PROTOCOLS
        for seed in range(profile.seeds)
        for fold in folds(cohort, profile)
    ]


def methods(cohort: Cohort, profile: Profile, protocol: Protocol) -> list[str]:
    """The profile's methods that can be run: the oracle needs a simulated cohort, some controls unlabelled clips."""
    return [
        name
        for name in profile.methods
        if (cohort.info.simulated or not load_objective(name).needs_posterior)
        and (protocol == "few-label" or name not in NEEDS_UNLABELLED)
    ]


def distillation(cohort: Cohort, profile: Profile) -> list[StudentRun]:
    """Notebook 03, Table II's frame: every method, protocol and seed; frozen tier, and raw where the profile says.

    In the order of the table: a block a protocol and tier.
    """
    runs: list[StudentRun] = []
    for protocol in PROTOCOLS:
        for seed in range(profile.seeds):
            for fold in folds(cohort, profile):
                for method in methods(cohort, profile, protocol):
                    raw_too = method in profile.raw_methods.get(protocol, ()) and not is_features(cohort)
                    if raw_too:
                        runs.append(student(cohort, profile, method, protocol, seed, fold, raw=True))
                    if is_features(cohort) or profile.trunk is not None:
                        runs.append(student(cohort, profile, method, protocol, seed, fold, raw=False))
                    if cohort.info.eeg == "features" and load_objective(method).needs_teacher:
                        runs.append(student(cohort, profile, method, protocol, seed, fold, False, HIDDEN_CHANNEL))
    return sorted(runs, key=lambda run: (PROTOCOLS.index(run.protocol), run.tier != "raw"))


def chosen(cohort: Cohort, profile: Profile, names: tuple[str, ...]) -> list[RunConfig]:
    """Runs of Table II for some methods, in the few-label protocol, of the best tier that the profile trains."""
    raw = set(names) <= set(profile.raw_methods.get("few-label", ())) and not is_features(cohort)
    return [
        student(cohort, profile, name, "few-label", seed, fold, raw)
        for name in names
        for seed in range(profile.seeds)
        for fold in folds(cohort, profile)
    ]


def confusion(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 06, Fig. 6: CE, KD and SACD."""
    return chosen(cohort, profile, ("ce", "kd", "sacd"))


def embeddings(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 11, Fig. 10: CE, KD and SACD, one seed, one fold."""
    first = folds(cohort, profile)[0]
    return [run for run in confusion(cohort, profile) if run.seed == 0 and run.fold == first]


def fusion(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 07, Table IV: each modality alone, heads on both (A–D), and video distilled into EEG (E–G).

    Every training participant is labelled. Heads take the budget of the frozen tier, without augmentation, and
    everything that trains an EEG network that of the EEG teacher. On a feature cohort the EEG view leaves out the
    channel that the video view stands for: one view within the other has nothing to add.
    """
    features = is_features(cohort)
    raw = profile.trunk is None or "ce" in profile.raw_methods.get("paper", ())
    head = (profile.feature_student if features else profile.frozen).training.model_copy(update={"augment": False})
    runs: list[RunConfig] = []
    for seed in range(min(profile.fusion_seeds or profile.seeds, profile.seeds)):
        for fold in folds(cohort, profile):
            eeg = teacher(cohort, profile, "paper", seed, fold, HIDDEN_CHANNEL if features else "")
            video = student(cohort, profile, "ce", "paper", seed, fold, raw)
            end_to_end = eeg.training.model_copy(update={"momentum_encoder": video.training.momentum_encoder})
            common = {"seed": seed, "fold": fold}
            runs += [video, eeg]
            runs += [
                FusionRun(
                    experiment=letter,
                    eeg=eeg,
                    video=video,
                    parts=profile.fusion_parts,
                    training=head if letter in "AB" else end_to_end,
                    **common,
                )
                for letter in ("A", "B", "C", "D")
            ]
            runs += [
                ReverseRun(
                    model=eeg.model,
                    without=eeg.without,
                    source=video,
                    objective=ObjectiveConfig(name=name),
                    released=released,
                    training=end_to_end,
                    **common,
                )
                for name, released in (("sacd", False), ("sacd", True), ("ccl", True))
            ]
    return runs


def quickstart(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 00: one student, all labelled, cross-entropy."""
    raw = profile.trunk is None
    return [student(cohort, profile, "ce", "paper", 0, folds(cohort, profile)[0], raw)]


CHAPTERS: dict[str, Chapter] = {
    chapter.name: chapter
    for chapter in (
        Chapter("00_quickstart", "Quick start: one participant, one model", quickstart),
        Chapter("01_data_exploration", "The cohort: Fig. 2, Table I, calibration", lambda cohort, profile: []),
        Chapter("02_teachers", "EEG teachers", teachers),
        Chapter("03_distillation", "Distillation from EEG to video: Table II", distillation),
        Chapter("06_confusion", "Confusion matrices: Fig. 6", confusion),
        Chapter("07_fusion", "EEG and video together: Table IV", fusion),
        Chapter("08_audio_to_video", "Audio to video: Table III", lambda cohort, profile: []),
        Chapter("11_embeddings", "Feature maps: Fig. 10", embeddings),
    )
}
