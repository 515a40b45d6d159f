"""Temperature scaling: one number that makes a network as sure of itself as it is right.

Guo et al. 2017 (arXiv:1706.04599): p_T = softmax(z / T), T of least negative log-likelihood on held-out clips. It is
computed from probabilities: their logarithm is z up to a constant of each clip, which the softmax takes away.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from sacd.stages import NOT_SCORED

LOWEST, HIGHEST = 0.05, 20.0
"""T stays between: without an error on the held-out clips it would fall to 0, with answers that say nothing grow."""


def log_scaled(probability: np.ndarray, temperature: float) -> np.ndarray:
    """log p_T of probabilities [n, C], float64; what underflowed to 0 counts as the smallest float32."""
    known = np.maximum(probability.astype(float), np.finfo(np.float32).tiny)
    return log_softmax(np.log(known) / temperature, axis=1)


def fit_temperature(probability: np.ndarray, stage: np.ndarray) -> float:
    """The temperature of least negative log-likelihood.

    Parameters
    ----------
    probability : ndarray [n, 5] float
        Of clips that the network was not trained on.
    stage : ndarray [n] int
        −1 where not scored: those clips are left out.

    Returns
    -------
    float
        Within `LOWEST` and `HIGHEST`; 1 where no clip is scored.
    """
    scored = stage != NOT_SCORED
    if not scored.any():
        return 1.0
    known, true = probability[scored], stage[scored, None]

    def loss(log_temperature: float) -> float:
        return -float(np.take_along_axis(log_scaled(known, np.exp(log_temperature)), true, axis=1).mean())

    # In 1 / T the loss is convex, so that over log T it has one valley.
    found = minimize_scalar(loss, bounds=np.log((LOWEST, HIGHEST)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
