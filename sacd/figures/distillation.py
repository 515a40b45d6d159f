"""Methods compared: their values with intervals, and paired differences to a reference."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.analysis.inference import CLAIM_SEEDS
from sacd.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAGE,
    PAPER_NOTE,
    STYLE,
    blank,
    canvas,
    percent,
    stamp,
    styled,
)
from sacd.figures.words import NOTHING, counted, score_of, sure
from sacd.paper.printed import SINCE

ROW = 0.2
BAND = "#F0F0F0"
"""Behind the heading of a group."""
_ACROSS = 3
"""Panels in a line."""


class _Panel(NamedTuple):
    """One arm: where it is drawn, its rows of the table, and the height at which each stands."""

    ax: Axes
    part: pd.DataFrame
    places: np.ndarray


def _layout(
    frame: pd.DataFrame, by: str, facet: str | None, groups: Mapping[str, str] | None, label: str
) -> tuple[Figure, list[_Panel]]:
    """A figure of at most three panels a line; they share its rows, which are named once, and all share the scale."""
    arms = [("", frame)] if facet is None else [(str(name), part) for name, part in frame.groupby(facet, sort=False)]
    if len(arms) > _ACROSS:  # a line is as tall as its longest arm
        arms.sort(key=lambda arm: -len(arm[1]))
    columns = min(len(arms), _ACROSS)
    lines = [arms[start : start + columns] for start in range(0, len(arms), columns)]
    named = [_headed(_merged([part[by].astype(str).tolist() for _, part in line]), groups) for line in lines]
    figure, axes = canvas(
        label, PAGE, 0.45 + sum(0.75 + ROW * len(names) for names in named), len(lines), columns, sharex=True,
        height_ratios=[len(names) + 0.6 for names in named],
    )
    panels = []
    for line, names, row in zip(lines, named, axes, strict=True):
        for ax in row[len(line) :]:
            ax.remove()
        for ax, (name, part) in zip(row, line, strict=False):
            titles = [title.replace(SINCE, " †") for _, title in names] if ax is row[0] else [""] * len(names)
            ax.set_yticks(range(len(names)), titles, parse_math=False)
            for at, (is_heading, _) in enumerate(names):
                if is_heading:
                    ax.get_yticklabels()[at].set(weight="bold", color=MUTED)
                    ax.axhspan(at - 0.5, at + 0.5, color=BAND, lw=0)
            ax.set_ylim(len(names) - 0.4, -0.6)
            ax.tick_params(axis="y", length=0)
            ax.tick_params(labelbottom=True)
            ax.grid(True)
            ax.spines["left"].set_visible(False)
            ax.set_title(name if columns == 1 else name.replace(" · ", "\n"), parse_math=False)
            panels.append(_Panel(ax, part, np.array([names.index((False, row)) for row in part[by].astype(str)])))
    return figure, panels


def _headed(names: list[str], groups: Mapping[str, str] | None) -> list[tuple[bool, str]]:
    """Rows as (whether it is a heading, its title): each group's heading, then its names in their order."""
    if groups is None:
        return [(False, name) for name in names]
    rows: list[tuple[bool, str]] = []
    for group in dict.fromkeys(groups[name] for name in names):
        rows += [(True, group), *((False, name) for name in names if groups[name] == group)]
    return rows


def _merged(orders: list[list[str]]) -> list[str]:
    """The names of all lists, the longest first; another list's own name follows the one it follows there."""
    names: list[str] = []
    for order in sorted(orders, key=len, reverse=True):
        for before, name in zip([None, *order], order, strict=False):
            if name not in names:
                names.insert(0 if before is None else names.index(before) + 1, name)
    return names


def _unit(ax: Axes, metric: str, words: str) -> None:
    score = score_of(metric)
    if score.is_share:
        percent(ax, label=f"{words}{score.title.lower()}, points" if words else score.heading)
        return
    ax.set_xlabel(f"{words}{score.heading}")
    if score.unit:
        ax.xaxis.set_major_formatter(lambda value, _: score.written(value))


@styled(STYLE)
def forest(
    summary: pd.DataFrame,
    label: str,
    metric: str = "accuracy",
    by: str = "method",
    facet: str | None = None,
    published: pd.DataFrame | None = None,
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """One row a method: mean over seeds, its interval, the seeds' standard deviation; panels by `facet`.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.summary.summarise`; the rows keep their order.
    label : str
        `Cohort.label`.
    metric : str
        One of `sacd.metrics.SCORES`.
    by : str
        Column that names the rows.
    facet : str
        Column of the panels, e.g. protocol.
    published : DataFrame
        The paper's values (`sacd.paper.tidy`, one row a method): hollow diamonds.
    groups : mapping
        Row → the heading that it stands under, where there are many; a Series by row will do.
    """
    figure, panels = _layout(summary[summary["metric"] == metric], by, facet, groups, label)
    theirs = {} if published is None else published[published["metric"] == metric].groupby(by)["mean"].first().to_dict()
    for ax, part, places in panels:
        ax.hlines(places, part["low"], part["high"], color=BLUE, lw=1.1)
        spread = part["sd"].fillna(0)
        ax.hlines(places, part["mean"] - spread, part["mean"] + spread, color=BLUE, lw=4, alpha=0.35)
        ax.plot(part["mean"], places, "o", color=BLUE, ms=4.5)
        ax.plot([theirs.get(row, np.nan) for row in part[by]], places, "D", mfc="white", mec=INK, mew=0.9, ms=4)
        _unit(ax, metric, "")
    handles = [
        Line2D([], [], color=BLUE, marker="o", ms=4.5, lw=1.1, label="mean and 95 % interval, participants × seeds"),
        Line2D([], [], color=BLUE, lw=4, alpha=0.35, label="± SD over seeds"),
    ]
    if theirs:
        handles.append(Line2D([], [], ls="none", marker="D", mfc="white", mec=INK, ms=4, label=PAPER_NOTE))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    stamp(figure, label, _foot(summary, by))
    return figure


def _foot(frame: pd.DataFrame, by: str) -> str:
    """Participants and seeds, as a range where rows differ; what the dagger says, where there is one."""

    def words(column: str, one: str) -> str:
        low, high = int(frame[column].min()), int(frame[column].max())
        return counted(high, one) if low == high else f"{low}–{counted(high, one)}"

    since = f"; † {SINCE.strip(' ()')}" if frame[by].astype(str).str.contains(SINCE, regex=False).any() else ""
    return f"{words('participants', 'participant')}, {words('seeds', 'seed')}{since}"


@styled(STYLE)
def differences(
    comparison: pd.DataFrame, label: str, by: str = "method", facet: str | None = None,
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """One row a method: mean paired difference to the reference with its interval; filled where `words.sure`.

    Parameters
    ----------
    comparison : DataFrame
        `sacd.analysis.comparison.compare`, of one reference and metric; without a row the figure says so.
    label : str
        `Cohort.label`.
    by, facet, groups
        See `forest`.
    """
    if comparison.empty:
        return blank(label, NOTHING)
    reference, metric = comparison["reference"].iloc[0], comparison["metric"].iloc[0]
    figure, panels = _layout(comparison, by, facet, groups, label)
    for ax, part, places in panels:
        ax.axvline(0, color=MUTED, lw=0.9)
        ax.hlines(places, part["low"], part["high"], color=BLUE, lw=1.1)
        filled = sure(part).to_numpy()
        difference = part["difference"].to_numpy()
        ax.plot(difference[filled], places[filled], "o", color=BLUE, ms=5)
        ax.plot(difference[~filled], places[~filled], "o", mfc="white", mec=BLUE, ms=5)
        _unit(ax, metric, f"difference to {reference} in" + ("\n" if len(panels) >= _ACROSS else " "))
    handles = [
        Line2D([], [], color=BLUE, marker="o", ms=5, lw=1.1, label=f"p < .05 after Holm, {CLAIM_SEEDS} seeds or more"),
        Line2D([], [], color=BLUE, marker="o", mfc="white", ms=5, lw=1.1, label="not so"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, title="mean paired difference, 95 % interval:")
    stamp(figure, label, _foot(comparison, by))
    return figure
