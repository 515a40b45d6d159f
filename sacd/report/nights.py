"""Night reports as files: what `sacd predict` writes of a video, a folder of videos, or a cohort."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sacd.analysis.night_report import NightReport
from sacd.analysis.sleep_statistics import Lights, lights_at
from sacd.cohort import Cohort
from sacd.decisions import decision_named
from sacd.decisions.decoders import PROBABILITIES
from sacd.exceptions import SacdError, first_line
from sacd.experiments.calibration_nights import calibration_on
from sacd.experiments.night_report import Subject, night_report, with_portrait
from sacd.figures.night_report import html, page
from sacd.ingest.video_night import read_night, videos_of
from sacd.paths import ROOT
from sacd.progress import progress
from sacd.runs.staging import TrainedStudent, find_run
from sacd.stages import NOT_SCORED, STAGES

OUT = ROOT / "reports" / "nights"
COLUMNS = ("clip", "onset", "stage", "scored", *PROBABILITIES)
"""Of the table of a night: number of the 30-s clip, s from the recording's start, stages by name, probabilities."""
_NAMED = {"stage": "predicted", "scored": "stage"}


@dataclass(frozen=True)
class Written:
    """A night that was reported: where it came from, and its page."""

    source: str
    page: Path


def predict(
    path: Path, run: str | Path, out: Path | None = None, decision: str | None = None,
    calibration: Path | None = None, lights_s: tuple[float, float] | None = None,
) -> Iterator[Written]:
    """Stage nights and write of each a page as HTML and PDF, and its stages as CSV.

    Parameters
    ----------
    path : Path
        A video, a folder of videos, or a cohort.
    run : str or Path
        A student's run: its folder, or its id.
    out : Path, optional
        By default ``reports/nights``.
    decision : str, optional
        Of `sacd.decisions.DECISIONS`.
    calibration : Path, optional
        A cohort of scored nights; by default `own_calibration` of the run.
    lights_s : (float, float), optional
        Lights off and on, s from a video's first picture.

    Yields
    ------
    Written
        Each night when all of its files are in place.

    Raises
    ------
    SacdError
        A run, video, cohort or decision that does not serve; of that night nothing is written.
    """
    student = TrainedStudent(find_run(run))
    decision = decision or student.usual_decision
    decision_named(decision)
    nights = None if calibration is None else calibration_on(student, Cohort.open(calibration), decision)
    lights = None if lights_s is None else _lights(*lights_s)
    subjects = _of_cohort(path) if (path / "cohort.json").exists() else _of_videos(path, student, lights)
    for source, subject in subjects:
        report = with_portrait(night_report(student, subject, decision, nights), student, subject)
        yield Written(source, write(report, out or OUT))


def write(report: NightReport, out: Path) -> Path:
    """Write a report's files ID.html, ID.pdf and ID.csv into a folder, all of them or none; returns the page.

    Raises
    ------
    SacdError
        The folder cannot be written.
    """
    aside = out / f".{report.night_id}.new"
    try:
        aside.mkdir(parents=True, exist_ok=True)
        with ExitStack() as after:
            after.callback(shutil.rmtree, aside, ignore_errors=True)
            files = {suffix: aside / f"{report.night_id}.{suffix}" for suffix in ("csv", "pdf", "html")}
            names = dict(enumerate(STAGES)) | {NOT_SCORED: ""}
            stages = {name: report.clips[column].map(names) for name, column in _NAMED.items()}
            report.clips.assign(**stages)[list(COLUMNS)].to_csv(files["csv"], index=False, float_format="%.4f")
            page(report).savefig(files["pdf"], metadata={"Title": f"Night report {report.night_id}"})
            files["html"].write_text(html(report), encoding="utf-8")
            for file in files.values():
                file.replace(out / file.name)
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise SacdError(f"{out}: cannot be written ({reason}); free space, or name another folder with --out") from None
    return out / f"{report.night_id}.html"


def _of_cohort(path: Path) -> Iterator[tuple[str, Subject]]:
    cohort = Cohort.open(path)
    with progress(f"staging {path}", len(cohort)) as bar:
        for recording in cohort:
            yield recording.recording_id, Subject.recorded(cohort, recording.recording_id)
            bar.advance(1, recording.recording_id)


def _of_videos(path: Path, student: TrainedStudent, lights: Lights | None) -> Iterator[tuple[str, Subject]]:
    sampling = student.pictures
    for file in videos_of(path):
        yield str(file), Subject.filmed(read_night(file, sampling), lights)


def _lights(off_s: float, on_s: float) -> Lights:
    if not 0 <= off_s < on_s:
        raise SacdError(f"lights off at {off_s:g} s, on at {on_s:g} s; name seconds from the video's start, off first")
    return lights_at(off_s, on_s)
