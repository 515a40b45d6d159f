"""BrainVision recordings (.vhdr with .eeg and .vmrk), read by mne.

The header is looked at before mne is given it: what it names must lie beside it, and its sizes must be possible.
Each *New Segment* marker after the first is a pause of the recorder; its date says how long it was.
Format: BrainVision Core Data Format 1.0, Brain Products.
"""

import re
from datetime import datetime
from pathlib import Path

import mne
import numpy as np
from mne.io.constants import FIFF

from sacd.exceptions import SacdError, reading
from sacd.ingest.stored import Stored, stretches

_LARGEST_HEADER, _LARGEST_MARKERS = 2**22, 2**25
_MOST_CHANNELS = 1024
_CHANNEL = re.compile(r"^Ch(\d+)=([^,\r\n]*),([^,\r\n]*)(?:,[^,\r\n]*,([^,\r\n]*))?", re.MULTILINE | re.IGNORECASE)
_SEGMENT = re.compile(r"^Mk\d+=New Segment,[^,\r\n]*,(\d+),[^,\r\n]*,[^,\r\n]*,?(\d{20})?", re.MULTILINE)
# Two clocks of the recorder: samples, and the time at which it went on.
_GAP_TOLERANCE_S = 0.02
_REMEDY = "export it again"


def open_brainvision(path: Path) -> Stored:
    """Open a BrainVision recording by its header file.

    The start is that of its first *New Segment* marker, local time; None where there is none. The reference that the
    header names for a channel becomes part of its name: ``C3-A2``.

    Raises
    ------
    SacdError
        Not such a header, files it names are absent, data cut off, or a pause of unknown length.
    """
    with reading(path, _REMEDY, "not a BrainVision header"):
        header = _text(path, _LARGEST_HEADER)
        settings = {
            key: match[1].strip()
            for key in ("DataFile", "MarkerFile", "DataFormat", "NumberOfChannels", "DataPoints")
            if (match := re.search(rf"^{key}=(.*)$", header, re.MULTILINE | re.IGNORECASE))
        }
        if not 1 <= int(settings.get("NumberOfChannels", 0)) <= _MOST_CHANNELS:
            raise ValueError("its number of channels is impossible")
        if settings.get("DataFormat", "").upper() != "BINARY":
            raise ValueError("its data are text; export them as binary")
    data, markers = _beside(path, settings, "DataFile"), _beside(path, settings, "MarkerFile")
    if data is None:
        named = settings.get("DataFile", "none")
        raise SacdError(f"{path}: its data file ({named}) is not beside it; put it there, under the header's name")
    with reading(path, _REMEDY, "cannot be read as BrainVision"):
        found = _text(markers, _LARGEST_MARKERS) if markers else ""
        raw = mne.io.read_raw_brainvision(
            path, overrides={"data_fname": str(data), "marker_fname": str(markers) if markers else False},
            verbose="error",
        )
        hz, samples = float(raw.info["sfreq"]), int(raw.n_times)
        if not 0 < hz < np.inf:
            raise ValueError("its sampling interval is impossible")
    promised = int(settings.get("DataPoints") or 0)
    if not samples or promised > samples:
        raise SacdError(
            f"{path}: the data are cut off: the header promises {promised / hz:g} s, {data.name} holds "
            f"{samples / hz:g} s; copy it from the recorder again"
        )
    start, segments, positions = _timing(path, found, hz, samples)
    references = {int(number): (reference.strip(), unit) for number, _, reference, unit in _CHANNEL.findall(header)}
    names, units = [], []
    for number, (name, channel) in enumerate(zip(raw.ch_names, raw.info["chs"], strict=True), 1):
        reference, unit = references.get(number, ("", ""))
        names.append(f"{name}-{reference}" if reference else name)
        # What mne knows as a voltage it gives in V; other spellings it leaves as they are.
        units.append("V" if channel["unit"] == FIFF.FIFF_UNIT_V else unit.strip())
    return Stored(
        path, start, tuple(names), tuple(units), (hz,) * len(names), segments, positions,
        read=lambda channel, first, stop: raw[channel, first:stop][0][0],
    )


def _text(path: Path, largest: int) -> str:
    if path.stat().st_size > largest:
        raise ValueError(f"{path.name} is longer than {largest >> 20} MB")
    return path.read_bytes().decode("latin-1")


def _beside(path: Path, settings: dict[str, str], key: str) -> Path | None:
    """The file that the header names, or the one of the header's own name: files are renamed, headers are not."""
    named = settings.get(key, "").replace("$b", path.stem).replace("\\", "/").rpartition("/")[2]
    own = path.stem + {"DataFile": ".eeg", "MarkerFile": ".vmrk"}[key]
    return next((path.with_name(name) for name in (named, own) if name and path.with_name(name).is_file()), None)


def _timing(
    path: Path, markers: str, hz: float, samples: int
) -> tuple[datetime | None, tuple[tuple[float, float], ...], tuple[float, ...]]:
    parts = [(int(first) - 1, told) for first, told in _SEGMENT.findall(markers)] or [(0, "")]
    with reading(path, _REMEDY, "its marker file is not sound"):
        dates = [datetime.strptime(told, "%Y%m%d%H%M%S%f") if told.strip("0") else None for _, told in parts]
        firsts = [first for first, _ in parts]
        if firsts[0] != 0 or sorted(set(firsts)) != firsts or firsts[-1] >= samples:
            raise ValueError("segments do not follow each other")
    if len(parts) == 1:
        return dates[0], ((0.0, samples / hz),), (0.0,)
    known = [date for date in dates if date is not None]
    if len(known) < len(dates):
        raise SacdError(
            f"{path}: the recorder paused {len(parts) - 1} times and its marker file does not say for how long; "
            "export each part as a recording of its own"
        )
    begins = [(date - known[0]).total_seconds() for date in known]
    with reading(path, _REMEDY, "its marker file is not sound"):
        segments, positions = stretches(begins, np.diff([*firsts, samples]) / hz, _GAP_TOLERANCE_S)
    return known[0], segments, positions
