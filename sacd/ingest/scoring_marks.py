"""What the file of one scorer says, before it stands on a grid: stages and events with onset and duration."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError
from sacd.stages import NOT_SCORED

EPOCHS_S = (30.0, 20.0, 10.0, 5.0)
"""Lengths of epochs that are read, s; the first that fits counts."""
TOLERANCE_S = 0.01
_LONGEST_S = 7 * 86400.0
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?|nan|[-+]?inf", re.IGNORECASE)
Event = tuple[float, float, str]
"""Onset s, duration s (0 where the file does not say it), type: one of `sacd.cohort.events.EVENT_TYPES`."""


@dataclass(frozen=True)
class Marks:
    """Stages and events of one scorer, in the file's order.

    Attributes
    ----------
    onset_s, duration_s : ndarray [n] float64
        Duration is NaN where the file does not say it.
    codes : ndarray [n] int64
        0–4, −1 where not scored.
    events : tuple of Event
    start : datetime, time or None
        What onsets count from by the file's own clock, without a date where it names none; None is the start of the
        recording.
    counted : bool
        Onsets and durations count epochs whose length the file does not say.
    notes : tuple of str
        What was assumed, a sentence each, without anything of the file's text.
    shares : ndarray [n, 5] float32 or None
        Of stages of 30 s that the file gives as probabilities: those of each.
    """

    onset_s: np.ndarray
    duration_s: np.ndarray
    codes: np.ndarray
    events: tuple[Event, ...] = ()
    start: datetime | time | None = None
    counted: bool = False
    notes: tuple[str, ...] = ()
    shares: np.ndarray | None = None

    @classmethod
    def of(
        cls, rows: Sequence[tuple[float, float, int]], events: Sequence[Event] = (),
        start: datetime | time | None = None, counted: bool = False, notes: Sequence[str] = (),
    ) -> "Marks":
        """From rows of onset, duration and code."""
        onset, duration, codes = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(onset, float), np.array(duration, float), np.array(codes, np.int64), tuple(events), start, counted,
            tuple(notes),
        )

    @classmethod
    def of_epochs(
        cls, codes: Sequence[int], epoch_s: float | None = None, events: Sequence[Event] = (),
        start: datetime | time | None = None, shares: np.ndarray | None = None,
    ) -> "Marks":
        """From one stage an epoch, in order; `epoch_s` None where the file does not say how long one is."""
        step = 1.0 if epoch_s is None else epoch_s
        onset, duration = step * np.arange(len(codes)), np.full(len(codes), step)
        codes = np.array(codes, np.int64)
        return cls(onset, duration, codes, tuple(events), start, counted=epoch_s is None, shares=shares)

    def scaled(self, epoch_s: float) -> "Marks":
        """Counted epochs in seconds; events are in seconds in any case."""
        return replace(self, onset_s=epoch_s * self.onset_s, duration_s=epoch_s * self.duration_s, counted=False)

    def shifted(self, seconds: float) -> "Marks":
        """Everything so much later, s."""
        events = tuple((onset + seconds, duration, kind) for onset, duration, kind in self.events)
        return replace(self, onset_s=self.onset_s + seconds, events=events)

    def noting(self, *notes: str) -> "Marks":
        """With more notes."""
        return replace(self, notes=(*self.notes, *notes))


def seconds(text: str | None) -> float:
    """A number as it is written, with a decimal point or comma; NaN for anything else."""
    text = (text or "").strip().replace(",", ".")
    return float(text) if _NUMBER.fullmatch(text) else np.nan


def within_recording(events: Sequence[Event]) -> tuple[Event, ...]:
    """Those that lie within a recording (a week)."""
    return tuple(event for event in events if abs(event[0]) <= _LONGEST_S and 0 <= event[1] <= _LONGEST_S)


def checked(path: Path, marks: Marks) -> Marks:
    """The marks, where all of them lie within a recording (a week).

    Events that do not are left out, with a note.

    Raises
    ------
    SacdError
        No stage at all, or one that begins or lasts beyond a week.
    """
    if not len(marks.codes):
        raise SacdError(f"{path}: the scoring holds no stage; write one stage a line, or onset,duration,stage")
    # Written so that NaN is refused as well; a duration may be missing.
    fits = np.abs(marks.onset_s) <= _LONGEST_S
    fits &= np.isnan(marks.duration_s) | ((marks.duration_s >= 0) & (marks.duration_s <= _LONGEST_S))
    if not fits.all():
        first = np.flatnonzero(~fits)[0]
        where = f"at {marks.onset_s[first]:g} s, {marks.duration_s[first]:g} s long"
        raise SacdError(f"{path}: a stage {where}, is not within a recording; write seconds from its start")
    events = within_recording(marks.events)
    lost = len(marks.events) - len(events)
    marks = replace(marks, events=events)
    return marks.noting(f"{lost} events without a place within the recording were left out") if lost else marks


def with_durations(path: Path, marks: Marks, psg_s: float | None = None) -> Marks:
    """Each stage with a duration: where no stage has one, it lasts until the next.

    The last one lasts as long as the others where they follow each other evenly, and else until lights on or the end of
    the recording (`psg_s`), for the file then marks changes.

    Raises
    ------
    SacdError
        Some scored stages have a duration and others none, or none has one and two begin together.
    """
    said = marks.duration_s > 0
    if said.any():
        lacking = marks.onset_s[~said & (marks.codes != NOT_SCORED)]
        if len(lacking):
            raise SacdError(
                f"{path}: the stage at {lacking[0]:g} s has no duration, and others have one; write how many seconds "
                "it lasts, or leave out the row"
            )
        return replace(marks, onset_s=marks.onset_s[said], duration_s=marks.duration_s[said], codes=marks.codes[said])
    order = np.argsort(marks.onset_s, kind="stable")
    onset, codes = marks.onset_s[order], marks.codes[order]
    steps = np.diff(onset)
    if (steps < TOLERANCE_S).any():
        raise SacdError(f"{path}: two stages at {onset[np.argmin(steps)]:g} s; keep one scorer's scoring")
    even = len(steps) > 0 and np.ptp(steps) < TOLERANCE_S and steps[0] < EPOCHS_S[0] + TOLERANCE_S
    last = onset[-1] + (steps[0] if even else EPOCHS_S[0])
    if not even and psg_s is not None:
        on = [event[0] for event in marks.events if event[2] == "lights on" and event[0] > onset[-1]]
        last = max(last, min([psg_s, *on]))
    durations = np.diff(np.append(onset, last))
    marks = replace(marks, onset_s=onset, duration_s=durations, codes=codes)
    return marks.noting("no stage has a duration: each lasts until the next")
