"""The confirmation's rows on a real cohort of features, as it is: paired differences over participants and seeds."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from sacd import runs
from sacd.analysis.comparison import compare
from sacd.analysis.summary import summarise
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.claim import KD, OURS, Design, digest, load_design, real_runs
from sacd.experiments.common import is_features
from sacd.figures.tables import comparison_table, results_table
from sacd.figures.words import in_words
from sacd.report.claim import OUT
from sacd.report.html import render
from sacd.runs.kinds.student import StudentRun


def predicted_rows(design: Design, cohort: Cohort) -> pd.DataFrame:
    """Test predictions of every row, student and decision of the design on a cohort; columns `row`, `setting`.

    Raises
    ------
    SacdError
        The cohort holds no features, or a run failed.
    """
    named = _named_runs(design, cohort)
    table = runs.ensure(cohort, [run for *_, run in named])
    parts = []
    for index, (row, student, _) in enumerate(named):
        part = runs.predictions(table.iloc[[index]], decision=design.decisions)
        parts.append(part.assign(row=row, setting=student + " · " + part["decision"]))
    return pd.concat(parts, ignore_index=True)


def _named_runs(design: Design, cohort: Cohort) -> list[tuple[str, str, StudentRun]]:
    if not is_features(cohort):
        raise SacdError(f"{cohort.path}: holds pictures; the confirmation's rows need features of them")
    return real_runs(design, cohort)


def plan_benchmark(path: Path, design: Design | None = None) -> pd.DataFrame:
    """What `benchmark` would train; as `sacd.runs.plan` says it."""
    cohort = Cohort.open(path)
    return runs.plan(cohort, [run for *_, run in _named_runs(design or load_design(), cohort)])


def benchmark(path: Path, out: Path | None = None, design: Design | None = None) -> Path:
    """Train what is missing of the rows on a cohort, and write their table; returns the page."""
    design = load_design() if design is None else design
    cohort = Cohort.open(path)
    predicted, metrics = predicted_rows(design, cohort), design.real.metrics
    against = compare(predicted, KD, metrics, by="row", within=["setting"])
    summary = summarise(predicted, by=["setting", "row"])
    ours = against[(against["row"] == OURS) & (against["metric"] == metrics[0])]
    words = [f"{OURS} − {KD}, {row['setting']}: {in_words(row)}." for row in ours.to_dict("records")]
    out = Path(out or OUT)
    out.mkdir(parents=True, exist_ok=True)
    name = cohort.path.resolve().name
    summary[summary["metric"].isin(metrics)].to_csv(out / f"{name}.csv", index=False)
    against.to_csv(out / f"{name}-differences.csv", index=False)
    parts = [
        results_table(summary, cohort.label, "All rows", by=["row"], metrics=metrics, match=["row"], block="setting"),
        comparison_table(against, cohort.label, f"Against {KD}", by=["setting", "row"]),
    ]
    page = out / f"{name}.html"
    made = f"Method {digest(design)}, {datetime.now(UTC):%Y-%m-%d}."
    title = "The same method on a real cohort" if not cohort.info.simulated else "The same method on another cohort"
    page.write_text(
        render(
            "claim.html", title=title, label=cohort.label, simulated=cohort.info.simulated, words=words, parts=parts,
            made=made,
        )
    )  # fmt: skip
    return page
