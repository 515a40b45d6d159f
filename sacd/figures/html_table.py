"""Self-contained HTML of a table: its look, its cells, escaping of all text; no scripts, nothing from the network."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment

TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<style>
.sacd-table {border-collapse: collapse; font: 13px/1.35 system-ui, sans-serif; color: #222;
  font-variant-numeric: tabular-nums}
.sacd-table caption {text-align: left; padding: 0 0 6px; font-weight: 600}
.sacd-table caption .label {font-weight: 400; color: #707070}
.sacd-table caption .simulated {font-weight: 700; color: #b34700}
.sacd-table th, .sacd-table td {padding: 4px 6px; text-align: right; vertical-align: top; background: none}
.sacd-table th.text, .sacd-table td.text {text-align: left}
.sacd-table thead th {border-top: 1.5px solid #222; border-bottom: 1px solid #222; vertical-align: bottom}
.sacd-table thead .group {text-align: center; border-bottom: 1px solid #999}
.sacd-table thead .group ~ .group {border-left: 6px solid #fff}
.sacd-table thead tr + tr th {border-top: none}
.sacd-table tbody tr:last-child td {border-bottom: 1.5px solid #222}
.sacd-table tbody tr.block td {border-top: 1px solid #999; font-weight: 600; text-align: left}
.sacd-table .interval, .sacd-table .published {display: block; font-size: 11px; white-space: nowrap; color: #555}
.sacd-table .published {font-style: italic; color: #8a4b08}
.sacd-table .number .value {white-space: nowrap}
.sacd-table .mark {display: block; width: fit-content; margin-bottom: 2px; padding: 0 8px; border: 1px solid #66717a;
  border-radius: 9px; background: #66717a; color: #fff; font-size: 12px; font-weight: 600; white-space: nowrap}
.sacd-table .mark.holds {background: #00785a; border-color: #00785a}
.sacd-table .mark.opposite {background: #b34700; border-color: #b34700}
.sacd-table .mark.described {background: none; color: inherit}
.sacd-table tfoot td {text-align: left; font-size: 11px; color: #555; padding-bottom: 0}
</style>
<table class="sacd-table">
<caption>{{ caption }} <span class="{{ 'simulated' if simulated else 'label' }}">{{ label }}</span></caption>
<thead>
{% if groups %}
<tr>{% for title, width in groups %}<th class="group" colspan="{{ width }}">{{ title }}</th>{% endfor %}</tr>
{% endif %}
<tr>
{% for column in columns %}
<th class="{{ column.kind }}">{{ column.title }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for row in rows %}
{% if row.block is not none %}
<tr class="block"><td colspan="{{ columns|length }}">{{ row.block }}</td></tr>
{% endif %}
<tr>
{% for cell in row.cells %}
<td class="{{ columns[loop.index0].kind }}">
{%- if cell.mark -%}
<span class="mark {{ cell.mark|replace(' ', '-') }}{{ '' if cell.sure else ' described' }}">
{{- symbols.get(cell.mark, "–") }} {{ cell.mark }}</span>
{%- endif -%}
<span class="value">{{ cell.value }}</span>
{%- if cell.interval %}<span class="interval">{{ cell.interval }}</span>{% endif %}
{%- if cell.published %}<span class="published">{{ cell.published }}</span>{% endif %}
</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
{% if notes %}
<tfoot>
{% for note in notes %}
<tr><td colspan="{{ columns|length }}">{{ note }}</td></tr>
{% endfor %}
</tfoot>
{% endif %}
</table>
""")

SYMBOLS = {"holds": "✓", "not clear": "○", "opposite": "✗"}
"""Of marks; others have a dash."""


class Html(str):
    """HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


def cell(value: str, interval: str = "", published: str = "") -> dict[str, str]:
    """A cell: its value, and below it, smaller, an interval and what the paper printed."""
    return {"value": value, "interval": interval, "published": published}


def marked(content: dict[str, str], mark: str, sure: bool) -> dict[str, Any]:
    """A cell that says at a glance what it comes to, before the detail; in outline where that is not sure."""
    return content | {"mark": mark, "sure": sure}


def render(
    caption: str,
    label: str,
    columns: list[tuple[str, str]],
    rows: list[dict[str, Any]],
    notes: Sequence[str],
    groups: Sequence[tuple[str, int]] = (),
) -> Html:
    """A table.

    Parameters
    ----------
    caption : str
    label : str
        Whose numbers these are; bold where it says *simulated*.
    columns : list of (str, str)
        Title and kind, *text* or *number*.
    rows : list of dict
        `cells`, one a column, and `block`: the heading before the row, or None.
    notes : sequence of str
        Below the table.
    groups : sequence of (str, int)
        Headings above the columns' own, and over how many of them each stands.
    """
    titles = [{"title": title, "kind": kind} for title, kind in columns]
    simulated = "simulated" in label.lower()
    return Html(
        TEMPLATE.render(
            caption=caption, label=label, simulated=simulated, columns=titles, rows=rows, notes=notes, groups=groups,
            symbols=SYMBOLS,
        )
    )
