"""What a cohort looks like: Fig. 2's three panels, a night's hypnogram, the stage mix."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd import paper
from sacd.analysis.exploration import UNKNOWN, participant_counts, stage_counts
from sacd.figures.style import (
    AHI_COLOURS,
    BLUE,
    CYCLE,
    INK,
    MUTED,
    PAGE,
    PAPER_NOTE,
    STAGE_COLOURS,
    STYLE,
    canvas,
    percent,
    stamp,
    styled,
)
from sacd.metrics import accuracy, confusion, kappa
from sacd.stages import CLIP_SECONDS, NOT_SCORED, REM, STAGES

HYPNOGRAM_ORDER = ("W", "REM", "N1", "N2", "N3")
"""From the top; sleep medicine draws REM next to wake."""


def _bars(ax: Axes, names: list[str], counts: np.ndarray, colours: list[str], published: Mapping[str, int]) -> None:
    """Horizontal bars of shares, counts beside their names, and the paper's shares as hollow diamonds."""
    places = np.arange(len(names))
    share = counts / max(counts.sum(), 1)
    ax.barh(places, share, color=colours, height=0.62)
    total = sum(published.values())
    theirs = [published[name] / total if name in published else np.nan for name in names]
    ax.plot(theirs, places, "D", mfc="white", mec=INK, mew=0.9, ms=4.5, clip_on=False, ls="none", label=PAPER_NOTE)
    ax.set_yticks(places, [f"{name} ({count:,})" for name, count in zip(names, counts, strict=True)])
    ax.invert_yaxis()
    ax.set_xlim(0, np.nanmax([*share, *theirs]) * 1.08)
    ax.xaxis.grid(True)
    percent(ax)


@styled(STYLE)
def cohort_overview(participants: pd.DataFrame, clips: pd.DataFrame, label: str) -> Figure:
    """Fig. 2: participants by sex and AHI group, clips by stage, beside the paper's shares.

    Shares are of those whose sex or AHI is known; of how many it is unknown is said.

    Parameters
    ----------
    participants : DataFrame
        `Cohort.participants`: `sex`, `ahi` (events/h).
    clips : DataFrame
        With `stage`.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(label, PAGE, 3.0, 2, 2, width_ratios=(1, 1.25), height_ratios=(1, 1.5))
    people, stages = participant_counts(participants), stage_counts(clips)
    grid = axes[0, 1].get_gridspec()
    for ax in axes[:, 1]:
        ax.remove()
    right = figure.add_subplot(grid[:, 1])
    n = len(participants)
    sexes = dict(zip(("male", "female"), CYCLE[:2], strict=True))
    for ax, factor, title, colours, published in (
        (axes[0, 0], "sex", f"Sex ({n:,} participants)", sexes, paper.SEXES),
        (axes[1, 0], "ahi", "AHI group", AHI_COLOURS, paper.AHI_COUNTS),
    ):
        counts = people[people["factor"] == factor].set_index("level")["participants"]
        unknown = int(counts.get(UNKNOWN, 0))
        known = counts.drop(UNKNOWN, errors="ignore")
        if known.any():
            _bars(ax, known.index.tolist(), known.to_numpy(), [colours[name] for name in known.index], published)
            ax.set_title(f"{title}, unknown for {unknown:,}" if unknown else title)
        else:
            ax.set_axis_off()
            ax.set_title(f"{title}: unknown for {unknown:,}")
    _bars(right, list(STAGES), stages["clips"].to_numpy(), list(STAGE_COLOURS.values()), paper.STAGE_CLIPS)
    axes[0, 0].set_xlabel("")
    axes[1, 0].set_xlabel("% of participants")
    right.set_title(f"Sleep stage ({stages['clips'].sum():,} scored clips, {stages['hours'].sum():,.0f} h)")
    right.set_xlabel("% of scored clips")
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper right")
    return figure


def staircase(ax: Axes, clips: pd.DataFrame, column: str) -> None:
    """Draw a hypnogram on hours; unscored clips and gaps between blocks stay empty.

    Parameters
    ----------
    ax : Axes
    clips : DataFrame
        `onset` (s), and stage codes in `column`.
    column : str
    """
    level = np.array([HYPNOGRAM_ORDER.index(stage) for stage in STAGES], dtype=float)
    codes = clips[column].to_numpy()
    height = np.where(codes == NOT_SCORED, np.nan, level[codes])
    start = clips["onset"].to_numpy() / 3600
    step = CLIP_SECONDS / 3600
    gap = np.flatnonzero(np.diff(start) > 1.5 * step) + 1
    edges = np.insert(np.stack([start, start + step]), gap, np.nan, axis=1)
    heights = np.insert(height, gap, np.nan)
    ax.plot(edges.T.ravel(), np.repeat(heights, 2), color=INK, lw=0.8, solid_joinstyle="miter")
    rem = codes == REM
    ax.hlines(height[rem], start[rem], start[rem] + step, color=STAGE_COLOURS["REM"], lw=3)
    ax.set_yticks(range(len(STAGES)), HYPNOGRAM_ORDER)
    ax.set_ylim(len(STAGES) - 0.6, -0.4)
    ax.yaxis.grid(True)


@styled(STYLE)
def hypnogram(
    clips: pd.DataFrame, label: str, title: str = "", predictions: Mapping[str, pd.DataFrame] | None = None
) -> Figure:
    """A night as scored, and below as models see it: staircase and stage probabilities.

    Parameters
    ----------
    clips : DataFrame
        One recording: `onset` (s), `stage`.
    label : str
        `Cohort.label`.
    title : str
        Of the scored panel.
    predictions : mapping of str to DataFrame
        Name of a model → its rows of this recording: `clip`, `predicted`, `p_W` … `p_REM`; `clips` must hold `clip`.
    """
    predictions = predictions or {}
    chances = [f"p_{stage}" for stage in STAGES]
    nights = [
        clips[["clip", "onset", "stage"]].merge(part.drop(columns=["stage", "onset"], errors="ignore"), on="clip")
        for part in predictions.values()
    ]
    # Decisions from the same probabilities share the panel that shows these.
    fresh = [old is None or not old[chances].equals(new[chances]) for old, new in pairwise([None, *nights])]
    heights = [1.2]
    for is_fresh in fresh:
        heights += [1.2, 0.8] if is_fresh else [1.2]
    figure, axes = canvas(label, PAGE, 0.75 + 1.05 * len(heights), len(heights), 1, sharex=True, height_ratios=heights)
    panels = iter(axes[:, 0])
    staircase(first := next(panels), clips, "stage")
    first.set_title(title or "As scored", parse_math=False)
    for name, night, is_fresh in zip(predictions, nights, fresh, strict=True):
        stair = next(panels)
        staircase(stair, night, "predicted")
        known = night[night["stage"] != NOT_SCORED]
        matrix = confusion(known["stage"].to_numpy(), known["predicted"].to_numpy(), np.zeros(len(known)))
        right, chance_free = float(accuracy(matrix)), float(kappa(matrix))
        stair.set_title(
            f"{name}: agrees with the scoring in {100 * right:.0f} % of {len(known):,} clips, κ {chance_free:.2f}",
            parse_math=False,
        )
        if not is_fresh:
            continue
        density = next(panels)
        width = CLIP_SECONDS / 3600
        bottom = np.zeros(len(night))
        for stage in reversed(HYPNOGRAM_ORDER):
            share = night[f"p_{stage}"].to_numpy(dtype=float)
            density.bar(
                night["onset"] / 3600,
                share,
                width,
                bottom,
                align="edge",
                color=STAGE_COLOURS[stage],
                linewidth=0,
                label=stage,
            )
            bottom += share
        density.set_ylim(0, 1)
        density.set_ylabel("probability")
        handles, names = density.get_legend_handles_labels()
        density.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1, 0.5), handlelength=0.8)
    axes[-1, 0].set_xlabel("hours from the start of the recording")
    axes[-1, 0].set_xlim(clips["onset"].min() / 3600, (clips["onset"].max() + CLIP_SECONDS) / 3600)
    return figure


@styled(STYLE)
def stage_mix(mix: pd.DataFrame, label: str, by: str = "ahi_group") -> Figure:
    """Stacked bars of the stage mix, one a row of `mix`.

    Parameters
    ----------
    mix : DataFrame
        `sacd.analysis.exploration.group_mix` or `recording_mix`: column `by`, one column a stage (fractions), and
        `participants` where a row stands for several.
    label : str
        `Cohort.label`.
    by : str
        Column that names the bars.
    """
    figure, axes = canvas(label, PAGE, 0.95 + 0.27 * max(len(mix), 2))
    ax = axes[0, 0]
    left = np.zeros(len(mix))
    for stage in STAGES:
        share = mix[stage].to_numpy(dtype=float)
        bars = ax.barh(range(len(mix)), share, left=left, color=STAGE_COLOURS[stage], height=0.72, label=stage)
        dark = stage in ("N2", "N3", "REM")
        words = [f"{100 * value:.0f}" if value >= 0.03 else "" for value in share]
        ax.bar_label(bars, words, label_type="center", fontsize=7, color="white" if dark else INK)
        left += share
    names = mix[by].astype(str)
    if "participants" in mix.columns:
        names = names + mix["participants"].map(lambda n: f" (n = {n})")
    ax.set_yticks(range(len(mix)), names, parse_math=False)
    ax.set_ylim(len(mix) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    percent(ax, label="% of scored clips")
    ax.legend(ncols=len(STAGES), loc="lower left", bbox_to_anchor=(0, 1), handlelength=1, borderaxespad=0.2)
    return figure


@styled(STYLE)
def recording_lengths(mix: pd.DataFrame, label: str) -> Figure:
    """How many clips each recording holds, beside the range the paper states for a subject.

    Parameters
    ----------
    mix : DataFrame
        `sacd.analysis.exploration.recording_mix`.
    label : str
        `Cohort.label`.
    """
    figure, axes = canvas(label, PAGE, 2.0)
    ax = axes[0, 0]
    low, high = paper.CLIPS_PER_SUBJECT
    ax.hist(mix["clips"], bins=np.linspace(0, 1.05 * max(high, mix["clips"].max()), 60), color=BLUE)
    ax.set_xlim(left=0)
    ax.axvspan(low, high, color=MUTED, alpha=0.18, lw=0, label=f"{PAPER_NOTE}: {low:,} to {high:,} a subject")
    ax.set_xlabel("clips of a recording")
    ax.set_ylabel("recordings")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.legend(loc="upper center")
    stamp(figure, label, f"{len(mix):,} recordings")
    return figure
