"""How long a run takes on one core, for plans and for the time left."""

import json
from collections import defaultdict
from functools import lru_cache
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

from sacd.cohort import Cohort
from sacd.models import MODELS
from sacd.objectives import parts_of
from sacd.runs.kind import RunConfig
from sacd.runs.store import RunStore

START_SECONDS = 0.2
"""Building the networks, opening what they read, writing the folder."""

CLIPS_PER_SECOND: dict[str, float] = {
    "attnsleep": 365.0,
    "deepsleepnet": 840.0,
    "sen": 790.0,
    "r2plus1d_10": 550.0,
    "r3d_10": 570.0,
    "mlp": 30000.0,
    "gru": 13000.0,
    "tcn": 40000.0,
    "fusion": 20000.0,
    "r2plus1d_18": 8.0,
    "r3d_18": 8.0,
}
"""Training clips/s of one core at batch 64, 32 frames of 32×32 (EEG: 3,000 samples) and the laptop profile's options,
with bfloat16 where the processor has it and all cores at work; of context networks at 4 stretches of 120 clips.
Measured; used until the store knows better."""

INFERENCE_CLIPS_PER_SECOND: dict[str, float] = {
    "attnsleep": 1100.0,
    "deepsleepnet": 2800.0,
    "sen": 2700.0,
    "r2plus1d_10": 1800.0,
    "r3d_10": 1800.0,
    "mlp": 140000.0,
    "gru": 50000.0,
    "tcn": 110000.0,
    "fusion": 100000.0,
}
"""The same without gradients; where nothing is named, three times the training's."""

OBJECTIVE_SECONDS: dict[str, float] = {
    "sacd": 0.020,
    "crd": 0.010,
    "cmc": 0.0105,
    "ccl": 0.010,
    "c2kd": 0.003,
    "ifd": 0.0025,
    "rkd": 0.0023,
    "fitnet": 0.0015,
    "dkd": 0.0008,
    "softmatch": 0.0007,
    "dist": 0.0006,
    "pkt": 0.0006,
    "night-kd": 0.0004,
    "self-training": 0.0004,
    "class-mean": 0.0003,
    "la-kd": 0.0003,
    "kd": 0.0003,
    "jsd": 0.0002,
    "pseudo-label": 0.0001,
    "label-smoothing": 0.0001,
    "oracle": 0.0,
    "ce": 0.0,
}
"""Further seconds of a step at batch 64, beyond cross-entropy and a momentum network's pass; of one that is not named
2 ms."""

CORRECTION_SECONDS: dict[str, float] = {"abc": 0.0004, "la": 0.0001}
"""What a correction adds to its method's."""

MOMENTUM = ("sacd", "self-training")
"""Objectives that cost a forward pass of the momentum network."""


def predicted_seconds(config: RunConfig, cohort: Cohort, store: RunStore) -> float:
    """Predicted seconds of a run on one core.

    The finished runs of the same model, objective and batch in the store give the time of a step, unless they were much
    shorter: their first steps are slow. Else measured tables do.
    """
    split = config.split(cohort)
    sampling = cohort.info.sampling.model_dump()
    clips, size = config.clips(cohort), _size(sampling)

    def seconds(names: tuple[str, ...], network: str) -> float:
        return sum(clips.get(name, 0) for name in names) * _inference_seconds(network, size)

    total = START_SECONDS + sum(seconds(*looked_at) for looked_at in config.inferences(split))
    if config.networks:
        validations = config.training.steps // config.training.validate_every
        validated = sum(seconds(config.roles(split).get("validation", ()), network) for network in config.networks)
        steps = config.training.steps * _step_seconds(config, size, alike(config, sampling), store)
        total += validations * validated + steps
    return total


def alike(config: RunConfig, sampling: dict[str, Any]) -> str:
    """What runs of the same time a step have in common; empty for a run that makes no steps."""
    if not config.networks:
        return ""
    reads_video = any(map(_reads_video, config.networks))
    known = {
        "name": f"{config.kind}-{config.name}", "networks": config.networks, "options": config.model.options,
        "objective": config.distils and config.distils.model_dump(), "tier": config.row().get("tier"),
        "batch": config.training.batch, "precision": config.training.precision,
        "video": _size(sampling) if reads_video else 0,
    }
    return json.dumps(known, sort_keys=True)


def _step_seconds(config: RunConfig, size: float, like: str, store: RunStore) -> float:
    batch = config.training.batch
    known = _known_times(store.root, store.root.stat().st_mtime_ns if store.root.exists() else 0)
    if times := [time for steps, time in known.get(like, ()) if 2 * steps >= config.training.steps]:
        return median(times)
    seconds = batch * sum(_training_seconds(name, size) for name in config.networks)
    if config.distils is not None:
        method, correction = parts_of(config.distils.name)
        seconds += (OBJECTIVE_SECONDS.get(method, 0.002) + CORRECTION_SECONDS.get(correction, 0.0)) * batch / 64
        if method in MOMENTUM:
            seconds += batch * _inference_seconds(config.model.name, size)
    return seconds


def _training_seconds(model: str, size: float) -> float:
    return (size if _reads_video(model) else 1.0) / CLIPS_PER_SECOND.get(model, 100.0)


def _inference_seconds(model: str, size: float) -> float:
    known = INFERENCE_CLIPS_PER_SECOND.get(model)
    return (size if _reads_video(model) else 1.0) / known if known else _training_seconds(model, size) / 3


def _reads_video(model: str) -> bool:
    return model in MODELS and MODELS[model].kind == "video"


def _size(sampling: dict[str, Any]) -> float:
    """Pixels of a clip, in units of the 32 frames of 32×32 that the tables were measured with."""
    shape = [sampling.get(name) for name in ("frames", "height", "width")]
    return prod(shape) / 32**3 if all(shape) else 1.0


@lru_cache(maxsize=1)
def _known_times(root: Path, changed: int) -> dict[str, list[tuple[int, float]]]:
    """Steps and seconds a step of the finished runs in a store; `changed` is when it last got another run."""
    times = defaultdict(list)
    for run in RunStore(root).done():
        if like := run.description.get("like"):
            steps = run.metrics["steps"]
            times[like].append((steps, run.metrics["seconds"] / steps))
    return times
