"""Writes cohorts: a recording is written aside and renamed when whole; the index files are replaced atomically.

An interrupted writer leaves the previous cohort intact, or no cohort at all.
"""

import json
import os
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort.check import recording_faults
from sacd.cohort.extras import FORMAT, Extras
from sacd.cohort.format import (
    PARTICIPANT_COLUMNS,
    RECORDING_COLUMNS,
    CohortInfo,
    check_id,
    check_participant,
    hash_file,
    read_info,
    read_participants,
    read_recordings,
)
from sacd.exceptions import SacdError, first_line
from sacd.replacing import replacing

INDEX_FILES = ("participants.tsv", "recordings.tsv", "cohort.json")


def write_atomically(file: Path, text: str) -> None:
    """Replace a text file by another as a whole; an interrupted writer leaves what was there."""
    with replacing(file) as aside, open(aside, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _is_leftover(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed writer left of a cohort that never came to be."""
    if any(entry.name not in ("recordings", *INDEX_FILES) and entry.name[0] != "." for entry in folder.iterdir()):
        return False
    recordings = folder / "recordings"
    entries = list(recordings.iterdir()) if recordings.is_dir() else []
    return all(entry.name[0] == "." or (entry / "recording.json").is_file() for entry in entries)


def _unwritten(target: Path, error: OSError) -> SacdError:
    return SacdError(
        f"{target}: could not be written ({error.strerror or first_line(error)}); "
        "free space or name another folder, nothing was half-written"
    )


def write_recording(
    folder: Path, info: CohortInfo, recording_id: str, clips: pd.DataFrame, video: np.ndarray, eeg: np.ndarray | None,
    provenance: dict[str, Any] | None = None, extras: Extras | None = None,
) -> None:
    """Write the files of one recording into a new folder, for `CohortWriter.adopt`, and check them.

    Parameters as in `CohortWriter.add_recording`.

    Raises
    ------
    SacdError
        It is not as `info` says, or cannot be written.
    """
    given, extras = {"video": video, "eeg": eeg}, extras or Extras()
    if extras.files and info.format_version < FORMAT:
        raise SacdError(
            f"recording {recording_id}: the cohort is of format {info.format_version}, which has no "
            f"{extras.files[0]}; write to another folder"
        )
    try:
        folder.mkdir()
        for name, file in info.arrays.items():
            np.save(folder / file, given[name], allow_pickle=False)
        clips.reset_index(drop=True).to_parquet(folder / "clips.parquet", index=False)
        about = extras.write(folder)
        hashes = {file.name: hash_file(file) for file in sorted(folder.iterdir())}
        metadata = {"recording_id": recording_id, "hashes": hashes, **about, "provenance": provenance or {}}
        (folder / "recording.json").write_text(json.dumps(metadata, indent=1), encoding="utf-8")
        faults = recording_faults(folder, info, len(clips))
    except OSError as error:
        raise _unwritten(folder, error) from None
    if faults:
        fault = faults[0].removeprefix(f"{folder}{os.sep}")
        raise SacdError(f"recording {recording_id}: {fault}; nothing was written")


class CohortWriter:
    """Makes a cohort or adds to one; each recording is on disk, whole, before the index names it.

    Use as a context manager. A writer that fails takes back the recordings it has not committed, and leaves no folder
    behind where there was no cohort before; what a killed writer left is written over. One writer at a time.

    Parameters
    ----------
    path : path
        The cohort's folder; made if absent. If it holds a cohort, its `info` must agree with `info`.
    info : CohortInfo
    """

    def __init__(self, path: str | os.PathLike[str], info: CohortInfo) -> None:
        self.path = Path(path)
        self.info = info
        self._created = not self.path.exists()
        if (self.path / "cohort.json").exists():
            present = read_info(self.path)
            for field in ("source_id", "simulated", "video", "eeg", "sampling"):
                if getattr(present, field) != getattr(info, field):
                    raise SacdError(
                        f"{self.path / 'cohort.json'}: {field} is {getattr(present, field)!r}, "
                        f"the new recordings have {getattr(info, field)!r}; write to another folder"
                    )
            self.info = present
            self.participants = read_participants(self.path)
            self.recordings = read_recordings(self.path)
        elif self.path.exists() and not (self.path.is_dir() and _is_leftover(self.path)):
            raise SacdError(f"{self.path}: exists and is not a cohort; name a new or empty folder")
        else:
            self.participants = pd.DataFrame(columns=list(PARTICIPANT_COLUMNS))
            self.recordings = pd.DataFrame(columns=list(RECORDING_COLUMNS))
        self._recordings_folder = self.path / "recordings"
        self._uncommitted: list[Path] = []

    def __enter__(self) -> "CohortWriter":
        try:
            self._recordings_folder.mkdir(parents=True, exist_ok=True)
            for left in self._recordings_folder.glob(".aside-*"):  # a killed writer's
                shutil.rmtree(left)
            for left in chain(*(self.path.glob(f".{name}-*") for name in INDEX_FILES)):
                left.unlink()
        except OSError as error:
            raise SacdError(f"{self.path}: cannot be written ({error.strerror}); name another folder") from None
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self._take_back()

    def _take_back(self) -> None:
        for folder in self._uncommitted:
            shutil.rmtree(folder, ignore_errors=True)
        if not (self.path / "cohort.json").exists():
            shutil.rmtree(self.path if self._created else self._recordings_folder, ignore_errors=True)
            for name in INDEX_FILES:
                (self.path / name).unlink(missing_ok=True)

    def add_participant(
        self, participant_id: str, sex: str = "n/a", age: float | None = None, weight: float | None = None,
        ahi: float | None = None, split: str = "n/a",
    ) -> None:
        """Add a participant (age in years, weight in kg, ahi in events/h, None = unknown).

        An existing participant is left as it is; a different split is refused, for a participant never changes split.
        """
        check_id(participant_id, "participant")
        check_participant(f"participant {participant_id}", age, weight, ahi, split)
        known = self.participants.loc[self.participants.participant_id == participant_id, "split"]
        if len(known):
            if known.iloc[0] != split:
                raise SacdError(
                    f"participant {participant_id}: is in split {known.iloc[0]}, cannot move to {split}; keep the split"
                )
            return
        row = {"participant_id": participant_id, "sex": sex, "age": age, "weight": weight, "ahi": ahi, "split": split}
        self.participants = pd.DataFrame([*self.participants.to_dict("records"), row])

    def add_recording(
        self, recording_id: str, participant_id: str, clips: pd.DataFrame, video: np.ndarray, eeg: np.ndarray | None,
        start: str = "n/a", channel: str = "n/a", provenance: dict[str, Any] | None = None,
        extras: Extras | None = None, commit: bool = True,
    ) -> None:
        """Write one recording aside, rename it when whole, and (with `commit`) renew the index.

        Parameters
        ----------
        clips : DataFrame
            At least `clip` (int), `onset` (s) and `stage` (int, −1 not scored), a row a clip.
        video, eeg : ndarray
            Raw or features as `info` says; see `Recording.video` and `Recording.eeg`. Memory maps are welcome. No EEG
            where the cohort has none.
        extras : Extras, optional
            What else there is of it; a cohort of format 1 takes none.
        """
        self._refuse(recording_id, participant_id)
        aside = self._recordings_folder / f".aside-{recording_id}-{os.getpid()}"
        try:
            write_recording(aside, self.info, recording_id, clips, video, eeg, provenance, extras)
            self.adopt(aside, recording_id, participant_id, len(clips), start, channel, commit)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def adopt(
        self, folder: Path, recording_id: str, participant_id: str, clips: int, start: str = "n/a",
        channel: str = "n/a", commit: bool = True,
    ) -> None:
        """Take in a recording that `write_recording` wrote on the same disk: its folder is moved into the cohort."""
        self._refuse(recording_id, participant_id)
        target = self._recordings_folder / recording_id
        try:
            if target.exists():  # no row names it: a killed writer's
                shutil.rmtree(target)
            os.replace(folder, target)
        except OSError as error:
            raise _unwritten(target, error) from None
        self._uncommitted.append(target)
        row = {
            "recording_id": recording_id, "participant_id": participant_id, "start": start, "channel": channel,
            "clips": clips,
        }
        self.recordings = pd.DataFrame([*self.recordings.to_dict("records"), row])
        if commit:
            self.commit()

    def _refuse(self, recording_id: str, participant_id: str) -> None:
        check_id(recording_id, "recording")
        if participant_id not in set(self.participants.participant_id):
            raise SacdError(f"recording {recording_id}: no participant {participant_id} in the cohort; add it first")
        if recording_id in set(self.recordings.recording_id):
            raise SacdError(f"recording {recording_id}: is already in {self.path}; two recordings cannot share an id")

    def commit(self) -> None:
        """Replace the index files, each atomically; `cohort.json` comes last, so a new cohort is whole or absent."""
        contents = (
            self.participants.to_csv(sep="\t", index=False, na_rep="n/a"),
            self.recordings.to_csv(sep="\t", index=False),
            self.info.model_dump_json(indent=1),
        )
        try:
            for name, text in zip(INDEX_FILES, contents, strict=True):
                write_atomically(self.path / name, text)
        except OSError as error:
            reason = error.strerror or first_line(error)
            raise SacdError(f"{self.path}: index not written ({reason}); free space and repeat") from None
        self._uncommitted.clear()
