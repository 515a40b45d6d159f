"""What became of each night: `ingest.tsv` in the cohort, and a table for people.

The file holds no file names and no free text of the files: either may be a person's name. It is the same however often
an ingest was interrupted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from sacd.cohort import Cohort, Recording
from sacd.cohort.format import LOG, read_tsv
from sacd.cohort.writer import write_atomically
from sacd.ingest.layout import NightFiles
from sacd.stages import NOT_SCORED

COLUMNS = ("recording_id", "status", "channel", "clips", "scored", "flagged", "left_out", "remarks")
IN, SKIPPED = "taken in", "skipped"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)")


def write_log(out: Path, tried: Iterable[NightFiles], faults: Mapping[str, str]) -> pd.DataFrame:
    """Renew a cohort's `ingest.tsv`: its nights, and those that were skipped.

    Parameters
    ----------
    out : Path
    tried : iterable of NightFiles
        The nights of this ingest.
    faults : mapping
        Why some of them were not taken in, a line each.
    """
    cohort = Cohort.open(out)
    rows = {recording.recording_id: _row(recording) for recording in cohort}
    skipped = {name: row for name, row in read_log(out).items() if row["status"] == SKIPPED and name not in rows}
    for files in tried:
        if files.recording_id in faults:
            why = without_names(faults[files.recording_id], files)
            skipped[files.recording_id] = _skipped(files.recording_id, why)
    table = pd.DataFrame([*rows.values(), *(skipped[name] for name in sorted(skipped))], columns=list(COLUMNS))
    write_atomically(out / LOG, table.to_csv(sep="\t", index=False))
    return table


def read_log(out: Path) -> dict[str, dict[str, str]]:
    """The rows of a cohort's `ingest.tsv` by recording; none where there is no such file."""
    if not (out / LOG).exists():
        return {}
    return {row["recording_id"]: row for row in read_tsv(out / LOG, COLUMNS, ()).to_dict("records")}


def _skipped(name: str, why: str) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "n/a") | {"recording_id": name, "status": SKIPPED, "remarks": why}


def _row(recording: Recording) -> dict[str, str]:
    clips, made = recording.clips, recording.metadata["provenance"]
    flagged = [name for name in clips if name.startswith("flag_")]
    flags = {name.removeprefix("flag_").replace("_", " "): int(clips[name].sum()) for name in flagged}
    left_out = made.get("clips_left_out")
    return {
        "recording_id": recording.recording_id, "status": IN, "channel": recording.channel, "clips": str(len(clips)),
        "scored": str(int((clips.stage != NOT_SCORED).sum())), "flagged": _counted(flags),
        # Cohorts of earlier versions hold the number alone.
        "left_out": _counted(left_out) if isinstance(left_out, dict) else "n/a",
        "remarks": "; ".join(made.get("notes", ())) or "n/a",
    }


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in reasons.items() if count) or "none"


def without_names(line: str, files: NightFiles) -> str:
    """A line about files without what may be somebody's name: paths, and what is quoted or in brackets."""
    kinds = {files.psg: "the PSG"} | dict.fromkeys(files.videos, "a video") | dict.fromkeys(files.scorings, "a scoring")
    for path, kind in kinds.items():
        if path is not None:
            line = line.replace(str(path), kind).replace(path.name, kind)
    for folder in sorted({str(parent) for path in files.files for parent in path.parents}, key=len, reverse=True):
        line = line.replace(f"{folder.rstrip('/')}/", "")
    return re.sub(r"\S*[/\\]\S*", "a file", _QUOTED.sub("…", line))


def lines(log: pd.DataFrame, tried: Sequence[NightFiles], faults: Mapping[str, str], before: int) -> list[str]:
    """What became of the nights of an ingest, as a table of text and a line for each that was skipped.

    Parameters
    ----------
    log : DataFrame
        Of `write_log`.
    before : int
        Nights that were in the cohort before.
    """
    names = [files.recording_id for files in tried if files.recording_id not in faults]
    shown = log[log.recording_id.isin(names)].drop(columns="status")
    rows = [[name.replace("_", " ") for name in shown], *shown.to_numpy().tolist()]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    known = [f"{before} night{'s were' if before > 1 else ' was'} in the cohort already"] if before else []
    return [*(table if names else []), *known, *(f"{name}: skipped: {faults[name]}" for name in sorted(faults))]
