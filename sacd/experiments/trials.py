"""What the equal-budget block tries of a method before it is tested: as many settings for every method.

In both protocols a method's published weights are scaled. With few labels two settings that no method names decide
whether the labels teach anything, and are tried too: what the cross-entropy of the labelled clips is divided by, from
the whole batch to the labelled clips alone (`TrainingConfig.labelled_weight`), and how fast a trunk that starts from
given weights learns (`trunk_lr`).
"""

from itertools import product
from typing import Any

from sacd.objectives import load_objective, options_of
from sacd.runs.kinds.student import StudentRun
from sacd.training.config import ObjectiveConfig

FACTORS = (1.0, 0.1, 10.0, 0.3, 3.0, 0.03, 30.0)
"""What trials multiply: a method's published weights, or the learning rate of one without weights."""
LABELLED_WEIGHTS = {0.5: "between", 0.0: "by the batch", 1.0: "by the labelled"}
"""What `labelled_weight` is tried, and what the labelled cross-entropy is then divided by."""
LR_FACTORS = (1.0, 0.2, 5.0)
"""Learning rates in place of these weights for a method that sees labelled clips alone, where all weights are one."""
TRUNK_LRS = {0.0: "frozen", 0.1: "slow"}
"""What `trunk_lr` is tried where a network on video starts from given weights."""


def trials(run: StudentRun, number: int) -> dict[str, StudentRun]:
    """The published setting, which comes first and alone is tested, and others of the same method, each by its name.

    Parameters
    ----------
    run : StudentRun
        As published.
    number : int
        Factors tried of its weights (`FACTORS`); with few labels come the settings of these.
    """
    found = {f"× {factor:g}": _scaled(run, factor) for factor in FACTORS[:number]}
    if run.protocol == "few-label":
        found |= {name: trial for name, trial in _few_labels(run).items() if trial != run and name not in found}
    first = next(iter(found))
    return {
        name: trial if name == first else trial.model_copy(update={"test": False}) for name, trial in found.items()
    }


def changed(run: StudentRun, **training: Any) -> StudentRun:
    """The same student with some of its training settings replaced."""
    return run.model_copy(update={"training": run.training.model_copy(update=training)})


def _scaled(run: StudentRun, factor: float) -> StudentRun:
    names, options = load_objective(run.objective.name).weights, options_of(run.objective.name)
    if factor == 1:
        return run
    if not names:
        return changed(run, lr=factor * run.training.lr)
    scaled = {name: float(f"{factor * options[name]:g}") for name in names}
    own = ObjectiveConfig(name=run.objective.name, options=run.objective.options | scaled)
    return run.model_copy(update={"objective": own})


def _few_labels(run: StudentRun) -> dict[str, StudentRun]:
    if run.needs.uses_unlabelled:
        weighed = {f"CE {divisor}": {"labelled_weight": weight} for weight, divisor in LABELLED_WEIGHTS.items()}
    else:
        weighed = {f"× {factor:g}": {"lr": run.training.lr * factor} for factor in LR_FACTORS}
    trunks: dict[str, dict[str, float]] = {"": {}}
    if run.tier == "raw" and run.model.weights:
        trunks = {f", trunk {speed}": {"trunk_lr": factor} for factor, speed in TRUNK_LRS.items()}
    return {
        name + speed: changed(run, **weight, **trunk)
        for (name, weight), (speed, trunk) in product(weighed.items(), trunks.items())
    }
