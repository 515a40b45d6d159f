"""Audio to video: some pairs of a benchmark, and what its students reach."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sacd.audiovideo.benchmark import UNLABELLED, BenchmarkInfo, Pairs
from sacd.figures.html_table import Html
from sacd.figures.style import BLUE, INK, MUTED, PAGE, PAPER_NOTE, STYLE, canvas, percent, stamp, styled
from sacd.figures.tables import comparison_table, plain_table
from sacd.figures.words import counted


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


def table_three(
    summary: pd.DataFrame, seconds: pd.Series, info: BenchmarkInfo, published: dict[str, float], note: str,
    ours: bool = False,
) -> Html:
    """Top-1 of each method with its interval, beside the paper's, and what a run took.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.top1.top1`.
    seconds : Series
        Mean duration of a run, by method.
    info : BenchmarkInfo
    published : dict
        Method → the paper's accuracy.
    note : str
        Of the student.
    ours : bool
        Whether the paper's dataset is this one.
    """
    theirs = "the paper, UCF51" if ours else "the paper, UCF51: another dataset"
    shown = summary.drop(columns=["clips", "units", "seeds"]).rename(columns={"mean": "top-1", "sd": "sd over seeds"})
    shown[theirs], shown["seconds a run"] = shown["method"].map(published), shown["method"].map(seconds)
    sizes = summary.iloc[0]
    notes = [
        f"{sizes['clips']:,} test clips, {counted(sizes['seeds'], 'seed')}.",
        f"Low and high: 95 % interval for new {info.unit}, of which there are {sizes['units']:,}, and new seeds.",
        note,
    ]
    if not ours:
        notes.append("A sanity check: the paper's numbers are of another dataset and cannot be compared in size.")
    caption = "Table III" if ours else "Sanity check in the form of Table III"
    shares = dict.fromkeys(["top-1", "sd over seeds", "low", "high", theirs], ".1%")
    return plain_table(shown, info.title, caption, shares, notes)


def difference_table(comparison: pd.DataFrame, info: BenchmarkInfo, reference: str) -> Html:
    """`sacd.analysis.top1.differences` to a method; what takes the participants' part is said."""
    caption, note = f"Difference to {reference} in top-1", f"For participants read {info.unit}."
    return comparison_table(comparison, info.title, caption, notes=[note])


def teacher_table(teachers: pd.DataFrame, label: str) -> Html:
    """Top-1 of the audio teachers on their own test clips and on the pairs' audio, over seeds.

    Parameters
    ----------
    teachers : DataFrame
        A row a seed: `test_accuracy` and, where there is any, `unlabelled_accuracy`.
    label : str
        Of the benchmark.
    """
    parts = {"test_accuracy": "its own test clips", "unlabelled_accuracy": "the audio of the pairs (never trained on)"}
    told = teachers.filter(list(parts)).agg(["mean", "std"]).T.rename(parts).rename_axis("of").reset_index()
    note = f"{counted(len(teachers), 'seed')}."
    return plain_table(told, label, "The audio teacher, top-1", {"mean": ".1%", "std": ".1%"}, [note])


def embeddings_table(summary: pd.DataFrame, clips: int, label: str) -> Html:
    """Top-1 of the classifier on the real UCF51 embeddings; `clips` train and validate it."""
    shares = dict.fromkeys(["top-1", "sd", "low", "high"], ".1%")
    note = f"{clips:,} clips train and validate. The paper gives no figure for its audio teacher."
    shown = summary.rename(columns={"mean": "top-1", "units": "groups"})
    return plain_table(shown, label, "Audio classifier on the real UCF51 embeddings", shares, [note])


def heard_classes(predictions: pd.DataFrame, classes: tuple[str, ...], label: str, count: int = 6) -> Html:
    """Recall of the classes that are heard best and worst.

    Parameters
    ----------
    predictions : DataFrame
        Columns `label` and `predicted`, codes of `classes`.
    """
    right = (predictions["label"] == predictions["predicted"]).groupby(predictions["label"]).mean()
    ordered = right.rename("recall").sort_values(ascending=False).rename_axis("label").reset_index()
    ordered["label"] = [classes[code] for code in ordered["label"]]
    ends = pd.concat([ordered.head(count), ordered.tail(count)]).drop_duplicates()
    return plain_table(ends, label, "What can be heard: the best and worst classes", {"recall": ".0%"})
