"""Simulated beside real: ranges of statistics, and band power by stage."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.figures.style import INK, ORANGE, STYLE, name_panel, panels, starts_line, styled
from sacd.stages import STAGES

SOURCES = {"real": (INK, -0.16, "s"), "simulated": (ORANGE, 0.16, "o")}


def _range(ax: Axes, part: pd.DataFrame, places: np.ndarray, horizontal: bool) -> None:
    """Low to high as a line, the median as a mark, real above (or left of) simulated."""
    for source, (colour, shift, marker) in SOURCES.items():
        low, median, high = (part[f"{source}_{name}"].to_numpy(dtype=float) for name in ("low", "median", "high"))
        if horizontal:
            ax.hlines(places + shift, low, high, color=colour, lw=2.2, alpha=0.75)
            ax.plot(median, places + shift, marker, color=colour, ms=4)
        else:
            ax.vlines(places + shift, low, high, color=colour, lw=2.2, alpha=0.75)
            ax.plot(places + shift, median, marker, color=colour, ms=4)


def _legend(figure: Figure, words: str) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=4, lw=2.2, label=f"{source}: {words}")
        for source, (colour, _, marker) in SOURCES.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)


@styled(STYLE)
def statistic_ranges(comparison: pd.DataFrame, label: str, words: str = "median, 5–95 %") -> Figure:
    """One panel a statistic, one row a group: the real range and the simulated one.

    Parameters
    ----------
    comparison : DataFrame
        `statistic`, `group`, `real_low`, `real_median`, `real_high`, `simulated_low`, `simulated_median`,
        `simulated_high`; NaN where there is no such value.
    label : str
        `Cohort.label`.
    words : str
        What median, low and high are.
    """
    groups = list(comparison.groupby("statistic", sort=False))
    most = max(len(part) for _, part in groups)
    figure, axes = panels(label, len(groups), 0.6, 0.55 + 0.24 * most)
    for ax, (name, part) in zip(axes, groups, strict=True):
        places = np.arange(len(part))
        _range(ax, part, places, horizontal=True)
        ax.set_yticks(places, part["group"].astype(str), parse_math=False)
        ax.set_ylim(len(part) - 0.5, -0.5)
        ax.xaxis.grid(True)
        name_panel(ax, str(name))
    _legend(figure, words)
    return figure


@styled(STYLE)
def band_power(comparison: pd.DataFrame, label: str, unit: str, words: str = "median, 5–95 %") -> Figure:
    """One panel a frequency band: power by stage, real and simulated.

    Parameters
    ----------
    comparison : DataFrame
        `band`, `stage` (name), and the six columns of `statistic_ranges`.
    label : str
        `Cohort.label`.
    unit : str
        Of the power, for the axis.
    words : str
        What median, low and high are.
    """
    groups = list(comparison.groupby("band", sort=False))
    figure, axes = panels(label, len(groups), 0.55, 1.75, sharex=True)
    for ax, (name, part) in zip(axes, groups, strict=True):
        _range(ax, part, part["stage"].map(STAGES.index).to_numpy(), horizontal=False)
        ax.set_xticks(range(len(STAGES)), STAGES)
        ax.tick_params(labelbottom=True)
        ax.set_xlim(-0.5, len(STAGES) - 0.5)
        ax.yaxis.grid(True)
        name_panel(ax, str(name))
        if starts_line(ax):
            ax.set_ylabel(unit)
    _legend(figure, words)
    return figure
