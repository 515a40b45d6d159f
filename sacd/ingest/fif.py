"""FIF recordings, read by mne; skips of the acquisition are gaps.

The chain of tags is walked before mne is given the file, for it would follow one that leads back for ever.
Format: Functional Image File Format 1.3, Elekta Neuromag.
"""

import re
import struct
from datetime import datetime, timedelta
from pathlib import Path

import mne
import numpy as np
from mne.io.constants import FIFF

from sacd.exceptions import reading
from sacd.ingest.stored import Stored

_HEAD = struct.Struct(">IIii")
_MOST_TAGS = 2**20
_FILE_NAME = 118
"""FIFF_REF_FILE_NAME: the next part of a recording that was split."""
_SKIP = "BAD_ACQ_SKIP"


def open_fif(path: Path) -> Stored:
    """Open a raw FIF file.

    The start is its measurement date. FIF keeps it as UTC; where `utc_offset` says how far local time was from it, it
    is local, and else taken as it is: what mne makes of an EDF keeps the EDF's local time.

    Raises
    ------
    SacdError
        Not such a file, or not a sound one.
    """
    with reading(path, "export it again", "cannot be read as FIF"):
        _check_tags(path)
        raw = mne.io.read_raw_fif(path, verbose="error")
        hz, samples = float(raw.info["sfreq"]), int(raw.n_times)
        if not 0 < hz < np.inf:
            raise ValueError("its sampling rate is impossible")
        segments = _segments(raw, samples / hz, hz)
        chs = raw.info["chs"]
        return Stored(
            path, _start(raw), tuple(raw.ch_names),
            tuple("V" if channel["unit"] == FIFF.FIFF_UNIT_V else "" for channel in chs), (hz,) * len(chs),
            # Skips take their place among the samples.
            segments, tuple(begin for begin, _ in segments),
            read=lambda channel, first, stop: raw[channel, first:stop][0][0],
        )


def _check_tags(path: Path) -> None:
    size, at = path.stat().st_size, 0
    with open(path, "rb") as handle:
        for _ in range(_MOST_TAGS):
            handle.seek(at)
            head = handle.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            kind, _, length, following = _HEAD.unpack(head)
            end = at + _HEAD.size + length
            if length < 0 or end > size:
                raise ValueError("it is cut off")
            if kind == _FILE_NAME:
                name = handle.read(length).decode("latin-1")
                if name == path.name or not re.fullmatch(r"[^/\\\0]+", name):
                    raise ValueError("its next part is not a file beside it")
            if following < 0:
                return
            at, last = following or end, at
            if at <= last:
                raise ValueError("its tags lead back")
    raise ValueError("it has too many tags")


def _start(raw: mne.io.BaseRaw) -> datetime | None:
    date = raw.info["meas_date"]
    if date is None:
        return None
    ahead = re.fullmatch(r"([+-])(\d\d):(\d\d)", raw.info["utc_offset"] or "")
    local = date.replace(tzinfo=None) + timedelta(seconds=float(raw.first_time))
    if ahead is None:
        return local
    minutes = 60 * int(ahead[2]) + int(ahead[3])
    return local + timedelta(minutes=minutes if ahead[1] == "+" else -minutes)


def _segments(raw: mne.io.BaseRaw, seconds: float, hz: float) -> tuple[tuple[float, float], ...]:
    """What lies between the skips, s from the first sample."""
    notes = raw.annotations
    skips = notes.description == _SKIP
    # mne counts them from where the acquisition began, which may be before the first sample that was kept.
    onsets = notes.onset[skips] - raw.first_time
    found, at = [], 0.0
    for begin, length in sorted(zip(onsets, notes.duration[skips], strict=True)):
        found.append((at, float(begin)))
        at = max(at, float(begin + length))
    found.append((at, seconds))
    within = tuple((begin, end) for begin, end in found if end - begin > 0.5 / hz)
    if not within:
        raise ValueError("it holds no samples")
    return within
