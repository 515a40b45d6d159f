"""What a viewer shows beside the EEG: eyes, muscles, breathing and oxygen of a night, at ten values a second.

Names are those of a closed list, never a file's own labels. Of muscles the level is kept, the root of the mean square
over a tenth of a second from 10 Hz on, as the simulator writes it (`sacd.simulate.extras`).
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

import mne
import numpy as np
from scipy.signal import butter, sosfilt

from sacd.cohort.extras import SignalInfo
from sacd.exceptions import SacdError, reading
from sacd.ingest.resampling import nearest, resampled
from sacd.ingest.stored import Stored
from sacd.ingest.units import microvolts, suiting

HZ = 10.0
_MUSCLE_HZ, _MUSCLE_FROM_HZ = 200.0, 10.0
# Slower, a muscle's channel holds its level already.
_SLOWEST_MUSCLE_HZ = 50.0
_EYES_FROM_HZ = 0.3
_SLOWEST_HZ = 0.2
_KEPT = {"eog": 2, "emg": 3, "thorax": 1, "abdomen": 1, "airflow": 2, "spo2": 1}
"""Kinds in the order in which they are shown, and how many of each."""
_NAMES = {
    "eog": (("left", r"left|\bl\b|\be1|\bloc|leog"), ("right", r"right|\br\b|\be2|\broc|reog")),
    "emg": (("chin", r"chin|kinn|mental"), ("leg", r"leg|bein|tib|\b[lr]at\b|plm")),
    "airflow": (("nasal", r"nasal|cannula|ptaf|npres"), ("flow", "")),
    "thorax": (("thorax", ""),),
    "abdomen": (("abdomen", ""),),
}
_WORDS = {"eog": "EOG", "emg": "EMG", "thorax": "Resp", "abdomen": "Resp", "airflow": "Resp", "spo2": "SpO2"}


def further_signals(stored: Stored, kinds: Sequence[str]) -> tuple[list[np.ndarray], SignalInfo] | None:
    """The further channels of a recording at 10 Hz; one that cannot be read, or has no range, is left out.

    Parameters
    ----------
    stored : Stored
    kinds : sequence of str
        Of its channels, as `sacd.ingest.derivations.kind_of` gives them.

    Returns
    -------
    list of ndarray, SignalInfo
        For each segment float32 [channels, samples], within what float16 holds; names, units and rate. None where
        the recording has no such channel.
    """
    rows: list[list[np.ndarray]] = []
    names: list[str] = []
    units: list[str] = []
    for kind, most in _KEPT.items():
        found = [i for i, one in enumerate(kinds) if one == kind and stored.rates[i] >= _SLOWEST_HZ]
        # A chin before the legs, wherever the recorder puts it.
        for channel in sorted(found, key=lambda i, kind=kind: (_name(kind, stored.names[i]) != "EMG chin", i))[:most]:
            try:
                with reading(stored.path, "export it again"):
                    parts, unit = _signal(stored, channel, kind)
            except SacdError:
                continue
            name = _name(kind, stored.names[channel])
            names.append(name if name not in names else f"{name} {1 + sum(one.startswith(name) for one in names)}")
            units.append(unit)
            rows.append(parts)
    if not rows:
        return None
    info = SignalInfo(channels=tuple(names), units=tuple(units), hz=HZ)
    return [np.stack(parts) for parts in zip(*rows, strict=True)], info


def _name(kind: str, label: str) -> str:
    words = re.sub(r"[^a-z0-9]+", " ", label.lower())
    which = next((name for name, pattern in _NAMES.get(kind, ()) if re.search(pattern, words)), "")
    return f"{_WORDS[kind]} {which}".strip()


def _signal(stored: Stored, channel: int, kind: str) -> tuple[list[np.ndarray], str]:
    unit, hz = stored.units[channel], stored.rates[channel]
    volts = microvolts(unit)
    read = partial(stored.read, channel)
    parts = []
    for (first, stop), (begin, end) in zip(stored.ranges(channel), stored.segments, strict=True):
        make: Callable[..., np.ndarray] = nearest if kind == "spo2" else resampled
        if kind == "emg" and hz >= _SLOWEST_MUSCLE_HZ:
            make = _level
        values = make(read, first, stop, hz, HZ, round((end - begin) * HZ))
        if kind == "eog" and len(values) > 1:
            # An offset of electrodes would take the digits that the eyes need.
            values = mne.filter.filter_data(values.astype(float), HZ, _EYES_FROM_HZ, None, verbose="error")
        parts.append(values)
    everything = np.concatenate(parts)
    if kind in ("eog", "emg") and volts is not None:
        factor, unit = volts, "µV"
    else:
        factor, unit = suiting(everything, unit)
    if kind == "emg" and hz >= _SLOWEST_MUSCLE_HZ:
        unit += " rms"
    largest = float(np.finfo(np.float16).max)
    return [np.clip(part * factor, -largest, largest).astype(np.float32) for part in parts], unit


def _level(
    read: Callable[[int, int], np.ndarray], first: int, stop: int, hz: float, to_hz: float, count: int
) -> np.ndarray:
    """As `resampled`, of what is faster than 10 Hz the root of the mean square."""
    each = round(_MUSCLE_HZ / to_hz)
    values = resampled(read, first, stop, hz, _MUSCLE_HZ, count * each)
    sos = butter(4, _MUSCLE_FROM_HZ, "highpass", fs=_MUSCLE_HZ, output="sos").astype(np.float32)
    start = values[:1].mean() if count else np.float32(0)
    squares = sosfilt(sos, values - start) ** 2
    return np.sqrt(squares.reshape(count, each).mean(axis=1, dtype=float)).astype(np.float32)
