"""Traces of people and of machines in files: what is searched for, and how it is found in text, tables and binary."""

import json
import re
import zlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from sacd.exceptions import reading

EMAIL, PATH, FILE_NAME, DATE = "an e-mail address", "a file path", "the name of a recording's file", "a date"
PATTERNS = {
    EMAIL: re.compile(rb"\b[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.[a-z]{2,12}\b"),
    PATH: re.compile(
        rb"(?<![\w./:<>=-])/(?:home|root|users|tmp|mnt|media|srv|var|opt|volumes|work)/[\w.~-]|\b[a-z]:\\{1,2}[\w.~-]+\\"
    ),
    FILE_NAME: re.compile(rb"(?<!preview)\.(?:edf|rec|bdf|vhdr|vmrk|fif|mp4|m4v|mkv|avi|webm|mov|mpe?g|wmv|asf|xml)\b"),
    DATE: re.compile(rb"\b(?:19|20)\d\d-[01]\d-[0-3]\d|\b[0-3]?\d\.[01]?\d\.(?:19|20)\d\d\b"),
}
"""What a text in lower case is searched for."""
_TEXT = (
    "", ".json", ".tsv", ".csv", ".txt", ".html", ".ipynb", ".md", ".yaml", ".yml", ".svg", ".log", ".xml", ".js",
)
_SHORTEST = 6
"""Bytes of what is searched for in binary files, where shorter ones come up by chance."""


class Identifier(NamedTuple):
    """What tells who somebody is: the kind in words ("a patient's name"), the text, and the file that has it."""

    kind: str
    text: str
    origin: str

    @property
    def spellings(self) -> set[bytes]:
        """How files may hold it: encodings, escapes, capitals, spaces for underscores; ASCII in lower case."""
        cases = {self.text, self.text.lower(), self.text.upper()}
        texts = {case.replace(old, new) for case in cases for old, new in (("_", " "), (" ", "_"), ("", ""))}
        escaped = {json.dumps(text)[1:-1] for text in texts} | {escape(text) for text in texts}
        forms = texts | escaped | {text.encode("ascii", "xmlcharrefreplace").decode() for text in texts}
        found = {form.encode(encoding).lower() for form in forms for encoding in ("utf-8", "utf-16-le")}
        return found | {form.encode("latin-1").lower() for form in forms if max(form) < "\u0100"}


class Trace(NamedTuple):
    """Something found: its kind and origin, how often, and the line of the first (0 where there are no lines)."""

    kind: str
    origin: str
    count: int
    line: int


def traces(file: Path, patterns: Sequence[str], identifiers: Sequence[Identifier]) -> list[Trace]:
    """What a file holds of what it should not.

    Parameters
    ----------
    file : Path
        Text is searched as it is; of a Parquet table the columns of text; of a PDF what its streams hold; of other
        binary files the bytes, for `identifiers` alone.
    patterns : sequence of str
        Keys of `PATTERNS`.
    identifiers : sequence of Identifier

    Raises
    ------
    SacdError
        The file cannot be read.
    """
    with reading(file, "restore it or remove it"):
        content, has_lines = _content(file)
    found: dict[tuple[str, str], list[int]] = {}
    for kind in patterns if has_lines else ():
        found[kind, ""] = [match.start() for match in PATTERNS[kind].finditer(content)]
    for kind, text, origin in identifiers:
        forms = Identifier(kind, text, origin).spellings
        places = [_places(content, form) for form in forms if has_lines or len(form) >= _SHORTEST]
        # A whole name and its words, a date in several ways: one trace.
        found[kind, origin] = max([*places, found.get((kind, origin), [])], key=len)
    return [
        Trace(kind, origin, len(places), content.count(b"\n", 0, places[0]) + 1 if has_lines else 0)
        for (kind, origin), places in found.items() if places
    ]


def _places(content: bytes, form: bytes) -> list[int]:
    """Where a spelling stands as a word of its own; figures also not as part of a decimal number."""
    if form not in content:
        return []
    edge = rb"[a-z0-9.,]" if form.isdigit() else rb"[a-z0-9]"
    pattern = rb"(?<!" + edge + rb")" + re.escape(form) + rb"(?![a-z0-9])"
    return [match.start() for match in re.finditer(pattern, content)]


def _content(file: Path) -> tuple[bytes, bool]:
    """What is searched, in lower case, and whether it is text."""
    if file.suffix == ".parquet":
        table = pd.read_parquet(file)
        words = {str(value) for name in table for value in _words(table[name])} | set(map(str, table.columns))
        return "\n".join(sorted(words)).lower().encode("utf-8", "replace"), True
    content = file.read_bytes()
    if file.suffix == ".pdf":
        streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
        return b"\n".join([content, *map(_inflated, streams)]).lower(), False
    return content.lower(), file.suffix.lower() in _TEXT


def _words(column: pd.Series) -> list[object]:
    return [] if pd.api.types.is_numeric_dtype(column) else list(column.astype(str).unique())


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream, 1 << 24)
    except zlib.error:
        return b""
