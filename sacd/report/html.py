"""The report's pages: executed notebooks and the index as HTML that opens with the network off.

nbconvert's own template asks four CDNs for scripts; ours has no address outside the report's folder. Plotly figures
are drawn from their MIME output by one shared plotly.min.js; formulas stay as text.
"""

import base64
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import jinja2
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, ansi2html, markdown2html
from nbformat import NotebookNode
from PIL import Image
from pygments.formatters import HtmlFormatter

from sacd.progress import duration

PLOTLY = "application/vnd.plotly.v1+json"
THUMBNAIL_WIDTH = 640
SUMMARY = "summary"

_TAG = re.compile(r"<[a-zA-Z][^<>]*>")
_ATTRIBUTES = "href|src|srcset|action|formaction|poster|data|background"
_EXTERNAL = re.compile(rf"""\b(?:{_ATTRIBUTES})\s*=\s*(["']?)\s*((?:https?:)?//[^"'\s>]*)[^"'>]*?\1(?=[\s/>])""", re.I)
_STYLE_URL = re.compile(r"""url\(\s*["']?\s*(?:https?:)?//[^)]*\)|@import[^;]*;""", re.I)
_STYLE = re.compile(r"<style\b.*?</style>", re.I | re.S)


def without_external_addresses(html: str) -> str:
    """HTML whose links and sources outside the report are turned into plain `data-address` attributes."""
    html = _STYLE.sub(lambda style: _STYLE_URL.sub("none", style[0]), html)
    return _TAG.sub(lambda tag: _EXTERNAL.sub(lambda found: f'data-address="{found[2]}"', tag[0]), html)


def _text(content: str) -> str:
    return f"<pre>{ansi2html(content)}</pre>" if content.strip() else ""


def _picture(kind: str, content: str) -> str:
    if kind == "image/svg+xml":
        content = base64.b64encode(content.encode()).decode()
    data = "".join(content.split())
    return f'<img alt="figure" src="data:{kind};base64,{data}">'


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
    for number, output in enumerate(cell.outputs):
        if output.output_type == "stream":
            yield {"kind": output.name, "html": _text(output.text)}
        elif output.output_type == "error":
            yield {"kind": "error", "html": _text("\n".join(output.traceback))}
        else:
            yield {"kind": "rich", "html": _rich(output.data, f"{name}-{number}")}


def cells(notebook: NotebookNode) -> list[dict[str, Any]]:
    """What the template needs of every cell: kind, HTML of the text or code, and HTML of the outputs."""
    highlight = Highlight2HTML(pygments_lexer="ipython3")
    shown = []
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags", [])
        if any(tag.startswith("papermill-error") for tag in tags) or not cell.source.strip():
            continue
        if cell.cell_type == "code":
            outputs = [output for output in _outputs(cell, f"figure-{number}") if output["html"]]
            shown.append({"kind": "code", "html": highlight(cell.source), "outputs": outputs, "tags": tags})
        else:
            html = without_external_addresses(markdown2html(cell.source))
            shown.append({"kind": "text", "html": html, "outputs": [], "tags": tags})
    return shown


def uses_plotly(notebook: NotebookNode) -> bool:
    """Whether a page needs plotly.min.js."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return any(PLOTLY in output.get("data", {}) for output in outputs)


def thumbnail(notebook: NotebookNode) -> bytes | None:
    """The notebook's first PNG figure, at most 640 pixels wide, as PNG; None where it has none."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                picture = Image.open(BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
                picture.thumbnail((THUMBNAIL_WIDTH, 4 * THUMBNAIL_WIDTH))
                stream = BytesIO()
                picture.save(stream, "PNG", optimize=True)
                return stream.getvalue()
    return None


def summaries(notebook: NotebookNode) -> list[str]:
    """HTML of the outputs of cells tagged ``summary``, pictures left out: the index shows them."""
    tagged = [cell for cell in notebook.cells if SUMMARY in cell.metadata.get("tags", [])]
    html = [_rich(output.data, "") for cell in tagged for output in cell.get("outputs", [])
            if "text/html" in output.get("data", {}) and PLOTLY not in output.data]
    return [table for table in html if table]


def render(template: str, **values: Any) -> str:
    """A page from ``sacd/report/templates``; everything but trees of ready HTML is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sacd.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"html": Markup, "duration": duration}
    environment.globals["code_style"] = Markup(HtmlFormatter(style="friendly").get_style_defs(".highlight"))
    return environment.get_template(template).render(**values)


