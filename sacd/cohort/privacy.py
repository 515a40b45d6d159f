"""What of people must not be in a cohort, in its reports or in its runs, searched for (`sacd check --privacy`).

A cohort is held against what its format allows: the files, the columns of its tables, closed lists in place of free
text, dates that were moved. Everything written is searched for e-mail addresses and paths, and, where the source is at
hand, for what its files say of patients. Arrays hold numbers alone (`sacd check`) and are not searched; nor are
pictures looked at: who is to be seen in them is not a question of text.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import pyarrow.parquet

from sacd.cohort import extras
from sacd.cohort.events import EVENT_COLUMNS, EVENT_TYPES
from sacd.cohort.format import (
    ARRAY_NAMES,
    CLOCKS,
    LOG,
    PARTICIPANT_COLUMNS,
    RAW,
    RECORDING_COLUMNS,
    read_info,
    read_metadata,
    read_recordings,
    read_tsv,
)
from sacd.cohort.overview import FILE as OVERVIEW
from sacd.cohort.remarks import FILE as REMARKS
from sacd.cohort.traces import DATE, EMAIL, FILE_NAME, PATH, Identifier, traces
from sacd.exceptions import SacdError, reading

DATES, SHIFTED, KEPT, PUBLISHED = "dates", "shifted", "kept", "as published"
"""`recording.json` says under this name of its provenance what became of the date of `start`. Those of a public data
set, which everybody has, need not be moved."""
NIGHT = "the date of a night"
"""Kind of an `Identifier` that the moved dates of other nights may equal by chance."""
INDEX = ("cohort.json", "participants.tsv", "recordings.tsv")
SEXES = {"female", "male", "other", "f", "m", "o", "n/a", ""}
_RECORDING_FILES = {"recording.json", "clips.parquet", *ARRAY_NAMES.values(), *extras.FILES, OVERVIEW}
_ARRAYS = (".npy", ".webm")
# What a muxer writes of itself.
_TAGS = {"encoder", "duration", "language"}


def check_privacy(
    cohort: Path, reports: Sequence[Path] = (), runs: Sequence[Path] = (), identifiers: Sequence[Identifier] = (),
    progress: Callable[[str], None] | None = None,
) -> list[str]:
    """All that should not be in a cohort, its reports and its runs.

    Parameters
    ----------
    cohort : Path
        The cohort's folder.
    reports, runs : sequence of Path
        Folders or files that were made of it.
    identifiers : sequence of Identifier
        What is known of its people, by `sacd.ingest.identifiers`.
    progress : callable, optional
        Called with the name of what is searched next.

    Returns
    -------
    list of str
        One line each, with the file's name and never with what was found.
    """
    cohort = Path(cohort)
    tell = progress or (lambda name: None)
    try:
        info, recordings = read_info(cohort), read_recordings(cohort)
    except SacdError as error:
        return [str(error)]
    tell(cohort.name)
    faults = [*_index_faults(cohort), *_stray_faults(cohort, set(recordings["recording_id"]), info.simulated)]
    if not info.simulated:
        faults += _date_faults(cohort, recordings.to_dict("records"))
    patterns = (EMAIL, PATH, FILE_NAME) if info.simulated else (EMAIL, PATH, FILE_NAME, DATE)
    people = [one for one in identifiers if one.kind != NIGHT]
    for name in (*INDEX, LOG):
        if (cohort / name).exists():
            has_dates = name == "recordings.tsv"
            wanted = [kind for kind in patterns if not (has_dates and kind == DATE)]
            faults += _traces(cohort / name, wanted, people if has_dates else identifiers)
    for recording in recordings["recording_id"]:
        tell(recording)
        folder = cohort / "recordings" / recording
        faults += _recording_faults(folder)
        for file in sorted(folder.glob("*.json")) + sorted(folder.glob("*.tsv")) + sorted(folder.glob("*.parquet")):
            faults += _traces(file, patterns, identifiers)
    for place in (*reports, *runs):
        tell(place.name)
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            if file.is_file() and file.suffix not in _ARRAYS:
                faults += _traces(file, (EMAIL, PATH), identifiers)
    return faults


def _traces(file: Path, patterns: Sequence[str], identifiers: Sequence[Identifier]) -> Iterator[str]:
    try:
        for kind, origin, count, line in traces(file, patterns, identifiers):
            where = f" (line {line})" if line else ""
            of, number = f" of {origin}" if origin else "", f", {count} times" if count > 1 else ""
            yield f"{file}: holds {kind}{of}{where}{number}; remove it, or make the file again without it"
    except SacdError as error:
        yield str(error)


def _index_faults(cohort: Path) -> Iterator[str]:
    """Columns and words that the tables of a cohort do not have, and what readers wrote."""
    for name, columns in (("participants.tsv", PARTICIPANT_COLUMNS), ("recordings.tsv", RECORDING_COLUMNS)):
        yield from _column_faults(cohort / name, columns)
    try:
        participants = read_tsv(cohort / "participants.tsv", PARTICIPANT_COLUMNS, ())
        free = sum(value.strip().lower() not in SEXES for value in participants["sex"])
        if free:
            yield f"{cohort / 'participants.tsv'}: column sex holds free text in {free} rows; write female, male or n/a"
        if (cohort / REMARKS).exists() and len(read_tsv(cohort / REMARKS, (), ())):
            yield f"{cohort / REMARKS}: holds readers' names and free text; leave it out of what you hand on"
    except SacdError as error:
        yield str(error)


def _column_faults(file: Path, allowed: Sequence[str]) -> Iterator[str]:
    try:
        for number, name in enumerate(read_tsv(file, (), ()).columns, 1):
            if name not in allowed:
                yield f"{file}: column {number} is none of {', '.join(allowed)}; remove it"
    except SacdError as error:
        yield str(error)


def _stray_faults(cohort: Path, known: set[str], simulated: bool) -> Iterator[str]:
    """Files that no cohort holds; how many of each folder, for their names may tell of people."""
    allowed = {cohort: {*INDEX, LOG, REMARKS, CLOCKS, "recordings"}, cohort / "recordings": known}
    allowed[cohort] |= {RAW} if simulated else set()
    allowed[cohort / CLOCKS] = {f"{name}.png" for name in known}
    allowed |= {cohort / "recordings" / name: _RECORDING_FILES for name in known}
    for folder, names in allowed.items():
        present = sorted(folder.iterdir()) if folder.is_dir() else []
        stray = sum(entry.name not in names and not entry.name.endswith(".lock") for entry in present)
        if stray:
            yield f"{folder}: what lies there is no part of a cohort ({stray} files or folders); remove it"


def _date_faults(cohort: Path, rows: Sequence[dict[str, str]]) -> Iterator[str]:
    kept = 0
    for row in rows:
        try:
            metadata = read_metadata(cohort / "recordings" / row["recording_id"])
        except SacdError as error:
            yield str(error)
            continue
        kept += row["start"] != "n/a" and metadata["provenance"].get(DATES) not in (SHIFTED, PUBLISHED)
    if kept:
        yield (
            f"{cohort / 'recordings.tsv'}: the dates of {kept} recordings were not moved; "
            "ingest them again without --keep-dates, or write n/a"
        )


def _recording_faults(folder: Path) -> Iterator[str]:
    """Free text in the tables of a recording, and what its preview says beside its pictures."""
    table, events, preview = folder / "clips.parquet", folder / extras.EVENTS, folder / extras.PREVIEW
    try:
        if table.exists():
            with reading(table, "ingest the recording again"):
                schema = pyarrow.parquet.read_schema(table)
                text = [name for name in schema.names if "string" in str(schema.field(name).type)]
            if text:
                yield f"{table}: {len(text)} columns hold text; ingest the recording again"
        if events.exists():
            yield from _column_faults(events, EVENT_COLUMNS)
            free = sum(kind not in EVENT_TYPES for kind in read_tsv(events, EVENT_COLUMNS, ())["type"])
            if free:
                yield f"{events}: {free} events are free text; use {', '.join(EVENT_TYPES)}"
        if preview.exists():
            with reading(preview, "write it again or leave it out"), av.open(preview) as container:
                said = [container.metadata, *(stream.metadata for stream in container.streams)]
            tags = {name.lower() for tags in said for name in tags} - _TAGS
            if tags:
                yield f"{preview}: the file says {', '.join(sorted(tags))} beside its pictures; write it again without"
    except SacdError as error:
        yield str(error)
