"""The verdict: which runs of the other chapters bear on the paper's claims, on this cohort and with other couplings.

Nothing is trained for it on the main cohort that Tables II, IV and V and Fig. 5 do not train.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.ablation import LEFT_OUT
from sacd.experiments.ablation import named_runs as ablation_runs
from sacd.experiments.common import folds, teacher, trunk
from sacd.experiments.companions import Companion
from sacd.experiments.distillation import published
from sacd.experiments.fusion import fusion
from sacd.experiments.hyperparameters import hyperparameters, lambdas
from sacd.experiments.profile import Profile
from sacd.models import MODELS
from sacd.objectives import OBJECTIVES, load_objective
from sacd.paper.claim_type import EEG, VIDEO, point
from sacd.paper.claims import claims
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.simulate.beside import place_beside
from sacd.simulate.coupling import COUPLINGS
from sacd.simulate.planned import settings_of


@dataclass(frozen=True)
class NamedRun:
    """A run as the claims name it.

    Attributes
    ----------
    system : str
        What `sacd.paper.claims` calls it, e.g. ``SACD`` or ``v1``.
    setting : str
        What it may be compared within, e.g. ``paper · frozen``.
    split : {"test", "validation"}
        The predictions that are looked at.
    """

    system: str
    setting: str
    run: RunConfig
    split: str = "test"


def named_runs(cohort: Cohort, profile: Profile) -> list[NamedRun]:
    """Every run of a profile's other chapters that a claim of the paper asks for."""
    wanted = {name for claim in claims() for part in claim.evidence for name in (part.system, part.reference)}
    found = [
        *_of_table_ii(cohort, profile),
        *(_of_table_iv(cohort, profile) if profile.fusion is not None else ()),
        *(_of_table_v(cohort, profile) if "sacd" in profile.methods else ()),
        *(_of_figure_5(cohort, profile) if "sacd" in profile.methods else ()),
    ]
    return [named for named in found if named.system in wanted]


def verdict(cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """Notebook 15: the runs behind the claims, each once."""
    return list({named.run.model_dump_json(): named.run for named in named_runs(cohort, profile)}.values())


def beside(cohort: Cohort, profile: Profile) -> list[NamedRun]:
    """The runs on a cohort of another coupling: those of `profile.verdict`, of the tier that has every method."""
    chosen = profile.verdict
    systems = {load_objective(name).title if name in OBJECTIVES else name for name in chosen.methods}
    return [
        named
        for named in named_runs(cohort, profile)
        if named.system in systems
        and named.split == "test"
        and named.run.seed < chosen.seeds
        and (named.run.tier != "raw" or profile.trunk is None)
    ]


def verdict_elsewhere(cohort: Cohort, profile: Profile) -> list[Companion]:
    """The same nights under the profile's other couplings, with their runs; none beside a cohort that is not simulated.

    None either where the profile has no method that would be judged on them. Labels and EEG are the main cohort's, and
    so are the teachers: only what the camera shows differs.
    """

    def wanted(companion: Cohort) -> list[RunConfig]:
        return [named.run for named in beside(companion, profile)]

    if not beside(cohort, profile):
        return []
    try:
        own = settings_of(cohort)["coupling"]
    except NotApplicable:
        return []
    others = [name for name in profile.verdict.couplings if name != own]
    return [Companion(place_beside(cohort, name, coupling=name), wanted) for name in others]


def gather(
    cohort: Cohort, profile: Profile, others: Sequence[Cohort], chosen: Sequence[Cohort] = ()
) -> list[tuple[Cohort, list[NamedRun]]]:
    """The cohorts of a verdict, each with its runs.

    Parameters
    ----------
    cohort : Cohort
        The report's.
    profile : Profile
    others : sequence of Cohort
        Its companions, from `verdict_elsewhere`; the result is in order of coupling.
    chosen : sequence of Cohort
        The cohorts to judge instead, every one with all the runs that the claims ask for.
    """
    if chosen:
        return [(one, named_runs(one, profile)) for one in chosen]
    every = [(cohort, named_runs(cohort, profile)), *((other, beside(other, profile)) for other in others)]
    return sorted(every, key=lambda pair: _strength(pair[0]))


def as_claimed(table: pd.DataFrame, named: Sequence[NamedRun]) -> pd.DataFrame:
    """Rows of `sacd.runs.ensure` as the claims name them: `method` is the system, `tier` the setting."""
    return table.assign(method=[one.system for one in named], tier=[one.setting for one in named])


def _setting(run: StudentRun) -> str:
    return f"{run.protocol} · {run.tier}"


def _strength(cohort: Cohort) -> int:
    name = cohort.info.provenance.get("coupling", {}).get("name")
    return list(COUPLINGS).index(name) if name in COUPLINGS else len(COUPLINGS)


def _of_table_ii(cohort: Cohort, profile: Profile) -> list[NamedRun]:
    """Published weights, the profile's student; each teacher, and the one that is blind to a channel, by name."""
    found = []
    students = [recipe.model for recipe in (profile.student, profile.frozen, profile.feature_student)]
    seen = trunk(cohort, profile, folds(cohort, profile)[0])
    blind = [run for run in published(cohort, profile) if run.teacher and run.teacher.without]
    for run in published(cohort, profile):
        if run.taught != "as-is" or run.model not in students or not (run.trunk is None or run.trunk.like(seen)):
            continue
        title = load_objective(run.objective.name).title
        own = teacher(cohort, profile, run.protocol, run.seed, run.fold)
        if run.teacher and run.teacher.without:
            found.append(NamedRun(title, f"{_setting(run)} · teacher without {run.teacher.without}", run))
        elif run.teacher and run.teacher.model != own.model:
            found.append(NamedRun(f"{title}, {MODELS[run.teacher.model.name].title}", _setting(run), run))
        else:
            found.append(NamedRun(title, _setting(run), run))
            if blind and run.teacher is None:
                hidden = blind[0].teacher.without
                found.append(NamedRun(title, f"{_setting(run)} · teacher without {hidden}", run))
    return found


def _of_table_iv(cohort: Cohort, profile: Profile) -> list[NamedRun]:
    found = fusion(cohort, profile)
    setting = next(_setting(run) for run in found if isinstance(run, StudentRun))
    alone = {"student": VIDEO, "teacher": EEG}
    return [NamedRun(alone.get(run.kind) or f"Experiment {run.experiment}", setting, run) for run in found]


def _of_table_v(cohort: Cohort, profile: Profile) -> list[NamedRun]:
    rows = ablation_runs(cohort, profile)
    return [NamedRun(row.name, _setting(run), run) for row, run in rows if row.name in LEFT_OUT]


def _of_figure_5(cohort: Cohort, profile: Profile) -> list[NamedRun]:
    configs = hyperparameters(cohort, profile)
    table = lambdas(configs)
    return [
        NamedRun(
            point((row.lambda1, row.lambda2, row.lambda3)),
            f"{_setting(run)} · {run.training.steps} steps, validation",
            run,
            "validation",
        )
        for run, row in zip(configs, table.itertuples(), strict=True)
        if run.objective.name == "sacd"
    ]
