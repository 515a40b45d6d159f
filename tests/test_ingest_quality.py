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
        "black": [1, 69], "bright": [2], "frozen": [3, 69], "switch": [], "occluded": [],
    }
    gap = np.zeros(70, bool)
    gap[[3, 5]] = True
    held = picture_faults(video, gap)
    assert list(held) == ["gap", "black", "bright", "frozen", "switch", "occluded"]
    assert np.flatnonzero(held.gap).tolist() == [3, 5] and np.flatnonzero(held.frozen).tolist() == [69]


def scenes(clips: int) -> np.ndarray:
    """Clips of one scene in which something small moves."""
    y, x = np.mgrid[:32, :32]
    scene = 90 + 40 * np.sin(x / 3) * np.cos(y / 4)
    return np.clip(scene + np.random.default_rng(1).normal(0, 3, (clips, 8, 32, 32)), 0, 255)


def test_damaged_pictures_are_not_judged_further():
    video = scenes(4).astype(np.uint8)
    video[1:3] = 0
    faults = picture_faults(video, np.arange(4) == 3, np.arange(4) == 1)
    assert {name: np.flatnonzero(faults[name]).tolist() for name in faults} == {
        "gap": [3], "damaged": [1], "black": [2], "bright": [], "frozen": [2], "switch": [], "occluded": [],
    }


def test_key_pictures_of_a_frozen_camera_differ_a_little():
    video = scenes(2).astype(np.uint8)
    video[1, 1:] = video[1, 1]
    video[1, 4] += 1
    assert picture_faults(video).frozen.tolist() == [False, True]


def test_another_light_covers_nothing():
    video = scenes(12)
    video[3:6] = 1.5 * video[3:6] + 20
    video[8, :, :, 14:] = 60
    assert np.flatnonzero(picture_faults(video.clip(0, 255).astype(np.uint8)).occluded).tolist() == [8]


def test_a_bed_in_which_nothing_breathes():
    motion = np.full((14, 150, 65), 128, np.uint8)
    motion[:, :, -1] = 128 + 40 * np.sin(np.arange(150) / 3)
    motion[4:7, :, -1] = 128
    motion[10, :, -1] = 130
    faults = picture_faults(scenes(14).astype(np.uint8), motion=motion)
    # One clip alone is an apnoea as likely.
    assert np.flatnonzero(faults.empty_bed).tolist() == [4, 5, 6]
    assert not picture_faults(scenes(8).astype(np.uint8), motion=motion[:8]).empty_bed.any()


def test_pictures_that_show_nothing_tell_of_no_cover_and_no_bed():
    """Black ones are most of the night, and what is usual is still that of the others."""
    video, motion = scenes(34), np.full((34, 150, 65), 128, np.uint8)
    video[:20], video[20:22], video[32, :, :, 14:] = 0, video[20, :1], 60
    motion[24:30, :, -1] = motion[32:, :, -1] = 128 + 40 * np.sin(np.arange(150) / 3)
    motion[22:24, :, -1] = motion[24, :, -1]
    gap = np.arange(34) == 30
    faults = picture_faults(video.astype(np.uint8), gap, motion=motion)
    assert {name: np.flatnonzero(faults[name]).tolist() for name in faults} == {
        "gap": [30], "black": [*range(20)], "bright": [], "frozen": [*range(22)], "switch": [], "occluded": [32],
        # Clip 31 alone is still; the one before it is a gap.
        "empty_bed": [],
    }


NIGHT, DAY = 0.0, 1.0


def filmed(light: np.ndarray | list[float], turned: np.ndarray | None = None) -> np.ndarray:
    """A clip [32, 32, 32] of one bed: at night from beside the lens, by day from above; `turned` [32]: who lies so."""
    y, x = np.mgrid[:32, :32]
    night = 60 + 25 * np.sin(x / 3) * np.cos(y / 4)
    day = 130 + 40 * np.cos(x / 5) * np.cos(y / 3)
    weight = np.asarray(light, float)[:, None, None]
    clip = (1 - weight) * night + weight * day
    if turned is not None:
        clip[:, 6:30, 6:30] += 70 * turned[:, None, None]
    return np.clip(clip + np.random.default_rng(2).normal(0, 3, clip.shape), 0, 255)


def test_day_and_night_pictures_in_one_clip():
    moments = np.arange(32)
    switched = {
        "to day": filmed(moments >= 12), "to night": filmed(moments < 20),
        "with the exposure that follows": filmed(np.where(moments < 12, NIGHT, 1 + 0.5 * np.exp((12 - moments) / 2))),
        "late": filmed(moments >= 28), "a third of the day's light": filmed((moments >= 12) / 3),
    }
    steady = {
        "night": filmed(np.zeros(32)), "day": filmed(np.ones(32)),
        "a lamp turned up within 5 s": filmed(np.clip((moments - 10) / 5.3, 0, 1)),
        "dawn": filmed(moments / 31), "a flash": filmed((moments > 12) & (moments < 20)),
        "a turn in bed": filmed(np.zeros(32), moments >= 12),
        "a slow one": filmed(np.ones(32), np.clip(moments / 9, 0, 1)),
        "black at the end": np.where(moments[:, None, None] < 23, filmed(np.ones(32)), 0),
    }
    clips = switched | steady
    faults = picture_faults(np.stack(list(clips.values())).astype(np.uint8))
    found = dict(zip(clips, faults.switch, strict=True))
    assert [name for name in clips if found[name]] == list(switched)


def test_colour_that_comes_or_goes():
    """At the same brightness; a blanket thrown off takes some of it, a sensor's noise is none."""
    moments = np.arange(32)
    colour = np.stack([
        np.where(moments < 12, 0.2, 6), np.where(moments < 12, 9, 0.5), np.where(moments < 12, 20, 8),
        np.full(32, 0.5), np.linspace(0, 8, 32), np.where(moments < 12, 0, 2.5),
    ])
    video = np.stack([filmed(np.ones(32))] * 6).astype(np.uint8)
    assert np.flatnonzero(picture_faults(video, colour=colour).switch).tolist() == [0, 1]
    assert not picture_faults(video).switch.any()


def test_no_clip_at_all():
    assert len(picture_faults(np.zeros((0, 4, 8, 8), np.uint8))) == 0
