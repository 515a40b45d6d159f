"""The quality of one night on a page: its faults over time, how signal and pictures look, and what was left out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.analysis.night_quality import flags, left_out, measures, missing
from sacd.cohort import Cohort, Recording
from sacd.figures.exploration import staircase
from sacd.figures.style import BLUE, DPI, INK, MUTED, ORANGE, PAGE, STYLE, Drawing, blank, stamp, styled
from sacd.stages import CLIP_SECONDS, NOT_SCORED

STILLS = 8
"""Pictures on the page, spread evenly over the night."""
_HOUR, _FAINTEST_UV = 3600.0, 0.1
_LEFT_OUT = "not in the cohort"
_LABELS = {
    "eeg_uv": ("EEG, SD of a clip", "µV"),
    "brightness": ("Brightness of the pictures", "of 255"),
    "movement": ("Change from picture to picture", "grey levels"),
}


@styled(STYLE)
def quality_page(cohort: Cohort, recording_id: str) -> Figure:
    """One night: stages as scored, measures and faults over its hours, stills, and a line that sums up.

    Parameters
    ----------
    cohort : Cohort
    recording_id : str

    Returns
    -------
    Figure
        Without stills where the cohort holds features in place of pictures.
    """
    recording = cohort[recording_id]
    clips, found, measured = recording.clips, flags(recording.clips), measures(recording, cohort.info)
    if clips.empty:
        return blank(cohort.label, f"{recording_id}: no clips")
    pictures = cohort.info.video == "raw"
    heights = [0.9, *[0.7] * len(measured.columns), 0.17 * len(found.columns) + 0.44]
    below = 0.95 if pictures else 0.0
    figure = Drawing(figsize=(PAGE, sum(heights) + below + 0.45 * len(heights) + 1), dpi=DPI, layout="constrained")
    stamp(figure, cohort.label)
    figure.suptitle(_headline(recording, found), x=0.01, ha="left", fontsize=9, parse_math=False)
    parts = figure.subfigures(2, 1, height_ratios=[sum(heights), below]) if pictures else [figure]
    panels = list(parts[0].subplots(len(heights), 1, sharex=True, height_ratios=heights))
    staircase(panels[0], clips, "stage")
    panels[0].set_title("Stages as scored", loc="left")
    for ax, name in zip(panels[1:], measured.columns, strict=False):
        _curve(ax, clips, measured[name], *_LABELS[name])
    _raster(panels[-1], clips, found)
    panels[-1].set_xlim(clips["onset"].min() / _HOUR, (clips["onset"].max() + CLIP_SECONDS) / _HOUR)
    panels[-1].set_xlabel("hours from the start of the recording")
    if pictures:
        _stills(list(parts[1].subplots(1, STILLS)), recording, found)
    return figure


def _headline(recording: Recording, found: pd.DataFrame) -> str:
    clips, flagged = recording.clips, int(found.any(axis=1).sum())
    unscored = int((clips["stage"] == NOT_SCORED).sum())
    share = f" ({100 * flagged / len(clips):.0f} %)" if flagged else ""
    return (
        f"{recording.recording_id}: {len(clips)} clips of 30 s, channel {recording.channel}. "
        f"With a fault: {flagged}{share}. Not scored: {unscored}. Left out: {left_out(recording)}."
    )


def _curve(ax: Axes, clips: pd.DataFrame, values: pd.Series, title: str, unit: str) -> None:
    hours, level = clips["onset"].to_numpy() / _HOUR, values.to_numpy()
    gaps = np.flatnonzero(np.diff(hours) > 1.5 * CLIP_SECONDS / _HOUR) + 1
    ax.plot(np.insert(hours, gaps, np.nan), np.insert(level, gaps, np.nan), color=BLUE, lw=0.7)
    ax.set_title(title, loc="left")
    ax.set_ylabel(unit)
    if unit == "µV":
        ax.set_yscale("log")
        # A dead channel is no reason to press the living ones flat.
        ax.set_ylim(bottom=_FAINTEST_UV, top=max(2 * level.max(), 10 * _FAINTEST_UV))


def _raster(ax: Axes, clips: pd.DataFrame, found: pd.DataFrame) -> None:
    """A line for each fault with a bar where clips have it, one for clips that are not scored, one for those absent."""
    width, onset = CLIP_SECONDS / _HOUR, clips["onset"].to_numpy() / _HOUR
    zero = onset[0] - width * clips["clip"].iloc[0]
    lines = {name: (onset[found[name]], ORANGE) for name in found}
    lines["not scored"] = onset[clips["stage"] == NOT_SCORED], MUTED
    lines[_LEFT_OUT] = zero + width * missing(clips), INK
    for place, (begins, colour) in enumerate(lines.values()):
        ax.broken_barh([(begin, width) for begin in begins], (place - 0.4, 0.8), color=colour, lw=0)
    ax.set_yticks(range(len(lines)), [f"{name}: {len(begins)}" for name, (begins, _) in lines.items()])
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.set_title("Faults, clips that have them" if len(found.columns) else "No faults were looked for", loc="left")


def _stills(panels: list[Axes], recording: Recording, found: pd.DataFrame) -> None:
    clips = recording.clips
    for ax, place in zip(panels, np.linspace(0, len(clips) - 1, len(panels)).round().astype(int), strict=True):
        ax.imshow(recording.video[place][0], cmap="gray", vmin=0, vmax=255)
        faulty = bool(found.iloc[place].any())
        minutes = round(clips["onset"].iloc[place] / 60)
        ax.set_title(f"{minutes // 60}:{minutes % 60:02d}", fontsize=7, color=ORANGE if faulty else INK)
        ax.set_xticks([])
        ax.set_yticks([])
        for side in ax.spines.values():
            side.set(visible=faulty, color=ORANGE, linewidth=1.5)
