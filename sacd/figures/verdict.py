"""The verdict as a table, claims × cohorts, and as a forest of everything measured beside the paper's figures."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.analysis.inference import CLAIM, DESCRIPTIVE
from sacd.analysis.verdict import HOLDS, REAL, UNTESTED, Judged, words
from sacd.figures.html_table import Html, cell, marked, render
from sacd.figures.style import CYCLE, GRID, INK, MUTED, PAPER_NOTE, STYLE, canvas, name_panel, percent, stamp, styled
from sacd.figures.words import INTERVAL, MEANING, STANDINGS, components_notes, estimate_in_words, points
from sacd.paper.claim_type import Claim, Evidence

ROW, WIDTH = 0.24, 11.0
"""Inches."""
REAL_TITLE = "real paired\u00a0video and\u00a0EEG"


def label_of(judged: Sequence[Judged]) -> str:
    """What stands on a table or figure of several cohorts: their labels, those of simulated ones at the end."""
    names = sorted((one.label for one in judged), key=lambda name: "simulated" in name.lower())
    return ", ".join(names)


def _estimate(row: dict[str, Any], metric: str) -> str:
    return estimate_in_words(row["figure"], row["low"], row["high"], row["p_holm"], metric)


def _paper(evidence: Evidence) -> str:
    if math.isnan(evidence.printed):
        return "paper: no figure"
    return f"paper {points(evidence.printed, evidence.metric)}"


def verdict_table(judged: Sequence[Judged], claims: Sequence[Claim], notes: Sequence[str] = ()) -> Html:
    """Claims × cohorts, a block a setting: the words, the headline's figure, interval and Holm's p, parts that hold.

    Parameters
    ----------
    judged : sequence of Judged
        One a column; a last column says what real video and EEG say, as long as no cohort has them.
    claims : sequence of Claim
    notes : sequence of str
        Below the table.
    """
    found = {(one.label, row["setting"], row["claim"]): row for one in judged for row in one.claims.to_dict("records")}
    settings = list(dict.fromkeys(setting for one in judged for setting in one.claims["setting"]))
    rows = []
    for setting in settings:
        shown = [claim for claim in claims if any((one.label, setting, claim.name) in found for one in judged)]
        for claim in shown:
            heading = setting if claim is shown[0] else None
            rows.append(_claim_row(claim, judged, setting, found, heading))
    measured = {name for _, _, name in found}
    absent = [claim for claim in claims if claim.name not in measured]
    for claim in absent:
        rows.append(_claim_row(claim, judged, "", found, "not measured here" if claim is absent[0] else None))
    lines = [
        "Each cell: the words and how many parts hold; the first part's figure, in points (κ: units), and after Holm's"
        f" correction over everything measured on that cohort its p; in brackets {INTERVAL}.",
        f"The mark says what that comes to; in outline: {DESCRIPTIVE}, of three or four seeds.",
        f"{MEANING}.",
        "A claim holds where the interval of each of its parts lies wholly on the claimed side; “opposite”: wholly on"
        " the other side; “measured in part”: so far as it was measured.",
        STANDINGS,
        f"Paper: {PAPER_NOTE}; signs are compared, not magnitudes.",
    ]
    titles = ["claim", *(one.label for one in judged), *([REAL_TITLE] if _untested(judged) else [])]
    return _table("The paper's claims", judged, titles, rows, [*lines, *notes])


def evidence_table(judged: Sequence[Judged], claims: Sequence[Claim]) -> Html:
    """Everything that was measured, a row a piece of evidence and setting, a block a claim."""
    found = {
        (one.label, row["claim"], row["part"], row["setting"]): row
        for one in judged
        for row in one.measured.to_dict("records")
    }
    rows = []
    for claim in claims:
        heading: str | None = f"{claim.text} ({claim.place})" + (f"; {claim.note}" if claim.note else "")
        for part, evidence in enumerate(claim.evidence):
            settings = dict.fromkeys(key[3] for key in found if key[1:3] == (claim.name, part))
            for setting in settings:
                cells = [cell(evidence.title, setting, _paper(evidence))]
                for one in judged:
                    row = found.get((one.label, claim.name, part, setting))
                    cells.append(cell("–") if row is None else _measured_cell(row, evidence, one.kind))
                rows.append({"block": heading, "cells": cells})
                heading = None
    notes = ["p after Holm's correction over everything measured on that cohort; n: participants × seeds."]
    notes += [f"{one.label}: {line}" for one in judged if len(one.measured) for line in components_notes(one.measured)]
    return _table("Everything measured", judged, ["measured", *(one.label for one in judged)], rows, notes)


def _measured_cell(row: dict[str, Any], evidence: Evidence, kind: str) -> dict[str, Any]:
    size = f"n = {row['participants']:.0f} × {row['seeds']:.0f}"
    said = words(row["verdict"], row["standing"], kind)
    return _marked(row, said, _estimate(row, evidence.metric) + f", {size}")


def _marked(row: dict[str, Any], said: str, estimate: str) -> dict[str, Any]:
    return marked(cell(said, estimate), row["verdict"], row["standing"] == CLAIM)


def _claim_row(
    claim: Claim, judged: Sequence[Judged], setting: str, found: dict[tuple, dict[str, Any]], heading: str | None
) -> dict[str, Any]:
    first = f"{_paper(claim.evidence[0])} ({claim.evidence[0].title})" if claim.evidence else ""
    cells = [cell(claim.text, claim.place, first)]
    for one in judged:
        row = found.get((one.label, setting, claim.name))
        if row is None:
            cells.append(cell(one.missing(claim, setting)))
            continue
        evidence = claim.evidence[int(row["part"])]
        told = words(row["verdict"], row["standing"], one.kind)
        if row["asked"] > 1:
            told += f", {row['holding']} of {row['parts']} parts"
        if row["parts"] < row["asked"]:
            told += f" (the claim has {row['asked']})"
        if row["part"]:
            told += f"; {evidence.title}:"
        cells.append(_marked(row, told, _estimate(row, evidence.metric)))
    return {"block": heading, "cells": [*cells, *_untested(judged)]}


def _untested(judged: Sequence[Judged]) -> list[dict[str, str]]:
    return [] if any(one.kind == REAL for one in judged) else [cell(UNTESTED)]


def _table(
    caption: str, judged: Sequence[Judged], titles: list[str], rows: list[dict[str, Any]], notes: Sequence[str]
) -> Html:
    return render(caption, label_of(judged), [(title, "text") for title in titles], rows, notes)


@styled(STYLE)
def claims_forest(judged: Sequence[Judged], claims: Sequence[Claim]) -> Figure:
    """Everything measured with its interval, a panel a cohort, a colour a setting; the paper's figure hollow.

    Above, differences between two systems; below, figures of one. Filled where a claim's interval lies wholly on the
    claimed side. κ is drawn on the same scale, 0.01 a point.
    """
    every = pd.concat([one.measured for one in judged])
    measured = set(zip(every["claim"], every["part"], strict=True))
    parts = [
        (claim.name, number, part)
        for claim in claims
        for number, part in enumerate(claim.evidence)
        if (claim.name, number) in measured
    ]
    groups = [[entry for entry in parts if (entry[2].statistic == "difference") == paired] for paired in (True, False)]
    groups = [group for group in groups if group]
    settings = list(dict.fromkeys(every["setting"]))
    label = label_of(judged)
    height = 1.2 + 0.5 * len(groups) + ROW * len(parts)
    figure, axes = canvas(
        label, WIDTH, height, max(len(groups), 1), len(judged), sharex="row", sharey="row",
        height_ratios=[len(group) for group in groups] or None,
    )  # fmt: skip
    for line, group in zip(axes, groups, strict=False):
        for ax, one in zip(line, judged, strict=True):
            _panel(ax, one, group, settings)
        line[0].set_yticks(np.arange(len(group)), [part.title for *_, part in group], parse_math=False)
        line[0].set_ylim(len(group) - 0.4, -0.6)
    for ax, one in zip(axes[0], judged, strict=True):
        name_panel(ax, one.label, 28)
    handles = [Line2D([], [], color=_colour(settings, name), marker="o", ms=4, lw=1.1, label=name) for name in settings]
    handles.append(Line2D([], [], ls="none", marker="D", mfc="none", mec=INK, ms=4.5, label=PAPER_NOTE))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5), title="filled: holds")
    stamp(figure, label, "95 % intervals, participants × seeds")
    return figure


def _colour(settings: list[str], setting: str) -> str:
    return CYCLE[settings.index(setting) % len(CYCLE)]


def _panel(ax: Axes, one: Judged, group: list[tuple[str, int, Evidence]], settings: list[str]) -> None:
    """One cohort's measurements of some evidence; the paper's figure beside what was measured."""
    places = {(claim, number): place for place, (claim, number, _) in enumerate(group)}
    offsets = dict(zip(settings, np.linspace(-0.3, 0.3, len(settings) + 2)[1:-1], strict=True))
    rows = [row for row in one.measured.itertuples() if (row.claim, row.part) in places]
    ax.axvline(0, color=MUTED, lw=0.9)
    for row in rows:
        place, colour = places[row.claim, row.part] + offsets[row.setting], _colour(settings, row.setting)
        ax.hlines(place, row.low, row.high, color=colour, lw=1.1)
        holds = row.verdict == HOLDS and row.standing == CLAIM
        ax.plot(row.figure, place, "o", ms=3.6, color=colour, mfc=colour if holds else "white")
    printed = {places[row.claim, row.part]: row.printed for row in rows}
    ax.plot(list(printed.values()), list(printed), "D", ls="none", mfc="none", mec=INK, mew=0.8, ms=4.5)
    for claim, number, _ in group:
        if number == 0:
            ax.axhline(places[claim, number] - 0.5, color=GRID, lw=0.6, zorder=0)
    percent(ax, label="points (κ × 100)")
    ax.xaxis.grid(True)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
