"""How runs learned: terms of the loss and the validation metric over steps."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.figures.style import CYCLE, PAGE, STYLE, canvas, name_panel, percent, styled
from sacd.figures.words import score_of

COLUMNS = 3
RUNS = ("#222222", "#AA4499", "#88CCEE", "#999933", "#CC6677", "#332288")
"""Colours of runs (Tol's muted), other than those of the terms."""


def gradient_norms(histories: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean norm of each weighted term's gradient at the student's features: a row a run, a column a term."""
    prefix = "gradient_norm_"
    means = {name: history.filter(like=prefix).mean() for name, history in histories.items()}
    return pd.DataFrame(means).T.rename(columns=lambda name: name.removeprefix(prefix))


@styled(STYLE)
def learning_curves(
    histories: Mapping[str, pd.DataFrame], terms: Sequence[str], label: str, metric: str = "validation_macro_f1"
) -> Figure:
    """One panel a run with the terms of its loss, and a last panel with the validation metric of all runs.

    Parameters
    ----------
    histories : mapping of str to DataFrame
        Name of a run → its history: `step`, columns of loss terms (missing ones are left out), and `metric` where
        validation took place (fraction, else NaN).
    terms : sequence of str
        Columns to draw as loss terms.
    label : str
        `Cohort.label`.
    metric : str
        Column of the validation metric.
    """
    columns = min(len(histories) + 1, COLUMNS)
    rows = -(-(len(histories) + 1) // columns)
    figure, axes = canvas(label, PAGE, 0.5 + 1.85 * rows + 0.14 * len(histories), rows, columns)
    right = axes.flat[len(histories)]
    colours = dict(zip(terms, CYCLE * (1 + len(terms) // len(CYCLE)), strict=False))
    handles = {}
    for index, (ax, (name, history)) in enumerate(zip(axes.flat, histories.items(), strict=False)):
        for term in [term for term in terms if term in history.columns]:
            known = history[history[term].notna()]
            handles[term] = ax.plot(known["step"], known[term], color=colours[term], label=term)[0]
        name_panel(ax, name)
        if metric in history.columns:
            _validation(right, history[history[metric].notna()], metric, name, RUNS[index % len(RUNS)])
    for ax in axes.flat[len(histories) + 1 :]:
        ax.remove()
    for ax in figure.axes:
        ax.set_xlabel("step")
        ax.yaxis.grid(True)
    for ax in axes[:, 0]:
        ax.set_ylabel("loss")
    right.set_title("Validation (best circled)")
    plain = metric.removeprefix("validation_")
    percent(right, "y", score_of(plain).heading)
    if right.lines:
        figure.legend(*right.get_legend_handles_labels(), loc="outside upper right")
    if handles:
        figure.legend(handles=list(handles.values()), loc="outside upper left", ncols=len(handles))
    return figure


def _validation(ax: Axes, known: pd.DataFrame, metric: str, name: str, colour: str) -> None:
    """One run's validation metric, its best step circled."""
    ax.plot(known["step"], known[metric], "o-", color=colour, ms=2.5, lw=1, label=name)
    best = known.nlargest(1, metric)
    ax.plot(best["step"], best[metric], "o", ms=6, mfc="none", mec=colour)
