"""What a finished network says of every clip, computed once and kept with its run.

While a student trains, the EEG is not read. Files are keyed by the recording and the hash of what was read, so that
cohorts which differ only in frame sampling share a teacher's outputs.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from lightning_fabric import Fabric
from safetensors.torch import load_file
from scipy.special import softmax

from sacd.cohort import Cohort, Recording
from sacd.cohort.format import read_json
from sacd.decisions import Clips
from sacd.decisions.decoders import decode
from sacd.decisions.forward_backward import FLOOR
from sacd.decisions.night_model import NightModel
from sacd.exceptions import reading
from sacd.locks import alone
from sacd.models.base import Network
from sacd.runs.kind import RunConfig
from sacd.runs.store import RunStore
from sacd.stages import STAGES
from sacd.training.inputs import Outputs, make_network, predict, whole_set
from sacd.training.loop import make_fabric

if TYPE_CHECKING:
    from sacd.runs.kinds.encoder import EncoderRun

Taught = Literal["as-is", "shifted", "smoothed"]
"""What becomes of a teacher's outputs before a student sees them."""


def load_network(config: RunConfig, folder: Path) -> tuple[Network, Fabric]:
    """The trained network of a run in evaluation mode, and the fabric that it runs on."""
    description = read_json(folder / "config.json", "train the run anew")
    # The published weights were only its start: what was trained from them is loaded below.
    bare = config.model.model_copy(update={"weights": None})
    with reading(folder / "config.json", "train the run anew", "does not describe a network"):
        network = make_network(
            bare, tuple(description["input_shape"]), config.seed, description.get("participant_classes", 0),
            len(description.get("classes", STAGES)),
        )
    with reading(folder / "weights.safetensors", "train the run anew", "not the weights of the run's network"):
        weights = load_file(folder / "weights.safetensors")
        if not all(values.isfinite().all() for values in weights.values()):
            raise ValueError("some are not finite")
        network.load_state_dict(weights)
    fabric = make_fabric(config.training.precision)
    return network.to(fabric.device).eval(), fabric


def cached_outputs(
    config: "EncoderRun", cohort: Cohort, store: RunStore, recordings: list[Recording], taps: bool = False,
    home: Cohort | None = None,
) -> dict[str, Outputs]:
    """Outputs of a finished run's network over some recordings, by recording id.

    Parameters
    ----------
    config : EncoderRun
        A teacher, trunk or student that is trained.
    taps : bool
        The inner activations too, which are as large again: kept in files of their own, which serve without as well.
    home : Cohort, optional
        What it was trained on, where that is another cohort.
    """
    folder = store.folder(config, home or cohort)
    cache = folder / "outputs"
    cache.mkdir(exist_ok=True)
    files = [_file(cache, f"{one.recording_id}-{one.hash_of(config.modality)[:16]}", taps) for one in recordings]
    # Who finds everything there need not wait for another who reads it too.
    if not all(file.exists() for file in files):
        with alone(cache / "outputs", "computes these", quiet_s=60):
            _compute(config, cohort, store, folder, dict(zip(files, recordings, strict=True)), taps)
    return {one.recording_id: _read(file, taps) for one, file in zip(recordings, files, strict=True)}


def _file(cache: Path, name: str, taps: bool) -> Path:
    full = cache / f"{name}-taps.npz"
    return full if taps or full.exists() else cache / f"{name}.npz"


def _compute(
    config: "EncoderRun", cohort: Cohort, store: RunStore, folder: Path, wanted: dict[Path, Recording], taps: bool
) -> None:
    """Write the outputs over some recordings where they are absent."""
    loaded = None
    for file, recording in wanted.items():
        if file.exists():
            continue
        network, fabric = loaded = loaded or load_network(config, folder)
        clips = whole_set([recording])
        inputs = config.inputs(cohort, store, clips, fabric)
        outputs = predict(network, inputs, np.arange(len(clips)), taps)
        # Half the precision of what is large, one part in 2,000 of each value: half the disk.
        inner = {f"tap_{depth}": layer.astype(np.float16) for depth, layer in enumerate(outputs.taps)}
        aside = file.with_suffix(".aside.npz")
        np.savez(aside, features=outputs.features.astype(np.float16), logits=outputs.logits, **inner)
        os.replace(aside, file)


def _read(file: Path, taps: bool) -> Outputs:
    with np.load(file, allow_pickle=False) as content:
        depths = range(len(content.files) - 2 if taps else 0)
        inner = tuple(content[f"tap_{depth}"].astype(np.float32) for depth in depths)
        return Outputs(content["features"].astype(np.float32), content["logits"], inner)


def joined_outputs(
    config: "EncoderRun", cohort: Cohort, store: RunStore, recordings: list[Recording], taps: bool = False,
    taught: Taught = "as-is",
) -> Outputs:
    """What a finished run says of one recording after the other.

    Parameters
    ----------
    taught : {"as-is", "shifted", "smoothed"}
        *shifted*: those of half a night earlier, as a control. *smoothed*: the logits are the logarithm of the stages'
        probabilities after forward–backward over each night, with the run's own `NightModel`.
    """
    found = config.outputs(cohort, store, recordings, taps)
    outputs = [found[recording.recording_id] for recording in recordings]
    if taught == "shifted":
        outputs = [night.shifted(len(night.features) // 2) for night in outputs]
    joined = Outputs.joined(outputs)
    if taught == "smoothed":
        nights = whole_set(recordings)
        clips = Clips(softmax(joined.logits, axis=1), nights.night, nights.number)
        smoothed = decode("forward-backward", clips, NightModel.read(store.folder(config, cohort)))
        joined = joined._replace(logits=np.log(np.maximum(smoothed, FLOOR)).astype(np.float32))
    return joined


def test_features(config: "EncoderRun", cohort: Cohort, store: RunStore | None = None) -> np.ndarray:
    """Features of the test clips, in the order of the test rows of the run's predictions.

    Returns
    -------
    ndarray [test clips, 512] float32
    """
    recordings = cohort.of(config.split(cohort).test)
    return joined_outputs(config, cohort, store or RunStore.beside(cohort), recordings).features
