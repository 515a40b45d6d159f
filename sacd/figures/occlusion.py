"""Where a student looked, as a still figure: a clip's frames under its occlusion map."""

import numpy as np
from matplotlib.figure import Figure

from sacd.cohort import Recording
from sacd.figures.style import PAGE, STYLE, canvas, stamp, styled

_PERCENTILE, _COVERS = 99, 0.8


@styled(STYLE)
def where_it_looked(drop: np.ndarray, recording: Recording, clip: int, label: str, note: str = "") -> Figure:
    """The middle frame of each stretch of time, and over it how much the answer depends on each block.

    Parameters
    ----------
    drop : ndarray [T, H, W] float
        `sacd.runs.occlusion.occlusion_map`, nats.
    recording : Recording
        Of a cohort with raw video.
    clip : int
        Number of the clip in the night.
    label : str
        `Cohort.label`.
    note : str
        Said at the foot: whose map.
    """
    place = int(np.flatnonzero(recording.clips["clip"].to_numpy() == clip)[0])
    video = recording.video[place]
    edges = np.linspace(0, len(video), len(drop) + 1).astype(int)
    strongest = max(float(np.percentile(np.abs(drop), _PERCENTILE)), 1e-6)
    figure, axes = canvas(label, PAGE, 2.3, 1, len(drop))
    for ax, block, first, last in zip(axes[0], drop, edges[:-1], edges[1:], strict=True):
        ax.imshow(video[(first + last) // 2], cmap="gray", vmin=0, vmax=255)
        extent = (-0.5, video.shape[2] - 0.5, video.shape[1] - 0.5, -0.5)
        # What makes no difference leaves the picture as it is.
        covers = _COVERS * np.minimum(np.abs(block) / strongest, 1)
        shown = ax.imshow(
            block, cmap="PuOr_r", vmin=-strongest, vmax=strongest, alpha=covers, extent=extent, interpolation="nearest"
        )
        ax.set_title(f"frames {first + 1} to {last}", fontsize=7.5, fontweight="normal")
        ax.set_axis_off()
    bar = figure.colorbar(shown, ax=list(axes[0]), shrink=0.8, pad=0.01)
    bar.set_label("fall of the stage's log\nprobability if hidden, nats", fontsize=7)
    where = f"{recording.recording_id}, clip {clip}"
    stamp(figure, label, f"{where}: {note}" if note else where)
    return figure
