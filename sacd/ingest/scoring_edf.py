"""Stages and events from the annotations of EDF+ and BDF+ files, with or without signals, and of what mne reads else.

Of an EDF+ only the annotation signals are read, however large the recording is. Their format: Kemp & Olivan 2003,
doi:10.1016/S1388-2457(03)00123-8; edfplus.info.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import mne
import numpy as np

from sacd.exceptions import SacdError, reading
from sacd.ingest.edf import read_header
from sacd.ingest.psg import read_psg
from sacd.ingest.scoring_marks import Event, Marks, within_recording
from sacd.ingest.stage_names import StageNames, says_stage, unknown_stage

EDF_SUFFIXES = (".edf", ".rec", ".bdf")
_TIMES = re.compile(rb"([+-]\d{1,12}(?:\.\d*)?)(?:\x15(\d{1,12}(?:\.\d*)?))?")
_MOST_BYTES = 64 * 2**20
Annotation = tuple[float, float, str]
"""Onset s, duration s (NaN where the file does not say it), text."""


class NoStages(SacdError):
    """The annotations of a file hold no stages; those of a recording that nobody scored."""


def read_annotations(path: Path, names: StageNames) -> Marks:
    """Stages and events among a file's annotations, placed by the start that its header names.

    Raises
    ------
    SacdError
        Not such a file, no stages among its annotations, or an unknown one.
    """
    start, found = read_psg(path).start, _annotations(path)
    rows, events = [], []
    for onset, duration, text in found:
        mark = names.mark(text)
        if isinstance(mark, int):
            rows.append((onset, duration, mark))
        elif mark is not None:
            events.append((onset, np.nan_to_num(duration), mark))
        elif says_stage(text):
            raise unknown_stage(path, f"annotation at {onset:g} s", text)
    if not rows:
        raise NoStages(
            f"{path}: no sleep stages among its {len(found)} annotations; add a scoring beside it, or name its words "
            "in a YAML file for --stage-names"
        )
    return Marks.of(rows, events, start)


def read_own_events(path: Path, names: StageNames) -> tuple[Event, ...]:
    """Events among a recording's annotations, s from its start; stages and all else there are passed over.

    Raises
    ------
    SacdError
        The annotations cannot be read.
    """
    marks = ((onset, float(np.nan_to_num(duration)), names.mark(text)) for onset, duration, text in _annotations(path))
    return within_recording([mark for mark in marks if isinstance(mark[2], str)])


def holds_annotations_alone(path: Path) -> bool:
    """Whether an EDF+ or BDF+ is whole and has no signal beside its annotations."""
    try:
        return not read_psg(path).channels and bool(read_header(path).annotations)
    except SacdError:
        return False


def _annotations(path: Path) -> list[Annotation]:
    with reading(path, "export it again", "its annotations cannot be read"):
        return list(_of_edf(path) if path.suffix.lower() in EDF_SUFFIXES else _of_others(path))


def _of_edf(path: Path) -> Iterator[Annotation]:
    begin = None
    for tal in re.finditer(rb"[^\x00]+", _annotation_bytes(path)):
        times, *texts = tal[0].split(b"\x14")
        place = _TIMES.fullmatch(times)
        if place is None:
            continue
        onset, duration = float(place[1]), float(place[2] or "nan")
        # The first one keeps the time of the first record, which may begin within a second.
        begin = onset if begin is None else begin
        for text in filter(None, texts):
            # Half of it names the channel that the annotation belongs to.
            yield onset - begin, duration, _decoded(text).partition("@@")[0]


def _annotation_bytes(path: Path) -> bytes:
    """What the annotation signals of a sound file hold, record by record."""
    header = read_header(path)
    parts = [header.part(signal) for signal in header.annotations]
    if header.records * sum(part.stop - part.start for part in parts) > _MOST_BYTES:
        raise ValueError(f"they fill more than {_MOST_BYTES >> 20} MB")
    if not parts:
        return b""
    data = np.memmap(path, np.uint8, "r", header.offset, (header.records, header.record_bytes))
    return np.hstack([data[:, part] for part in parts]).tobytes()


def _decoded(text: bytes) -> str:
    # The format says UTF-8; Latin-1 reads what is not.
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _of_others(path: Path) -> Iterator[Annotation]:
    raw = mne.io.read_raw(path, preload=False, verbose="error")
    first = raw.first_time if raw.annotations.orig_time is not None else 0.0
    for onset, duration, text in zip(
        raw.annotations.onset, raw.annotations.duration, raw.annotations.description, strict=True
    ):
        # BrainVision's begin with the kind of marker.
        yield float(onset) - first, float(duration) or np.nan, re.sub(r"^Comment/", "", str(text))
