"""Validates a cohort completely: every fault, one line each, not only the first (`sacd check`)."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from sacd.cohort import extras
from sacd.cohort.format import (
    ID_PATTERN,
    SPLITS,
    CohortInfo,
    hash_file,
    read_clips,
    read_info,
    read_metadata,
    read_participants,
    read_recordings,
)
from sacd.exceptions import SacdError, reading
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES

_CHUNK = 256


def check(path: Path, progress: Callable[[str], None] | None = None) -> list[str]:
    """All faults of a cohort.

    Parameters
    ----------
    path : Path
        The cohort's folder.
    progress : callable, optional
        Called with each recording id before it is read.

    Returns
    -------
    list of str
        One line a fault, with the file's name; empty when the cohort is sound.
    """
    path = Path(path)
    try:
        info = read_info(path)
    except SacdError as error:
        return [str(error)]
    faults: list[str] = []
    tables: list[pd.DataFrame | None] = []
    for read in (read_participants, read_recordings):
        try:
            tables.append(read(path))
        except SacdError as error:
            faults.append(str(error))
            tables.append(None)
    participants, recordings = tables
    if participants is not None:
        faults += _participant_faults(path / "participants.tsv", participants)
    if recordings is None:
        return faults
    known = None if participants is None else set(participants.participant_id)
    faults += _index_faults(path, recordings, known)
    for row in recordings.drop_duplicates("recording_id").to_dict("records"):
        if not ID_PATTERN.fullmatch(row["recording_id"]):
            continue
        if progress:
            progress(row["recording_id"])
        faults += recording_faults(path / "recordings" / row["recording_id"], info, row["clips"])
    return faults


def _participant_faults(file: Path, table: pd.DataFrame) -> list[str]:
    faults = []
    for participant, rows in table.groupby("participant_id", sort=False):
        if not ID_PATTERN.fullmatch(participant):
            faults.append(f"{file}: participant {participant!r} is not a valid id; use A–Z a–z 0–9 _ -")
        splits = sorted(set(rows["split"]))
        for split in splits:
            if split not in (*SPLITS, "n/a"):
                known = ", ".join(SPLITS)
                faults.append(f"{file}: participant {participant}: split {split!r} is unknown; use {known} or n/a")
        if len(splits) > 1:
            names = ", ".join(splits)
            faults.append(f"{file}: participant {participant} is in {len(splits)} splits ({names}); keep one")
        elif len(rows) > 1:
            faults.append(f"{file}: participant {participant} has {len(rows)} rows; keep one")
        for name in ("age", "weight", "ahi"):
            if (rows[name] < 0).any():
                faults.append(f"{file}: participant {participant}: {name} is negative; correct it or write n/a")
    return faults


def _index_faults(path: Path, recordings: pd.DataFrame, participants: set[str] | None) -> list[str]:
    file = path / "recordings.tsv"
    faults = []
    for recording, rows in recordings.groupby("recording_id", sort=False):
        if not ID_PATTERN.fullmatch(recording):
            faults.append(f"{file}: recording {recording!r} is not a valid id; use A–Z a–z 0–9 _ -")
        if len(rows) > 1:
            faults.append(f"{file}: recording {recording} has {len(rows)} rows; keep one")
        for participant in set(rows["participant_id"]):
            if participants is not None and participant not in participants:
                faults.append(
                    f"{file}: recording {recording}: participant {participant} is not in participants.tsv; add it"
                )
    folder = path / "recordings"
    if folder.is_dir():
        known = set(recordings.recording_id)
        for extra in sorted(entry.name for entry in folder.iterdir()):
            if extra not in known and not extra.startswith("."):
                faults.append(f"{folder / extra}: is not in recordings.tsv; add its row or remove the folder")
    return faults


def recording_faults(folder: Path, info: CohortInfo, clips: int) -> list[str]:
    """All faults of one recording's folder.

    Parameters
    ----------
    folder : Path
        Holds `recording.json`, `clips.parquet` and the arrays.
    info : CohortInfo
        What `cohort.json` promises about shapes and kinds.
    clips : int
        Number of clips that the index promises.
    """
    if not folder.is_dir():
        return [f"{folder}: the recording's folder is missing; restore it or remove its row"]
    faults: list[str] = []
    try:
        metadata = read_metadata(folder)
    except SacdError as error:
        metadata, faults = {"hashes": {}}, [str(error)]
    hashes = metadata["hashes"]
    needed = ["clips.parquet", *info.arrays.values()]
    needed += [name for name in extras.FILES if (folder / name).exists()]
    for name in sorted({*needed, *hashes}):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            faults.append(f"{folder / 'recording.json'}: {name!r} is not a file name; correct it")
        elif not (folder / name).is_file():
            faults.append(f"{folder / name}: file is missing; restore it or ingest the recording again")
        elif name not in hashes:
            faults.append(f"{folder / 'recording.json'}: no hash of {name}; ingest the recording again")
        else:
            faults += _hash_faults(folder / name, hashes[name])
    if (folder / "clips.parquet").is_file():
        faults += _clip_faults(folder, clips)
    specs = {file: _array_spec(name, info) for name, file in info.arrays.items()}
    if info.format_version >= extras.FORMAT:
        more, untold = extras.array_specs(folder, info, metadata)
        specs |= more
        faults += untold + extras.content_faults(folder)
    for name, (dtypes, rest) in specs.items():
        if (folder / name).is_file():
            found = _array_faults(folder / name, dtypes, rest, clips)
            faults += found or (extras.order_faults(folder / name) if name == extras.FRAME_TIMES else [])
    return faults


def _hash_faults(file: Path, expected: str) -> list[str]:
    try:
        with reading(file, "correct its permissions"):
            changed = hash_file(file) != expected
    except SacdError as error:
        return [str(error)]
    return [f"{file}: changed since it was written (hash differs); restore it or ingest again"] if changed else []


def _clip_faults(folder: Path, clips: int) -> list[str]:
    file = folder / "clips.parquet"
    try:
        table = read_clips(folder)
    except SacdError as error:
        return [str(error)]
    faults = []
    if len(table) != clips:
        faults.append(f"{file}: {len(table)} clips, recordings.tsv says {clips}; correct the row or ingest again")
    bad = table.stage[~table.stage.between(NOT_SCORED, len(STAGES) - 1)]
    if len(bad):
        faults.append(
            f"{file}: stage code {bad.iloc[0]} at clip {table['clip'][bad.index[0]]} is out of range "
            f"({len(bad)} such); use −1 (not scored) to {len(STAGES) - 1}"
        )
    if (np.diff(table["clip"].to_numpy()) <= 0).any() or (table["clip"] < 0).any():
        faults.append(f"{file}: column clip does not rise from row to row; sort the clips by time")
    if not np.isfinite(table.onset.to_numpy(dtype=float)).all():
        faults.append(f"{file}: column onset has values that are not finite; write seconds from the recording's start")
    return faults


def _array_spec(modality: str, info: CohortInfo) -> extras.ArraySpec:
    sampling, raw = info.sampling, getattr(info, modality) == "raw"
    dtypes = (np.float32,) if info.format_version < extras.FORMAT else (np.float32, np.float16)
    if modality == "video" and raw:
        return (np.uint8,), (sampling.frames, sampling.height, sampling.width)
    if raw:
        samples = None if sampling.eeg_hz is None else round(CLIP_SECONDS * sampling.eeg_hz)
        return dtypes, (len(sampling.eeg_channels) or None, samples)
    return dtypes, (len(getattr(sampling, f"{modality}_features")) or None,)


def _array_faults(file: Path, dtypes: tuple[type, ...], rest: tuple[int | None, ...], clips: int) -> list[str]:
    try:
        with reading(file, "ingest the recording again", "cannot be read as an array"):
            array = np.lib.format.open_memmap(file, mode="r")
    except SacdError as error:
        return [str(error)]
    faults = []
    if array.dtype not in dtypes:
        wanted = " or ".join(np.dtype(dtype).name for dtype in dtypes)
        faults.append(f"{file}: dtype is {array.dtype}, must be {wanted}; ingest the recording again")
    fits = all(want in (None, got) for want, got in zip(rest, array.shape[1:], strict=False))
    if array.ndim != 1 + len(rest) or not fits:
        shape = ", ".join("any" if size is None else str(size) for size in rest)
        faults.append(f"{file}: shape is {array.shape}, must be (clips, {shape}); ingest the recording again")
    if array.ndim and len(array) != clips:
        faults.append(f"{file}: {len(array)} clips, recordings.tsv says {clips}; all modalities need the same clips")
    if array.ndim and np.issubdtype(array.dtype, np.floating):
        for first in range(0, len(array), _CHUNK):
            finite = np.isfinite(array[first : first + _CHUNK])
            if not finite.all():
                where = first + int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))
                faults.append(f"{file}: NaN or infinite value in row {where}; repair or leave out the clip")
                break
    return faults
