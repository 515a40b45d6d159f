"""Few labels in the ablation: what the labels' loss is divided by, how clips are drawn, how fast a trunk learns.

What Table II's equal budget chooses on validation (`sacd.experiments.trials`) is shown here setting by setting.
"""

from collections.abc import Iterator

from sacd.cohort import Cohort
from sacd.experiments.common import folds, is_features, student
from sacd.experiments.distillation import methods, tiers
from sacd.experiments.profile import Profile
from sacd.experiments.trials import LABELLED_WEIGHTS, TRUNK_LRS, changed
from sacd.objectives import load_objective, short_name
from sacd.runs.kinds.student import StudentRun

WHOLE_TRUNK = {1.0: "as fast as the head"}
SHARE = 0.5
"""`labelled_share` of the ablation's separate draw, where the profile draws together."""
COMPARED = ("ce", "kd", "sacd")


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
                        found.append((f"{title}, trunk {speed}", changed(raw, trunk_lr=factor)))
    return found


def _draws(run: StudentRun) -> Iterator[tuple[str, StudentRun]]:
    """Drawn apart with each weight; drawn together by the batch, as the objectives are published, and between."""
    share = run.training.labelled_share or SHARE
    for weight, divisor in LABELLED_WEIGHTS.items():
        yield f"drawn apart, CE {divisor}", changed(run, labelled_share=share, labelled_weight=weight)
    for weight in (0.5, 0.0):
        together = changed(run, labelled_share=None, labelled_weight=weight)
        yield f"drawn together, CE {LABELLED_WEIGHTS[weight]}", together
