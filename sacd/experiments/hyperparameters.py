"""Fig. 5: three grids over pairs of the loss weights λ, the third held at the paper's value; validation only."""

from collections.abc import Iterable
from itertools import product

import pandas as pd

from sacd import paper
from sacd.cohort import Cohort
from sacd.experiments.common import ask_for_sacd, folds, student
from sacd.experiments.profile import Profile
from sacd.objectives import options_of
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.training.config import ObjectiveConfig

OPTIONS = {"lambda1": "structure", "lambda2": "contrastive", "lambda3": "jsd"}
"""The option of SACD that each λ of eq. 5 is."""


def cells(values: tuple[float, ...]) -> list[tuple[float, float, float]]:
    """(λ1, λ2, λ3) of the three grids, each once: one λ has the paper's value, the others any of `values` or it."""
    published = tuple(paper.LAMBDAS[name] for name in OPTIONS)
    axes = [sorted({*values, one}) for one in published]
    return [cell for cell in product(*axes) if any(a == b for a, b in zip(cell, published, strict=True))]


def chosen_cell() -> str:
    """The name in `lambdas` of the paper's choice, "0.5, 1, 1"."""
    return _cell_name(paper.LAMBDAS[name] for name in OPTIONS)


def _cell_name(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def hyperparameters(cohort: Cohort, profile: Profile) -> list[StudentRun]:
    """Notebook 05: SACD at every cell, and CE (λ = 0) with the same steps; one fold, no test clip is ever predicted.

    Every training participant is labelled, as in the paper: a fifth of them validates, where few-label has two.

    Raises
    ------
    NotApplicable
        The profile leaves SACD out.
    """
    ask_for_sacd(profile)
    sweep, raw = profile.sweep, profile.trunk is None
    published = options_of("sacd")
    fold = folds(cohort, profile)[0]
    runs = []
    for seed in range(min(sweep.seeds, profile.seeds)):
        objectives = [ObjectiveConfig(name="ce")]
        for cell in cells(sweep.values):
            chosen = dict(zip(OPTIONS.values(), cell, strict=True))
            changed = {name: value for name, value in chosen.items() if value != published[name]}
            objectives.append(ObjectiveConfig(name="sacd", options=changed))
        for objective in objectives:
            run = student(cohort, profile, objective, "paper", seed, fold, raw)
            training = run.training.model_copy(update={"steps": sweep.steps or run.training.steps})
            runs.append(run.model_copy(update={"training": training, "test": False, "keep_weights": False}))
    return runs


def stated() -> pd.DataFrame:
    """The points of Fig. 5 that the paper states: `method` as in `lambdas`, the three λ, `accuracy` (fraction)."""
    points = paper.figure_5().drop(columns="panel").drop_duplicates()
    names = [_cell_name(values) for values in points[list(OPTIONS)].itertuples(index=False)]
    return points.assign(accuracy=points.accuracy / 100, method=names)


def lambdas(configs: list[RunConfig]) -> pd.DataFrame:
    """`lambda1`, `lambda2`, `lambda3` of runs by SACD, all 0 for those by CE, and `method`, e.g. "0.5, 1, 10" or CE."""
    published = options_of("sacd")
    rows = []
    for config in configs:
        sacd = config.objective.name == "sacd"
        found = {name: config.objective.options.get(key, published[key]) for name, key in OPTIONS.items()}
        row = found if sacd else dict.fromkeys(OPTIONS, 0.0)
        rows.append(row | {"method": _cell_name(row.values()) if sacd else "CE"})
    return pd.DataFrame(rows)
