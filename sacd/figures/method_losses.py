"""The method by hand, in numbers: what a `Pair` holds, the three distances, and what each loss makes of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sacd.figures.method_clips import class_colour, class_name
from sacd.figures.style import BLUE, GRID, INK, MUTED, ORANGE, PAGE, STYLE, canvas, letter, name_panel, stamp, styled
from sacd.figures.tables import Html, plain_table
from sacd.objectives.base import Pair
from sacd.stages import STAGES

MEANING: dict[str, str] = {
    "student_features": "what the student makes of each clip's video; its gradient trains the student",
    "student_logits": "the student's scores of the stages; softmax makes them probabilities",
    "label": "the scored stage, −1 where it is hidden",
    "teacher_features": "what the frozen teacher makes of the same seconds of EEG",
    "teacher_logits": "the teacher's scores of the stages",
    "momentum_features": "the video again, by the student's slow copy; these enter the video bank",
    "momentum_logits": "the slow copy's scores of the stages",
    "student_taps": "inner activations of the student, for methods that match layers",
    "teacher_taps": "inner activations of the teacher",
    "participant": "whose clip it is",
    "clip": "which of the training clips it is",
    "window": "which run of consecutive clips it belongs to",
    "night": "which recording it comes from",
    "posterior": "how likely each stage is by the simulator itself, for one control",
}
"""Of the fields of a `Pair`, in plain words."""
STRIP = 14
"""Points between a panel and its title, where a strip of classes lies between them."""


def pair_table(pair: Pair, label: str) -> Html:
    """What a `Pair` holds: field, shape, type and meaning of every one that is there; the others by name below."""
    rows, absent = [], []
    for field in fields(pair):
        value = getattr(pair, field.name)
        if isinstance(value, torch.Tensor):
            kind = str(value.dtype).removeprefix("torch.")
            rows.append((field.name, " × ".join(map(str, value.shape)), kind, MEANING[field.name]))
        else:
            absent.append(f"{field.name}: {MEANING[field.name]}")
    frame = pd.DataFrame(rows, columns=["field", "shape", "type", "meaning"])
    return plain_table(frame, label, "What a Pair holds", notes=["Not needed by this method:", *absent])


@styled(STYLE)
def three_distances(
    graphs: np.ndarray, negative: np.ndarray, cosine: np.ndarray, divergence: np.ndarray, stage: np.ndarray, label: str
) -> Figure:
    """The three distances of a batch of n clips in W windows, a panel each.

    Parameters
    ----------
    graphs : ndarray [W, W] float
        d between every video window and every EEG window, 0 … 4.
    negative : ndarray [W, W] bool
        Non-matching windows that L_D uses; outlined.
    cosine : ndarray [n, n] float
        S(v_i, s_j); drawn with the clips sorted by class.
    divergence : ndarray [n] float
        JSD of each clip, nats.
    stage : ndarray [n] int
        Class of each clip.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(label, PAGE, 2.9, 1, 3, width_ratios=[1, 1.1, 1])
    left, middle, right = axes[0]
    left.imshow(graphs, cmap="Blues_r", vmin=0, vmax=4)
    for (row, column), value in np.ndenumerate(graphs):
        left.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 1.6 else INK)
        if negative[row, column]:
            left.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=ORANGE, lw=1.5))
    places = range(len(graphs))
    left.set(xticks=places, yticks=places, xlabel="EEG window", ylabel="video window")
    left.set_xticklabels([place + 1 for place in places])
    left.set_yticklabels([place + 1 for place in places])
    left.set_title("(a) graphs: d", pad=STRIP)

    order = np.argsort(stage, kind="stable")
    image = middle.imshow(cosine[np.ix_(order, order)], cmap="viridis")
    for place, code in enumerate(stage[order]):
        for spot in ((place - 0.5, -2.2), (-2.2, place - 0.5)):
            size = (1, 1.4) if spot[1] < -1 else (1.4, 1)
            middle.add_patch(Rectangle(spot, *size, color=class_colour(code), clip_on=False, lw=0))
    middle.set(xticks=[], yticks=[], xlabel="EEG of the clips, by class")
    middle.set_ylabel("video of the clips", labelpad=10)
    middle.set_title("(b) clips: cosine S", pad=STRIP)
    middle.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=middle, shrink=0.7, aspect=18, pad=0.03)
    bar.outline.set_visible(False)

    right.bar(range(len(stage)), divergence[order], color=[class_colour(code) for code in stage[order]], width=0.9)
    right.axhline(math.log(2), color=MUTED, lw=0.8, ls="--")
    right.text(len(stage) - 0.5, math.log(2), "ln 2, the most it can be", ha="right", va="bottom", color=MUTED)
    right.set(xticks=[], xlabel="clips, by class", ylabel="nats", ylim=(0, 0.78))
    right.set_title("(c) predictions: JSD", pad=STRIP)
    found = [code for code in range(-1, len(STAGES)) if (stage == code).any()]
    keys = [Rectangle((0, 0), 1, 1, color=class_colour(code), label=class_name(code)) for code in found]
    keys.append(Rectangle((0, 0), 1, 1, fill=False, edgecolor=ORANGE, lw=1.5, label="non-matching pair that L_D uses"))
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys), handlelength=1.2)
    return figure


@styled(STYLE)
def two_bars(student: np.ndarray, teacher: np.ndarray, titles: Sequence[str], label: str) -> Figure:
    """Two predictions side by side with their mean, a panel a clip.

    Parameters
    ----------
    student, teacher : ndarray [n, 5] float
        Probabilities p and q.
    titles : sequence of str
        Of the clips.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(label, PAGE, 2.5, 1, len(student), sharey=True)
    place = np.arange(len(STAGES))
    for ax, p, q, title in zip(axes.flat, student, teacher, titles, strict=True):
        ax.bar(place - 0.2, p, 0.4, color=BLUE, label="p, the student")
        ax.bar(place + 0.2, q, 0.4, color=ORANGE, label="q, the teacher")
        ax.hlines((p + q) / 2, place - 0.42, place + 0.42, color=INK, lw=1.6, label="m, their mean")
        ax.set_xticks(place, STAGES)
        name_panel(ax, title, 40)
        ax.yaxis.grid(True)
        ax.set_ylim(0, 1)
    axes[0, 0].set_ylabel("probability")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


@styled(STYLE)
def graph_costs(
    distance: np.ndarray, costs: Mapping[str, np.ndarray], here: Mapping[str, np.ndarray], label: str, note: str = ""
) -> Figure:
    """Cost of a pair of graphs against their distance d, a panel a reading; grey where the gradient is 0.

    Parameters
    ----------
    distance : ndarray [n] float
        d, rising.
    costs : mapping of str to ndarray [n] float
        Title → cost at each d.
    here : mapping of str to ndarray [m] float
        Title → d of this batch's pairs of that kind.
    label : str
        `Cohort.label`.
    note : str
        At the foot.
    """
    figure, axes = canvas(label, PAGE, 2.5, 1, len(costs), sharey=True)
    for ax, (title, cost) in zip(axes.flat, costs.items(), strict=True):
        flat = np.diff(cost) == 0
        ax.fill_between(distance[1:], 0, 1, where=flat, transform=ax.get_xaxis_transform(), color=GRID, alpha=0.6, lw=0)
        ax.plot(distance, cost, color=BLUE)
        at = np.interp(here[title], distance, cost)
        ax.plot(here[title], at, "o", color=ORANGE, ms=4, label="pairs of this batch")
        ax.set(xlabel="d", xlim=(distance[0], distance[-1]), ylim=(-0.05, 1.05 * np.max(list(costs.values()))))
        name_panel(ax, title, 34)
    axes[0, 0].set_ylabel("cost")
    handles = [*axes[0, 0].get_legend_handles_labels()[0], Rectangle((0, 0), 1, 1, color=GRID, label="gradient is 0")]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    letter(axes)
    stamp(figure, label, note)
    return figure


@styled(STYLE)
def setting_curves(curves: Mapping[str, Mapping[str, pd.Series]], chosen: Mapping[str, float], label: str) -> Figure:
    """A batch's loss against each setting, the others held; a line marks the chosen value.

    Parameters
    ----------
    curves : mapping of str to mapping of str to Series
        Setting → name of a loss → its value, indexed by the setting, the chosen value among them.
    chosen : mapping of str to float
        Setting → value.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(label, PAGE, 2.3, 1, len(curves))
    for ax, (setting, lines) in zip(axes.flat, curves.items(), strict=True):
        for name, values in lines.items():
            here = values[chosen[setting]]
            (line,) = ax.plot(values.index, values, label=f"{name}: {here:.3f}")
            ax.plot(chosen[setting], here, "o", color=line.get_color(), ms=4)
        ax.axvline(chosen[setting], color=MUTED, lw=0.8, ls="--")
        ax.set(xlabel=setting, title=f"{setting} = {chosen[setting]:g}")
        ax.set_ylim(bottom=0)
        ax.yaxis.grid(True)
        ax.legend(frameon=True, facecolor="white", edgecolor="none")
    axes[0, 0].set_ylabel("loss")
    return figure
