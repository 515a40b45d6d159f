"""What a finished network says of every clip, computed once and kept with its run.

While a student trains, the EEG is not read. Files are keyed by the recording and the hash of what was read, so that
cohorts which differ only in frame sampling share a teacher's outputs.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock
from lightning_fabric import Fabric
from safetensors.torch import load_file

from sacd.cohort import Cohort, Recording
from sacd.models.base import Network
from sacd.runs.store import RunStore
from sacd.training.batches import Arrays, ClipSet
from sacd.training.config import StudentRun, TeacherRun, TrunkRun, parse_run
from sacd.training.inputs import Inputs, Outputs, make_network, modality_arrays, predict, preparation, whole_set
from sacd.training.loop import make_fabric


def load_network(folder: Path) -> tuple[TeacherRun | TrunkRun | StudentRun, Network, Fabric]:
    """The configuration of a run's folder, its trained network in evaluation mode, and the fabric it runs on."""
    description = json.loads((folder / "config.json").read_text())
    config = parse_run(json.dumps(description["run"]))
    # The published weights were only its start: what was trained from them is loaded below.
    bare = config.model_copy(update={"model": config.model.model_copy(update={"weights": None})})
    network = make_network(
        bare, tuple(description["input_shape"]), config.seed, description.get("participant_classes", 0)
    )
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    fabric = make_fabric(config.training.precision)
    return config, network.to(fabric.device).eval(), fabric


def stored_arrays(
    config: TeacherRun | TrunkRun | StudentRun, cohort: Cohort, store: RunStore, recordings: list[Recording]
) -> list[np.ndarray | Callable[[], np.ndarray]]:
    """What a run's network reads of some recordings: its trunk's features, else the arrays of its modality."""
    if isinstance(config, StudentRun) and config.trunk is not None:
        trunk = cached_outputs(store.folder(config.trunk, cohort), cohort, recordings)
        return [trunk[recording.recording_id].features for recording in recordings]
    return modality_arrays(config, cohort, recordings)


def stored_inputs(
    config: TeacherRun | TrunkRun | StudentRun, cohort: Cohort, store: RunStore, clips: ClipSet, fabric: Fabric
) -> Inputs:
    """The input of a run's network over a clip set."""
    arrays = Arrays(clips, stored_arrays(config, cohort, store, clips.recordings))
    return Inputs(arrays, preparation(config, cohort), fabric)


def cached_outputs(
    folder: Path, cohort: Cohort, recordings: list[Recording], taps: bool = False
) -> dict[str, Outputs]:
    """Outputs of a network over some recordings, by recording id.

    Parameters
    ----------
    folder : Path
        Of a finished teacher, trunk or student.
    taps : bool
        Also read the inner activations; only a teacher's are kept.
    """
    teacher = folder.name.startswith("teacher-")
    modality, kept = ("eeg", "-taps") if teacher else ("video", "")
    cache = folder / "outputs"
    cache.mkdir(exist_ok=True)
    with FileLock(folder / "outputs.lock"):
        loaded = None
        found = {}
        for recording in recordings:
            file = cache / f"{recording.recording_id}-{recording.hash_of(modality)[:16]}{kept}.npz"
            if not file.exists():
                loaded = loaded or load_network(folder)
                config, network, fabric = loaded
                clips = whole_set([recording])
                inputs = stored_inputs(config, cohort, RunStore(folder.parent), clips, fabric)
                outputs = predict(network, inputs, np.arange(len(clips)), taps=teacher)
                inner = {f"tap_{depth}": layer for depth, layer in enumerate(outputs.taps)}
                aside = file.with_suffix(".aside.npz")
                np.savez(aside, features=outputs.features, logits=outputs.logits, **inner)
                os.replace(aside, file)
            with np.load(file, allow_pickle=False) as content:
                depths = range(len(content.files) - 2 if taps else 0)
                inner = tuple(content[f"tap_{depth}"] for depth in depths)
                found[recording.recording_id] = Outputs(content["features"], content["logits"], inner)
    return found
