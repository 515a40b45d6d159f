"""What a night report says: ranges and when there are none, agreement, who is known."""

import json
from dataclasses import replace
from functools import reduce

import numpy as np
import pandas as pd
import pytest
from tiny import make_cohort

from sacd.analysis.night_report import CALIBRATED, FEW, OTHER_KIND, TOO_FEW
from sacd.analysis.sleep_statistics import lights_of, paired_statistics
from sacd.cohort import Cohort, hash_file
from sacd.exceptions import SacdError
from sacd.experiments.calibration_nights import (
    FILE,
    Calibration,
    calibration_on,
    keep_calibration,
    own_calibration,
)
from sacd.experiments.night_report import Subject, night_report
from sacd.runs.execute import execute
from sacd.runs.kinds.student import StudentRun
from sacd.runs.staging import TrainedStudent
from sacd.runs.store import RunStore
from sacd.training.config import ModelConfig, TrainingConfig

TRAINING = TrainingConfig(steps=30, batch=64, optimizer="adamw", lr=0.01, validate_every=15)
CONFIG = StudentRun(model=ModelConfig(name="mlp"), training=TRAINING)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A cohort of 21 whole test nights, and a student of it."""
    folder = tmp_path_factory.mktemp("nights")
    cohort = make_cohort(folder / "cohort", features=True, test=21, clips=482)
    store = RunStore(folder / "runs")
    execute(CONFIG, cohort, store)
    return cohort, TrainedStudent(store.open(CONFIG, cohort))


@pytest.fixture(scope="module")
def report(trained):
    cohort, student = trained
    return night_report(student, Subject.recorded(cohort, "P10n1"))


def test_all_parts_are_there(trained, report):
    cohort, student = trained
    assert (report.standing, report.calibration_nights) == (FEW, 20), "the night shown does not calibrate"
    assert report.statistics.statistic.tolist() == ["tst", "waso", "rem_latency", "n1", "n2", "n3", "rem"]
    assert (report.statistics.low <= report.statistics.high).all() and (report.statistics.nights == 20).all()
    assert report.agreement.classes.tolist() == [5, 4, 3] and report.quality is None and report.simulated
    assert len(report.review) == len(report.clips) == 482 and report.decision == "forward-backward"
    assert report.expected[0] < report.expected[20] < report.expected[100] <= 1
    assert not report.known_person and not report.foreign
    known = student.run.predictions.query("recording_id == 'P10n1'")
    argmax = night_report(student, Subject.recorded(cohort, "P10n1"), "argmax")
    assert argmax.clips.predicted.tolist() == known.predicted.tolist()


def test_a_person_of_the_training_is_named_so(trained):
    cohort, student = trained
    report = night_report(student, Subject.recorded(cohort, "P00n1"), "argmax")
    assert report.known_person and report.calibration_nights == 21


def test_how_far_ranges_are_trusted(trained):
    cohort, student = trained
    subject, own = Subject.recorded(cohort, "P10n1"), own_calibration(student.run, "argmax", cohort)
    enough = reduce(Calibration.joined, [renamed(own, tag) for tag in "abcde"])
    few = own.without("P08").without("P09").without("P11")
    real = replace(subject, simulated=False)
    assert night_report(student, subject, "argmax", enough).standing == CALIBRATED
    for night, nights, standing in ((subject, few, TOO_FEW), (real, enough, OTHER_KIND), (real, own, OTHER_KIND)):
        report = night_report(student, night, "argmax", nights)
        assert report.standing == standing
        assert report.statistics.high.isna().all() and report.review.chance.isna().all() and not report.expected
    assert report.foreign
    real_nights = night_report(student, real, "argmax", replace(enough, simulated=False))
    assert real_nights.standing == CALIBRATED and real_nights.foreign


def test_a_partial_night_has_stages_and_no_statistics(trained):
    cohort, student = trained
    subject = Subject.recorded(cohort, "P10n1")
    part = replace(subject, night=Part(cohort["P10n1"], 100), cohort=None)
    report = night_report(student, part)
    assert "0.8 h" in report.refused and report.statistics.empty and len(report.clips) == 100
    assert report.agreement.clips.tolist() == [100] * 3


def renamed(nights: Calibration, tag: str) -> Calibration:
    """The same nights of people with other names."""
    tables = (table.assign(participant_id=table.participant_id + tag) for table in (nights.predictions, nights.pairs))
    return replace(nights, **dict(zip(("predictions", "pairs"), tables, strict=True)))


class Part:
    """The first clips of a recording."""

    def __init__(self, recording, clips):
        self.recording_id, self.participant_id = recording.recording_id, recording.participant_id
        self.clips, self.video = recording.clips.head(clips), np.array(recording.video[:clips])

    def __len__(self):
        return len(self.clips)


def test_another_cohort_calibrates_by_its_test_people(trained, tmp_path):
    cohort, student = trained
    other = make_cohort(tmp_path / "other", features=True, train=2, test=2, clips=482, seed=1)
    nights = calibration_on(student, other, "argmax")
    # the same source: its split counts
    assert isinstance(nights, Calibration) and not set(nights.pairs.participant_id) & {"P00", "P01"}
    own = calibration_on(student, cohort, "argmax").pairs
    stored = own_calibration(student.run, "argmax").pairs
    assert own.equals(stored)
    with pytest.raises(SacdError, match="no recording P99"):
        Subject.recorded(cohort, "P99")


def staged(student, cohort, people):
    return pd.concat([student.staged(night, "argmax") for night in cohort.of(people)])


def marked(cohort, night):
    """The cohort with lights off and on among the events of a night."""
    file = cohort[night].path / "events.tsv"
    file.write_text("onset\tduration\ttype\n60\t0\tlights off\n14460\t0\tlights on\n")
    about = cohort[night].metadata
    about["hashes"]["events.tsv"] = hash_file(file)
    (file.parent / "recording.json").write_text(json.dumps(about))
    return Cohort.open(cohort.path)


@pytest.mark.parametrize("decision", ["argmax", "forward-backward"])
def test_nights_that_are_kept_with_a_run_calibrate_it_too(trained, tmp_path, decision):
    cohort, student = trained
    other = marked(make_cohort(tmp_path / "other", features=True, train=2, test=4, clips=482, seed=1), "P03n1")
    people = ["P02", "P03", "P04"]
    alone = own_calibration(student.run, decision)
    kept = staged(student, other, people).assign(participant_id=lambda table: "new " + table.participant_id)
    keep_calibration(student.run, other, kept)
    try:
        joined = own_calibration(student.run, decision)
    finally:
        (student.run.path / FILE).unlink()
    assert joined.nights == alone.nights + 3 and joined.lit and not alone.lit
    lights = {one.recording_id: lights_of(one) for one in other.of(people)}
    assert lights["P03n1"] is not None and lights["P02n1"] is None
    said = pd.concat([student.staged(night, decision) for night in other.of(people)])
    expected = paired_statistics(said, lights).assign(participant_id=lambda table: "new " + table.participant_id)
    found = joined.pairs.tail(len(expected)).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-6)
    dark = paired_statistics(said)
    assert not found.predicted.equals(dark.predicted)


def test_kept_nights_are_enough_where_no_test_night_is_whole(tmp_path):
    cohort = make_cohort(tmp_path / "parts", features=True, test=4, clips=40)
    store = RunStore(tmp_path / "runs")
    execute(CONFIG, cohort, store)
    student = TrainedStudent(store.open(CONFIG, cohort))
    assert own_calibration(student.run, "argmax").nights == 0
    whole = make_cohort(tmp_path / "whole", features=True, train=2, test=20, clips=482, seed=1)
    kept = staged(student, whole, whole.participants.index)
    keep_calibration(student.run, whole, kept.assign(participant_id=lambda table: "new " + table.participant_id))
    report = night_report(student, Subject.recorded(cohort, "P03n1"), "argmax")
    assert (report.standing, report.calibration_nights) == (FEW, 22)
    (student.run.path / FILE).write_bytes(b"not a table")
    with pytest.raises(SacdError, match=f"{FILE}: .*execute the notebook again that kept it"):
        own_calibration(student.run, "argmax")
