"""The report's pages: executed notebooks and the index as HTML that opens with the network off.

nbconvert's own template asks four CDNs for scripts; ours has no address outside the report's folder. Plotly figures
are drawn from their MIME output by one shared plotly.min.js; formulas stay as text.
"""

import base64
import json
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from typing import Any

import jinja2
import tinycss2
from bs4 import BeautifulSoup
from bs4.dammit import EntitySubstitution
from bs4.element import Stylesheet
from bs4.formatter import HTMLFormatter
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML, ansi2html, markdown2html
from nbformat import NotebookNode
from PIL import Image
from pygments.formatters import HtmlFormatter
from tinycss2.ast import CurlyBracketsBlock, IdentToken, Node, ParenthesesBlock, SquareBracketsBlock

from sacd.progress import duration

PLOTLY = "application/vnd.plotly.v1+json"
THUMBNAIL_WIDTH = 640
SUMMARY = "summary"

_PLAIN = HTMLFormatter(EntitySubstitution.substitute_xml, "", empty_attributes_are_booleans=True)
_NONE = IdentToken(0, 0, "none")
_ADDRESSES = frozenset(
    {"href", "src", "srcset", "action", "formaction", "poster", "data", "background", "ping", "xlink:href"}
)
_SUSPECT = ("//", "\\", "http:", "https:", "ftp:", "@import")
"""No address outside and no import is written without one of these, entities apart."""


def without_external_addresses(html: str) -> str:
    """HTML whose links and sources outside the report are turned into plain `data-address` attributes.

    In style sheets and `style` attributes such an address becomes ``none``, and imports go.
    """
    if not _is_suspect(unescape(html)):  # a large table need not be read
        return html
    soup = BeautifulSoup(html, "html.parser")
    for tag in soup.find_all(True):
        for name in _ADDRESSES & tag.attrs.keys():
            if _is_external(tag[name]):
                tag["data-address"] = tag[name].strip()
                del tag[name]
        if "style" in tag.attrs:
            tag["style"] = _clean_style(tag["style"])
        if tag.name == "style" and tag.string:
            tag.string.replace_with(Stylesheet(_clean_style(tag.string)))
    return soup.decode(formatter=_PLAIN)


def _is_suspect(text: str) -> bool:
    text = text.lower().translate(dict.fromkeys(map(ord, "\t\n\r")))  # which a browser skips
    return any(mark in text for mark in _SUSPECT)


def _is_external(address: str) -> bool:
    """Whether a browser would look for it elsewhere; also in a list of sources, as in ``srcset``."""
    parts = "".join(character for character in address if character >= " ").replace("\\", "/").lower()
    return any(part.strip().startswith(("//", "http:", "https:", "ftp:")) for part in parts.split(","))


def _clean_style(text: str) -> str:
    return tinycss2.serialize(_clean(tinycss2.parse_component_value_list(text))) if _is_suspect(text) else text


def _clean(nodes: list[Node]) -> list[Node]:
    """Parts of a style sheet without imports and external addresses."""
    kept, importing = [], False
    for node in nodes:
        importing = importing or node.type == "at-keyword" and node.lower_value == "import"
        if importing:
            importing = node != ";"
            continue
        if node.type == "function":
            node.arguments = _clean(node.arguments)
            if any(part.type == "string" and _is_external(part.value) for part in node.arguments):
                node = _NONE
        elif node.type == "url" and _is_external(node.value):
            node = _NONE
        elif isinstance(node, (CurlyBracketsBlock, ParenthesesBlock, SquareBracketsBlock)):
            node.content = _clean(node.content)
        kept.append(node)
    return kept


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


