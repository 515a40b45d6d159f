import multiprocessing
import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.exceptions import SacdError
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_cohort import BLOCK_CLIPS, BLOCKS, block_clips, simulate, source_id
from sacd.simulate.simulated_night import SimulatedNight

SMALL = {"frames": 4, "size": 12, "viewing": False}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("simulated") / "small", train=3, test=2, nights=1, **SMALL)


def test_a_simulated_cohort_is_sound_and_as_asked(small):
    assert check(small) == []
    cohort = Cohort.open(small)
    assert cohort.info.simulated and cohort.label.endswith("(simulated)")
    assert list(cohort.participants.index) == ["S0001", "S0002", "S0003", "T0001", "T0002"]
    assert (cohort.participants.split == ["train"] * 3 + ["test"] * 2).all()
    lengths = {recording.participant_id: len(recording) for recording in cohort}
    assert lengths["S0001"] == 80 and lengths["T0002"] == 120 and lengths["T0001"] >= 1080
    clips = cohort["S0002-night1"].clips
    np.testing.assert_allclose(clips.filter(like="posterior_").sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(clips.onset, 30.0 * clips["clip"])


def test_participants_do_not_depend_on_the_size_of_the_cohort(small, tmp_path):
    other = Cohort.open(simulate(tmp_path / "other", train=1, test=2, nights=0, **SMALL))
    cohort = Cohort.open(small)
    for name in ("S0001-night1", "T0002-night1"):
        np.testing.assert_array_equal(cohort[name].eeg, other[name].eeg)
        np.testing.assert_array_equal(cohort[name].video, other[name].video)
        pd.testing.assert_frame_equal(cohort[name].clips, other[name].clips)
    pd.testing.assert_series_equal(cohort.participants.loc["T0002"], other.participants.loc["T0002"])


def test_a_block_is_a_cut_of_the_whole_night(small):
    whole = Cohort.open(small)["T0001-night1"]
    night = SimulatedNight(make_participant(0, "test", 0))
    clips = block_clips(night.participant, night.clips)[:24]
    np.testing.assert_array_equal(whole.eeg[clips], night.eeg(clips).astype(np.float16))
    np.testing.assert_array_equal(whole.video[clips], night.video(clips, frames=4, size=12))


@pytest.mark.parametrize("split", ["train", "test"])
def test_blocks_are_spread_over_the_night_and_do_not_touch(split):
    for k in range(20):
        clips = block_clips(make_participant(0, split, k), 1200)
        assert len(clips) == BLOCKS * BLOCK_CLIPS[split] and clips[-1] < 1200
        jumps = np.diff(clips)
        assert (jumps >= 1).all() and (jumps > 1).sum() == BLOCKS - 1
        assert (np.bincount(clips // 120, minlength=10) > 0).all()


def test_frame_sampling_is_the_same_source(tmp_path):
    one = Cohort.open(simulate(tmp_path / "a", train=1, test=0, nights=0, **SMALL))
    two = Cohort.open(simulate(tmp_path / "b", train=1, test=0, nights=0, frames=2, size=10, span_s=5.0))
    assert one.info.source_id == two.info.source_id
    np.testing.assert_array_equal(next(iter(one)).eeg, next(iter(two)).eeg)
    assert two.info.sampling.span_s == 5.0 and next(iter(two)).video.shape[1:] == (2, 10, 10)


def test_everything_else_is_another_source():
    base = {"seed": 0, "train": 3, "test": 2, "nights": 1, "coupling": {"name": "medium"}}
    ids = {source_id(**base | change) for change in ({}, {"seed": 1}, {"train": 4}, {"coupling": {"name": "weak"}})}
    assert len(ids) == 4


@pytest.mark.parametrize("wrong", [
    {"train": 0, "test": 0}, {"nights": 3, "test": 2}, {"coupling": "none"}, {"seed": -1}, {"frames": 0},
    {"span_s": 31.0},
])
def test_impossible_requests_leave_nothing(wrong, tmp_path):
    with pytest.raises(SacdError) as error:
        simulate(tmp_path / "x", **{"train": 1, "test": 1, "nights": 0} | SMALL | wrong)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "x").exists()


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SacdError, match="not a cohort"):
        simulate(tmp_path, train=1, test=0, nights=0, **SMALL)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_an_interrupted_simulation_leaves_nothing(tmp_path):
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "x", train=2, test=0, nights=0, progress=stop, **SMALL)
    assert not (tmp_path / "x").exists()


def test_a_killed_simulation_repeated_is_the_cohort(tmp_path):
    wanted = dict(train=2, test=0, nights=0, **SMALL)

    def killed() -> None:
        def stop(done: int, of: int) -> None:
            # As if it had been killed while it wrote the next recording.
            (tmp_path / "x" / "recordings" / ".aside-S0002-night1-1").mkdir()
            os.kill(os.getpid(), signal.SIGKILL)

        simulate(tmp_path / "x", progress=stop, **wanted)

    child = multiprocessing.get_context("fork").Process(target=killed)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL and (tmp_path / "x" / "recordings" / "S0001-night1").exists()
    simulate(tmp_path / "x", **wanted)
    simulate(tmp_path / "y", name="x", **wanted)
    assert check(tmp_path / "x") == []
    left, whole = (sorted(path.relative_to(folder) for path in folder.rglob("*")) for folder in tmp_path.iterdir())
    assert left == whole
    assert Cohort.open(tmp_path / "x").fingerprint == Cohort.open(tmp_path / "y").fingerprint


def test_a_second_simulation_says_what_is_there(tmp_path):
    wanted = dict(train=1, test=0, nights=0, **SMALL)
    path = simulate(tmp_path / "x", **wanted)
    before = Cohort.open(path).fingerprint
    with pytest.raises(SacdError, match="x: this very cohort is there already, whole; use it, or name another folder"):
        simulate(path, **wanted)
    for change, words in (
        ({"seed": 4}, "seed 0, not 4"), ({"coupling": "weak"}, "coupling medium, not weak"),
        ({"train": 2}, "train 1, not 2"), ({"frames": 5}, "frames 4, not 5"),
    ):
        with pytest.raises(SacdError, match=f"x: holds a cohort simulated with {words}; name another folder"):
            simulate(path, exist_ok=True, **wanted | change)
    assert simulate(path, exist_ok=True, **wanted) == path
    assert Cohort.open(path).fingerprint == before


def test_a_real_cohort_is_not_simulated_over(make_cohort):
    path = make_cohort()
    index = path / "cohort.json"
    index.write_text(index.read_text().replace('"simulated": true', '"simulated": false'))
    with pytest.raises(SacdError, match="holds a cohort that is not simulated"):
        simulate(path, train=1, test=0, nights=0, **SMALL)


def test_progress_counts_participants(tmp_path):
    told = []
    simulate(tmp_path / "x", train=2, test=1, nights=0, progress=lambda done, of: told.append((done, of)), **SMALL)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_speed():
    """At least 500 clips/s on one thread at 32 frames of 32 × 32, EEG included; on a shared machine a third will do."""
    started, made = time.process_time(), 0
    for k in range(3):
        night = SimulatedNight(make_participant(0, "train", k))
        clips = block_clips(night.participant, night.clips)
        night.video(clips), night.eeg(clips), night.labels
        made += len(clips)
    assert made / (time.process_time() - started) > 500 / 3
