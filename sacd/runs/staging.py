"""A finished student made ready to stage nights that its cohort does not hold, from pictures or features alone."""

import json
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from lightning_fabric import Fabric
from scipy.special import softmax

from sacd.cohort import Cohort, Sampling
from sacd.cohort.clock import clock
from sacd.decisions import ARGMAX, NightModel
from sacd.decisions.decoders import DECODERS, PROBABILITIES, decoded_table
from sacd.exceptions import SacdError, reading
from sacd.models.base import Network
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import CLOCK, StudentRun, in_view
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import FrozenTrunk, TrunkRun
from sacd.runs.outputs import load_network
from sacd.runs.pool import decided
from sacd.runs.store import DONE, Run, RunStore
from sacd.simulate.features import Encoder, clip_features
from sacd.training.clip_set import Arrays
from sacd.training.inputs import Inputs, Outputs, Prepare, make_network, predict, video_preparation, whole_set
from sacd.training.loop import make_fabric
from sacd.training.transforms import prepare_features

SMOOTHED = "forward-backward"
"""The usual decision of a network that sees single clips."""


class Night(Protocol):
    """What is staged: a recording of a cohort, or what a video file gives.

    Attributes
    ----------
    recording_id, participant_id : str
    clips : DataFrame
        clip (number in the night), onset (s), stage (−1 where nobody scored); a row a clip.
    video : ndarray
        uint8 [clips, frames, height, width], or features [clips, d].
    """

    recording_id: str
    participant_id: str
    clips: pd.DataFrame
    video: np.ndarray

    def __len__(self) -> int:
        """Number of clips."""
        ...


def find_run(name: str | Path) -> Run:
    """A finished run by its folder, or by its id in the store that reports use.

    Raises
    ------
    SacdError
        There is none, or another version made it.
    """
    places = [Path(name), RunStore.beside().root / Path(name).name]
    found = next((place for place in places if (place / DONE).exists()), None)
    if found is None:
        raise SacdError(f"{name}: no finished run there; 'sacd runs' lists what has been trained, with its folder")
    if not Run(found).is_current:
        raise SacdError(f"{found}: made by another version, or unreadable; train it anew")
    return Run(found)


class TrainedStudent:
    """A finished student's networks.

    Parameters
    ----------
    run : Run
        Of kind student, or of kind selected, which is one of several students.

    Raises
    ------
    SacdError
        A run that does not read video alone, or that kept no weights.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        with reading(run.path / "config.json", "train the run anew", "does not describe a run"):
            config = parse_run(json.dumps(run.description["run"]))
            if isinstance(config, SelectedRun):
                config = config.trials[run.metrics["trial"]]
        if not isinstance(config, StudentRun):
            raise SacdError(f"{run.path}: a run of kind {config.kind} does not stage video alone; name a student's run")
        if not (run.path / "weights.safetensors").exists():
            raise SacdError(f"{run.path}: kept no weights, as runs of a sweep; name another run")
        self.config = config

    @property
    def sampling(self) -> Sampling:
        """How the clips it learnt from were cut."""
        with reading(self.run.path / "config.json", "train the run anew", "does not say how clips were cut"):
            return Sampling.model_validate(self.run.description["sampling"])

    @property
    def pictures(self) -> Sampling:
        """The same, of a student that can be shown a video.

        Raises
        ------
        SacdError
            It learnt from features that nobody makes from a video here.
        """
        if self.sampling.video_features and self.config.view != CLOCK:
            self._encoder  # noqa: B018
        if self.sampling.frames is None:
            raise SacdError(f"{self.run.path}: learnt from features, and no video; name a run on video")
        return self.sampling

    @property
    def simulated(self) -> bool:
        """Whether it knows simulated people alone."""
        return bool(self.run.description["cohort"]["simulated"])

    @property
    def usual_decision(self) -> str:
        """Decoded over the night, for a network of single clips; the likeliest stage where the network sees more."""
        return ARGMAX if self.has_context else SMOOTHED

    @property
    def has_context(self) -> bool:
        """Whether its network reads a clip beside its neighbours."""
        return self._network[0].window != 1

    def check(self, cohort: Cohort) -> None:
        """Refuse a cohort whose clips were cut otherwise than those it learnt from.

        Raises
        ------
        SacdError
        """
        own, other = self.sampling, cohort.info.sampling
        names = ("frames", "span_s", "height", "width", "video_features")
        different = [name for name in names if getattr(own, name) != getattr(other, name)]
        known, other_encoder = self.run.description.get("encoder"), cohort.info.provenance.get("encoder")
        if not different and known is not None and known != other_encoder:
            raise SacdError(
                f"{cohort.path}: its features are {other_encoder}'s, the run learnt from {known}'s; name another run"
            )
        if different:
            name = different[0]
            raise SacdError(
                f"{cohort.path}: {name} is {getattr(other, name)}, the run learnt from {getattr(own, name)}; "
                "cut the cohort alike, or name another run"
            )

    def outputs(self, night: Night) -> Outputs:
        """Features [clips, 512] and logits [clips, 5] of a night's clips."""
        network, fabric = self._network
        seen = self._seen(night)
        reads_pictures = seen.ndim == 4
        prepare = video_preparation(self.config.training.normalise) if reads_pictures else prepare_features
        return _outputs(network, night, seen, prepare, fabric)

    def staged(self, night: Night, decision: str | None = None) -> pd.DataFrame:
        """A night's clips with what the student says of them.

        Parameters
        ----------
        night : Night
        decision : str, optional
            Of `sacd.decisions.DECISIONS`; the usual one by default.

        Returns
        -------
        DataFrame
            recording_id, participant_id, clip, onset (s), stage, p_W … p_REM, predicted, decision.
        """
        probability = softmax(self.outputs(night).logits, axis=1)
        table = night.clips[["clip", "onset", "stage"]].reset_index(drop=True)
        table.insert(0, "participant_id", night.participant_id)
        table.insert(0, "recording_id", night.recording_id)
        columns = {name: probability[:, code].astype(np.float32) for code, name in enumerate(PROBABILITIES)}
        table = table.assign(**columns, predicted=probability.argmax(axis=1))
        return decide_night(self.run, table, decision or self.usual_decision)

    @cached_property
    def _network(self) -> tuple[Network, Fabric]:
        return load_network(self.config, self.run.path)

    @cached_property
    def _trunk(self) -> tuple[Network, Fabric]:
        trunk, sampling = self.config.trunk, self.sampling
        if isinstance(trunk, TrunkRun):
            shape = sampling.frames, sampling.height, sampling.width
            fabric = make_fabric(trunk.training.precision)
            return make_network(trunk.model, shape, trunk.seed).to(fabric.device).eval(), fabric
        return load_network(trunk, self.folder_of(trunk))

    @cached_property
    def _encoder(self) -> Encoder:
        name = self.run.description.get("encoder")
        if name is None:
            raise SacdError(
                f"{self.run.path}: does not say which trunk made the features it learnt from, or they are none of a "
                "video; name a run on simulated nights or on video, or train it anew"
            )
        return Encoder(name)

    def folder_of(self, needed: TeacherRun | FrozenTrunk) -> Path:
        """Where a teacher or trunk of its lies, which was trained on the same cohort.

        Raises
        ------
        SacdError
            It is not there any more.
        """
        source = self.run.description["cohort"]["source_id"]
        for run in RunStore(self.run.path.parent).done():
            about = run.description["run"]
            if about["kind"] != needed.kind or run.description["cohort"]["source_id"] != source:
                continue
            # Parsed, for what is described may be older than an option.
            if parse_run(json.dumps(about)) == needed:
                return run.path
        raise SacdError(f"{self.run.path}: its {needed.kind} is not beside it; train the run anew")

    def _seen(self, night: Night) -> np.ndarray:
        """What its network reads of a night: pictures, features, the columns of its view, or the time."""
        config, sampling = self.config, self.sampling
        if config.view == CLOCK:
            return clock(night.clips["clip"].to_numpy())
        video = night.video
        if video.ndim == 4 and sampling.video_features:
            video = clip_features(video, self._encoder, sampling.span_s)
        if config.view:
            video = video[:, in_view(sampling.video_features, config.view)]
        if config.trunk is None:
            return video
        network, fabric = self._trunk
        features = _outputs(network, night, video, video_preparation(config.trunk.training.normalise), fabric).features
        return features.astype(np.float16).astype(np.float32)  # as a run's kept outputs


def decide_night(run: Run, table: pd.DataFrame, decision: str) -> pd.DataFrame:
    """Probabilities of whole nights with `predicted` by a decision; a decoder's own probabilities where it is one."""
    if decision in DECODERS:
        return decoded_table(table, decision, NightModel.read(run.path)).assign(decision=decision)
    return decided(run, table, decision)


def _outputs(network: Network, night: Night, stored: np.ndarray, prepare: Prepare, fabric: Fabric) -> Outputs:
    clips = whole_set([night])
    return predict(network, Inputs(Arrays(clips, [stored]), prepare, fabric), np.arange(len(clips)))
