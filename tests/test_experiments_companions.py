"""Cohorts beside the main one: made once, checked, and sharing what was trained where EEG and labels are the same."""

import pandas as pd
import pytest
from tiny import make_cohort as make_tiny

from sacd import experiments
from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments import companions
from sacd.experiments.profile import load_profile
from sacd.runs.identity import run_id
from sacd.simulate.simulated_cohort import simulate

PROFILE = load_profile("smoke")


def nothing(cohort):
    return []


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    """A main cohort of five participants with small pictures, and two companions of its nights, made side by side."""
    path = tmp_path_factory.mktemp("data") / "main"
    cohort = Cohort.open(simulate(path, train=3, test=2, nights=0, frames=2, size=8))
    beside = [
        companions.simulated(cohort, "4-consecutive", nothing, frames=4, span_s=0.4),
        companions.simulated(cohort, "weak", nothing, coupling="weak"),
    ]
    assert not any(companion.exists for companion in beside)
    return cohort, companions.ensure(beside), beside


def test_companions_are_sound_and_differ_as_asked(main):
    cohort, (frames, weak), _ = main
    assert check(frames.path) == check(weak.path) == []
    assert [other.path.name for other in (frames, weak)] == ["main-4-consecutive", "main-weak"]
    assert (frames.info.sampling.frames, frames.info.sampling.span_s) == (4, 0.4)
    assert frames.info.source_id == cohort.info.source_id != weak.info.source_id
    assert weak.info.provenance["coupling"]["name"] == "weak" and weak.info.sampling == cohort.info.sampling
    assert companions.settings_of(weak) == companions.settings_of(cohort) | {"coupling": "weak", "viewing": False}
    assert all(night.motion is None and night.frame_times is not None for night in weak)


def test_a_teacher_is_shared_and_a_student_is_not(main):
    cohort, beside, _ = main
    teacher = experiments.teacher(cohort, PROFILE, "paper", 0, None)
    student = experiments.student(cohort, PROFILE, "ce", "paper", 0, None, raw=True)
    everybody = [cohort, *beside]
    assert len({run_id(teacher, each) for each in everybody}) == 1
    assert len({run_id(student, each) for each in everybody}) == 3
    # Its outputs are kept by recording and the hash of its EEG.
    for recording in cohort:
        hashes = {(each[recording.recording_id].hash_of("eeg")) for each in everybody}
        assert len(hashes) == 1, recording.recording_id


def test_the_plan_is_the_index_of_what_is_made(main):
    _, made, beside = main
    for companion, cohort in zip(beside, made, strict=True):
        planned = companion.planned()
        assert planned.info.model_copy(update={"provenance": cohort.info.provenance}) == cohort.info
        there = cohort.participants[planned.participants.columns]
        pd.testing.assert_frame_equal(planned.participants, there, check_dtype=False)
        assert planned.recordings.equals(cohort.recordings)
        assert companions.simulation_seconds(planned) > 0


def test_what_is_there_is_opened(main):
    _, made, beside = main
    changed = [(cohort.path / "cohort.json").stat().st_mtime_ns for cohort in made]
    again = companions.ensure(beside)
    assert [(cohort.path / "cohort.json").stat().st_mtime_ns for cohort in again] == changed


@pytest.mark.parametrize("other", [{"seed": 1}, {"coupling": "strong"}, {"train": 2}, {"size": 10}, {"span_s": 2.0}])
def test_other_settings_are_refused(main, other):
    cohort, _, _ = main
    companion = companions.simulated(cohort, "weak", nothing, **({"coupling": "weak"} | other))
    with pytest.raises(SacdError, match="main-weak: made with other settings"):
        companions.ensure([companion])


def test_fewer_test_participants_have_fewer_whole_nights(main):
    cohort, _, _ = main
    for test, nights in ((2, 2), (1, 1), (0, 0)):
        assert companions.simulated(cohort, "x", nothing, nights=2, test=test).simulation["nights"] == nights
    assert companions.simulated(cohort, "x", nothing, nights=1).planned().recordings.clips.max() == 1200


def test_a_name_that_is_no_folder_is_refused(main):
    with pytest.raises(SacdError, match="not a valid id"):
        companions.simulated(main[0], "../x", nothing)


def test_companions_of_a_real_cohort_are_found_by_source(main, tmp_path):
    cohort, (frames, _), _ = main
    broken = cohort.path.parent / "broken"
    broken.mkdir()
    (broken / "cohort.json").write_text("{")
    found = companions.found(cohort, nothing)
    assert [companion.path for companion in found] == [cohort.path.resolve(), frames.path]
    assert companions.ensure(found)[1].info == frames.info


def test_nothing_is_simulated_beside_another_kind_of_cohort(tmp_path):
    with pytest.raises(NotApplicable, match="tiny was not made by 'sacd simulate'"):
        companions.simulated(make_tiny(tmp_path / "tiny", train=1, test=1), "weak", nothing, coupling="weak")


def test_a_failed_simulation_leaves_nothing(main):
    cohort, _, _ = main
    companion = companions.simulated(cohort, "long", nothing, span_s=40.0)
    with pytest.raises(SacdError, match="span of 40"):
        companions.ensure([companion])
    assert not companion.path.exists()
