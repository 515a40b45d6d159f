"""What a notebook printed, set as text: a paragraph a line, and a table where columns had been aligned by spaces."""

import re
from itertools import groupby

from markupsafe import escape
from nbconvert.filters import strip_ansi

_GAP = re.compile(r" {2,}")
_STEP = 4
"""Spaces of an indentation."""


def as_text(printed: str) -> str:
    """Printed lines as HTML in the page's own type, escaped.

    Neighbouring lines of as many parts, two spaces or more apart, are the rows of a table, which says a first part that
    stays the same once; any other is a paragraph, set back where it was indented.
    """
    lines = [line.rstrip() for line in strip_ansi(printed).splitlines() if line.strip()]
    html = []
    for parts, group in groupby(lines, key=lambda line: len(_parts(line))):
        rows = list(group)
        if parts > 1 and len(rows) > 1:
            html.append(_table([_parts(line) for line in rows]))
        else:
            html += [_paragraph(line) for line in rows]
    return f'<div class="said">{"".join(html)}</div>' if html else ""


def _parts(line: str) -> list[str]:
    return _GAP.split(line.strip())


def _table(rows: list[list[str]]) -> str:
    above, html = "", []
    for first, *rest in rows:
        cells = ["" if first == above else first, *rest]
        html.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
        above = first
    return f"<table><tbody>{''.join(html)}</tbody></table>"


def _paragraph(line: str) -> str:
    depth = (len(line) - len(line.lstrip(" "))) // _STEP
    back = f' style="margin-left: {1.5 * depth:g}rem"' if depth else ""
    return f"<p{back}>{escape(' '.join(_parts(line)))}</p>"
