"""Faults of pictures, clip by clip."""

import numpy as np

from sacd.ingest.quality import picture_faults


def test_each_fault_is_found_and_nothing_else():
    rng = np.random.default_rng(0)
    video = rng.integers(40, 200, (70, 4, 8, 8), dtype=np.uint8)
    video[1] = rng.integers(0, 17, (4, 8, 8))
    video[2, :, :5] = 255
    video[3] = video[3, :1]
    video[69] = 0
    faults = picture_faults(video)
    assert {name: np.flatnonzero(faults[name]).tolist() for name in faults} == {
        "black": [1, 69], "bright": [2], "frozen": [3, 69], "occluded": [],
    }
    gap = np.zeros(70, bool)
    gap[[3, 5]] = True
    held = picture_faults(video, gap)
    assert list(held) == ["gap", "black", "bright", "frozen", "occluded"]
    assert np.flatnonzero(held.gap).tolist() == [3, 5] and np.flatnonzero(held.frozen).tolist() == [69]


def test_no_clip_at_all():
    assert len(picture_faults(np.zeros((0, 4, 8, 8), np.uint8))) == 0
