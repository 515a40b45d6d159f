"""Motion of a clip, measured from pictures alone."""

import numpy as np
import pytest

from sacd.cohort.motion import CHANNELS, GRID, HZ, PICTURE, SAMPLES, TIMES_S, measure_motion, read_motion


def clip(seed: int = 0, noise: float = 2.0) -> np.ndarray:
    """Pictures of an unchanging room with sensor noise, float."""
    rng = np.random.default_rng(seed)
    room = rng.uniform(40, 200, (PICTURE, PICTURE))
    return room + noise * rng.standard_normal((SAMPLES + 1, PICTURE, PICTURE))


def measured(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return read_motion(measure_motion(np.clip(np.rint(pictures), 0, 255).astype(np.uint8)))


def test_size():
    stored = measure_motion(clip().astype(np.uint8))
    assert stored.shape == (SAMPLES, CHANNELS) == (150, 65) and stored.dtype == np.uint8 and HZ >= 5
    assert stored.nbytes < 11_000


def test_nothing_moves():
    grid, breathing = measured(clip(noise=0))
    assert grid.shape == (SAMPLES, GRID, GRID) and breathing.shape == (SAMPLES,)
    assert not grid.any() and not breathing.any()


def test_a_movement_is_where_and_when_it_happens():
    pictures = clip(noise=0)
    pictures[76:, 4:6, 10:12] += 20
    grid, _ = measured(pictures)
    assert np.argwhere(grid > 0).tolist() == [[75, 2, 5]] and grid[75, 2, 5] == 20


@pytest.mark.parametrize("jerk", [0, 60])
def test_breathing_is_found_beside_a_movement(jerk):
    """The trace follows the chest, brighter when it rises, in grey levels; a jerk elsewhere does not capture it."""
    pictures = clip(noise=1.0)
    chest = 2 * np.sin(2 * np.pi * 0.25 * TIMES_S)
    pictures[:, 6:12, 4:12] += chest[:, None, None]
    pictures[90:95, :, 12:] += jerk
    _, breathing = measured(pictures)
    halfway = (chest[1:] + chest[:-1]) / 2
    calm = np.r_[10:75, 110:140]
    assert np.corrcoef(breathing[calm], halfway[calm])[0, 1] > 0.9
    # 12 of 64 cells move alike: their root mean square over all cells.
    if not jerk:
        assert np.std(breathing) / np.std(halfway) == pytest.approx(np.sqrt(12 / 64), rel=0.15)


def test_large_values_are_cut_off_not_wrapped():
    pictures = clip(noise=0)
    pictures[1::2] = 255 - pictures[1::2]
    pictures[:, :8] += 120 * np.sin(2 * np.pi * 0.25 * TIMES_S)[:, None, None]
    grid, breathing = measured(pictures)
    assert grid.max() == 63.75 and np.abs(breathing).max() <= 8
