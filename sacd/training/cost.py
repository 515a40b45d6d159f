"""How long a run takes on one core, for plans and for the time left."""

from sacd.cohort import Cohort
from sacd.config import FusionRun, ReverseRun, RunConfig, StudentRun, TrunkRun
from sacd.store import RunStore, run_name, split_of

START_SECONDS = 1.5
"""Opening the cohort, building the networks, writing the folder."""

CLIPS_PER_SECOND: dict[str, float] = {
    "attnsleep": 260.0,
    "r2plus1d_10": 480.0,
    "mlp": 12000.0,
    "fusion": 20000.0,
    "r2plus1d_18": 8.0,
    "r3d_18": 8.0,
}
"""Training clips/s of one core at 32 frames of 32×32 (EEG: 3,000 samples), measured
with bfloat16 where the processor has it; used until the store knows better."""

OBJECTIVE_SECONDS: dict[str, float] = {"sacd": 0.03}
"""Further seconds of a step at batch 64, beyond the student's own; 2 ms where nothing is named."""

MOMENTUM = ("sacd", "self-training")
"""Objectives that cost a forward pass of the momentum network."""

INFERENCE_SPEEDUP = 3.0
"""A forward pass beside a training step."""


def predicted_seconds(config: RunConfig, cohort: Cohort, store: RunStore) -> float:
    """Predicted seconds of a run on one core.

    A finished run of the same model, objective and batch in the store gives the rate; else a measured table does.
    """
    training = config.training
    rate = _rate_from_store(config, store)
    if rate is None:
        base = 1 / sum(1 / CLIPS_PER_SECOND.get(name, 100.0) for name in _trained(config))
        extra = 0.0
        if isinstance(config, StudentRun | ReverseRun) and config.objective.name != "ce":
            extra = OBJECTIVE_SECONDS.get(config.objective.name, 0.002) * training.batch / 64
            if config.objective.name in MOMENTUM:
                extra += training.batch / (base * INFERENCE_SPEEDUP)
        rate = training.batch / (training.batch / base + extra)
    split = split_of(config, cohort)
    clips = cohort.recordings.set_index("participant_id").clips.groupby(level=0).sum()

    def count(names: tuple[str, ...]) -> int:
        return int(clips.reindex(list(names)).fillna(0).sum())

    seen = count(split.validation) * (training.steps / training.validate_every)
    seen += count(split.test)
    if config.kind == "teacher" and config.part is None:
        seen += count(split.labelled + split.unlabelled)
    elif isinstance(config, TrunkRun):
        seen = int(clips.sum())
    total = START_SECONDS + training.steps * training.batch / rate + seen / (rate * INFERENCE_SPEEDUP)
    if isinstance(config, FusionRun) and not config.released:
        encoded = count(split.labelled + split.test) + (1 + config.parts) * count(split.validation)
        for encoder in config.encoders():
            total += encoded / (CLIPS_PER_SECOND.get(encoder.model.name, 100.0) * INFERENCE_SPEEDUP)
    return total


def _trained(config: RunConfig) -> list[str]:
    """Names of the networks that a run trains."""
    released = {FusionRun: ("eeg", "video"), ReverseRun: ("source",)}.get(type(config), ())
    more = [getattr(config, name).model.name for name in released if config.released]
    return [config.model.name, *more]


def _rate_from_store(config: RunConfig, store: RunStore) -> float | None:
    for run in store.done():
        if not run.path.name.startswith(f"{run_name(config)}-"):
            continue
        other = run.config
        same = other.model == config.model and other.training.batch == config.training.batch
        if same and (getattr(other, "trunk", None) is None) == (getattr(config, "trunk", None) is None):
            return float(run.metrics["clips_per_second"])
    return None
