"""Clips side by side: the frames that a camera sees and the EEG of the same seconds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.cohort import Recording, Sampling
from sacd.figures.style import GRID, INK, PAGE, STAGE_COLOURS, STYLE, canvas, percent, stamp, styled
from sacd.stages import STAGES

EEG_SECONDS = 10.0
EEG_RANGE_UV = 120.0


def draw_clip(
    frames: Sequence[Axes], motion: Axes, eeg: Axes, recording: Recording, place: int, sampling: Sampling,
    begin: float = 0.0,
) -> None:
    """Evenly spread frames of a clip, the motion within it, and ten seconds of its EEG from `begin` (s) on.

    Parameters
    ----------
    place : int
        Row of the clip in the recording's arrays.
    """
    video = recording.video[place].astype(float)
    for ax, frame in zip(frames, np.linspace(0, len(video), 2 * len(frames) + 1).astype(int)[1::2], strict=True):
        ax.imshow(video[frame], cmap="gray", vmin=0, vmax=255)
    motion.imshow(np.abs(np.diff(video, axis=0)).mean(axis=0), cmap="magma", vmin=0, vmax=20)
    rate = sampling.eeg_hz or 100.0
    signal = recording.eeg[place, 0, int(begin * rate) : int((begin + EEG_SECONDS) * rate)]
    eeg.plot(begin + np.arange(len(signal)) / rate, signal, color=INK, linewidth=0.5)
    eeg.set_ylim(-EEG_RANGE_UV, EEG_RANGE_UV)
    eeg.set_xlim(begin, begin + EEG_SECONDS)
    for ax in (*frames, motion):
        ax.set_xticks([])
        ax.set_yticks([])
    eeg.tick_params(labelbottom=False)


def _titles(axes: np.ndarray, frames: int, channel: str) -> None:
    """Of the columns that `draw_clip` fills; seconds stand under the last row only."""
    axes[0, frames // 2].set_title("frame" if frames == 1 else "frames")
    axes[0, frames].set_title("motion")
    axes[0, frames + 1].set_title(f"{channel}, ±{EEG_RANGE_UV:.0f} µV")
    axes[-1, frames + 1].tick_params(labelbottom=True)
    axes[-1, frames + 1].set_xlabel("s")


@styled(STYLE)
def clip_gallery(recording: Recording, sampling: Sampling, label: str) -> Figure:
    """One clip of each stage that a recording has: middle frame, the motion within the clip, ten seconds of EEG.

    Parameters
    ----------
    recording : Recording
        Of a raw cohort.
    sampling : Sampling
        The cohort's; gives the EEG rate in Hz.
    label : str
        `Cohort.label`.
    """
    stage = recording.clips["stage"].to_numpy()
    # The middle one of a stage's clips: neither the first of the night nor picked for its looks.
    chosen = {
        name: rows[len(rows) // 2] for code, name in enumerate(STAGES) if len(rows := np.flatnonzero(stage == code))
    }
    figure, axes = canvas(label, PAGE, 1.15 * len(chosen) + 0.5, len(chosen), 3, width_ratios=[1, 1, 4])
    for row, (name, place) in zip(axes, chosen.items(), strict=True):
        draw_clip(row[:1], row[1], row[2], recording, place, sampling)
        row[0].set_ylabel(name, color=STAGE_COLOURS[name], fontweight="bold")
    _titles(axes, 1, recording.channel)
    return figure


@styled(STYLE)
def error_gallery(
    examples: pd.DataFrame, recordings: Mapping[str, Recording], sampling: Sampling, label: str, note: str = ""
) -> Figure:
    """Clips that a model took for another stage: frames, motion, EEG, and its probabilities (paper Fig. 13).

    Parameters
    ----------
    examples : DataFrame
        `sacd.analysis.misclassification.error_examples`, one row of the figure each.
    recordings : mapping of str to Recording
        Those of the examples, of a raw cohort, by recording_id.
    sampling : Sampling
        The cohort's; gives the EEG rate in Hz.
    label : str
        `Cohort.label`.
    note : str
        Said at the foot: the model.
    """
    figure, axes = canvas(label, PAGE, 0.95 * len(examples) + 0.6, len(examples), 6, width_ratios=[1, 1, 1, 1, 3, 1.3])
    for row, example in zip(axes, examples.to_dict("records"), strict=True):
        recording = recordings[example["recording_id"]]
        place = int(np.flatnonzero(recording.clips["clip"].to_numpy() == example["clip"])[0])
        draw_clip(row[:3], row[3], row[4], recording, place, sampling)
        row[0].set_ylabel(
            f"{example['stage']}\ntaken for\n{example['taken_for']}", rotation=0, ha="right", va="center",
            color=STAGE_COLOURS[example["stage"]], fontweight="bold",
        )  # fmt: skip
        where = f"{example['recording_id']}, clip {example['clip']}"
        row[4].text(0.01, 0.97, where, transform=row[4].transAxes, va="top", fontsize=6.5, parse_math=False)
        probability_bars(row[5], [example[f"p_{stage}"] for stage in STAGES], example["stage"])
    _titles(axes, 3, recordings[examples["recording_id"].iloc[0]].channel)
    axes[0, 5].set_title("probability")
    axes[-1, 5].tick_params(labelbottom=True)
    percent(axes[-1, 5])
    stamp(figure, label, note)
    return figure


def probability_bars(ax: Axes, chances: Sequence[float], scored: str | None) -> None:
    """A bar a stage in its colour; the scored one's name is bold."""
    ax.barh(range(len(STAGES)), chances, color=[STAGE_COLOURS[stage] for stage in STAGES])
    ax.set_yticks(range(len(STAGES)), STAGES)
    if scored is not None:
        ax.get_yticklabels()[STAGES.index(scored)].set_fontweight("bold")
    ax.tick_params(axis="y", length=0, labelsize=6.5)
    ax.tick_params(labelbottom=False)
    ax.set_xlim(0, 1)
    ax.invert_yaxis()
    ax.xaxis.grid(True, color=GRID)
