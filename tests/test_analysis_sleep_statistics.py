"""Sleep statistics by hand, undefined ones, lights, partial nights."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic_nights as made

from sacd.analysis.sleep_statistics import (
    Lights,
    lights_at,
    lights_of,
    paired_statistics,
    sleep_statistics,
    whole_night,
)
from sacd.exceptions import NotApplicable
from sacd.stages import N1, N2, N3, REM, W

# 60 awake, 20 N1, 200 N2, 40 awake, 100 N3, 100 REM, 60 awake: 580 clips of half a minute.
NIGHT = np.repeat([W, N1, N2, W, N3, REM, W], [60, 20, 200, 40, 100, 100, 60])
CLIPS = np.arange(len(NIGHT))
BY_HAND = {"tst": 210, "waso": 20, "rem_latency": 180, "n1": 10, "n2": 100, "n3": 50, "rem": 50}


def test_a_night_by_hand():
    assert sleep_statistics(NIGHT, CLIPS) == BY_HAND
    lit = sleep_statistics(NIGHT, CLIPS, Lights(20, 559))
    assert lit == BY_HAND | {"sol": 20, "se": pytest.approx(100 * 420 / 540, abs=1e-3)}
    assert list(lit) == ["tst", "se", "sol", "waso", "rem_latency", "n1", "n2", "n3", "rem"]


def test_what_is_undefined_is_nan():
    no_rem = sleep_statistics(np.where(NIGHT == REM, N2, NIGHT), CLIPS)
    assert np.isnan(no_rem["rem_latency"]) and no_rem["rem"] == 0
    awake = sleep_statistics(np.zeros(600, int), np.arange(600), Lights(0, 599))
    assert awake["tst"] == 0 and awake["se"] == 0
    assert all(np.isnan(awake[name]) for name in ("sol", "waso", "rem_latency"))


def test_a_few_clips_may_be_missing_or_not_scored():
    kept = np.delete(CLIPS, slice(300, 310))  # of the 40 awake between
    stage = NIGHT.copy()
    stage[100:105] = -1
    found = sleep_statistics(stage[kept], kept)
    assert found == BY_HAND | {"tst": 207.5, "n2": 97.5, "waso": 15}


@pytest.mark.parametrize(
    ("clips", "lights", "why"),
    [
        (CLIPS[:470], None, "3.9 h"),
        (CLIPS[CLIPS % 10 > 0], None, "10 %"),
        (CLIPS, Lights(100, 500), "3.3 h"),
        (CLIPS, Lights(0, 700), "17 %"),
        (CLIPS[:0], None, "0.0 h"),
    ],
)
def test_partial_nights_are_refused(clips, lights, why):
    with pytest.raises(NotApplicable, match=why):
        sleep_statistics(NIGHT[clips], clips, lights)


def test_blocks_of_a_night_are_no_night():
    blocks = (np.arange(10)[:, None] * 120 + np.arange(12)).ravel()
    with pytest.raises(NotApplicable, match="missing"):
        whole_night(np.zeros(len(blocks), int), blocks)


def test_lights_come_from_events():
    clips = pd.DataFrame({"clip": [2, 3], "onset": [70.0, 100.0]})  # the recording's clip 0 begins at 10 s
    events = pd.DataFrame({"onset": [40.0, 320.0, 5.0], "type": ["lights off", "lights on", "arousal"]})
    assert lights_of(SimpleNamespace(clips=clips, events=events)) == Lights(1, 9) == lights_at(30, 310)
    assert lights_of(SimpleNamespace(clips=clips, events=events[:1])) is None
    assert lights_of(SimpleNamespace(clips=clips, events=None)) is None


def test_pairs_have_one_whole_night_a_person():
    first, second = made.predictions(2), made.predictions(2, seed=1)
    again = second.assign(participant_id=first["participant_id"])  # second nights of the same two
    short = made.predictions(1, seed=2, clips=100)
    pairs = paired_statistics(pd.concat([first, again, short]), {"N0x000-night1": Lights(0, 599)})
    assert set(pairs.recording_id) == {"N0x000-night1", "N0x001-night1"}
    assert pairs.groupby("recording_id").size().to_dict() == {"N0x000-night1": 9, "N0x001-night1": 7}
    one = pairs[(pairs.recording_id == "N0x001-night1") & (pairs.statistic == "n3")].iloc[0]
    night = first[first.recording_id == "N0x001-night1"]
    assert (one.predicted, one.scored) == ((night.predicted == N3).sum() / 2, (night.stage == N3).sum() / 2)
