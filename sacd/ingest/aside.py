"""Nights that lie whole aside until they join the cohort, under names that say what they were made of."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from sacd.cohort import CohortInfo
from sacd.cohort.writer import write_recording
from sacd.exceptions import SacdError
from sacd.ingest.night import read_night
from sacd.ingest.opened import OpenNight
from sacd.ingest.options import IngestOptions


def digest(night: OpenNight, channels: tuple[str, ...], options: IngestOptions) -> str:
    """What a night is made of: the same for the same files, read in the same way."""
    made = [field.name for field in fields(options) if field.name not in ("keep_going", "processes")]
    files = [*night.files.files, *((options.stage_names,) if options.stage_names else ())]
    stamps = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    parts = [repr(night.files), repr(channels), repr(stamps), *(repr(getattr(options, name)) for name in made)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def clear(aside: Path, wanted: set[Path]) -> None:
    """Remove what a killed ingest left, but for whole nights that are still wanted."""
    for entry in aside.iterdir():
        # One that was killed between the move of a night and its row in the index left the night's shell.
        if entry not in wanted or not (entry / "recording").is_dir():
            shutil.rmtree(entry, ignore_errors=True)


def _unfinished(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}")


def share(folder: Path, clips: int) -> float:
    """How much of a night is read, by what its worker wrote down."""
    try:
        return int((_unfinished(folder) / "clips").read_text()) / clips
    except (OSError, ValueError):
        return float(folder.exists())


def write_aside(
    night: OpenNight, info: CohortInfo, channels: tuple[str, ...], options: IngestOptions, folder: Path,
    tell: Callable[[int], None] | None = None,
) -> None:
    """Read a night into a folder that has its name when it is whole."""
    if folder.exists():
        return
    work = _unfinished(folder)
    try:
        shutil.rmtree(work, ignore_errors=True)
        (work / "scratch").mkdir(parents=True)
        read = read_night(
            night, channels, options, work / "scratch",
            tell or (lambda clips: (work / "clips").write_text(str(clips)) and None),
        )
        write_recording(
            work / "recording", info, night.files.recording_id, read.clips, read.video, read.eeg, read.provenance,
            read.extras,
        )
        row = {"clips": len(read.clips), "start": read.start, "channel": read.channel}
        (work / "row.json").write_text(json.dumps(row), encoding="utf-8")
        shutil.rmtree(work / "scratch")
        work.rename(folder)
    except OSError as error:
        raise SacdError(
            f"{folder.parent.parent}: recording {night.files.recording_id} could not be written "
            f"({error.strerror or error}); free space or name another folder, nothing was half-written"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
