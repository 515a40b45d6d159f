"""Ordinal regression by proportional odds with a penalty on the slopes, for many outcomes of the same people at once.

P(class ≤ j | x) = σ(θ_j − xβ) (McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x); the penalty is λ|β|²/2. One
further observation of weight 1/4 in each class at x = 0 keeps the thresholds apart where a class is empty. Fitted by
Fisher scoring with step halving.
"""

import numpy as np
from scipy.special import expit

PRIOR_WEIGHT = 0.25
_STEPS, _HALVINGS, _CONVERGED = 50, 30, 1e-6


def fit_ordinal(
    x: np.ndarray, classes: np.ndarray, penalty: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit B models on the same features.

    Parameters
    ----------
    x : ndarray [n, d] float
        Centred.
    classes : ndarray [B, n] int
        0 … count − 1.
    penalty : float
        λ.
    count : int
        Classes.

    Returns
    -------
    thresholds, slopes : ndarray [B, count − 1], [B, d]
    """
    models, d = len(classes), x.shape[1]
    x = np.vstack([x, np.zeros((count, d))])
    classes = np.hstack([classes, np.tile(np.arange(count), (models, 1))])
    weight = np.append(np.ones(len(x) - count), np.full(count, PRIOR_WEIGHT))
    shares = (weight * (classes[..., None] == np.arange(count)).transpose(2, 0, 1)).sum(axis=2).T / weight.sum()
    below = np.cumsum(shares, axis=1)[:, :-1]
    fitted = np.hstack([np.log(below / (1 - below)), np.zeros((models, d))])
    value = _value(fitted, x, classes, weight, penalty)
    for _ in range(_STEPS):
        step = _scoring_step(fitted, x, classes, weight, penalty)
        size = np.ones(models)
        for _ in range(_HALVINGS):
            trial = fitted + size[:, None] * step
            reached = _value(trial, x, classes, weight, penalty)
            worse = ~(reached >= value - _CONVERGED**2)
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        fitted, value = np.where(worse[:, None], fitted, trial), np.where(worse, value, reached)
        if np.abs(size[:, None] * step).max() < _CONVERGED or worse.all():
            break
    return fitted[:, : count - 1], fitted[:, count - 1 :]


def ordinal_probabilities(x: np.ndarray, thresholds: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Probabilities of the classes, [B, n, count], of features [n, d] under B models."""
    return np.diff(_cumulative(thresholds[:, None, :] - (slopes @ x.T)[..., None]), axis=-1)


def _cumulative(scores: np.ndarray) -> np.ndarray:
    """P(class < j) for j = 0 … count, from the scores [..., count − 1]."""
    ends = np.zeros((*scores.shape[:-1], 1))
    return np.concatenate([ends, expit(scores), ends + 1], axis=-1)


def _value(
    parameters: np.ndarray, x: np.ndarray, classes: np.ndarray, weight: np.ndarray, penalty: float
) -> np.ndarray:
    """Penalised log-likelihood [B]; −∞ where thresholds are out of order."""
    cut = parameters.shape[1] - x.shape[1]
    thresholds, slopes = parameters[:, :cut], parameters[:, cut:]
    chances = np.take_along_axis(ordinal_probabilities(x, thresholds, slopes), classes[..., None], axis=2)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = np.log(chances) @ weight - penalty / 2 * np.square(slopes).sum(axis=1)
    ordered = (np.diff(thresholds, axis=1) > 0).all(axis=1) & (chances > 0).all(axis=1)
    return np.where(ordered, likelihood, -np.inf)


def _scoring_step(
    parameters: np.ndarray, x: np.ndarray, classes: np.ndarray, weight: np.ndarray, penalty: float
) -> np.ndarray:
    """Expected information's inverse times the gradient, [B, parameters]."""
    d = x.shape[1]
    cut = parameters.shape[1] - d
    thresholds, slopes = parameters[:, :cut], parameters[:, cut:]
    cumulative = _cumulative(thresholds[:, None, :] - (slopes @ x.T)[..., None])
    density = cumulative * (1 - cumulative)  # [B, n, cut + 2]: 0 at both ends
    chances = np.maximum(np.diff(cumulative, axis=-1), 1e-12)  # [B, n, count]
    # Of each class's chance: its derivative by the thresholds and by xβ.
    by_threshold = np.zeros((*chances.shape, cut))
    at = np.arange(cut)
    by_threshold[..., at, at] = density[..., 1:-1]
    by_threshold[..., at + 1, at] = -density[..., 1:-1]
    by_score = -np.diff(density, axis=-1)
    own = classes[..., None]
    inverse = weight[:, None] / chances
    said = np.take_along_axis(inverse, own, axis=2)[..., 0]
    gradient = np.hstack([
        np.einsum("bn,bnk->bk", said, np.take_along_axis(by_threshold, own[..., None], axis=2)[:, :, 0]),
        (said * np.take_along_axis(by_score, own, axis=2)[..., 0]) @ x - penalty * slopes,
    ])
    information = np.empty((len(parameters), cut + d, cut + d))
    information[:, :cut, :cut] = np.einsum("bnj,bnjk,bnjl->bkl", inverse, by_threshold, by_threshold, optimize=True)
    cross = np.einsum("bnj,bnj,bnjk->bkn", inverse, by_score, by_threshold, optimize=True) @ x
    information[:, :cut, cut:], information[:, cut:, :cut] = cross, cross.transpose(0, 2, 1)
    scores = (inverse * np.square(by_score)).sum(axis=2)
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    information[:, cut:, cut:] = (scores @ products).reshape(-1, d, d) + penalty * np.eye(d)
    return np.linalg.solve(information, gradient[..., None])[..., 0]
