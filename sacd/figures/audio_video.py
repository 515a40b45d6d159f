"""Audio to video: some pairs of a benchmark, and what its students reach."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sacd.audiovideo.benchmark import UNLABELLED, Pairs
from sacd.figures.style import BLUE, INK, MUTED, PAGE, PAPER_NOTE, STYLE, canvas, percent, stamp, styled


@styled(STYLE)
def examples(
    pairs: Pairs, classes: tuple[str, ...], label: str, audio_shape: tuple[int, int] | None = None, count: int = 5
) -> Figure:
    """The first unlabelled pair of some classes: its audio, if that is a picture, and its frames.

    Parameters
    ----------
    pairs : Pairs
    classes : tuple of str
    label : str
        For the foot of the figure.
    audio_shape : (times, bins), optional
        Of `pairs.audio`, where it is a spectrogram.
    count : int
        Classes shown, spread evenly.
    """
    fit = (pairs.part == UNLABELLED) | (UNLABELLED not in pairs.part)
    shown = [np.flatnonzero(fit & (pairs.label == c))[0] for c in np.linspace(0, len(classes) - 1, count).astype(int)]
    first, frames = int(audio_shape is not None), pairs.video.shape[1]
    ratios = [1.8] * first + [1] * frames
    figure, axes = canvas(label, PAGE, 0.2 + 0.85 * count, count, first + frames, width_ratios=ratios)
    for line, index in zip(axes, shown, strict=True):
        if audio_shape is not None:
            line[0].imshow(pairs.audio[index].reshape(audio_shape).T, origin="lower", aspect="auto", cmap="viridis")
        for ax, frame in zip(line[first:], pairs.video[index], strict=True):
            ax.imshow(frame, cmap="gray", vmin=0, vmax=255)
        line[0].set_ylabel(classes[pairs.label[index]], rotation=0, ha="right", va="center", parse_math=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    if audio_shape is not None:
        axes[0, 0].set_title("log-mel of the audio")
    axes[0, first].set_title("frames of the video", loc="left")
    return figure


@styled(STYLE)
def accuracies(
    summary: pd.DataFrame, label: str, unit: str, teacher: float, published: dict[str, float], ours: bool = False
) -> Figure:
    """One row a method: top-1 accuracy with its interval, the teacher's as a line, the paper's hollow.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.top1.top1`.
    label : str
        For the foot of the figure.
    unit : str
        What the interval resamples, in the plural.
    teacher : float
        Accuracy of the teacher on its own test clips.
    published : dict
        Method → the paper's accuracy.
    ours : bool
        Whether the paper's dataset is this one.
    """
    figure, axes = canvas(label, PAGE, 0.9 + 0.22 * len(summary))
    ax, places = axes[0, 0], np.arange(len(summary))
    ax.hlines(places, summary["low"], summary["high"], color=BLUE, lw=1.1, label="95 % interval")
    ax.plot(summary["mean"], places, "o", color=BLUE, ms=5, label="mean over seeds")
    theirs, note = [published.get(name, np.nan) for name in summary["method"]], "paper" if ours else PAPER_NOTE
    ax.plot(theirs, places, "D", mfc="white", mec=INK, ms=4, label=note)
    ax.axvline(teacher, color=MUTED, ls="--", lw=0.9, label="audio teacher, on audio")
    ax.set_yticks(places, summary["method"])
    ax.set_ylim(len(summary) - 0.4, -0.6)
    ax.xaxis.grid(True)
    percent(ax, label="top-1 accuracy, %")
    figure.legend(loc="outside upper center", ncols=4)
    sizes = summary.iloc[0]
    stamp(figure, label, f"{sizes['clips']:,} test clips, {sizes['units']:,} {unit}, {sizes['seeds']} seeds")
    return figure
