from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_predictions import predictions, table

from sacd.analysis.comparison import compare, holm, participant_metric, sign_flip_p, smallest_p
from sacd.exceptions import SacdError


def right(counts: list[int], method: str, seed: int = 0, clips: int = 10) -> pd.DataFrame:
    """Participant i is right in counts[i] of `clips` clips."""
    people = np.repeat(np.arange(len(counts)), clips)
    number = np.tile(np.arange(clips), len(counts))
    predicted = np.where(number < np.array(counts)[people], 0, 1)
    return table(np.zeros(len(people), dtype=int), predicted, people, method=method, seed=seed)


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    assert holm([]).size == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_keeps_the_order_and_stays_below_bonferroni(p):
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-12).all()
    assert (adjusted <= np.minimum(np.array(p) * len(p), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_the_sign_flip_test_is_exact():
    differences = np.array([0.3, 0.1, -0.05, 0.2, 0.4, 0.02])
    means = [np.mean(differences * signs) for signs in product((1, -1), repeat=6)]
    expected = np.mean(np.abs(means) >= abs(differences.mean()) - 1e-12)
    assert sign_flip_p(differences) == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 5, 9])
def test_the_smallest_p_is_reached_when_all_agree(n):
    assert sign_flip_p(np.linspace(0.1, 0.2, n)) == pytest.approx(smallest_p(n, 9999)) == pytest.approx(2 / 2**n)


def test_the_smallest_p_of_a_resampled_test():
    assert smallest_p(24, 999) == pytest.approx(0.002)
    assert sign_flip_p(np.linspace(0.1, 0.2, 24), draws=999) == pytest.approx(0.002)


def test_no_difference_gives_p_one():
    assert sign_flip_p(np.zeros(8)) == 1
    assert sign_flip_p(np.array([0.2])) == 1


def test_differences_by_hand():
    frame = pd.concat([right([5, 5, 5, 5], "CE"), right([6, 7, 8, 9], "KD")])
    row = compare(frame, draws=999).iloc[0]
    assert row["difference"] == pytest.approx(0.25)
    assert row["dz"] == pytest.approx(0.25 / np.std([0.1, 0.2, 0.3, 0.4], ddof=1))
    assert row["positive"] == 1
    assert row["p"] == row["p_holm"] == row["smallest_p"] == pytest.approx(2 / 16)
    assert 0.1 <= row["low"] < 0.25 < row["high"] <= 0.4
    assert (row["method"], row["reference"], row["participants"], row["seeds"]) == ("KD", "CE", 4, 1)


def test_swapping_reference_and_method_changes_the_sign_only():
    frame = predictions({"CE": 0.5, "KD": 0.6})
    there, back = compare(frame, draws=200).iloc[0], compare(frame, reference="KD", draws=200).iloc[0]
    assert there["difference"] == pytest.approx(-back["difference"])
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]), abs=0.02)
    assert there["p"] == pytest.approx(back["p"])


def test_more_seeds_are_not_more_participants():
    once = pd.concat([right([5, 5, 5], "CE"), right([6, 7, 8], "KD")])
    often = pd.concat([once.assign(seed=seed) for seed in range(5)])
    assert compare(often, draws=99).iloc[0]["p"] == compare(once, draws=99).iloc[0]["p"] == pytest.approx(0.25)


def test_pairs_use_only_the_seeds_that_both_have():
    frame = pd.concat([right([5, 5], "CE", 0), right([1, 1], "CE", 1), right([6, 8], "KD", 0)])
    row = compare(frame, draws=99).iloc[0]
    assert row["seeds"] == 1
    assert row["difference"] == pytest.approx(0.2)


def test_groups_are_compared_within_and_corrected_together():
    one = predictions({"CE": 0.5, "KD": 0.6, "SACD": 0.6}, seeds=1)
    both = pd.concat([one.assign(protocol="paper"), one.assign(protocol="few-label")])
    found = compare(both, within=["protocol"], draws=999)
    assert found[["protocol", "method"]].values.tolist() == [
        ["paper", "KD"],
        ["paper", "SACD"],
        ["few-label", "KD"],
        ["few-label", "SACD"],
    ]
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    assert found["p_holm"].min() == pytest.approx(min(1, 4 * found["p"].min()))


@pytest.mark.parametrize("metric", ["macro_f1", "kappa", "recall_N1"])
def test_other_metrics_are_each_participants_own(metric):
    frame = predictions({"CE": 0.4, "KD": 0.8})
    each = participant_metric(frame, metric).pivot(index="participant_id", columns="method", values=metric)
    row = compare(frame, metric=metric, draws=99).iloc[0]
    assert row["difference"] == pytest.approx((each["KD"] - each["CE"]).mean())


def test_a_stage_that_a_participant_lacks_leaves_him_out_of_its_recall():
    frame = predictions({"CE": 0.4, "KD": 0.8}, participants=4)
    frame = frame[(frame["participant_id"] != "p0") | (frame["stage"] != 1)]
    assert compare(frame, metric="recall_N1", draws=99).iloc[0]["participants"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "FitNet"}, "no method 'FitNet'"),
        ({"metric": "auc"}, "metric 'auc' is unknown"),
    ],
)
def test_what_cannot_be_compared_is_said(options, words):
    with pytest.raises(SacdError, match=words):
        compare(predictions({"CE": 0.5, "KD": 0.6}), **options)


def test_nothing_in_common_is_refused():
    with pytest.raises(SacdError, match="share no seed"):
        compare(pd.concat([right([5], "CE", 0), right([5], "KD", 1)]))
    with pytest.raises(SacdError, match="nothing to compare"):
        compare(right([5], "CE"))
