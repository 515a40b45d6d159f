"""A cohort's nights as a trained student reads them, and the portrait: what the clinic's page shows."""

from dataclasses import replace
from functools import cached_property
from io import BytesIO
from pathlib import Path

from sacd.analysis.night_report import NightReport
from sacd.analysis.portrait import Portrait
from sacd.analysis.portrait_file import FILE, open_portrait
from sacd.clinic.page import Seen
from sacd.cohort import Cohort
from sacd.experiments.night_report import Subject, night_report, read_subject
from sacd.figures.night_report import html, page
from sacd.figures.portrait import portrait_panels
from sacd.figures.portrait_words import answer_in_words
from sacd.runs.staging import TrainedStudent, find_run
from sacd.runs.store import RunStore

NO_REFERENCE = "There is no portrait: this trained model has no people to compare with; notebook 10 keeps them."


class NightsOfRun:
    """The nights of a cohort, and what a student says of them.

    Parameters
    ----------
    cohort : path
    run : str
        A student's run: its id in the store beside the cohort or in that of reports, or its folder.

    Attributes
    ----------
    label : str
        `Cohort.label`.
    people : dict of str to list of str
        Participant → ids of the recordings.

    Raises
    ------
    SacdError
        No such cohort or run, or a run that cannot read the cohort.
    """

    def __init__(self, cohort: str | Path, run: str) -> None:
        self._cohort = Cohort.open(Path(cohort))
        beside = RunStore.beside(self._cohort).root / run
        self._student = TrainedStudent(find_run(beside if beside.exists() else run))
        self._student.check(self._cohort)
        self.label = self._cohort.label
        self.people = self._cohort.recordings.groupby("participant_id")["recording_id"].agg(list).to_dict()

    def seen(self, recording_id: str) -> Seen:
        """The night report and the portrait; `SacdError` where the night cannot be read."""
        subject = Subject.recorded(self._cohort, recording_id)
        report = night_report(self._student, subject)
        report, picture, words = self._with_portrait(subject, report)
        return Seen(html(report), _pdf(report), picture, words)

    def _with_portrait(self, subject: Subject, report: NightReport) -> tuple[NightReport, bytes | None, str]:
        """The report with what the portrait tells, the picture, and the words."""
        if self._portrait is None:
            return report, None, NO_REFERENCE
        known, label = self._portrait
        placed, answer = read_subject(known, self._student, subject)
        figure = portrait_panels(known.map.points, known.density, placed, label)
        return replace(report, severity=answer), figure._repr_png_(), answer_in_words(answer, known.severity, label)

    @cached_property
    def _portrait(self) -> tuple[Portrait, str] | None:
        """The reference people that were kept with the run, and the label of their cohort."""
        folder = self._student.run.path
        return open_portrait(folder) if (folder / FILE).exists() else None


def _pdf(report: NightReport) -> bytes:
    stream = BytesIO()
    page(report).savefig(stream, format="pdf", metadata={"Title": f"Night report {report.night_id}"})
    return stream.getvalue()
