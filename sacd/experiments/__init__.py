"""The runs behind each notebook: one function per table or figure, and the list of chapters of a report."""

from collections.abc import Callable
from dataclasses import dataclass

from sacd.cohort import Cohort
from sacd.experiments.ablation import ablation
from sacd.experiments.common import (
    PROTOCOLS,
    ask_for_sacd,
    budget,
    folds,
    hidden_view,
    is_features,
    student,
    teacher,
    trunk,
)
from sacd.experiments.companions import Companion
from sacd.experiments.distillation import (
    chosen,
    confusion,
    distillation,
    embeddings,
    equal_budget,
    methods,
    published,
    teachers,
)
from sacd.experiments.frames import frame_companions, no_other_sampling
from sacd.experiments.fusion import fusion
from sacd.experiments.headroom import headroom, known_by_teacher, systems
from sacd.experiments.hyperparameters import hyperparameters
from sacd.experiments.night import night_companions, night_runs
from sacd.experiments.our_method import our_companions, our_runs
from sacd.experiments.portraits import no_ahi, portrait_companions, portrait_runs
from sacd.experiments.profile import Profile
from sacd.experiments.reported_nights import report_companions, report_runs
from sacd.experiments.table_ii import (
    PUBLISHED,
    block_names,
    choices,
    headline,
    named,
    printed_rows,
    row_names,
    taken_apart,
)
from sacd.experiments.verdict import verdict, verdict_elsewhere
from sacd.experiments.viewer import compared_runs, no_clips
from sacd.runs.kind import RunConfig

__all__ = [
    "CHAPTERS", "PROTOCOLS", "PUBLISHED", "Chapter", "block_names", "budget", "choices", "chosen", "confusion",
    "distillation", "embeddings", "equal_budget", "folds", "fusion", "headline", "headroom", "hidden_view",
    "is_features", "known_by_teacher", "methods", "named", "printed_rows", "published", "quickstart", "row_names",
    "student", "systems", "taken_apart", "teacher", "teachers", "trunk",
]  # fmt: skip


@dataclass(frozen=True)
class Chapter:
    """A notebook of the report: what it is called, the runs it needs, and why it may not apply to a cohort.

    `runs` raises `NotApplicable` where the profile leaves out the method that the notebook is about.

    `companions` are the cohorts that it needs beside the main one, with their runs.
    """

    name: str
    title: str
    runs: Callable[[Cohort, Profile], list[RunConfig]]
    not_applicable: Callable[[Cohort], str | None] = lambda cohort: None
    companions: Callable[[Cohort, Profile], list[Companion]] = lambda cohort, profile: []


def quickstart(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 00: one student, all labelled, cross-entropy."""
    raw = profile.trunk is None
    return [student(cohort, profile, "ce", "paper", 0, folds(cohort, profile)[0], raw)]


def teachers_and_headroom(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 02: the teachers, and the students that say whether distillation pays here."""
    return [*teachers(cohort, profile), *headroom(cohort, profile)]


def method_by_hand(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 18: one few-label SACD student on video, which Table II has too, and with it its teacher."""
    ask_for_sacd(profile)
    return [student(cohort, profile, "sacd", "few-label", 0, folds(cohort, profile)[0], raw=True)]


def no_pictures(cohort: Cohort) -> str | None:
    """Why notebook 18 does not apply: it shows clips, and the cohort has features in their place."""
    if is_features(cohort):
        return "the cohort holds features of the video, and no picture to show; open it on a simulated cohort"
    return None


CHAPTERS: dict[str, Chapter] = {
    chapter.name: chapter
    for chapter in (
        Chapter("00_quickstart", "Quick start: one participant, one model", quickstart),
        Chapter("01_data_exploration", "The cohort: Fig. 2, Table I, calibration", lambda cohort, profile: []),
        Chapter("02_teachers", "EEG teachers, and whether distillation pays here", teachers_and_headroom),
        Chapter("03_distillation", "Distillation from EEG to video: Table II", distillation),
        Chapter("04_ablation", "What each term of SACD is worth: Table V", ablation),
        Chapter("05_hyperparameters", "The weights of the loss: Fig. 5", hyperparameters),
        Chapter("06_confusion", "Confusion matrices: Fig. 6", confusion),
        Chapter("07_fusion", "EEG and video together: Table IV", fusion),
        # Its parameters say on which data and how long it trains: it asks for its runs itself.
        Chapter("08_audio_to_video", "Audio to video: Table III", lambda cohort, profile: []),
        Chapter(
            "09_ahi_spearman", "Features and the AHI: Figs. 7 and 8", portrait_runs, no_ahi, portrait_companions
        ),
        Chapter(
            "10_feature_portraits", "Feature portraits: Fig. 9, Table VI", portrait_runs, no_ahi, portrait_companions
        ),
        Chapter("11_embeddings", "Feature maps: Fig. 10", embeddings),
        Chapter(
            "12_video_eeg_viewer", "Clips and EEG side by side: Figs. 11, 12 and 13", compared_runs, no_clips
        ),
        Chapter(
            "13_night_report", "The night report: one page from one video", report_runs, companions=report_companions
        ),
        Chapter(
            "14_frame_sampling", "Frame sampling: consecutive or spread, 8 to 64", lambda cohort, profile: [],
            no_other_sampling, frame_companions,
        ),
        Chapter("15_what_reproduces", "What reproduces: the verdict", verdict, companions=verdict_elsewhere),
        Chapter(
            "16_night_context", "The night: context and decoders over clips", night_runs, companions=night_companions
        ),
        Chapter("17_our_method", "A method of ours, and the night", our_runs, companions=our_companions),
        Chapter("18_method_by_hand", "The method by hand: one batch taken apart", method_by_hand, no_pictures),
    )
}
