"""The method that CONTRIBUTING.md shows is run exactly as printed."""

import re
from pathlib import Path

from tiny import make_cohort

from sacd import experiments, runs
from sacd.analysis.metrics import summarise
from sacd.experiments.profile import load_profile
from sacd.runs.store import RunStore

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()


def test_a_file_of_at_most_25_lines_adds_a_row_to_table_two(tmp_path):
    (source,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(source.splitlines()) <= 25
    file = tmp_path / "cosine.py"
    file.write_text(source)
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
    file.write_text(source.replace("weight: float = 1.0", "weight: float = 2.0"))
    again = runs.plan(cohort, configs, RunStore(tmp_path / "runs"))
    assert set(again.run_id[again.title.str.contains("CE")]) <= before
    assert not set(again.run_id[again.title.str.contains("Cosine")]) & before
