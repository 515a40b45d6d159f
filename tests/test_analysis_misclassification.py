import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions, table

from sacd.analysis.misclassification import common_errors, error_examples, errors_near_change, near_change, one_of_each
from sacd.stages import STAGES


def test_the_most_common_error_by_hand():
    matrix = np.array([[6, 3, 1, 0, 0], [0, 5, 0, 0, 0], [1, 1, 6, 2, 0], [0, 0, 4, 0, 0], [0, 0, 0, 0, 0]])
    found = common_errors(matrix).set_index("stage")
    assert [None if pd.isna(x) else x for x in found["taken_for"]] == ["N1", None, "N3", "N2", None]
    assert found.loc["W", "share"] == pytest.approx(0.3)
    assert found.loc["W", "of_errors"] == pytest.approx(0.75)
    assert found.loc["N3", "recall"] == 0
    assert np.isnan(found.loc["REM", "recall"]) and np.isnan(found.loc["N1", "of_errors"])


def test_examples_are_such_errors_and_come_from_different_people():
    run = predictions({"CE": 0.4}, seeds=1)
    found = error_examples(run, each=4)
    assert found.groupby("stage").size().to_dict() == dict.fromkeys(STAGES, 4)
    assert found.groupby("stage")["participant_id"].nunique().min() == 4
    rows = found.merge(run.rename(columns={"stage": "truth"}), on=["recording_id", "clip"])
    assert (rows["truth"].map(STAGES.__getitem__) == rows["stage"]).all()
    assert (rows["predicted"].map(STAGES.__getitem__) == rows["taken_for"]).all()


def test_examples_carry_the_models_own_probabilities():
    run = predictions({"CE": 0.4}, seeds=1)
    names = [f"p_{stage}" for stage in STAGES]
    found = error_examples(run).merge(run, on=["recording_id", "clip"], suffixes=("", "_run"))
    assert (found[names].to_numpy() == found[[f"{name}_run" for name in names]].to_numpy()).all()
    assert (found.apply(lambda row: row[f"p_{row.taken_for}"], axis=1) == found["confidence"]).all()


def test_one_example_a_stage_of_people_not_yet_shown():
    rows = [("W", "a"), ("W", "b"), ("N1", "a"), ("N1", "c"), ("N3", "a"), ("N3", "c")]
    examples = pd.DataFrame(rows, columns=["stage", "participant_id"])
    assert one_of_each(examples).to_numpy().tolist() == [["W", "a"], ["N1", "c"], ["N3", "a"]]


def test_a_perfect_model_has_no_examples():
    run = predictions({"CE": 1.0}, seeds=1)
    assert error_examples(run).empty and one_of_each(error_examples(run)).empty


def test_stage_changes_are_seen_within_a_recording_and_not_across_gaps():
    run = table(np.array([0, 0, 1, 1, 2, 2]), np.zeros(6, dtype=int), np.array([0, 0, 0, 0, 1, 1]))
    assert near_change(run).tolist() == [False, True, True, False, False, False]
    gap = run.assign(clip=[0, 1, 7, 8, 0, 1])
    assert not near_change(gap).any()
    unscored = run.assign(stage=[0, 0, -1, 1, 2, 2])
    assert not near_change(unscored).any()


def test_accuracy_near_a_change_by_hand():
    run = table(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), np.zeros(4, dtype=int))
    found = errors_near_change(run).set_index("near_change")
    assert found["accuracy"].to_dict() == {False: 1.0, True: 0.5}
    assert found["of_errors"].to_dict() == {False: 0.0, True: 1.0}
