"""EDF, EDF+, BDF and BDF+ files: the header, whether the file is whole, where it has gaps, and its samples.

They are read here because no library does it right for all files that laboratories hand over. mne converts some
spellings of a unit (uV) and not others (UV), takes the patient's field apart and fails over it, joins EDF+D records
over their gaps and refuses the name .rec; edfio holds a BDF whole in memory, several times over, and stops at labels
that are not ASCII. Tests compare the samples with both where these are right.
The patient's field is never read, of the recording's field neither.
Formats: Kemp et al. 1992, doi:10.1016/0013-4694(92)90009-7; Kemp & Olivan 2003, doi:10.1016/S1388-2457(03)00123-8;
edfplus.info; biosemi.com/faq/file_format.htm.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError, reading
from sacd.ingest.stored import LONGEST_S, Stored, stretches

_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
_GAP_TOLERANCE_S = 1e-3
_MOST_RECORDS = 2**21
"""Of a discontinuous file, whose records are looked at one by one: two days of records of a tenth of a second."""
_LONGEST_ONSET = 64
_REMEDY = "export it as EDF+"


@dataclass(frozen=True)
class EdfHeader:
    """What the header of a file says of its samples; `samples` [signals] are those of a record, `width` bytes each."""

    start: datetime
    offset: int
    records: int
    record_s: float
    width: int
    plus: str
    labels: tuple[str, ...]
    units: tuple[str, ...]
    ranges: tuple[tuple[str, str, str, str], ...]
    samples: tuple[int, ...]

    @property
    def annotations(self) -> tuple[int, ...]:
        """The signals that hold annotations."""
        return tuple(i for i, label in enumerate(self.labels) if label in _ANNOTATIONS)

    @property
    def record_bytes(self) -> int:
        """Of a record."""
        return self.width * sum(self.samples)

    def part(self, signal: int) -> slice:
        """Which bytes of a record are a signal's."""
        begin = self.width * sum(self.samples[:signal])
        return slice(begin, begin + self.width * self.samples[signal])


def read_header(path: Path) -> EdfHeader:
    """Read the header of an EDF, EDF+, BDF or BDF+ file; `open_edf` makes sure that what it promises is there.

    Raises
    ------
    SacdError
        Not such a file, or impossible numbers.
    """
    with reading(path, _REMEDY, "not an EDF file"):
        with open(path, "rb") as handle:
            fixed = handle.read(256)
            count = int(fixed[252:256])
            fields = handle.read(256 * count)
        if len(fixed) + len(fields) < 256 * (count + 1):
            raise SacdError(f"{path}: the EDF is cut off inside its header; copy it from the recorder again")
        ranges = (_strings(fields, count, begin, 8) for begin in (104, 112, 120, 128))
        header = EdfHeader(
            start=_start(fixed),
            offset=int(fixed[184:192]),
            records=int(fixed[236:244]),
            record_s=_number(fixed[244:252].decode("latin-1")),
            width=3 if fixed[:1] == b"\xff" else 2,
            # EDF+C, BDF+D and the like: only the last letter tells.
            plus=fixed[192:197].decode("latin-1")[3:],
            labels=_strings(fields, count, 0, 16),
            units=_strings(fields, count, 96, 8),
            ranges=tuple(zip(*ranges, strict=True)),
            samples=tuple(int(value) for value in _strings(fields, count, 216, 8)),
        )
        sizes = header.offset - 256 * (count + 1), header.record_s, *(value - 1 for value in header.samples)
        if not all(0 <= size < np.inf for size in sizes):
            raise ValueError("its header holds impossible numbers")
        if header.record_s == 0 and len(header.annotations) < count:
            raise ValueError("its header says that its records last 0 s")
        return header


def _strings(fields: bytes, count: int, begin: int, width: int) -> tuple[str, ...]:
    block = fields[begin * count : (begin + width) * count].decode("latin-1")
    return tuple(block[i * width : (i + 1) * width].strip(" \0") for i in range(count))


def _number(text: str) -> float:
    # The format asks for a point; some recorders write the comma of their country.
    return float(text.replace(",", "."))


def _start(fixed: bytes) -> datetime:
    hour, minute, second = (int(part) for part in re.findall(rb"\d+", fixed[176:184]))
    try:
        day, month, year = (int(part) for part in re.findall(rb"\d+", fixed[168:176]))
        # Two-digit years: 1985 is EDF's clipping date.
        century = 0 if year > 999 else 1900 if year >= 85 else 2000
        return datetime(century + year, month, day, hour, minute, second)
    except ValueError:
        # A date that was blotted out ("00.00.00"): EDF+ writes the first day that it knows for it.
        return datetime(1985, 1, 1, hour, minute, second)


def open_edf(path: Path) -> Stored:
    """Open an EDF, EDF+, BDF or BDF+ file and make sure that it is whole.

    Raises
    ------
    SacdError
        Not such a file, or shorter than its header promises.
    """
    header = read_header(path)
    found = os.stat(path).st_size - header.offset
    if header.records < 1 or found < header.records * header.record_bytes:
        promised = f"{header.records * header.record_s:g} s" if header.records > 0 else "no finished recording"
        held = max(0, found) // max(1, header.record_bytes) * header.record_s
        raise SacdError(
            f"{path}: the EDF is cut off: its header promises {promised}, the file holds {held:g} s; "
            "copy it from the recorder again"
        )
    start, segments, positions = _timing(path, header)
    channels = [i for i in range(len(header.labels)) if i not in header.annotations]
    return Stored(
        path,
        start,
        names=tuple(header.labels[i] for i in channels),
        units=tuple(header.units[i] for i in channels),
        rates=tuple(header.samples[i] / header.record_s for i in channels),
        segments=segments,
        positions=positions,
        read=lambda channel, first, stop: _physical(path, header, channels[channel], first, stop),
    )


def _timing(path: Path, header: EdfHeader) -> tuple[datetime, tuple[tuple[float, float], ...], tuple[float, ...]]:
    """When the first record began, with its fraction of a second where EDF+ tells, and where gaps are."""
    whole = ((0.0, header.records * header.record_s),)
    signal = next(iter(header.annotations), None)
    if header.plus != "+D":
        # Of a continuous file the first record alone tells: what a second's fraction the start has.
        onset = 0.0
        if signal is not None:
            (onset,) = _onsets(path, header, signal, 1)
        return header.start + timedelta(seconds=onset if 0 <= onset < 1 else 0.0), whole, (0.0,)
    if signal is None:
        raise SacdError(f"{path}: an EDF+D without time-keeping annotations; export it as continuous EDF+")
    if header.records > _MOST_RECORDS:
        raise SacdError(f"{path}: an EDF+D of {header.records} records, too many; export it with longer records")
    onsets = _onsets(path, header, signal, header.records)
    if not (np.abs(onsets) <= LONGEST_S).all():
        raise SacdError(f"{path}: an EDF+D record has no onset; export it as continuous EDF+")
    try:
        lengths = np.full(len(onsets), header.record_s)
        segments, positions = stretches(onsets - onsets[0], lengths, _GAP_TOLERANCE_S)
    except ValueError:
        raise SacdError(
            f"{path}: EDF+D records overlap or go back in time; export it as continuous EDF+"
        ) from None
    return header.start + timedelta(seconds=float(onsets[0])), segments, positions


def _onsets(path: Path, header: EdfHeader, signal: int, records: int) -> np.ndarray:
    """Of the first records, s from the header's start: their annotations begin with it, "+123.5\\x14\\x14\\x00"."""
    part, onsets = header.part(signal), np.full(records, np.nan)
    with open(path, "rb") as handle:
        for record in range(records):
            handle.seek(header.offset + record * header.record_bytes + part.start)
            text = handle.read(min(_LONGEST_ONSET, part.stop - part.start))
            with suppress(ValueError):
                onsets[record] = float(text.split(b"\x14")[0])
    return onsets


def _physical(path: Path, header: EdfHeader, signal: int, first: int, stop: int) -> np.ndarray:
    """Samples of a signal, float64 in its unit; no more of the file is held than they are."""
    low, high, digital_low, digital_high = (_number(text) for text in header.ranges[signal])
    if low == high or digital_low >= digital_high:
        raise ValueError("its physical or digital minimum equals the maximum")
    if not np.isfinite([low, high, digital_low, digital_high]).all():
        raise ValueError("its physical or digital range is no number")
    each, step, parts = header.samples[signal], header.record_bytes, []
    begin = header.offset + header.part(signal).start
    with open(path, "rb", buffering=0) as handle:
        while first < stop:
            record, within = divmod(first, each)
            count = min(each - within, stop - first)
            handle.seek(begin + record * step + within * header.width)
            parts.append(handle.read(count * header.width))
            first += count
    stored = _integers(b"".join(parts), header.width)
    return (stored - digital_low) * ((high - low) / (digital_high - digital_low)) + low


def _integers(data: bytes, width: int) -> np.ndarray:
    if width == 2:
        return np.frombuffer(data, "<i2")
    # 24 bits become the upper ones of 32, and the shift keeps the sign.
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0] >> 8
