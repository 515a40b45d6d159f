import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, recall_score
from synthetic_predictions import predictions, table

from sacd.analysis.inference import components, estimate
from sacd.analysis.summary import confusion_cells, mean_confusion, participant_confusions, summarise
from sacd.exceptions import SacdError
from sacd.metrics import SCORES, accuracy, kappa, macro_f1, recall

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
    expected = summarise(frame).set_index(["method", "metric"])[["mean", "sd"]]
    shuffled = summarise(frame.iloc[order]).set_index(["method", "metric"])[["mean", "sd"]]
    renamed = frame.assign(participant_id=frame["participant_id"].map({"p0": "z", "p1": "a", "p2": "m", "p3": "b"}))
    pd.testing.assert_frame_equal(shuffled.loc[expected.index], expected)
    pd.testing.assert_frame_equal(summarise(renamed).set_index(["method", "metric"])[["mean", "sd"]], expected)


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
    assert np.isnan([row["low"], row["high"]]).all()  # one participant says nothing of others


def world(rng: np.random.Generator, seeds: int, participants: int, clips: int = 60) -> pd.DataFrame:
    """Predictions of networks and people that differ; the chance to be right is .6 for the mean person and network."""
    truth = np.arange(clips) % 5
    people, networks = rng.normal(0, 0.08, participants), rng.normal(0, 0.04, seeds)
    rows = []
    for seed in range(seeds):
        chance = 0.6 + people + networks[seed] + rng.normal(0, 0.05, participants)
        right = rng.random((participants, clips)) < chance[:, None]
        predicted = np.where(right, truth, (truth + rng.integers(1, 5, right.shape)) % 5)
        person = np.repeat(np.arange(participants), clips)
        rows.append(table(np.tile(truth, participants), predicted.ravel(), person, method="CE", seed=seed))
    return pd.concat(rows, ignore_index=True)


def test_the_intervals_cover_the_truth_about_as_often_as_they_say():
    rng, trials = np.random.default_rng(1), 150
    # errors are spread evenly over four stages, every stage occurs equally often: macro-F1 .6, κ (.6 − .2) / .8
    truth = {"accuracy": 0.6, "macro_f1": 0.6, "kappa": 0.5, "recall_REM": 0.6}
    covered = dict.fromkeys(truth, 0)
    for _ in range(trials):
        found = summarise(world(rng, seeds=4, participants=10)).set_index("metric")
        for name, value in truth.items():
            covered[name] += found.loc[name, "low"] <= value <= found.loc[name, "high"]
    shares = {name: count / trials for name, count in covered.items()}
    assert all(0.9 <= share <= 1 for share in shares.values()), shares


def test_the_interval_of_accuracy_is_that_of_the_participants_own():
    frame = predictions({"CE": 0.6}, participants=9, seeds=4)
    right = frame.assign(right=frame["stage"] == frame["predicted"])
    each = right.groupby(["seed", "participant_id"])["right"].mean().unstack().to_numpy()
    row = summarise(frame).set_index("metric").loc["accuracy"]
    assert (row["low"], row["high"]) == pytest.approx(tuple(map(float, estimate(each).interval())))
    assert row[list(components(each))].to_dict() == pytest.approx(components(each))
    assert row["standing"] == "descriptive"


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_give_no_interval(seeds):
    found = summarise(predictions({"CE": 0.5}, seeds=seeds, participants=20))
    assert found[["low", "high"]].isna().all(axis=None)
    assert (found["standing"] == "too few").all()


def test_intervals_stay_where_a_metric_can_be():
    found = summarise(predictions({"CE": 0.97}, participants=3, seeds=3, clips=20))
    assert (found["high"] <= 1).all() and found["high"].max() == 1


def test_other_units_than_participants_can_be_random():
    frame = predictions({"CE": 0.6}, participants=9, seeds=3).rename(columns={"participant_id": "speaker"})
    same = summarise(frame.rename(columns={"speaker": "participant_id"}))
    pd.testing.assert_frame_equal(summarise(frame, unit="speaker"), same)


def test_a_run_that_is_missing_is_counted_not_guessed():
    frame = predictions({"CE": 0.5}, participants=3)
    gap = (frame["seed"] == 1) & (frame["participant_id"] == "p2")
    row = summarise(frame[~gap]).iloc[0]
    assert row["missing"] == 1
    assert np.isfinite(row["mean"])


def test_missing_values_among_the_groups_are_a_group_of_their_own():
    frame = predictions({"CE": 0.5, "KD": 0.7}, participants=2, clips=10)
    frame["teacher"] = np.where(frame["method"] == "KD", "AttnSleep", None)
    found = summarise(frame, by=["teacher", "method"])
    assert found.groupby("method").size().tolist() == [len(SCORES), len(SCORES)]
    assert found.loc[found["method"] == "CE", "teacher"].isna().all()


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
