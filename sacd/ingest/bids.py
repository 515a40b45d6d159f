"""A BIDS data set of sleep EEG, with videos beside it, as nights that `sacd.ingest` takes in like a clinic's.

::

    SOURCE/
      dataset_description.json
      participants.tsv                            participant_id, age, sex [, weight, ahi]; nothing else of it is read
      sub-01/[ses-1/]
        sub-01_ses-1_scans.tsv                    filename, acq_time: of the EEG and of the videos
        eeg/sub-01_ses-1_task-sleep_eeg.edf       or .bdf, .vhdr, .fif
        eeg/sub-01_ses-1_task-sleep_events.tsv    onset, duration, trial_type: stages and events
        ANY/sub-01_ses-1_task-sleep_video.mp4     of any folder and suffix; several are one night's, by name

BIDS knows no video of a sleeper, so a video belongs to the recording of its subject and session whose task, acquisition
and run it does not contradict (Gorgolewski et al. 2016, doi:10.1038/sdata.2016.44; EEG: Pernet et al. 2019,
doi:10.1038/s41597-019-0104-8). ``scans.tsv`` says how long after the EEG it began, whatever the dates were shifted to;
without it a sidecar, its name or the file does (`sacd.ingest.starts`). Stages are those of a file whose suffix is
``hypnogram``, ``scoring`` or ``stages``, several of several scorers, else of ``events.tsv``, else the recording's own
annotations. Videos without EEG are nights of a camera alone.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from mne_bids import BIDSPath, find_matching_paths

from sacd.cohort import Cohort, check_id
from sacd.cohort.format import read_json, read_tsv
from sacd.exceptions import SacdError, reading
from sacd.ingest.layout import NightFiles
from sacd.ingest.many_nights import Source, take_in
from sacd.ingest.options import IngestOptions
from sacd.ingest.psg import PSG_SUFFIXES, read_psg
from sacd.ingest.recording_folder import read_description
from sacd.ingest.scoring import is_scoring
from sacd.ingest.starts import told_starts
from sacd.ingest.video import VIDEO_SUFFIXES
from sacd.progress import Bar

_UNREAD_SUFFIXES = (".set", ".cnt", ".mefd")
_SCORINGS = (("hypnogram", "scoring", "stages"), ("events",))
"""Suffixes of files that may hold stages; the first group that has some counts."""
_SHARED = ("subject", "session")
_TOLD_APART = ("task", "acquisition", "run")
_NUMBERS = ("age", "weight", "ahi")


def is_bids(source: Path) -> bool:
    """Whether `source` says that it is BIDS, or looks like it."""
    file = source / "dataset_description.json"
    subjects = sorted(source.glob("sub-*"))
    if not subjects:
        return False
    if file.is_file():
        content = read_json(file, "correct or remove it")
        if isinstance(content, dict) and "BIDSVersion" in content:
            return True
    return any((entry / "eeg").is_dir() or any(entry.glob("ses-*/eeg")) for entry in subjects)


def read_bids_participants(source: Path) -> dict[str, dict[str, Any]]:
    """Sex, age (years), weight (kg) and AHI of each participant (``sub-01``); None and ``n/a`` where unknown."""
    unknown = {"sex": "n/a", "age": None, "weight": None, "ahi": None}
    people = {check_id(path.name, f"{source}: participant"): dict(unknown) for path in sorted(source.glob("sub-*"))}
    file = source / "participants.tsv"
    if not file.exists():
        return people
    columns = [name for name in read_tsv(file, ("participant_id",), ()).columns if name.lower() in unknown]
    table = read_tsv(file, ("participant_id",), tuple(name for name in columns if name.lower() in _NUMBERS))
    for row in table.to_dict("records"):
        known = {name.lower(): None if pd.isna(row[name]) else row[name] for name in columns}
        name = row["participant_id"]
        people.setdefault(name if name.startswith("sub-") else f"sub-{name}", dict(unknown)).update(known)
    return people


def ingest_bids(
    source: Path, out: Path, options: IngestOptions, progress: Bar | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Cohort:
    """Take the nights of `source` into a raw cohort; see `sacd.ingest.many_nights.take_in`."""
    people, nights = read_bids_participants(source), find_bids_nights(source, options.start_pattern)
    about = read_description(source)
    made = Source(about.name or source.resolve().name, about.simulated, "BIDS")
    return take_in(nights, people, out, options, progress, made, say)


def find_bids_nights(source: Path, start_pattern: str | None = None) -> list[NightFiles]:
    """The nights of a data set, by id (``sub-01_ses-1_task-sleep``).

    Parameters
    ----------
    source : Path
    start_pattern : str, optional
        As in `IngestOptions`, for videos that no ``scans.tsv`` names.

    Raises
    ------
    SacdError
        No EEG and no video, an EEG format that is not read, or a video that fits several recordings.
    """
    files = _named(source)
    unread = [path.fpath for path in files if path.suffix == "eeg" and path.extension in _UNREAD_SUFFIXES]
    if unread:
        raise SacdError(f"{unread[0]}: {unread[0].suffix} is not read; export the EEG as EDF or BrainVision")
    recordings = [path for path in files if path.suffix == "eeg" and path.extension in PSG_SUFFIXES]
    videos = [path for path in files if path.extension in VIDEO_SUFFIXES]
    filmed: dict[Path, list[BIDSPath]] = {}
    alone: dict[str, list[BIDSPath]] = {}
    for video in videos:
        fitting = [path for path in recordings if _agree(video, path)]
        if len(fitting) > 1:
            names = " and ".join(path.fpath.name for path in fitting[:2])
            raise SacdError(f"{video.fpath}: fits {names}; give its name the task, acq and run of its recording")
        if fitting:
            filmed.setdefault(fitting[0].fpath, []).append(video)
        else:
            alone.setdefault(_night_id(video), []).append(video)
    filmed_alone = [(None, group) for group in alone.values()]
    pairs = [*((path, filmed.get(path.fpath, [])) for path in recordings), *filmed_alone]
    nights = [_night(source, psg, group, files, start_pattern) for psg, group in pairs]
    if not nights:
        raise SacdError(f"{source}: neither EEG ({', '.join(PSG_SUFFIXES)}) nor videos of its subjects; add the files")
    ids = [night.recording_id for night in nights]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise SacdError(f"{source}: two recordings with one id, {twice}; give their names an acq or a run")
    return sorted(nights, key=lambda night: night.recording_id)


def _named(source: Path) -> list[BIDSPath]:
    """The files of all subjects whose names say whose they are; an EEG or a video whose name does not is refused."""
    with reading(source, "correct the names of its files", "is not laid out like BIDS"):
        files = find_matching_paths(source, ignore_nosub=True)
    known = {path.fpath for path in files if path.fpath.relative_to(source).parts[0] == f"sub-{path.subject}"}
    for file in sorted(source.glob("sub-*/**/*")):
        data = file.suffix.lower() in (*PSG_SUFFIXES, *VIDEO_SUFFIXES)
        if data and file not in known and not file.name.startswith("."):
            subject = file.relative_to(source).parts[0]
            raise SacdError(f"{file}: not a name of BIDS; write it like {subject}_task-sleep_eeg{file.suffix}")
    return [path for path in files if path.fpath in known]


def _agree(one: BIDSPath, other: BIDSPath) -> bool:
    """Whether two files may be of one night."""
    a, b = one.entities, other.entities
    return all(a[key] == b[key] for key in _SHARED) and all(
        None in (a[key], b[key]) or a[key] == b[key] for key in _TOLD_APART
    )


def _night_id(path: BIDSPath) -> str:
    short = {"subject": "sub", "session": "ses", "task": "task", "acquisition": "acq", "run": "run"}
    return "_".join(f"{short[key]}-{path.entities[key]}" for key in short if path.entities[key] is not None)


def _night(
    source: Path, psg: BIDSPath | None, videos: list[BIDSPath], files: list[BIDSPath], pattern: str | None
) -> NightFiles:
    leader = psg or videos[0]
    name = check_id(_night_id(leader), f"{source}: recording")
    videos = sorted(videos, key=lambda video: video.fpath.name)
    paths = tuple(video.fpath for video in videos)
    starts, where = (), "scans.tsv"
    fault = "" if videos else f"{leader.fpath}: no video of its subject and session; add the file"
    try:
        starts = tuple(_start(source, video, psg) for video in videos)
        if None in starts:
            starts, where = told_starts(paths, "n/a", _scans(source, leader), name, pattern)
    except SacdError as error:
        fault = str(error)
    return NightFiles(
        recording_id=name, participant_id=f"sub-{leader.subject}", psg=None if psg is None else psg.fpath,
        videos=paths, scorings=_scorings(leader, files), video_starts=starts, starts_from=where, fault=fault,
    )


def _scorings(recording: BIDSPath, files: list[BIDSPath]) -> tuple[Path, ...]:
    beside = [path for path in files if _agree(path, recording)]
    for suffixes in _SCORINGS:
        found = [path.fpath for path in beside if path.suffix in suffixes and is_scoring(path.fpath)]
        if found:
            return tuple(sorted(found))
    return ()


def _start(source: Path, video: BIDSPath, psg: BIDSPath | None) -> datetime | None:
    """When a video began by scans.tsv, on the clock of the EEG's own header."""
    times = _acquired(source, video)
    begun = times.get(video.fpath.name)
    if begun is None or psg is None:
        return begun
    # Dates and zones of the table may differ from the header's: what counts is how much later the video began.
    recorded, start = times.get(psg.fpath.name), read_psg(psg.fpath).start
    if recorded is None or start is None:
        return begun
    if (recorded.tzinfo is None) != (begun.tzinfo is None):
        raise SacdError(f"{_scans(source, video)}: acq_time of {video.fpath.name} has a zone, or that of its EEG; "
                        "write both alike")
    return start + (begun - recorded)


def _scans(source: Path, path: BIDSPath) -> Path:
    names = [f"sub-{path.subject}", *([f"ses-{path.session}"] if path.session else [])]
    return source.joinpath(*names, "_".join([*names, "scans.tsv"]))


def _acquired(source: Path, path: BIDSPath) -> dict[str, datetime]:
    """acq_time by file name."""
    file = _scans(source, path)
    if not file.exists():
        return {}
    table = read_tsv(file, ("filename",), ())
    times = {}
    for row in table.to_dict("records"):
        told = row.get("acq_time", "n/a")
        if told != "n/a":
            with reading(file, "write it like 2024-03-01T22:30:00", f"acq_time {told[:40]!r} is not a time"):
                times[row["filename"].rpartition("/")[2]] = datetime.fromisoformat(told)
    return times
