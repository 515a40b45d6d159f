"""A night report in words that need no knowledge of this program; page and HTML share them."""

from datetime import datetime, timedelta

import pandas as pd

from sacd.analysis.conformal import ENOUGH, FEWEST
from sacd.analysis.night_report import FEW, OTHER_KIND, TOO_FEW, NightReport
from sacd.analysis.sleep_statistics import STATISTICS
from sacd.decisions import ARGMAX, DECISIONS
from sacd.ingest.quality import NOT_CHECKED
from sacd.stages import CLIP_SECONDS, STAGES

TITLE = "Sleep stages from infrared video"
RESEARCH = "Research use only"
PURPOSE = (
    "Research use only. This is no medical device: not for diagnosis, and not for decisions on treatment. Sleep stages "
    "are the estimate of a computer model that saw the video alone; no EEG was used."
)
BANNER = "NOT VALID FOR THIS PERSON: the model learnt from simulated people only"
STAGE_TITLES = {"W": "awake", "N1": "N1", "N2": "N2", "N3": "N3", "REM": "REM"}
STAGES_IN_WORDS = "W: awake. N1, N2: light sleep. N3: deep sleep. REM: the stage of most dreams."
STATISTIC_COLUMNS = ("", "model", "90 % range", "scorer")
AGREEMENT_COLUMNS = ("", "agreement", "κ")
REVIEW_COLUMNS = ("time", "staged as", "or perhaps", "chance that a scorer agrees")
EXPECTED_COLUMNS = ("after reviewing", "expected agreement with a scorer")
SHOWN = 10
"""Clips of the review list that a page has room for."""


def when(report: NightReport, onset_s: float) -> str:
    """A moment of the night: the clock's time where it is known, else hours and minutes from the recording's start."""
    if report.start is not None:
        return f"{report.start + timedelta(seconds=onset_s):%H:%M:%S}"
    minutes, seconds = divmod(round(onset_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def time_axis(report: NightReport) -> str:
    """Label of the axis of time."""
    return "clock time" if report.start is not None else "hours from the start of the recording"


def about(report: NightReport) -> list[str]:
    """Which night this is, and who staged it."""
    onset = report.clips["onset"]
    length = _length((onset.max() + CLIP_SECONDS - onset.min()) / 60)
    begun = "" if report.start is None else f"recorded {_date(report.start)}, "
    decision = DECISIONS[report.decision]
    reading = "the likeliest stage of each 30 s" + (
        "" if report.decision == ARGMAX else ", corrected for how common stages are"
    )
    if decision.whole_nights:
        reading = "each 30 s in the light of the " + ("night so far" if decision.causal else "whole night")
    taught = "simulated people" if report.trained_simulated else "recorded people"
    return [
        f"Night {report.night_id}: {begun}{length}{', a simulated night' if report.simulated else ''}.",
        f"Model {report.run_id}, which learnt from {taught}. Its stages: {reading}.",
    ]


def _date(start: datetime) -> str:
    return f"{start.day} {start:%B %Y} from {start:%H:%M}"


def _length(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def _value(name: str, value: float) -> str:
    return f"{value:.0f} {STATISTICS[name].unit}"


def statistic_rows(report: NightReport) -> list[tuple[str, str, str, str]]:
    """Cells of `STATISTIC_COLUMNS`, a row a statistic."""
    rows = []
    for row in report.statistics.to_dict("records"):
        name = row["statistic"]
        absent = "no REM sleep" if name == "rem_latency" else "no sleep"
        said = absent if pd.isna(row["value"]) else _value(name, row["value"])
        scored = "" if report.agreement.empty else "–" if pd.isna(row["scored"]) else _value(name, row["scored"])
        ends = "–" if pd.isna(row["high"]) else f"{row['low']:.0f} to {row['high']:.0f}"
        rows.append((STATISTICS[name].title, said, ends, scored))
    return rows


def statistic_notes(report: NightReport) -> list[str]:
    """What the statistics are, how far the ranges can be trusted, and which statistics are missing and why."""
    if report.refused:
        return [f"No sleep statistics: {report.refused}."]
    notes = [range_in_words(report)]
    known = report.statistics.set_index("statistic")
    if "sol" not in known.index:
        notes.append("Sleep onset latency and sleep efficiency need lights off and on, whose times are not known.")
    latency = known.loc["rem_latency"]
    if report.standing not in (OTHER_KIND, TOO_FEW) and (latency["absent"] or latency["missed"]):
        notes.append(
            f"REM latency: of the nights behind the range the model found REM sleep in {latency['absent']:.0f} where"
            f" the scorer had none, and none in {latency['missed']:.0f} where the scorer had some; they do not count."
        )
    return notes


def range_in_words(report: NightReport) -> str:
    """What a range promises, or why there is none."""
    if report.standing == OTHER_KIND:
        kind = "simulated nights" if report.trained_simulated else "nights of another kind"
        return f"Not calibrated: how far the model errs is known on {kind} only, so no range can be given."
    if report.standing == TOO_FEW:
        return (
            f"No range: how far the model errs is known from {report.calibration_nights} scored nights of other people;"
            f" at least {FEWEST} are needed."
        )
    promise = (
        "Range: for nine of ten people like those it was measured on"
        f" ({report.calibration_nights} {'simulated ' if report.simulated else ''}nights) it holds what a human scorer"
        " finds. It allows for what the model usually over- or undercounts, so the model's own count may lie outside."
    )
    if report.standing == FEW:
        promise += f" With fewer than {ENOUGH} nights it may hold for clearly fewer or more than nine of ten."
    return promise


def agreement_rows(report: NightReport) -> list[tuple[str, str, str]]:
    """Classes, share of clips, κ: a row a number of classes."""
    return [
        (f"{row['classes']} classes: {row['meaning']}", f"{100 * row['accuracy']:.0f} %",
         "–" if pd.isna(row["kappa"]) else f"{row['kappa']:.2f}".replace("-", "−"))
        for row in report.agreement.to_dict("records")
    ]  # fmt: skip


def agreement_note(report: NightReport) -> str:
    """What the agreement is of, or that there is none."""
    if report.agreement.empty:
        return "No human scoring of this night is known: agreement cannot be told."
    note = "κ: agreement beyond chance, 1 is perfect, 0 is chance."
    if report.known_person:
        note += " The model learnt from this very person: agreement is better than with anybody new."
    return note


def quality_rows(report: NightReport) -> list[tuple[str, str]]:
    """What was checked, and the minutes that failed."""
    if report.quality is None:
        return []
    return [
        (f"{row['title']} ({row['meaning']})", "none" if not row["clips"] else _share(row))
        for row in report.quality.to_dict("records")
    ]


def _share(row: dict) -> str:
    return f"{_length(row['clips'] * CLIP_SECONDS / 60)} ({100 * row['share']:.0f} %)"


def quality_note(report: NightReport) -> str:
    """What was not checked."""
    if report.quality is None:
        return "The pictures of this night are not kept: their quality was not checked."
    return NOT_CHECKED


def review_rows(report: NightReport, count: int = SHOWN) -> list[tuple[str, str, str, str]]:
    """Cells of `REVIEW_COLUMNS` of the first clips to look at."""
    return [
        (when(report, row["onset"]), STAGE_TITLES[STAGES[row["predicted"]]], STAGE_TITLES[STAGES[row["second"]]],
         "not known" if pd.isna(row["chance"]) else f"{100 * row['chance']:.0f} %")
        for row in report.review.head(count).to_dict("records")
    ]  # fmt: skip


def review_notes(report: NightReport) -> list[str]:
    """What reviewing is expected to bring."""
    notes = ["The 30-s clips of which the model is least sure, least sure first."]
    return notes if report.expected else [*notes, "What reviewing them brings is not known without calibration."]


def expected_rows(report: NightReport) -> list[tuple[str, str]]:
    """Cells of `EXPECTED_COLUMNS`."""
    return [
        (f"the first {count} clips" if count else "none", f"{100 * share:.1f} %")
        for count, share in report.expected.items()
    ]


def severity_notes(report: NightReport) -> list[str]:
    """What the portrait says of breathing events; nothing where there is none."""
    answer = report.severity
    if answer is None:
        return []
    if answer.abstains:
        return [f"Breathing events in sleep: no answer ({answer.why})."]
    return [
        f"Chance of 15 or more breathing events an hour of sleep (AHI), from how the person looks and moves:"
        f" {100 * answer.probability:.0f} %."
    ]

