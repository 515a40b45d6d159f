"""Tables as self-contained HTML: results beside the paper's numbers, comparisons, any frame; text is escaped."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from jinja2 import Environment

from sacd import paper
from sacd.figures.style import PAPER_NOTE
from sacd.figures.words import (
    INTERVAL,
    MEANING,
    NOTHING,
    STANDINGS,
    components_notes,
    interval,
    points,
    probability,
    score_of,
)
from sacd.scores import SCORES, Score

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
.sacd-table tbody tr:last-child td {border-bottom: 1.5px solid #222}
.sacd-table tbody tr.block td {border-top: 1px solid #999; font-weight: 600; text-align: left}
.sacd-table .interval, .sacd-table .published {display: block; font-size: 11px; white-space: nowrap; color: #555}
.sacd-table .published {font-style: italic; color: #8a4b08}
.sacd-table .number .value {white-space: nowrap}
.sacd-table tfoot td {text-align: left; font-size: 11px; color: #555; padding-bottom: 0}
</style>
<table class="sacd-table">
<caption>{{ caption }} <span class="{{ 'simulated' if simulated else 'label' }}">{{ label }}</span></caption>
<thead><tr>
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
<td class="{{ columns[loop.index0].kind }}"><span class="value">{{ cell.value }}</span>
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


class Html(str):
    """HTML that a notebook shows as such."""

    def _repr_html_(self) -> str:
        return str(self)


def _number(value: float, score: Score) -> str:
    return "–" if pd.isna(value) else score.written(value)


def _cell(value: str, interval: str = "", published: str = "") -> dict[str, str]:
    return {"value": value, "interval": interval, "published": published}


def _text(value: Any) -> str:
    """A key or text as shown; a missing one is a dash, also None and NA."""
    return "–" if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else str(value)


def _render(
    caption: str, label: str, columns: list[tuple[str, str]], rows: list[dict[str, Any]], notes: Sequence[str]
) -> Html:
    titles = [{"title": title, "kind": kind} for title, kind in columns]
    simulated = "simulated" in label.lower()
    return Html(
        TEMPLATE.render(caption=caption, label=label, simulated=simulated, columns=titles, rows=rows, notes=notes)
    )


def _blocks(values: list[str] | None, count: int) -> list[str | None]:
    """The heading before each row: where the block's name changes."""
    if values is None:
        return [None] * count
    return [value if index == 0 or values[index - 1] != value else None for index, value in enumerate(values)]


def results_table(
    summary: pd.DataFrame,
    label: str,
    caption: str,
    by: Sequence[str] = ("method",),
    metrics: Sequence[str] = (),
    published: pd.DataFrame | None = None,
    match: Sequence[str] = ("method",),
    block: str | None = None,
    notes: Sequence[str] = (),
) -> Html:
    """Results as mean ± SD over seeds with the interval below, and the paper's value below that.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.metrics.summarise`; rows keep their order.
    label : str
        `Cohort.label`.
    caption : str
    by : sequence of str
        Columns that name a row.
    metrics : sequence of str
        Columns of the table, of `sacd.scores.SCORES`; empty: all.
    published : DataFrame
        `sacd.paper.tidy`: columns `match`, `metric`, `mean`, `sd`.
    match : sequence of str
        Columns on which a row finds the paper's; the first match counts.
    block : str
        Column of headings between rows, e.g. protocol.
    notes : sequence of str
        Below the table.
    """
    metrics = metrics or tuple(SCORES)
    theirs: dict[tuple, tuple[float, float]] = {}
    if published is not None:
        for row in published.to_dict("records"):
            theirs.setdefault((*(_text(row[key]) for key in match), row["metric"]), (row["mean"], row["sd"]))
    identity = [*([block] if block else []), *by]
    found = [group.set_index("metric") for _, group in summary.groupby(identity, sort=False, dropna=False)]
    headings = _blocks([_text(group[block].iloc[0]) for group in found] if block else None, len(found))
    rows = []
    for group, heading in zip(found, headings, strict=True):
        cells = [_cell(_text(group[key].iloc[0])) for key in by]
        for metric in metrics:
            score, ours = SCORES[metric], group.loc[metric]
            value = _number(ours["mean"], score)
            value += "" if pd.isna(ours["sd"]) else f" ± {_number(ours['sd'], score)}"
            mean, spread = theirs.get((*(_text(group[key].iloc[0]) for key in match), metric), (math.nan, math.nan))
            other = "" if pd.isna(mean) else f"paper {_number(mean, score)}"
            other += "" if pd.isna(spread) else f" ± {100 * spread:.2f}"
            ends = [_number(ours[name], score) for name in ("low", "high")]
            cells.append(_cell(value, "" if pd.isna(ours["low"]) else f"[{', '.join(ends)}]", other))
        cells += [_cell(str(int(group[name].iloc[0]))) for name in ("participants", "seeds")]
        rows.append({"block": heading, "cells": cells})
    columns = [
        *((key, "text") for key in by),
        *((SCORES[name].heading, "number") for name in metrics),
        ("participants", "number"),
        ("seeds", "number"),
    ]
    shown = summary[summary["metric"].isin(metrics)]
    lines = [f"Mean ± SD over seeds; in brackets {INTERVAL}.", *components_notes(shown)]
    if theirs:
        lines.append(f"In italics, “paper”: {PAPER_NOTE} ({paper.DATASET}), no result of this cohort.")
    if (summary["missing"] > 0).any():
        lines.append("Some participants lack predictions for some seeds; they enter where they have them.")
    return _render(caption, label, columns, rows, [*lines, *notes])


def comparison_table(
    comparison: pd.DataFrame,
    label: str,
    caption: str,
    by: Sequence[str] = ("method",),
    block: str | None = None,
    notes: Sequence[str] = (),
) -> Html:
    """Paired differences with interval, p before and after Holm, and what they may be read as.

    Parameters
    ----------
    comparison : DataFrame
        `sacd.analysis.comparison.compare`; without a row the table says that there is nothing to compare.
    label, caption, by, block, notes
        As for `results_table`.
    """
    if comparison.empty:
        return _render(caption, label, [("", "text")], [], [NOTHING])
    headings = _blocks(comparison[block].map(_text).tolist() if block else None, len(comparison))
    rows = []
    for row, heading in zip(comparison.to_dict("records"), headings, strict=True):
        metric = row["metric"]
        cells = [_cell(_text(row[key])) for key in by]
        cells += [
            _cell(f"{SCORES[metric].title} − {row['reference']}"),
            _cell(points(row["difference"], metric), interval(row["low"], row["high"], metric)),
            _cell(f"{100 * row['positive']:.0f}"),
            *(_cell(probability(row[name]).removeprefix("p ").removeprefix("= ") or "–") for name in ("p", "p_holm")),
            _cell(row["standing"]),
            _cell(str(row["participants"])),
            _cell(str(row["seeds"])),
        ]
        rows.append({"block": heading, "cells": cells})
    points_too = any(score_of(metric).is_share for metric in comparison["metric"])
    unit = "difference, points" if points_too else "difference"
    columns = [
        *((key, "text") for key in by),
        ("compared", "text"),
        *((name, "number") for name in (unit, "above 0, %", "p", "p (Holm)")),
        ("read as", "text"),
        *((name, "number") for name in ("participants", "seeds")),
    ]
    tests = ", ".join(str(size) for size in comparison["family"].unique())
    lines = [
        f"Paired by participant and seed; in brackets {INTERVAL}.",
        f"{MEANING}; Holm's correction over the {tests} tests of this table.",
        STANDINGS,
        *components_notes(comparison),
    ]
    if (comparison["metric"] != "accuracy").any():
        lines.append("Macro-F1, κ, recalls: the mean of the participants' own is compared, not the rows of a table.")
    if (comparison["missing"] > 0).any():
        lines.append("Some participants lack a difference for some seeds; they enter where they have one.")
    return _render(caption, label, columns, rows, [*lines, *notes])


def plain_table(
    frame: pd.DataFrame,
    label: str,
    caption: str,
    formats: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Html:
    """Any frame, without its index.

    Parameters
    ----------
    frame : DataFrame
    label : str
        Of the cohort or source.
    caption : str
    formats : mapping of str to str
        Column → format specification, e.g. ``".1%"``; others: integers with thousands, floats with four digits, yes/no.
    notes : sequence of str
    """
    formats = formats or {}

    def show(name: str, value: Any) -> str:
        text = _text(value)
        if text == "–":
            return text
        if pd.api.types.is_bool(value):
            return "yes" if value else "no"
        if pd.api.types.is_number(value):
            whole = pd.api.types.is_integer(value) or abs(value) >= 1000
            return format(value, formats.get(name, ",.0f" if whole else ".4g")).replace("-", "−")
        return text

    kinds = [
        "number" if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype != bool else "text"
        for name in frame.columns
    ]
    columns = [(str(name).replace("_", " "), kind) for name, kind in zip(frame.columns, kinds, strict=True)]
    rows = [
        {"block": None, "cells": [_cell(show(name, value)) for name, value in zip(frame.columns, values, strict=True)]}
        for values in frame.itertuples(index=False)
    ]
    return _render(caption, label, columns, rows, notes)
