"""A night over time: as scored where somebody did, as the model stages it, and how likely it finds each stage."""

from datetime import timedelta

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.analysis.night_report import NightReport
from sacd.figures.exploration import HYPNOGRAM_ORDER, staircase
from sacd.figures.night_words import BANNER, is_short, time_axis
from sacd.figures.style import DPI, MUTED, ORANGE, PAGE, STAGE_COLOURS, STYLE, Drawing, stamp, styled
from sacd.stages import CLIP_SECONDS

_HOUR = 3600.0


def hypnodensity(ax: Axes, clips: pd.DataFrame) -> None:
    """Stage probabilities stacked over hours, from the night's deepest stage up; gaps stay empty.

    Parameters
    ----------
    ax : Axes
    clips : DataFrame
        `onset` (s), p_W … p_REM.
    """
    onset = clips["onset"].to_numpy(dtype=float)
    chances = clips[[f"p_{stage}" for stage in reversed(HYPNOGRAM_ORDER)]].to_numpy(dtype=float)
    # A clip's probabilities hold until its end; where no clip follows there, nothing does.
    ends = np.flatnonzero(np.append(np.diff(onset) > 1.5 * CLIP_SECONDS, True))
    times = np.insert(onset, ends + 1, onset[ends] + CLIP_SECONDS) / _HOUR
    levels = np.insert(chances, ends + 1, 0.0, axis=0).T
    colours = [STAGE_COLOURS[stage] for stage in reversed(HYPNOGRAM_ORDER)]
    ax.stackplot(times, levels, labels=list(reversed(HYPNOGRAM_ORDER)), colors=colours, step="post", linewidth=0)
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1], ["0", "50", "100"])
    ax.set_ylabel("chance, %")


def draw_night(report: NightReport, panels: list[Axes]) -> None:
    """Draw the panels of a night: as scored, if there are three; as staged; probabilities."""
    clips = report.clips
    stairs = {"Staged by the model, from video": "predicted"}
    if len(panels) > 2:
        stairs = {"Scored by a person, from EEG": "stage"} | stairs
    for ax, (title, column) in zip(panels, stairs.items(), strict=False):
        staircase(ax, clips, column)
        ax.set_title(title, loc="left")
    density = panels[-1]
    hypnodensity(density, clips)
    density.set_title("How likely the model finds each stage", loc="left")
    handles, names = density.get_legend_handles_labels()
    density.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1, 0.5), handlelength=0.8)
    first, last = clips["onset"].min(), clips["onset"].max() + CLIP_SECONDS
    marks = _lights(report)
    for ax in panels:
        ax.set_xlim(first / _HOUR, last / _HOUR)
        _tell_time(ax, report)
        for hour in marks:
            ax.axvline(hour, color=MUTED, lw=0.8, ls=":")
    for ax in panels[:-1]:
        ax.tick_params(labelbottom=False)
    label = time_axis(report)
    density.set_xlabel(f"{label}; dotted: lights off and on" if marks else label)


def _lights(report: NightReport) -> list[float]:
    """Hours at which lights went off and on, where that is known and both lie in what is drawn."""
    if report.lights is None:
        return []
    first, last = report.clips.iloc[0], report.clips.iloc[-1]
    zero = first["onset"] - CLIP_SECONDS * first["clip"]
    times = [zero + CLIP_SECONDS * clip for clip in (report.lights.off, report.lights.on + 1)]
    inside = times[0] >= first["onset"] and times[1] <= last["onset"] + CLIP_SECONDS
    return [time / _HOUR for time in times] if inside else []


def _tell_time(ax: Axes, report: NightReport) -> None:
    """Whole hours of the clock, where it is known; else hours from the start, or minutes where there are few."""
    start = report.start
    if start is None:
        if is_short(report):
            first, last = (60 * hour for hour in ax.get_xlim())
            step = next(step for step in (0.5, 1, 2, 5) if last - first <= 8 * step)
            minutes = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step
            ax.set_xticks(minutes / 60, [f"{minute:g}" for minute in minutes])
        return
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    offset = (start - midnight).total_seconds() / _HOUR
    low, high = ax.get_xlim()
    step = 1 if high - low > 3 else 0.25 if high - low > 0.5 else 1 / 120
    clock = np.arange(np.ceil((low + offset) / step), np.floor((high + offset) / step) + 1) * step
    shape = "%H:%M" if step >= 1 / 60 else "%H:%M:%S"
    ax.set_xticks(clock - offset, [f"{midnight + timedelta(hours=float(hour)):{shape}}" for hour in clock])


@styled(STYLE)
def night_figure(report: NightReport) -> Figure:
    """The panels alone, as the HTML page shows them."""
    count = 3 - report.agreement.empty
    figure = Drawing(figsize=(PAGE, 0.5 + 1.25 * count), dpi=DPI, layout="constrained")
    draw_night(report, list(figure.subplots(count, 1)))
    stamp(figure, report.label)
    if report.foreign:
        across(figure)
    return figure


def across(figure: Figure) -> None:
    """Write over the whole figure that a model of simulated people does not know the person."""
    width, height = figure.get_size_inches()
    angle = np.degrees(np.arctan2(height, width))
    size = 72 * np.hypot(width, height) / (0.72 * len(BANNER))
    figure.text(
        0.5, 0.5, BANNER, ha="center", va="center", rotation=angle, fontsize=min(size, 26), color=ORANGE, alpha=0.35,
        weight="bold", zorder=10,
    )
