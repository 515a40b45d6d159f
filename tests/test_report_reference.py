"""Tables that are kept of a full run: what is kept, and that pages show them as another profile's."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from sacd.exceptions import SacdError
from sacd.report.folder import MANIFEST, NOTEBOOKS
from sacd.report.html import render
from sacd.report.reference import keep, references


def table(text: str) -> dict:
    return new_output("display_data", {"text/html": f"<table><tr><td>{text}</td></tr></table>"})


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of two notebooks, one of which failed."""
    folder = tmp_path / "report"
    (folder / NOTEBOOKS).mkdir(parents=True)
    for name in ("03_a", "04_b"):
        shown = new_code_cell("1", outputs=[table(f"kept of {name}")], metadata={"tags": ["summary"]})
        other = new_code_cell("2", outputs=[table("not a summary")])
        nbformat.write(new_notebook(cells=[shown, other]), folder / NOTEBOOKS / f"{name}.ipynb")
    entries = {"03_a": {"status": "done"}, "04_b": {"status": "failed"}}
    about = {"cohort": {"label": "x (simulated)"}, "profile": "evening", "entries": entries}
    (folder / MANIFEST).write_text(json.dumps(about))
    return folder


def test_the_summaries_of_what_is_done_are_kept_and_others_find_them(report, tmp_path):
    place = tmp_path / "reference"
    (place / "evening").mkdir(parents=True)
    (place / "evening" / "99_gone.json").write_text("[]")
    keep(report, "make report-evening", "abc123", place)
    assert {file.name for file in (place / "evening").iterdir()} == {"about.json", "03_a.json"}
    [found] = references("03_a", "laptop", place)
    assert (found.profile, found.command, found.commit) == ("evening", "make report-evening", "abc123")
    assert len(found.tables) == 1 and "kept of 03_a" in found.tables[0]
    assert references("03_a", "evening", place) == references("04_b", "laptop", place) == []


def test_a_page_says_whose_tables_they_are(report, tmp_path):
    keep(report, "make <b>", "abc123", tmp_path / "reference")
    beside = [vars(one) for one in references("03_a", "laptop", tmp_path / "reference")]
    page = render(
        "notebook.html", entry={"title": "t", "status": "done", "reason": ""}, cohort={"label": "l", "simulated": True},
        cells=[], plotly=False, references=beside, page="03_a.html", players="", headings=[],
        contents=[{"title": "t", "page": "03_a.html", "number": "03", "status": "done"}], parameters={},
    )
    assert "profile evening, x (simulated)," in page and "<code>make &lt;b&gt;</code>, commit abc123" in page
    assert "<td>kept of 03_a</td>" in page


def test_what_is_no_report_is_refused(tmp_path):
    with pytest.raises(SacdError, match="holds no report"):
        keep(tmp_path, "make", "abc", tmp_path / "reference")
