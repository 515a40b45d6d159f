"""The report's pages: executed notebooks and the index as HTML that opens with the network off.

nbconvert's own template asks four CDNs for scripts; ours has no address outside the report's folder. Plotly figures
are drawn from their MIME output by one shared plotly.min.js; formulas stay as text.
"""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import jinja2
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, ansi2html, markdown2html
from nbformat import NotebookNode
from PIL import Image
from pygments.formatters import HtmlFormatter

from sacd.progress import duration
from sacd.report.addresses import without_external_addresses
from sacd.report.parameters import is_parameters
from sacd.report.words import as_text
from sacd.widgets import offline

PLOTLY = "application/vnd.plotly.v1+json"
SUMMARY, FINDING, PRINTED = "summary", "finding", "printed"
"""Tags of cells: its tables stand in the index; its words do; what it prints is no sentence and stays as it is."""
THUMBNAIL_WIDTH = 640
TALL = 1.4
"""Height over width from which a figure is folded, and its thumbnail shows the top."""
_FOOT = 60
"""Pixels at a figure's foot that hold its stamp."""


def _text(content: str) -> str:
    return f"<pre>{ansi2html(content)}</pre>" if content.strip() else ""


def _picture(kind: str, content: str) -> str:
    if kind == "image/svg+xml":
        content = base64.b64encode(content.encode()).decode()
    data = "".join(content.split())
    image = f'<img alt="figure" src="data:{kind};base64,{data}">'
    return f'<div class="tall">{image}</div>' if kind != "image/svg+xml" and _is_tall(_opened(data)) else image


def _opened(data: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(data)))


def _is_tall(picture: Image.Image) -> bool:
    return picture.width > 2 * _FOOT and picture.height > TALL * picture.width


def _plotly(figure: dict[str, Any], name: str) -> str:
    config = {"displaylogo": False, "responsive": True}
    parts = [figure.get("data", []), figure.get("layout", {}), config]
    data, layout, settings = (json.dumps(part).replace("</", "<\\/") for part in parts)
    draw = f'Plotly.newPlot("{name}", {data}, {layout}, {settings});'
    return f'<div id="{name}" class="plotly"></div>\n<script>{draw}</script>'


def _rich(data: dict[str, Any], name: str) -> str:
    """The best form of a MIME bundle that needs no kernel and no network."""
    if PLOTLY in data:
        return _plotly(data[PLOTLY], name)
    if "text/html" in data:
        return without_external_addresses(data["text/html"])
    for kind in ("image/png", "image/jpeg", "image/svg+xml"):
        if kind in data:
            return _picture(kind, data[kind])
    if "text/markdown" in data:
        return without_external_addresses(markdown2html(data["text/markdown"]))
    if any("widget-view" in kind for kind in data):
        return ""
    return _text(data.get("text/latex") or data.get("text/plain", ""))


def _outputs(cell: NotebookNode, name: str) -> Iterator[dict[str, str]]:
    stays = PRINTED in cell.metadata.get("tags", [])
    for number, output in enumerate(cell.outputs):
        if output.output_type == "stream":
            words = output.name == "stdout" and not stays
            yield {"kind": output.name, "html": as_text(output.text) if words else _text(output.text)}
        elif output.output_type == "error":
            yield {"kind": "error", "html": _text("\n".join(output.traceback))}
        else:
            yield {"kind": "rich", "html": _rich(output.data, f"{name}-{number}")}


def cells(notebook: NotebookNode) -> list[dict[str, Any]]:
    """What the template needs of every cell: kind, HTML of the text or code, HTML of the outputs, tags.

    Cells that set parameters are left out: `sacd.report.parameters` says them once.
    """
    highlight = Highlight2HTML(pygments_lexer="ipython3")
    shown = []
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if any(tag.startswith("papermill-error") for tag in tags) or not cell.source.strip() or is_parameters(cell):
            continue
        if cell.cell_type == "code":
            outputs = [output for output in _outputs(cell, f"figure-{number}") if output["html"]]
            shown.append({"kind": "code", "html": highlight(cell.source), "outputs": outputs, "tags": tags})
        else:
            html = without_external_addresses(markdown2html(cell.source))
            shown.append({"kind": "text", "html": html, "outputs": [], "tags": tags})
    return shown


def headings(shown: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The second-level headings of `cells`: `id` and `title`, for a page's contents."""
    texts = "".join(cell["html"] for cell in shown if cell["kind"] == "text")
    found = BeautifulSoup(texts, "html.parser").select("h2[id]")
    return [{"id": tag["id"], "title": tag.get_text().removesuffix("¶").strip()} for tag in found]


def uses_plotly(notebook: NotebookNode) -> bool:
    """Whether a page needs plotly.min.js."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return any(PLOTLY in output.get("data", {}) for output in outputs)


def player_head(notebook: NotebookNode) -> str:
    """What a page needs once for its players of clips: HTML; empty where it has none."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    held = any(offline.MARK in output.get("data", {}).get("text/html", "") for output in outputs)
    return offline.head() if held else ""


def thumbnail(notebook: NotebookNode) -> bytes | None:
    """The notebook's first PNG figure, at most 640 pixels wide, as PNG; None where it has none.

    Of a tall one its top and its foot, which says whose data it shows: whole it would be a sliver.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                picture = _opened(output.data["image/png"]).convert("RGB")
                picture = _top(picture) if _is_tall(picture) else picture
                picture.thumbnail((THUMBNAIL_WIDTH, 4 * THUMBNAIL_WIDTH))
                stream = BytesIO()
                picture.save(stream, "PNG", optimize=True)
                return stream.getvalue()
    return None


def _top(picture: Image.Image) -> Image.Image:
    """A figure cut to three quarters of its width in height: its top, a grey line, its foot."""
    width, height = picture.width, round(0.75 * picture.width)
    cut = Image.new("RGB", (width, height), "#bbbbbb")
    cut.paste(picture.crop((0, 0, width, height - _FOOT - 4)), (0, 0))
    cut.paste(picture.crop((0, picture.height - _FOOT, width, picture.height)), (0, height - _FOOT))
    return cut


def summaries(notebook: NotebookNode) -> list[str]:
    """HTML of the outputs of cells tagged ``summary``, pictures left out: the index shows them."""
    tagged = [cell for cell in notebook.cells if SUMMARY in cell.metadata.get("tags", [])]
    html = [_rich(output.data, "") for cell in tagged for output in cell.get("outputs", [])
            if "text/html" in output.get("data", {}) and PLOTLY not in output.data]
    return [table for table in html if table]


def findings(notebook: NotebookNode) -> list[str]:
    """What the notebook says was found, a sentence each: the printed lines of its cells tagged ``finding``."""
    tagged = [cell for cell in notebook.cells if FINDING in cell.metadata.get("tags", [])]
    printed = [output.text for cell in tagged for output in cell.get("outputs", []) if output.get("name") == "stdout"]
    return [line.strip() for text in printed for line in text.splitlines() if line.strip()]


def render(template: str, **values: Any) -> str:
    """A page from ``sacd/report/templates``; everything but trees of ready HTML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sacd.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"html": Markup, "duration": duration}
    for name, style in (("code_style", "friendly"), ("dark_code_style", "github-dark")):
        environment.globals[name] = Markup(HtmlFormatter(style=style).get_style_defs(".highlight"))
    return environment.get_template(template).render(**values)


