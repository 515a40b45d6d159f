"""What `recordings.tsv` says of the nights of a recording folder (its columns: `sacd.ingest.layout`)."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from sacd.exceptions import SacdError
from sacd.ingest.box import Box
from sacd.ingest.source_table import read_source_table
from sacd.ingest.starts import read_moment, read_zone

RECORDINGS = "recordings.tsv"
_NUMBERS = {"offset": "offset_s", "drift_ppm": "drift_ppm"}


def read_recordings_table(file: Path) -> dict[str, dict[str, Any]]:
    """Its rows by recording id; empty without the file.

    Raises
    ------
    SacdError
        No such table, or two rows of one id.
    """
    if not file.exists():
        return {}
    table = read_source_table(file, ("recording_id",), tuple(_NUMBERS))
    twice = table.recording_id[table.recording_id.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: two recordings with one id, {twice.iloc[0]}; give each an id of its own")
    return {row["recording_id"]: row for row in table.to_dict("records")}


def told_of(table: Path, recording: str, row: dict[str, Any]) -> dict[str, Any]:
    """What a row says of a night: those attributes of `sacd.ingest.layout.NightFiles` that its files do not tell.

    Raises
    ------
    SacdError
        A cell that means nothing.
    """
    told: dict[str, Any] = {
        name: 0.0 if pd.isna(row.get(column)) else float(row[column]) for column, name in _NUMBERS.items()
    }
    for name in ("psg_start", "scoring_start"):
        if (text := row.get(name, "n/a")) != "n/a":
            told[name] = read_moment(text, table, f"recording {recording}: {name}")
    try:
        if (text := row.get("region", "n/a")) != "n/a":
            told["region"] = Box.parse(text)
        if (text := row.get("time_zone", "n/a")) != "n/a":
            read_zone(text)
            told["time_zone"] = text
    except SacdError as error:
        raise SacdError(f"{table}: recording {recording}: {error}") from None
    return told


def participant_of(table: Path, recording: str, row: dict[str, Any], participants: Iterable[str]) -> str:
    """Whose recording it is, by its row in the table, else by its name.

    Raises
    ------
    SacdError
        Nobody's.
    """
    named = row.get("participant_id", "n/a")
    if named == "n/a":
        named = recording
        fitting = [name for name in participants if re.fullmatch(rf"{re.escape(name)}([-_].*)?", recording)]
    else:
        fitting = [name for name in participants if name == named]
    if fitting:
        return max(fitting, key=len)
    raise SacdError(
        f"{table.with_name('participants.tsv')}: recording {recording}: no participant {named}; "
        "add the row, or name the participant in recordings.tsv"
    )
