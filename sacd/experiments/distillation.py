"""Table II and what is drawn from it: the teachers, every method in both protocols, Fig. 6 and Fig. 10."""

from collections.abc import Iterator

from sacd.cohort import Cohort
from sacd.cohort.splits import Protocol
from sacd.exceptions import NotApplicable
from sacd.experiments.common import PROTOCOLS, folds, hidden_view, is_features, parts_of, student, teacher, trunk
from sacd.experiments.profile import Profile
from sacd.experiments.trials import trials
from sacd.objectives import load_objective
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.kinds.tuned import TunedRun
from sacd.training.config import ModelConfig

NEEDS_UNLABELLED = ("self-training", "pseudo-label", "softmatch")
"""Controls that are plain cross-entropy where every training participant is labelled; run in few-label only."""
PARTS = 3
"""Parts of the labelled participants by which the third decision is tuned."""


def teachers(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 02: the teachers of both protocols; on a feature cohort also an arm blind to the weak view."""
    if cohort.info.eeg == "features":
        arms = [({"without": without}, profile.seeds) for without in ("", hidden_view(cohort))]
    else:
        others = profile.comparison
        arms = [({}, profile.seeds), *(({"model": model}, others.seeds) for model in others.teachers)]
    return [
        teacher(cohort, profile, protocol, seed, fold, **arm)
        for arm, seeds in arms
        for protocol in PROTOCOLS
        for seed in range(seeds)
        for fold in folds(cohort, profile)
    ]


def methods(cohort: Cohort, profile: Profile, protocol: Protocol) -> list[str]:
    """The profile's methods that can be run: the oracle needs a simulator's posterior, some controls unlabelled clips.

    What the profile names elsewhere (raw, other teachers, shifted, equal budget) counts as far as it is among them.
    """
    return [
        name
        for name in profile.methods
        if (cohort.has_posterior or not load_objective(name).needs_posterior)
        and (protocol == "few-label" or name not in NEEDS_UNLABELLED)
    ]


def _some_methods(cohort: Cohort, profile: Profile) -> list[str]:
    """`methods` of the few-label protocol, which has every method that can be run at all."""
    known = methods(cohort, profile, "few-label")
    if not known:
        raise NotApplicable(f"none of the methods of profile {profile.name} can be run on this cohort")
    return known


def tiers(cohort: Cohort, profile: Profile, protocol: Protocol) -> list[bool]:
    """The tiers of Table II, True for raw; the last one holds every method."""
    if is_features(cohort) or profile.trunk is None:
        return [not is_features(cohort)]
    return [True, False] if _raw_methods(cohort, profile, protocol) else [False]


def _raw_methods(cohort: Cohort, profile: Profile, protocol: Protocol) -> list[str]:
    return _among(methods(cohort, profile, protocol), profile.raw_methods.get(protocol, ()))


def _among(known: list[str], names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in known]


def published(cohort: Cohort, profile: Profile) -> list[StudentRun]:
    """Table II's first block: every method with its published weights, by protocol and tier, in the table's order."""
    return [
        run
        for protocol in PROTOCOLS
        for raw in tiers(cohort, profile, protocol)
        for seed in range(max(map(profile.seeds_of, profile.methods), default=0))
        for fold in folds(cohort, profile)
        for run in _rows(cohort, profile, protocol, raw, seed, fold)
    ]


def _rows(
    cohort: Cohort, profile: Profile, protocol: Protocol, raw: bool, seed: int, fold: tuple[int, int] | None
) -> Iterator[StudentRun]:
    """Students of one protocol, tier, seed and fold: the methods, a second student, controls, other teachers."""
    others = profile.comparison
    whole = raw == tiers(cohort, profile, protocol)[-1]
    # What is slow to train has as many seeds as the others.
    seeds = {name: profile.seeds_of(name) if whole else profile.seeds for name in methods(cohort, profile, protocol)}
    known = [name for name, number in seeds.items() if seed < number]
    for method in known if whole else _among(known, profile.raw_methods.get(protocol, ())):
        own = student(cohort, profile, method, protocol, seed, fold, raw)
        yield own
        if method == "ce" and raw and others.student and seed < profile.seeds:
            yield own.model_copy(update={"model": others.student.model, "training": others.student.training})
    if not whole or seed >= profile.seeds:
        return
    for taught, names in (("shifted", others.shifted), ("smoothed", others.smoothed)):
        for method in _among(known, names):
            yield student(cohort, profile, method, protocol, seed, fold, raw).model_copy(update={"taught": taught})
    if cohort.info.eeg == "features":
        blind = teacher(cohort, profile, protocol, seed, fold, hidden_view(cohort))
        yield from (
            student(cohort, profile, method, protocol, seed, fold, raw, blind)
            for method in known
            if load_objective(method).needs_teacher
        )
        return
    if not raw:
        for sees, names in _other_trunks(cohort, profile, fold, known):
            yield from (student(cohort, profile, name, protocol, seed, fold, raw, sees_by=sees) for name in names)
    if seed < others.seeds:
        for model in others.teachers:
            other = teacher(cohort, profile, protocol, seed, fold, model=model)
            for method in _among(known, others.methods):
                yield student(cohort, profile, method, protocol, seed, fold, raw, other)


def _other_trunks(
    cohort: Cohort, profile: Profile, fold: tuple[int, int] | None, known: list[str]
) -> Iterator[tuple[TrunkRun, list[str]]]:
    """Further trunks of Table II, as shipped, each with its methods."""
    others = profile.comparison
    wanted = [*((name, known) for name in others.trunks), (None, _among(known, others.untrained))]
    wanted += [(name, _among(known, profile.headline)) for name in others.sensitivity]
    if not trunk(cohort, profile, fold).like(shipped := trunk(cohort, profile, fold, continued=False)):
        yield shipped, known
    for weights, names in wanted:
        yield trunk(cohort, profile, fold, weights, continued=False), names


def equal_budget(cohort: Cohort, profile: Profile) -> list[SelectedRun]:
    """Table II's second block: as many trials for every method, chosen on each seed's validation participants."""
    search, others = profile.equal_budget, profile.comparison
    found = []
    for protocol in PROTOCOLS:
        raw = tiers(cohort, profile, protocol)[-1]
        searched = _among(methods(cohort, profile, protocol), search.methods)
        pairs: list[tuple[ModelConfig | None, str]] = [(None, method) for method in searched]
        if not is_features(cohort):
            pairs += [(model, method) for model in search.teachers for method in _among(searched, others.methods)]
        for seed in range(min(search.seeds, profile.seeds)):
            for fold in folds(cohort, profile):
                for model, method in pairs:
                    guide = teacher(cohort, profile, protocol, seed, fold, model=model)
                    run = student(cohort, profile, method, protocol, seed, fold, raw, guide)
                    found.append(SelectedRun.of(list(trials(run, search.trials).values())))
    return found


def tuned(cohort: Cohort, profile: Profile) -> list[TunedRun]:
    """Table II's third decision: students of the first block whose correction is tuned on their labelled people.

    None where a single labelled participant trains.
    """
    if (parts := parts_of(cohort, profile, PARTS)) < 2:
        return []
    raw = tiers(cohort, profile, "few-label")[-1]
    names = _among(methods(cohort, profile, "few-label"), profile.comparison.tuned)
    return [
        TunedRun.of(student(cohort, profile, name, "few-label", seed, fold, raw), parts)
        for name in names
        for seed in range(profile.seeds)
        for fold in folds(cohort, profile)
    ]


def distillation(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 03, Table II: published weights, then an equal budget for every method, then tuned decisions.

    Raises
    ------
    NotApplicable
        None of the profile's methods can be run on this cohort.
    """
    _some_methods(cohort, profile)
    return [*published(cohort, profile), *equal_budget(cohort, profile), *tuned(cohort, profile)]


def chosen(cohort: Cohort, profile: Profile, names: tuple[str, ...]) -> list[RunConfig]:
    """Runs of Table II for some methods, in the few-label protocol, of the best tier that the profile trains."""
    first = tiers(cohort, profile, "few-label")[0]
    raw = first and (profile.trunk is None or set(names) <= set(_raw_methods(cohort, profile, "few-label")))
    return [
        student(cohort, profile, name, "few-label", seed, fold, raw)
        for name in names
        for seed in range(profile.seeds)
        for fold in folds(cohort, profile)
    ]


def confusion(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 06, Fig. 6: CE, KD and SACD as far as the profile has them; where it has none, its last method.

    Raises
    ------
    NotApplicable
        None of the profile's methods can be run on this cohort.
    """
    known = _some_methods(cohort, profile)
    return chosen(cohort, profile, tuple(_among(known, ("ce", "kd", "sacd"))) or (known[-1],))


def embeddings(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 11, Fig. 10: the methods of notebook 06, one seed, one fold."""
    first = folds(cohort, profile)[0]
    return [run for run in confusion(cohort, profile) if run.seed == 0 and run.fold == first]
