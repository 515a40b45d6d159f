"""Scorings of a night, in whatever a laboratory wrote them, as stages of 30-s clips, with events and lights.

- EDF+ and BDF+ annotations, of a file of their own or of the recording's (`scoring_edf`);
- text, one stage a line or a table (`scoring_text`), also of probabilities (`scoring_shares`); JSON lists and YASA's
  hypnograms (`scoring_json`);
- XML of Compumedics Profusion and of NSRR (`scoring_xml`).

Names of AASM and of Rechtschaffen & Kales are known (S3 and S4 are N3), others may be added (`stage_names`). Epochs of
20, 10 and 5 s become clips by the rule of `scoring_grid`; several scorers become their majority (`several_scorers`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from sacd.cohort.events import EVENT_COLUMNS
from sacd.exceptions import SacdError
from sacd.ingest.scoring_edf import EDF_SUFFIXES, holds_annotations_alone, read_annotations
from sacd.ingest.scoring_grid import epoch_length, first_clip, to_clips
from sacd.ingest.scoring_json import json_looks_like_scoring, read_json
from sacd.ingest.scoring_marks import EPOCHS_S, Marks, checked, with_durations
from sacd.ingest.scoring_text import looks_like_scoring, read_table
from sacd.ingest.scoring_xml import read_xml, xml_looks_like_scoring
from sacd.ingest.several_scorers import majority
from sacd.ingest.stage_names import StageNames
from sacd.stages import CLIP_SECONDS, NOT_SCORED

Clock = Literal["date", "time of day"]
_TEXT = (".txt", ".csv", ".tsv")
_READERS: dict[str, Callable[[Path, StageNames], Marks]] = {
    **dict.fromkeys(_TEXT, read_table), ".json": read_json, ".xml": read_xml,
}
SCORING_SUFFIXES: tuple[str, ...] = (*_READERS, *EDF_SUFFIXES)
"""Endings of the files that may be scorings; `is_scoring` says which are."""
_NAMED = re.compile(r"hypno|scoring|sleep[-_. ]?stag|stages|staging", re.IGNORECASE)
_EDF_NAMED = re.compile(r"(hypnogram|scoring)$", re.IGNORECASE)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Scoring:
    """Stages of consecutive 30-s clips.

    Attributes
    ----------
    path : Path
        The file; of several scorers the first.
    onset_s : float
        Where the first clip begins, s from the start of the PSG.
    stages : ndarray [n] int64
        0–4, −1 where not scored.
    shares : ndarray [n, 5] float32 or None
        Of several scorers, the share that chose each stage; of one, the probabilities that the file gives.
    events : DataFrame or None
        onset (s from the start of the PSG), duration (s) and type, as `sacd.cohort.events` has them; None without any.
    notes : tuple of str
        What was assumed, for a log: without names, dates or text of the file.
    """

    path: Path
    onset_s: float
    stages: np.ndarray
    shares: np.ndarray | None = None
    events: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @property
    def end_s(self) -> float:
        """Where the last clip ends, s from the start of the PSG."""
        return self.onset_s + CLIP_SECONDS * len(self.stages)

    @property
    def lights(self) -> tuple[float, float] | None:
        """First lights-off and last lights-on, s from the start of the PSG; None unless both are known."""
        if self.events is None:
            return None
        off, on = (self.events.onset[self.events["type"] == kind] for kind in ("lights off", "lights on"))
        return (float(off.min()), float(on.max())) if len(off) and len(on) else None


def is_scoring(path: Path, names: StageNames | None = None) -> bool:
    """Whether a file is a scoring: by its content, or where that cannot be read by its name.

    An EDF is one where it holds annotations alone; with signals it is a recording, scored or not. A text of notes is
    none, nor is the JSON, TSV or XML that describes a video.
    """
    names, suffix = names or StageNames(), path.suffix.lower()
    if path.name.startswith(".") or suffix not in SCORING_SUFFIXES or not path.is_file():
        return False
    if suffix in EDF_SUFFIXES:
        return _EDF_NAMED.search(path.stem) is not None or holds_annotations_alone(path)
    if _NAMED.search(path.stem):
        return True
    if suffix in _TEXT:
        return looks_like_scoring(path, names)
    return json_looks_like_scoring(path) if suffix == ".json" else xml_looks_like_scoring(path)


def read_scoring(
    paths: Path | Sequence[Path], psg_start: datetime | None, names: StageNames | None = None, clock: Clock = "date",
    psg_s: float | None = None, start: datetime | None = None,
) -> Scoring:
    """Read the scoring of a recording that began at `psg_start`.

    Onsets of text and XML count from the start of the PSG, and a file with one stage a line begins there. A file with a
    clock of its own (EDF+, tables with times of the clock) is placed by it.

    Parameters
    ----------
    paths : path or sequence of paths
        Several are scorers of one night, the most of whom decide; the clips stand on the first one's grid.
    psg_start : datetime or None
        None where nobody knows: then every file counts from its own start.
    names : StageNames, optional
        By default those built in.
    clock : {"date", "time of day"}
        What places a file that has a date: the date and time, or the time alone, for files whose dates were changed.
    psg_s : float, optional
        How long the recording lasts, s. It tells the length of the epochs of a file that does not say it (30, 20, 10 or
        5 s, the first that fits within a clip; 30 without), and where stages without duration end.
    start : datetime, optional
        From when the files count, whatever they say themselves.

    Raises
    ------
    SacdError
        No stages, an unknown one, epochs of other lengths, or dates more than a day apart.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    if not files:
        raise SacdError("no scoring is named; name one file or more")
    scorers = [_read(file, psg_start, names or StageNames(), clock, psg_s, start) for file in files]
    firsts = [first_clip(file, marks) for file, marks in zip(files, scorers, strict=True)]
    # Clips stand on the first scorer's grid, and reach back to whoever began first.
    origin = firsts[0] - CLIP_SECONDS * np.ceil((firsts[0] - min(firsts)) / CLIP_SECONDS)
    clips = [to_clips(file, marks, origin) for file, marks in zip(files, scorers, strict=True)]
    notes = _notes(files, scorers)
    events = _events(scorers)
    if len(files) == 1:
        return Scoring(files[0], float(origin), clips[0], scorers[0].shares, events, notes)
    table = np.full((len(files), max(map(len, clips))), NOT_SCORED)
    for row, stages in zip(table, clips, strict=True):
        row[: len(stages)] = stages
    consensus, shares = majority(table)
    notes += (f"the stages are those of the majority of {len(files)} scorers",)
    return Scoring(files[0], float(origin), consensus, shares, events, notes)


def _read(
    path: Path, psg_start: datetime | None, names: StageNames, clock: Clock, psg_s: float | None,
    start: datetime | None,
) -> Marks:
    """The marks of one file, in seconds from the start of the PSG, each with a duration."""
    marks = _READERS.get(path.suffix.lower(), read_annotations)(path, names)
    if start is not None:
        marks = replace(marks, start=start)
    if marks.counted:
        marks = _with_epochs(marks, names, psg_s)
    marks = checked(path, _placed(path, marks, psg_start, clock))
    return with_durations(path, marks, psg_s)


def _with_epochs(marks: Marks, names: StageNames, psg_s: float | None) -> Marks:
    """Counted epochs in seconds, by the user's file or by how long the recording lasts."""
    if names.epoch_s is not None:
        return marks.scaled(names.epoch_s)
    count = float((marks.onset_s + marks.duration_s).max(initial=0))
    fits = (step for step in EPOCHS_S if psg_s is not None and abs(count * step - psg_s) <= CLIP_SECONDS)
    step = next(fits, CLIP_SECONDS)
    marks = marks.scaled(step)
    return marks if step == CLIP_SECONDS else marks.noting(f"epochs of {step:g} s, by the length of the recording")


def _placed(path: Path, marks: Marks, psg_start: datetime | None, clock: Clock) -> Marks:
    start = marks.start
    if start is None:
        return marks
    if psg_start is None:
        return marks.noting("the recording does not say when it began: the scoring counts from its own start")
    if isinstance(start, datetime) and clock == "date":
        apart = start - psg_start
        if abs(apart) > _DAY:
            raise SacdError(
                f"{path}: the scoring begins on {start:%Y-%m-%d}, the recording on {psg_start:%Y-%m-%d}; correct the "
                "date, or have the scoring placed by the time of day alone"
            )
        return marks.shifted(apart.total_seconds())
    moment = start.time() if isinstance(start, datetime) else start
    apart = datetime.combine(psg_start.date(), moment) - psg_start
    nearest = (apart + _DAY / 2) % _DAY - _DAY / 2
    return marks.shifted(nearest.total_seconds()).noting("the scoring was placed by the time of day")


def _events(scorers: Sequence[Marks]) -> pd.DataFrame | None:
    """Events of the first scorer who noted any: several would count one event several times."""
    rows = next((marks.events for marks in scorers if marks.events), ())
    return pd.DataFrame(sorted(rows), columns=list(EVENT_COLUMNS)) if rows else None


def _notes(files: Sequence[Path], scorers: Sequence[Marks]) -> tuple[str, ...]:
    notes = [note for marks in scorers for note in marks.notes]
    for file, marks in zip(files, scorers, strict=True):
        step = epoch_length(file, marks) if (marks.codes != NOT_SCORED).any() else CLIP_SECONDS
        if step != CLIP_SECONDS:
            notes.append(f"epochs of {step:g} s became clips of 30 s: each has the stage that fills most of it")
    return tuple(dict.fromkeys(notes))
