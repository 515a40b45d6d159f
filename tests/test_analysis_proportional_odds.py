"""Proportional odds: the optimum of its own objective, as many models at once, and classes that nobody is in."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from sacd.analysis.proportional_odds import PRIOR_WEIGHT, fit_ordinal, ordinal_probabilities


def sample(n: int = 40, d: int = 3, models: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    score = x @ rng.standard_normal(d) + rng.logistic(size=(models, n))
    return x - x.mean(0), np.digitize(score, [-1.0, 0.5, 1.5])


def objective(parameters: np.ndarray, x: np.ndarray, classes: np.ndarray, penalty: float) -> float:
    """The negative of what is maximised, written plainly; thresholds as first and logarithms of steps."""
    cuts = np.cumsum(np.append(parameters[0], np.exp(parameters[1:3])))
    slopes = parameters[3:]

    def log_chance(score: np.ndarray, own: np.ndarray) -> np.ndarray:
        edges = np.concatenate([[-np.inf], cuts, [np.inf]])
        return np.log(expit(edges[own + 1] - score) - expit(edges[own] - score))

    total = log_chance(x @ slopes, classes).sum() + PRIOR_WEIGHT * log_chance(np.zeros(4), np.arange(4)).sum()
    return penalty / 2 * slopes @ slopes - total


@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_it_is_the_optimum(penalty):
    x, classes = sample()
    thresholds, slopes = fit_ordinal(x, classes, penalty, 4)
    for number in range(len(classes)):
        best = minimize(objective, np.zeros(6), (x, classes[number], penalty), tol=1e-10)
        cuts = np.cumsum(np.append(best.x[0], np.exp(best.x[1:3])))
        np.testing.assert_allclose(thresholds[number], cuts, atol=2e-3)
        np.testing.assert_allclose(slopes[number], best.x[3:], atol=2e-3)


def test_many_at_once_are_one_by_one():
    x, classes = sample(models=7, seed=1)
    together = fit_ordinal(x, classes, 1.0, 4)
    for number in range(7):
        alone = fit_ordinal(x, classes[number : number + 1], 1.0, 4)
        for part, own in zip(together, alone, strict=True):
            np.testing.assert_allclose(part[number], own[0], atol=1e-5)


def test_chances_are_ordered_by_the_slopes_and_add_up():
    x, classes = sample(n=200, seed=2)
    thresholds, slopes = fit_ordinal(x, classes, 1.0, 4)
    chances = ordinal_probabilities(x, thresholds, slopes)
    assert chances.shape == (5, 200, 4) and (chances > 0).all()
    np.testing.assert_allclose(chances.sum(-1), 1)
    expected = (chances * np.arange(4)).sum(-1)
    assert np.corrcoef(expected[0], classes[0])[0, 1] > 0.4


def test_a_class_that_nobody_is_in_stays_unlikely_and_perfect_order_stays_finite():
    x = np.linspace(-1, 1, 30)[:, None]
    classes = np.stack([np.repeat([0, 3], 15), np.zeros(30, int), np.repeat([0, 1, 2], 10)])
    thresholds, slopes = fit_ordinal(x, classes, 1.0, 4)
    chances = ordinal_probabilities(x, thresholds, slopes)
    assert np.isfinite(thresholds).all() and np.isfinite(slopes).all() and (np.diff(thresholds) > 0).all()
    assert (chances[0, :, 1:3].sum(-1) < 0.2).all() and (chances[1, :, 0] > 0.9).all()
