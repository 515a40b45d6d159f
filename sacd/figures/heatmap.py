"""Fig. 5: accuracy over pairs of loss weights, the third held at the paper's value."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sacd import paper
from sacd.figures.style import GRID, ORANGE, PAGE, STYLE, canvas, letter, stamp, styled
from sacd.metrics import SCORES

PAPER_LABEL = f"paper ({paper.DATASET}), another dataset"
SYMBOLS = {"lambda1": "λ1", "lambda2": "λ2", "lambda3": "λ3"}


@styled(STYLE)
def lambda_heatmaps(grid: pd.DataFrame, label: str, value: str = "accuracy", note: str = "validation") -> Figure:
    """Three heatmaps; the paper's choice (0.5, 1, 1) is framed, a cell without a value is grey.

    Parameters
    ----------
    grid : DataFrame
        `lambda1`, `lambda2`, `lambda3`, `value` (fraction, NaN where unknown). Several rows of a cell (seeds) are
        averaged, and their standard deviation stands below the mean.
    label : str
        `Cohort.label`, or whose numbers these are.
    value : str
        Column that is drawn, in percent.
    note : str
        Said at the foot: the split, seeds.
    """
    figure, axes = canvas(label, PAGE, 2.7, 1, len(SYMBOLS))
    means = grid.groupby(list(SYMBOLS))[value].mean()
    low, high = 100 * means.min(), 100 * means.max()
    for ax, (fixed, symbol) in zip(axes[0], SYMBOLS.items(), strict=True):
        across, down = [name for name in SYMBOLS if name != fixed][::-1]
        cells = grid[np.isclose(grid[fixed], paper.LAMBDAS[fixed])].groupby([down, across])[value]
        mean, spread = (100 * found.unstack(across) for found in (cells.mean(), cells.std()))
        words = mean.map("{:.1f}".format) + spread.map(lambda sd: "" if np.isnan(sd) else f"\n±{sd:.1f}")
        sns.heatmap(
            mean,
            ax=ax,
            vmin=low,
            vmax=high,
            cmap="viridis",
            annot=words,
            fmt="",
            annot_kws={"size": 6.4, "linespacing": 0.95},
            cbar=False,
            square=True,
            linewidths=0.4,
            xticklabels=[f"{value:g}" for value in mean.columns],
            yticklabels=[f"{value:g}" for value in mean.index],
        )
        ax.set_facecolor(GRID)
        chosen = [
            np.flatnonzero(np.isclose(axis, paper.LAMBDAS[name]))
            for axis, name in ((mean.columns, across), (mean.index, down))
        ]
        if all(len(place) for place in chosen):
            ax.add_patch(Rectangle((chosen[0][0], chosen[1][0]), 1, 1, fill=False, ec=ORANGE, lw=2, clip_on=False))
        ax.invert_yaxis()
        ax.tick_params(length=0, rotation=0)
        ax.set_xlabel(SYMBOLS[across])
        ax.set_ylabel(SYMBOLS[down])
        ax.set_title(f"{symbol} = {paper.LAMBDAS[fixed]:g}")
    letter(axes)
    bar = figure.colorbar(axes[0, -1].collections[0], ax=axes, shrink=0.8, aspect=25, pad=0.015)
    bar.outline.set_visible(False)
    bar.set_label(SCORES[value].heading)
    stamp(figure, label, f"{note} · framed: the paper's λ" if note else "framed: the paper's λ")
    return figure
