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


@pytest.mark.parametrize(("unit", "scale"), [("uV", 1.0), ("mV", 1e-3), ("V", 1e-6)])
def test_units_become_microvolts(tmp_path: Path, unit: str, scale: float) -> None:
    (eeg,) = read_eeg(read_psg(write(tmp_path / "a.edf", ["C3"], unit, scale)), "C3")
    assert np.allclose(eeg, np.sin(np.arange(1000.0)), atol=0.01)


def test_not_in_volts(tmp_path: Path) -> None:
    with pytest.raises(SacdError, match="C3 is in 'mmHg', not in volts"):
        read_eeg(read_psg(write(tmp_path / "a.edf", ["C3"], "mmHg")), "C3")


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
