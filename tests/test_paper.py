import pandas as pd
import pytest

from sacd import paper
from sacd.exceptions import SacdError
from sacd.metrics import SCORES, score_names
from sacd.stages import STAGES, ahi_group


def test_table_ii_has_two_baselines_and_seven_methods_for_each_teacher():
    table = paper.table_ii()
    assert table["teacher"].value_counts().to_dict() == {"Attnsleep": 7, "DeepSleepNet": 7, "Modified-SEN": 7, "-": 2}
    assert table.notna().all(axis=None)
    best = table[table["method"] == "SACD(ours)"].set_index("teacher")
    assert best["accuracy"].to_dict() == {"Attnsleep": 64.4, "DeepSleepNet": 60.7, "Modified-SEN": 62.6}
    assert best.loc["Attnsleep", paper.RECALLS].tolist() == [75.6, 51.0, 60.2, 59.3, 67.8]


def test_the_gains_that_the_text_states_follow_from_the_tables():
    """Section V-C: over the baseline 11.9, 12.3, 0.13; over CCL 2.1, 1.9, 0.04; UCF51 8.5 and 1.1; V-D: fusion 6.7."""
    ii = paper.table_ii().set_index(["teacher", "method"])[["accuracy", "macro_f1", "kappa"]]
    sacd = ii.loc[("Attnsleep", "SACD(ours)")]
    assert (sacd - ii.loc[("-", "Baseline R(2+1)D")]).tolist() == pytest.approx([11.9, 12.3, 0.13])
    assert (sacd - ii.loc[("Attnsleep", "CCL")]).tolist() == pytest.approx([2.1, 1.9, 0.04])
    iii = paper.table_iii().set_index("method")["accuracy"]
    assert iii["SACD(ours)"] - iii["Baseline R(2+1)D"] == pytest.approx(8.5)
    assert iii["SACD(ours)"] - iii["CCL"] == pytest.approx(1.1)
    iv = paper.table_iv().set_index("method")["accuracy"]
    assert iv["Experiment D"] - iv["Baseline Attnsleep (only EEG)"] == pytest.approx(6.7)


def test_the_ablation_ends_in_the_main_result():
    ours = paper.table_v().iloc[-1]
    main = paper.table_ii().query("teacher == 'Attnsleep' and method == 'SACD(ours)'").iloc[0]
    assert ours[["accuracy", *paper.RECALLS]].tolist() == main[["accuracy", *paper.RECALLS]].tolist()


def test_fig_2_counts_all_subjects():
    counts = paper.figure_2().groupby("factor")["count"].sum()
    assert counts["sex"] == counts["ahi"] == paper.SUBJECTS
    assert paper.stage_shares().sum() == pytest.approx(1)
    assert paper.stage_shares().idxmax() == "W"


def test_stages_are_in_our_order():
    assert tuple(paper.table_i()["stage"]) == tuple(paper.STAGE_CLIPS) == STAGES
    assert set(paper.figure_13()["taken_for"]) < set(STAGES)


def test_the_four_samples_cover_the_groups_as_the_paper_says():
    assert ahi_group(paper.table_vi()["ahi"]).tolist() == [3, 0, 1, 2]


def test_fig_5_peaks_at_the_chosen_weights():
    points = paper.figure_5()
    best = points.loc[points.groupby("panel")["accuracy"].idxmax(), list(paper.LAMBDAS)]
    assert (best == pd.Series(paper.LAMBDAS)).all(axis=None)


@pytest.mark.parametrize("table", ["II", "III", "IV", "V"])
def test_tidy_speaks_our_language(table):
    found = paper.tidy(table)
    assert set(found["metric"]) <= set(SCORES)
    assert found["mean"].between(0, 1).all()
    assert not found.duplicated([name for name in ("teacher", "student", "method", "metric") if name in found]).any()
    assert not found["method"].isin(["Fitnet", "SACD(ours)"]).any()


def test_tidy_keeps_the_spread_that_is_printed():
    found = paper.tidy("II").set_index(["teacher", "method", "metric"])
    assert found.loc[("AttnSleep", "SACD", "accuracy"), ["mean", "sd"]].tolist() == pytest.approx([0.644, 0.0045])
    assert found["sd"].notna().sum() == 3 * len(score_names())
    baselines = paper.tidy("II").query("method == 'CE' and metric == 'accuracy'")
    assert baselines["student"].tolist() == ["R(2+1)D-18", "R3D-18"]
    assert baselines["teacher"].isna().all()


def test_an_unknown_table_is_refused():
    with pytest.raises(SacdError, match="VI"):
        paper.tidy("VI")
