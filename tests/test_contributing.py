"""The method and the column that CONTRIBUTING.md shows are used exactly as printed."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions
from tiny import make_cohort

from sacd import experiments, metrics, runs
from sacd.analysis.comparison import compare
from sacd.analysis.summary import summarise
from sacd.experiments.profile import load_profile
from sacd.figures.distillation import forest
from sacd.figures.tables import comparison_table, results_table
from sacd.runs.store import RunStore

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
METHOD, COLUMN = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_a_file_of_at_most_25_lines_adds_a_row_to_table_two(tmp_path):
    assert len(METHOD.splitlines()) <= 25
    file = tmp_path / "cosine.py"
    file.write_text(METHOD)
    cohort = make_cohort(tmp_path / "cohort", features=True)
    profile = load_profile("smoke").model_copy(update={"methods": ("ce", f"{file}:Cosine"), "seeds": 1})
    search = profile.equal_budget.model_copy(update={"methods": ("ce", f"{file}:Cosine")})
    profile = profile.model_copy(update={"equal_budget": search})
    configs = experiments.distillation(cohort, profile)
    table = runs.ensure(cohort, configs, RunStore(tmp_path / "runs"))
    assert set(table.status) == {"done"}, table.error.tolist()
    predicted = runs.predictions(table)
    predicted["block"] = experiments.block_names(predicted)
    summary = summarise(predicted, by=["block", "method"])
    assert summary.block.nunique() == 4
    for block, rows in summary.groupby("block"):
        assert {"CE", "Cosine"} <= set(rows.method), block
    before = set(runs.plan(cohort, configs, RunStore(tmp_path / "runs")).run_id)
    file.write_text(METHOD.replace("weight: float = 1.0", "weight: float = 2.0"))
    again = runs.plan(cohort, configs, RunStore(tmp_path / "runs"))
    assert set(again.run_id[again.title.str.contains("CE")]) <= before
    assert not set(again.run_id[again.title.str.contains("Cosine")]) & before


def test_a_line_adds_a_column_to_every_results_table(monkeypatch):
    ((name, score),) = eval(f"{{{COLUMN}}}", vars(metrics)).items()
    monkeypatch.setitem(metrics.SCORES, name, score)
    frame = predictions({"CE": 0.5, "SACD": 0.7}, participants=8, seeds=3)
    summary = summarise(frame)
    row = summary[(summary.metric == name) & (summary.method == "SACD")].iloc[0]
    recalls = summary[summary.method == "SACD"].set_index("metric")["mean"].filter(like="recall_")
    assert row["mean"] == pytest.approx(recalls.drop("recall_W").mean())
    printed = pd.DataFrame([{"method": "SACD", "metric": name, "mean": 0.628, "sd": np.nan}])
    shown = results_table(summary, "a cohort", "Table II", published=printed)
    assert f"{score.title}, %" in shown and "paper 62.8" in shown
    assert f"{100 * row['mean']:.1f} ± {100 * row['sd']:.1f}" in shown
    assert f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]" in shown
    assert score.title in comparison_table(compare(frame, metrics=[name]), "a cohort", "differences")
    assert f"{score.title}, %" in [ax.get_xlabel() for ax in forest(summary, "a cohort", name).axes]
