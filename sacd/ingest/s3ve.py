"""The S3VE release becomes a cohort: EEG, *video features* and labels of the paper's own hospital nights.

The authors give it out on request (github.com/SPIresearch/SACD). **It could not be opened here**: what follows is how
their page and their published loader describe it, and what had to be assumed.

Described: three downloads, "EEG" (spelt *EGG* there too), "infrared video features" and "labels". The loader reads one
``.npy`` a clip, ``EEG/STAGE/CLIP.npy``, a vector or [k, d] of which it draws a row, and a JSON of labels,
``{"database": {CLIP: {"subset": "training", "annotations": {"label": STAGE}}}}``. A clip is 30 s. Encoders give 512
features (paper, V-B); the EEG network reads 30 s of C3 at 100 Hz (V-C, and AttnSleep).

Assumed:

- the three lie in one folder under names that hold ``eeg`` or ``egg``, ``feature`` or ``video``, and ``label``;
- ``CLIP`` is ``PERSON_NUMBER``, one night a person, and NUMBER counts clips of 30 s;
- or else a night is one file in each of the three, ``PERSON.npy`` with a row a clip (labels also ``.txt`` or ``.csv``);
- an EEG clip of 3,000 values is signal at 100 Hz, in V where a night's typical SD is below 0.01, else in µV; any other
  number of values are features. Of [k, d] the mean over k is kept;
- stages are names, or 0–4 in the order W, N1, N2, N3, REM. A subset is a split where nobody is in two of them.

Everything is kept as published, and the assumptions enter the cohort's provenance.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from sacd.cohort import Cohort, CohortInfo, Sampling, check_id, hash_file
from sacd.cohort.format import read_json, validated
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError, reading
from sacd.ingest.layout import read_source_participants
from sacd.ingest.stage_names import StageNames
from sacd.ingest.text_file import read_text
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS, STAGES

EEG_HZ, EEG_CHANNEL = 100.0, "C3"
_SAMPLES = round(CLIP_SECONDS * EEG_HZ)
_LARGEST_D, _MOST_CLIPS = 4096, 5760
"""Values of a clip and clips of a person that nothing published exceeds; more are not read into memory."""
_LARGEST_TABLE = 256 << 20
_VOLTS_SD = 0.01
_PARTS = {"labels": re.compile("label|annotation"), "eeg": re.compile("e[eg]g"), "video": re.compile("feature|video")}
_CLIP = re.compile(r"(.+?)[_-](?:clip|epoch)?(\d{1,6})")
_SPLITS = {"training": "train", "validation": "validation", "testing": "test", "test": "test"}
_DIGITS = {str(stage): stage for stage in range(len(STAGES))}
_LIKE = "see the assumptions of sacd/ingest/s3ve.py, and rename or convert the files to them"


class _Label(BaseModel):
    label: str | int


class _Entry(BaseModel):
    annotations: _Label
    subset: str = ""


class _Labels(BaseModel):
    database: dict[str, _Entry]


@dataclass(frozen=True)
class _Night:
    """`video` and `eeg`: one file with a row a clip where `whole`, else a file for each clip."""

    clips: np.ndarray
    stages: np.ndarray
    video: list[Path]
    eeg: list[Path]
    subsets: frozenset[str] = frozenset()
    whole: bool = False


def is_s3ve(source: Path) -> bool:
    """Whether `source` holds the three parts of the release, as arrays."""
    parts = _parts(source)
    return len(parts) == len(_PARTS) and all(any(parts[name].rglob("*.npy")) for name in ("eeg", "video"))


def _parts(source: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for entry in sorted(source.iterdir()):
        name = next((part for part, sign in _PARTS.items() if sign.search(entry.name.lower())), None)
        if name is not None and not entry.name.startswith(".") and (entry.is_dir() or name == "labels"):
            found.setdefault(name, entry)
    return found


def ingest_s3ve(source: Path, out: Path, progress: Bar | None = None) -> Cohort:
    """Write the release as a cohort: video as features, EEG as signal or as features; a night a person.

    Age, sex, weight and AHI come from a ``participants.tsv`` beside the three parts, where there is one.

    Raises
    ------
    SacdError
        A file that does not fit the assumptions above.
    """
    parts = _parts(source)
    lacking = [name for name in _PARTS if name not in parts]
    if lacking:
        raise SacdError(f"{source}: no folder of the release's {lacking[0]}; {_LIKE}")
    tables = sorted(parts["labels"].rglob("*.json")) if parts["labels"].is_dir() else [parts["labels"]]
    nights = _clip_nights(parts, tables[0]) if tables else _whole_nights(parts)
    people = read_source_participants(source) if (source / "participants.tsv").exists() else {}
    mixed = any(len(night.subsets) > 1 for night in nights.values())
    first = next(iter(nights.values()))
    info = _info(nights, _read(first.video, first).shape[1], _read(first.eeg, first).shape[1], mixed)
    with CohortWriter(out, info) as writer:
        for number, (name, night) in enumerate(sorted(nights.items()), 1):
            split = _SPLITS.get(next(iter(night.subsets), ""), "n/a") if not mixed else "n/a"
            writer.add_participant(name, **people.get(name, {"split": split}))
            _add(writer, name, night, info)
            if progress is not None:
                progress.to(number / len(nights), name)
    return Cohort.open(out)


def _clip_nights(parts: dict[str, Path], table: Path) -> dict[str, _Night]:
    """Nights of clips with a file each, as the published loader finds them."""
    if table.stat().st_size > _LARGEST_TABLE:
        raise SacdError(f"{table}: larger than {_LARGEST_TABLE >> 20} MB, no labels of clips; fetch it again")
    entries = validated(_Labels, read_json(table, "fetch the labels again"), table).database
    files = {name: {file.stem: file for file in parts[name].rglob("*.npy")} for name in ("video", "eeg")}
    rows: dict[str, list[tuple[int, int, str, str]]] = {}
    for clip, entry in entries.items():
        match = _CLIP.fullmatch(clip)
        if match is None:
            raise SacdError(f"{table}: clip {clip!r} is not PERSON_NUMBER; {_LIKE}")
        if clip in files["video"] and clip in files["eeg"]:
            stage = _stage(table, entry.annotations.label)
            rows.setdefault(match[1], []).append((int(match[2]), stage, clip, entry.subset))
    if not rows:
        raise SacdError(f"{table}: none of its {len(entries)} clips has both EEG and video features; {_LIKE}")
    nights = {}
    for person, found in rows.items():
        check_id(person, f"{table}: person")
        numbers, stages, clips, subsets = zip(*sorted(found), strict=True)
        if len(set(numbers)) < len(numbers):
            raise SacdError(f"{table}: person {person} has a clip twice; keep one")
        video, eeg = ([files[name][clip] for clip in clips] for name in ("video", "eeg"))
        nights[person] = _Night(np.array(numbers), np.array(stages), video, eeg, frozenset(subsets))
    return nights


def _whole_nights(parts: dict[str, Path]) -> dict[str, _Night]:
    """Nights with a file each, a row a clip."""
    nights = {}
    for file in sorted(file for file in parts["labels"].rglob("*") if file.suffix in (".npy", ".txt", ".csv")):
        person = check_id(file.stem, f"{file}: person")
        pair = {name: sorted(parts[name].rglob(f"{person}.npy")) for name in ("video", "eeg")}
        for name, found in pair.items():
            if len(found) != 1:
                raise SacdError(f"{parts[name]}: {len(found)} files {person}.npy, one is needed; {_LIKE}")
        stages = np.array([_stage(file, label) for label in _column(file)], np.int64)
        nights[person] = _Night(np.arange(len(stages)), stages, **pair, whole=True)
    if not nights:
        raise SacdError(f"{parts['labels']}: neither a .json nor .npy, .txt or .csv of nights; {_LIKE}")
    return nights


def _column(file: Path) -> Iterator[str | int]:
    if file.suffix == ".npy":
        yield from _array(file).ravel().tolist()
    else:
        yield from (line for line in read_text(file, "write one stage a line").split("\n") if line.strip())


def _stage(file: Path, label: str | float) -> int:
    text = f"{label:g}" if isinstance(label, float) else str(label).strip()
    stage = _DIGITS.get(text, StageNames().stage(text))
    if stage is None:
        raise SacdError(f"{file}: {text[:20]!r} is not a known stage; use W, N1, N2, N3, REM, 0 to 4, or ?")
    return stage


def _array(file: Path) -> np.ndarray:
    """A mapped array of sensible size."""
    with reading(file, "fetch it again", "cannot be read as an array"):
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    if array.dtype.kind not in "fiu" or not 0 < array.size <= _MOST_CLIPS * _LARGEST_D:
        raise SacdError(f"{file}: {array.shape} of {array.dtype} are no clips; {_LIKE}")
    return array


def _read(files: list[Path], night: _Night) -> np.ndarray:
    """Float32 [clips, d] of a night's files."""
    if night.whole:
        rows = np.asarray(_array(files[0]), np.float32)
        rows = rows.reshape(len(rows), -1) if rows.ndim else rows
    else:
        # The loader draws one of a clip's k rows.
        vectors = [np.asarray(array.squeeze(), np.float32) for array in map(_array, files)]
        vectors = [vector.mean(axis=0) if vector.ndim == 2 else vector for vector in vectors]
        lengths = {vector.shape for vector in vectors}
        if len(lengths) > 1:
            raise SacdError(f"{files[0].parent}: clips have unlike shapes, {sorted(lengths)[:2]}; {_LIKE}")
        rows = np.stack(vectors)
    if rows.ndim != 2 or len(rows) != len(night.clips) or rows.shape[1] > _LARGEST_D:
        raise SacdError(f"{files[0]}: shape {rows.shape}, but {len(night.clips)} clips are labelled; {_LIKE}")
    if not np.isfinite(rows).all():
        raise SacdError(f"{files[0]}: the night holds NaN or infinite values; fetch it again")
    return rows


def _info(nights: dict[str, _Night], video: int, eeg: int, mixed: bool) -> CohortInfo:
    digest = hashlib.sha256()
    for name, night in sorted(nights.items()):
        for part in ("clips", "stages"):
            digest.update(f"{name} {part} {getattr(night, part).tolist()}".encode())
    raw = eeg == _SAMPLES
    signal = {"eeg_hz": EEG_HZ, "eeg_channels": (EEG_CHANNEL,)} if raw else {"eeg_features": _names("eeg", eeg)}
    return CohortInfo(
        name="S3VE release (EEG and video features)",
        simulated=False,
        source_id=digest.hexdigest()[:16],
        video="features",
        eeg="raw" if raw else "features",
        sampling=Sampling(video_features=_names("video", video), **signal),
        provenance={
            "format": "s3ve",
            "data": "S3VE, the dataset of the paper, as its authors give it out",
            "assumed": "the release could not be opened when this was written: names, order of clips, units and the "
            "meaning of its arrays are as sacd.ingest.s3ve assumes; compare the counts with the paper's",
            "splits": "published subsets mix people and were left out" if mixed else "as published, where given",
            "normalisation": "none, values as published",
        },
    )


def _names(part: str, count: int) -> tuple[str, ...]:
    return tuple(f"{part}_{i:03d}" for i in range(count))


def _add(writer: CohortWriter, name: str, night: _Night, info: CohortInfo) -> None:
    arrays = {"video": _read(night.video, night), "eeg": _read(night.eeg, night)}
    provenance: dict[str, Any] = {}
    for part, files in (("video", night.video), ("eeg", night.eeg)):
        hashes = "".join(hash_file(file) for file in files)
        provenance[f"{part}_sha256"] = hashlib.sha256(hashes.encode()).hexdigest()
    if info.eeg == "raw":
        volts = bool(np.median(arrays["eeg"].std(axis=1)) < _VOLTS_SD)
        arrays["eeg"] = arrays["eeg"][:, None] * np.float32(1e6 if volts else 1)
        provenance["eeg_unit"] = "V, brought to µV" if volts else "taken for µV"
    writer.add_recording(
        name,
        name,
        pd.DataFrame({"clip": night.clips, "onset": CLIP_SECONDS * night.clips, "stage": night.stages}),
        arrays["video"],
        arrays["eeg"],
        channel=EEG_CHANNEL,
        provenance=provenance,
        commit=False,
    )
