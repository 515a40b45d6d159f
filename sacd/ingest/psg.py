"""Polysomnography from EDF, EDF+, BDF, BrainVision and FIF: what a file holds, its EEG at 100 Hz in µV, and the rest.

`sacd.ingest.edf`, `.brainvision` and `.fif` open a file, `.derivations` says what its channels are called, and here one
way leads from there to arrays, whatever the format. A patient's name is never read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import mne
import numpy as np

from sacd.cohort.extras import SignalInfo
from sacd.exceptions import SacdError, reading
from sacd.ingest import derivations, further_signals
from sacd.ingest.brainvision import open_brainvision
from sacd.ingest.edf import open_edf
from sacd.ingest.fif import open_fif
from sacd.ingest.resampling import resampled
from sacd.ingest.stored import Stored
from sacd.ingest.units import microvolts
from sacd.progress import duration

PSG_SUFFIXES: tuple[str, ...] = (".edf", ".rec", ".bdf", ".vhdr", ".fif")
"""Of files that may hold a PSG."""
EEG_HZ = 100.0
BAND_HZ = (0.3, 35.0)
"""What is kept of the EEG, as the AASM manual recommends: a zero-phase FIR filter, −6 dB at 0.15 and 39 Hz."""
# Above, the band's end has left nothing for a notch to take.
_NOTCH_FROM_HZ, _NOTCH_BELOW_HZ = 10.0, 43.0
_SLOWEST_HZ = 50.0
_LARGEST_UV = 1e7
_SHORT_S = 100.0
_MOST_GAPS_TOLD = 10
_READ_SAMPLES = 2**20


@dataclass(frozen=True)
class Channel:
    """A signal of a recording: its name and unit as the file writes them, its rate (Hz), and what it measures.

    `kind` is eeg, eog, emg, airflow, thorax, abdomen, spo2, ecg or other.
    """

    name: str
    unit: str
    hz: float
    kind: str


@dataclass(frozen=True)
class Psg:
    """What the header of a PSG says.

    Attributes
    ----------
    start : datetime or None
        Local time of the first sample; None where the format does not say.
    channels : tuple of Channel
        In the file's order, without annotations.
    segments : tuple of (float, float)
        Stretches without a gap: begin and end, s from `start`.
    """

    path: Path
    start: datetime | None
    channels: tuple[Channel, ...]
    segments: tuple[tuple[float, float], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the channels."""
        return tuple(channel.name for channel in self.channels)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the channels."""
        return tuple(channel.kind for channel in self.channels)

    @property
    def duration_s(self) -> float:
        """From the first sample to the last, gaps included (s)."""
        return self.segments[-1][1]

    @property
    def gaps(self) -> tuple[tuple[float, float], ...]:
        """What lies between the segments: begin and end, s from `start`."""
        return tuple((before[1], after[0]) for before, after in zip(self.segments, self.segments[1:], strict=False))

    @property
    def gaps_in_words(self) -> str:
        """How many gaps, how long each, and after how much of the night; the first ten of them."""
        told = [f"{_seconds(end - begin)} after {duration(begin)}" for begin, end in self.gaps[:_MOST_GAPS_TOLD]]
        more = len(self.gaps) - len(told)
        rest = f" and {more} more" if more else ""
        return f"{len(self.gaps)} gap{'s' * (len(self.gaps) > 1)}: {', '.join(told)}{rest}"


def _seconds(length: float) -> str:
    return f"{length:.3g} s" if length < _SHORT_S else duration(length)


def read_psg(path: Path) -> Psg:
    """Read the header of a PSG and make sure that the file is whole.

    Raises
    ------
    SacdError
        Not a PSG, shorter than its header promises, or with sizes that no night has.
    """
    stored = _open(path)
    described = zip(stored.names, stored.units, stored.rates, strict=True)
    channels = tuple(Channel(name, unit, hz, derivations.kind_of(name, unit)) for name, unit, hz in described)
    return Psg(path, stored.start, channels, stored.segments)


def _open(path: Path) -> Stored:
    return {".vhdr": open_brainvision, ".fif": open_fif}.get(path.suffix.lower(), open_edf)(path)


def choose_channels(psgs: Sequence[Psg], wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """The EEG derivations that all recordings have, directly or by re-referencing, in canonical spelling.

    Parameters
    ----------
    psgs : sequence of Psg
    wanted : sequence of str, optional
        In any spelling: ``C3-M2``, ``EEG C3-A2``, or a channel's own name. By default one derivation: a central one,
        else Fpz-Cz, else any of the 10–20 system.

    Raises
    ------
    SacdError
        A recording lacks a derivation; the names present are listed.
    """
    def lacking(name: str) -> list[Psg]:
        return [psg for psg in psgs if not derivations.sources(name, psg.names, psg.kinds)]

    if wanted:
        for name in wanted:
            for psg in lacking(name):
                present = f"it has {', '.join(psg.names)}" if psg.names else "it has none"
                raise SacdError(f"{psg.path}: no channel {name!r}; {present}: name one of them with --channel")
        return tuple(dict.fromkeys(derivations.canonical(name) for name in wanted))
    offered = dict.fromkeys(name for psg in psgs for name in derivations.candidates(psg.names, psg.kinds))
    best = min(offered, key=lambda name: len(lacking(name)))
    without = lacking(best)
    if not without:
        return (best,)
    psg = next((psg for psg in without if "eeg" not in psg.kinds), without[0])
    have = len(psgs) - len(without)
    remedy = "name one that all have with --channel" if not have else (
        f"{have} of {len(psgs)} have {best}: --channel {best} --keep-going leaves out the others, or name one that all "
        "have"
    )
    present = f"it has {', '.join(psg.names)}" if psg.names else "it has no channel at all"
    raise SacdError(f"{psg.path}: no EEG channel that all recordings share; {present}: {remedy}")


def read_eeg(psg: Psg, channels: Sequence[str], notch: float | None = None) -> list[np.ndarray]:
    """EEG at 100 Hz, from 0.3 to 35 Hz.

    Segments are resampled and filtered apart, so nothing leaks over a gap. Within 5 s of a segment's ends the filter
    has to guess what lies beyond.

    Parameters
    ----------
    psg : Psg
    channels : sequence of str
        Derivations as `choose_channels` gives them.
    notch : float, optional
        A frequency to take out, Hz. The mains' 50 or 60 Hz lie above the band, whether this is asked for or not.

    Returns
    -------
    list of ndarray
        For each of `psg.segments` float32 [channels, samples], µV.

    Raises
    ------
    SacdError
        A channel is not in volts, has no physical range, is too slow, or cannot be read; a notch below 10 Hz.
    """
    if notch is not None and not notch >= _NOTCH_FROM_HZ:
        raise SacdError(f"a notch at {notch:g} Hz would take the EEG itself; name the frequency of what disturbs it")
    stored = _open(psg.path)
    rows = [_derivation(stored, psg, name, notch) for name in channels]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def _derivation(stored: Stored, psg: Psg, name: str, notch: float | None) -> list[np.ndarray]:
    active, *passive = [_electrode(stored, channel) for channel in _sources(psg, name)]
    for other in passive:
        active = [one - reference for one, reference in zip(active, other, strict=True)]
    return [_filtered(part, notch) for part in active]


def _sources(psg: Psg, name: str) -> tuple[int, ...]:
    found = derivations.sources(name, psg.names, psg.kinds)
    if not found:
        raise SacdError(f"{psg.path}: no channel {name!r}; it has {', '.join(psg.names)}")
    return found


def _electrode(stored: Stored, channel: int) -> list[np.ndarray]:
    """A channel as the file has it, at 100 Hz in µV."""
    name, unit, hz = stored.names[channel], stored.units[channel], stored.rates[channel]
    factor = microvolts(unit)
    if factor is None:
        raise SacdError(
            f"{stored.path}: channel {name} is in {unit!r}, not in volts; correct the unit in the file's header "
            "(uV, mV or V), or choose another channel with --channel"
        )
    if hz < _SLOWEST_HZ:
        raise SacdError(
            f"{stored.path}: channel {name} has {hz:g} samples a second, too few for an EEG; choose another channel "
            "with --channel"
        )

    def read(first: int, stop: int) -> np.ndarray:
        with reading(stored.path, "export the file again", f"channel {name} cannot be read"):
            return np.clip(stored.read(channel, first, stop) * factor, -_LARGEST_UV, _LARGEST_UV)

    return [
        resampled(read, first, stop, hz, EEG_HZ, round((end - begin) * EEG_HZ))
        for (first, stop), (begin, end) in zip(stored.ranges(channel), stored.segments, strict=True)
    ]


def _filtered(values: np.ndarray, notch: float | None) -> np.ndarray:
    if len(values) < 2:
        return np.zeros_like(values)
    values = mne.filter.filter_data(values.astype(float), EEG_HZ, *BAND_HZ, verbose="error")
    if notch is not None and notch < _NOTCH_BELOW_HZ:
        values = mne.filter.notch_filter(values, EEG_HZ, notch, verbose="error")
    return values.astype(np.float32)


def read_rails(psg: Psg, channels: Sequence[str]) -> list[np.ndarray]:
    """Where the recorder had no larger number: samples at the highest or lowest value that a channel ever takes.

    A sound signal is there for a moment once a night; one that is clipped, for long. A filter blurs that, so it is
    looked for in the file's own samples.

    Returns
    -------
    list of ndarray
        For each of `psg.segments` bool [channels, samples], sample for sample that of `read_eeg`.
    """
    stored = _open(psg.path)
    rows = []
    for name in channels:
        parts = [_at_rails(stored, channel) for channel in _sources(psg, name)]
        rows.append([np.logical_or.reduce(segment) for segment in zip(*parts, strict=True)])
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def _at_rails(stored: Stored, channel: int) -> list[np.ndarray]:
    ratio = EEG_HZ / stored.rates[channel]
    ranges = stored.ranges(channel)

    def blocks(first: int, stop: int) -> list[range]:
        return [range(at, min(stop, at + _READ_SAMPLES)) for at in range(first, stop, _READ_SAMPLES)]

    read = partial(stored.read, channel)
    with reading(stored.path, "export the file again", f"channel {stored.names[channel]} cannot be read"):
        everything = (read(at[0], at[-1] + 1) for first, stop in ranges for at in blocks(first, stop))
        edges = np.array([(part.min(), part.max()) for part in everything])
        low, high = edges[:, 0].min(), edges[:, 1].max()
        found = []
        for (first, stop), (begin, end) in zip(ranges, stored.segments, strict=True):
            segment = np.zeros(round((end - begin) * EEG_HZ), bool)
            for at in blocks(first, stop) if low < high else ():
                values = read(at[0], at[-1] + 1)
                hits = np.flatnonzero((values == low) | (values == high)) + at[0] - first
                segment[np.minimum((hits * ratio).astype(int), len(segment) - 1)] = True
            found.append(segment)
    return found


def read_signals(psg: Psg) -> tuple[list[np.ndarray], SignalInfo] | None:
    """Eyes, muscles, breathing and oxygen at 10 Hz for the viewer: `sacd.ingest.further_signals`."""
    return further_signals.further_signals(_open(psg.path), psg.kinds)
