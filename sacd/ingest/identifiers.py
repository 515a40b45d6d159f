"""What the files of a source say of who somebody is, to be searched for where it must not be (`sacd check --privacy`).

Headers of EDF, EDF+ and BDF (Kemp & Olivan 2003, doi:10.1016/S1388-2457(03)00123-8), subjects of FIF files, XML
scorings, columns of tables, sidecars and the tags of videos are read. Files of other kinds are not: what a `notes.txt`
says, nobody can tell from the words of a report.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import av
import defusedxml.ElementTree
import mne

from sacd.cohort.privacy import NIGHT
from sacd.cohort.traces import Identifier
from sacd.exceptions import reading
from sacd.ingest.layout import VIDEO_SUFFIXES

NAME, BIRTH, NUMBER, FREE = "a patient's name", "a birth date", "a record number", "free text of a header"
_KINDS = (
    (re.compile(r"birth|dob$", re.IGNORECASE), BIRTH),
    (re.compile(r"(patient|subject|first|last|family|given|sur)[ _-]?name", re.IGNORECASE), NAME),
    (re.compile(r"(patient|record|hospital)[ _-]?(id|number|no|code)$|mrn$|ssn$|his_id", re.IGNORECASE), NUMBER),
    (re.compile(r"address|phone|e-?mail|^(artist|author|comment|description|location)$", re.IGNORECASE), FREE),
)
# Names that the layout of a source prescribes say nothing of anybody.
_LAYOUT = {"participants.tsv", "recordings.tsv", "dataset_description.json"}
# EDF+: the code in the hospital's administration, sex, date of birth, name, and what else there is.
_PATIENT = re.compile(r"(?P<code>\S+) [MFX] (?P<birth>\d\d-[A-Z]{3}-\d{4}|X) (?P<name>.+)", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# What anonymised files write where a name would stand, and words that every report has.
_NOBODY = {
    "anonym", "anonymous", "anonymised", "anonymized", "deidentified", "female", "male", "name", "night", "none",
    "patient", "sleep", "study", "subject", "test", "unknown", "year", "years",
}  # fmt: skip


def identifiers_of(source: Path) -> list[Identifier]:
    """Names, birth dates, record numbers, dates of nights and names of files of a source.

    Parameters
    ----------
    source : Path
        The folder that a cohort was ingested from.

    Raises
    ------
    SacdError
        It is no folder, or a file of it cannot be read.
    """
    with reading(source, "name the folder that the cohort was made from"):
        files = sorted(file for file in source.rglob("*") if file.is_file()) if any(source.iterdir()) else []
    found: dict[tuple[str, str], Identifier] = {}
    for file in files:
        origin = str(file.relative_to(source))
        read = _READERS.get(file.suffix.lower())
        with reading(file, "copy it again, or search without it"):
            said = list(read(file)) if read and not file.name.startswith(".") else []
        if read and file.name not in _LAYOUT:
            said.append(("the name of a source's file", file.name))
        for kind, text in said:
            if text.strip():
                found.setdefault((kind, text.lower()), Identifier(kind, text.strip(), origin))
    return list(found.values())


def _edf(file: Path) -> Iterator[tuple[str, str]]:
    with open(file, "rb") as stream:
        fixed = stream.read(256)
    patient, recording, start = (fixed[a:b].decode("latin-1").strip(" \0") for a, b in ((8, 88), (88, 168), (168, 176)))
    if day := re.fullmatch(r"(\d\d)\.(\d\d)\.(\d\d)", start):
        year = int(day[3]) + (1900 if int(day[3]) >= 85 else 2000)
        yield from _dates(NIGHT, f"{year}-{day[2]}-{day[1]}")
    fields = _PATIENT.fullmatch(patient)
    if fields is None:
        yield from _names(patient)
        yield from ((NUMBER, number) for number in re.findall(r"\d{5,}", patient))
        yield from ((FREE, text) for text in (patient, recording) if _words(text) and " " in text)
        return
    yield from _number(fields["code"])
    yield from _dates(BIRTH, fields["birth"])
    yield from _names(fields["name"])
    said = recording.split(" ")
    for text in said[2:4] if said[0] == "Startdate" else ():
        yield from _number(text)


def _number(code: str) -> Iterator[tuple[str, str]]:
    if len(code) >= 4 and any(map(str.isdigit, code)):
        yield NUMBER, code


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]{4,}", text) if word.lower() not in _NOBODY]


def _names(text: str) -> Iterator[tuple[str, str]]:
    """A name as it stands, and each of its words."""
    words = _words(text)
    yield from ((NAME, word) for word in words)
    if words:
        yield NAME, text


def _dates(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """A date in the ways in which it is written."""
    if month := re.fullmatch(r"(\d\d)-([A-Za-z]{3})-(\d{4})", text):
        number = _MONTHS.index(month[2].lower()) + 1 if month[2].lower() in _MONTHS else 0
        text = f"{month[3]}-{number:02d}-{month[1]}"
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return
    forms = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d")
    yield from ((kind, day.strftime(form)) for form in forms)
    yield kind, f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"


def _said(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    """Values whose keys say that they tell who somebody is."""
    for key, value in pairs:
        kind = next((kind for pattern, kind in _KINDS if pattern.search(key)), None)
        text = "" if value is None else str(value).strip()
        if kind is None or text.lower() in ("", "n/a", "nan", "x"):
            continue
        if kind == BIRTH:
            yield from _dates(kind, text)
        elif kind == NAME:
            yield from _names(text)
        elif len(text) >= 4:
            yield kind, text


def _fif(file: Path) -> Iterator[tuple[str, str]]:
    info = mne.io.read_info(file, verbose="error")
    yield from _said((key, value) for key, value in (info["subject_info"] or {}).items())
    if isinstance(info["meas_date"], datetime):
        yield from _dates(NIGHT, info["meas_date"].date().isoformat())


def _xml(file: Path) -> Iterator[tuple[str, str]]:
    for element in defusedxml.ElementTree.parse(file).iter():
        yield from _said([(re.sub(r"^\{.*\}", "", str(element.tag)), element.text), *element.attrib.items()])


def _table(file: Path) -> Iterator[tuple[str, str]]:
    content = file.read_bytes()
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    lines = text.splitlines()
    mark = max("\t;,", key=lines[0].count) if lines else ","
    for row in csv.DictReader(lines, delimiter=mark):
        named = ((key or "", value) for key, value in row.items() if isinstance(value, str))
        in_participants = "participants" in file.name
        yield from _said(("patient_name" if in_participants and key.lower() == "name" else key, v) for key, v in named)


def _json(file: Path) -> Iterator[tuple[str, str]]:
    waiting = [json.loads(file.read_text(encoding="utf-8-sig"))]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from _said((key, inner) for key, inner in value.items() if isinstance(inner, str))
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _video(file: Path) -> Iterator[tuple[str, str]]:
    with av.open(file) as container:
        tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    for pairs in tags:
        yield from _said(pairs.items())
        yield from (found for key, value in pairs.items() if key == "creation_time" for found in _dates(NIGHT, value))


_READERS: dict[str, Callable[[Path], Iterable[tuple[str, str]]]] = {
    ".edf": _edf, ".rec": _edf, ".bdf": _edf, ".fif": _fif, ".xml": _xml, ".tsv": _table, ".csv": _table,
    ".json": _json, **dict.fromkeys(VIDEO_SUFFIXES, _video),
}
