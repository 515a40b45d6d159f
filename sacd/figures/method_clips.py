"""The method by hand, in pictures: a batch, its clips as a graph, the hardest negatives.

A clip's class is its label (solid frame) or, where there is none, what the teacher says (dashed frame).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sacd.figures.clips import EEG_RANGE_UV
from sacd.figures.style import BLUE, GRID, INK, ORANGE, PAGE, STAGE_COLOURS, STYLE, canvas, name_panel, stamp, styled
from sacd.stages import STAGES

UNKNOWN = "#9A9A9A"
"""Colour of clips of which not even the teacher is sure."""
DASHES = (0, (2, 1))
SHOWN = 8
"""Negatives that are drawn."""


@dataclass(frozen=True)
class Clips:
    """Clips to draw.

    Attributes
    ----------
    video : ndarray [n, frames, height, width] uint8
    stage : ndarray [n] int
        Class as the losses take it; −1 where even the teacher is not sure.
    labelled : ndarray [n] bool
        Whether the class is a label, not the teacher's guess.
    eeg : ndarray [n, samples] float, optional
        One channel in µV, where the cohort has signals.
    """

    video: np.ndarray
    stage: np.ndarray
    labelled: np.ndarray
    eeg: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.stage)

    def __getitem__(self, chosen: np.ndarray | slice) -> "Clips":
        eeg = None if self.eeg is None else self.eeg[chosen]
        return Clips(self.video[chosen], self.stage[chosen], self.labelled[chosen], eeg)


def class_name(stage: int) -> str:
    """Of a class; "?" where it is unknown, −1."""
    return STAGES[stage] if stage >= 0 else "?"


def class_colour(stage: int) -> str:
    """Of a class; grey where it is unknown."""
    return STAGE_COLOURS[STAGES[stage]] if stage >= 0 else UNKNOWN


def _picture(ax: Axes, clips: Clips, place: int, moving: bool = False) -> None:
    """The middle frame of a clip, or the motion within it, framed in the colour of its class."""
    video = clips.video[place].astype(float)
    if moving:
        ax.imshow(np.abs(np.diff(video, axis=0)).mean(axis=0), cmap="magma", vmin=0, vmax=20)
    else:
        ax.imshow(video[len(video) // 2], cmap="gray", vmin=0, vmax=255)
    _frame(ax, clips, place)


def _trace(ax: Axes, clips: Clips, place: int) -> None:
    """The first third of a clip's EEG, framed in the colour of its class."""
    signal = clips.eeg[place]
    ax.plot(signal[: len(signal) // 3], color=INK, linewidth=0.35)
    ax.set_ylim(-EEG_RANGE_UV, EEG_RANGE_UV)
    ax.set_facecolor("white")
    _frame(ax, clips, place)


def _frame(ax: Axes, clips: Clips, place: int) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(visible=True, color=class_colour(clips.stage[place]), linewidth=2.2)
        spine.set(linestyle="-" if clips.labelled[place] else DASHES, capstyle="butt")  # other caps fill the gaps


def _legend(figure: Figure) -> None:
    """What solid and dashed frames mean."""
    lines = [
        Line2D([], [], color=INK, linewidth=2, label="scored stage"),
        Line2D([], [], color=INK, linewidth=2, linestyle=DASHES, label="no label: the teacher's guess (?: not sure)"),
    ]
    figure.legend(handles=lines, loc="outside upper right", ncols=2, handlelength=2.6)


@styled(STYLE)
def batch_pictures(clips: Clips, window: np.ndarray, names: Sequence[str], label: str) -> Figure:
    """A batch as its windows: one row each, the middle frame of every clip in time order.

    Parameters
    ----------
    clips : Clips
        Of the batch.
    window : ndarray [n] int
    names : sequence of str
        What stands beside each window, e.g. its night.
    label : str
        `Cohort.label`.
    """
    rows = [np.flatnonzero(window == number) for number in np.unique(window)]
    columns = max(len(row) for row in rows)
    figure, axes = canvas(label, PAGE, 0.98 * len(rows) + 0.5, len(rows), columns)
    for line, row, name in zip(axes, rows, names, strict=True):
        for ax, place in zip(line, row, strict=False):
            _picture(ax, clips, place)
            ax.set_title(class_name(clips.stage[place]), color=class_colour(clips.stage[place]), pad=3)
        for ax in line[len(row) :]:
            ax.remove()
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, parse_math=False)
    _legend(figure)
    return figure


@styled(STYLE)
def clip_graphs(clips: Clips, attention: Mapping[str, np.ndarray], label: str, note: str = "") -> Figure:
    """Clips as a complete graph, once a modality: an edge is as strong as the two clips listen to each other.

    Parameters
    ----------
    clips : Clips
        The nodes, clockwise in time order from the top; pictures, and in the panel "EEG" signals where there are any.
    attention : mapping of str to ndarray [n, n] float
        Modality → a_ij, how much clip i listens to clip j; an edge shows the mean of both ways.
    label : str
        `Cohort.label`.
    note : str
        At the foot.
    """
    figure, axes = canvas(label, PAGE, 4.2, 1, len(attention))
    angle = math.pi / 2 - 2 * math.pi * np.arange(len(clips)) / len(clips)
    x, y = np.cos(angle), np.sin(angle)
    first, second = np.triu_indices(len(clips), 1)
    for ax, (name, weights) in zip(axes.flat, attention.items(), strict=True):
        both = ((weights + weights.T) / 2)[first, second]
        strength = (both - both.min()) / max(np.ptp(both), 1e-9)
        for i, j, strong in zip(first, second, strength, strict=True):
            ax.plot(x[[i, j]], y[[i, j]], color=BLUE, alpha=0.1 + 0.9 * strong, lw=0.4 + 3 * strong)
        name_panel(ax, f"{name}: weights {both.min():.4f} to {both.max():.4f}", 40)
        ax.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.35), aspect="equal")
        ax.set_axis_off()
        draw = _trace if name == "EEG" and clips.eeg is not None else _picture
        for place in range(len(clips)):
            node = ax.inset_axes((x[place] - 0.22, y[place] - 0.22, 0.44, 0.44), transform=ax.transData)
            draw(node, clips, place)
            code = clips.stage[place]
            title = node.set_title(f"{place + 1}: {class_name(code)}", color=class_colour(code), pad=2, fontsize=7.5)
            title.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    _legend(figure)
    stamp(figure, label, note)
    return figure


@styled(STYLE)
def hardest_clips(
    anchor: Clips, nearest: Mapping[str, Clips], similarity: Mapping[str, np.ndarray], k: int, positive: float,
    margin: float, label: str,
) -> Figure:  # fmt: skip
    """A clip and its hardest negatives in each direction, and where all candidates lie.

    Parameters
    ----------
    anchor : Clips
        One clip.
    nearest : mapping of str to Clips
        Direction → its hardest negatives, hardest first; eight are shown.
    similarity : mapping of str to ndarray float
        Direction → S of every eligible candidate, falling; the first `k` are the hardest.
    k : int
    positive, margin : float
        S of the anchor's own pair, and α.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(
        label, PAGE, 1.85 * len(nearest) + 0.4, 2 * len(nearest), SHOWN + 2, width_ratios=[1] * (SHOWN + 1) + [3]
    )
    edges = np.histogram_bin_edges([positive, *np.concatenate(list(similarity.values()))], 25)
    grid = axes[0, 0].get_gridspec()
    for number, (direction, clips) in enumerate(nearest.items()):
        rows = axes[2 * number : 2 * number + 2]
        for moving, row in enumerate(rows):
            _picture(row[0], anchor, 0, bool(moving))
            for rank, ax in enumerate(row[1:-1]):
                if rank < len(clips):
                    _picture(ax, clips, rank, bool(moving))
                else:
                    ax.remove()
        rows[0, 0].set_title(f"anchor\n{class_name(anchor.stage[0])}", color=class_colour(anchor.stage[0]))
        for ax, value, code in zip(rows[0, 1:-1], similarity[direction], clips.stage, strict=False):
            ax.set_title(f"{value:.2f}\n{class_name(code)}", color=class_colour(code))
        rows[0, 0].set_ylabel("frame")
        rows[1, 0].set_ylabel("motion")
        for ax in rows[:, -1]:
            ax.remove()
        side = figure.add_subplot(grid[2 * number : 2 * number + 2, -1])
        _candidates(side, similarity[direction], edges, k, positive, margin)
        name_panel(side, direction, 18)
    figure.legend(*figure.axes[-1].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    return figure


def _candidates(ax: Axes, similarity: np.ndarray, edges: np.ndarray, k: int, positive: float, margin: float) -> None:
    """How similar the eligible candidates are, the k hardest apart, beside the anchor's own pair."""
    parts = [similarity[:k], similarity[k:]]
    ax.hist(parts, bins=edges, stacked=True, color=[ORANGE, GRID], label=[f"the {k} hardest", "other candidates"])
    ax.axvline(positive, color=BLUE, label="its own pair")
    ax.axvline(positive - margin, color=BLUE, ls="--", label="own pair − α")
    ax.set(xlabel="S", ylabel="clips")
