"""The decision corrected for the prior: argmax log p_T − τ log π̂.

Menon et al. 2021 (arXiv:2007.07314): with τ = 1 it is the best one for the balanced error, where π is the prior of what
was fitted. A student is fitted to labels and teacher alike, so π̂ is what it says itself: its mean temperature-scaled
probability over its own training draws.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from sacd.decisions.decision import Clips, Fitted, Positive, Shares
from sacd.decisions.temperature import fit_temperature, log_scaled
from sacd.exceptions import SacdError

TAU = 1.0
"""Of the decision *corrected*, fixed beforehand."""
TAUS: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What *tuned* chooses from."""


class Correction(Fitted):
    """A run's temperature and prior, and the τ that was chosen for it where one was."""

    file: ClassVar[str] = "decision.json"
    temperature: Positive
    prior: Shares
    tau: float | None = Field(default=None, ge=0)

    @classmethod
    def of(cls, held: np.ndarray, stage: np.ndarray, drawn: np.ndarray) -> "Correction":
        """The temperature of held-out clips, and the mean probability over training draws.

        Parameters
        ----------
        held : ndarray [n, 5] float
            Probabilities of the validation clips.
        stage : ndarray [n] int
            Their stages, −1 where not scored.
        drawn : ndarray [m, 5] float
            Probabilities of the training clips, as often as each was drawn.
        """
        temperature = fit_temperature(held, stage)
        prior = np.exp(log_scaled(drawn, temperature)).mean(axis=0)
        # Below one draw in all a share is noise, and dividing by it would promote a stage that was never there.
        prior = np.maximum(prior, 1 / len(drawn))
        return cls(temperature=temperature, prior=tuple((prior / prior.sum()).tolist()))

    def stages(self, probability: np.ndarray, tau: float) -> np.ndarray:
        """Corrected decisions of probabilities [n, 5]: stage codes, ndarray [n] int."""
        return (log_scaled(probability, self.temperature) - tau * np.log(self.prior)).argmax(axis=1)


def corrected(clips: Clips, correction: Correction) -> np.ndarray:
    """The decision with τ = 1."""
    return correction.stages(clips.probability, TAU)


def tuned(clips: Clips, correction: Correction) -> np.ndarray:
    """The decision with the τ that was chosen for the run.

    Raises
    ------
    SacdError
        None was chosen.
    """
    if correction.tau is None:
        raise SacdError("decision tuned: no τ was chosen for this run; make a run of kind 'tuned' of it")
    return correction.stages(clips.probability, correction.tau)


def best_tau(scores: Mapping[float, float]) -> float:
    """The τ of the highest score; of equal ones the smallest, which corrects least."""
    return max(sorted(scores), key=scores.__getitem__)
