"""The AHI beside features: Fig. 7 a–e, Fig. 8, and the two markers of the video alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.analysis.ahi import OVERALL, uncorrected_rho
from sacd.analysis.freedman_lane import Survival
from sacd.analysis.video_markers import MARKERS
from sacd.figures.style import (
    AHI_COLOURS,
    INK,
    MUTED,
    ORANGE,
    PAGE,
    STAGE_COLOURS,
    STYLE,
    blank,
    canvas,
    letter,
    name_panel,
    panels,
    stamp,
    styled,
)
from sacd.stages import AHI_GROUPS, STAGES

TITLES = {
    OVERALL: "AHI", "normal": "normal, < 5", "mild": "mild, 5–15", "moderate": "moderate, 15–30",
    "severe": "severe, ≥ 30",
}
GROUP_MARKERS = dict(zip(AHI_GROUPS, ("o", "^", "s", "D"), strict=True))
MARKER_TITLES = dict(
    zip(MARKERS, ("Movement arousals, per hour", "Breathing variability, SD of log amplitude"), strict=True)
)
_SPREAD = 0.32


def group_look(name: str) -> dict[str, Any]:
    """Colour and marker of an AHI group."""
    return {"color": AHI_COLOURS[name], "marker": GROUP_MARKERS[name]}


def group_handles() -> list[Line2D]:
    """Entries of a legend: the AHI groups, events/h."""
    return [Line2D([], [], ls="none", ms=4.5, mew=0, label=TITLES[name], **group_look(name)) for name in AHI_GROUPS]


@styled(STYLE)
def correlation_panels(found: pd.DataFrame, survival: Survival, label: str) -> Figure:
    """Fig. 7 a–e: Spearman's ρ of every channel of each stage with the AHI and with membership of each group.

    Parameters
    ----------
    found : DataFrame
        `sacd.analysis.ahi.spearman`.
    survival : Survival
        Whose survivors are ringed.
    label : str
        `Cohort.label`.
    """
    codings = list(found["coding"].unique())
    figure, axes = panels(label, len(codings), 0.75, 1.75, sharex=True, sharey=True)
    survivors = survival.survivors.groupby(["coding", "stage"])["channel"].apply(set).to_dict()
    rng = np.random.default_rng(0)
    for ax, coding in zip(axes, codings, strict=True):
        for place, stage in enumerate(STAGES):
            part = found[(found["coding"] == coding) & (found["stage"] == stage)].dropna(subset="rho")
            height = place + rng.uniform(-_SPREAD, _SPREAD, len(part))
            ax.scatter(part["rho"], height, s=4, lw=0, alpha=0.45, color=STAGE_COLOURS[stage], rasterized=True)
            kept = part["channel"].isin(survivors.get((coding, stage), set())).to_numpy()
            ax.scatter(part["rho"][kept], height[kept], s=16, facecolors="none", edgecolors=ORANGE, lw=0.9)
            n = int(found.loc[found["stage"] == stage, "n"].iloc[0])
            if len(part):
                edge = uncorrected_rho(n)
                ax.vlines([-edge, edge], place - 0.45, place + 0.45, color=INK, lw=0.8, ls=(0, (2, 2)))
        ax.axvline(0, color=MUTED, lw=0.6)
        ax.set_title(TITLES[coding])
    counts = found.drop_duplicates("stage").set_index("stage")["n"]
    axes[0].set_yticks(range(len(STAGES)), [f"{stage} (n = {counts[stage]})" for stage in STAGES])
    axes[0].set_ylim(len(STAGES) - 0.5, -0.5)
    axes[0].set_xlim(-1, 1)
    for ax in axes:
        ax.tick_params(labelbottom=True)
    axes[-1].set_xlabel("Spearman's ρ, a dot a channel")
    letter(np.array(axes))
    given = ", ".join(survival.covariates) or "nothing"
    handles = [
        Line2D([], [], color=INK, lw=0.8, ls=(0, (2, 2)), label="uncorrected p = .05"),
        Line2D([], [], ls="none", marker="o", mfc="none", mec=ORANGE, ms=4.5, label=f"survives, given {given}"),
    ]
    figure.legend(handles=handles, ncols=1, loc="lower right", bbox_to_anchor=(0.98, 0.12))
    return figure


@styled(STYLE)
def channel_maps(maps: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Fig. 8: participants on a t-SNE map of the channels whose |ρ| with the AHI is largest.

    Parameters
    ----------
    maps : mapping of str to DataFrame
        Title → participants: `x`, `y`, `group` (AHI group's name), `new` (bool: had no part in choosing or laying out).
    label : str
        `Cohort.label`.
    """
    if not maps:
        return blank(label, "no channel has a large enough ρ on the reference people: nothing to draw")
    figure, axes = panels(label, len(maps), 0.5, 3.0, PAGE, 2)
    for ax, (title, points) in zip(axes, maps.items(), strict=True):
        for name in AHI_GROUPS:
            for new, size, alpha in ((False, 10, 0.3), (True, 30, 1.0)):
                part = points[(points["group"] == name) & (points["new"] == new)]
                ax.scatter(
                    part["x"], part["y"], s=size, alpha=alpha, lw=0.6 if new else 0, facecolor=AHI_COLOURS[name],
                    edgecolors=INK, marker=GROUP_MARKERS[name],
                )
        name_panel(ax, title, 40)
        bare(ax)
    letter(np.array(axes))
    figure.legend(handles=group_handles(), ncols=len(AHI_GROUPS), loc="outside upper center")
    stamp(figure, label, "AHI in events/h; outlined: new people; pale: reference people, on whom channels were chosen")
    return figure


def bare(ax: Axes) -> None:
    """A map's axes mean nothing and carry no ticks."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(True)


@styled(STYLE)
def marker_panels(markers: pd.DataFrame, ahi: pd.Series, label: str) -> Figure:
    """The markers of the video alone against the AHI.

    Parameters
    ----------
    markers : DataFrame
        `sacd.analysis.video_markers.video_markers`.
    ahi : Series
        Events/h of the same people.
    label : str
        `Cohort.label`.
    """
    if markers.isna().all(axis=None):
        return blank(label, "these recordings hold no motion: the markers of the video alone cannot be computed")
    figure, axes = canvas(label, PAGE, 2.6, 1, len(MARKERS))
    group = pd.cut(ahi, [-np.inf, 5, 15, 30, np.inf], right=False, labels=AHI_GROUPS)
    for ax, name in zip(axes[0], MARKERS, strict=True):
        for level in AHI_GROUPS:
            of = (group == level).to_numpy()
            ax.scatter(ahi[of], markers.loc[of, name], s=20, lw=0, alpha=0.85, **group_look(level))
        ax.set_xlabel("AHI, events/h")
        ax.set_title(MARKER_TITLES[name])
        ax.set_xlim(left=0)
    letter(axes)
    figure.legend(handles=group_handles(), ncols=len(AHI_GROUPS), loc="outside upper center")
    return figure
