"""The stage classifiers that a loop trains: a teacher on EEG, a student on video."""

import copy
import json

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor

from sacd.exceptions import SacdError
from sacd.metrics import accuracy, confusion, kappa, macro_f1
from sacd.models.base import NIGHT, Network, Output
from sacd.objectives.base import Objective, Pair, labelled_cross_entropy, labelled_factor
from sacd.training.batches import WINDOW, Sampler
from sacd.training.clip_set import ClipSet, ahead, to_device
from sacd.training.inputs import Inputs, Outputs, forward, predict
from sacd.training.loop import Task, step_seed


def stage_scores(stage: np.ndarray, predicted: np.ndarray, participant: np.ndarray) -> dict[str, float]:
    """Accuracy, macro-F1 and κ over scored clips, every participant weighing the same (`sacd.metrics`).

    κ is 0 where it is undefined, for one stage is all that is scored and predicted.
    """
    matrix = confusion(stage, predicted, participant)
    return {
        "accuracy": float(accuracy(matrix)),
        "macro_f1": float(macro_f1(matrix)),
        "kappa": float(np.nan_to_num(kappa(matrix))),
    }


class StageTask(Task):
    """A stage classifier: batches of training clips, macro-F1 on the validation participants picks the weights.

    Raises
    ------
    SacdError
        The network reads windows of clips that the sampler does not draw.
    """

    def __init__(
        self,
        network: Network,
        inputs: Inputs,
        clips: ClipSet,
        sampler: Sampler,
        validation_inputs: Inputs,
        validation: ClipSet,
        seed: int,
        augment: bool,
    ) -> None:
        super().__init__()
        drawn = sampler.units.shape[1]
        if network.window == NIGHT:
            network.stretch = drawn
        elif drawn % network.window:
            raise SacdError(
                f"the network reads windows of {network.window} clips, and the sampler draws {drawn} in a row; "
                f"use sampler: window, and a window that divides {WINDOW}, or sampler: stretch with a stretch of whole "
                "windows"
            )
        self.network = network
        self.inputs, self._clips, self._sampler = inputs, clips, sampler
        self._validation_inputs, self._validation = validation_inputs, validation
        self._seed, self._augment = seed, augment
        self._reads = ahead(self._read, inputs.device)

    def _read(self, step: int) -> tuple[np.ndarray, np.ndarray, Tensor]:
        """Clip indices, windows and clips as stored."""
        index, window = self._sampler.batch(step)
        return index, window, self.inputs.stored(index)

    def drawn(self, steps: int) -> np.ndarray:
        """The training clips of the first steps, as often as they are drawn, [steps × batch] int64."""
        return np.concatenate([self._sampler.batch(step)[0] for step in range(steps)])

    def draw(self, step: int) -> tuple[np.ndarray, np.ndarray, Tensor, Tensor]:
        """Clip indices, windows, network input and visible labels of a step."""
        index, window, stored = self._reads(step)
        x = self.inputs.prepared(stored, step_seed(self._seed + 1, step) if self._augment else None)
        return index, window, x, to_device(torch.from_numpy(self._clips.label[index]), self.inputs.device)

    def validate(self) -> dict[str, float]:
        """Score, accuracy, macro-F1 and κ on the validation clips."""
        logits = predict(self.network, self._validation_inputs, np.arange(len(self._validation))).logits
        scores = stage_scores(self._validation.label, logits.argmax(1), self._validation.participant)
        # An argmax hides a network that has diverged.
        return {"score": self.score(logits, scores) if np.isfinite(logits).all() else float("nan"), **scores}

    def score(self, logits: np.ndarray, scores: dict[str, float]) -> float:
        """What picks the weights, of the validation clips' logits [n, C] and `stage_scores`."""
        return scores["macro_f1"]


class TeacherTask(StageTask):
    """Cross-entropy: a teacher on EEG, a fusion of both modalities."""

    def terms(self, step: int) -> dict[str, Tensor]:
        """The cross-entropy of a step, and that of the labelled clips' participants where the network has a head."""
        index, _, x, label = self.draw(step)
        adversarial = getattr(self.network, "participant_head", None) is not None
        output = forward(self.network, self.inputs, x, taps=adversarial)
        terms = {"ce": labelled_cross_entropy(output.logits, label)}
        if adversarial:
            participant = to_device(torch.from_numpy(self._clips.participant[index]), label.device)
            seen = torch.where(label >= 0, participant, -1)
            terms["participant"] = labelled_cross_entropy(self.network.participant_logits(output), seen)
        return terms


class StudentTask(StageTask):
    """An objective on pairs of video and cached teacher outputs; the EEG itself is not read.

    Parameters
    ----------
    objective : Objective
    teacher : Outputs, optional
        Of every training clip; with taps where the objective needs them.
    momentum : float
        Of the momentum network, where the objective needs one.
    diagnose_every : int
        The gradient norm of each term at the student's features is measured at every such step.
    labelled_weight : float
        As in `TrainingConfig`. Every objective, of one's own too, calls its cross-entropy with the labels "ce".
    """

    def __init__(
        self,
        *common: object,
        objective: Objective,
        teacher: Outputs | None,
        posterior: np.ndarray | None,
        momentum: float,
        diagnose_every: int,
        labelled_weight: float = 0.0,
        **named: object,
    ) -> None:
        super().__init__(*common, **named)
        self.objective = objective
        self.momentum_network = copy.deepcopy(self.network).requires_grad_(False) if objective.needs_momentum else None
        self._teacher, self._posterior = teacher, posterior
        self._momentum, self._diagnose_every = momentum, diagnose_every
        self._labelled_weight = labelled_weight
        self._norms: dict[str, float] = {}

    def terms(self, step: int) -> dict[str, Tensor]:
        """The objective's weighted terms of a step."""
        index, window, x, label = self.draw(step)
        output = forward(self.network, self.inputs, x, taps=self.objective.needs_taps)
        terms = self.losses(self.pair(index, window, x, label, output, self._teacher_side(index, x)))
        if (step + 1) % self._diagnose_every == 0:
            self._norms = gradient_norms(terms, output.features)
        return terms

    def losses(self, pair: Pair) -> dict[str, Tensor]:
        """The objective's weighted terms, its cross-entropy with the labels divided as `labelled_weight` says."""
        terms = self.objective(pair)
        if "ce" in terms and self._labelled_weight:
            terms["ce"] = terms["ce"] * labelled_factor(pair.label, self._labelled_weight)
        return terms

    def pair(
        self,
        index: np.ndarray,
        window: np.ndarray,
        x: Tensor,
        label: Tensor,
        output: Output,
        teacher: dict[str, Tensor | tuple[Tensor, ...]],
    ) -> Pair:
        """What the objective sees of a step: its draw, the student's output, and the teacher's fields."""
        return Pair(
            student_features=output.features,
            student_logits=output.logits,
            student_taps=output.taps,
            label=label,
            participant=self._tensor(self._clips.participant[index], x),
            clip=self._tensor(index, x),
            window=torch.from_numpy(window),
            night=torch.from_numpy(self._clips.night[index]),
            posterior=None if self._posterior is None else self._tensor(self._posterior[index], x),
            **teacher,
            **self._momentum_side(x),
        )

    @staticmethod
    def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
        return to_device(torch.from_numpy(np.ascontiguousarray(values)), like.device)

    def _teacher_side(self, index: np.ndarray, x: Tensor) -> dict[str, Tensor | tuple[Tensor, ...]]:
        if self._teacher is None:
            return {}
        return {
            "teacher_features": self._tensor(self._teacher.features[index], x),
            "teacher_logits": self._tensor(self._teacher.logits[index], x),
            "teacher_taps": tuple(self._tensor(layer[index], x) for layer in self._teacher.taps),
        }

    def _momentum_side(self, x: Tensor) -> dict[str, Tensor]:
        if self.momentum_network is None:
            return {}
        with torch.no_grad():
            output = forward(self.momentum_network, self.inputs, x)
        return {"momentum_features": output.features, "momentum_logits": output.logits}

    def after_step(self) -> None:
        """Move the momentum network towards the student (He et al. 2020, doi:10.1109/CVPR42600.2020.00975)."""
        if self.momentum_network is None:
            return
        with torch.no_grad():
            for slow, fast in zip(self.momentum_network.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - self._momentum)

    def get_extra_state(self) -> Tensor:
        """The gradient norms, JSON in bytes: the validation that tells them may come after a checkpoint."""
        return torch.frombuffer(bytearray(json.dumps(self._norms).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Take up the norms that were measured before a kill."""
        self._norms = json.loads(bytes(state.tolist()))

    def diagnostics(self) -> dict[str, float]:
        """Gradient norm of each term at the student's features, at the last measured step; the objective's figures."""
        norms = {f"gradient_norm_{name}": value for name, value in self._norms.items()}
        return norms | {name: float(value) for name, value in self.objective.diagnostics.items()}


class FinetuneTask(StudentTask):
    """A student that is trained already: the mean log probability of the stages that were scored picks the weights.

    Where one night validates, macro-F1 hangs on the few clips of its rarest stage.
    """

    is_trained = True

    def score(self, logits: np.ndarray, scores: dict[str, float]) -> float:
        """In nats, 0 at most."""
        label = self._validation.label
        scored = np.flatnonzero(label >= 0)
        return float(log_softmax(logits, axis=1)[scored, label[scored]].mean())


def gradient_norms(terms: dict[str, Tensor], features: Tensor) -> dict[str, float]:
    """L2 norm of d term / d features for every term that depends on them: a graph net can absorb its own loss.

    Empty where no gradient reaches the features: a frozen trunk's.
    """
    norms = {}
    for name, term in terms.items():
        if term.requires_grad and features.requires_grad:
            (gradient,) = torch.autograd.grad(term, features, retain_graph=True, allow_unused=True)
            norms[name] = 0.0 if gradient is None else float(gradient.float().norm())
    return norms
