import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, recall_score
from synthetic_predictions import predictions, table

from sacd.analysis.metrics import (
    METRICS,
    accuracy,
    confusion_cells,
    kappa,
    macro_f1,
    mean_confusion,
    metrics,
    participant_confusions,
    recall,
    resampling_weights,
    summarise,
)
from sacd.exceptions import SacdError

matrices = arrays(np.int64, (5, 5), elements=st.integers(0, 20)).filter(lambda matrix: matrix.sum() > 0)
unequal = arrays(np.int64, 60, elements=st.integers(0, 4))
quick = settings(max_examples=30, deadline=None)


@quick
@given(unequal, unequal, st.integers(1, 59))
def test_agrees_with_sklearn_when_participants_weigh_the_same(truth, predicted, cut):
    participant = (np.arange(60) >= cut).astype(int)
    weight = 1 / np.bincount(participant)[participant]
    matrix = mean_confusion(table(truth, predicted, participant))
    assert matrix.sum() == pytest.approx(1)
    assert accuracy(matrix) == pytest.approx(accuracy_score(truth, predicted, sample_weight=weight))
    assert macro_f1(matrix) == pytest.approx(f1_score(truth, predicted, average="macro", sample_weight=weight))
    if len(np.union1d(truth, predicted)) > 1:
        assert kappa(matrix) == pytest.approx(cohen_kappa_score(truth, predicted, sample_weight=weight), abs=1e-9)
    present = np.unique(truth)
    theirs = recall_score(truth, predicted, labels=present, average=None, sample_weight=weight)
    assert recall(matrix)[present] == pytest.approx(theirs)
    assert np.isnan(np.delete(recall(matrix), present)).all()


@quick
@given(matrices, st.floats(0.01, 100))
def test_bounds_and_independence_of_scale(matrix, scale):
    found, scaled = metrics(matrix), metrics(matrix * scale)
    for name, value in found.items():
        low = -1 if name == "kappa" else 0
        assert np.isnan(value) or low - 1e-9 <= value <= 1 + 1e-9
        np.testing.assert_allclose(scaled[name], value, atol=1e-9)


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
    found = metrics(stack)
    assert {value.shape for value in found.values()} == {(2, 3)}
    for name in METRICS:
        assert found[name][1, 2] == pytest.approx(metrics(stack[1, 2])[name])


def test_a_hand_computed_case():
    # person 0: 1 of 2 right; person 1: 8 of 8 right. Pooled 0.9, with equal weight 0.75
    truth, predicted = np.array([0, 1, *[2] * 8]), np.array([0, 0, *[2] * 8])
    frame = table(truth, predicted, np.array([0, 0, *[1] * 8]))
    matrix = mean_confusion(frame)
    assert accuracy(matrix) == pytest.approx(0.75)
    assert matrix[2, 2] == pytest.approx(0.5)
    assert matrix[0, 0] == pytest.approx(0.25)
    # marginals: truth (.25, .25, .5), predicted (.5, 0, .5); chance .375
    assert kappa(matrix) == pytest.approx((0.75 - 0.375) / (1 - 0.375))


def test_clips_that_nobody_scored_are_left_out():
    frame = table(np.array([0, 1, -1, -1]), np.array([0, 1, 3, 4]), np.array([0, 0, 0, 1]))
    people, each = participant_confusions(frame)
    assert list(people) == ["p0"]
    assert accuracy(each[0]) == 1


@quick
@given(st.randoms(use_true_random=False))
def test_order_of_rows_and_names_of_participants_do_not_matter(random):
    frame = predictions({"CE": 0.5, "KD": 0.7}, participants=4, clips=10)
    order = list(range(len(frame)))
    random.shuffle(order)
    expected = summarise(frame, draws=20).set_index(["method", "metric"])[["mean", "sd"]]
    shuffled = summarise(frame.iloc[order], draws=20).set_index(["method", "metric"])[["mean", "sd"]]
    renamed = frame.assign(participant_id=frame["participant_id"].map({"p0": "z", "p1": "a", "p2": "m", "p3": "b"}))
    pd.testing.assert_frame_equal(shuffled.loc[expected.index], expected)
    pd.testing.assert_frame_equal(
        summarise(renamed, draws=20).set_index(["method", "metric"])[["mean", "sd"]], expected
    )


def test_seeds_give_mean_and_spread():
    truth = np.zeros(10, dtype=int)
    runs = [
        table(truth, (np.arange(10) < wrong).astype(int), np.zeros(10, dtype=int), method="CE", seed=seed)
        for seed, wrong in enumerate((1, 3, 5))
    ]
    row = summarise(pd.concat(runs)).set_index("metric").loc["accuracy"]
    assert row["mean"] == pytest.approx(0.7)
    assert row["sd"] == pytest.approx(0.2)
    assert (row["seeds"], row["participants"], row["clips"], row["missing"]) == (3, 1, 10, 0)
    # with one participant only seeds vary: the interval is that of means of 3 of (.9, .7, .5)
    assert (row["low"], row["high"]) == pytest.approx((0.5, 0.9), abs=0.07)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered, trials = np.random.default_rng(1), 0, 120
    for trial in range(trials):
        skill = rng.beta(6, 4, size=16)  # population mean 0.6
        people = np.repeat(np.arange(16), 30)
        right = rng.random(480) < skill[people]
        frame = table(np.zeros(480, dtype=int), np.where(right, 0, 1), people, method="CE")
        row = summarise(frame, draws=300, seed=trial).set_index("metric").loc["accuracy"]
        covered += row["low"] <= 0.6 <= row["high"]
    # percentile bootstrap of 16 units: somewhat below 95 %
    assert 0.86 <= covered / trials <= 0.99


def test_a_run_that_is_missing_is_counted_not_guessed():
    frame = predictions({"CE": 0.5}, participants=3)
    gap = (frame["seed"] == 1) & (frame["participant_id"] == "p2")
    row = summarise(frame[~gap], draws=50).iloc[0]
    assert row["missing"] == 1
    assert np.isfinite(row["mean"])


def test_missing_values_among_the_groups_are_a_group_of_their_own():
    frame = predictions({"CE": 0.5, "KD": 0.7}, participants=2, clips=10)
    frame["teacher"] = np.where(frame["method"] == "KD", "AttnSleep", None)
    found = summarise(frame, by=["teacher", "method"], draws=10)
    assert found.groupby("method").size().tolist() == [len(METRICS), len(METRICS)]
    assert found.loc[found["method"] == "CE", "teacher"].isna().all()


def test_the_bootstrap_is_seeded():
    frame = predictions({"CE": 0.5})
    pd.testing.assert_frame_equal(summarise(frame, draws=30), summarise(frame, draws=30))
    assert not summarise(frame, draws=30)["low"].equals(summarise(frame, draws=30, seed=1)["low"])


@quick
@given(st.integers(1, 30), st.integers(1, 20))
def test_resampling_weights_sum_to_one(count, draws):
    weights = resampling_weights(count, draws, np.random.default_rng(0))
    assert weights.shape == (draws, count)
    np.testing.assert_allclose(weights.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.drop(columns="stage"), "no column stage"),
        (lambda frame: pd.concat([frame, frame.assign(split="validation")]), "several splits"),
        (lambda frame: pd.concat([frame, frame]), "occurs twice"),
        (lambda frame: frame.assign(stage=-1), "no scored clip"),
        (lambda frame: frame.assign(predicted=5), "beyond"),
    ],
)
def test_a_table_that_would_mislead_is_refused_in_one_line(change, words):
    with pytest.raises(SacdError, match=words) as error:
        confusion_cells(change(predictions({"CE": 0.5})), ["method"])
    assert "\n" not in str(error.value)
