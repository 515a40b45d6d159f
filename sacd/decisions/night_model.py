"""What a run knows of nights from its own labels: how stages follow one another, and how far to trust its clips.

Counted on its labelled training nights: transitions, shares and durations of the stages. Chosen on its validation
participants, whose labels are part of its budget: β and τ of the emissions p(y|x)^β / π^τ, and the median filter's
width. The criterion is that by which a run chooses its weights, macro-F1 of the decisions after smoothing
(forward–backward; the median filter for its own width), among equals the mean log probability of the scored stages.
The latter alone takes the smallest β that there is: neighbouring clips err together, so that the night's posterior is
too sure of itself at any β that decides well. The filter and the explicit durations take over β and τ: decoders of a
run differ in what they know of the night, not in what they make of a clip.

π is not the labels' share of the stages: a network's probabilities carry the prior of all that it was fitted to, which
for a student of few labels is its teacher's opinion of unlabelled nights. So it is the network's own mean probability
over its training draws; it comes with the run's temperature from `sacd.decisions.prior.Correction`.
"""

from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from sacd.decisions import explicit_duration, forward_backward
from sacd.decisions.decision import Clips, Fitted, OfStages, Positive, Shares
from sacd.decisions.forward_backward import FLOOR, emissions, scaled
from sacd.decisions.median import medians
from sacd.decisions.prior import Correction
from sacd.decisions.stretches import steps, stretches
from sacd.decisions.temperature import log_scaled
from sacd.metrics import confusion, macro_f1
from sacd.stages import NOT_SCORED, STAGES

VERSION = 1
"""Enters the identity of students of a smoothed teacher; raised when smoothing or what it is fitted by changes."""
EMISSIONS = tuple((beta, share * beta) for beta in (0.4, 0.6, 0.8, 1.0) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
"""Pairs of β and τ to choose from; dividing by more of the prior than the clip's probability counts for would leave the
rare stages alone."""
WINDOWS = (1, 3, 5, 9, 15, 25)
"""Clips of the median filter."""
PSEUDO_COUNT = 0.5
"""Added to every count of a stage or a transition: what a few nights did not show can happen (Jeffreys's prior)."""

Count = Annotated[int, Field(ge=0, lt=2**31)]
Ages = Annotated[tuple[Annotated[tuple[Count, ...], Field(min_length=1)], ...], OfStages]


class NightModel(Fitted):
    """Counts of a run's labelled training nights, and what it chose on its validation participants.

    Attributes
    ----------
    clips : tuple of int
        Scored clips of each stage.
    transitions : tuple of tuple of int
        From each stage (outer) to each, between clips that follow one another and are both scored.
    at_risk, ended : tuple of tuple of int
        From `explicit_duration.bouts`.
    temperature : float
        That the network's probabilities are scaled by before anything else.
    prior : tuple of float
        π, the network's mean probability of each stage over its training draws.
    beta, tau : float
    window : int
        Clips of the median filter.
    """

    file: ClassVar[str] = "night.json"
    clips: Annotated[tuple[Count, ...], OfStages]
    transitions: Annotated[tuple[Annotated[tuple[Count, ...], OfStages], ...], OfStages]
    at_risk: Ages
    ended: Ages
    temperature: Positive
    prior: Shares
    beta: float = Field(default=1.0, ge=0)
    tau: float = Field(default=1.0, ge=0)
    window: int = Field(default=1, gt=0, le=max(WINDOWS))

    @model_validator(mode="after")
    def _has_ages_alike(self) -> Self:
        if len({len(row) for row in (*self.at_risk, *self.ended)}) > 1:
            raise ValueError("stages differ in the ages that are counted")
        return self

    @classmethod
    def counted(
        cls, stage: np.ndarray, night: np.ndarray, number: np.ndarray, correction: Correction
    ) -> "NightModel":
        """The model of labelled nights, nothing chosen yet.

        Parameters
        ----------
        stage : ndarray [n] int
            Codes; clips that nobody scored (−1) count as gaps.
        night, number : ndarray [n]
            As in `Clips`.
        correction : Correction
            The network's temperature and prior.
        """
        scored = stage != NOT_SCORED
        stage, night, number = stage[scored], night[scored], number[scored]
        transitions = np.zeros((len(STAGES), len(STAGES)), dtype=int)
        for part in stretches(night, number):
            np.add.at(transitions, (stage[part[:-1]], stage[part[1:]]), 1)
        at_risk, ended = explicit_duration.bouts(stage, night, number, len(STAGES))
        return cls(
            clips=np.bincount(stage, minlength=len(STAGES)).tolist(), transitions=transitions.tolist(),
            at_risk=at_risk.tolist(), ended=ended.tolist(), temperature=correction.temperature, prior=correction.prior,
        )

    @property
    def start(self) -> np.ndarray:
        """P(stage) of the first clip of a stretch, which may begin at any time of the night: [C]."""
        counts = np.array(self.clips) + PSEUDO_COUNT
        return counts / counts.sum()

    @property
    def transition(self) -> np.ndarray:
        """P(next stage | stage), [C, C]."""
        return scaled(np.array(self.transitions) + PSEUDO_COUNT)

    @property
    def hazard(self) -> np.ndarray:
        """P(a stage ends | stage, age), [C, ages]."""
        return explicit_duration.hazards(np.array(self.at_risk), np.array(self.ended), self.transition)

    def chosen(self, clips: Clips, stage: np.ndarray, participant: np.ndarray) -> "NightModel":
        """The same model with β, τ and window as they serve these labelled participants best.

        Parameters
        ----------
        clips : Clips
        stage, participant : ndarray [n]
            Of each clip, scored (else −1) or not; where none is, nothing is chosen.
        """
        scored = stage != NOT_SCORED
        if not scored.any():
            return self

        def score(decoded: np.ndarray) -> tuple[float, float]:
            said = np.log(np.maximum(decoded[scored, stage[scored]], FLOOR))
            return float(macro_f1(confusion(stage, decoded.argmax(axis=1), participant))), float(said.mean())

        # One pass decodes for every candidate: each has a copy of the nights.
        code = np.unique(clips.night, return_inverse=True)[1]
        copies = (code + np.arange(len(EMISSIONS))[:, None] * (code.max() + 1)).ravel()
        along = steps(copies, np.tile(clips.number, len(EMISSIONS)))
        probability = self.calibrated(clips)
        emission = np.concatenate([emissions(probability, np.array(self.prior), *pair) for pair in EMISSIONS])
        decoded = np.split(forward_backward.smoothed(emission, along, self.transition, self.start), len(EMISSIONS))
        beta, tau = max(zip(map(score, decoded), EMISSIONS, strict=True))[1]
        window = max(WINDOWS, key=lambda width: score(medians(probability, clips.night, clips.number, width)))
        return self.model_copy(update={"beta": beta, "tau": tau, "window": window})

    def calibrated(self, clips: Clips) -> np.ndarray:
        """The network's temperature-scaled probabilities, [n, C] float64."""
        return np.exp(log_scaled(clips.probability, self.temperature))

    def emissions(self, clips: Clips) -> np.ndarray:
        """p(y|x)^β / π^τ, [n, C], with its own β, τ and π."""
        return emissions(self.calibrated(clips), np.array(self.prior), self.beta, self.tau)
