"""Whole nights straight to features, written once for all tests: two short ones."""

import numpy as np
import pytest
import torch

from sacd import experiments
from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.cohort.clock import clock
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.simulate import night, simulated_cohort
from sacd.simulate.beside import Place, empty, is_whole, place_beside
from sacd.simulate.features import Encoder, breathing_statistics
from sacd.simulate.participant import make_participant
from sacd.simulate.planned import array_bytes, simulation_seconds
from sacd.simulate.provenance import arguments_of, command
from sacd.simulate.simulated_cohort import cohort_info, simulate
from sacd.simulate.simulated_night import SimulatedNight

ENCODER = "r2plus1d_10-motion"
SETTINGS = {"train": 1, "test": 1, "nights": 0, "coupling": "weak", "seed": 3, "frames": 16, "size": 16}
CLIPS = 130


@pytest.fixture(scope="module", autouse=True)
def _short_nights():
    """An hour instead of ten: nights take their length from one function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(night, "night_length", lambda participant: CLIPS)
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("data") / "nights", SETTINGS | {"encoder": ENCODER})


@pytest.fixture(scope="module")
def cohort(place):
    simulate(place.path, **place.settings)
    return place.open()


def test_it_is_sound_and_says_what_it_is(cohort):
    assert check(cohort.path) == []
    assert (cohort.info.video, cohort.info.eeg, cohort.info.simulated) == ("features", "raw", True)
    for recording in cohort:
        assert recording.video.shape == (CLIPS, len(cohort.info.sampling.video_features))
        assert recording.eeg.shape == (CLIPS, 1, 3000)
        assert recording.video.dtype == recording.eeg.dtype == np.float16
        assert recording.metadata["provenance"]["whole_night"]
        assert sorted(recording.metadata["hashes"]) == ["clips.parquet", "eeg.npy", "events.tsv", "video_features.npy"]
    assert cohort.info.provenance["encoder"] == ENCODER
    assert arguments_of(cohort.info) == SETTINGS | {
        "encoder": ENCODER, "span_s": 30.0, "viewing": False, "preview": False
    }
    assert command(cohort.path, cohort.info).endswith(f"--encoder {ENCODER}")


def test_columns_are_what_their_names_say(cohort):
    names = np.array(cohort.info.sampling.video_features)
    recording = next(iter(cohort))
    whole = SimulatedNight(make_participant(3, "train", 0), simulated_cohort.get_coupling("weak"))
    clips = np.array([0, 40, 129])
    stored = recording.video[clips].astype(float)

    def columns(prefix: str) -> np.ndarray:
        return stored[:, np.char.startswith(names, prefix)]

    trunk = Encoder(ENCODER)(whole.video(clips, frames=16, size=16))
    np.testing.assert_allclose(columns("trunk"), trunk, atol=0.02 * np.abs(trunk).max())
    assert columns("movement").shape[1] == 16 + 16 + 8 + 8 + 8 + 4
    np.testing.assert_array_equal(recording.eeg[clips], whole.eeg(clips).astype(np.float16))
    np.testing.assert_array_equal(recording.clips.stage, whole.labels)


def test_other_weights_are_another_cohort_of_the_same_nights(place, monkeypatch):
    made = cohort_info("nights", **place.settings)
    monkeypatch.setattr(simulated_cohort, "encoder_hash", lambda name: "other")
    other = cohort_info("nights", **place.settings)
    assert other.source_id == made.source_id and other != made
    with pytest.raises(SacdError, match="nights: made with other settings"):
        place.open()


def test_it_is_planned_as_it_is_made(cohort, place):
    planned = Place(place.path.with_name("elsewhere"), place.settings).open_or_plan()
    assert planned.info.sampling == cohort.info.sampling and planned.info.source_id == cohort.info.source_id
    assert (planned.recordings.clips == 1200).all() and simulation_seconds(planned) > 0
    assert array_bytes(cohort) == sum(recording.video.nbytes + recording.eeg.nbytes for recording in cohort)


def test_it_stands_beside_a_cohort_of_pictures(tmp_path):
    main = Cohort.open(simulate(tmp_path / "main", **SETTINGS | {"frames": 2, "train": 2}, viewing=False))
    beside = place_beside(main, "nights", encoder=ENCODER, frames=16, train=1)
    assert beside.settings == SETTINGS | {"encoder": ENCODER, "span_s": 30.0, "viewing": False, "preview": False}


def test_it_is_emptied_and_made_again(cohort, place):
    fingerprint = cohort.fingerprint
    empty(cohort)
    assert not is_whole(cohort) and Cohort.open(place.path).fingerprint == fingerprint
    # In this process: a worker would not have the short nights.
    remade = Cohort.open(simulate(place.path.with_name("again"), **place.settings, name="nights"))
    assert remade.fingerprint == fingerprint
    for recording in remade:
        for name in ("video_features.npy", "eeg.npy"):
            (recording.path / name).replace(cohort[recording.recording_id].path / name)
    assert is_whole(cohort) and check(place.path) == []


def test_students_see_what_their_view_names(cohort):
    profile = load_profile("smoke")
    student = experiments.student(cohort, profile, "ce", "paper", 0, None, raw=False)
    assert (student.view, student.tier, student.row()["view"]) == ("trunk", "features", "trunk")
    recordings = list(cohort)

    def seen(view: str) -> int:
        run = student.model_copy(update={"view": view})
        run.check(cohort)
        return run.arrays(cohort, None, recordings)[0].shape[1] if view else 0

    assert (seen("trunk"), seen("movement,trunk"), seen("movement"), seen("clock")) == (512, 572, 60, 10)
    with pytest.raises(SacdError, match="begins with view='depth'; what is there: trunk, movement"):
        seen("depth")


def test_the_clock_knows_the_time_alone():
    hours = np.array([0.0, 1.5, 3.0])
    told = clock((hours * 120).astype(int))
    np.testing.assert_allclose(told[:, 0], hours / 12, rtol=1e-6)
    np.testing.assert_allclose(told[:, -2:], [[0, 1], [0, 1], [0, 1]], atol=1e-6)  # waves of 1.5 h
    np.testing.assert_allclose(told[2, 6:8], [0, 1], atol=1e-6)  # of 3 h


def test_a_few_frames_or_no_such_trunk_are_refused(tmp_path):
    for change, words in (({"frames": 8}, "frames is 8; use 16"), ({"encoder": "r2plus1d_10-none"}, "none")):
        with pytest.raises(SacdError, match=words):
            simulate(tmp_path / "x", **SETTINGS | {"encoder": ENCODER} | change)
    assert not (tmp_path / "x").exists()


def test_breathing_is_measured_from_pictures():
    time = torch.arange(32) * 30 / 32
    chest = torch.zeros(16, 16)
    chest[4:9, 5:12] = 1
    x = 100 + 8 * torch.sin(2 * torch.pi * 0.3 * time)[:, None, None] * chest
    noise = torch.randn(2, 32, 16, 16, generator=torch.Generator().manual_seed(0))
    hertz, regularity, amplitude, _ = breathing_statistics((torch.stack([x, torch.full_like(x, 100)]) + noise).byte()).T
    assert abs(hertz[0] - 0.3) < 0.01
    assert regularity[0] > 0.9 > regularity[1] and amplitude[0] > amplitude[1] + 1
