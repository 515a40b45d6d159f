"""How long a run takes on one core, for plans and for the time left."""

from sacd.cohort import Cohort
from sacd.config import RunConfig, StudentRun, TeacherRun
from sacd.store import Run, RunStore, split_of

START_SECONDS = 3.0
"""Opening the cohort, building the networks, writing the folder."""

CLIPS_PER_SECOND: dict[str, float] = {
    "attnsleep": 200.0,
    "r2plus1d_10": 250.0,
    "mlp": 20000.0,
    "r2plus1d_18": 8.0,
    "r3d_18": 8.0,
}
"""Training clips/s of one core at 32 frames of 32×32 (EEG: 3,000 samples), measured; used until the store knows better."""

OBJECTIVE_SECONDS: dict[str, float] = {"sacd": 0.03}
"""Further seconds of a step at batch 64, beyond the student's own; 2 ms where nothing is named."""

INFERENCE_SPEEDUP = 3.0
"""A forward pass beside a training step."""


def predicted_seconds(config: RunConfig, cohort: Cohort, store: RunStore) -> float:
    """Predicted seconds of a run on one core.

    A finished run of the same model, objective and batch in the store gives the rate; else a measured table does.
    """
    training = config.training
    rate = _rate_from_store(config, store)
    if rate is None:
        base = CLIPS_PER_SECOND.get(config.model.name, 100.0)
        extra = 0.0
        if isinstance(config, StudentRun) and config.objective.name != "ce":
            extra = OBJECTIVE_SECONDS.get(config.objective.name, 0.002) * training.batch / 64
        rate = training.batch / (training.batch / base + extra)
    split = split_of(config, cohort)
    clips = cohort.recordings.set_index("participant_id").clips.groupby(level=0).sum()

    def count(names: tuple[str, ...]) -> int:
        return int(clips.reindex(list(names)).fillna(0).sum())

    seen = count(split.validation) * (training.steps / training.validate_every)
    seen += count(split.test)
    if isinstance(config, TeacherRun):
        seen += count(split.labelled + split.unlabelled)
    elif not isinstance(config, StudentRun):
        seen = int(clips.sum())
    return START_SECONDS + training.steps * training.batch / rate + seen / (rate * INFERENCE_SPEEDUP)


def _rate_from_store(config: RunConfig, store: RunStore) -> float | None:
    name = config.objective.name if isinstance(config, StudentRun) else config.model.name
    for run in store.done():
        if not run.path.name.startswith(f"{config.kind}-{name}-"):
            continue
        other = run.config
        same = other.model == config.model and other.training.batch == config.training.batch
        if same and (getattr(other, "trunk", None) is None) == (getattr(config, "trunk", None) is None):
            return float(run.metrics["clips_per_second"])
    return None
