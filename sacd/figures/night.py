"""The night: what more clips at once, and what decoders, are worth."""

import pandas as pd
from matplotlib.figure import Figure

from sacd.figures.style import CYCLE, MUTED, PAGE, STYLE, canvas, letter, percent, stamp, styled
from sacd.metrics import SCORES

_MARKERS = "osD^v"


@styled(STYLE)
def by_context(
    summary: pd.DataFrame, decoded: pd.DataFrame, label: str, method: str,
    metrics: tuple[str, ...] = ("accuracy", "macro_f1"),
) -> Figure:
    """Scores against the clips that a network sees at once; decoders of the clips alone as lines.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.summary.summarise` by `protocol` and `length` (clips; 0 the night).
    decoded : DataFrame
        The same by `protocol`, of clips alone and decoded over the night.
    label : str
        `Cohort.label`.
    method : str
        Whose rows these are.
    metrics : tuple of str
        A panel each.
    """
    figure, axes = canvas(label, PAGE, 2.9, 1, len(metrics))
    lengths = sorted(summary["length"].unique(), key=lambda length: length or 10**6)
    place_of = {length: place for place, length in enumerate(lengths)}
    for panel, metric in zip(axes.flat, metrics, strict=True):
        for index, (name, part) in enumerate(summary[summary["metric"] == metric].groupby("protocol", sort=False)):
            colour = CYCLE[index % len(CYCLE)]
            place = part["length"].map(place_of) + 0.06 * (2 * index - 1)
            order = place.argsort()
            panel.vlines(place, part["low"], part["high"], color=colour, lw=1.1)
            line = {"marker": _MARKERS[index % len(_MARKERS)], "color": colour, "ms": 4.5}
            panel.plot(place.iloc[order], part["mean"].iloc[order], label=f"{name}: network", **line)
            beside = decoded[(decoded["metric"] == metric) & (decoded["protocol"] == name)]
            if len(beside):
                panel.axhline(
                    beside["mean"].iloc[0], color=colour, ls="--", lw=1.1, label=f"{name}: single clips, decoded"
                )
        percent(panel, "y")
        panel.set_title(SCORES[metric].title)
        panel.set_xticks(range(len(lengths)), [str(length) if length else "night" for length in lengths])
        panel.set_xlabel("clips at once")
    letter(axes)
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2, labelcolor=MUTED)
    stamp(figure, label, f"{method}; networks by the likeliest stage")
    return figure
