"""Times of the clock in tables: "22:30:30", "2024-03-01T22:30:30", "01.03.2024 22:30:30", "10:30 pm"."""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError

_DAY_S, _HOUR_S = 86400.0, 3600.0
_MOST = 0.9
"""Share of the steps between stages that is alike where there is a line an epoch."""
_CLOCK = re.compile(
    r"((?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ]+|(?P<dd>\d\d?)\.(?P<mm>\d\d?)\.(?P<yyyy>\d{4})\s+)?"
    r"(?P<h>\d\d?):(?P<m>\d\d)(:(?P<s>\d\d([.,]\d{1,9})?))?\s*(?P<half>[ap]m)?\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)


def clock_time(text: str) -> tuple[datetime | None, float] | None:
    """The day's midnight (None without a date) and the seconds since; None where `text` is no time of the clock.

    An offset from UTC is the local clock's own and is left out; "Z" is no local time, and so no time here.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None or (found["zone"] or "").upper() == "Z":
        return None
    hours = int(found["h"]) % 12 + 12 * (found["half"].lower() == "pm") if found["half"] else int(found["h"])
    second = 3600 * hours + 60 * int(found["m"]) + float((found["s"] or "0").replace(",", "."))
    year, month, day = (found[a] or found[b] for a, b in (("year", "yyyy"), ("month", "mm"), ("day", "dd")))
    if year is None:
        return None, second
    try:
        return datetime(int(year), int(month), int(day)), second
    except ValueError:
        return None


def clock_times(
    path: Path, rows: Sequence[tuple[int, str]]
) -> tuple[np.ndarray, datetime | time | None, tuple[str, ...]]:
    """The times of the rows of a table.

    Parameters
    ----------
    rows : sequence of (line number, text)
        At least one.

    Returns
    -------
    times : ndarray [rows] float64
        s from the first row on, or as they are where the first is 0:00:00.
    start : datetime, time or None
        When that was: without a date where the table has none, None where the times count from 0:00:00.
    notes : tuple of str

    Raises
    ------
    SacdError
        A text that is no time, or dates in some rows alone.
    """
    found = []
    for number, text in rows:
        one = clock_time(text)
        if one is None or (found and (one[0] is None) != (found[0][0] is None)):
            raise SacdError(
                f"{path}: line {number}: the time is not written as in the first line; write seconds from the start of "
                "the recording, or local times like 22:30:30 or 2024-03-01T22:30:30"
            )
        found.append(one)
    second = np.array([one[1] for one in found])
    midnight = found[0][0]
    if midnight is not None:
        days = np.array([(one[0] - midnight).total_seconds() for one in found])
        return days + second - second[0], midnight + timedelta(seconds=second[0]), ()
    if second[0] == 0:
        return second, None, ("times that begin with 0:00:00 were counted from the start of the recording",)
    if second[0] >= _DAY_S:
        raise SacdError(f"{path}: line {rows[0][0]}: the time is beyond 24:00:00; write local times")
    # A table may hold stages first and events after them: each row lies within half a day of the one before.
    times = np.unwrap(second, period=_DAY_S)
    return times - second[0], (datetime.min + timedelta(seconds=second[0])).time(), ()


def check_summer_time(path: Path, numbers: Sequence[int], times: np.ndarray) -> None:
    """Refuse epochs between which the clock jumps by an hour, as it does when summer time begins or ends.

    Parameters
    ----------
    numbers : sequence of int
        Of the lines of `times` [stages] (s), in the order of the file.

    Raises
    ------
    SacdError
        It does; what follows would stand beside pictures of another hour.
    """
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    jumps = np.flatnonzero(np.abs(np.abs(steps - usual) - _HOUR_S) < 1)
    if len(jumps) and usual > 0 and (np.abs(steps - usual) < 1).sum() >= min(_MOST * len(steps), len(steps) - 1):
        raise SacdError(
            f"{path}: line {numbers[jumps[0] + 1]}: the clock jumps by an hour; where summer time began or ended, "
            "write seconds from the start of the recording; where nobody scored for an hour, write '?' for each epoch"
        )
