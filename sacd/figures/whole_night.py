"""A night at a glance: its hypnogram, signals as a screen can show them, movement, events, and some pictures."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.cohort import Recording
from sacd.cohort.motion import read_motion
from sacd.cohort.overview import level_for, overview
from sacd.figures.exploration import staircase
from sacd.figures.style import BLUE, CYCLE, INK, MUTED, PAGE, STYLE, canvas, styled
from sacd.stages import CLIP_SECONDS

_PICTURES = 8
_PIXELS = 800
"""Columns that the width of the page has at the resolution it is drawn in."""
_EVENTS = ("arousal", "apnoea", "hypopnoea", "limb movement", "position change", "artefact")


@styled(STYLE)
def whole_night(recording: Recording, label: str) -> Figure:
    """A recording from end to end.

    Parameters
    ----------
    recording : Recording
        What it has is drawn: signals of a raw cohort, movement, events, frames.
    label : str
        `Cohort.label`.
    """
    onset = recording.clips["onset"].to_numpy(dtype=float)
    signals = overview(recording, level_for(onset[-1] + CLIP_SECONDS - onset[0], _PIXELS))
    names = _names(recording, len(signals.pairs))
    events, moves, has_frames = recording.events, recording.motion is not None, recording.video.ndim == 4
    heights = [1.3, *[0.55] * len(names), *([0.6] if moves else []), *([0.9] if events is not None else [])]
    rows = len(heights) + has_frames
    size = {"height_ratios": [*heights, *([1.1] if has_frames else [])]}
    figure, axes = canvas(label, PAGE, 0.9 + 0.9 * sum(size["height_ratios"]), rows, 1, **size)
    panels = list(axes[: len(heights), 0])
    staircase(panels[0], recording.clips, "stage")
    panels[0].set_title(recording.recording_id, parse_math=False)
    for ax, name, pairs, scale in zip(panels[1:], names, signals.pairs, signals.scale, strict=False):
        _signal(ax, pairs, float(scale), signals.start, signals.seconds)
        _name(ax, name)
    rest = panels[1 + len(names) :]
    if moves:
        grid, _ = read_motion(np.asarray(recording.motion))
        level = grid.mean(axis=(1, 2, 3))
        # The camera's noise moves too: what matters stands above the quietest clip.
        rest[0].vlines((onset + CLIP_SECONDS / 2) / 3600, level.min(), level, color=BLUE, lw=0.6)
        _name(rest[0], "movement,\ngrey levels")
    if events is not None:
        _events(rest[-1], recording)
    for ax in panels:
        ax.set_xlim(onset[0] / 3600, (onset[-1] + CLIP_SECONDS) / 3600)
        ax.tick_params(labelbottom=ax is panels[-1])
    panels[-1].set_xlabel("hours from the start of the recording")
    if has_frames:
        _pictures(figure, axes[-1, 0], recording, onset)
    return figure


def _names(recording: Recording, channels: int) -> list[str]:
    """Of the overview's channels, with units."""
    about = recording.signal_info
    others = [] if about is None else [f"{name},\n{unit}" for name, unit in
                                       zip(about.channels, about.units, strict=True)]
    eeg = channels - len(others)
    return [*(f"{recording.channel},\nµV" if eeg == 1 else f"EEG {one + 1},\nµV" for one in range(eeg)), *others]


def _name(ax: Axes, name: str) -> None:
    ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7, parse_math=False)
    ax.tick_params(axis="y", labelsize=6)


def _signal(ax: Axes, pairs: np.ndarray, scale: float, start: float, seconds: float) -> None:
    """Lowest to highest value of each pair as a line; nothing in a gap. The scale leaves out the rarest values."""
    held = pairs[:, 0] <= pairs[:, 1]
    hours = (start + seconds * (np.arange(len(pairs)) + 0.5))[held] / 3600
    low, high = (pairs[held] * scale).T
    ax.vlines(hours, low, high, color=INK, lw=0.4)
    bottom, top = np.percentile(low, 1), np.percentile(high, 99)
    room = 0.1 * max(top - bottom, 1e-9)
    ax.set_ylim(bottom - room, top + room)


def _events(ax: Axes, recording: Recording) -> None:
    """A line of marks for each type of event that occurs."""
    events = recording.events
    kinds = [kind for kind in _EVENTS if (events["type"] == kind).any()]
    for place, kind in enumerate(kinds):
        own = events[events["type"] == kind]
        hours = own["onset"] / 3600
        ax.hlines([place] * len(own), hours, hours + np.maximum(own["duration"], 20) / 3600,
                  color=CYCLE[place % len(CYCLE)], lw=3)
    ax.set_yticks(range(len(kinds)), kinds, fontsize=6.5)
    ax.set_ylim(len(kinds) - 0.4, -0.6)


def _pictures(figure: Figure, ax: Axes, recording: Recording, onset: np.ndarray) -> None:
    """The middle frame of some clips spread over the night, the hour above each."""
    grid = ax.get_subplotspec().subgridspec(1, _PICTURES, wspace=0)
    ax.remove()
    middle = recording.video.shape[1] // 2
    for number, row in enumerate(np.linspace(0, len(recording), _PICTURES, endpoint=False).astype(int)):
        picture = figure.add_subplot(grid[number])
        picture.imshow(recording.video[row, middle], cmap="gray", vmin=0, vmax=255)
        picture.set_title(f"{onset[row] / 3600:.1f} h", fontsize=6.5, color=MUTED, fontweight="normal")
        picture.set_axis_off()
