"""Few labels: how much the labels weigh and whether the trunk learns, chosen on validation and shown by an ablation.

Two settings that no method names decide whether few labels teach anything: by what the cross-entropy of the labelled
clips is divided, between the whole batch and the labelled clips alone (`TrainingConfig.labelled_weight`), and how fast
a trunk that starts from given weights learns (`trunk_lr`). Every method has the same trials.
"""

from collections.abc import Iterator
from itertools import product

from sacd.cohort import Cohort
from sacd.experiments.common import folds, is_features, student
from sacd.experiments.distillation import methods, tiers
from sacd.experiments.profile import Profile
from sacd.objectives import load_objective, short_name
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun

LABELLED_WEIGHTS = {0.5: "between", 0.0: "by the batch", 1.0: "by the labelled"}
"""What `labelled_weight` is tried, and what the labelled cross-entropy is then divided by."""
LR_FACTORS = (1.0, 0.3, 3.0)
"""Learning rates in place of these weights for a method that sees labelled clips alone, where all weights are one."""
TRUNK_LRS = {0.0: "frozen", 0.1: "slow"}
"""What `trunk_lr` is tried where a network on video starts from given weights."""
WHOLE_TRUNK = {1.0: "as fast as the head"}
SHARE = 0.5
"""`labelled_share` of the ablation's separate draw, where the profile draws together."""
COMPARED = ("ce", "kd", "sacd")


def trials(run: StudentRun) -> list[StudentRun]:
    """A few-label student and its other settings, which are not tested: as many for every method.

    Parameters
    ----------
    run : StudentRun
        Its own setting comes first; it is one of those tried, or one more.
    """
    weighed = [{"labelled_weight": weight} for weight in LABELLED_WEIGHTS]
    if not run.needs.uses_unlabelled:
        weighed = [{"lr": run.training.lr * factor} for factor in LR_FACTORS]
    trunks = [{"trunk_lr": factor} for factor in TRUNK_LRS] if run.tier == "raw" and run.model.weights else [{}]
    others = (_changed(run, **weight, **trunk) for weight, trunk in product(weighed, trunks))
    return [run, *(other.model_copy(update={"test": False}) for other in others if other != run)]


def selected(run: StudentRun) -> SelectedRun:
    """The choice between a few-label student's trials by the validation participants."""
    return SelectedRun.of(trials(run))


def compared(cohort: Cohort, profile: Profile) -> list[tuple[str, StudentRun]]:
    """The ablation's runs, each with the name of its row: CE, KD and SACD, as far as the profile has them.

    On the tier of Table II that holds every method: clips drawn together or apart, both ends of the labelled weight and
    between. On video, where a network starts from given weights, for the methods that the profile names: its trunk
    frozen, slow, or as fast as the head.
    """
    known = methods(cohort, profile, "few-label")
    starts = profile.student.model.weights is not None and not is_features(cohort)
    released = profile.ablation.released if starts else ()
    found = []
    for name in (name for name in COMPARED if name in known):
        title = load_objective(name).title or short_name(name)
        for seed in range(min(profile.ablation.seeds, profile.seeds)):
            for fold in folds(cohort, profile):
                whole = tiers(cohort, profile, "few-label")[-1]
                run = student(cohort, profile, name, "few-label", seed, fold, whole)
                if run.needs.uses_unlabelled:
                    found += [(f"{title}, {row}", other) for row, other in _draws(run)]
                if name in released:
                    raw = student(cohort, profile, name, "few-label", seed, fold, raw=True)
                    for factor, speed in (TRUNK_LRS | WHOLE_TRUNK).items():
                        found.append((f"{title}, trunk {speed}", _changed(raw, trunk_lr=factor)))
    return found


def _draws(run: StudentRun) -> Iterator[tuple[str, StudentRun]]:
    """Drawn apart with each weight; drawn together by the batch, as the objectives are published, and between."""
    share = run.training.labelled_share or SHARE
    for weight, divisor in LABELLED_WEIGHTS.items():
        yield f"drawn apart, CE {divisor}", _changed(run, labelled_share=share, labelled_weight=weight)
    for weight in (0.5, 0.0):
        together = _changed(run, labelled_share=None, labelled_weight=weight)
        yield f"drawn together, CE {LABELLED_WEIGHTS[weight]}", together


def _changed(run: StudentRun, **training: float | None) -> StudentRun:
    return run.model_copy(update={"training": run.training.model_copy(update=training)})
