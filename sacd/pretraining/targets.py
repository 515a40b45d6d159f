"""What motion pretraining predicts: how thorax and abdomen, head, arms, legs and trunk moved in a clip.

No stage, posterior, depth, REM-ness, EEG or eyelid enters, nor what the camera itself does. Left and right are pooled,
so that a mirrored picture has the same targets; where augmentation shows the body smaller, its amplitudes shrink.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from sacd.simulate.body import ABDOMEN, LIMBS, THORAX, TRUNK
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import CLIP_SECONDS

RATE_HZ = 4.0
BINS = 6
"""Parts of 5 s."""
PARTS = ("head", "arms", "legs", "trunk")
BREATHS_HZ = (0.1, 0.6)
TARGETS = (
    "breathing rate", "breathing mean frequency", "breathing frequency spread", "breathing regularity",
    *(f"breathing amplitude {5 * i}–{5 * i + 5} s" for i in range(BINS)), "breathing amplitude variation",
    *(f"movement {5 * i}–{5 * i + 5} s" for i in range(BINS)), *(f"movement of {part}" for part in PARTS),
    "movement",
)
_SPECTRUM, _AMPLITUDE = 4, BINS
# What counts as rest: of breathing, of a part within 5 s, of all within the clip.
_STILL_BREATH, _STILL, _ALL_STILL = 1e-3, 1e-2, 1e-2


def body_motion(night: SimulatedNight, clips: Iterable[int]) -> np.ndarray:
    """How the body moved in each clip, as the night's motion modes have it.

    Returns
    -------
    ndarray [n, 34] float32
        Of breathing, thorax and abdomen together: peak, mean and spread of the spectrum within 0.1–0.6 Hz (Hz), the
        peak's share of the power, and the standard deviation in each 5 s. Then the way that each of `PARTS` went in
        each 5 s. All but the first four are in units of the modes.
    """
    within = np.arange(round(CLIP_SECONDS * RATE_HZ) + 1) / RATE_HZ
    return np.stack([_of_clip(night.motion(clip * CLIP_SECONDS + within)) for clip in clips]).astype(np.float32)


def _of_clip(modes: np.ndarray) -> np.ndarray:
    breath = modes[:-1, THORAX] + modes[:-1, ABDOMEN]
    spectrum = np.abs(np.fft.rfft(breath - breath.mean(), 4 * len(breath))) ** 2
    hertz = np.fft.rfftfreq(4 * len(breath), 1 / RATE_HZ)
    band = (hertz > BREATHS_HZ[0]) & (hertz < BREATHS_HZ[1])
    hertz, power = hertz[band], spectrum[band] / spectrum[band].sum()
    mean = (power * hertz).sum()
    spread = np.sqrt((power * (hertz - mean) ** 2).sum())
    amplitude = breath.reshape(BINS, -1).std(axis=1)
    head, arm_left, arm_right, leg_left, leg_right = np.abs(np.diff(modes[:, LIMBS], axis=0)).T
    way = np.stack([head, arm_left + arm_right, leg_left + leg_right, np.abs(np.diff(modes[:, TRUNK]))], axis=1)
    way = way.reshape(BINS, -1, len(PARTS)).sum(axis=1)
    return np.concatenate([[hertz[power.argmax()], mean, spread, power.max()], amplitude, way.ravel()])


def motion_targets(motion: Tensor, scale: Tensor) -> Tensor:
    """`TARGETS` of clips whose pictures are seen at a `Placement.scale`.

    Parameters
    ----------
    motion : Tensor [B, 34] float32
        `body_motion`.
    scale : Tensor [B] float32

    Returns
    -------
    Tensor [B, 22] float32
        Amplitudes and ways as logarithms.
    """
    spectrum, rest = motion[:, :_SPECTRUM], motion[:, _SPECTRUM:] / scale[:, None]
    amplitude = (rest[:, :_AMPLITUDE] + _STILL_BREATH).log()
    way = rest[:, _AMPLITUDE:].unflatten(1, (BINS, len(PARTS)))
    moved = (way + _STILL).log()
    return torch.cat(
        [
            spectrum, amplitude, amplitude.std(dim=1, keepdim=True), moved.mean(dim=2), moved.mean(dim=1),
            (way.sum(dim=(1, 2)) + _ALL_STILL).log()[:, None],
        ],
        dim=1,
    )
