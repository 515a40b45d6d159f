import re

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions

from sacd.analysis.comparison import compare
from sacd.analysis.summary import summarise
from sacd.figures.html_table import Html
from sacd.figures.tables import comparison_table, decisions_table, details_table, plain_table, results_table
from sacd.paper import tidy

NASTY = "<script>alert('x')</script>"
LABEL = f"{NASTY} (simulated)"


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


@pytest.fixture
def runs() -> pd.DataFrame:
    return predictions({"CE": 0.5, "SACD": 0.6, NASTY: 0.6}, participants=8, clips=20, seeds=3)


@pytest.fixture
def tables(runs) -> dict[str, Html]:
    summary = summarise(runs)
    return {
        "results": results_table(
            summary, LABEL, NASTY, published=tidy("II").query("teacher == 'AttnSleep'"), notes=[NASTY]
        ),
        "comparison": comparison_table(compare(runs), LABEL, NASTY, notes=[NASTY]),
        "plain": plain_table(pd.DataFrame({NASTY: [NASTY], "n": [1]}), LABEL, NASTY, notes=[NASTY]),
    }


@pytest.mark.parametrize("name", ["results", "comparison", "plain"])
def test_text_from_files_is_escaped_and_the_label_shown(tables, name):
    html = tables[name]
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert '<span class="simulated">' in html and "(simulated)" in html
    assert html._repr_html_() == html
    assert not re.search(r"https?:|//|src=|@import", html)


def test_results_carry_spread_interval_and_the_papers_value(runs):
    summary = summarise(runs)
    published = tidy("II").query("teacher == 'AttnSleep'")
    shown = text(results_table(summary, LABEL, "Table II", published=published))
    row = summary.query("method == 'SACD' and metric == 'accuracy'").iloc[0]
    assert f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}" in shown
    assert f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]" in shown
    assert "paper 64.4 ± 0.45" in shown and "paper 0.60 ± 0.38" in shown
    assert "paper, another dataset (S3VE)" in shown


def test_a_row_without_a_published_value_has_none(runs):
    html = results_table(summarise(runs), LABEL, "Table II", published=tidy("II").query("method == 'SACD'"))
    assert html.count('class="published"') == 8
    assert "another dataset" not in results_table(summarise(runs), LABEL, "ours alone")


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_have_no_interval(runs, seeds):
    few = runs[runs["seed"] < seeds]
    results, differences = results_table(summarise(few), LABEL, "few"), comparison_table(compare(few), LABEL, "few")
    for html in (results, differences):
        assert "[" not in text(html)
        assert ("not known from one seed" in html) == (seeds == 1)
    assert ("±" in text(results).replace("Mean ±", "")) == (seeds == 2)
    assert text(differences).count("too few 8") == 2


def test_blocks_are_headed_once(runs):
    both = pd.concat([runs.assign(protocol=name) for name in ("paper protocol", "few-label")])
    html = results_table(summarise(both, by=["protocol", "method"]), LABEL, "Table II", block="protocol")
    assert html.count('<tr class="block">') == 2
    mixed = summarise(both, by=["protocol", "method"]).sort_values("method", kind="stable")
    assert results_table(mixed, LABEL, "Table II", block="protocol").count('<tr class="block">') == 2
    found = compare(both, within=["protocol"])
    assert comparison_table(found, LABEL, "differences", block="protocol").count('<tr class="block">') == 2


def test_a_missing_key_matches_a_missing_key(runs):
    frame = runs[runs["method"] == "CE"].assign(teacher=None)
    published = tidy("II").query("student == 'R(2+1)D-18'")
    keys = ["teacher", "method"]
    shown = text(
        results_table(summarise(frame, by=keys), LABEL, "t", by=keys, match=keys, published=published)
    )
    assert "paper 52.5" in shown


def test_missing_predictions_are_said(runs):
    gap = (runs["seed"] == 1) & (runs["participant_id"] == "p0")
    assert "lack predictions" in results_table(summarise(runs[~gap]), LABEL, "t")
    assert "lack predictions" not in results_table(summarise(runs), LABEL, "t")


def test_comparisons_print_interval_p_and_what_they_may_be_read_as(runs):
    found = compare(runs)
    row = found.query("method == 'SACD'").iloc[0]
    shown = text(comparison_table(found, LABEL, "differences")).replace("&#39;", "'")
    difference, low, high = (f"{100 * row[name]:+.1f}".replace("-", "−") for name in ("difference", "low", "high"))
    assert f"{difference} [{low}, {high}]" in shown
    assert f"{row['p_holm']:.3f}"[1:] in shown
    assert "descriptive 8 3" in shown
    assert "a new draw of participants and of training seeds" in shown
    assert "Holm's correction over the 2 tests of this table" in shown
    assert f"{100 * found['sd_participants'].median():.1f} between participants" in shown
    assert f"{100 * found['detectable'].median():.1f} points would be seen" in shown
    assert "own is compared" not in shown
    assert "own is compared" in comparison_table(compare(runs, metrics=["macro_f1"]), LABEL, "differences")


def test_missing_differences_are_said(runs):
    gap = (runs["seed"] == 1) & (runs["participant_id"] == "p0")
    assert "lack a difference" in comparison_table(compare(runs[~gap]), LABEL, "t")
    assert "lack a difference" not in comparison_table(compare(runs), LABEL, "t")


def test_plain_values_are_readable():
    frame = pd.DataFrame(
        {"n": [154573], "x": [-0.123456], "big": [154573.2], "share": [0.25], "ok": [True], "no": [np.nan], "s": [None]}
    )
    shown = text(plain_table(frame, "a cohort", "t", formats={"share": ".0%"}))
    assert "154,573 −0.1235 154,573 25 % yes – –" in shown
    assert "simulated" not in shown


def test_decisions_stand_beside_each_other(runs):
    both = pd.concat([runs.assign(decision="argmax"), runs.assign(predicted=2, decision="corrected")])
    summary = summarise(both, by=["method", "decision"])
    html = decisions_table(summary, LABEL, "Decisions", metrics=("accuracy", "kappa"))
    groups = re.findall(r'class="group" colspan="(\d)">(.*?)<', html)
    assert groups == [("1", ""), ("2", "Argmax"), ("2", "Corrected"), ("2", "")]
    cells = re.findall(r'<td class="number"><span class="value">(.*?)</span>', html)
    assert len(cells) == 3 * (4 + 2)
    assert cells[2:4] == ["20.0 ± 0.0", "0.00 ± 0.00"], "one stage in five is right by chance"
    row = summary.query("method == 'CE' and decision == 'argmax' and metric == 'accuracy'").iloc[0]
    assert cells[0] == f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}"
    assert "Corrected: temperature-scaled" in html and "<script" not in html
    gap = summary.method.eq("CE") & summary.decision.eq("corrected")
    assert decisions_table(summary[~gap], "x", "t").count('<span class="value">–</span>') == 4


def test_details_are_a_table_of_their_own(runs):
    summary = summarise(runs)
    main, details = text(results_table(summary, LABEL, "t")), text(details_table(summary, LABEL, "t"))
    for title in ("Precision N1, %", "Bias REM, min in 8 h", "κ, 4 classes", "Balanced accuracy, %"):
        assert title in details and title not in main
    assert "Recall N1" in main and "Recall N1" not in details
    shown = text(comparison_table(compare(runs, metrics=["accuracy", "bias_W"]), LABEL, "t"))
    assert "difference, min in 8 h, points" in shown and "Bias W − CE" in shown
