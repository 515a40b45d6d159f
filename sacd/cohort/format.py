"""The format of a cohort on disk: its index, tables, ids and versions (DESIGN: "A cohort on disk")."""

import hashlib
import json
import math
import os
import re
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
import yaml
from pandas.api.types import is_integer_dtype, is_numeric_dtype
from pyarrow.parquet import ParquetFile
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from sacd.exceptions import SacdError, reading

FORMAT_VERSION = 2
"""2 added the files of `sacd.cohort.extras`, and float16 for EEG and features; a cohort of format 1 is read, and grows,
as such."""
ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
LARGEST = 64_000_000
"""Bytes of a table or a JSON file."""
SPLITS = ("train", "validation", "test")
FLAG = "flag_"
"""What the names of quality flags begin with: boolean columns of `clips.parquet`."""
PARTICIPANT_COLUMNS = ("participant_id", "sex", "age", "weight", "ahi", "split")
RECORDING_COLUMNS = ("recording_id", "participant_id", "start", "channel", "clips")
ARRAY_NAMES = {
    ("video", "raw"): "video.npy",
    ("video", "features"): "video_features.npy",
    ("eeg", "raw"): "eeg.npy",
    ("eeg", "features"): "eeg_features.npy",
}
LOG, CLOCKS = "ingest.tsv", "clocks"
"""What an ingest leaves beside a cohort's nights: what became of each, and pictures of the cameras' clocks."""
RAW = "raw"
"""Simulated nights as a laboratory would hand them over, beside the cohort that they are of."""
_DEEPEST = 20
Modality = Literal["video", "eeg"]
Kind = Literal["raw", "features"]
EEGKind = Literal["raw", "features", "none"]
Model = TypeVar("Model", bound=BaseModel)


class Sampling(BaseModel):
    """How the clips were cut. `eeg_hz` in Hz, `span_s` (seconds of the clip the frames spread over) in s."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    eeg_hz: float | None = Field(default=None, gt=0)
    eeg_channels: tuple[str, ...] = ()
    frames: int | None = Field(default=None, gt=0)
    span_s: float | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    width: int | None = Field(default=None, gt=0)
    video_features: tuple[str, ...] = ()
    eeg_features: tuple[str, ...] = ()


class CohortInfo(BaseModel):
    """The content of `cohort.json`; `eeg` is *none* where there was a camera and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = Field(default=FORMAT_VERSION, ge=1)
    name: str
    simulated: StrictBool
    source_id: str
    video: Kind
    eeg: EEGKind
    sampling: Sampling
    provenance: dict[str, Any] = {}

    @property
    def arrays(self) -> dict[Modality, str]:
        """The file of each modality that there is."""
        kinds: dict[Modality, str] = {"video": self.video, "eeg": self.eeg}
        return {name: ARRAY_NAMES[name, kind] for name, kind in kinds.items() if kind != "none"}


class RecordingMetadata(BaseModel):
    """The content of `recording.json`: `hashes` gives the SHA-256 of each file beside it by name."""

    model_config = ConfigDict(extra="allow", strict=True)

    hashes: dict[str, str]
    provenance: dict[str, Any] = {}


def check_participant(
    what: str, age: float | None, weight: float | None, ahi: float | None, split: str
) -> None:
    """Refuse what nobody is; `what` begins the error: "participant P1".

    Raises
    ------
    SacdError
        An unknown split, or a number below 0 or infinite.
    """
    if split not in (*SPLITS, "n/a"):
        raise SacdError(f"{what}: split {split!r} is unknown; use {', '.join(SPLITS)} or n/a")
    for name, value in (("age", age), ("weight", weight), ("ahi", ahi)):
        if value is not None and (value < 0 or math.isinf(value)):
            raise SacdError(f"{what}: {name} is {value:g}; correct it or leave it unknown")


def check_id(value: str, what: str) -> str:
    """Return `value` if it may become a file name, else raise `SacdError`."""
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        raise SacdError(f"{what} {value!r} is not a valid id: use 1–64 of A–Z a–z 0–9 _ -")
    return value


def hash_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def check_size(file: Path, remedy: str, largest: int = LARGEST) -> None:
    """Refuse a file of more bytes than any of its kind has, before it is read into memory.

    Raises
    ------
    SacdError
        It is larger, or not there.
    """
    with reading(file, remedy):
        size = file.stat().st_size
    if size > largest:
        raise SacdError(f"{file}: has {size / 1e6:,.0f} MB, more than the {largest / 1e6:.0f} of its kind; {remedy}")


def read_json(file: Path, remedy: str) -> Any:
    """The content of a JSON file; `SacdError` says what stops it and the `remedy`."""
    check_size(file, remedy)
    with reading(file, remedy, "not valid JSON"):
        return json.loads(file.read_text(encoding="utf-8"))


class _EachKeyOnce(yaml.SafeLoader):
    """Where a key stands twice PyYAML takes the last, and what was written first is lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise ValueError(f"line {key.start_mark.line + 1}: {key.value!r} stands there a second time")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def plain_yaml(text: str) -> Any:
    """The content of a YAML text without aliases, by which a short one may hold itself or more than can be read.

    Raises
    ------
    ValueError, yaml.YAMLError
        Lists within lists without end among them: PyYAML needs the square of the depth. A key that stands there twice.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it refers to a part of itself with *")
        if depth > _DEEPEST:
            raise ValueError(f"lists within more than {_DEEPEST} lists")
    return yaml.load(text, _EachKeyOnce)


def validated(model: type[Model], content: Any, file: Path) -> Model:
    """What was read from `file`, as a `model`; `SacdError` names the first field that does not fit."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise SacdError(f"{file}: {where}: {first['msg']}; correct the field") from None


def read_info(path: Path) -> CohortInfo:
    """Read and validate `cohort.json`."""
    file = path / "cohort.json"
    if not os.path.lexists(file):
        raise SacdError(f"{file}: not found; {path} is not a cohort (make one with 'sacd simulate' or 'sacd ingest')")
    raw = read_json(file, "restore it or ingest again")
    version = raw.get("format_version", 1) if isinstance(raw, dict) else 1
    # Checked before the fields: a newer format may have fields that this version does not know.
    if not isinstance(version, int):
        raise SacdError(f"{file}: format version {version!r} is not a whole number; restore it or ingest again")
    if version > FORMAT_VERSION:
        raise SacdError(f"{file}: format version {version} is newer than {FORMAT_VERSION}; upgrade sacd")
    return validated(CohortInfo, raw, file)


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read and validate the `recording.json` of a recording's folder."""
    file = folder / "recording.json"
    return validated(RecordingMetadata, read_json(file, "ingest the recording again"), file).model_dump()


def read_clips(folder: Path) -> pd.DataFrame:
    """Read `clips.parquet` of a recording's folder: integer `clip` and `stage`, `onset` in s, and optional columns."""
    file, remedy = folder / "clips.parquet", "ingest the recording again"
    with reading(file, remedy):
        # As pandas reads it, in half the time: whole cohorts are read to say what identifies a run.
        table = ParquetFile(file).read(use_threads=False).to_pandas(use_threads=False)
    missing = [name for name in ("clip", "onset", "stage") if name not in table]
    if missing:
        raise SacdError(f"{file}: no column {', '.join(missing)}; {remedy}")
    for name, fits in (("clip", is_integer_dtype), ("stage", is_integer_dtype), ("onset", is_numeric_dtype)):
        column, kind = table[name], "numbers" if name == "onset" else "integer"
        empty = " with empty rows" if kind == "integer" and column.isna().any() else ""
        if empty or not fits(column):
            raise SacdError(f"{file}: column {name} has dtype {column.dtype}{empty}, must be {kind}; {remedy}")
    return table


def flagged(clips: pd.DataFrame) -> pd.Series:
    """Which rows of a table of clips a quality flag marks, bool."""
    # A flag that some recordings do not have is missing in their rows, not set.
    return clips.filter(regex=f"^{FLAG}").eq(True).any(axis=1)


def read_tsv(file: Path, required: tuple[str, ...], numeric: tuple[str, ...]) -> pd.DataFrame:
    """Read a tab-separated table: text where ``n/a`` is a value, the `numeric` columns as float with NaN for it."""
    check_size(file, "restore or correct it")
    with reading(file, "restore or correct it", "not a tab-separated table"):
        # utf-8-sig: spreadsheets begin their files with a byte-order mark.
        table = pd.read_csv(file, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig").fillna("n/a")
    return checked_table(table, file, required, numeric)


def checked_table(
    table: pd.DataFrame, file: Path, required: tuple[str, ...], numeric: tuple[str, ...]
) -> pd.DataFrame:
    """A table of text that was read from `file`, its `required` columns there and its `numeric` ones as float."""
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
