"""Feature portraits: Fig. 9 with its danger zones, density by AHI group, and when a probability is told."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.analysis.portrait_density import Density
from sacd.figures.ahi import TITLES, bare, group_handles, group_look
from sacd.figures.style import (
    AHI_COLOURS,
    BLUE,
    GRID,
    MUTED,
    ORANGE,
    PAGE,
    STYLE,
    canvas,
    letter,
    name_panel,
    panels,
    percent,
    stamp,
    styled,
)
from sacd.stages import AHI_GROUPS

PEOPLE_MARKERS = ("o", "s", "^", "D")
PEOPLE_COLOURS = (BLUE, "#CC79A7", "#E69F00", "#7A4B1E")
"""Of the paper's Fig. 9: A blue, B pink, C yellow, D brown."""


def _has_zones(density: Density) -> bool:
    return bool(np.nan_to_num(density.share).max() > density.border)


def _zones(ax: Axes, density: Density) -> None:
    """The danger zones' borders, and what is inside hatched."""
    x, y = ((edges[1:] + edges[:-1]) / 2 for edges in (density.x, density.y))
    share = np.nan_to_num(density.share)
    if _has_zones(density):
        ax.contourf(x, y, share, levels=[density.border, 1.01], colors=[ORANGE], alpha=0.16, zorder=0)
        ax.contour(x, y, share, levels=[density.border], colors=[ORANGE], linewidths=0.9, zorder=1)


def _frame(ax: Axes, density: Density) -> None:
    bare(ax)
    ax.set_box_aspect(1)
    ax.set_xlim(density.x[0], density.x[-1])
    ax.set_ylim(density.y[0], density.y[-1])


@styled(STYLE)
def portrait_panels(
    reference: np.ndarray, density: Density, placed: Mapping[str, pd.DataFrame], label: str, note: str = ""
) -> Figure:
    """Fig. 9: clips of a few people placed on the reference map, one panel a stage.

    Parameters
    ----------
    reference : ndarray [n, 2]
        The map.
    density : Density
        With the danger zones.
    placed : mapping of str to DataFrame
        Title of a panel → clips: `x`, `y`, `person` (what the legend calls them, in order).
    label : str
        `Cohort.label`.
    note : str
        At the foot.
    """
    figure, axes = panels(label, len(placed), 0.6, 3.3, PAGE, 2)
    names = list(dict.fromkeys(name for points in placed.values() for name in points["person"]))
    for ax, (title, points) in zip(axes, placed.items(), strict=True):
        _zones(ax, density)
        ax.scatter(*reference.T, s=3, lw=0, color=GRID, zorder=0.5, rasterized=True)
        for name, colour, marker in zip(names, PEOPLE_COLOURS, PEOPLE_MARKERS, strict=False):
            part = points[points["person"] == name]
            ax.scatter(part["x"], part["y"], s=11, lw=0.2, edgecolors="white", color=colour, marker=marker, alpha=0.9)
        name_panel(ax, title, 50)
        _frame(ax, density)
    letter(np.array(axes))
    handles = [
        Line2D([], [], ls="none", marker=marker, color=colour, mew=0, ms=5, label=name)
        for name, colour, marker in zip(names, PEOPLE_COLOURS, PEOPLE_MARKERS, strict=False)
    ]
    handles.append(Line2D([], [], ls="none", marker="o", color=GRID, mew=0, ms=4, label="reference people"))
    if _has_zones(density):
        handles.append(Line2D([], [], color=ORANGE, lw=1.2, label="danger zone"))
    figure.legend(handles=handles, ncols=3, loc="outside upper center", handletextpad=0.3)
    stamp(figure, label, note)
    return figure


@styled(STYLE)
def density_panels(density: Density, label: str) -> Figure:
    """Where the reference people of each AHI group lie, and the share of AHI ≥ 15 among those who lie at a place."""
    figure, axes = panels(label, len(AHI_GROUPS) + 1, 0.45, 2.0, PAGE, 3)
    extent = (density.x[0], density.x[-1], density.y[0], density.y[-1])
    for ax, name, values in zip(axes, AHI_GROUPS, density.groups, strict=False):
        ax.imshow(values / max(values.max(), 1e-12), origin="lower", extent=extent, cmap="Greys", aspect="auto", vmin=0)
        _zones(ax, density)
        ax.set_title(TITLES[name], color=AHI_COLOURS[name])
        _frame(ax, density)
    last = axes[-1]
    shown = last.imshow(density.share, origin="lower", extent=extent, cmap="cividis", aspect="auto", vmin=0, vmax=1)
    _zones(last, density)
    last.set_title("share of AHI ≥ 15")
    _frame(last, density)
    beside = last.inset_axes((1.06, 0.1, 0.06, 0.8))
    beside.set_in_layout(False)  # it stands where there is no panel
    bar = figure.colorbar(shown, cax=beside, format=lambda value, _: f"{100 * value:g}")
    bar.set_label("% of people there")
    letter(np.array(axes))
    zones = "orange: danger zone" if _has_zones(density) else "no place is a danger zone"
    stamp(figure, label, f"every person weighs the same; {zones}")
    return figure


@styled(STYLE)
def rule_panels(
    curve: pd.DataFrame, base: float, distances: Mapping[str, pd.DataFrame], limit: float, label: str
) -> Figure:
    """When a person is answered: risk against coverage, and how far people are from the reference.

    Parameters
    ----------
    curve : DataFrame
        `sacd.analysis.severity_checks.risk_coverage` of new people.
    base : float
        Their Brier score under the base rate.
    distances : mapping of str to DataFrame
        Who → `distance`, `group` (AHI group's name).
    limit : float
        Of the distance.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(label, PAGE, 3.2, 1, 2, width_ratios=(1, 1.25))
    risk, apart = axes[0]
    risk.plot(curve["coverage"], curve["brier"], color=BLUE, marker="o", ms=3, label="Brier score of those answered")
    risk.axhline(base, color=MUTED, ls="--", lw=1, label="base rate, everybody")
    answered = curve[curve["distance"] <= limit]
    if len(answered):
        last = answered.iloc[-1]
        risk.plot(last["coverage"], last["brier"], "o", ms=9, mfc="none", mec=ORANGE, label="the rule stops here")
    percent(risk, label="% of new people answered, the least far first")
    risk.set_ylabel("Brier score")
    risk.set_xlim(0, 1.03)
    risk.set_ylim(bottom=0)
    risk.legend(loc="lower left", bbox_to_anchor=(-0.15, 1.12))
    risk.set_title("Risk and coverage")
    rng = np.random.default_rng(0)
    for place, people in enumerate(distances.values()):
        for name in AHI_GROUPS:
            part = people[people["group"] == name]
            height = place + rng.uniform(-0.25, 0.25, len(part))
            apart.scatter(part["distance"], height, s=16, lw=0, alpha=0.85, **group_look(name))
    apart.axvline(limit, color=ORANGE, lw=1.2)
    apart.set_yticks(range(len(distances)), [f"{name} (n = {len(people)})" for name, people in distances.items()])
    apart.set_ylim(len(distances) - 0.5, -0.5)
    apart.set_xlim(left=0)
    apart.set_xlabel("distance to the nearest reference people")
    apart.set_title("Beyond the line nobody is answered")
    apart.legend(handles=group_handles(), loc="lower center", bbox_to_anchor=(0.4, 1.12), ncols=2)
    letter(axes)
    return figure


@styled(STYLE)
def zone_panel(shares: pd.Series, ahi: pd.Series, label: str) -> Figure:
    """Share of new people's clips in a danger zone against their AHI.

    Parameters
    ----------
    shares : Series
        `sacd.analysis.portrait_density.zone_shares`.
    ahi : Series
        Events/h of the same people.
    """
    figure, axes = canvas(label, 0.62 * PAGE, 2.5)
    ax = axes[0, 0]
    for name, low, high in zip(AHI_GROUPS, (-np.inf, 5, 15, 30), (5, 15, 30, np.inf), strict=True):
        of = (ahi >= low) & (ahi < high)
        ax.scatter(ahi[of], shares[of], s=20, lw=0, **group_look(name))
    ax.set_xlabel("AHI, events/h")
    percent(ax, "y", "% of clips in a danger zone")
    ax.set_xlim(left=0)
    ax.set_ylim(-0.03, 1.03)
    ax.legend(handles=group_handles(), loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
