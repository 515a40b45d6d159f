"""What Table II's rows and blocks are called, and which of them are taken out of it."""

import pandas as pd

from sacd import paper
from sacd.cohort import Cohort
from sacd.experiments.distillation import equal_budget, methods
from sacd.experiments.profile import Profile
from sacd.experiments.trials import trials
from sacd.models import MODELS
from sacd.objectives import load_objective
from sacd.paper.printed import SINCE

PUBLISHED = "published weights"


def row_names(table: pd.DataFrame, cohort: Cohort, profile: Profile) -> pd.Series:
    """What a row of Table II is called: the method, and its teacher or student where that is not the profile's own.

    Parameters
    ----------
    table : DataFrame
        Columns method, teacher, student: of `runs.ensure` or `runs.predictions`.
    """
    own = {recipe.model.name for recipe in (profile.teacher, profile.feature_teacher)} | {"none"}
    own |= {recipe.model.name for recipe in (profile.student, profile.frozen, profile.feature_student)}
    added = table[["teacher", "student"]].map(lambda name: "" if name in own else f" · {MODELS[name].title}")
    # A table of predictions has a row a clip, and few objectives.
    marks = {name: SINCE if load_objective(name).since_paper else "" for name in table.objective.unique()}
    since = table.objective.map(marks)
    return table.method + since + added.teacher + added.student


def named(predictions: pd.DataFrame, cohort: Cohort, profile: Profile) -> pd.DataFrame:
    """Predictions with the columns `block`, `family` (of ways of distilling) and `method` of Table II."""
    block, method = block_names(predictions), row_names(predictions, cohort, profile)
    families = {name: load_objective(name).family for name in predictions.objective.unique()}
    return predictions.assign(block=block, family=predictions.objective.map(families), method=method)


def headline(predictions: pd.DataFrame, profile: Profile) -> pd.DataFrame:
    """Of Table II what claims rest on, fixed beforehand: the profile's headline, each with its own teacher and trunk.

    Parameters
    ----------
    predictions : DataFrame
        From `named`, rows of `published` in their order.
    """
    known = predictions[(predictions.kind == "student") & predictions.objective.isin(profile.headline)]
    first = known.drop_duplicates(["protocol", "tier", "objective"])[["block", "method"]]
    return known.merge(first, on=["block", "method"])


def taken_apart(table: pd.DataFrame, cohort: Cohort, profile: Profile) -> pd.DataFrame:
    """Runs whose losses are looked into: SACD's, or the last method's where it is left out, of one seed and fold.

    Parameters
    ----------
    table : DataFrame
        From `runs.ensure`; of a method's rows the first is chosen: that of the profile's own teacher and student.
    """
    known = methods(cohort, profile, "few-label")
    name = "sacd" if "sacd" in known else known[-1]
    own = table[(table.kind == "student") & (table.objective == name)]
    names = row_names(own, cohort, profile)
    found = own[(names == names.iloc[0]) & (own.seed == 0) & (own.fold == own.fold.min())]
    return found.drop_duplicates(["protocol", "tier"])  # of several trunks the profile's own comes first


def block_names(table: pd.DataFrame) -> pd.Series:
    """Blocks of Table II: published weights or equal budget, protocol, tier, trunk; `table` has these columns."""
    searched = table.kind.map({"student": PUBLISHED, "selected": "equal budget", "tuned": PUBLISHED})
    return searched + " · " + table.protocol + " · " + table.tier + table.trunk.map(lambda name: name and f", {name}")


def printed_rows(profile: Profile) -> pd.DataFrame:
    """The paper's Table II with this table's names of blocks and rows: `sacd.paper.tidy` with a column block."""
    printed = paper.tidy("II")
    second = profile.comparison.student
    own = dict.fromkeys(("None", "AttnSleep", "R(2+1)D-18"), "")
    if second is not None:
        own["R3D-18"] = f" · {MODELS[second.model.name].title}"
    columns = (printed[column].fillna("None") for column in ("teacher", "student"))
    names = [column.map(lambda name: own.get(name, f" · {name}")) for column in columns]
    printed["method"] = printed.method + names[0] + names[1]
    tiers_of = ("raw", "frozen, motion", "features")
    return pd.concat([printed.assign(block=f"{PUBLISHED} · paper · {tier}") for tier in tiers_of], ignore_index=True)


def choices(table: pd.DataFrame, cohort: Cohort, profile: Profile) -> pd.DataFrame:
    """How often each trial was chosen: a row a protocol and method, a column a trial; `table` of `runs.ensure`."""
    searched = table[table.kind == "selected"]
    if searched.empty:
        return pd.DataFrame(columns=["protocol", "method"])
    number = profile.equal_budget.trials
    names = {
        (run.protocol, run.trials[0].objective.name): list(trials(run.trials[0], number))
        for run in equal_budget(cohort, profile)
    }
    keys = zip(searched.protocol, searched.objective, searched.trial.astype(int), strict=True)
    chosen = pd.Series([names[protocol, method][trial] for protocol, method, trial in keys], searched.index)
    known = list(dict.fromkeys(name for of in names.values() for name in of if (chosen == name).any()))
    counts = pd.crosstab([searched.protocol, searched.method], chosen)[known]
    return counts.reindex(searched[["protocol", "method"]].drop_duplicates().apply(tuple, axis=1)).reset_index()
