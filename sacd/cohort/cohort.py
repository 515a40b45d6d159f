"""An opened cohort and its recordings; arrays are memory-mapped."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import extras
from sacd.cohort.events import read_events
from sacd.cohort.format import (
    CohortInfo,
    Modality,
    check_id,
    flagged,
    hash_file,
    read_clips,
    read_info,
    read_metadata,
    read_participants,
    read_recordings,
)
from sacd.exceptions import SacdError, reading
from sacd.stages import NOT_SCORED


@lru_cache(maxsize=128)
def _memory_map(path: str, mtime_ns: int) -> np.ndarray:
    """Open maps are kept in an LRU: a cohort may hold more recordings than file descriptors."""
    return np.lib.format.open_memmap(path, mode="r")


class Recording:
    """One night of one participant.

    Attributes
    ----------
    recording_id, participant_id : str
    start : str
        Local start time, ISO 8601, or ``"n/a"``.
    channel : str
        Name of the EEG channel or channels.
    path : Path
        Its folder.
    """

    def __init__(self, cohort: "Cohort", row: dict[str, Any]) -> None:
        self.recording_id: str = check_id(row["recording_id"], "recording")
        self.participant_id: str = row["participant_id"]
        self.start: str = row["start"]
        self.channel: str = row["channel"]
        self.path = cohort.path / "recordings" / self.recording_id
        self._info = cohort.info

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Hashes (`hashes`: file name → SHA-256) and provenance, from `recording.json`."""
        return read_metadata(self.path)

    @cached_property
    def clips(self) -> pd.DataFrame:
        """One row a clip: `clip` (index in the night), `onset` (s), `stage`, and optional columns."""
        return read_clips(self.path)

    @cached_property
    def timing_hash(self) -> str:
        """SHA-256 of the clips' numbers: what there is to know of them where the stages are hidden."""
        return hashlib.sha256(self.clips["clip"].to_numpy(dtype=np.int64).tobytes()).hexdigest()

    @cached_property
    def flagged(self) -> np.ndarray:
        """Which clips a quality flag marks (a gap, frozen, damaged …), bool [clips]."""
        return flagged(self.clips).to_numpy(dtype=bool)

    def __len__(self) -> int:
        return len(self.clips)

    def array(self, modality: Modality) -> np.ndarray:
        """Memory-mapped array of one modality, first axis the clips."""
        return self._map(self._file(modality))

    def _file(self, modality: Modality) -> str:
        if modality not in self._info.arrays:
            raise SacdError(f"{self.path}: was filmed without EEG; use a cohort that has it")
        return self._info.arrays[modality]

    def _map(self, name: str) -> np.ndarray:
        path = self.path / name
        with reading(path, "'sacd check' lists all that is wrong with the cohort", "cannot be read as an array"):
            return _memory_map(str(path), path.stat().st_mtime_ns)

    @property
    def video(self) -> np.ndarray:
        """uint8 [clips, frames, height, width] grey, or float32 or (whole nights) float16 [clips, d] features."""
        return self.array("video")

    @property
    def eeg(self) -> np.ndarray:
        """float32 or (whole nights) float16: [clips, channels, samples] µV, or [clips, d] features."""
        return self.array("eeg")

    def has(self, name: str) -> bool:
        """Whether one of the files of `sacd.cohort.extras` belongs to the recording."""
        return self._info.format_version >= extras.FORMAT and name in self.metadata["hashes"]

    @property
    def frame_times(self) -> np.ndarray | None:
        """float64 [clips, frames], s from the recording's start: when each picture was taken; None where unknown."""
        return self._map(extras.FRAME_TIMES) if self.has(extras.FRAME_TIMES) else None

    @property
    def motion(self) -> np.ndarray | None:
        """uint8 [clips, 150, 65], to be read by `sacd.cohort.motion.read_motion`, or None."""
        return self._map(extras.MOTION) if self.has(extras.MOTION) else None

    @property
    def signals(self) -> np.ndarray | None:
        """float16 [clips, channels, samples], or None; `signal_info` says what they are."""
        return self._map(extras.SIGNALS) if self.has(extras.SIGNALS) else None

    @property
    def signal_info(self) -> extras.SignalInfo | None:
        """Channels, units and rate (Hz) of `signals`, or None."""
        return extras.signal_info(self.path / "recording.json", self.metadata) if self.has(extras.SIGNALS) else None

    @cached_property
    def events(self) -> pd.DataFrame | None:
        """Columns onset (s from the recording's start), duration (s), type; None where nobody scored any."""
        return read_events(self.path / extras.EVENTS) if self.has(extras.EVENTS) else None

    @property
    def preview(self) -> Path | None:
        """The video at the camera's full rate, whose time is the recording's, or None."""
        return self.path / extras.PREVIEW if self.has(extras.PREVIEW) else None

    def hash_of(self, modality: Modality) -> str:
        """SHA-256 of one modality's file."""
        name = self._file(modality)
        if name not in self.metadata["hashes"]:
            raise SacdError(f"{self.path / 'recording.json'}: no hash of {name}; ingest the recording again")
        return self.metadata["hashes"][name]


class Cohort:
    """An opened cohort: `info`, `participants` and `recordings` tables, and the recordings themselves."""

    def __init__(self, path: Path, info: CohortInfo, participants: pd.DataFrame, recordings: pd.DataFrame) -> None:
        self.path = path
        self.info = info
        self.participants = participants
        self.recordings = recordings
        self._by_id = {row["recording_id"]: Recording(self, row) for row in recordings.to_dict("records")}

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Cohort":
        """Open a cohort folder. `participants` is indexed by participant_id; unknown numbers are NaN.

        Raises
        ------
        SacdError
            No cohort, a newer format, an index that contradicts itself; `sacd.cohort.check` looks into files too.
        """
        path = Path(path)
        info, participants, recordings = read_info(path), read_participants(path), read_recordings(path)
        for table, name in ((participants, "participant_id"), (recordings, "recording_id")):
            for value in table[name]:
                check_id(value, f"{path}: {name}")
            twice = table[name][table[name].duplicated()]
            if len(twice):
                raise SacdError(f"{path}: {name} {twice.iloc[0]} has several rows; keep one ('sacd check' lists more)")
        stray = recordings.participant_id[~recordings.participant_id.isin(participants.participant_id)]
        if len(stray):
            file = path / "recordings.tsv"
            raise SacdError(f"{file}: participant {stray.iloc[0]} is not in participants.tsv; add the row")
        return cls(path, info, participants.set_index("participant_id"), recordings)

    def __iter__(self) -> Iterator[Recording]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, recording_id: str) -> Recording:
        return self._by_id[recording_id]

    def of(self, participants: Iterable[str]) -> list[Recording]:
        """The recordings of these participants, in the cohort's order."""
        wanted = set(participants)
        return [recording for recording in self if recording.participant_id in wanted]

    def scored(self, with_flagged: bool = False) -> pd.DataFrame:
        """Rows of `participants`: those of whom a clip is scored, one without a quality flag unless `with_flagged`.

        The others can be trained on without labels, and staged; nothing can be learnt or tested by their labels.
        """
        return self.participants[self.participants.index.isin(self._scored[with_flagged])]

    @cached_property
    def _scored(self) -> tuple[set[str], set[str]]:
        """Participants with a scored clip that no flag marks, and with any scored clip."""
        sound, every = set(), set()
        for recording in self:
            scored = recording.clips["stage"].to_numpy() != NOT_SCORED
            every |= {recording.participant_id} if scored.any() else set()
            sound |= {recording.participant_id} if (scored & ~recording.flagged).any() else set()
        return sound, every

    @cached_property
    def has_posterior(self) -> bool:
        """Whether the clips hold what the simulator knew of their stages; nights that went through files do not."""
        return self.info.simulated and any("posterior_W" in recording.clips for recording in islice(self, 1))

    @cached_property
    def clip_counts(self) -> dict[str, int]:
        """Clips of each participant."""
        return self.recordings.groupby("participant_id").clips.sum().to_dict()

    @property
    def summary(self) -> str:
        """One line: the label, how much it holds, and what both networks see where it is not EEG and video."""
        clips, said = int(self.recordings["clips"].sum()), self.info.provenance
        held = f"{self.label}: {len(self.participants)} participants, {len(self)} recordings, {clips:,} clips"
        return "; ".join([held, *(f"the {who} sees {said[who]}" for who in ("teacher", "student") if who in said)])

    @property
    def label(self) -> str:
        """The words every figure carries: the name, and *simulated* where it is."""
        return f"{self.info.name} (simulated)" if self.info.simulated else self.info.name

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the index and the hashes of every recording: changes when anything in the cohort does."""
        digest = hashlib.sha256()
        for file in ("cohort.json", "participants.tsv", "recordings.tsv"):
            digest.update(hash_file(self.path / file).encode())
        for recording in self:
            digest.update(json.dumps([recording.recording_id, recording.metadata["hashes"]], sort_keys=True).encode())
        return digest.hexdigest()
