"""How a recording folder is laid out, and which files, participant and video starts each recording has.

::

    SOURCE/
      participants.tsv             participant_id, sex, age, weight, ahi [, split]; n/a where unknown
      recordings.tsv               optional: recording_id [, participant_id] [, video_start] [, offset] [, drift_ppm]
                                   [, region] [, psg_start] [, scoring_start] [, time_zone]
      dataset_description.json     optional: {"Name": ..., "Simulated": true|false}
      REC/                         one folder for each recording; its name is the recording's id
        *.edf|.rec|.bdf|.vhdr|.fif polysomnography; none in a cohort of cameras alone
        *.mp4|.mkv|…               the videos of the night
        VIDEO.json                 optional: {"video_start": ...} of the video of that stem
        *hypnogram.edf|*.txt|…     one scoring of each scorer; without one, the annotations of the PSG are read,
                                   whose events count in any case

A recording may also be files of one stem beside participants.tsv: ``REC.edf``, ``REC.mp4`` (or ``REC_1.mp4``,
``REC_2.mp4``), ``REC-Hypnogram.edf`` or ``REC.txt``. Hidden files and texts that are no scoring are passed over. The
participant is recordings.tsv's, else the longest of participants.tsv that the id is, or begins with before a ``_`` or
``-`` (``P001_1``, ``P001-night2`` → ``P001``). A video begins at `video_start` (ISO 8601; several separated by
commas), else as its sidecar, its name or its container says (`sacd.ingest.starts`); `offset` (s, and ``--offset`` for
all) is added.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from sacd.cohort import check_id
from sacd.cohort.format import PARTICIPANT_COLUMNS, check_participant
from sacd.cohort.privacy import SEXES
from sacd.exceptions import SacdError
from sacd.ingest.box import Box
from sacd.ingest.psg import PSG_SUFFIXES
from sacd.ingest.recordings_table import RECORDINGS, participant_of, read_recordings_table, told_of
from sacd.ingest.scoring import SCORING_SUFFIXES, is_scoring
from sacd.ingest.source_table import read_source_table
from sacd.ingest.stage_names import StageNames
from sacd.ingest.starts import told_starts
from sacd.ingest.video import VIDEO_SUFFIXES

_SCORING_NAME = re.compile(r"[-_. ]?(hypnogram|scoring|stages|staging)([-_. ]?\w{1,12})?$", re.IGNORECASE)
# What may follow a recording's id in the name of one of its videos: a number, a time.
_PART = re.compile(r"[-_. ](video|camera|cam|part|ir)?[-_. \dT]*", re.IGNORECASE)
_TEXTS = (".txt", ".csv", ".tsv")
_MOST = {"age": 130, "weight": 700, "ahi": 360}
"""Years (a year of birth is no age), kg, and events/h of ten seconds each."""
_COMPRESSED = (".gz", ".zip", ".bz2", ".xz", ".7z", ".zst", ".rar")
_KNOWN = (*PSG_SUFFIXES, *VIDEO_SUFFIXES, *SCORING_SUFFIXES)
_TABLES = ("participants.tsv", RECORDINGS, "dataset_description.json")


@dataclass(frozen=True)
class NightFiles:
    """The files of one recording, as a source names them.

    Attributes
    ----------
    psg : Path or None
        None where there was a camera and nothing else.
    videos : tuple of Path
        In the order of their times.
    scorings : tuple of Path
        One for each scorer; none where nobody scored, or the PSG itself holds the stages.
    video_starts : tuple of datetime or None
        When each video began, where its container need not say; with a time zone where one is named, else local.
    offset_s, drift_ppm : float
        Of this recording's video, as in `IngestOptions`.
    region : Box or None
        The part of the picture that is kept.
    psg_start, scoring_start : datetime or None
        When the PSG began, and from when the scorings count, where their files do not say, or say wrong.
    time_zone : str or None
        Of the recorder's clock.
    starts_from : str
        Where `video_starts` were found, for the provenance.
    passed_over : int
        Texts beside the recording that are no scorings.
    fault : str
        One line that says why the night cannot be taken in, where its files already show it.
    """

    recording_id: str
    participant_id: str
    psg: Path | None
    videos: tuple[Path, ...]
    scorings: tuple[Path, ...] = ()
    video_starts: tuple[datetime | None, ...] = ()
    offset_s: float = 0.0
    drift_ppm: float = 0.0
    region: Box | None = None
    psg_start: datetime | None = None
    scoring_start: datetime | None = None
    time_zone: str | None = None
    starts_from: str = "sidecar"
    passed_over: int = 0
    fault: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (*((self.psg,) if self.psg else ()), *self.videos, *self.scorings)


def is_recording_folder(source: Path) -> bool:
    """Whether `source` looks like the layout above."""
    return (source / "participants.tsv").is_file() or any(_grouped(source))


def read_source_participants(source: Path) -> dict[str, dict[str, Any]]:
    """participants.tsv by participant id: sex, age, weight, ahi and split, None where a number is unknown."""
    file = source / "participants.tsv"
    if not file.exists():
        raise SacdError(
            f"{file}: not found; write it: a row for each person under participant_id, sex, age, weight, ahi, "
            "separated by tabs, like 'P001 F 41 63 7.5', n/a where unknown"
        )
    # The split is ours, not the clinic's: it may be left out.
    required = tuple(name for name in PARTICIPANT_COLUMNS if name != "split")
    table = read_source_table(file, required, ("age", "weight", "ahi"))
    twice = table.participant_id[table.participant_id.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: participant {twice.iloc[0]} has several rows; keep one")
    if "split" not in table:
        table["split"] = "n/a"
    people = {}
    for row in table[list(PARTICIPANT_COLUMNS)].to_dict("records"):
        person = check_id(row.pop("participant_id"), f"{file}: participant")
        row = {key: None if pd.isna(value) else value for key, value in row.items()}
        if row["sex"].lower() not in SEXES:
            raise SacdError(f"{file}: participant {person}: sex is a text of its own; write F, M or n/a")
        for name, most in _MOST.items():
            if row[name] is not None and row[name] > most:
                raise SacdError(f"{file}: participant {person}: {name} is {row[name]:g}; correct it, or write n/a")
        check_participant(f"{file}: participant {person}", row["age"], row["weight"], row["ahi"], row["split"])
        people[person] = row
    return people


def _is_psg(file: Path) -> bool:
    return file.suffix.lower() in PSG_SUFFIXES and not is_scoring(file)


def _is_video(file: Path) -> bool:
    return file.suffix.lower() in VIDEO_SUFFIXES


def _why_not(file: Path) -> str:
    """What is wrong with an entry that by its name is a PSG, a video or a scoring, and what to do; else empty."""
    suffix = file.suffix.lower()
    if suffix in _COMPRESSED and Path(file.stem).suffix.lower() in _KNOWN:
        return "compressed; unpack it, and remove it or put it elsewhere"
    if suffix in _KNOWN and not file.exists():
        return "a link to a file that is not here; fetch that, or put the file itself in its place"
    if suffix in (*PSG_SUFFIXES, *VIDEO_SUFFIXES) and not file.is_file():
        return "no file; put the file itself in its place"
    return ""


def _visible(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.iterdir()) if file.name[0] != "." and file.name not in _TABLES]


def _ours(folder: Path, names: StageNames | None) -> list[Path]:
    """PSGs, videos and scorings of a folder, by name, and what should be one."""
    files = _visible(folder)
    return [file for file in files if _why_not(file) or _is_psg(file) or _is_video(file) or is_scoring(file, names)]


def _grouped(source: Path, names: StageNames | None = None) -> dict[str, list[Path]]:
    """Files by recording id; a folder and files of the same id are two recordings with one id."""
    folders = (entry for entry in _visible(source) if entry.is_dir())
    groups = {folder.name: files for folder in folders if (files := _ours(folder, names))}
    beside = _ours(source, names)
    stems = {file.stem for file in beside if _is_psg(file)}
    for file in beside:
        name = _recording_of(file, stems)
        if any(other.parent != source for other in groups.get(name, [])):
            raise SacdError(f"{file}: two recordings with one id, {name}, in a folder and beside it; rename one")
        groups.setdefault(name, []).append(file)
    return groups


def _recording_of(file: Path, stems: set[str]) -> str:
    """The id in the name of a file that lies beside participants.tsv; `stems` are those of the PSGs there."""
    file = file.with_suffix("") if file.suffix.lower() in _COMPRESSED else file
    if file.stem in stems:
        return file.stem
    name = file.stem if _is_video(file) else _SCORING_NAME.sub("", file.stem)
    fitting = [stem for stem in stems if name.startswith(stem) and _PART.fullmatch(name.removeprefix(stem))]
    return max(fitting, key=len) if fitting and _is_video(file) else name


def find_nights(
    source: Path, start_pattern: str | None = None, names: StageNames | None = None
) -> list[NightFiles]:
    """The recordings of a folder, by id; what is wrong with the files of one is its `fault`.

    Parameters
    ----------
    source : Path
    start_pattern : str, optional
        As in `IngestOptions`.
    names : StageNames, optional
        By which scorings are known.

    Raises
    ------
    SacdError
        None at all, or tables that cannot be read.
    """
    participants, table = read_source_participants(source), read_recordings_table(source / RECORDINGS)
    groups = _grouped(source, names)
    absent = sorted(set(table) - set(groups))
    if absent:
        raise SacdError(f"{source / RECORDINGS}: recording {absent[0]} has no files; add them or remove the row")
    if not groups:
        raise SacdError(f"{source}: no recordings; put each into a folder of its own: a PSG, a video and a scoring")
    return [_night(source, name, groups[name], table.get(name, {}), participants, start_pattern) for name in groups]


def _night(
    source: Path, name: str, files: list[Path], row: dict[str, Any], participants: Iterable[str], pattern: str | None
) -> NightFiles:
    check_id(name, f"{source}: recording")
    psgs, videos = [file for file in files if _is_psg(file)], tuple(file for file in files if _is_video(file))
    scorings = tuple(file for file in files if file not in (*psgs, *videos))
    beside = _visible(files[0].parent) if files[0].parent != source else []
    texts = [file for file in beside if file.suffix.lower() in _TEXTS]
    try:
        for file in files:
            if why := _why_not(file):
                raise SacdError(f"{file}: {why}")
        if not videos:
            raise SacdError(
                f"{source}: recording {name} has no video (mp4, mkv, avi and others); add the file, or convert it"
            )
        if len(psgs) > 1:
            names = ", ".join(file.name for file in psgs)
            raise SacdError(f"{source}: two recordings with one id, {name}: more than one PSG ({names}); keep one")
        table = source / RECORDINGS
        starts, where = told_starts(videos, row.get("video_start", "n/a"), table, name, pattern)
        return NightFiles(
            name, participant_of(table, name, row, participants), psgs[0] if psgs else None, videos, scorings, starts,
            starts_from=where, passed_over=sum(file not in scorings for file in texts), **told_of(table, name, row),
        )
    except SacdError as error:
        return NightFiles(name, "n/a", psgs[0] if psgs else None, videos, scorings, fault=str(error))
