"""Neighbouring clips and z-scores of feature cohorts."""

import numpy as np
import pytest

from sacd.ingest.features import START_CLIPS, normalised, within_stretches


def test_a_night_has_mean_0_and_spread_1():
    values = np.random.default_rng(0).normal(5, 3, (50, 2))
    values[:, 1] = 7
    found = normalised(values)
    assert found.dtype == np.float32
    assert found[:, 0].mean() == pytest.approx(0, abs=1e-6) and found[:, 0].std() == pytest.approx(1, abs=1e-6)
    assert (found[:, 1] == 0).all()


def test_the_past_alone():
    values = np.random.default_rng(0).normal(5, 3, (60, 2))
    values[:, 1] = 7
    found = normalised(values, causal=True)
    for clip in (START_CLIPS - 1, START_CLIPS, 59):
        past = values[: clip + 1, 0]
        assert found[clip, 0] == pytest.approx((past[-1] - past.mean()) / past.std(), abs=1e-5)
    first = values[:START_CLIPS, 0]
    assert found[:START_CLIPS, 0] == pytest.approx((first - first.mean()) / first.std(), abs=1e-5)
    assert (found[:, 1] == 0).all()
    assert np.isfinite(normalised(values[:3], causal=True)).all()


def test_nothing_reaches_over_a_gap():
    sums = within_stretches(np.arange(5.0)[:, None], np.array([2, 3, 7, 8, 9]), lambda part: part + part.sum())
    assert sums.ravel().tolist() == [1, 2, 11, 12, 13]
