"""When each video of a night began: as a table, a sidecar or the file's name says, else as the container does.

A moment that names a time zone is compared in that zone, and the recorder's must be known then.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, StrictStr

from sacd.cohort.format import read_json, validated
from sacd.exceptions import SacdError
from sacd.progress import duration

_DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "H": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}",
    "f": r"\d{1,6}", "z": r"(?:Z|[+-]\d{2}:?\d{2})", "%": "%",
}  # fmt: skip
_DAY_S = 86400.0
_LONGEST_S = 2 * _DAY_S


class Sidecar(BaseModel):
    """What is read of a JSON file beside a video."""

    video_start: StrictStr | None = None


def read_moment(text: str, file: Path, of: str) -> datetime:
    """A moment as `file` writes it; with a time zone if it names one.

    Raises
    ------
    SacdError
        It is no moment; `of` says whose.
    """
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise SacdError(f"{file}: {of} {text!r} is not a time; write it like 2024-03-01T22:30:00") from None


def told_starts(
    videos: Sequence[Path], row: str, table: Path, recording: str, pattern: str | None
) -> tuple[tuple[datetime | None, ...], str]:
    """What is told of the starts of a night's videos beside the containers, and where.

    Parameters
    ----------
    videos : sequence of Path
    row : str
        `video_start` of the recording in `table`: ``n/a``, or a moment for each video, in the order of their names,
        separated by commas.
    pattern : str, optional
        As of `IngestOptions.start_pattern`.

    Returns
    -------
    starts : tuple of datetime or None
        A moment for each video.
    where : str
        ``recordings.tsv``, ``sidecar``, ``file name`` or ``header``.
    """
    if row != "n/a":
        starts = tuple(
            read_moment(part, table, f"recording {recording}: video_start") for part in row.split(",")
        )
        if len(starts) != len(videos):
            raise SacdError(
                f"{table}: recording {recording}: video_start names {len(starts)} times for {len(videos)} videos; "
                "write one for each, separated by commas, in the order of the files' names"
            )
        return starts, "recordings.tsv"
    sidecars = tuple(_from_sidecar(video) for video in videos)
    if any(sidecars):
        return sidecars, "sidecar"
    if pattern is not None:
        return tuple(from_name(video, pattern) for video in videos), "file name"
    return (None,) * len(videos), "header"


def _from_sidecar(video: Path) -> datetime | None:
    file = video.with_suffix(".json")
    if not file.is_file():
        return None
    told = validated(Sidecar, read_json(file, "correct or remove it"), file).video_start
    return None if told is None else read_moment(told, file, "video_start")


def from_name(video: Path, pattern: str) -> datetime:
    """The moment in a file's name.

    Raises
    ------
    SacdError
        The pattern has no date or hour, or the name does not follow it.
    """
    parts = re.split("%(.)", pattern)
    unknown = [letter for letter in parts[1::2] if letter not in _DIRECTIVES]
    if unknown or not {"m", "d", "H"} <= set(parts[1::2]) or not {"Y", "y"} & set(parts[1::2]):
        raise SacdError(
            f"start pattern {pattern!r} does not give a date and a time; write it with %Y %m %d %H %M %S (%f, %z)"
        )
    wanted = "".join(_DIRECTIVES[part] if odd % 2 else re.escape(part) for odd, part in enumerate(parts))
    found = re.search(wanted, video.name)
    try:
        return datetime.strptime(found[0] if found else "", pattern)
    except ValueError:
        raise SacdError(
            f"{video}: its name does not follow the start pattern {pattern!r}; rename it, correct the pattern, "
            "or write video_start into recordings.tsv"
        ) from None


def read_zone(name: str | None) -> tzinfo | None:
    """A time zone by its name or its distance from UTC: ``Europe/Zurich``, ``UTC``, ``+01:00``."""
    if name is None:
        return None
    try:
        if re.fullmatch(r"[+-]\d{2}:?\d{2}", name):
            return datetime.strptime(name, "%z").tzinfo
        return UTC if name.upper() in ("Z", "UTC") else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise SacdError(f"time zone {name!r} is unknown; use a name like Europe/Zurich, or +01:00") from None


def seconds_between(
    reference: datetime, moment: datetime, zone: tzinfo | None, clock: Literal["date", "time of day"], video: Path
) -> float:
    """How long after `reference`, the recorder's start, a video began, s.

    Parameters
    ----------
    zone : tzinfo, optional
        The recorder's: needed where one of the two names a zone and the other does not.
    clock : {"date", "time of day"}
        With the latter, the least time between two such times of day.

    Raises
    ------
    SacdError
        A zone is missing, or the two are days apart.
    """
    if (reference.tzinfo is None) != (moment.tzinfo is None):
        if zone is None:
            raise SacdError(
                f"{video}: begins at {moment.isoformat()}, the recording at {reference.isoformat()}: one names a time "
                "zone, the other does not; say the recorder's with --time-zone or as time_zone in recordings.tsv: "
                "Europe/Zurich, +01:00, or UTC where the camera writes local time as UTC"
            )
        reference, moment = (time if time.tzinfo else time.replace(tzinfo=zone) for time in (reference, moment))
    apart = (moment - reference).total_seconds()
    if clock == "time of day":
        return (apart + _DAY_S / 2) % _DAY_S - _DAY_S / 2
    if abs(apart) > _LONGEST_S:
        raise SacdError(
            f"{video}: begins on {moment.date()}, the recording on {reference.date()}, {duration(abs(apart))} apart; "
            "correct video_start in recordings.tsv, or take the time of day alone with --clock 'time of day'"
        )
    return apart


def local(moment: datetime, zone: tzinfo | None) -> datetime:
    """A moment on the recorder's clock, without its zone."""
    return (moment.astimezone(zone) if zone and moment.tzinfo else moment).replace(tzinfo=None)


def later(begin_s: float, apart_s: float, drift_ppm: float) -> float:
    """Where on the recorder's clock a later video begins.

    Parameters
    ----------
    begin_s : float
        Where the first one begins.
    apart_s : float
        How much later by the camera's clock, s.
    drift_ppm : float
        How much faster than the recorder's the camera's clock runs, millionths.
    """
    return begin_s + apart_s / (1 + drift_ppm * 1e-6)


