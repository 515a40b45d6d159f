import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from synthetic_predictions import table

from sacd.analysis.summary import summarise
from sacd.metrics import SCORES, confusion, kappa
from sacd.training.tasks import stage_scores

matrices = arrays(np.int64, (5, 5), elements=st.integers(0, 20)).filter(lambda matrix: matrix.sum() > 0)
quick = settings(max_examples=30, deadline=None)


@quick
@given(matrices, st.floats(0.01, 100))
def test_bounds_and_independence_of_scale(matrix, scale):
    for score in SCORES.values():
        value = score.of(matrix)
        assert np.isnan(value) or score.lowest - 1e-9 <= value <= 1 + 1e-9
        np.testing.assert_allclose(score.of(matrix * scale), value, atol=1e-9)


@quick
@given(matrices)
def test_kappa_is_zero_for_independent_and_one_for_perfect(matrix):
    independent = np.outer(matrix.sum(axis=1), matrix.sum(axis=0))
    if np.count_nonzero(matrix.sum(axis=1)) > 1:
        assert kappa(independent) == pytest.approx(0, abs=1e-9)
        assert kappa(np.diag(matrix.sum(axis=1))) == pytest.approx(1)
    else:
        assert np.isnan(kappa(np.diag(matrix.sum(axis=1))))


def test_leading_axes_are_kept():
    stack = np.random.default_rng(0).random((2, 3, 5, 5))
    for score in SCORES.values():
        found = score.of(stack)
        assert found.shape == (2, 3)
        assert found[1, 2] == pytest.approx(score.of(stack[1, 2]))


def test_a_model_is_selected_by_the_macro_f1_that_tables_print():
    # Nobody has N3 or REM: the mean is over the stages that occur, here as in the tables.
    stage, predicted = np.array([0, 0, 1, 1, 2, 2, 2, -1]), np.array([0, 0, 1, 2, 2, 2, 1, 4])
    participant = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    frame = table(stage, predicted, participant, method="CE")
    shown = summarise(frame).set_index("metric")["mean"]
    found = stage_scores(stage, predicted, participant)
    assert found == pytest.approx({name: shown[name] for name in ("accuracy", "macro_f1", "kappa")})
    # W 1; N1 2 × 1/3 / (7/12 + 7/12); N2 2 × 1/2 / (3/4 + 3/4), participants normalised to 1
    assert found["macro_f1"] == pytest.approx((1 + (2 / 3) / (7 / 6) + 2 / 3) / 3)


def test_a_confusion_matrix_of_nothing_scored_is_zero():
    assert not confusion(np.array([-1, -1]), np.array([0, 1]), np.array([0, 0])).any()
