"""The hypnoscope: all nights of a cohort stacked, a line each, in the colours of their stages."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sacd.analysis.exploration import ORDERS, sort_nights, stage_raster
from sacd.figures.exploration import HYPNOGRAM_ORDER
from sacd.figures.style import AHI_COLOURS, BLUE, GRID, MUTED, PAGE, STAGE_COLOURS, STYLE, canvas, stamp, styled
from sacd.stages import AHI_GROUPS, CLIP_SECONDS, STAGES, ahi_group

NAMED = 30
"""Up to so many nights have their names beside them."""
TITLES = {"sleep_onset": "first sleep,\nh from start", "ahi": "AHI,\nevents/h", "agreement": "agreement,\n%"}
"""Of the columns of `sacd.analysis.exploration.night_table`."""


@styled(STYLE)
def hypnoscope(nights: pd.DataFrame, clips: pd.DataFrame, label: str, by: str = "onset", note: str = "") -> Figure:
    """All nights stacked and sorted, and beside them what they are sorted by.

    Parameters
    ----------
    nights : DataFrame
        `sacd.analysis.exploration.night_table`.
    clips : DataFrame
        See `sacd.analysis.exploration.clip_table`.
    label : str
        `Cohort.label`.
    by : str
        One of `sacd.analysis.exploration.ORDERS`; the first night stands at the top.
    note : str
        Said at the foot: whose agreement.
    """
    nights = sort_nights(nights, by)
    raster = stage_raster(nights, clips)
    shown = [column for column in ORDERS.values() if column in nights]
    height = 1.2 + min(7.0, max(1.4, 0.16 * len(nights)))
    figure, axes = canvas(label, PAGE, height, 1, 1 + len(shown), width_ratios=[6, *[1] * len(shown)], sharey=True)
    stack, *beside = axes[0]
    hours = raster.shape[1] * CLIP_SECONDS / 3600
    colours = ListedColormap([STAGE_COLOURS[stage] for stage in STAGES])
    stack.imshow(
        np.ma.masked_invalid(raster), cmap=colours, vmin=-0.5, vmax=len(STAGES) - 0.5, aspect="auto",
        interpolation="nearest", extent=(0, hours, len(nights) - 0.5, -0.5),
    )
    stack.set_facecolor("white")
    stack.set_xlabel("hours from the start of the recording")
    if len(nights) <= NAMED:
        stack.set_yticks(range(len(nights)), nights["recording_id"], fontsize=6.5, parse_math=False)
    else:
        stack.set_yticks([])
        stack.set_ylabel(f"{len(nights):,} nights, by {by}")
    for ax, column in zip(beside, shown, strict=True):
        _beside(ax, nights, column, chosen=column == ORDERS[by])
    handles = [Patch(color=STAGE_COLOURS[stage], label=stage) for stage in HYPNOGRAM_ORDER]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(STAGES), handlelength=1)
    stamp(figure, label, note)
    return figure


def _beside(ax: Axes, nights: pd.DataFrame, column: str, chosen: bool) -> None:
    """A point a night; AHI in the colours of its groups."""
    values = nights[column].to_numpy(dtype=float) * (100 if column == "agreement" else 1)
    colour: str | list[str] = BLUE
    if column == "ahi":
        colour = [AHI_COLOURS[AHI_GROUPS[code]] if code >= 0 else MUTED for code in ahi_group(values)]
    ax.scatter(values, range(len(nights)), s=7, c=colour, linewidths=0)
    ax.set_title(TITLES[column], fontsize=7.5, fontweight="bold" if chosen else "normal")
    ax.xaxis.grid(True, color=GRID)
    ax.tick_params(axis="y", length=0)
