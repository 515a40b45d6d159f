"""Eyes, muscles, breathing and oxygen of a PSG at ten values a second."""

from pathlib import Path

import edfio
import numpy as np
import psg_files
import pytest
import recording_folders as made

from sacd.ingest.psg import read_psg, read_signals
from sacd.ingest.units import microvolts, suiting

SECONDS = 60


def write(path: Path, channels: dict[str, tuple[np.ndarray, float, str]]) -> Path:
    """An EDF of these: samples, Hz, unit."""
    signals = [edfio.EdfSignal(x, hz, label=name, physical_dimension=unit) for name, (x, hz, unit) in channels.items()]
    edfio.Edf(signals, data_record_duration=10).write(path)
    return path


def test_each_kind_in_its_way(tmp_path: Path) -> None:
    rng, t = np.random.default_rng(0), np.arange(0, SECONDS, 1 / 25)
    breath = np.sin(2 * np.pi * 0.25 * t)
    muscle = rng.normal(0, 5, SECONDS * 200)
    muscle[30 * 200 : 32 * 200] *= 10
    eyes = 20_000 + 80 * np.sin(2 * np.pi * 0.8 * np.arange(0, SECONDS, 1 / 128))
    oxygen = np.repeat([96.0, 88.0, 95.0], SECONDS / 3)
    path = write(tmp_path / "a.edf", {
        "Leg/L": (muscle, 200, "uV"), "EMG chin": (muscle / 1000, 200, "mV"), "SpO2": (oxygen, 1, "%"),
        "EEG C3-A2": (muscle, 200, "uV"), "Thorax": (breath * 2e6, 25, ""), "Abdomen": (0.5 * breath, 25, "mV"),
        "Nasal Pressure": (breath, 25, "cmH2O"), "Flow": (breath, 25, "cmH2O"), "E1-M2": (eyes, 128, "UV"),
        "E2-M1": (eyes, 128, "UV"), "Snore": (breath, 25, ""), "Resp nasal": (breath, 25, "V"),
    })  # fmt: skip
    (signals,), info = read_signals(read_psg(path)) or ([], None)
    assert info.channels == (
        "EOG left", "EOG right", "EMG chin", "EMG leg", "Resp thorax", "Resp abdomen", "Resp nasal", "Resp flow",
        "SpO2",
    )  # fmt: skip
    assert info.units == ("µV", "µV", "µV rms", "µV rms", "10^6 a.u.", "µV", "cmH2O", "cmH2O", "%")
    assert signals.shape == (9, 600) and np.isfinite(signals.astype(np.float16)).all()
    middle = slice(150, -150)
    tenth = np.arange(600) / 10
    assert np.abs(signals[0] - 80 * np.sin(2 * np.pi * 0.8 * tenth))[middle].max() < 4
    # From 10 Hz on: nine tenths of the power of white noise at 200 Hz.
    assert signals[2, 20:280].mean() == pytest.approx(5 * np.sqrt(0.9), rel=0.05)
    assert signals[2, 302:318].mean() == pytest.approx(50 * np.sqrt(0.9), rel=0.1)
    assert np.allclose(signals[2], signals[3], rtol=0.02, atol=0.05)
    for row, size in ((4, 2), (5, 500), (6, 1)):
        assert np.abs(signals[row] - size * np.sin(2 * np.pi * 0.25 * tenth))[middle].max() < 0.01 * size
    # An oximeter's steps stay steps.
    assert np.abs(signals[8] - np.repeat([96, 88, 95], 200)).max() < 0.01


def test_a_muscle_at_one_hertz_is_a_level_already(tmp_path: Path) -> None:
    path = write(tmp_path / "a.edf", {"EMG submental": (np.full(SECONDS, 3.0) + np.arange(SECONDS) % 2, 1, "uV")})
    (signals,), info = read_signals(read_psg(path)) or ([], None)
    assert info.units == ("µV",) and signals[0, 100:500].mean() == pytest.approx(3.5, abs=0.05)


def test_gaps_and_channels_that_cannot_be_read(tmp_path: Path) -> None:
    made.write_edf(tmp_path / "a.edf", 60, channels=("EEG C3-A2", "EMG chin", "Chin 2", "Thorax"))
    made.make_discontinuous(tmp_path / "a.edf", 20, 30)
    # The digital range of the second chin is empty.
    count = int((tmp_path / "a.edf").read_bytes()[252:256])
    psg_files.edit(tmp_path / "a.edf", 256 + 128 * count + 8 * 2, b"-32768")
    signals, info = read_signals(read_psg(tmp_path / "a.edf")) or ([], None)
    assert info.channels == ("EMG chin", "Resp thorax") and info.units == ("µV rms", "µV")
    assert [part.shape for part in signals] == [(2, 200), (2, 400)]


def test_nothing_beside_the_eeg(tmp_path: Path) -> None:
    made.write_edf(tmp_path / "a.edf", 60, channels=("EEG C3-A2", "ECG"))
    assert read_signals(read_psg(tmp_path / "a.edf")) is None


@pytest.mark.parametrize(
    ("largest", "unit", "factor", "told"),
    [
        (50, "uV", 1, "µV"), (0.3, "mV", 1e3, "µV"), (5e3, "UV", 1e-3, "mV"), (2.0, "V", 1.0, "V"), (7, "", 1, "a.u."),
        (7, "cm\0H2O", 1, "cmH2O"), (2e6, "", 1e-6, "10^6 a.u."), (3e-4, "L/s", 1e4, "10^-4 L/s"), (0, "%", 1, "%"),
    ],
)  # fmt: skip
def test_units_that_suit_the_numbers(largest: float, unit: str, factor: float, told: str) -> None:
    assert suiting(np.array([0, -largest]), unit) == (pytest.approx(factor), told)


def test_units_of_unicode() -> None:
    assert [microvolts(unit) for unit in ("µV", "μV", "V", "cmH2O", "℃")] == [1, 1, 1e6, None, None]
