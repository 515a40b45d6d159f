"""A still of a video with the region of interest, so that a wrong one is seen before a night is cut to it."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sacd.figures.style import BLUE, ORANGE, STYLE, canvas, styled
from sacd.ingest.box import Box


@styled(STYLE)
def region_figure(still: np.ndarray, region: Box, label: str, blur: Box | None = None) -> Figure:
    """The region on a picture.

    Parameters
    ----------
    still : ndarray [height, width] uint8
        The whole upright picture.
    region : Box
        What is kept.
    label : str
        `Cohort.label`, or what else the picture is of.
    blur : Box, optional
        What previews show in coarse blocks.
    """
    height, width = still.shape
    figure, axes = canvas(label, 3.5, 3.5 * height / width + 0.9)
    panel = axes[0, 0]
    # A dark picture is shown brighter: a night's levels are far below 255.
    panel.imshow(still, cmap="gray", vmin=0, vmax=max(1, np.quantile(still, 0.995)), extent=(0, 1, 1, 0), aspect="auto")
    for box, colour, name in ((region, ORANGE, "kept"), (blur, BLUE, "coarse in previews")):
        if box is not None:
            panel.add_patch(Rectangle((box.x, box.y), box.width, box.height, fill=False, ec=colour, lw=2, label=name))
    panel.set_xlabel("share of the picture's width")
    panel.set_ylabel("of its height")
    panel.set_title(f"--region {region.x:.2f},{region.y:.2f},{region.width:.2f},{region.height:.2f}")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
