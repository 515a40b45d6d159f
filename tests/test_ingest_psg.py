"""EDF reading: sampling rates, units, channel names."""

from pathlib import Path

import edfio
import numpy as np
import pytest
import recording_folders as made

from sacd.exceptions import SacdError
from sacd.ingest.psg import choose_channel, read_eeg, read_psg


@pytest.mark.parametrize("hz", [64, 100, 200, 256])
def test_any_rate_becomes_100_hz(tmp_path: Path, hz: int) -> None:
    made.write_edf(tmp_path / "a.edf", 60, hz=hz)
    psg = read_psg(tmp_path / "a.edf")
    assert (psg.start, psg.duration_s, psg.channels) == (made.START, 60, ("EEG C3-A2", "EMG chin"))
    (eeg,) = read_eeg(psg, "EEG C3-A2")
    wave = made.AMPLITUDE_UV * np.sin(2 * np.pi * made.SINE_HZ * np.arange(6000) / 100)
    assert eeg.dtype == np.float32
    assert np.abs(eeg - wave)[200:-200].max() < 0.5


def write(path: Path, labels: list[str], unit: str = "uV", scale: float = 1.0) -> Path:
    wave = scale * np.sin(np.arange(1000.0))
    signals = [edfio.EdfSignal(wave, 100, label=label, physical_dimension=unit) for label in labels]
    edfio.Edf(signals).write(path)
    return path


def relabel(path: Path, unit: bytes) -> Path:
    """Write another unit into the header of a file with one signal."""
    data = bytearray(path.read_bytes())
    at = 256 + 96 * int(data[252:256])
    data[at : at + 8] = unit.ljust(8)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("unit", "in_microvolts"),
    [
        (b"uV", 1), (b"UV", 1), (b"uv", 1), (b" uV", 1), (b"u V", 1), (b"uV\0", 1), ("µV".encode("latin-1"), 1),
        ("µV".encode(), 1), ("μV".encode(), 1), ("μV".encode("shift_jis"), 1), (b"uVolt", 1), (b"microV", 1),
        (b"microvol", 1), (b"mV", 1e3), (b"MV", 1e3), (b"V", 1e6), (b"v", 1e6), (b"Volts", 1e6), (b"nV", 1e-3),
        (b"NV", 1e-3),
    ],
)  # fmt: skip
def test_units_become_microvolts(tmp_path: Path, unit: bytes, in_microvolts: float) -> None:
    wave = 50 * np.sin(np.arange(1000.0))
    path = relabel(write(tmp_path / "a.edf", ["C3"], scale=50 / in_microvolts), unit)
    (eeg,) = read_eeg(read_psg(path), "C3")
    assert np.abs(eeg - wave).max() < 0.05


@pytest.mark.parametrize("unit", [b"mmHg", b"", b"uV/cm", b"uV^2", b"kV", b"uVrms", b"dB", b"%", "ΩV".encode()])
def test_what_is_no_voltage_is_refused(tmp_path: Path, unit: bytes) -> None:
    path = relabel(write(tmp_path / "a.edf", ["C3"]), unit)
    with pytest.raises(SacdError, match=r"a\.edf: channel C3 is in '.*', not in volts; correct the unit") as raised:
        read_eeg(read_psg(path), "C3")
    assert "\n" not in str(raised.value) and unit.decode("latin-1") in str(raised.value)


def test_without_a_physical_range_there_is_no_voltage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", ["C3"])
    data = bytearray(path.read_bytes())
    count = int(data[252:256])
    low, high = 256 + 104 * count, 256 + 112 * count
    data[high : high + 8] = data[low : low + 8]
    path.write_bytes(data)
    with pytest.raises(SacdError, match=r"a\.edf: channel C3 cannot be read \(its physical or digital minimum"):
        read_eeg(read_psg(path), "C3")


@pytest.mark.parametrize(
    ("at", "value"),
    [(244, b"nan"), (244, b"inf"), (184, b"-1"), (252, b"-1"), (236, b"x"), (472, b"0"), (472, b"-5")],
)
def test_impossible_numbers_in_the_header(tmp_path: Path, at: int, value: bytes) -> None:
    path = write(tmp_path / "a.edf", ["C3"])
    data = bytearray(path.read_bytes())
    width = 4 if at == 252 else 8
    data[at : at + width] = value.ljust(width)
    path.write_bytes(data)
    with pytest.raises(SacdError, match=r"a\.edf: not an EDF file"):
        read_psg(path)


@pytest.mark.parametrize(
    ("labels", "wanted", "chosen"),
    [
        (["EOG left", "EEG F4-M1", "EEG C4-M1"], None, "EEG C4-M1"),
        (["EMG", "EEG Fpz-Cz", "EEG Pz-Oz"], None, "EEG Fpz-Cz"),
        (["Pleth", "Position", "O1-A2"], None, "O1-A2"),
        (["EEG C3-A2", "EEG O1-A2"], "o1-a2", "EEG O1-A2"),
        (["C3:A2", "EMG"], "C3-A2", "C3:A2"),
    ],
)
def test_channel_choice(tmp_path: Path, labels: list[str], wanted: str | None, chosen: str) -> None:
    assert choose_channel([read_psg(write(tmp_path / "a.edf", labels))], wanted) == chosen


def test_channel_must_be_in_every_recording(tmp_path: Path) -> None:
    psgs = [read_psg(write(tmp_path / f"{i}.edf", labels)) for i, labels in enumerate((["C3", "C4"], ["C4", "F3"]))]
    assert choose_channel(psgs) == "C4"
    with pytest.raises(SacdError, match=r"1\.edf: no channel 'C3'; it has C4, F3"):
        choose_channel(psgs, "C3")
