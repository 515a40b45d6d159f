"""Text as laboratories save it: UTF-8, UTF-16 or Latin-1, with the line ends of any system."""

import codecs
import re
from pathlib import Path

from sacd.exceptions import SacdError, reading

LARGEST = 8 * 2**20
"""Bytes of the largest text that is read; a night with all its events holds a fourth of it."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Tabs, line ends and form feeds are text; so is DOS's end of file.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")


def read_text(path: Path, remedy: str = "save it as UTF-8 text", largest: int = LARGEST) -> str:
    r"""The text of a file, its lines separated by ``\n``.

    Text is UTF-8; UTF-16 or UTF-32 by its byte-order mark, UTF-16 also by its zero bytes; else Latin-1 (Windows-1252),
    in which most bytes mean something.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do about a file that is none, an imperative.
    largest : int
        Bytes; more are not read.

    Raises
    ------
    SacdError
        No file, too large, or no text in any of these encodings.
    """
    with reading(path, remedy):
        if path.is_fifo():
            raise ValueError("a pipe, which would be waited for")
        with open(path, "rb") as handle:
            content = handle.read(largest + 1)
    if len(content) > largest:
        raise SacdError(f"{path}: larger than {largest / 2**20:.3g} MB, too much for a text of its kind; {remedy}")
    text = _decoded(content)
    if text is None or _CONTROL.search(text):
        raise SacdError(f"{path}: not a text file (neither UTF-8 nor UTF-16 nor Latin-1); {remedy}")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a")


def _decoded(content: bytes) -> str | None:
    for encoding in _candidates(content):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _candidates(content: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return (encoding,)
    # Without a mark: every other byte of Western text in UTF-16 is zero.
    head = content[:4096]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(head) > 1 and 2 * head[first::2].count(0) > len(head[first::2]):
            return (encoding,)
    return ("utf-8", "cp1252", "latin-1")
