"""Movement arousals and uneven breathing, from motion as a cohort stores it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sacd.analysis.video_markers import (
    FILE,
    breathing_variability,
    kept_markers,
    movement,
    movement_bursts,
    night_markers,
    recording_markers,
)
from sacd.cohort.motion import CHANNELS, HZ, SAMPLES


def night(clips: int, bursts: tuple[tuple[float, float], ...] = (), pauses: bool = False, seed: int = 0) -> np.ndarray:
    """Motion with noise, steady breathing or one that pauses, and bursts (onset, duration in s) in one corner."""
    rng, time = np.random.default_rng(seed), np.arange(clips * SAMPLES) / HZ
    grid = rng.integers(2, 6, (clips * SAMPLES, CHANNELS - 1))
    for onset, duration in bursts:
        grid[(time >= onset) & (time < onset + duration), :12] += 120
    depth = np.where(pauses & (time % 30 < 12), 0.1, 1.0)
    breath = 128 + 40 * depth * np.sin(2 * np.pi * 0.27 * time)
    return np.column_stack([grid, breath]).astype(np.uint8).reshape(clips, SAMPLES, CHANNELS)


def test_bursts_are_found_where_they_are_also_across_clips():
    stored = night(6, ((12.0, 2.0), (29.0, 3.0), (70.0, 40.0)))
    found = movement_bursts(movement(stored), np.arange(6))
    np.testing.assert_allclose(found["onset"], [12, 29, 70], atol=0.2)
    np.testing.assert_allclose(found["duration"], [2, 3, 40], atol=0.4)
    np.testing.assert_allclose(found["rest"], [12, 15, 38], atol=0.4)


def test_after_a_gap_nobody_knows_how_long_it_was_still():
    stored = night(2, ((33.0, 2.0),))
    for clip, rest in (([0, 1], 33.0), ([0, 9], 3.0)):
        found = movement_bursts(movement(stored), np.array(clip))
        assert found["rest"].tolist() == [pytest.approx(rest, abs=0.2)]


def test_an_arousal_follows_rest_and_is_short():
    # Too soon after the first; an arousal; too long.
    stored = night(120, ((100.0, 2.0), (105.0, 2.0), (300.0, 3.0), (900.0, 40.0)))
    assert night_markers(stored, np.arange(120))["movement_arousals"] == pytest.approx(2.0)
    assert night_markers(night(120), np.arange(120))["movement_arousals"] == 0


def test_breathing_that_pauses_varies_more():
    values = [
        breathing_variability(stored, movement(stored)) for stored in (night(20), night(20, pauses=True))
    ]
    assert values[1] > 5 * values[0] and values[1] > 0.5


def test_windows_with_movement_are_left_out():
    stored = night(4, tuple((float(s), 1.0) for s in range(0, 120, 4)))
    assert np.isnan(breathing_variability(stored, movement(stored)))


def test_a_jerk_of_an_arm_is_seen_beside_a_breathing_chest():
    stored, time = night(6, ((70.0, 1.4),)), np.arange(6 * SAMPLES) / HZ
    flat = stored.reshape(-1, CHANNELS)
    flat[(time >= 70) & (time < 71.4), :12] -= 90  # 30 steps are left of the jerk
    flat[:, 30:50] += (100 * np.abs(np.cos(2 * np.pi * 0.27 * time)))[:, None].astype(np.uint8)
    assert movement_bursts(movement(stored), np.arange(6))["onset"].tolist() == [pytest.approx(70, abs=0.2)]


def test_simulated_people_with_a_high_ahi_breathe_unevenly_and_their_jerks_are_seen():
    from sacd.simulate.extras import motion
    from sacd.simulate.participant import make_participant
    from sacd.simulate.simulated_night import SimulatedNight

    people = sorted((make_participant(5, "test", k) for k in range(12)), key=lambda person: person.ahi)
    clips, uneven, seen = np.arange(300, 400), [], []
    for person in (*people[:2], *people[-2:]):
        night = SimulatedNight(person)
        stored = motion(night, clips)
        moves = movement(stored)
        uneven.append(breathing_variability(stored, moves))
        onsets = movement_bursts(moves, clips)["onset"].to_numpy()
        jerks = night.movements.loc[night.movements.kind == "arousal", "onset"]
        inside = jerks[(jerks > 300 * 30) & (jerks < 400 * 30 - 3)]
        seen += [np.abs(onsets - jerk).min() < 3 for jerk in inside]
    assert min(uneven[2:]) > max(uneven[:2])
    assert len(seen) > 10 and np.mean(seen) > 0.5


def test_markers_are_kept_beside_the_motion_they_were_measured_from(tmp_path):
    clips = pd.DataFrame({"clip": np.arange(6)})
    recording = SimpleNamespace(
        path=tmp_path, motion=night(6, ((70.0, 1.4),)), clips=clips, has=lambda name: True,
        metadata={"hashes": {"motion.npy": "a"}},
    )
    assert kept_markers(recording) is None
    first = recording_markers(recording)
    assert first == night_markers(recording.motion, np.arange(6)) and first["movement_arousals"] == 20
    recording.motion = None  # gone since
    assert recording_markers(recording) == kept_markers(recording) == first
    recording.metadata["hashes"]["motion.npy"] = "b"
    assert kept_markers(recording) is None
    recording.motion = night(6)
    assert recording_markers(recording)["movement_arousals"] == 0
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text()[:20])
    assert kept_markers(recording) is None
    recording.has = lambda name: False
    assert recording_markers(recording) is None
