"""The report's pages as one reads them: words as text, parameters once, thumbnails, contents, findings, sorting."""

import base64
import re
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from browser import picture_of
from PIL import Image

from sacd.report import html as pages
from sacd.report.parameters import parameters
from sacd.report.words import as_text
from sacd.widgets import offline

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def cell(source, *tags, printed=None):
    made = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    if printed is not None:
        made.outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    return made


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def test_a_printed_line_is_a_paragraph():
    html = as_text("SACD gains <b>nothing</b>\n\n    · not clear")
    assert html == (
        '<div class="said"><p>SACD gains &lt;b&gt;nothing&lt;/b&gt;</p>'
        '<p style="margin-left: 1.5rem">· not clear</p></div>'
    )
    assert as_text(" \n") == ""


def test_aligned_columns_are_a_table():
    html = as_text("paper     KD   +1.0 points\npaper      SACD  −2.0 points\n95 % interval  of all")
    assert re.findall("<td>(.*?)</td>", html) == ["paper", "KD", "+1.0 points", "", "SACD", "−2.0 points"]
    assert html.endswith("<p>95 % interval of all</p></div>")


def test_what_is_printed_for_programmers_stays():
    (words,), (numbers,) = (
        pages.cells(notebook(cell("print(x)", *tags, printed="[0.1  0.2]"))) for tags in ((), ("printed",))
    )
    assert words["outputs"][0]["html"] == '<div class="said"><p>[0.1 0.2]</p></div>'
    assert numbers["outputs"][0]["html"] == "<pre>[0.1  0.2]</pre>"


def test_parameters_stand_once_without_a_machines_folders():
    own = cell('cohort = "data/simulated-laptop"  # a folder\nseed: int = 0\nothers = []\nroot = 2 * 3', "parameters")
    told = '# Parameters\ncohort = "/home/somebody/data/clinic"\nothers = ["/x/a", "/x/b"]'
    given = cell(told, "injected-parameters")
    content = notebook(own, given, cell("cohort"))
    assert parameters(content) == {"cohort": "clinic", "seed": "0", "others": "a, b", "root": "2 * 3"}
    assert parameters(notebook(own))["others"] == "none"
    (shown,) = pages.cells(content)
    assert "somebody" not in shown["html"]


def png(width, height, foot="white"):
    picture = Image.fromarray(np.full((height, width, 3), 255, np.uint8))
    picture.paste("red", (0, 0, width, 20))
    picture.paste(foot, (0, height - 20, width, height))
    stream = BytesIO()
    picture.save(stream, "PNG")
    return {"image/png": base64.b64encode(stream.getvalue()).decode()}


def with_figure(width, height, **options):
    made = cell("figure")
    made.outputs = [nbformat.v4.new_output("display_data", png(width, height, **options))]
    return notebook(made)


def test_a_tall_figure_has_a_thumbnail_of_its_top_and_its_foot():
    made = Image.open(BytesIO(pages.thumbnail(with_figure(1000, 9000, foot="blue"))))
    assert made.size == (640, 480)
    assert made.getpixel((300, 5)) == (255, 0, 0) and made.getpixel((300, 474)) == (0, 0, 255)


@pytest.mark.parametrize(("height", "folded"), [(900, False), (1300, False), (1500, True)])
def test_a_tall_figure_is_folded(height, folded):
    (shown,) = pages.cells(with_figure(1000, height))
    assert shown["outputs"][0]["html"].startswith('<div class="tall"><img') == folded


def test_headings_are_the_contents_of_a_page():
    text = nbformat.v4.new_markdown_cell("# Title\n\n## Results & more\n\nwords\n\n### Below\n\n## In *words*")
    assert pages.headings(pages.cells(notebook(text))) == [
        {"id": "Results-&-more", "title": "Results & more"}, {"id": "In-words", "title": "In words"},
    ]


def test_findings_are_the_lines_of_tagged_cells():
    found = notebook(cell("print(x)", "finding", printed="One.\n\n Two.\n"), cell("print(y)", printed="no"))
    assert pages.findings(found) == ["One.", "Two."]


def test_players_have_what_they_need_once():
    made = cell("player")
    made.outputs = [nbformat.v4.new_output("display_data", {"text/html": f"<div {offline.MARK}></div>"})] * 2
    assert pages.player_head(notebook(made)).count('id="sacd-viewer-source"') == 1
    assert pages.player_head(notebook(cell("x"))) == ""


def test_at_most_ten_chapters_say_what_was_found():
    tagged = [path.stem for path in NOTEBOOKS if '"finding"' in path.read_text(encoding="utf-8")]
    assert 5 <= len(tagged) <= 10, tagged


ENTRY = {
    "name": "03_x", "title": "A <chapter>", "status": "done", "reason": "", "seconds": 2.0, "kept": False,
    "executed": "", "runs": 1, "failed_runs": [], "page": "03_x.html", "thumbnail": "03_x.png", "references": [],
}
COHORT = {"label": "tiny (simulated)", "simulated": True, "participants": 2, "recordings": 2, "clips": 9}


def index(cohort=COHORT, **changes):
    entry = ENTRY | {"summaries": ["<table></table>"]} | changes
    return pages.render(
        "index.html", entries=[entry], found=[{"text": "SACD <gains>.", "card": entry}], cohort=cohort, profile="smoke",
        summary="1 done", versions={}, written="now", runs=[],
    )


def test_the_first_screen_says_what_was_found_before_any_table():
    page = index()
    order = ["SACD &lt;gains&gt;.", "Contents", 'id="03_x"', 'src="03_x.png"', "<summary>1 table</summary>"]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert 'href="03_x.html"' in page and "A &lt;chapter&gt;" in page and "A <chapter>" not in page
    assert "0 tables" not in index(summaries=[])


def test_what_both_networks_see_is_said_where_it_is_not_eeg_and_video():
    assert "from EEG to infrared sleep video</h1>" in index()
    two = COHORT | {"sees": {"teacher": "heart <rate>", "student": "wrist movement"}}
    assert "from heart &lt;rate&gt; to wrist movement</h1>" in index(two)
    page = pages.render(
        "notebook.html", entry=ENTRY, cohort=two, cells=[], plotly=False, page="b.html", references=[],
        contents=[{"title": "b", "page": "b.html"}], headings=[], parameters={}, players="",
    )
    assert "the teacher sees heart &lt;rate&gt;, the student sees wrist movement: this is what EEG and video" in page


def test_a_chapter_leads_to_the_others():
    contents = [{"title": name, "page": f"{name}.html"} for name in ("a", "b", "c")]
    page = pages.render(
        "notebook.html", entry=ENTRY, cohort=COHORT, cells=[], plotly=False, page="b.html", references=[],
        contents=contents, headings=[{"id": "Results", "title": "Results"}], parameters={"seed": "<1>"}, players="",
    )
    assert page.count('href="a.html"') == page.count('href="c.html"') == 2, "beside the page and below it"
    assert 'href="b.html" aria-current="page"' in page and 'href="#Results"' in page and "seed: &lt;1&gt;" in page


def test_tables_in_a_browser(tmp_path, page):
    """Sorted by a click, numbers as such; wider than the page they scroll in their own frame."""
    rows = pd.DataFrame({"method": ["KD", "CE", "SACD"], "gain": ["−2.0 [−3, 1]", "–", "+10.0 [9, 11]"]})
    wide = pd.DataFrame({f"column {number}": ["a rather long cell", "another"] for number in range(40)})
    file = tmp_path / "index.html"
    file.write_text(index(summaries=[rows.to_html(index=False), wide.to_html()]), encoding="utf-8")
    page.goto(file.as_uri())
    picture_of(page, "report-index")
    page.click("summary >> text=2 tables")
    frames = page.locator(".chapter .wide")
    for order in (["SACD", "KD", "CE"], ["KD", "SACD", "CE"]):
        page.click("button >> text=gain")
        assert frames.nth(0).locator("td:first-child").all_inner_texts() == order
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert frames.nth(1).evaluate("frame => frame.scrollWidth > frame.clientWidth")
    page.emulate_media(media="print")
    assert frames.nth(1).evaluate("frame => frame.scrollHeight <= frame.clientHeight"), "nothing is cut off below"
