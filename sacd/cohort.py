"""The cohort on disk: recordings that belong together, opened and iterated (DESIGN: "A cohort on disk").

`sacd.check` validates a cohort, `sacd.writer` makes one or lets it grow.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sacd.errors import SacdError

FORMAT_VERSION = 1
ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
SPLITS = ("train", "validation", "test")
PARTICIPANT_COLUMNS = ("participant_id", "sex", "age", "weight", "ahi", "split")
RECORDING_COLUMNS = ("recording_id", "participant_id", "start", "channel", "clips")
MODALITIES = ("video", "eeg")
ARRAY_NAMES = {
    ("video", "raw"): "video.npy",
    ("video", "features"): "video_features.npy",
    ("eeg", "raw"): "eeg.npy",
    ("eeg", "features"): "eeg_features.npy",
}
Modality = Literal["video", "eeg"]
Kind = Literal["raw", "features"]


class Sampling(BaseModel):
    """How the clips were cut. `eeg_hz` in Hz, `span_s` (seconds of the clip the frames spread over) in s."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eeg_hz: float | None = None
    eeg_channels: tuple[str, ...] = ()
    frames: int | None = None
    span_s: float | None = None
    height: int | None = None
    width: int | None = None
    video_features: tuple[str, ...] = ()
    eeg_features: tuple[str, ...] = ()


class CohortInfo(BaseModel):
    """The content of `cohort.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(default=FORMAT_VERSION, ge=1)
    name: str
    simulated: bool
    source_id: str
    video: Kind
    eeg: Kind
    sampling: Sampling
    provenance: dict[str, Any] = {}


def check_id(value: str, what: str) -> str:
    """Return `value` if it may become a file name, else raise `SacdError`."""
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        raise SacdError(f"{what} {value!r} is not a valid id: use 1–64 of A–Z a–z 0–9 _ -")
    return value


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@lru_cache(maxsize=128)
def _memory_map(path: str, mtime_ns: int) -> np.ndarray:
    """Open maps are kept in an LRU: a cohort may hold more recordings than file descriptors."""
    return np.lib.format.open_memmap(path, mode="r")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turns a missing or broken file of a recording into one line for people."""
    try:
        yield
    except FileNotFoundError:
        raise SacdError(f"{file}: file is missing; 'sacd check' lists all that is wrong with the cohort") from None
    except (OSError, ValueError) as error:
        raise SacdError(f"{file}: cannot be read ({first_line(error)}); 'sacd check' lists all that is wrong") from None


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
        file = self.path / "recording.json"
        with _readable(file):
            return json.loads(file.read_text(encoding="utf-8"))

    @cached_property
    def clips(self) -> pd.DataFrame:
        """One row a clip: `clip` (index in the night), `onset` (s), `stage`, and optional columns."""
        file = self.path / "clips.parquet"
        with _readable(file):
            return pd.read_parquet(file)

    @cached_property
    def timing_hash(self) -> str:
        """SHA-256 of the clips' numbers: what there is to know of them where the stages are hidden."""
        return hashlib.sha256(self.clips["clip"].to_numpy(dtype=np.int64).tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.clips)

    def array(self, modality: Modality) -> np.ndarray:
        """Memory-mapped array of one modality, first axis the clips."""
        path = self.path / ARRAY_NAMES[modality, getattr(self._info, modality)]
        with _readable(path):
            return _memory_map(str(path), path.stat().st_mtime_ns)

    @property
    def video(self) -> np.ndarray:
        """uint8 [clips, frames, height, width] grey, or float32 [clips, d] features."""
        return self.array("video")

    @property
    def eeg(self) -> np.ndarray:
        """float32 [clips, channels, samples] µV, or float32 [clips, d] features."""
        return self.array("eeg")

    def hash_of(self, modality: Modality) -> str:
        """SHA-256 of one modality's file."""
        return self.metadata["hashes"][ARRAY_NAMES[modality, getattr(self._info, modality)]]


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
            No cohort, a newer format, or an index that contradicts itself. `sacd.check` looks into the files too.
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

    @property
    def summary(self) -> str:
        """One line: the label and how much it holds."""
        clips = int(self.recordings["clips"].sum())
        return f"{self.label}: {len(self.participants)} participants, {len(self)} recordings, {clips:,} clips"

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


def read_info(path: Path) -> CohortInfo:
    """Read and validate `cohort.json`."""
    file = path / "cohort.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise SacdError(
            f"{file}: not found; {path} is not a cohort (make one with 'sacd simulate' or 'sacd ingest')"
        ) from None
    except OSError as error:
        raise SacdError(f"{file}: cannot be read ({error.strerror}); correct its permissions") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SacdError(f"{file}: not valid JSON ({error}); restore it or ingest again") from None
    version = raw.get("format_version", 1) if isinstance(raw, dict) else 1
    # Checked before the fields: a newer format may have fields that this version does not know.
    if not isinstance(version, int):
        raise SacdError(f"{file}: format version {version!r} is not a whole number; restore it or ingest again")
    if version > FORMAT_VERSION:
        raise SacdError(f"{file}: format version {version} is newer than {FORMAT_VERSION}; upgrade sacd")
    try:
        return CohortInfo.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise SacdError(f"{file}: {where}: {first['msg']}; correct the field") from None


def read_tsv(file: Path, required: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    """Read a tab-separated table: text where ``n/a`` is a value, the `numeric` columns as float with NaN for it."""
    try:
        # utf-8-sig: spreadsheets begin their files with a byte-order mark.
        table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig").fillna("n/a")
    except FileNotFoundError:
        raise SacdError(f"{file}: not found; restore it or ingest again") from None
    except OSError as error:
        raise SacdError(f"{file}: cannot be read ({error.strerror}); correct its permissions") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise SacdError(f"{file}: not a tab-separated table ({error}); correct it") from None
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise SacdError(
            f"{file}: no column {', '.join(missing)} (found {', '.join(table.columns)}); add it, with n/a where unknown"
        )
    for name in numeric:
        values = table[name].str.strip()
        number = pd.to_numeric(values.replace({"n/a": "nan", "": "nan"}), errors="coerce").astype(float)
        bad = ~np.isfinite(number) & ~values.isin(["n/a", "", "nan"])
        if bad.any():
            raise SacdError(f"{file}: column {name}: {values[bad].iloc[0]!r} is not a number; use a number or n/a")
        table[name] = number
    return table


def read_participants(path: Path) -> pd.DataFrame:
    """`participants.tsv`: age in years, weight in kg, ahi in events/h; NaN where ``n/a``."""
    return read_tsv(path / "participants.tsv", PARTICIPANT_COLUMNS, ("age", "weight", "ahi"))


def read_recordings(path: Path) -> pd.DataFrame:
    """`recordings.tsv`, `clips` as integer."""
    table = read_tsv(path / "recordings.tsv", RECORDING_COLUMNS, ("clips",))
    if table["clips"].isna().any() or (table["clips"] % 1 != 0).any() or (table["clips"] < 0).any():
        raise SacdError(f"{path / 'recordings.tsv'}: column clips must hold whole numbers; write the number of clips")
    return table.astype({"clips": int})
