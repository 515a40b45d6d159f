"""Temperature and prior: against slow, obvious versions, by hand, and what must not change a decision."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from sacd.decisions import DECISIONS, Clips, Correction, decide, decision_named
from sacd.decisions.prior import best_tau
from sacd.decisions.temperature import HIGHEST, LOWEST, fit_temperature
from sacd.exceptions import SacdError

seeds = given(st.integers(0, 2**32 - 1))
quick = settings(max_examples=20, deadline=None)


def clips(probability):
    return Clips(probability, np.zeros(len(probability), dtype=int), np.arange(len(probability)))


def drawn_logits(rng, n=400, sharpness=1.0):
    """Logits, and stages drawn from their softmax: the right temperature is `sharpness`."""
    logits = rng.normal(0, 1.5, (n, 5))
    odds = softmax(logits, axis=1)
    stage = (odds.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return sharpness * logits, stage


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_the_temperature_is_that_of_least_loss_on_a_grid(sharpness):
    logits, stage = drawn_logits(np.random.default_rng(0), 4000, sharpness)
    grid = np.exp(np.linspace(np.log(LOWEST), np.log(HIGHEST), 1500))
    losses = [-np.log(softmax(logits / t, axis=1)[np.arange(len(stage)), stage]).mean() for t in grid]
    found = fit_temperature(softmax(logits, axis=1), stage)
    assert found == pytest.approx(grid[np.argmin(losses)], rel=0.006)
    assert found == pytest.approx(sharpness, rel=0.1)


def test_the_temperature_has_bounds_and_a_default():
    sure = softmax(8 * np.eye(5), axis=1)
    assert LOWEST <= fit_temperature(sure, np.arange(5)) < 0.25, "without an error the loss is 0 from some T down"
    assert fit_temperature(sure, (np.arange(5) + 1) % 5) == pytest.approx(HIGHEST, rel=1e-3)
    assert fit_temperature(sure, np.full(5, -1)) == fit_temperature(sure[:0], np.arange(0)) == 1.0
    known, stage = np.vstack([sure, sure]), np.r_[np.arange(5), np.full(5, -1)]
    assert fit_temperature(known, stage) == fit_temperature(sure, np.arange(5)), "what is not scored has no say"


def test_a_corrected_decision_by_hand():
    correction = Correction(temperature=0.5, prior=(0.1, 0.4, 0.3, 0.1, 0.1))
    # Squares of .3, .5, .2 are as 9 : 25 : 4; divided by the prior 90 : 62.5 : 13.3. W wins, where N1 is likelier.
    said = np.array([[0.3, 0.5, 0.2, 0.0, 0.0]])
    assert decide("argmax", clips(said)).tolist() == [1]
    assert decide("corrected", clips(said), correction).tolist() == [0]
    # With τ = ½, by the roots .316, .632, .548: 28.5 : 39.5 : 7.3.
    assert decide("tuned", clips(said), correction.model_copy(update={"tau": 0.5})).tolist() == [1]


@quick
@seeds
def test_the_formula_holds_clip_by_clip(seed):
    rng = np.random.default_rng(seed)
    logits, stage = drawn_logits(rng, 60, float(rng.uniform(0.3, 3)))
    draws = softmax(drawn_logits(rng, 90)[0], axis=1)
    correction = Correction.of(softmax(logits, axis=1), stage, draws)
    scaled = [softmax(np.log(row) / correction.temperature) for row in draws]
    prior = [sum(row[k] for row in scaled) / len(scaled) for k in range(5)]
    assert correction.prior == pytest.approx(prior)
    found = decide("corrected", clips(softmax(logits, axis=1)), correction)
    for z, code in zip(logits, found, strict=True):
        assert code == np.argmax(np.log(softmax(z / correction.temperature)) - np.log(prior))


@quick
@seeds
def test_what_changes_no_decision(seed):
    rng = np.random.default_rng(seed)
    logits, stage = drawn_logits(rng, 80)
    draws, test = drawn_logits(rng, 80)[0], drawn_logits(rng, 80)[0]

    def decisions(scale=1.0, shift=0.0, order=slice(None), name="corrected"):
        held, drawn, asked = (softmax(scale * z + shift, axis=1) for z in (logits[order], draws[order], test))
        return decide(name, clips(asked), Correction.of(held, stage[order], drawn).model_copy(update={"tau": 0.0}))

    plain = decisions()
    # The fit's last digits differ: a clip on the very border may fall on either side.
    assert (decisions(scale=2.5) == plain).mean() > 0.98, "a network that is surer by a factor"
    assert (decisions(shift=rng.normal(0, 3, (80, 1))) == plain).mean() > 0.98
    assert (decisions(order=rng.permutation(80)) == plain).mean() > 0.98, "the order of clips"
    assert (decisions(name="tuned") == test.argmax(axis=1)).all(), "τ = 0 is argmax"


def test_no_stage_is_promoted_that_was_never_there():
    never = softmax(np.array([[2.0, 1.0, 1.0, 1.0, -40.0]] * 50), axis=1)
    correction = Correction.of(never, np.zeros(50, dtype=int), never)
    assert min(correction.prior) > 0.01 and sum(correction.prior) == pytest.approx(1)
    assert 4 not in decide("corrected", clips(never), correction)
    zero = np.array([[1.0, 0.0, 0.0, 0.0, 0.0]])
    assert decide("corrected", clips(zero), Correction.of(zero, np.array([0]), zero)).tolist() == [0]


def test_the_best_tau_is_the_smallest_of_equals():
    assert best_tau({0.0: 0.3, 1.0: 0.5, 0.5: 0.5, 0.25: 0.4}) == 0.5


def test_what_is_fitted_goes_to_a_file_and_back(tmp_path):
    correction = Correction(temperature=1.5, prior=(0.2,) * 5)
    correction.write(tmp_path)
    assert json.loads((tmp_path / "decision.json").read_text())["temperature"] == 1.5
    assert Correction.read(tmp_path) == correction
    (tmp_path / "decision.json").write_text("{}")
    with pytest.raises(SacdError, match=r"decision\.json: missing or unreadable.*train it anew"):
        Correction.read(tmp_path)


def test_faults_in_one_line():
    with pytest.raises(SacdError, match="decision 'best' is unknown; use one of argmax, corrected, tuned"):
        decision_named("best")
    with pytest.raises(SacdError, match="no τ was chosen.*'tuned'"):
        decide("tuned", clips(np.full((1, 5), 0.2)), Correction(temperature=1, prior=(0.2,) * 5))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_says_what_it_is(name):
    known = DECISIONS[name]
    assert known.title and known.description and "\n" not in known.description
