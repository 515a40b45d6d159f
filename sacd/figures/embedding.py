"""Fig. 10: t-SNE maps of features, one panel a method, coloured by stage."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.figures.style import MUTED, PAGE, STAGE_COLOURS, STYLE, letter, name_panel, panels, styled
from sacd.stages import STAGES

COLUMNS = 3
MARKERS = ("o", "^", "s", "D", "P")


@styled(STYLE)
def embedding_panels(
    maps: Mapping[str, pd.DataFrame], label: str, separation: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Maps side by side; the axes of a t-SNE map mean nothing and carry no ticks.

    Parameters
    ----------
    maps : mapping of str to DataFrame
        Name of a method → `sacd.analysis.embedding.embed`: `x`, `y`, `stage`.
    label : str
        `Cohort.label`.
    separation : mapping of str to mapping
        Name → `sacd.analysis.embedding.separation`, written below the panel.
    """
    width = max(PAGE * min(len(maps), COLUMNS) / COLUMNS, 3.4)
    figure, axes = panels(label, len(maps), 0, 2.95, width, COLUMNS)
    for ax, (name, points) in zip(axes, maps.items(), strict=True):
        # drawn in random order, or the last stage would cover the others
        points = points.sample(frac=1, random_state=0)
        for code, stage in enumerate(STAGES):
            part = points[points["stage"] == code]
            order = {"s": 7, "alpha": 0.7, "linewidths": 0, "color": STAGE_COLOURS[stage], "marker": MARKERS[code]}
            ax.scatter(part["x"], part["y"], **order)
        name_panel(ax, name)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(True)
        ax.set_box_aspect(1)
        centre, half = points[["x", "y"]].agg(["min", "max"]).mean(), 0.53 * np.ptp(points[["x", "y"]], axis=0).max()
        ax.set_xlim(centre["x"] - half, centre["x"] + half)
        ax.set_ylim(centre["y"] - half, centre["y"] + half)
        if separation and name in separation:
            found = separation[name]
            words = (
                f"kNN purity {found['purity']:.2f} (chance {found['chance']:.2f}), silhouette {found['silhouette']:.2f}"
            )
            ax.set_xlabel(words, color=MUTED, fontsize=6.8)
    if len(maps) > 1:
        letter(np.array(axes))
    handles = [
        Line2D([], [], ls="none", marker=marker, ms=4.5, mew=0, color=STAGE_COLOURS[stage], label=stage)
        for stage, marker in zip(STAGES, MARKERS, strict=True)
    ]
    figure.legend(handles=handles, ncols=len(STAGES), loc="outside upper center", handletextpad=0.2)
    return figure
