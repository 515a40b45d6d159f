"""Nights of a camera alone: features and motion, no EEG, and people whom no other cohort of the seed has."""

import numpy as np
import pandas as pd
import pytest

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.exceptions import SacdError
from sacd.simulate import night
from sacd.simulate.beside import Place
from sacd.simulate.extras import motion
from sacd.simulate.participant import make_participant
from sacd.simulate.planned import array_bytes, simulation_seconds
from sacd.simulate.provenance import arguments_of, command
from sacd.simulate.simulated_cohort import simulate
from sacd.simulate.simulated_night import SimulatedNight

SETTINGS = {
    "train": 0, "test": 2, "nights": 0, "coupling": "medium", "seed": 3, "frames": 16, "size": 16,
    "encoder": "r2plus1d_10-motion", "skip": 5, "camera_only": True,
}
CLIPS = 40


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night, "night_length", lambda participant: CLIPS)
        yield Cohort.open(simulate(tmp_path_factory.mktemp("data") / "people", **SETTINGS))


def test_it_holds_features_and_motion_and_is_sound(cohort):
    assert check(cohort.path) == []
    assert (cohort.info.video, cohort.info.eeg) == ("features", "none")
    assert list(cohort.participants.index) == ["T0006", "T0007"]
    for recording in cohort:
        assert sorted(recording.metadata["hashes"]) == [
            "clips.parquet", "events.tsv", "motion.npy", "video_features.npy"
        ]
    first = SimulatedNight(make_participant(3, "test", 5))
    some = np.array([0, 17])
    np.testing.assert_array_equal(next(iter(cohort)).motion[some], motion(first, some))


def test_its_eeg_is_refused_in_one_line(cohort):
    recording = next(iter(cohort))
    for ask in (lambda: recording.eeg, lambda: recording.hash_of("eeg")):
        with pytest.raises(SacdError, match="T0006-night1: was filmed without EEG"):
            ask()


def test_it_is_planned_as_it_is_made_and_says_how_to_make_it_anew(cohort):
    planned = Place(cohort.path.with_name("elsewhere"), SETTINGS).open_or_plan()
    made = cohort.info.model_dump(mode="json")
    assert planned.info.model_dump(mode="json") | {"name": cohort.info.name} == made
    columns = planned.participants.columns
    pd.testing.assert_frame_equal(planned.participants, cohort.participants[columns], check_dtype=False)
    assert planned.recordings.drop(columns="clips").equals(cohort.recordings.drop(columns="clips"))
    assert array_bytes(cohort) == sum(recording.video.nbytes + recording.motion.nbytes for recording in cohort)
    assert simulation_seconds(planned) > 0
    assert arguments_of(cohort.info) == SETTINGS | {"span_s": 30.0, "viewing": False, "preview": False}
    assert command(cohort.path, cohort.info).endswith("--skip 5 --camera-only")


def test_without_an_encoder_it_is_refused(tmp_path):
    with pytest.raises(SacdError, match="name an encoder"):
        simulate(tmp_path / "x", **SETTINGS | {"encoder": None})
