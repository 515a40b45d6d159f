"""Frame sampling: figures of merit against the number of frames, one line a way of sampling, and what it costs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from sacd.figures.style import CYCLE, MUTED, PAGE, STYLE, canvas, letter, percent, stamp, styled
from sacd.metrics import SCORES

_MARKERS = "osD^v"
_SHIFT = 1.03
"""Lines stand side by side, so that no interval hides another."""


@styled(STYLE)
def by_frames(
    summary: pd.DataFrame, cost: pd.DataFrame, label: str, metrics: tuple[str, ...] = ("accuracy", "macro_f1"),
    floor: float | None = None,
) -> Figure:
    """Metrics and training speed against the number of frames.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.summary.summarise` by `sampling` and `frames`.
    cost : DataFrame
        Columns `sampling`, `frames`, `clips_per_second` (of training).
    label : str
        `Cohort.label`.
    metrics : tuple of str
        A panel each.
    floor : float, optional
        Accuracy of always saying the most frequent stage: a dotted line.
    """
    figure, axes = canvas(label, PAGE, 2.9, 1, len(metrics) + 1)
    for panel, metric in zip(axes.flat, metrics, strict=False):
        rows = summary[summary["metric"] == metric]
        for index, (name, part) in enumerate(rows.groupby("sampling", sort=False)):
            part = part.sort_values("frames")
            place = part["frames"] * _SHIFT ** (2 * index - 1)
            colour, marker = CYCLE[index % len(CYCLE)], _MARKERS[index % len(_MARKERS)]
            panel.vlines(place, part["low"], part["high"], color=colour, lw=1.1)
            panel.plot(place, part["mean"], marker=marker, color=colour, ms=4.5, label=str(name))
        if metric == "accuracy" and floor is not None:
            panel.axhline(floor, color=MUTED, ls=":", lw=1, label="always the most frequent stage")
        percent(panel, "y")
        panel.set_title(SCORES[metric].title)
        _frames_axis(panel, rows)
    speed = axes.flat[-1]
    for index, (_, part) in enumerate(cost.groupby("sampling", sort=False)):
        colour, marker = CYCLE[index % len(CYCLE)], _MARKERS[index % len(_MARKERS)]
        part = part.groupby("frames")["clips_per_second"].mean()
        speed.plot(part.index, part, marker=marker, color=colour, ms=4.5)
    speed.set_ylim(0, 1.08 * cost["clips_per_second"].max())
    speed.set_ylabel("clips/s")
    speed.set_title("Training speed")
    _frames_axis(speed, cost)
    letter(axes)
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(handles))
    counts = f"{int(summary['participants'].max())} participants, {int(summary['seeds'].max())} seeds"
    stamp(figure, label, f"{counts}; bars: 95 % interval over both")
    return figure


def _frames_axis(ax: Axes, rows: pd.DataFrame) -> None:
    frames = sorted(rows["frames"].unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(frames, [str(count) for count in frames])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("frames a clip")
    ax.yaxis.grid(True)
