"""Table II and what is drawn from it: the teachers, every method in both protocols, Fig. 6 and Fig. 10."""

from sacd.cohort import Cohort
from sacd.config import Protocol, RunConfig, StudentRun
from sacd.experiments.common import HIDDEN_CHANNEL, PROTOCOLS, folds, is_features, student, teacher
from sacd.objectives import load_objective
from sacd.profile import Profile

NEEDS_UNLABELLED = ("self-training", "pseudo-label")
"""Controls that are plain cross-entropy where every training participant is labelled; run in few-label only."""


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
                        blind = teacher(cohort, profile, protocol, seed, fold, HIDDEN_CHANNEL)
                        runs.append(student(cohort, profile, method, protocol, seed, fold, False, blind))
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
