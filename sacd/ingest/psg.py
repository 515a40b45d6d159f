"""Polysomnography from EDF and EDF+ files: where the records lie, and one EEG channel at 100 Hz in µV.

The header is read here for what libraries do not tell: whether the file is whole, where an EDF+D file has gaps, and the
unit as it is written. Samples come from edfio in that unit: mne would convert some spellings of it and not others.
The patient field is never read. Format: Kemp & Olivan 2003, doi:10.1016/S1388-2457(03)00123-8; edfplus.info.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import edfio
import mne
import numpy as np

from sacd.exceptions import SacdError, reading

EEG_HZ = 100.0
ANNOTATIONS = "EDF Annotations"
# Case says nothing, for recorders that write capitals write UV; casefold makes the micro sign the Greek mu.
_VOLTS = re.compile(r"(|m|milli|u|μ|micro|n|nano)v(ol(ts?)?)?")
_MICROVOLTS = {"": 1e6, "m": 1e3, "milli": 1e3, "u": 1.0, "μ": 1.0, "micro": 1.0, "n": 1e-3, "nano": 1e-3}
# The central derivations first (the paper's EEG is C3-A2), then anything that looks like a 10–20 derivation.
_PREFERRED = ("C3-A2", "C3-M2", "C4-A1", "C4-M1", "C3", "C4", "Fpz-Cz")
_EEG_NAME = re.compile(r"(EEG.*|(Fp|AF|F|C|P|O|T)(z|\d{1,2})([-:/ ].*)?)", re.IGNORECASE)
_GAP_TOLERANCE_S = 1e-3


@dataclass(frozen=True)
class Psg:
    """What the header of an EDF or EDF+ file says.

    Attributes
    ----------
    start : datetime
        Local start, to the second.
    channels : tuple of str
        Names of the signals, in the file's order, without the annotation signals.
    segments : tuple of (float, float)
        Stretches without a gap: begin and end in s from `start`.
    """

    path: Path
    start: datetime
    channels: tuple[str, ...]
    segments: tuple[tuple[float, float], ...]

    @property
    def duration_s(self) -> float:
        """From the start to the end of the last record, gaps included (s)."""
        return self.segments[-1][1]


@dataclass(frozen=True)
class _Header:
    start: datetime
    offset: int
    records: int
    record_s: float
    discontinuous: bool
    labels: tuple[str, ...]
    units: tuple[str, ...]
    samples: tuple[int, ...]


def _read_header(path: Path) -> _Header:
    with reading(path, "export it as EDF+", "not an EDF file"):
        with open(path, "rb") as handle:
            fixed = handle.read(256)
            count = int(fixed[252:256])
            fields = handle.read(256 * count)
        if len(fixed) + len(fields) < 256 * (count + 1):
            raise SacdError(f"{path}: the EDF is cut off inside its header; copy it from the recorder again")
        header = _Header(
            start=_start(fixed),
            offset=int(fixed[184:192]),
            records=int(fixed[236:244]),
            record_s=float(fixed[244:252]),
            discontinuous=fixed[192:197] == b"EDF+D",
            labels=_strings(fields, count, 0, 16),
            units=_strings(fields, count, 96, 8),
            samples=tuple(int(value) for value in _strings(fields, count, 216, 8)),
        )
        sizes = header.offset - 256 * (count + 1), header.record_s, *(value - 1 for value in header.samples)
        if not all(0 <= size < np.inf for size in sizes):
            raise ValueError("its header holds impossible numbers")
        return header


def _strings(fields: bytes, count: int, begin: int, width: int) -> tuple[str, ...]:
    block = fields[begin * count : (begin + width) * count].decode("latin-1")
    return tuple(block[i * width : (i + 1) * width].strip() for i in range(count))


def _start(fixed: bytes) -> datetime:
    day, month, year = (int(part) for part in fixed[168:176].decode("latin-1").split("."))
    hour, minute, second = (int(part) for part in fixed[176:184].decode("latin-1").split("."))
    # Two-digit years: 1985 is EDF's clipping date.
    return datetime(year + (1900 if year >= 85 else 2000), month, day, hour, minute, second)


def read_psg(path: Path) -> Psg:
    """Read the header of an EDF or EDF+ file and make sure that the file is whole.

    Raises
    ------
    SacdError
        Not an EDF, or shorter than its header promises.
    """
    header = _read_header(path)
    record_bytes = 2 * sum(header.samples)
    found = path.stat().st_size - header.offset
    if header.records < 1 or header.record_s < 0 or found < header.records * record_bytes:
        promised = f"{header.records * header.record_s:g} s" if header.records > 0 else "no finished recording"
        held = max(0, found) // max(1, record_bytes) * header.record_s
        raise SacdError(
            f"{path}: the EDF is cut off: its header promises {promised}, the file holds {held:g} s; "
            "copy it from the recorder again"
        )
    names = tuple(name for name in header.labels if name != ANNOTATIONS)
    return Psg(path, header.start, names, _segments(path, header))


def _segments(path: Path, header: _Header) -> tuple[tuple[float, float], ...]:
    if not header.discontinuous:
        return ((0.0, header.records * header.record_s),)
    if ANNOTATIONS not in header.labels:
        raise SacdError(f"{path}: an EDF+D without time-keeping annotations; export it as continuous EDF+")
    signal = header.labels.index(ANNOTATIONS)
    begin, size = 2 * sum(header.samples[:signal]), 2 * header.samples[signal]
    shape = (header.records, 2 * sum(header.samples))
    data = np.memmap(path, np.uint8, "r", header.offset, shape)
    try:
        # Each record's annotation signal begins with its own onset: "+123.5\x14\x14\x00".
        onsets = np.array([float(bytes(row[begin : begin + size]).split(b"\x14")[0]) for row in data])
    except ValueError:
        raise SacdError(f"{path}: an EDF+D record has no onset; export it as continuous EDF+") from None
    breaks = np.flatnonzero(np.abs(np.diff(onsets) - header.record_s) > _GAP_TOLERANCE_S) + 1
    if (np.diff(onsets) < header.record_s - _GAP_TOLERANCE_S).any():
        raise SacdError(f"{path}: EDF+D records overlap or go back in time; export it as continuous EDF+")
    return tuple((float(part[0]), float(part[-1] + header.record_s)) for part in np.split(onsets, breaks))


def choose_channel(psgs: Sequence[Psg], wanted: str | None = None) -> str:
    """The EEG channel that all recordings have: `wanted`, else a central derivation, else any 10–20 derivation.

    `wanted` may be written without the prefix ``EEG`` and in any case.

    Raises
    ------
    SacdError
        No such channel in a recording; the names present are listed.
    """
    def find(psg: Psg, name: str) -> str | None:
        return next((present for present in psg.channels if _plain(present) == _plain(name)), None)

    looks_right = [name for name in psgs[0].channels if _EEG_NAME.fullmatch(name)]
    candidates = [wanted] if wanted else [*_PREFERRED, *looks_right]
    for name in candidates:
        if all(find(psg, name) for psg in psgs):
            return find(psgs[0], name) or name
    if wanted:
        psg = next(psg for psg in psgs if not find(psg, wanted))
        present = ", ".join(psg.channels)
        raise SacdError(f"{psg.path}: no channel {wanted!r}; it has {present}: name one of them with --channel")
    psg = next((psg for psg in psgs if not any(map(_EEG_NAME.fullmatch, psg.channels))), psgs[-1])
    raise SacdError(
        f"{psg.path}: no EEG channel that all recordings share; it has {', '.join(psg.channels)}: "
        "name one that all have with --channel"
    )


def _plain(name: str) -> str:
    return re.sub(r"^eeg[ _-]?", "", name.strip().lower()).replace(":", "-")


def microvolts(unit: str) -> float | None:
    """What one `unit` of an EDF header is in µV, however it is spelled; None where it is no voltage.

    Parameters
    ----------
    unit : str
        Read as Latin-1. The format knows ASCII alone, so a µ may stand there in any encoding.
    """
    for encoding in ("latin-1", "utf-8", "shift_jis"):
        text = unit.encode("latin-1").decode(encoding, errors="replace").casefold()
        if found := _VOLTS.fullmatch(re.sub(r"[\s\0]", "", text)):
            return _MICROVOLTS[found[1]]
    return None


def read_eeg(psg: Psg, channel: str) -> list[np.ndarray]:
    """One channel at 100 Hz.

    Returns
    -------
    list of ndarray
        For each of `psg.segments` float32 [samples], µV. Segments are resampled apart, so nothing leaks over a gap.

    Raises
    ------
    SacdError
        The channel is not in volts, has no physical range, or cannot be read.
    """
    header = _read_header(psg.path)
    name = next(present for present in psg.channels if _plain(present) == _plain(channel))
    signal = header.labels.index(name)
    unit = header.units[signal]
    factor = microvolts(unit)
    if factor is None:
        raise SacdError(
            f"{psg.path}: channel {name} is in {unit!r}, not in volts; correct the unit in the file's header "
            "(uV, mV or V), or choose another channel with --channel"
        )
    with reading(psg.path, "export the file again", f"channel {name} cannot be read"):
        stored = edfio.read_edf(psg.path).signals[psg.channels.index(name)]
        ranges = (stored.physical_min, stored.physical_max), (stored.digital_min, stored.digital_max)
        if any(low == high for low, high in ranges):
            raise ValueError("its physical or digital minimum equals the maximum")
        values = stored.data * factor
    hz = header.samples[signal] / header.record_s
    edges = np.cumsum([0, *(round((end - begin) * hz) for begin, end in psg.segments)])
    parts = [values[first:last] for first, last in zip(edges, edges[1:], strict=False)]
    if hz != EEG_HZ:
        parts = [mne.filter.resample(part, up=EEG_HZ, down=hz, npad="auto", verbose="error") for part in parts]
    return [part.astype(np.float32) for part in parts]
