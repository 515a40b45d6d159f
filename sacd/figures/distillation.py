"""Methods compared: their values with intervals, and paired differences to a reference."""

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
    name_panel,
    percent,
    stamp,
    styled,
)
from sacd.figures.words import NOTHING, counted, score_of, sure

ROW = 0.2


def _panels(frame: pd.DataFrame, facet: str | None) -> list[tuple[str, pd.DataFrame]]:
    if facet is None:
        return [("", frame)]
    return [(str(name), part) for name, part in frame.groupby(facet, sort=False)]


def _layout(panels: list[tuple[str, pd.DataFrame]], label: str) -> tuple[Figure, list[Axes]]:
    """A figure of at most two panels a line, each line as high as its longest panel; all share the scale."""
    columns = min(len(panels), 2)
    lines = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    most = [max(len(part) for _, part in line) for line in lines]
    ratios = [count + 0.6 for count in most]
    heights = [0.65 + ROW * count for count in most]
    figure, axes = canvas(
        label,
        PAGE,
        0.45 + sum(heights),
        len(lines),
        columns,
        sharex=True,
        height_ratios=ratios,
    )
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    for ax in axes.flat:
        ax.tick_params(labelbottom=True)
    for ax, room in zip(axes.flat, np.repeat(most, columns), strict=True):
        ax.set_ylim(room - 0.4, -0.6)
    return figure, list(axes.flat[: len(panels)])


def _rows(ax: Axes, names: list[str]) -> np.ndarray:
    places = np.arange(len(names))
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.grid(True)
    ax.spines["left"].set_visible(False)
    return places


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
    """
    panels = _panels(summary[summary["metric"] == metric], facet)
    figure, axes = _layout(panels, label)
    theirs = {} if published is None else published[published["metric"] == metric].groupby(by)["mean"].first().to_dict()
    for ax, (name, part) in zip(axes, panels, strict=True):
        places = _rows(ax, part[by].astype(str).tolist())
        ax.hlines(places, part["low"], part["high"], color=BLUE, lw=1.1)
        spread = part["sd"].fillna(0)
        ax.hlines(places, part["mean"] - spread, part["mean"] + spread, color=BLUE, lw=4, alpha=0.35)
        ax.plot(part["mean"], places, "o", color=BLUE, ms=4.5)
        ax.plot([theirs.get(row, np.nan) for row in part[by]], places, "D", mfc="white", mec=INK, mew=0.9, ms=4)
        name_panel(ax, name, 44)
        _unit(ax, metric, "")
    handles = [
        Line2D([], [], color=BLUE, marker="o", ms=4.5, lw=1.1, label="mean and 95 % interval, participants × seeds"),
        Line2D([], [], color=BLUE, lw=4, alpha=0.35, label="± SD over seeds"),
    ]
    if theirs:
        handles.append(Line2D([], [], ls="none", marker="D", mfc="white", mec=INK, ms=4, label=PAPER_NOTE))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    stamp(figure, label, _sizes(summary))
    return figure


def _sizes(frame: pd.DataFrame) -> str:
    """Participants and seeds, as a range where rows differ."""

    def words(column: str, one: str) -> str:
        low, high = int(frame[column].min()), int(frame[column].max())
        return counted(high, one) if low == high else f"{low}–{counted(high, one)}"

    return f"{words('participants', 'participant')}, {words('seeds', 'seed')}"


@styled(STYLE)
def differences(comparison: pd.DataFrame, label: str, by: str = "method", facet: str | None = None) -> Figure:
    """One row a method: mean paired difference to the reference with its interval; filled where `words.sure`.

    Parameters
    ----------
    comparison : DataFrame
        `sacd.analysis.comparison.compare`, of one reference and metric; without a row the figure says so.
    label : str
        `Cohort.label`.
    by, facet : str
        See `forest`.
    """
    if comparison.empty:
        return blank(label, NOTHING)
    panels = _panels(comparison, facet)
    reference, metric = comparison["reference"].iloc[0], comparison["metric"].iloc[0]
    figure, axes = _layout(panels, label)
    for ax, (name, part) in zip(axes, panels, strict=True):
        places = _rows(ax, part[by].astype(str).tolist())
        ax.axvline(0, color=MUTED, lw=0.9)
        ax.hlines(places, part["low"], part["high"], color=BLUE, lw=1.1)
        filled = sure(part).to_numpy()
        difference = part["difference"].to_numpy()
        ax.plot(difference[filled], places[filled], "o", color=BLUE, ms=5)
        ax.plot(difference[~filled], places[~filled], "o", mfc="white", mec=BLUE, ms=5)
        name_panel(ax, name, 44)
        _unit(ax, metric, f"difference to {reference} in ")
    handles = [
        Line2D([], [], color=BLUE, marker="o", ms=5, lw=1.1, label=f"p < .05 after Holm, {CLAIM_SEEDS} seeds or more"),
        Line2D([], [], color=BLUE, marker="o", mfc="white", ms=5, lw=1.1, label="not so"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, title="mean paired difference, 95 % interval:")
    stamp(figure, label, _sizes(comparison))
    return figure
