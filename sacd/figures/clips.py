"""Clips side by side: the frame that a camera sees and the EEG of the same seconds."""

import numpy as np
from matplotlib.figure import Figure

from sacd.cohort import Recording, Sampling
from sacd.figures.style import INK, PAGE, STYLE, canvas, styled
from sacd.stages import STAGE_COLOURS, STAGES

EEG_SECONDS = 10.0
EEG_RANGE_UV = 120.0


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
    rate = sampling.eeg_hz or 100.0
    for row, (name, clip) in zip(axes, chosen.items(), strict=True):
        video = recording.video[clip].astype(float)
        row[0].imshow(video[len(video) // 2], cmap="gray", vmin=0, vmax=255)
        row[1].imshow(np.abs(np.diff(video, axis=0)).mean(axis=0), cmap="magma", vmin=0, vmax=20)
        signal = recording.eeg[clip, 0, : int(EEG_SECONDS * rate)]
        row[2].plot(np.arange(len(signal)) / rate, signal, color=INK, linewidth=0.5)
        row[2].set_ylim(-EEG_RANGE_UV, EEG_RANGE_UV)
        row[2].set_xlim(0, EEG_SECONDS)
        row[0].set_ylabel(name, color=STAGE_COLOURS[name], fontweight="bold")
        for ax in row[:2]:
            ax.set_xticks([])
            ax.set_yticks([])
        row[2].tick_params(labelbottom=False)
    axes[0, 0].set_title("frame")
    axes[0, 1].set_title("motion")
    axes[0, 2].set_title(f"{recording.channel}, ±{EEG_RANGE_UV:.0f} µV")
    axes[-1, 2].tick_params(labelbottom=True)
    axes[-1, 2].set_xlabel("s")
    return figure
