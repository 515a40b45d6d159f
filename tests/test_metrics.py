import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score
from synthetic_predictions import table

from sacd.analysis.summary import summarise
from sacd.metrics import SCORES, balanced_accuracy, bias, confusion, kappa, merged, precision
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


@quick
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_details_are_what_counting_clip_by_clip_gives(pairs):
    stage, predicted = np.array(pairs).T
    matrix = confusion(stage, predicted, np.zeros(len(stage)))

    def close(found, expected):
        assert (np.isnan(found) and expected is None) or found == pytest.approx(expected)

    for code, name in enumerate(("W", "N1", "N2", "N3", "REM")):
        said, true = predicted == code, stage == code
        close(SCORES[f"precision_{name}"].of(matrix), (said & true).sum() / said.sum() if said.any() else None)
        minutes = (said.sum() - true.sum()) / 2  # clips of 30 s
        night = len(stage) / 2
        bias_told = SCORES[f"bias_{name}"].scale * SCORES[f"bias_{name}"].of(matrix)
        close(bias_told, 8 * 60 * minutes / night)
    recalls = [(predicted[stage == code] == code).mean() for code in set(stage)]
    close(balanced_accuracy(matrix), np.mean(recalls))
    four, three = np.array([0, 1, 1, 2, 3]), np.array([0, 1, 1, 1, 2])
    close(SCORES["accuracy_4"].of(matrix), (four[stage] == four[predicted]).mean())
    coarse = [(three[predicted][three[stage] == code] == code).mean() for code in set(three[stage])]
    close(SCORES["balanced_accuracy_3"].of(matrix), np.mean(coarse))
    for classes, name in ((four, "kappa_4"), (three, "kappa_3")):
        if len(set(classes[stage])) > 1 or len(set(classes[predicted])) > 1:
            close(SCORES[name].of(matrix), cohen_kappa_score(classes[stage], classes[predicted]))


def test_biases_of_the_stages_cancel_and_the_diagonal_has_none():
    matrix = np.random.default_rng(0).random((3, 5, 5))
    np.testing.assert_allclose(bias(matrix).sum(axis=-1), 0, atol=1e-12)
    assert not bias(matrix + matrix.swapaxes(1, 2)).round(12).any()
    assert precision(matrix.swapaxes(1, 2))[0, 2] == pytest.approx(matrix[0, 2, 2] / matrix[0, 2].sum())
    assert merged(matrix, range(5)) == pytest.approx(matrix)


def test_a_bias_is_told_in_minutes_and_may_be_negative():
    score = SCORES["bias_W"]
    assert (score.heading, score.written(-0.05), score.difference_unit) == ("Bias W, min in 8 h", "−24", " min in 8 h")
    frame = table(np.array([0] * 8 + [2] * 8), np.full(16, 2), np.arange(16) % 4, method="CE")
    shown = summarise(pd.concat([frame.assign(seed=seed) for seed in range(3)])).set_index("metric")
    assert shown.loc["bias_W", ["mean", "low", "high"]].tolist() == [-0.5, -0.5, -0.5]
    assert np.isnan(shown.loc["precision_W", "mean"]) and shown.loc["precision_N2", "mean"] == 0.5
