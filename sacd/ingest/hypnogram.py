"""A scoring: EDF+ annotations, or a text file with one stage a line or with the columns onset, duration, stage.

Stage names of AASM ("N1", "R", "Sleep stage N2") and of Rechtschaffen & Kales ("Sleep stage 4", "S3", "MT") are read;
R&K stages 3 and 4 are N3, movement and unknown are not scored. Bare digits are refused: 4 is S4 to some
and REM to others.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import mne
import numpy as np

from sacd.exceptions import SacdError, reading
from sacd.ingest.psg import read_psg
from sacd.stages import CLIP_SECONDS, N1, N2, N3, NOT_SCORED, REM, W

_NAMES = {
    "w": W, "wake": W, "n1": N1, "s1": N1, "n2": N2, "s2": N2, "n3": N3, "s3": N3, "n4": N3, "s4": N3,
    "r": REM, "rem": REM, "?": NOT_SCORED, "m": NOT_SCORED, "mt": NOT_SCORED, "movement": NOT_SCORED,
    "movement time": NOT_SCORED,
    "unknown": NOT_SCORED, "unscored": NOT_SCORED, "not scored": NOT_SCORED, "-1": NOT_SCORED,
}  # fmt: skip
_PREFIXED = {"1": N1, "2": N2, "3": N3, "4": N3}
_PREFIX = re.compile(r"(sleep[ _]stage|stage)[ _:-]*", re.IGNORECASE)
_GRID_TOLERANCE_S = 0.01
_LONGEST_S = 7 * 86400.0


@dataclass(frozen=True)
class Scoring:
    """Stages of consecutive 30-s clips.

    Attributes
    ----------
    onset_s : float
        Where the first clip begins, s from the start of the PSG.
    stages : ndarray of int64
        0–4, −1 where not scored.
    """

    path: Path
    onset_s: float
    stages: np.ndarray

    @property
    def end_s(self) -> float:
        """Where the last clip ends, s from the start of the PSG."""
        return self.onset_s + CLIP_SECONDS * len(self.stages)


def stage_code(text: str) -> int | None:
    """The code of a stage's name, −1 for a name that means *not scored*, None for anything else."""
    name = text.strip().lower()
    bare = _PREFIX.sub("", name, count=1)
    if bare != name and bare in _PREFIXED:
        return _PREFIXED[bare]
    return _NAMES.get(bare)


def read_scoring(path: Path, psg_start: datetime) -> Scoring:
    """Read the scoring of a recording that began at `psg_start`.

    An EDF+ file has a start of its own, and its annotations are placed by it. The onsets of a text file count from
    the start of the PSG (s), and a file with one stage a line begins there.

    Raises
    ------
    SacdError
        No stages, an unknown stage, or spans that are not whole 30-s clips on one grid.
    """
    if path.suffix.lower() == ".edf":
        spans = _read_edf(path, (read_psg(path).start - psg_start).total_seconds())
    else:
        spans = _read_text(path)
    return Scoring(path, *_to_clips(path, spans))


def _read_edf(path: Path, shift_s: float) -> list[tuple[float, float, int]]:
    with reading(path, "export it again", "annotations cannot be read"):
        # Names of stages are ASCII, and Latin-1 reads any byte.
        annotations = mne.read_annotations(path, encoding="latin1")
    spans = []
    for onset, duration, text in zip(annotations.onset, annotations.duration, annotations.description, strict=True):
        code = stage_code(text)
        if code is not None:
            spans.append((float(onset) + shift_s, float(duration), code))
        elif _PREFIX.match(text):
            raise SacdError(f"{path}: {text!r} at {onset:g} s is not a known stage; use W, N1, N2, N3, REM or ?")
    if not spans:
        found = ", ".join(sorted(set(annotations.description))[:5]) or "no annotations"
        raise SacdError(f"{path}: no sleep stages among its annotations (found {found}); add a scoring beside it")
    return spans


def _read_text(path: Path) -> list[tuple[float, float, int]]:
    with reading(path, "write one stage a line, or onset,duration,stage", "not a text file"):
        text = path.read_text(encoding="utf-8-sig")
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise SacdError(f"{path}: the scoring is empty; write one stage a line, or onset,duration,stage")
    separator = next((mark for mark in "\t;," if mark in lines[0][1]), None)
    if separator is None:
        if lines[0][1].strip().lower() == "stage":
            lines = lines[1:]
        return [(CLIP_SECONDS * i, CLIP_SECONDS, _known(path, number, line)) for i, (number, line) in enumerate(lines)]
    with reading(path, "correct the file", "not every line has onset, duration (s) and stage"):
        rows = csv.reader((line for _, line in lines), delimiter=separator)
        header = [name.strip().lower() for name in next(rows)]
        onset, duration, stage = (header.index(name) for name in ("onset", "duration", "stage"))
        return [
            (float(row[onset]), float(row[duration]), _known(path, number, row[stage]))
            for (number, _), row in zip(lines[1:], rows, strict=True)
        ]


def _known(path: Path, number: int, text: str) -> int:
    code = stage_code(text)
    if code is None:
        raise SacdError(f"{path}: line {number}: {text.strip()!r} is not a known stage; use W, N1, N2, N3, REM or ?")
    return code


def _to_clips(path: Path, spans: Iterable[tuple[float, float, int]]) -> tuple[float, np.ndarray]:
    """Spans (onset s, duration s, code) as stages on the 30-s grid of the first span."""
    spans = sorted(spans)
    if not spans:
        raise SacdError(f"{path}: the scoring holds no stage; write one stage a line, or onset,duration,stage")
    for onset, duration, _ in spans:
        # Written so that NaN is refused as well.
        if not (abs(onset) <= _LONGEST_S and 0 <= duration <= _LONGEST_S):
            where = f"at {onset:g} s, {duration:g} s long"
            raise SacdError(f"{path}: a stage {where}, is not within a recording; write seconds from its start")
    origin = spans[0][0]
    counts = [((onset - origin) / CLIP_SECONDS, duration / CLIP_SECONDS) for onset, duration, _ in spans]
    for (onset, _, _), pair in zip(spans, counts, strict=True):
        if any(abs(value - round(value)) * CLIP_SECONDS > _GRID_TOLERANCE_S for value in pair):
            raise SacdError(f"{path}: the stage at {onset:g} s does not fill whole 30-s clips; score in 30-s epochs")
    stages = np.full(max(round(first + length) for first, length in counts), NOT_SCORED)
    filled = np.zeros(len(stages), bool)
    for (onset, _, code), (first, length) in zip(spans, counts, strict=True):
        part = slice(round(first), round(first + length))
        if filled[part].any():
            raise SacdError(f"{path}: two stages at {onset:g} s; keep one scorer's scoring")
        stages[part], filled[part] = code, True
    return origin, stages
