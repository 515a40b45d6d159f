"""Fig. 6: normalised confusion matrices side by side."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from sacd.figures.style import INK, MUTED, PAGE, STYLE, letter, name_panel, panels, stamp, starts_line, styled
from sacd.metrics import accuracy, kappa
from sacd.stages import STAGES

COLUMNS = 3


@styled(STYLE)
def confusion_matrices(matrices: Mapping[str, np.ndarray], label: str, note: str = "") -> Figure:
    """Row-normalised confusion matrices, in percent of the clips of each true stage.

    Parameters
    ----------
    matrices : mapping of str to ndarray [5, 5]
        Name of a method → `sacd.analysis.summary.mean_confusion`; rows the truth, any scale.
    label : str
        `Cohort.label`.
    note : str
        Said at the foot beside the label: participants, clips, seeds.
    """
    width = max(PAGE * min(len(matrices), COLUMNS) / COLUMNS, 3.4)
    figure, axes = panels(label, len(matrices), 0, 2.95, width, COLUMNS)
    colours = mpl.colormaps["Blues"].with_extremes(bad="#F2F2F2")
    image = None
    for ax, (name, matrix) in zip(axes, matrices.items(), strict=True):
        matrix = np.asarray(matrix, dtype=float)
        total = matrix.sum(axis=1, keepdims=True)
        share = np.divide(matrix, total, out=np.full(matrix.shape, np.nan), where=total > 0)
        image = ax.imshow(np.ma.masked_invalid(share), cmap=colours, vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(share):
            word = "–" if np.isnan(value) else f"{100 * value:.0f}"
            ink = MUTED if np.isnan(value) else "white" if value > 0.55 else INK
            ax.text(
                column,
                row,
                word,
                ha="center",
                va="center",
                color=ink,
                fontsize=8,
                weight="bold" if row == column else "normal",
            )
        ax.set_xticks(range(len(STAGES)), STAGES)
        ax.set_yticks(range(len(STAGES)), STAGES)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_xlabel("predicted")
        if starts_line(ax):
            ax.set_ylabel("scored")
        name_panel(ax, name)
        ax.text(
            0.5, -0.25, f"accuracy {100 * accuracy(matrix):.1f} %, κ {kappa(matrix):.2f}", transform=ax.transAxes,
            ha="center", va="top", color=MUTED, fontsize=7.5,
        )  # fmt: skip
    if len(matrices) > 1:
        letter(np.array(axes))
    bar = figure.colorbar(image, ax=figure.axes, shrink=0.75, aspect=25, pad=0.015)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
    bar.set_label("% of the scored stage")
    bar.outline.set_visible(False)
    stamp(figure, label, note)
    return figure
