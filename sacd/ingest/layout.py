"""How a recording folder is laid out, and which files, participant and video start each recording has.

::

    SOURCE/
      participants.tsv             participant_id, sex, age, weight, ahi [, split]; n/a where unknown
      recordings.tsv               optional: recording_id [, participant_id] [, video_start] [, offset]
      dataset_description.json     optional: {"Name": ..., "Simulated": true|false}
      REC/                         one folder for each recording; its name is the recording's id
        *.edf                      EDF or EDF+ with an EEG channel
        *.mp4|.mkv|.avi|.webm|.mov the video
        *hypnogram.edf|*.txt|*.csv the scoring; without one, the annotations of the EDF+ are read

A recording may also be files of one stem beside participants.tsv: ``REC.edf``, ``REC.mp4``, ``REC-Hypnogram.edf`` or
``REC.txt``. The participant is recordings.tsv's, else the id itself, else what comes before its last ``_``
(``P001_1`` → ``P001``). The video begins at `video_start` (ISO 8601, local), else at the container's creation time;
`offset` (s, and ``--offset`` for all) is added. A text scoring has one stage a line, or the columns onset, duration
(s from the start of the EDF) and stage.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sacd.cohort import check_id
from sacd.cohort.format import PARTICIPANT_COLUMNS, read_tsv
from sacd.exceptions import SacdError
from sacd.ingest.video import Video

if TYPE_CHECKING:
    from sacd.ingest.region import Box

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".webm", ".mov")
TEXT_SUFFIXES = (".txt", ".csv")
_HYPNOGRAM = re.compile(r"[-_. ]?hypnogram$", re.IGNORECASE)


@dataclass(frozen=True)
class NightFiles:
    """What a source has of one night; `video_starts` are local times, None where the file itself must say."""

    recording_id: str
    participant_id: str
    psg: Path | None
    videos: tuple[Path, ...]
    scorings: tuple[Path, ...]
    video_starts: tuple[datetime | None, ...]
    offset_s: float = 0
    drift_ppm: float = 0
    region: "Box | None" = None


@dataclass(frozen=True)
class Files:
    """The files of one recording."""

    recording_id: str
    psg: Path
    video: Path
    scoring: Path


def is_recording_folder(source: Path) -> bool:
    """Whether `source` looks like the layout above."""
    return (source / "participants.tsv").is_file() or any(_grouped(source))


def read_source_participants(source: Path) -> dict[str, dict[str, Any]]:
    """participants.tsv by participant id: sex, age, weight, ahi and split, None where a number is unknown."""
    file = source / "participants.tsv"
    # The split is ours, not the clinic's: it may be left out.
    required = tuple(name for name in PARTICIPANT_COLUMNS if name != "split")
    table = read_tsv(file, required, ("age", "weight", "ahi"))
    twice = table.participant_id[table.participant_id.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: participant {twice.iloc[0]} has several rows; keep one")
    if "split" not in table:
        table["split"] = "n/a"
    rows = {row.pop("participant_id"): row for row in table[list(PARTICIPANT_COLUMNS)].to_dict("records")}
    return {
        check_id(key, f"{file}: participant"): {k: None if pd.isna(v) else v for k, v in row.items()}
        for key, row in rows.items()
    }


def _grouped(source: Path) -> dict[str, list[Path]]:
    """Files by recording id; a folder and files of the same id are two recordings with one id."""
    groups: dict[str, list[Path]] = {}
    kinds = (".edf", *VIDEO_SUFFIXES, *TEXT_SUFFIXES)
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            files = [file for file in sorted(entry.iterdir()) if file.suffix.lower() in kinds]
            if files:
                groups[entry.name] = files
    for entry in sorted(source.iterdir()):
        if entry.is_file() and entry.suffix.lower() in kinds:
            name = _HYPNOGRAM.sub("", entry.stem)
            if any(file.parent != source for file in groups.get(name, [])):
                raise SacdError(f"{entry}: two recordings with one id, {name}, in a folder and beside it; rename one")
            groups.setdefault(name, []).append(entry)
    return groups


def find_recordings(source: Path) -> list[Files]:
    """The recordings of a folder, by name.

    Raises
    ------
    SacdError
        None at all, a recording without EDF or video, or with two of a kind.
    """
    found = []
    for name, files in _grouped(source).items():
        check_id(name, f"{source}: recording")
        hypnograms = [file for file in files if _is_scoring(file)]
        psgs = [file for file in files if file.suffix.lower() == ".edf" and file not in hypnograms]
        videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        psg = _only(psgs, source, name, "EDF recording")
        video = _only(videos, source, name, "video")
        found.append(Files(name, psg, video, _only(hypnograms, source, name, "scoring") if hypnograms else psg))
    if not found:
        raise SacdError(f"{source}: no recordings; put each into a folder of its own: an EDF, a video and a scoring")
    return found


def _is_scoring(file: Path) -> bool:
    return file.suffix.lower() in TEXT_SUFFIXES or (
        file.suffix.lower() == ".edf" and _HYPNOGRAM.search(file.stem) is not None
    )


def _only(files: list[Path], source: Path, name: str, what: str) -> Path:
    if not files:
        raise SacdError(f"{source}: recording {name} has no {what}; add the file")
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise SacdError(f"{source}: two recordings with one id, {name}: more than one {what} ({names}); keep one")
    return files[0]


def read_recordings_table(source: Path) -> dict[str, dict[str, Any]]:
    """recordings.tsv by recording id; empty without the file."""
    file = source / "recordings.tsv"
    if not file.exists():
        return {}
    table = read_tsv(file, ("recording_id",), ())
    twice = table.recording_id[table.recording_id.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: two recordings with one id, {twice.iloc[0]}; give each an id of its own")
    if "offset" in table:
        table = read_tsv(file, ("recording_id",), ("offset",))
    return {row["recording_id"]: row for row in table.to_dict("records")}


def participant_of(source: Path, recording: str, row: dict[str, Any], participants: Iterable[str]) -> str:
    """Whose recording it is; `row` is the recording's in recordings.tsv."""
    named = row.get("participant_id", "n/a")
    candidates = [named] if named != "n/a" else [recording, recording.rpartition("_")[0]]
    for name in candidates:
        if name in participants:
            return name
    wanted = candidates[0]
    raise SacdError(
        f"{source / 'participants.tsv'}: recording {recording}: no participant {wanted}; "
        "add the row, or name the participant in recordings.tsv"
    )


def video_start(source: Path, files: Files, row: dict[str, Any], video: Video) -> datetime:
    """When the video began by recordings.tsv, else by its container."""
    told = row.get("video_start", "n/a")
    if told != "n/a":
        try:
            return datetime.fromisoformat(told).replace(tzinfo=None)
        except ValueError:
            raise SacdError(
                f"{source / 'recordings.tsv'}: recording {files.recording_id}: video_start {told!r} is not a time; "
                "write it like 2024-03-01T22:30:00"
            ) from None
    if video.start is None:
        raise SacdError(
            f"{files.video}: the video does not say when it began; "
            f"write video_start of recording {files.recording_id} into {source / 'recordings.tsv'}"
        )
    return video.start
