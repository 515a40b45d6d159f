"""Cohorts beside the main one: made once, checked, emptied and made again, and sharing what was trained where EEG and
labels are the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import make_cohort as make_tiny

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments.profile import load_profile
from sacd.runs.execute import execute
from sacd.runs.identity import run_id
from sacd.runs.store import RunStore
from sacd.simulate.beside import empty, ensure, is_whole, make_whole, place_beside, same_nights
from sacd.simulate.planned import array_bytes, plan_cohort, settings_of, simulation_seconds
from sacd.simulate.simulated_cohort import simulate

PROFILE = load_profile("smoke")


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    """A main cohort of five participants with small pictures, and two beside it, made side by side."""
    path = tmp_path_factory.mktemp("data") / "main"
    cohort = Cohort.open(simulate(path, train=3, test=2, nights=0, frames=2, size=8))
    beside = [
        place_beside(cohort, "4-consecutive", frames=4, span_s=0.4), place_beside(cohort, "weak", coupling="weak"),
    ]
    assert not any(place.exists for place in beside)
    planned = [place.open_or_plan() for place in beside]
    return cohort, ensure(beside), beside, planned


def test_they_are_sound_and_differ_as_asked(main):
    cohort, (frames, weak), *_ = main
    assert check(frames.path) == check(weak.path) == []
    assert [other.path.name for other in (frames, weak)] == ["main-4-consecutive", "main-weak"]
    assert (frames.info.sampling.frames, frames.info.sampling.span_s) == (4, 0.4)
    assert frames.info.source_id == cohort.info.source_id != weak.info.source_id
    assert weak.info.provenance["coupling"]["name"] == "weak" and weak.info.sampling == cohort.info.sampling
    assert settings_of(weak) == settings_of(cohort) | {"coupling": "weak", "viewing": False}
    assert all(night.motion is None and night.frame_times is not None for night in weak)
    assert not [entry.name for entry in cohort.path.parent.iterdir() if entry.name[0] == "."], "no lock, nothing aside"


def test_a_teacher_is_shared_and_a_student_is_not(main):
    cohort, beside, *_ = main
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
    _, made, _, plans = main
    for planned, cohort in zip(plans, made, strict=True):
        assert planned.info.model_copy(update={"provenance": cohort.info.provenance}) == cohort.info
        assert settings_of(planned) == settings_of(cohort)
        there = cohort.participants[planned.participants.columns]
        pd.testing.assert_frame_equal(planned.participants, there, check_dtype=False)
        assert planned.recordings.equals(cohort.recordings)
        assert simulation_seconds(planned) > 0
        held = sum(recording.video.nbytes + recording.eeg.nbytes for recording in cohort)
        assert array_bytes(planned) == held


def test_what_is_there_is_opened(main):
    _, made, beside, _ = main
    changed = [(cohort.path / "cohort.json").stat().st_mtime_ns for cohort in made]
    again = ensure(beside)
    assert [(cohort.path / "cohort.json").stat().st_mtime_ns for cohort in again] == changed


@pytest.mark.parametrize("other", [{"seed": 1}, {"coupling": "strong"}, {"train": 2}, {"size": 10}, {"span_s": 2.0}])
def test_other_settings_are_refused(main, other):
    place = place_beside(main[0], "weak", **({"coupling": "weak"} | other))
    with pytest.raises(SacdError, match="main-weak: made with other settings"):
        ensure([place])


def test_fewer_test_participants_have_fewer_whole_nights(main):
    cohort = main[0]
    for test, nights in ((2, 2), (1, 1), (0, 0)):
        assert place_beside(cohort, "x", nights=2, test=test).settings["nights"] == nights
    assert place_beside(cohort, "x", nights=1).open_or_plan().recordings.clips.max() == 1200


def test_a_name_that_is_no_folder_is_refused(main):
    with pytest.raises(SacdError, match="not a valid id"):
        place_beside(main[0], "../x")


def test_those_of_a_real_cohort_are_found_by_source(main):
    cohort, (frames, _), *_ = main
    broken = cohort.path.parent / "broken"
    broken.mkdir()
    (broken / "cohort.json").write_text("{")
    found = same_nights(cohort)
    assert [place.path for place in found] == [cohort.path.resolve(), frames.path]
    assert ensure(found)[1].info == frames.info


def test_nothing_is_simulated_beside_another_kind_of_cohort(tmp_path):
    tiny = make_tiny(tmp_path / "tiny", train=1, test=1)
    with pytest.raises(NotApplicable, match="tiny was not made by 'sacd simulate'"):
        place_beside(tiny, "weak", coupling="weak")
    assert is_whole(tiny)


def test_a_failed_simulation_leaves_nothing(main):
    place = place_beside(main[0], "long", span_s=40.0)
    before = sorted(place.path.parent.iterdir())
    with pytest.raises(SacdError, match="span of 40"):
        ensure([place])
    assert sorted(place.path.parent.iterdir()) == before


def test_something_else_in_its_place_is_refused(main):
    place = place_beside(main[0], "notes")
    place.path.mkdir()
    (place.path / "thesis.txt").write_text("")
    with pytest.raises(SacdError, match="main-notes: exists and is not a cohort"):
        ensure([place])
    assert (place.path / "thesis.txt").exists()


def test_an_emptied_cohort_keeps_its_runs_and_is_made_again_when_one_is_missing(tmp_path):
    path = simulate(tmp_path / "weak", train=2, test=1, nights=0, frames=2, size=16)
    cohort, store = Cohort.open(path), RunStore(tmp_path / "runs")
    run, other = (experiments.student(cohort, PROFILE, "ce", "paper", seed, None, raw=True) for seed in range(2))
    execute(run, cohort, store)
    first, fingerprint = run_id(run, cohort), cohort.fingerprint
    clip = np.array(next(iter(cohort)).video[3])
    empty(cohort)
    assert not list(path.rglob("*.npy")) and not is_whole(cohort)
    opened = Cohort.open(path)
    assert (opened.fingerprint, run_id(run, opened)) == (fingerprint, first)
    table = runs.ensure(opened, [run], store)
    assert len(runs.predictions(table)) == 120 and not is_whole(opened), "nothing is simulated for what is there"
    assert runs.ensure(opened, [other], store).status.tolist() == ["done"]
    assert is_whole(opened) and (next(iter(opened)).video[3] == clip).all() and check(path) == []


def test_what_cannot_be_made_again_as_it_was_is_left(tmp_path, monkeypatch):
    cohort = Cohort.open(simulate(tmp_path / "a", train=1, test=1, nights=0, frames=2, size=8))
    empty(cohort)
    (cohort.path / "recordings.tsv").write_text((cohort.path / "recordings.tsv").read_text().replace("n/a", "2020"))
    with pytest.raises(SacdError, match="cannot be made again as it was"):
        make_whole([cohort])
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


MAKE = """
import sys, time
from pathlib import Path
from sacd.simulate.beside import Place, ensure
if __name__ == "__main__":
    settings = dict(train=6, test=1, nights=0, coupling="weak", seed=0, frames=4, size=16)
    print(ensure([Place(Path(sys.argv[1]), settings)])[0].fingerprint)
"""


def test_two_processes_make_one_cohort(tmp_path):
    (tmp_path / "make.py").write_text(MAKE)
    command = [sys.executable, str(tmp_path / "make.py"), str(tmp_path / "data" / "cohort")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert sum("another process simulates it; waiting for it" in error for _, error in told) == 1, told
    assert check(tmp_path / "data" / "cohort") == []
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["cohort"]


def test_too_few_frames_for_an_encoder_are_not_applicable():
    few = plan_cohort(Path("nowhere") / "few", PROFILE.cohort.model_dump() | {"frames": 4})
    with pytest.raises(NotApplicable, match="clips of 4 frames, where nights as features need 16"):
        place_beside(few, "nights", nights=0, encoder="r2plus1d_10-motion")
    assert place_beside(few, "weak", coupling="weak").settings["frames"] == 4
