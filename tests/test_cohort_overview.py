"""The overview of a night: no extreme is lost at any level, gaps are empty, and what is kept is what was made."""

import numpy as np
import pandas as pd
import pytest
from conftest import raw_arrays, raw_info
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_cohort as make_tiny

from sacd.cohort import Cohort, Sampling, overview
from sacd.cohort.check import check
from sacd.cohort.extras import Extras, SignalInfo
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError

CLIPS = np.array([3, 4, 5, 6, 20, 21])
"""A night with a gap of thirteen clips."""


@pytest.fixture
def cohort(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"clip": CLIPS, "onset": 5 + 30.0 * CLIPS, "stage": 2})
    sampling = Sampling(eeg_hz=100.0, eeg_channels=("C4-M1",), frames=4, span_s=30.0, height=6, width=5)
    arrays = raw_arrays(len(CLIPS)) | {"eeg": rng.normal(0, 30, (len(CLIPS), 1, 3000)).astype(np.float32)}
    signals = rng.normal(0, 1, (len(CLIPS), 2, 300)).astype(np.float16)
    info = SignalInfo(channels=("EMG", "belt"), units=("µV rms", "a.u."), hz=10)
    with CohortWriter(tmp_path / "cohort", raw_info(sampling=sampling)) as writer:
        writer.add_participant("P0", split="test")
        writer.add_recording("P0n1", "P0", table, **arrays, extras=Extras(signals=signals, signal_info=info))
    return Cohort.open(tmp_path / "cohort")


def samples(night):
    """All channels of a night, each as (clip, second within it, value)."""
    for array in (night.eeg, night.signals):
        within = np.arange(array.shape[-1]) * 30 / array.shape[-1]
        yield from ((within, array[:, channel].astype(float)) for channel in range(array.shape[1]))


@pytest.mark.parametrize("level", range(overview.LEVELS))
def test_a_pair_holds_the_extremes_of_its_seconds_and_a_gap_holds_nothing(cohort, level):
    night = cohort["P0n1"]
    found = overview.overview(night, level)
    assert found.pairs.dtype == np.int16 and found.start == 5 + 30 * 3
    assert found.seconds == pytest.approx(30 / 64 * 4**level)
    assert found.pairs.shape == (3, int(np.ceil(19 * 64 / 4**level)), 2)
    for pairs, scale, (within, values) in zip(found.pairs, found.scale, samples(night), strict=True):
        seconds = 30.0 * (CLIPS - CLIPS[0])[:, None] + within
        place = (seconds / found.seconds + 1e-9).astype(int)
        for number, (low, high) in enumerate(pairs):
            inside = values[place == number]
            if inside.size:
                # Rounded outwards, by less than a step.
                tiny = 1e-3 * scale
                assert inside.min() - scale - tiny <= low * scale <= inside.min() + tiny
                assert inside.max() - tiny <= high * scale <= inside.max() + scale + tiny
            else:
                assert (low, high) == overview.EMPTY


def test_it_is_kept_beside_the_recording_and_changes_neither_check_nor_fingerprint(cohort):
    before = cohort.fingerprint
    first = overview.overview(cohort["P0n1"], 0)
    file = cohort["P0n1"].path / overview.FILE
    written = file.stat().st_mtime_ns
    again = Cohort.open(cohort.path)
    assert (overview.overview(again["P0n1"], 0).pairs == first.pairs).all()
    assert file.stat().st_mtime_ns == written
    assert check(cohort.path) == [] and again.fingerprint == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_a_broken_or_foreign_file_is_made_anew(cohort, content):
    first = overview.overview(cohort["P0n1"], 1)
    file = cohort["P0n1"].path / overview.FILE
    file.write_bytes(content)
    assert (overview.overview(Cohort.open(cohort.path)["P0n1"], 1).pairs == first.pairs).all()
    np.savez(file, key=np.array("of another night"), scale=first.scale, pairs=np.zeros_like(first.pairs))
    assert (overview.overview(Cohort.open(cohort.path)["P0n1"], 1).pairs == first.pairs).all()


def test_where_nothing_can_be_written_memory_has_it(cohort, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(overview.np, "savez", full)
    night = cohort["P0n1"]
    assert overview.overview(night, 2).pairs.shape[0] == 3
    assert overview.FILE not in {file.name.strip(".").split("-")[0] for file in night.path.iterdir()}


def test_a_cohort_of_features_has_no_channel_and_no_level_is_made_up(tmp_path):
    night = next(iter(make_tiny(tmp_path / "features", features=True, train=1, test=0, clips=8)))
    assert overview.overview(night, 3).pairs.shape == (0, 8, 2)
    with pytest.raises(SacdError, match="no level 5"):
        overview.overview(night, 5)


@given(st.floats(1, 40_000), st.integers(50, 4000))
def test_a_level_has_at_most_two_pairs_a_pixel_and_the_finer_one_more(seconds, pixels):
    level = overview.level_for(seconds, pixels)

    def pairs(one):
        return seconds / (30 / 64 * 4**one)

    assert pairs(level) <= 2 * pixels or level == overview.LEVELS - 1
    assert level == 0 or pairs(level - 1) > 2 * pixels
