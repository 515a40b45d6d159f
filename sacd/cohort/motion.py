"""What moves in a clip, from its pictures alone: 8 × 8 frame differences and a breathing trace, 10 kB a clip.

Simulated and real nights go through the same function: `TIMES_S` says which pictures of a clip it needs.
"""

import numpy as np
from scipy.fft import dct, idct

from sacd.stages import CLIP_SECONDS

HZ = 5
SAMPLES = round(CLIP_SECONDS * HZ)
GRID = 8
PICTURE = 16
"""Height and width, pixels, of the pictures that `measure_motion` takes."""
TIMES_S = np.arange(SAMPLES + 1) / HZ
"""Times of those pictures, s from the clip's onset; sample i of the result stands halfway between i and i + 1."""
CHANNELS = GRID * GRID + 1
_CELL = PICTURE // GRID
_DIFFERENCE_STEP, _BREATHING_STEP, _BREATHING_ZERO = 1 / _CELL**2, 1 / 16, 128
# Breathing's band begins and ends gently: sharp edges let a movement ring through the whole clip.
_BAND_HZ, _BAND_GAIN = (0.06, 0.14, 0.55, 0.85), (0.0, 1.0, 1.0, 0.0)


def measure_motion(pictures: np.ndarray) -> np.ndarray:
    """Motion of one clip, quantised as `motion.npy` holds it.

    Parameters
    ----------
    pictures : ndarray [SAMPLES + 1, PICTURE, PICTURE] uint8
        The whole picture, scaled by area, at `TIMES_S`.

    Returns
    -------
    ndarray [SAMPLES, CHANNELS] uint8
        First the grid row by row: the mean absolute difference of two pictures 0.2 s apart, in steps of 1/4 grey level,
        cut off at 63.75. Last the breathing trace: 128 plus steps of 1/16 grey level, cut off at about ±8.

    Notes
    -----
    Breathing is what the grid's cells have in common at 0.1–0.7 Hz (half amplitude): their first principal component,
    made robust against movements by spatial signs (Taskinen, Koch & Oja 2012, doi:10.1016/j.spl.2012.01.001). Its unit
    is the root of the mean square over cells, its sign that of the brightness: up where the whole picture is brighter.
    """
    # Whole numbers are summed exactly; of a cell of four pixels the sum of differences is their mean in steps of 1/4.
    levels = pictures.astype(np.int16)
    grid = _sums(np.abs(np.diff(levels, axis=0)))
    cells = _sums(levels) / np.float32(_CELL**2)
    breathing = np.rint(_breathing((cells[1:] + cells[:-1]) / 2) / _BREATHING_STEP) + _BREATHING_ZERO
    return np.clip(np.column_stack([grid, breathing]), 0, 255).astype(np.uint8)


def _sums(levels: np.ndarray) -> np.ndarray:
    """Sums over the grid's cells: [n, PICTURE, PICTURE] to [n, GRID · GRID]."""
    rows = levels[:, 0::_CELL] + levels[:, 1::_CELL]
    return (rows[:, :, 0::_CELL] + rows[:, :, 1::_CELL]).reshape(len(levels), -1)


def _breathing(cells: np.ndarray) -> np.ndarray:
    """The common part of the cells [SAMPLES, cells] at breathing's frequencies, [SAMPLES], grey levels."""
    gain = np.interp(np.arange(SAMPLES) / (2 * CLIP_SECONDS), _BAND_HZ, _BAND_GAIN).astype(np.float32)
    moving = idct(dct(cells, axis=0, norm="ortho") * gain[:, None], axis=0, norm="ortho")
    signs = moving / np.maximum(np.linalg.norm(moving, axis=1, keepdims=True), 1e-6)
    weights = np.linalg.eigh(signs.T @ signs)[1][:, -1]
    return np.copysign(1.0, weights.sum()) * (moving @ weights) / GRID


def read_motion(stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stored motion as numbers.

    Parameters
    ----------
    stored : ndarray [..., SAMPLES, CHANNELS] uint8

    Returns
    -------
    grid, breathing : ndarray [..., SAMPLES, GRID, GRID], [..., SAMPLES] float32
        Grey levels (of 255).
    """
    values = stored.astype(np.float32)
    grid = values[..., :-1].reshape(*stored.shape[:-1], GRID, GRID) * np.float32(_DIFFERENCE_STEP)
    return grid, (values[..., -1] - _BREATHING_ZERO) * np.float32(_BREATHING_STEP)
