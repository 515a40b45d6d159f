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
_PURPOSE = (
    "Research use only. This is no medical device: nothing on this page serves a diagnosis or a decision on treatment, "
    "and none of it replaces a polysomnography. Sleep stages are the estimate of a computer model that saw the video "
    "alone; no EEG was used."
)
BANNER = "NOT VALID FOR THIS PERSON: the model learnt from simulated people only"
STAGE_TITLES = {"W": "awake", "N1": "N1", "N2": "N2", "N3": "N3", "REM": "REM"}
STAGES_IN_WORDS = "W: awake. N1, N2: light sleep. N3: deep sleep. REM: rapid-eye-movement sleep."
AGREEMENT_COLUMNS = ("stages told apart", "agreement", "κ")
EXPECTED_COLUMNS = ("after reviewing", "expected agreement with a scorer")
NO_ANSWER = (
    "That is neither a good nor a bad sign. Where breathing events are suspected, only a recording of breathing can"
    " tell: polysomnography, or a home sleep apnoea test."
)
"""Where the portrait abstains."""
BREATHING = "Breathing events in sleep"
SHOWN = 10
"""Clips of the review list that a page has room for."""


def purpose(report: NightReport) -> str:
    """What the page may be used for, and which model made it."""
    return f"{_PURPOSE} Version of the model: {report.run_id}."


def when(report: NightReport, onset_s: float) -> str:
    """A moment of the night: the clock's time where it is known, else hours and minutes from the recording's start."""
    if report.start is not None:
        return f"{report.start + timedelta(seconds=onset_s):%H:%M:%S}"
    minutes, seconds = divmod(round(onset_s), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def time_axis(report: NightReport) -> str:
    """Label of the axis of time."""
    if report.start is not None:
        return "clock time"
    return f"{'minutes' if is_short(report) else 'hours'} from the start of the recording"


def is_short(report: NightReport) -> bool:
    """Whether it is too short for an axis in hours."""
    onset = report.clips["onset"]
    return bool(onset.max() - onset.min() < 1800)


def about(report: NightReport) -> list[str]:
    """Which night this is, and who staged it."""
    onset = report.clips["onset"]
    length = _length((onset.max() + CLIP_SECONDS - onset.min()) / 60)
    seen = len(report.clips) * CLIP_SECONDS / 60
    if _length(seen) != length:
        length = f"{_length(seen)} of video within {length}"
    begun = "" if report.start is None else f"recorded {_date(report.start)}, "
    decision = DECISIONS[report.decision]
    reading = "each 30 s " + ("in the light of its neighbours" if report.context else "on its own")
    reading += "" if report.decision == ARGMAX else ", corrected for how common stages are"
    if decision.whole_nights:
        reading = "each 30 s in the light of the " + ("night so far" if decision.causal else "whole night")
    taught = "simulated people" if report.trained_simulated else "recorded people"
    kind = "; a simulated night, of no real person" if report.simulated else ""
    return [
        f"Night {report.night_id}: {begun}{length}{kind}.",
        f"Staged by a computer model that learnt from {taught}, {reading}.",
    ]


def _date(start: datetime) -> str:
    return f"{start.day} {start:%B %Y} from {start:%H:%M}"


def _length(minutes: float) -> str:
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def _value(name: str, value: float) -> str:
    return f"{value:.0f} {STATISTICS[name].unit}"


def statistic_table(report: NightReport) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Titles of the columns, and cells, a row a statistic; the range and the scorer only where there is one."""
    rows = []
    for row in report.statistics.to_dict("records"):
        name = row["statistic"]
        absent = "no REM sleep" if name == "rem_latency" else "no sleep"
        said = absent if pd.isna(row["value"]) else _value(name, row["value"])
        scored = "–" if pd.isna(row["scored"]) else _value(name, row["scored"])
        ends = "–" if pd.isna(row["high"]) else f"{row['low']:.0f} to {row['high']:.0f}"
        rows.append((STATISTICS[name].title, said, ends, scored))
    has_range, has_scorer = report.statistics["high"].notna().any(), not report.agreement.empty
    shown = [0, 1, *([2] if has_range else []), *([3] if has_scorer else [])]
    titles = ("", "model", "90 % range", "human scorer")
    return tuple(titles[place] for place in shown), [tuple(row[place] for place in shown) for row in rows]


def statistic_notes(report: NightReport) -> list[str]:
    """What the statistics are, how far the ranges can be trusted, and which statistics are missing and why."""
    if report.refused:
        known = [range_in_words(report)] if report.standing == OTHER_KIND else []
        return [f"No sleep statistics: {report.refused}.", *known]
    notes = [range_in_words(report)]
    known = report.statistics.set_index("statistic")
    if "sol" not in known.index:
        notes.append("Sleep onset latency and sleep efficiency need lights off and on, whose times are not known.")
    latency = known.loc["rem_latency"]
    if report.standing not in (OTHER_KIND, TOO_FEW) and (latency["absent"] or latency["missed"]):
        notes.append(
            f"Behind the range of REM latency are no nights in which the model alone ({latency['absent']:.0f}) or the"
            f" scorer alone ({latency['missed']:.0f}) found REM sleep."
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
        " would find. It allows for what the model usually over- or undercounts, so the model's own value may lie"
        " outside."
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
        return "Nobody scored this night, as far as is known: agreement cannot be told."
    note = (
        "Share of the 30-s epochs staged alike. κ (Cohen's kappa): agreement beyond chance, 1 is perfect, 0 chance; two"
        " human scorers reach about 0.7."
    )
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


def review_table(report: NightReport, count: int = SHOWN) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Titles of the columns, and cells of the first clips to look at; the chance only where it is known."""
    shown = 4 if report.review["chance"].notna().any() else 3
    titles = ("time", "staged as", "or perhaps", "chance that a scorer agrees")
    rows = [
        (when(report, row["onset"]), STAGE_TITLES[STAGES[row["predicted"]]], STAGE_TITLES[STAGES[row["second"]]],
         "not known" if pd.isna(row["chance"]) else f"{100 * row['chance']:.0f} %")
        for row in report.review.head(count).to_dict("records")
    ]  # fmt: skip
    return titles[:shown], [row[:shown] for row in rows]


def review_notes(report: NightReport) -> list[str]:
    """What the list is, and whether it is known what reviewing brings."""
    note = "The clips (epochs of 30 s) of which the model is least sure, least sure first: looking at these gains most."
    if report.start is None:
        note += " Times: hours, minutes and seconds from the start of the recording."
    if not report.expected:
        note += " How much a review gains is not known for this model and such people."
    return [note]


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
        return [f"No answer: {answer.why}. {NO_ANSWER}"]
    return [
        "Chance of 15 or more breathing events an hour of sleep (apnoea–hypopnoea index, AHI), from how the person"
        f" looks and moves: {chance(answer.probability)}. It assumes that they are as common as among the"
        f" {answer.people} people compared with, {chance(answer.prevalence)}; where they are rarer the chance is lower."
        " Breathing was not measured."
    ]


def chance(share: float) -> str:
    """A probability, never surer than one in a hundred."""
    if share < 0.01:
        return "below 1 %"
    return "above 99 %" if share > 0.99 else f"{100 * share:.0f} %"

