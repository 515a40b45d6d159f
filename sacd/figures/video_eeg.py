"""Figs. 11, 12 and 13 as still figures: clips and EEG side by side, which waves the EEG holds, and who is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sacd.analysis.calibration import BANDS
from sacd.analysis.clip_examples import people_movement
from sacd.analysis.waves import main_wave
from sacd.cohort import Recording, Sampling
from sacd.figures.clips import EEG_SECONDS, draw_clip, probability_bars
from sacd.figures.style import (
    GRID,
    INK,
    MUTED,
    ORANGE,
    PAGE,
    STAGE_COLOURS,
    STYLE,
    blank,
    canvas,
    percent,
    stamp,
    styled,
)
from sacd.figures.words import in_percent
from sacd.stages import NOT_SCORED, STAGES

FRAMES = 3
_WIDTHS = [1, 1, 1, 1, 3, 1.3]
_ROW, _LINES = 1.3, 0.12
"""Inches of a row, and above and below it: room for the text above it."""
_GUIDE_UV = 37.5
"""Half of the 75 µV that a slow wave must have."""


@dataclass(frozen=True)
class Nights:
    """What every figure of clips needs beside the clips.

    Attributes
    ----------
    recordings : mapping of str to Recording
        By recording_id, of a cohort with raw video and EEG.
    sampling : Sampling
        The cohort's.
    label : str
        `Cohort.label`.
    model, baseline : str
        Names of the two whose answers the table of clips holds.
    note : str
        Said at the foot.
    """

    recordings: Mapping[str, Recording]
    sampling: Sampling
    label: str
    model: str
    baseline: str
    note: str = ""


@styled(STYLE)
def correspondence(examples: pd.DataFrame, nights: Nights) -> Figure:
    """Fig. 11: of each stage a clip that the model gets right and the baseline wrong, and the waves of its EEG.

    Parameters
    ----------
    examples : DataFrame
        `sacd.analysis.clip_examples.correspondence`, a row of the figure each.
    nights : Nights
    """
    if examples.empty:
        return blank(nights.label, f"no clip that {nights.model} gets right and {nights.baseline} wrong")
    heads = [f"({letter}) {STAGES[code]}" for letter, code in zip("abcde", examples["stage"], strict=False)]
    missing = ", ".join(stage for code, stage in enumerate(STAGES) if code not in set(examples["stage"]))
    note = "; ".join(filter(None, [nights.note, missing and f"no such clip of {missing}"]))
    return _rows(examples, heads, replace(nights, note=note))


@styled(STYLE)
def bad_cases(junction: pd.DataFrame, restless: pd.DataFrame, table: pd.DataFrame, nights: Nights) -> Figure:
    """Fig. 12: (a) a clip at a junction of stages, with its neighbours; (b) one of a person who moves more than others.

    Parameters
    ----------
    junction, restless : DataFrame
        `sacd.analysis.clip_examples`; a row each, or none.
    table : DataFrame
        All clips, with `movement` (grey levels): how much every participant moves is drawn below.
    nights : Nights
    """
    rows, heads = [], []
    for case in junction.to_dict("records"):
        of_night = table[table["recording_id"] == case["recording_id"]]
        rows.append(of_night[of_night["clip"].between(case["clip"] - 1, case["clip"] + 1)])
        heads += [f"(a) before:\n{STAGES[case['previous']]}", f"(a) {STAGES[case['stage']]}",
                  f"(a) after:\n{STAGES[case['next']]}"]
    for case in restless.to_dict("records"):
        rows.append(restless)
        heads.append(f"(b) {STAGES[case['stage']]},\nrestless")
    if not rows:
        return blank(nights.label, f"no clip that {nights.model} and {nights.baseline} both get wrong")
    figure = _rows(pd.concat(rows), heads, nights, below=1.3 if len(restless) else 0.0)
    if len(restless):
        _people(figure.axes[0], people_movement(table), restless["participant_id"].iloc[0])
    return figure


@styled(STYLE)
def main_errors(examples: pd.DataFrame, unclear: pd.DataFrame, nights: Nights) -> Figure:
    """Fig. 13: (a–e) each stage's most common error, and (f) an error that any stage may have: little is to be seen.

    Parameters
    ----------
    examples, unclear : DataFrame
        `main_errors` and `little_to_see` of `sacd.analysis.clip_examples`.
    nights : Nights
    """
    rows = pd.concat([examples, unclear])
    if rows.empty:
        return blank(nights.label, f"{nights.model} makes no error")
    heads = [
        f"({letter}) {STAGES[row['stage']]}\ntaken for\n{STAGES[row['predicted']]}\n"
        f"{in_percent(row['share'])} of {STAGES[row['stage']]}"
        for letter, row in zip("abcde", examples.to_dict("records"), strict=False)
    ]
    heads += [f"({'abcdef'[len(heads)]}) any stage:\nlittle\nmoves"] * len(unclear)
    return _rows(rows, heads, nights)


def caption(examples: pd.DataFrame, nights: Nights) -> str:
    """What stands on the rows of a figure, a line each: stage, waves, and who is right."""
    lines = [
        f"{row['recording_id']}, clip {row['clip']}: {_who_is_right(row, nights)}; {_waves(row, nights)[1]}"
        for row in examples.to_dict("records")
    ]
    return "\n".join([*lines, nights.label])


def _rows(examples: pd.DataFrame, heads: Sequence[str], nights: Nights, below: float = 0.0) -> Figure:
    """A row a clip: head, frames, motion, EEG with its waves, probabilities; `below`, inches, is left at the foot."""
    count = len(examples)
    parts = [_ROW * count, *([below] if below else [])]
    figure, outer = canvas(nights.label, PAGE, sum(parts) + 0.6, len(parts), 1, height_ratios=parts)
    axes = outer[0, 0].get_subplotspec().subgridspec(count, len(_WIDTHS), width_ratios=_WIDTHS).subplots(squeeze=False)
    outer[0, 0].remove()
    for row, head, example in zip(axes, heads, examples.to_dict("records"), strict=True):
        recording = nights.recordings[example["recording_id"]]
        begin, waves = _waves(example, nights)
        draw_clip(row[:FRAMES], row[FRAMES], row[4], recording, _place(recording, example), nights.sampling, begin)
        row[4].tick_params(labelbottom=True)
        row[4].hlines([-_GUIDE_UV, _GUIDE_UV], begin, begin + EEG_SECONDS, color=MUTED, lw=0.5, ls=(0, (2, 3)))
        _say(row[0], f"{example['recording_id']}, clip {example['clip']}\n{_who_is_right(example, nights)}")
        _say(row[4], waves)
        stage = STAGES[example["stage"]] if example["stage"] != NOT_SCORED else None
        row[0].set_ylabel(
            head, rotation=0, ha="right", va="center", color=STAGE_COLOURS.get(stage, INK), fontweight="bold"
        )
        _answers(row[5], example, stage)
    channel = nights.recordings[examples["recording_id"].iloc[0]].channel
    last = axes[-1]
    last[FRAMES // 2].set_xlabel("frames")
    last[FRAMES].set_xlabel("motion")
    last[4].set_xlabel("s of the clip")
    last[5].tick_params(labelbottom=True)
    percent(last[5], label="probability, %")
    said = [
        Patch(facecolor=MUTED, label=nights.model),
        Line2D([], [], marker="D", mfc="white", mec=INK, ls="none", ms=4, label=nights.baseline),
    ]
    figure.legend(handles=said, loc="outside upper right", ncols=2)
    figure.get_layout_engine().set(h_pad=_LINES)
    stamp(figure, nights.label, "; ".join(filter(None, [f"{channel} in µV, dotted lines 75 µV apart", nights.note])))
    return figure


def _say(ax: Axes, text: str) -> None:
    """Text above a panel that may run beyond it without moving any."""
    said = ax.text(0, 1.04, text, transform=ax.transAxes, va="bottom", fontsize=6.5, parse_math=False)
    said.set_in_layout(False)


def _place(recording: Recording, example: Mapping[str, object]) -> int:
    """The row of a clip in its recording's arrays."""
    return int(np.flatnonzero(recording.clips["clip"].to_numpy() == example["clip"])[0])


def _waves(example: Mapping[str, object], nights: Nights) -> tuple[float, str]:
    """Where the ten seconds begin that are drawn, and which waves stand out there."""
    recording = nights.recordings[str(example["recording_id"])]
    wave = main_wave(recording, _place(recording, example), nights.sampling.eeg_hz or 100.0)
    low, high = BANDS[wave.band]
    return wave.begin, f"{wave.band} ({low:g}–{high:g} Hz) {round(wave.gain):+d} dB against the night".replace("-", "−")


def _who_is_right(example: Mapping[str, object], nights: Nights) -> str:
    """The scored stage, and what both say with which probability."""
    parts = [f"scored {STAGES[example['stage']]}" if example["stage"] != NOT_SCORED else "not scored"]
    for name, column, chance in ((nights.model, "predicted", "p"), (nights.baseline, "baseline", "baseline")):
        code = example[column]
        if code == NOT_SCORED:
            continue
        verdict = "" if example["stage"] == NOT_SCORED else (", right" if code == example["stage"] else ", wrong")
        parts.append(f"{name}: {STAGES[code]} ({100 * example[f'{chance}_{STAGES[code]}']:.0f} %{verdict})")
    return "; ".join(parts)


def _answers(ax: Axes, example: Mapping[str, object], stage: str | None) -> None:
    """The model's probabilities as bars, the baseline's as hollow diamonds."""
    probability_bars(ax, [example[f"p_{name}"] for name in STAGES], stage)
    theirs = [example[f"baseline_{name}"] for name in STAGES]
    ax.plot(theirs, range(len(STAGES)), "D", mfc="white", mec=INK, mew=0.8, ms=3.5, ls="none", clip_on=False)


def _people(ax: Axes, movement: pd.Series, who: str) -> None:
    """How much every participant moves, and the one whose clip is shown."""
    movement = movement.sort_values()
    colours = [ORANGE if person == who else GRID for person in movement.index]
    ax.bar(range(len(movement)), movement, color=colours, edgecolor=MUTED, linewidth=0.4)
    ax.axhline(movement.median(), color=INK, lw=0.8, ls="--")
    ax.set_xticks([])
    ax.set_xlabel(f"{len(movement)} participants, by movement; dashed: the median; orange: {who}", parse_math=False)
    ax.set_ylabel("movement,\ngrey levels")
