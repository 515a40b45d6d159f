"""Small PSGs in every format, made by edfio, pybv and mne: the same 40 s of noise, so that all must read the same."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import edfio
import mne
import numpy as np
import pybv

START = datetime.datetime(2024, 3, 1, 22, 30, 0)
HZ, SECONDS = 250, 40
LABELS = ("C3", "A2", "EMG chin", "Thorax", "SpO2")
FORMATS = ("a.edf", "a.rec", "plus.edf", "a.bdf", "plus.bdf", "a.vhdr", "a_raw.fif")


def noise(channels: int = len(LABELS)) -> np.ndarray:
    """Float64 [channels, samples], µV: waves below 20 Hz, and a steady oxygen in the last of five."""
    rng = np.random.default_rng(0)
    values = mne.filter.filter_data(rng.normal(0, 60, (channels, HZ * SECONDS)), HZ, 1, 20, verbose="error")
    values[4:] = 95.0
    return values


def write(path: Path, values: np.ndarray | None = None, labels: Sequence[str] = LABELS, start: bool = True) -> Path:
    """A PSG in the format that the name says; ``plus`` in it asks for annotations."""
    values = noise(len(labels)) if values is None else values
    if path.suffix == ".vhdr":
        pybv.write_brainvision(
            data=values * 1e-6, sfreq=HZ, ch_names=list(labels), fname_base=path.stem, folder_out=path.parent,
            meas_date=START.replace(tzinfo=datetime.UTC) if start else None,
        )
    elif path.suffix == ".fif":
        raw = mne.io.RawArray(values * 1e-6, mne.create_info(list(labels), HZ, "eeg"), verbose="error")
        raw.set_meas_date(START.replace(tzinfo=datetime.UTC) if start else None)
        raw.save(path, verbose="error")
    else:
        kind, whole = (edfio.BdfSignal, edfio.Bdf) if path.suffix == ".bdf" else (edfio.EdfSignal, edfio.Edf)
        signals = [kind(row, HZ, label=name, physical_dimension="uV") for row, name in zip(values, labels, strict=True)]
        whole(
            signals, patient=edfio.Patient(name="Zebediah_Quux"), recording=edfio.Recording(startdate=START.date()),
            starttime=START.time(), data_record_duration=1,
            annotations=[edfio.EdfAnnotation(5, None, "Lights off")] if "plus" in path.stem else None,
        ).write(path)
    return path


def edit(path: Path, at: int, text: bytes, width: int = 8) -> Path:
    """Write other bytes into a file, padded with spaces."""
    data = bytearray(path.read_bytes())
    data[at : at + width] = text.ljust(width)
    path.write_bytes(data)
    return path
