"""Tables as self-contained HTML: results beside the paper's numbers, comparisons, any frame; text is escaped."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sacd import paper
from sacd.decisions import DECISIONS
from sacd.figures.html_table import Html, cell, render
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
from sacd.metrics import SCORES, Score, score_names


def _number(value: float, score: Score) -> str:
    return "–" if pd.isna(value) else score.written(value)


def _text(value: Any) -> str:
    """A key or text as shown; a missing one is a dash, also None and NA."""
    return "–" if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else str(value)


def _blocks(values: list[str] | None, count: int) -> list[str | None]:
    """The heading before each row: where the block's name changes."""
    if values is None:
        return [None] * count
    return [value if index == 0 or values[index - 1] != value else None for index, value in enumerate(values)]


def _estimate(row: Mapping[str, float], score: Score, published: str = "") -> dict[str, str]:
    """A cell of a row of `sacd.analysis.summary.summarise`: mean ± SD, its interval, what the paper printed."""
    value = _number(row["mean"], score)
    value += "" if pd.isna(row["sd"]) else f" ± {_number(row['sd'], score)}"
    ends = [_number(row[name], score) for name in ("low", "high")]
    return cell(value, "" if pd.isna(row["low"]) else f"[{', '.join(ends)}]", published)


def _groups(summary: pd.DataFrame, by: Sequence[str], block: str | None) -> tuple[list[pd.DataFrame], list[str | None]]:
    """The rows of a table as parts of its summary, those of a block together, and the heading before each."""
    identity = [*([block] if block else []), *by]
    found = [group for _, group in summary.groupby(identity, sort=False, dropna=False)]
    if block:
        order = summary[block].map(_text).drop_duplicates().tolist()
        found.sort(key=lambda group: order.index(_text(group[block].iloc[0])))
    return found, _blocks([_text(group[block].iloc[0]) for group in found] if block else None, len(found))


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
        `sacd.analysis.summary.summarise`; rows keep their order.
    label : str
        `Cohort.label`.
    caption : str
    by : sequence of str
        Columns that name a row.
    metrics : sequence of str
        Columns of the table, of `sacd.metrics.SCORES`; empty: all that are no details.
    published : DataFrame
        `sacd.paper.tidy`: columns `match`, `metric`, `mean`, `sd`.
    match : sequence of str
        Columns on which a row finds the paper's; the first match counts.
    block : str
        Column of headings between rows, e.g. protocol.
    notes : sequence of str
        Below the table.
    """
    metrics = metrics or score_names()
    theirs: dict[tuple, tuple[float, float]] = {}
    if published is not None:
        for row in published.to_dict("records"):
            theirs.setdefault((*(_text(row[key]) for key in match), row["metric"]), (row["mean"], row["sd"]))
    rows = []
    for part, heading in zip(*_groups(summary, by, block), strict=True):
        group = part.set_index("metric")
        cells = [cell(_text(group[key].iloc[0])) for key in by]
        for metric in metrics:
            score = SCORES[metric]
            known = (*(_text(group[key].iloc[0]) for key in match), metric) if theirs else None
            mean, spread = theirs.get(known, (math.nan, math.nan))
            other = "" if pd.isna(mean) else f"paper {_number(mean, score)}"
            other += "" if pd.isna(spread) else f" ± {100 * spread:.2f}"
            cells.append(_estimate(group.loc[metric], score, other))
        cells += [cell(str(int(group[name].iloc[0]))) for name in ("participants", "seeds")]
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
    return render(caption, label, columns, rows, [*lines, *notes])


DECIDED: tuple[str, ...] = ("accuracy", "macro_f1", "kappa", "balanced_accuracy")
"""What a table of decisions shows of each."""


def decisions_table(
    summary: pd.DataFrame,
    label: str,
    caption: str,
    by: Sequence[str] = ("method",),
    metrics: Sequence[str] = DECIDED,
    block: str | None = None,
    notes: Sequence[str] = (),
) -> Html:
    """Decisions from the same probabilities beside each other: a row a method, a group of columns a decision.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.summary.summarise` by `by` and *decision*, as of `runs.predictions` with several decisions; rows
        and decisions keep their order, a row without one of them has dashes.
    label, caption, by, block, notes
        As for `results_table`.
    metrics : sequence of str
        Columns of each decision, of `sacd.metrics.SCORES`.
    """
    decisions = summary["decision"].drop_duplicates().tolist()
    nothing = dict.fromkeys(("mean", "sd", "low", "high"), math.nan)
    rows = []
    for part, heading in zip(*_groups(summary, by, block), strict=True):
        known = part.set_index(["decision", "metric"]).to_dict("index")
        cells = [cell(_text(part[key].iloc[0])) for key in by]
        for decision in decisions:
            cells += [_estimate(known.get((decision, metric), nothing), SCORES[metric]) for metric in metrics]
        cells += [cell(str(int(part[name].iloc[0]))) for name in ("participants", "seeds")]
        rows.append({"block": heading, "cells": cells})
    columns = [
        *((key, "text") for key in by),
        *((SCORES[name].heading, "number") for _ in decisions for name in metrics),
        ("participants", "number"),
        ("seeds", "number"),
    ]
    groups = [("", len(by)), *((DECISIONS[name].title, len(metrics)) for name in decisions), ("", 2)]
    lines = [f"Mean ± SD over seeds; in brackets {INTERVAL}."]
    lines += [f"{DECISIONS[name].title}: {DECISIONS[name].description}." for name in decisions]
    return render(caption, label, columns, rows, [*lines, *notes], groups)


def details_table(
    summary: pd.DataFrame,
    label: str,
    caption: str,
    by: Sequence[str] = ("method",),
    block: str | None = None,
    notes: Sequence[str] = (),
) -> Html:
    """What `results_table` leaves out: precisions, biases, coarser classes.

    Parameters
    ----------
    summary, label, caption, by, block, notes
        As for `results_table`.
    """
    about = [
        "Bias: time said to be of a stage minus time that is, mean over participants.",
        "4 classes: N1 and N2 are one; 3 classes: W, NREM, REM. A dash: at some seed the stage is never said.",
    ]
    return results_table(summary, label, caption, by, score_names(detail=True), block=block, notes=[*about, *notes])


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
        return render(caption, label, [("", "text")], [], [NOTHING])
    headings = _blocks(comparison[block].map(_text).tolist() if block else None, len(comparison))
    rows = []
    for row, heading in zip(comparison.to_dict("records"), headings, strict=True):
        metric = row["metric"]
        cells = [cell(_text(row[key])) for key in by]
        cells += [
            cell(f"{SCORES[metric].title} − {row['reference']}"),
            cell(points(row["difference"], metric), interval(row["low"], row["high"], metric)),
            cell(f"{100 * row['positive']:.0f}"),
            *(cell(probability(row[name]).removeprefix("p ").removeprefix("= ") or "–") for name in ("p", "p_holm")),
            cell(row["standing"]),
            cell(str(row["participants"])),
            cell(str(row["seeds"])),
        ]
        rows.append({"block": heading, "cells": cells})
    units = {score_of(metric).difference_unit for metric in comparison["metric"]} - {""}
    unit = ",".join(["difference", *sorted(units)])
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
        lines.append("Macro-F1, κ, recalls …: the mean of the participants' own is compared, not the rows of a table.")
    if (comparison["missing"] > 0).any():
        lines.append("Some participants lack a difference for some seeds; they enter where they have one.")
    return render(caption, label, columns, rows, [*lines, *notes])


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
            return format(value, formats.get(name, ",.0f" if whole else ".4g")).replace("-", "−").replace("%", " %")
        return text

    kinds = [
        "number" if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].dtype != bool else "text"
        for name in frame.columns
    ]
    columns = [(str(name).replace("_", " "), kind) for name, kind in zip(frame.columns, kinds, strict=True)]
    rows = [
        {"block": None, "cells": [cell(show(name, value)) for name, value in zip(frame.columns, values, strict=True)]}
        for values in frame.itertuples(index=False)
    ]
    return render(caption, label, columns, rows, notes)
