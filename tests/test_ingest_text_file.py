"""Text in the encodings and with the line ends that laboratories use; what is none is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from sacd.exceptions import SacdError
from sacd.ingest.text_file import read_text

TEXT = "W\nÜbergang 20 µV\nN2\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    (tmp_path / "t.txt").write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_text(tmp_path / "t.txt") == TEXT


def test_the_mark_of_dos_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"W\r\nN1\r\n\x1a")
    assert read_text(tmp_path / "t.txt") == "W\nN1\n"


NOISE = np.random.default_rng(0).bytes(500)


@pytest.mark.parametrize("content", [bytes(500), NOISE, b"\x7fELF\x02\x01\x01", b"\xff\xfe\x00\xd8"])
def test_what_is_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(SacdError, match="t.txt: not a text file .neither UTF-8 nor UTF-16 nor Latin-1.; save it"):
        read_text(tmp_path / "t.txt")


def test_what_is_too_large_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"W\n" * 600)
    with pytest.raises(SacdError, match="larger than 0.000977 MB"):
        read_text(tmp_path / "t.txt", largest=1024)
    with pytest.raises(SacdError, match="not found"):
        read_text(tmp_path / "nothing.txt")
    with pytest.raises(SacdError, match="directory"):
        read_text(tmp_path)
