"""Whole nights straight to feature vectors: pictures are drawn, encoded by a shipped trunk, and never written.

Columns of `video_features.npy`, named in `sampling.video_features`; a student sees those that its `view` names:

=================  =============================================================================================
``trunk_000`` …    the trunk's 512 features of the clip
``movement_…``     where, when and how the clip moves, and how it breathes, computed from the same pictures
=================  =============================================================================================
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sacd.cohort import hash_file
from sacd.models.base import FEATURE_DIM
from sacd.models.shipped import shipped_network, weights_file
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import CLIP_SECONDS
from sacd.training.pretext import BLOCKS, TIME_BINS, motion_statistics
from sacd.training.transforms import prepare_video

FEWEST_FRAMES = 16
"""Of a clip of 30 s: fewer show no breath."""
# Clips that are drawn and encoded at once: more are no faster.
_BATCH = 32
# About the mean and deviation over simulated nights, so that columns are of order one: energy of places, its peaks,
# energy of time bins, its peaks, power; the four columns of breathing.
_ENERGY = ((-4.5, 0.25), (-4.0, 0.5), (-4.5, 0.2), (-3.7, 0.4), (-6.5, 1.2))
_BREATH = ((0.23, 0.8, 0.7, 0.3), (0.04, 0.13, 0.45, 0.25))
_BREATH_HZ = (0.1, 0.5)
_CELLS, _ROUNDS = 8, 8


def feature_names(frames: int) -> tuple[str, ...]:
    """Names of the columns, for clips of so many frames."""
    places = [f"{y}{x}" for y in range(BLOCKS) for x in range(BLOCKS)]
    bins = [str(time) for time in range(TIME_BINS)]
    powers = [f"{cycles:02d}" for cycles in range(1, frames // 2 + 1)]
    moving = (("mean", places), ("peak", places), ("bin-mean", bins), ("bin-peak", bins), ("power", powers))
    return (
        *(f"trunk_{number:03d}" for number in range(FEATURE_DIM)),
        *(f"movement_{what}-{which}" for what, parts in moving for which in parts),
        *(f"movement_breath-{what}" for what in ("hz", "regularity", "amplitude", "unevenness")),
    )


def encoder_hash(name: str) -> str:
    """SHA-256 of the weights' file of an `Encoder`."""
    network, _, weights = name.partition("-")
    return hash_file(weights_file(network, weights))


class Encoder:
    """A shipped trunk that turns clips into features.

    Parameters
    ----------
    name : str
        Network and weights, e.g. ``r2plus1d_10-motion``.

    Raises
    ------
    SacdError
        No such weights are shipped.
    """

    def __init__(self, name: str) -> None:
        network, _, weights = name.partition("-")
        self._network = shipped_network(network, weights)

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Features float32 [n, 512] of clips uint8 [n, frames, height, width].

        Each clip's mean frame is subtracted, and convolutions are in bfloat16 where the processor has it.
        """
        fast = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            features, _ = self._network.trunk(prepare_video(torch.from_numpy(clips), "clip-mean"))
        return features.float().numpy()


def night_features(night: SimulatedNight, encoder: Encoder, frames: int, size: int, span_s: float) -> np.ndarray:
    """The columns `feature_names` of every clip of a night, float16 [clips, d]."""
    result = np.empty((night.clips, len(feature_names(frames))), np.float16)
    for first in range(0, night.clips, _BATCH):
        clips = np.arange(first, min(first + _BATCH, night.clips))
        result[clips] = clip_features(night.video(clips, frames, size, span_s), encoder, span_s)
    return result


def clip_features(video: np.ndarray, encoder: Encoder, span_s: float) -> np.ndarray:
    """The columns `feature_names` of clips uint8 [n, frames, height, width] spread over `span_s` s, float16 [n, d]."""
    parts = []
    for first in range(0, len(video), _BATCH):
        some = np.ascontiguousarray(video[first : first + _BATCH])
        parts.append(np.hstack([encoder(some), movement(torch.from_numpy(some), span_s).numpy()]))
    return np.concatenate(parts).astype(np.float16)


def movement(x: Tensor, span_s: float) -> Tensor:
    """The columns ``movement_…`` of clips uint8 [n, frames, height, width], float32 [n, d], each of order one."""
    sizes = (BLOCKS**2, BLOCKS**2, TIME_BINS, TIME_BINS, x.shape[1] // 2)
    centre, spread = (torch.tensor(part).repeat_interleave(torch.tensor(sizes)) for part in zip(*_ENERGY, strict=True))
    middle, scale = (torch.tensor(part) for part in _BREATH)
    energy = (motion_statistics(x) - centre) / spread
    return torch.cat([energy, (breathing_statistics(x, span_s) - middle) / scale], dim=1)


def breathing_statistics(x: Tensor, span_s: float = CLIP_SECONDS) -> Tensor:
    """How a clip breathes.

    Parameters
    ----------
    x : Tensor [B, frames, height, width] uint8
        Spread over `span_s` seconds.

    Returns
    -------
    Tensor [B, 4] float32
        Rate (Hz; the power spectrum's centre), regularity (share of power at the strongest frequency and beside it),
        log amplitude (grey levels), unevenness (deviation of the log of the size of breaths in quarters of the clip).

    Notes
    -----
    The breathing trace is what 8 × 8 cells have in common at 0.1–0.5 Hz: their first principal component over spatial
    signs, as in `sacd.cohort.motion`.
    """
    frames = x.shape[1]
    cells = functional.adaptive_avg_pool2d(x.float(), _CELLS).flatten(2)
    hertz = torch.arange(frames // 2 + 1) / span_s
    inside = ((hertz >= _BREATH_HZ[0]) & (hertz <= _BREATH_HZ[1])).float()
    moving = torch.fft.irfft(torch.fft.rfft(cells, dim=1) * inside[:, None], n=frames, dim=1)
    signs = moving / moving.norm(dim=2, keepdim=True).clamp_min(1e-6)
    common = signs.transpose(1, 2) @ signs
    weights = common.gather(2, common.diagonal(dim1=1, dim2=2).argmax(1)[:, None, None].expand(-1, _CELLS**2, 1))
    for _ in range(_ROUNDS):
        weights = functional.normalize(common @ weights, dim=1)
    trace = (moving @ weights).squeeze(2) / _CELLS
    power = torch.fft.rfft(trace, dim=1).abs().square() + 1e-9
    share = power * inside / (power * inside).sum(1, keepdim=True)
    peak = functional.avg_pool1d(functional.pad(share, (1, 1))[:, None], 3, 1).squeeze(1).amax(1) * 3
    sizes = (functional.adaptive_avg_pool1d(trace.square(), 4) + 1e-4).log() / 2
    return torch.stack([share @ hertz, peak, (trace.square().mean(1) + 1e-4).log() / 2, sizes.std(1)], dim=1)
