"""Both modalities in one run: heads on two encoders (A–D of Table IV) and EEG networks that learn from video (E–G).

What the paper leaves open (section V-D), and how it is read here:

- A, B: it trains the heads on features of the encoders' own training participants, which are over-confident. Here they
  are out-of-fold, from encoders that were trained without that participant (`FusionRun.parts`; 1 is the paper's way).
  Encoders differ in their coordinates, so a ridge regression maps out-of-fold features to those of the final
  encoder; it is fitted on the validation participants' clips, without labels.
- C, D: released encoders start from their trained weights, the head from scratch. Where the video encoder stands on a
  trunk's features, the trunk stays as it is.
- E: what is frozen is not said. Read as the source, the video network; the EEG network is trained from scratch, as in
  the forward direction.
- F, G: "released" is read as eq. 1–5 are printed, where every term trains both encoders and each has its cross-entropy.
  An objective gives its teacher no gradient, so each network is the student of the other, with an objective of its own;
  the source starts from its trained weights. EEG is what is evaluated.
"""

from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from sklearn.linear_model import Ridge
from torch import Tensor

from sacd.cohort import Cohort, Recording
from sacd.models import build
from sacd.models.base import Output
from sacd.models.fusion import TwoStream, TwoViews
from sacd.objectives.base import Objective
from sacd.runs.outputs import cached_outputs, load_network, stored_inputs
from sacd.runs.store import RunStore, split_of
from sacd.training.batches import Arrays, ClipSet, Sampler
from sacd.training.config import FusionRun, ReverseRun, StudentRun, TeacherRun
from sacd.training.inputs import Inputs, forward
from sacd.training.tasks import StudentTask, TeacherTask, gradient_norms
from sacd.training.transforms import prepare_features

RIDGE = 1e-3
"""Penalty of the alignment, in units of the features' summed variance."""


class PairedInputs(Inputs):
    """The inputs of both networks over one clip set; batches are `TwoViews`.

    Parameters
    ----------
    eeg, video : Inputs
    """

    def __init__(self, eeg: Inputs, video: Inputs) -> None:
        super().__init__(video.arrays, video.prepare, video.fabric)
        self.eeg, self.video = eeg, video

    def stored(self, index: np.ndarray) -> TwoViews:
        """Both modalities of some clips as stored."""
        return TwoViews(self.eeg.stored(index), self.video.stored(index))

    def prepared(self, stored: TwoViews, seed: int | None = None) -> TwoViews:
        """Both network inputs, augmented where `seed` is given."""
        return TwoViews(self.eeg.prepared(stored.eeg, seed), self.video.prepared(stored.video, seed))


def alignment(own: np.ndarray, final: np.ndarray) -> Ridge:
    """A linear map between two encoders' features of the same clips, float [n, d] each; no label is asked for."""
    return Ridge(alpha=RIDGE * len(own) * float(own.var())).fit(own, final)


def part_of(config: FusionRun, cohort: Cohort) -> dict[str, int]:
    """The part of each labelled training participant whose features must be out-of-fold; empty where none."""
    if config.parts == 1:
        return {}
    split = split_of(config, cohort)
    return {name: part for part in range(config.parts) for name in split.part(part, config.parts)}


def frozen_features(
    config: FusionRun, cohort: Cohort, store: RunStore, recordings: list[Recording]
) -> list[np.ndarray]:
    """Both encoders' features side by side, float32 [clips, 1024] a recording.

    Those of labelled training participants come from the encoders that were trained without them, aligned; all others,
    of validation and test participants, from the final encoders.
    """
    parts = part_of(config, cohort)
    held = cohort.of(split_of(config, cohort).validation)

    def features(encoder: TeacherRun | StudentRun, of: list[Recording]) -> list[np.ndarray]:
        outputs = cached_outputs(store.folder(encoder, cohort), cohort, of)
        return [outputs[recording.recording_id].features for recording in of]

    found: dict[str, np.ndarray] = {}
    for part in {parts.get(recording.participant_id) for recording in recordings}:
        members = [recording for recording in recordings if parts.get(recording.participant_id) == part]
        sides = []
        for own, final in zip(config.encoders(part), config.encoders(), strict=True):
            side = features(own, members)
            if part is not None:
                aligned = alignment(np.concatenate(features(own, held)), np.concatenate(features(final, held)))
                side = [aligned.predict(x).astype(np.float32) for x in side]
            sides.append(side)
        for recording, *views in zip(members, *sides, strict=True):
            found[recording.recording_id] = np.concatenate(views, axis=1)
    return [found[recording.recording_id] for recording in recordings]


def fusion_inputs(config: FusionRun, cohort: Cohort, store: RunStore, clips: ClipSet, fabric: Fabric) -> Inputs:
    """What a fusion reads of a clip set: cached features for a head alone, both modalities for released encoders."""
    if config.released:
        return PairedInputs(*(stored_inputs(encoder, cohort, store, clips, fabric) for encoder in config.encoders()))
    return Inputs(Arrays(clips, frozen_features(config, cohort, store, clips.recordings)), prepare_features, fabric)


def fusion_task(
    config: FusionRun, cohort: Cohort, store: RunStore, fabric: Fabric
) -> tuple[TeacherTask, tuple[int, ...]]:
    """The task of experiment A, B, C or D, and the shape of what its head reads."""
    split, training = split_of(config, cohort), config.training
    clips = ClipSet(cohort.of(split.labelled), split.labelled)
    validation = ClipSet(cohort.of(split.validation), split.validation)
    inputs, held = (fusion_inputs(config, cohort, store, part, fabric) for part in (clips, validation))
    if config.released:
        encoders = [load_network(store.folder(encoder, cohort))[1] for encoder in config.encoders()]
        width = sum(encoder.feature_dim for encoder in encoders)
    else:
        (width,) = inputs.arrays.shape
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        if config.released:
            network = TwoStream(*encoders, layers=config.layers)
        else:
            network = build(config.model.name, in_features=width, layers=config.layers)
    sampler = Sampler(clips, clips.label >= 0, training.batch, config.seed, training.sampler)
    return TeacherTask(network, inputs, clips, sampler, held, validation, config.seed, training.augment), (width,)


class ReleasedTask(StudentTask):
    """Two networks, each the student of the other; `network`, the EEG one, is what is kept.

    Parameters
    ----------
    source : StudentTask
        The video network's side: its network, inputs and objective, over the same clips and batches.
    """

    def __init__(self, *common: object, source: StudentTask, **named: Any) -> None:
        super().__init__(*common, teacher=None, posterior=None, **named)
        self.source = source

    def terms(self, step: int) -> dict[str, Tensor]:
        """The weighted terms of both objectives at a step; those of the video network are named `source_…`."""
        index, window, x, label = self.draw(step)
        _, _, y, _ = self.source.draw(step)
        own, other = forward(self.network, self._inputs, x), forward(self.source.network, self.source._inputs, y)
        terms = self.objective(self.pair(index, window, x, label, own, _as_teacher(other)))
        back = self.source.objective(self.source.pair(index, window, y, label, other, _as_teacher(own)))
        if (step + 1) % self._diagnose_every == 0:
            self._norms = gradient_norms(terms, own.features)
        return terms | {f"source_{name}": term for name, term in back.items()}

    def after_step(self) -> None:
        """Move both momentum networks."""
        super().after_step()
        self.source.after_step()

    def validate(self) -> dict[str, float]:
        """The EEG network's figures (its macro-F1 is the score), and the video network's as `source_…`."""
        theirs = {f"source_{name}": value for name, value in self.source.validate().items() if name != "score"}
        return super().validate() | theirs


def _as_teacher(output: Output) -> dict[str, Tensor]:
    return {"teacher_features": output.features.detach(), "teacher_logits": output.logits.detach()}


def source_task(
    config: ReverseRun,
    cohort: Cohort,
    store: RunStore,
    clips: ClipSet,
    sampler: Sampler,
    validation: ClipSet,
    objective: Objective,
    fabric: Fabric,
) -> StudentTask:
    """The released video network's side of a reverse distillation, from its trained weights."""
    network = load_network(store.folder(config.source, cohort))[1]
    inputs, held = (stored_inputs(config.source, cohort, store, part, fabric) for part in (clips, validation))
    return StudentTask(
        network,
        inputs,
        clips,
        sampler,
        held,
        validation,
        config.seed,
        config.training.augment,
        objective=objective,
        teacher=None,
        posterior=None,
        momentum=config.training.momentum_encoder,
        diagnose_every=config.training.validate_every,
    )
