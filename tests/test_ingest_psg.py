"""EDF and BDF: sampling rates, units, the band, channels, gaps, and headers that cannot be."""

import datetime
import re
import resource
import time
from pathlib import Path

import edfio
import numpy as np
import psg_files
import pytest
import recording_folders as made

from sacd.exceptions import SacdError
from sacd.ingest.psg import choose_channels, read_eeg, read_psg, read_rails
from sacd.ingest.signal_quality import signal_faults


@pytest.mark.parametrize("hz", [64, 100, 200, 256, 333])
def test_any_rate_becomes_100_hz(tmp_path: Path, hz: int) -> None:
    made.write_edf(tmp_path / "a.edf", 60, hz=hz)
    psg = read_psg(tmp_path / "a.edf")
    assert (psg.start, psg.duration_s, psg.names) == (made.START, 60, ("EEG C3-A2", "EMG chin"))
    (eeg,) = read_eeg(psg, ["C3-M2"])
    wave = made.AMPLITUDE_UV * np.sin(2 * np.pi * made.SINE_HZ * np.arange(6000) / 100)
    assert eeg.dtype == np.float32 and eeg.shape == (1, 6000)
    assert np.abs(eeg[0] - wave)[600:-600].max() < 0.2


def write(
    path: Path, labels: list[str], unit: str = "uV", wave: np.ndarray | None = None, hz: float = 100,
    record_s: float | None = None,
) -> Path:
    """An EDF whose channels are all the same wave, by default a sine of 2.5 Hz, amplitude 1, for 30 s."""
    wave = np.sin(2 * np.pi * 2.5 * np.arange(30 * hz) / hz) if wave is None else wave
    signals = [edfio.EdfSignal(wave, hz, label=label, physical_dimension=unit) for label in labels]
    edfio.Edf(signals, data_record_duration=record_s).write(path)
    return path


def field(path: Path, which: int, text: bytes) -> Path:
    """Write a field of the first signal's header: 96 unit, 104 and 112 physical, 120 and 128 digital range."""
    return psg_files.edit(path, 256 + which * int(path.read_bytes()[252:256]), text)


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
    wave = 50 * np.sin(2 * np.pi * 2.5 * np.arange(3000) / 100)
    path = field(write(tmp_path / "a.edf", ["C3"], wave=wave / in_microvolts), 96, unit)
    (eeg,) = read_eeg(read_psg(path), ["C3"])
    assert np.abs(eeg[0] - wave)[600:-600].max() < 0.2


@pytest.mark.parametrize("unit", [b"mmHg", b"", b"uV/cm", b"uV^2", b"kV", b"uVrms", b"dB", b"%", "ΩV".encode()])
def test_what_is_no_voltage_is_refused(tmp_path: Path, unit: bytes) -> None:
    path = field(write(tmp_path / "a.edf", ["C3"]), 96, unit)
    with pytest.raises(SacdError, match=r"a\.edf: channel C3 is in '.*', not in volts; correct the unit") as raised:
        read_eeg(read_psg(path), ["C3"])
    assert "\n" not in str(raised.value) and unit.decode("latin-1") in str(raised.value)


@pytest.mark.parametrize(
    ("which", "text", "fault"),
    [
        (112, b"-1", "its physical or digital minimum equals the maximum"),
        (128, b"-32768", "its physical or digital minimum equals the maximum"),
        (128, b"-40000", "its physical or digital minimum equals the maximum"),
        (104, b"nan", "its physical or digital range is no number"), (104, b"x", "could not convert"),
    ],
)
def test_without_a_range_there_is_no_voltage(tmp_path: Path, which: int, text: bytes, fault: str) -> None:
    path = field(write(tmp_path / "a.edf", ["C3"]), 104, b"-1")
    field(path, which, text)
    with pytest.raises(SacdError, match=rf"a\.edf: channel C3 cannot be read \({fault}") as raised:
        read_eeg(read_psg(path), ["C3"])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("at", "value"),
    [(244, b"nan"), (244, b"inf"), (244, b"0"), (184, b"-1"), (252, b"-1"), (236, b"x"), (472, b"0"), (472, b"-5")],
)
def test_impossible_numbers_in_the_header(tmp_path: Path, at: int, value: bytes) -> None:
    path = write(tmp_path / "a.edf", ["C3"])
    psg_files.edit(path, at, value, 4 if at == 252 else 8)
    with pytest.raises(SacdError, match=r"a\.edf: not an EDF file"):
        read_psg(path)


def test_what_recorders_write_beside_the_format(tmp_path: Path) -> None:
    path = write(tmp_path / "a.rec", ["EEG C3-A2"], wave=np.zeros(3000), record_s=0.5)
    psg_files.edit(path, 244, b"0,5")
    psg_files.edit(path, 168, b"00.00.00")
    psg_files.edit(path, 176, b"23:15:30")
    psg_files.edit(path, 256, "EEG C3-A2 é".encode("latin-1"), 16)
    psg = read_psg(path)
    assert psg.start == datetime.datetime(1985, 1, 1, 23, 15, 30)
    assert psg.duration_s == 30 and psg.channels[0].hz == 100
    assert read_eeg(psg, ["EEG C3-A2 é"])[0].shape == (1, 3000)


def test_the_fraction_of_a_second_of_an_edf_plus(tmp_path: Path) -> None:
    starttime = datetime.time(22, 30, 0, 250_000)
    signal = edfio.EdfSignal(np.zeros(3000), 100, label="C3", physical_dimension="uV")
    edfio.Edf([signal], starttime=starttime, annotations=[edfio.EdfAnnotation(5, None, "x")]).write(tmp_path / "a.edf")
    assert read_psg(tmp_path / "a.edf").start.time() == starttime


def power(eeg: np.ndarray, hz: float) -> float:
    """Amplitude of a sine at `hz`, away from the ends."""
    middle = eeg[600:-600]
    return float(2 * np.abs(np.mean(middle * np.exp(-2j * np.pi * hz * np.arange(len(middle)) / 100))))


def test_the_band_and_a_notch(tmp_path: Path) -> None:
    t = np.arange(0, 72, 1 / 256)
    frequencies = (0.05, 1, 16.5, 34, 50, 60)
    wave = sum(np.sin(2 * np.pi * hz * t) for hz in frequencies)
    psg = read_psg(write(tmp_path / "a.edf", ["C3"], wave=100 * wave + 5000, hz=256))
    (eeg,) = read_eeg(psg, ["C3"])
    assert [power(eeg[0], hz) for hz in (1, 16.5, 34)] == pytest.approx([100, 100, 100], abs=2)
    assert power(eeg[0], 0.05) < 10 and abs(eeg[0, 600:-600].mean()) < 1
    # The mains' 60 Hz would come back as 40.
    assert power(eeg[0], 50) < 0.5 and power(eeg[0], 40) < 0.5
    (notched,) = read_eeg(psg, ["C3"], notch=16.5)
    with pytest.raises(SacdError, match="a notch at 2 Hz would take the EEG itself"):
        read_eeg(psg, ["C3"], notch=2)
    assert power(notched[0], 16.5) < 5 and power(notched[0], 1) == pytest.approx(100, abs=2)


@pytest.mark.parametrize(
    ("labels", "wanted", "chosen"),
    [
        (["EOG left", "EEG F4-M1", "EEG C4-M1"], None, "C4-M1"),
        (["EMG", "EEG Pz-Oz", "EEG Fpz-Cz"], None, "Fpz-Cz"),
        (["Pleth", "Position", "O1-A2"], None, "O1-M2"),
        (["O1-A1", "C3-A1", "ECG"], None, "C3-M1"),
        (["O1-A1", "F3-A2", "C4-Ref", "A1-Ref"], None, "C4-M1"),
        (["A1", "A2", "O2"], None, "O2"),
        (["EEG A1-Ref", "EEG C3-LE", "EEG C4-LE"], None, "C3-LE"),
        (["SaO2", "EEG"], None, "EEG"),
        (["EEG C3-A2", "EEG O1-A2"], "o1-a2", "O1-M2"),
        (["C3:A2", "EMG"], "C3-A2", "C3-M2"),
        (["C3-M1", "M2-M1"], "C3-M2", "C3-M2"),
        (["EEG(sec)", "EEG"], "eeg(SEC)", "eeg(SEC)"),
    ],
)
def test_channel_choice(tmp_path: Path, labels: list[str], wanted: str | None, chosen: str) -> None:
    psg = read_psg(write(tmp_path / "a.edf", labels))
    assert choose_channels([psg], [wanted] if wanted else None) == (chosen,)
    assert read_eeg(psg, [chosen])[0].shape == (1, 3000)


def test_channels_must_be_in_every_recording(tmp_path: Path) -> None:
    psgs = [
        read_psg(write(tmp_path / f"{i}.edf", labels))
        for i, labels in enumerate((["C3-A2", "C4", "F3"], ["EEG C4-Ref", "F3", "A2", "Snore"]))
    ]
    assert choose_channels(psgs) == ("C4",)
    assert choose_channels(psgs, ["F3", "c4"]) == ("F3", "C4")
    with pytest.raises(SacdError, match=r"1\.edf: no channel 'C3-A2'; it has EEG C4-Ref, F3, A2, Snore: name one"):
        choose_channels(psgs, ["C4", "C3-A2"])
    with pytest.raises(SacdError, match=r"1\.edf: no EEG channel that all recordings share; it has EMG"):
        choose_channels([psgs[0], read_psg(write(tmp_path / "1.edf", ["EMG", "Snore"]))])


def test_a_gap_is_never_resampled_over(tmp_path: Path) -> None:
    made.write_edf(tmp_path / "a.edf", 60, hz=250)
    made.make_discontinuous(tmp_path / "a.edf", 20, 30)
    made.make_discontinuous(tmp_path / "a.edf", 50, 5)
    psg = read_psg(tmp_path / "a.edf")
    assert psg.segments == ((0.0, 20.0), (50.0, 80.0), (85.0, 95.0)) and psg.duration_s == 95
    assert psg.gaps_in_words == "2 gaps: 30 s after 20 s, 5 s after 1 min 20 s"
    parts = read_eeg(psg, ["C3-M2"])
    wave = made.AMPLITUDE_UV * np.sin(2 * np.pi * made.SINE_HZ * np.arange(3000) / 100)
    assert [part.shape for part in parts] == [(1, 2000), (1, 3000), (1, 1000)]
    assert np.abs(parts[1][0] - wave)[600:-600].max() < 0.3


def test_many_gaps_are_told_in_one_line(tmp_path: Path) -> None:
    made.write_edf(tmp_path / "a.edf", 40)
    for record in range(3, 40, 3):
        made.make_discontinuous(tmp_path / "a.edf", record, 2)
    psg = read_psg(tmp_path / "a.edf")
    assert psg.gaps_in_words.startswith("13 gaps: 2 s after 3 s, 2 s after 8 s")
    assert psg.gaps_in_words.endswith(" and 3 more")


def test_rails_tell_clipping_and_impossible_amplitudes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 30, 120 * 256)
    wave[60 * 256 : 90 * 256] = np.clip(40 * wave[60 * 256 : 90 * 256], -800, 800)
    wave[90 * 256 :] *= 1e4 / 30
    quiet = write(tmp_path / "a.edf", ["C3"], wave=wave[: 60 * 256], hz=256)
    clipped = write(tmp_path / "b.edf", ["C3-Ref", "M2-Ref"], wave=wave[: 90 * 256], hz=256)
    impossible = write(tmp_path / "c.edf", ["C3"], wave=wave, hz=256)
    found = {}
    for path, channel in ((quiet, "C3"), (clipped, "C3"), (impossible, "C3")):
        psg = read_psg(path)
        (eeg,), (rails,) = read_eeg(psg, [channel]), read_rails(psg, [channel])
        assert rails.shape == eeg.shape
        clips = (array.reshape(1, -1, 3000).swapaxes(0, 1) for array in (eeg, rails))
        found[path.stem] = signal_faults(*clips)
    assert not found["a"].to_numpy().any()
    assert found["b"].clipped.tolist() == [False, False, True]
    assert found["c"].impossible.tolist() == [False, False, False, True]


def sparse(path: Path, records: int, record_s: str, samples: int, signals: int = 1) -> Path:
    """An EDF of zeros that takes no room on the disk."""
    write(path, ["C3"] * signals)
    head = bytearray(path.read_bytes()[: 256 * (signals + 1)])
    head[236:252] = str(records).encode().ljust(8) + record_s.encode().ljust(8)
    for i in range(signals):
        at = 256 + 216 * signals + 8 * i
        head[at : at + 8] = str(samples).encode().ljust(8)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + 2 * records * samples * signals)
    return path


@pytest.mark.parametrize(
    ("records", "record_s", "samples", "fault"),
    [
        (99999999, "1", 1, "its header promises 2.778e+04 h at up to 1 Hz, more than a night holds"),
        (1, "1e-7", 1000, "more than a night holds"),
        (28800, "1", 20000, "has 20000 samples a second, too many for a night"),
        (1000, "60", 100, "has 1.66667 samples a second, too few for an EEG"),
    ],
)
def test_bombs_of_zeros(tmp_path: Path, records: int, record_s: str, samples: int, fault: str) -> None:
    path = sparse(tmp_path / "a.edf", records, record_s, samples, 5)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(SacdError, match=re.escape(fault)) as raised:
        read_eeg(read_psg(path), ["C3"])
    assert "\n" not in str(raised.value)
    # Megabytes, where the files pretend to hold gigabytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 2**10
    assert time.process_time() - begun < 2


def test_one_record_as_long_as_the_night(tmp_path: Path) -> None:
    psg = read_psg(sparse(tmp_path / "a.edf", 1, "7200", 7200 * 200, 5))
    assert read_eeg(psg, ["C3"])[0].shape == (1, 720_000)


@pytest.mark.slow
def test_a_long_night_at_2_khz_is_never_in_memory_whole(tmp_path: Path) -> None:
    path = sparse(tmp_path / "a.edf", 12 * 3600, "1", 2048, 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    psg = read_psg(path)
    assert read_eeg(psg, ["C3"])[0].shape == (1, 12 * 360_000) and not read_rails(psg, ["C3"])[0].any()
    # Of float64 the night alone would be 700 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 2**10


def test_the_recordings_without_the_channel_of_most_are_named(tmp_path: Path) -> None:
    names = (["C3-A2"], ["C4-A1"], ["EEG C3-M2"])
    psgs = [read_psg(write(tmp_path / f"{i}.edf", labels)) for i, labels in enumerate(names)]
    with pytest.raises(SacdError, match=r"1\.edf: no EEG .*; it has C4-A1: 2 of 3 have C3-M2: --channel C3-M2 --k"):
        choose_channels(psgs)
