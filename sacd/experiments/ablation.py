"""Table V: SACD without one of its terms; further, its other readings, its samplers and its sizes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sacd.cohort import Cohort
from sacd.cohort.splits import Protocol
from sacd.experiments.common import PROTOCOLS, ask_for_sacd, folds, student
from sacd.experiments.few_labels import compared
from sacd.experiments.profile import Profile
from sacd.objectives import options_of
from sacd.runs.kinds.student import StudentRun
from sacd.training.config import ObjectiveConfig, Options


@dataclass(frozen=True)
class Row:
    """A row of the ablation: what it is called, its loss in words, and how it differs from SACD as published."""

    name: str
    loss: str = ""
    objective: str = "sacd"
    options: Options = field(default_factory=dict)
    training: Options = field(default_factory=dict)


TABLE_V = (
    Row("v0", "CE", "ce"),
    Row("v1", "CE + L_C + JSD", options={"structure": 0.0}),
    Row("v2", "CE + L_D + L_C", options={"jsd": 0.0}),
    Row("v3", "CE + L_D + JSD", options={"contrastive": 0.0}),
    Row("v4", "CE + L_D + JSD + L_C′", options={"direction": "one-way"}),
    Row("ours", "CE + L_D + L_C + JSD"),
)
LEFT_OUT = {"v1": "L_D", "v2": "JSD", "v3": "L_C", "v4": "the second direction of L_C"}
"""What a row of Table V lacks beside the complete SACD."""

REACHING_MARGIN = 3.0
"""A γ beyond d ≈ 2, where untrained graphs lie: with it the printed eq. 11 is not 0 from the start."""

READINGS = (
    Row(f"eq. 11 as printed, γ = {options_of('sacd')['graph_margin']:g}", options={"reading": "printed"}),
    Row(f"eq. 11 as printed, γ = {REACHING_MARGIN:g}", options={"reading": "printed", "graph_margin": REACHING_MARGIN}),
    Row("video negatives from the queue only", options={"video_negatives": "queue"}),
    Row("random sampler", training={"sampler": "random"}),
    Row("v0, random sampler", objective="ce", training={"sampler": "random"}),
)


def further(cohort: Cohort, profile: Profile) -> list[Row]:
    """Rows beyond Table V: readings, samplers, and the profile's values of K, m and the momentum."""
    tried, published = profile.ablation, options_of("sacd")
    complete = _run(TABLE_V[-1], cohort, profile, "few-label", 0, folds(cohort, profile)[0])

    def sizes(symbol: str, option: str, values: Iterable[int]) -> list[Row]:
        return [Row(f"{symbol} = {value}", options={option: value}) for value in values if value != published[option]]

    own = complete.training.momentum_encoder
    momenta = [Row(f"momentum {m:g}", training={"momentum_encoder": m}) for m in tried.momenta if m != own]
    return [
        *READINGS,
        *sizes("K", "negatives", tried.negatives),
        *sizes("m", "bank_size", tried.bank_sizes),
        *momenta,
    ]


def named_runs(cohort: Cohort, profile: Profile) -> list[tuple[Row, StudentRun]]:
    """Every run with its row: Table V in both protocols, further rows in few-label only.

    Students are of the frozen tier where the profile has a trunk; v0 and ours are then runs of Table II.

    Raises
    ------
    NotApplicable
        The profile leaves SACD out.
    """
    ask_for_sacd(profile)
    return [
        (row, _run(row, cohort, profile, protocol, seed, fold))
        for protocol in PROTOCOLS
        for row in (*TABLE_V, *(further(cohort, profile) if protocol == "few-label" else ()))
        for seed in range(min(profile.ablation.seeds, profile.seeds))
        for fold in folds(cohort, profile)
    ]


def ablation(cohort: Cohort, profile: Profile) -> list[StudentRun]:
    """Notebook 04: the runs of Table V, of the further rows, and of the settings of few labels, each once."""
    every = (*named_runs(cohort, profile), *compared(cohort, profile))
    return list({run.model_dump_json(): run for _, run in every}.values())


def _run(
    row: Row, cohort: Cohort, profile: Profile, protocol: Protocol, seed: int, fold: tuple[int, int] | None
) -> StudentRun:
    objective = ObjectiveConfig(name=row.objective, options=row.options)
    run = student(cohort, profile, objective, protocol, seed, fold, raw=profile.trunk is None)
    return run.model_copy(update={"training": run.training.model_copy(update=row.training)})
