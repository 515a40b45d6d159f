import re

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions

from sacd.analysis.comparison import compare
from sacd.analysis.metrics import summarise
from sacd.figures.tables import Html, comparison_table, plain_table, results_table
from sacd.paper import tidy

NASTY = "<script>alert('x')</script>"
LABEL = f"{NASTY} (simulated)"


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


@pytest.fixture
def runs() -> pd.DataFrame:
    return predictions({"CE": 0.5, "SACD": 0.6, NASTY: 0.6}, participants=4, clips=20)


@pytest.fixture
def tables(runs) -> dict[str, Html]:
    summary = summarise(runs, draws=50)
    return {
        "results": results_table(
            summary, LABEL, NASTY, published=tidy("II").query("teacher == 'AttnSleep'"), notes=[NASTY]
        ),
        "comparison": comparison_table(compare(runs, draws=99), LABEL, NASTY, notes=[NASTY]),
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
    summary = summarise(runs, draws=50)
    published = tidy("II").query("teacher == 'AttnSleep'")
    shown = text(results_table(summary, LABEL, "Table II", published=published))
    row = summary.query("method == 'SACD' and metric == 'accuracy'").iloc[0]
    assert f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}" in shown
    assert f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]" in shown
    assert "paper 64.4 ± 0.45" in shown and "paper 0.60 ± 0.38" in shown
    assert "paper, another dataset (S3VE)" in shown


def test_a_row_without_a_published_value_has_none(runs):
    html = results_table(summarise(runs, draws=50), LABEL, "Table II", published=tidy("II").query("method == 'SACD'"))
    assert html.count('class="published"') == 8
    assert "another dataset" not in results_table(summarise(runs, draws=50), LABEL, "ours alone")


def test_one_seed_has_no_spread(runs):
    one = summarise(runs[runs["seed"] == 0], draws=50)
    assert "±" not in re.sub("Mean ±", "", text(results_table(one, LABEL, "one seed")))


def test_blocks_are_headed_once(runs):
    both = pd.concat([runs.assign(protocol=name) for name in ("paper protocol", "few-label")])
    html = results_table(summarise(both, by=["protocol", "method"], draws=20), LABEL, "Table II", block="protocol")
    assert html.count('<tr class="block">') == 2
    found = compare(both, within=["protocol"], draws=99)
    assert comparison_table(found, LABEL, "differences", block="protocol").count('<tr class="block">') == 2


def test_a_missing_key_matches_a_missing_key(runs):
    frame = runs[runs["method"] == "CE"].assign(teacher=None)
    published = tidy("II").query("student == 'R(2+1)D-18'")
    keys = ["teacher", "method"]
    shown = text(
        results_table(summarise(frame, by=keys, draws=20), LABEL, "t", by=keys, match=keys, published=published)
    )
    assert "paper 52.5" in shown


def test_missing_predictions_are_said(runs):
    gap = (runs["seed"] == 1) & (runs["participant_id"] == "p0")
    assert "lack predictions" in results_table(summarise(runs[~gap], draws=20), LABEL, "t")
    assert "lack predictions" not in results_table(summarise(runs, draws=20), LABEL, "t")


def test_comparisons_print_what_n_allows(runs):
    shown = text(comparison_table(compare(runs, draws=99), LABEL, "differences"))
    assert "smallest p" in shown and "0.125" in shown
    assert "Holm's correction over the 2 tests of each" in shown.replace("&#39;", "'")


def test_plain_values_are_readable():
    frame = pd.DataFrame(
        {"n": [154573], "x": [-0.123456], "big": [154573.2], "share": [0.25], "ok": [True], "no": [np.nan], "s": [None]}
    )
    shown = text(plain_table(frame, "a cohort", "t", formats={"share": ".0%"}))
    assert "154,573 −0.1235 154,573 25% yes – –" in shown
    assert "simulated" not in shown
