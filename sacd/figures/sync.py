"""The camera's clock against the recorder's, so that a wrong one is seen: at which lag the two tell the same night."""

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.cohort.motion import HZ
from sacd.figures.style import BLUE, INK, MUTED, ORANGE, PAGE, STYLE, canvas, letter, stamp, styled
from sacd.ingest.clock_evidence import SEARCH_S, Evidence
from sacd.ingest.clock_traces import on_grid
from sacd.ingest.sync import ClockEstimate
from sacd.stages import CLIP_SECONDS

_AROUND_S = 8.0
"""About the line of lags, in the pictures of blocks."""
_STRETCH_S = 120.0
_TITLE = 90
"""Letters of a line of the title."""
_COLOURS = {"movement": BLUE, "breathing": "#009E73"}


@styled(STYLE)
def clock_figure(estimate: ClockEstimate, label: str) -> Figure:
    """How well camera and recorder fit at each lag, over the night and block by block, and two minutes of both.

    A clock that is right has its peak at 0; one that jumped breaks the line over the hours; somebody else's video has
    neither peak nor line. Where nothing is identifiable the best lag that there is is drawn, and said to be none.

    Parameters
    ----------
    estimate : ClockEstimate
    label : str
        `Cohort.label`.
    """
    evidence = estimate.evidence
    figure, axes = canvas(label, PAGE, 5.6 if evidence else 1.2, 3 if evidence else 1, 2 if evidence else 1)
    figure.suptitle(_title(estimate), fontsize=8.5, fontweight="bold", color=INK if estimate.agrees else ORANGE)
    if not evidence:
        axes[0, 0].set_axis_off()
        return figure
    _sums(axes[0, 0], evidence, None)
    _sums(axes[0, 1], evidence, _lag(estimate))
    for column, ax in enumerate(axes[1]):
        if column < len(evidence):
            _blocks(ax, evidence[column], estimate)
        else:
            _absent(ax, "breathing" if evidence[0].name == "movement" else "movement")
    begin = _busy(estimate)
    _stretch(axes[2, 0], estimate, begin, 0.0, "as stated")
    found = "as estimated" if estimate.identifiable else "at the best lag"
    _stretch(axes[2, 1], estimate, begin, _lag(estimate), found)
    letter(axes)
    stamp(figure, label, "a lag is how much later than stated a picture was taken")
    return figure


def _title(estimate: ClockEstimate) -> str:
    sentence = estimate.sentence
    return fill(sentence[0].upper() + sentence[1:], _TITLE)


def _lag(estimate: ClockEstimate) -> float:
    """Lag in the middle of the night: the estimate's, or of the source that tells most."""
    middle = (estimate.begin_s + estimate.end_s) / 2
    if estimate.identifiable:
        return float(estimate.clock.to_recording(middle)) - middle
    return max(estimate.evidence, key=lambda one: one.margin).lag


def _sums(ax: Axes, evidence: tuple[Evidence, ...], about: float | None) -> None:
    """The night's fit at each lag along the best slope, from its median (0) to its peak (1)."""
    for one in evidence:
        moves = one.slope * (one.block_s - one.middle_s)
        total = sum(np.interp(one.lags + move, one.lags, row) for move, row in zip(moves, one.score, strict=True))
        middle = np.median(total)
        ax.plot(one.lags, (total - middle) / max(total.max() - middle, 1e-12), color=_COLOURS[one.name], lw=0.8,
                label=f"{one.name}: ahead of others by {one.margin:.1f} standard errors")
    ax.axvline(0, color=ORANGE, ls="--", lw=1)
    ax.set_ylim(-0.6, 1.9)
    ax.set_xlabel("lag, s")
    if about is None:
        ax.set_xlim(-SEARCH_S, SEARCH_S)
        ax.set_title("All lags (dashed: the stated clock)")
        ax.legend(loc="upper left", fontsize=6.5, handlelength=1)
        ax.set_ylabel("fit over the night")
    else:
        ax.set_xlim(about - _AROUND_S, about + _AROUND_S)
        ax.set_title("About the best lag")


def _blocks(ax: Axes, one: Evidence, estimate: ClockEstimate) -> None:
    """Each block's fit by lag, from its own lowest to its highest, with the estimated line and the stated clock."""
    centre = _lag(estimate)
    near = np.abs(one.lags - centre) <= _AROUND_S
    part = one.score[:, near]
    span = np.ptp(part, axis=1, keepdims=True)
    hours = one.block_s / 3600
    half = (hours[1] - hours[0]) / 2
    extent = (hours[0] - half, hours[-1] + half, one.lags[near][0], one.lags[near][-1])
    shown = (part - part.min(axis=1, keepdims=True)) / np.maximum(span, 1e-12)
    ax.imshow(shown.T, aspect="auto", origin="lower", extent=extent, cmap="Greys", vmin=0, vmax=1)
    if estimate.identifiable:
        times = np.array([estimate.begin_s, estimate.end_s])
        line = np.array(estimate.errors_s)
        for edge in (-estimate.half_width_s, estimate.half_width_s):
            ax.plot(times / 3600, line + edge, color=_COLOURS[one.name], lw=0.7)
    if abs(centre) < _AROUND_S:
        ax.axhline(0, color=ORANGE, ls="--", lw=1)
    ax.set_xlim(*extent[:2])
    ax.set_ylim(centre - _AROUND_S, centre + _AROUND_S)
    ax.set_title(f"{one.name.capitalize()}, every ten minutes")
    ax.set_xlabel("hours")
    ax.set_ylabel("lag, s")


def _absent(ax: Axes, name: str) -> None:
    ax.set_axis_off()
    ax.text(0.5, 0.5, f"the recording's signals do not show {name}", ha="center", va="center", color=MUTED)


def _lines(estimate: ClockEstimate, lag: float) -> tuple[str, list[tuple[np.ndarray, np.ndarray]]]:
    """What the first source is called, and its times (s on the recorder's clock) and values there and in the video."""
    name = estimate.evidence[0].name
    lines = []
    for traces, late in ((estimate.psg, 0.0), (estimate.video, lag)):
        values = on_grid(getattr(traces, name), traces.onsets)
        lines.append((traces.onsets[0] + (np.arange(len(values)) + 0.5) / HZ + late, values))
    return name, lines


def _busy(estimate: ClockEstimate) -> float:
    """Where both tell more than elsewhere, whether they agree or not: two minutes of the first tenth by that, s."""
    _, lines = _lines(estimate, _lag(estimate))
    begins = np.arange(estimate.begin_s + SEARCH_S, estimate.end_s - SEARCH_S - _STRETCH_S, CLIP_SECONDS)
    told = np.ones(len(begins))
    for times, values in lines:
        edges = np.searchsorted(times, [begins, begins + _STRETCH_S]).T
        told *= [values[first:last].std() if last > first else 0.0 for first, last in edges]
    return float(begins[np.argsort(told)[int(0.9 * len(told))]])


def _stretch(ax: Axes, estimate: ClockEstimate, begin: float, lag: float, title: str) -> None:
    """Two minutes: the recorder's trace upwards, the camera's downwards."""
    name, lines = _lines(estimate, lag)
    for (times, values), sign, colour in zip(lines, (1, -1), (INK, BLUE), strict=True):
        part = (times >= begin) & (times <= begin + _STRETCH_S)
        # Movement grows from nothing, breathing goes up and down.
        low, high = np.quantile(values, (0.02, 0.998) if name == "breathing" else (0.5, 0.998))
        shown = np.clip((values[part] - low) / max(high - low, 1e-12), 0, 1)
        ax.fill_between(times[part] - begin, 0.12 * sign, (0.12 + shown) * sign, color=colour, lw=0)
    ax.set_xlim(0, _STRETCH_S)
    ax.set_ylim(-1.3, 1.3)
    ax.set_yticks([0.6, -0.6], ["recorder", "camera"])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"s from {begin / 3600:.2f} h on the recorder's clock")
    ax.set_title(f"{name.capitalize()}, {title} ({lag:+.1f} s)")
