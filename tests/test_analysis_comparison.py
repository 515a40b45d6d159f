import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic_predictions import predictions, table

from sacd.analysis.comparison import compare, compare_present, holm
from sacd.analysis.summary import mean_confusion
from sacd.exceptions import SacdError
from sacd.metrics import SCORES


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


def test_differences_by_hand():
    frame = pd.concat(
        [right([5, 5, 5, 5], "CE", seed) for seed in range(3)]
        + [right(counts, "KD", seed) for seed, counts in enumerate([(6, 7, 8, 9), (7, 8, 9, 10), (5, 6, 7, 8)])]
    )
    row = compare(frame).iloc[0]
    # seeds differ by .25, .35, .15 on average, participants by .1, .2, .3, .4, and nothing else does
    ms_seeds, ms_participants = 4 * 0.02 / 2, 3 * 0.05 / 3
    error = ((ms_seeds + ms_participants) / 12) ** 0.5
    df = (ms_seeds + ms_participants) ** 2 / (ms_seeds**2 / 2 + ms_participants**2 / 3)
    half = stats.t.ppf(0.975, df) * error
    assert row["difference"] == pytest.approx(0.25)
    assert (row["low"], row["high"]) == pytest.approx((0.25 - half, 0.25 + half))
    assert row["p"] == row["p_holm"] == pytest.approx(2 * stats.t.sf(0.25 / error, df))
    assert row["positive"] == 1
    assert row[["sd_seeds", "sd_participants", "sd_rest"]].tolist() == pytest.approx(
        [(ms_seeds / 4) ** 0.5, (ms_participants / 3) ** 0.5, 0], abs=1e-7
    )
    assert (row["method"], row["reference"], row["participants"], row["seeds"], row["missing"]) == ("KD", "CE", 4, 3, 0)


def test_swapping_reference_and_method_changes_the_sign_only():
    frame = predictions({"CE": 0.5, "KD": 0.6}, seeds=3)
    there, back = compare(frame).iloc[0], compare(frame, reference="KD").iloc[0]
    assert there["difference"] == pytest.approx(-back["difference"])
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]))
    assert there["p"] == pytest.approx(back["p"])


def test_one_lucky_network_is_no_evidence_however_many_participants_it_serves():
    frame = pd.concat([right([5] * 6, "CE", seed) for seed in range(3)])
    unlike = [right([10] * 6, "KD", 0), right([5] * 6, "KD", 1), right([5] * 6, "KD", 2)]
    assert compare(pd.concat([frame, *unlike])).iloc[0]["p"] > 0.3


@pytest.mark.parametrize(
    ("seeds", "participants", "said"), [(5, 8, "claim"), (3, 8, "descriptive"), (2, 8, "too few"), (5, 5, "too few")]
)
def test_a_row_says_what_it_may_be_read_as(seeds, participants, said):
    row = compare(predictions({"CE": 0.5, "KD": 0.7}, participants=participants, seeds=seeds)).iloc[0]
    assert row["standing"] == said
    assert np.isnan([row["low"], row["high"], row["p"], row["p_holm"]]).all() == (seeds < 3)
    assert np.isfinite(row["difference"])


def test_p_is_against_a_threshold():
    frame = predictions({"CE": 0.5, "KD": 0.5}, participants=9, seeds=4)
    row = compare(frame, threshold=compare(frame).iloc[0]["low"]).iloc[0]
    assert row["p"] == pytest.approx(0.05)


def test_pairs_use_only_the_seeds_that_both_have():
    frame = pd.concat([right([5, 5], "CE", 0), right([1, 1], "CE", 1), right([6, 8], "KD", 0)])
    row = compare(frame).iloc[0]
    assert row["seeds"] == 1
    assert row["difference"] == pytest.approx(0.2)


def test_groups_and_metrics_are_compared_within_and_corrected_together():
    one = predictions({"CE": 0.5, "KD": 0.6, "SACD": 0.6}, seeds=3)
    both = pd.concat([one.assign(protocol="paper"), one.assign(protocol="few-label")])
    found = compare(both, metrics=("accuracy", "kappa"), within=["protocol"])
    assert found[["metric", "protocol", "method"]].values.tolist() == [
        [metric, protocol, method]
        for metric in ("accuracy", "kappa")
        for protocol in ("paper", "few-label")
        for method in ("KD", "SACD")
    ]
    np.testing.assert_allclose(found["p_holm"], holm(found["p"]))
    assert found["p_holm"].min() == pytest.approx(min(1, 8 * found["p"].min()))
    assert (found["family"] == 8).all()


def test_rows_without_a_p_do_not_count_in_the_correction():
    three = predictions({"CE": 0.5, "KD": 0.6, "SACD": 0.6}, seeds=3)
    found = compare(three[(three["method"] != "KD") | (three["seed"] == 0)]).set_index("method")
    assert np.isnan(found.loc["KD", "p_holm"])
    assert found.loc["SACD", "p_holm"] == found.loc["SACD", "p"]
    assert (found["family"] == 1).all()


@pytest.mark.parametrize("metric", ["macro_f1", "kappa", "recall_N1"])
def test_other_metrics_are_each_participants_own(metric):
    frame = predictions({"CE": 0.4, "KD": 0.8})
    own = {
        key: float(SCORES[metric].of(mean_confusion(part)))
        for key, part in frame.groupby(["method", "seed", "participant_id"])
    }
    gains = [own["KD", *cell] - own["CE", *cell] for (method, *cell) in own if method == "KD"]
    assert compare(frame, metrics=[metric]).iloc[0]["difference"] == pytest.approx(np.mean(gains))


def test_a_stage_that_a_participant_lacks_leaves_him_out_of_its_recall():
    frame = predictions({"CE": 0.4, "KD": 0.8}, participants=4)
    frame = frame[(frame["participant_id"] != "p0") | (frame["stage"] != 1)]
    assert compare(frame, metrics=["recall_N1"]).iloc[0]["participants"] == 3


def test_a_missing_cell_is_counted_and_left_out():
    frame = predictions({"CE": 0.4, "KD": 0.8}, participants=4, seeds=3)
    row = compare(frame[(frame["participant_id"] != "p0") | (frame["seed"] != 1)]).iloc[0]
    assert (row["participants"], row["seeds"], row["missing"]) == (4, 3, 1)
    assert np.isfinite(row["p"])


def test_another_unit_than_participants_may_be_random():
    frame = predictions({"CE": 0.4, "KD": 0.6}, participants=9, seeds=3)
    renamed = frame.rename(columns={"participant_id": "speaker"})
    pd.testing.assert_frame_equal(compare(renamed, unit="speaker"), compare(frame))
    with pytest.raises(SacdError, match="no column participant_id"):
        compare(renamed)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "FitNet"}, "no method 'FitNet'"),
        ({"metrics": ["auc"]}, "metric 'auc' is unknown"),
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


def test_what_is_present_is_compared_and_the_rest_left_out():
    one = predictions({"CE": 0.5, "KD": 0.6}, seeds=3)
    without = one[one["method"] == "KD"]
    both = pd.concat([one.assign(block="a"), without.assign(block="b")])
    found = compare_present(both, "CE", within=["block"])
    pd.testing.assert_frame_equal(found, compare(both[both["block"] == "a"], "CE", within=["block"]))
    pd.testing.assert_frame_equal(compare_present(one), compare(one))
    nothing = compare_present(without.assign(block="b"), "CE", within=["block"])
    assert nothing.empty and list(nothing) == list(found)
