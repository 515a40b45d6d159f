"""Tables of a laboratory, as editors and spreadsheets save them."""

import os
from pathlib import Path

import pytest

from sacd.exceptions import SacdError
from sacd.ingest.source_table import read_source_table

TEXT = "participant_id\tahi\tsex\nP1\t7.5\tF\nP2\t\tn/a\n"
REQUIRED, NUMERIC = ("participant_id", "sex"), ("ahi", "age")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize(
    "written",
    [
        TEXT, TEXT.replace("\t", ";").replace("7.5", "7,5"), TEXT.replace("\t", ","), TEXT.replace("7.5", "7,5"),
        TEXT.replace("\n", "\r\n") + "\r\n\r\n", TEXT.replace("\n", "\r"),
        TEXT.replace("p", "P").replace("_id", "_ID "),
        TEXT.replace("P1", " P1 "), TEXT.replace("\tn/a\n", "\n"),
        # A spreadsheet's empty column, whose name is left out.
        TEXT.replace("F\n", "F\t\n").replace("n/a\n", "n/a\t\n"),
    ],
)  # fmt: skip
def test_each_is_the_same_table(tmp_path: Path, written: str, encoding: str) -> None:
    file = tmp_path / "participants.tsv"
    file.write_bytes(written.encode(encoding))
    table = read_source_table(file, REQUIRED, NUMERIC)
    assert table[["participant_id", "sex"]].to_numpy().tolist() == [["P1", "F"], ["P2", "n/a"]]
    assert table["ahi"].fillna(-1).tolist() == [7.5, -1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"), (b"sex\tsex\n", "two columns are called 'sex'"),
        (b"PK\x03\x04\x14\0\x06\0", "not a text file"), (b"sex\nF\n", "no column participant_id"),
        (TEXT.replace("7.5", "7,5").replace("\t", ",").encode(), "line 2 has more cells"),
        (TEXT.replace("7.5", "low").encode(), "column ahi: 'low' is not a number"),
    ],
)  # fmt: skip
def test_what_is_no_table(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "participants.tsv").write_bytes(content)
    with pytest.raises(SacdError, match=f"participants.tsv: {says}.*; "):
        read_source_table(tmp_path / "participants.tsv", REQUIRED, NUMERIC)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "participants.tsv")
    with pytest.raises(SacdError, match="a pipe"):
        read_source_table(tmp_path / "participants.tsv", REQUIRED, NUMERIC)
