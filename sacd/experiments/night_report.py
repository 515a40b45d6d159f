"""What a night report says, gathered: a run's stages of one night, statistics with ranges, agreement, quality, review.

Ranges come from calibration nights, by default the run's own test nights and those kept with it; of a night that is
among them the others calibrate.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from sacd.analysis.conformal import ENOUGH, FEWEST, interval
from sacd.analysis.night_agreement import agreement
from sacd.analysis.night_report import CALIBRATED, FEW, OTHER_KIND, TOO_FEW, NightReport
from sacd.analysis.portrait import Portrait, read_person
from sacd.analysis.portrait_file import FILE, open_portrait
from sacd.analysis.review import REVIEWED, chance_right, expected_agreement, review_list
from sacd.analysis.severity import FOREIGN, Answer
from sacd.analysis.sleep_statistics import Lights, lights_of, sleep_statistics
from sacd.cohort import Cohort
from sacd.decisions import decision_named
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments.calibration_nights import Calibration, own_calibration
from sacd.ingest.quality import CHECKS, picture_faults
from sacd.ingest.video_night import VideoNight
from sacd.runs.staging import Night, TrainedStudent, decide_night


@dataclass(frozen=True)
class Subject:
    """A night, with what is known of it beside its pictures.

    Attributes
    ----------
    night : Night
    label : str
        Stands at the foot of the page; says *simulated* where it is.
    simulated : bool
    start : datetime or None
    lights : Lights or None
        Lights off and on.
    faults : DataFrame or None
        Of `sacd.ingest.quality.picture_faults`; None where the night holds no pictures.
    cohort : Cohort or None
        That it is of.
    """

    night: Night
    label: str
    simulated: bool
    start: datetime | None = None
    lights: Lights | None = None
    faults: pd.DataFrame | None = None
    cohort: Cohort | None = None

    @classmethod
    def recorded(cls, cohort: Cohort, recording_id: str) -> "Subject":
        """A recording of a cohort.

        Raises
        ------
        SacdError
            The cohort has no such recording.
        """
        if recording_id not in set(cohort.recordings["recording_id"]):
            raise SacdError(f"{cohort.path}: no recording {recording_id}; 'recordings.tsv' names those that are there")
        recording = cohort[recording_id]
        start = None if recording.start == "n/a" else datetime.fromisoformat(recording.start)
        gap = recording.clips["flag_video_gap"].to_numpy(bool) if "flag_video_gap" in recording.clips else None
        faults = picture_faults(recording.video, gap, motion=recording.motion) if cohort.info.video == "raw" else None
        return cls(recording, cohort.label, cohort.info.simulated, start, lights_of(recording), faults, cohort)

    @classmethod
    def filmed(cls, night: VideoNight, lights: Lights | None = None) -> "Subject":
        """A video file."""
        label = "video of a simulated night" if night.simulated else "video of one night"
        return cls(night, label, night.simulated, night.start, lights, night.faults)


def night_report(
    student: TrainedStudent, subject: Subject, decision: str | None = None, calibration: Calibration | None = None,
    severity: Any = None,
) -> NightReport:
    """Stage a night and gather its report.

    Parameters
    ----------
    student : TrainedStudent
    subject : Subject
    decision : str, optional
        Of `sacd.decisions.DECISIONS`; the student's usual one.
    calibration : Calibration, optional
        Made with the same decision; by default `own_calibration` of the run.
    severity : object, optional
        See `NightReport`.

    Raises
    ------
    SacdError
        The night cannot be read by the student, or the run lacks what the decision needs.
    """
    run, night, cohort = student.run, subject.night, subject.cohort
    decision = decision or student.usual_decision
    decision_named(decision)
    same = cohort is not None and run.is_of(cohort)
    clips = _staged(student, subject, decision)
    calibration = calibration or own_calibration(run, decision, cohort if same else None)
    calibration = calibration.without(night.participant_id)
    if subject.lights is None:
        calibration = calibration.in_the_dark()
    standing = _standing(calibration, subject)
    usable = standing in (CALIBRATED, FEW)
    statistics, refused = _statistics(clips, subject.lights, calibration.pairs if usable else calibration.pairs[:0])
    listed = review_list(clips, chance_right(calibration.predictions) if usable else None)
    return NightReport(
        night_id=night.recording_id, label=subject.label, simulated=subject.simulated, start=subject.start,
        lights=subject.lights, run_id=run.path.name, method=run.description["row"]["method"], decision=decision,
        context=student.has_context, trained_simulated=student.simulated, standing=standing,
        calibration_nights=calibration.nights, clips=clips, statistics=statistics, refused=refused,
        agreement=agreement(clips["stage"].to_numpy(), clips["predicted"].to_numpy()),
        quality=None if subject.faults is None else _quality(subject.faults), review=listed,
        expected={count: expected_agreement(listed, count) for count in (0, *REVIEWED)} if usable else {},
        known_person=same and night.participant_id in student.config.split(cohort).pool, severity=severity,
    )


def with_portrait(report: NightReport, student: TrainedStudent, subject: Subject) -> NightReport:
    """The report with what the reference people tell of the person, where some were kept with the run."""
    folder = student.run.path
    if not (folder / FILE).exists():
        return report
    portrait, _ = open_portrait(folder)
    return replace(report, severity=read_subject(portrait, student, subject)[1])


def read_subject(
    portrait: Portrait, student: TrainedStudent, subject: Subject
) -> tuple[dict[str, pd.DataFrame], Answer | None]:
    """What a portrait's reference people tell of a night's person: `sacd.analysis.portrait.read_person`.

    Simulated people tell nothing of a real one.
    """
    outputs, name = student.outputs(subject.night), subject.night.participant_id
    panels, answer = read_person(portrait, outputs.features, outputs.logits.argmax(axis=1), name)
    if answer is not None and student.simulated and not subject.simulated:
        answer = replace(answer, abstains=True, why=FOREIGN)
    return panels, answer


def _staged(student: TrainedStudent, subject: Subject, decision: str) -> pd.DataFrame:
    """The night's clips as the student stages them; a test night of its own was staged when it was trained."""
    run, night, cohort = student.run, subject.night, subject.cohort
    if cohort is None:
        return student.staged(night, decision)
    known = run.predictions if run.is_of(cohort) else pd.DataFrame({"recording_id": []})
    known = known[known["recording_id"] == night.recording_id]
    if len(known) == len(night):
        return decide_night(run, known.merge(night.clips[["clip", "onset"]], on="clip"), decision)
    student.check(cohort)
    return student.staged(night, decision)


def _standing(calibration: Calibration, subject: Subject) -> str:
    if calibration.simulated != subject.simulated:
        return OTHER_KIND
    if calibration.nights < FEWEST:
        return TOO_FEW
    return CALIBRATED if calibration.nights >= ENOUGH else FEW


def _statistics(clips: pd.DataFrame, lights: Lights | None, pairs: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """A row a statistic, or why there is none."""
    stage, predicted, number = (clips[name].to_numpy() for name in ("stage", "predicted", "clip"))
    columns = ["statistic", "value", "scored", "low", "high", "nights", "absent", "missed"]
    try:
        values = sleep_statistics(predicted, number, lights)
    except NotApplicable as error:
        return pd.DataFrame(columns=columns), str(error)
    try:
        scored = sleep_statistics(stage, number, lights)
    except NotApplicable:  # nobody scored it, or only a part
        scored = {}
    rows = [
        {"statistic": name, "value": value, "scored": scored.get(name, np.nan), **interval(pairs, name, value)}
        for name, value in values.items()
    ]
    return pd.DataFrame(rows, columns=columns), ""


def _quality(faults: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (CHECKS[name].title, CHECKS[name].meaning, int(found.sum()), float(found.mean()))
        for name, found in faults.items()
    ]
    return pd.DataFrame(rows, columns=["title", "meaning", "clips", "share"])
