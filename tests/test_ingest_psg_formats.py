"""One PSG in every format: the same channels, start, EEG and further signals come from each."""

import datetime
import re
from pathlib import Path

import edfio
import mne
import numpy as np
import psg_files as made
import pytest

from sacd.exceptions import SacdError
from sacd.ingest.edf import open_edf
from sacd.ingest.psg import PSG_SUFFIXES, choose_channels, read_eeg, read_psg, read_signals


def by_mne(microvolts: np.ndarray) -> np.ndarray:
    """By mne's own resampling, which takes a signal whole."""
    slow = mne.filter.resample(microvolts, up=100, down=made.HZ, verbose="error")
    return mne.filter.filter_data(slow, 100, 0.3, 35, verbose="error")


@pytest.mark.parametrize("name", made.FORMATS)
def test_every_format_reads_the_same(tmp_path: Path, name: str) -> None:
    psg = read_psg(made.write(tmp_path / name))
    assert psg.path.suffix in PSG_SUFFIXES
    assert (psg.start, psg.segments) == (made.START, ((0.0, 40.0),))
    assert psg.names == made.LABELS and psg.kinds == ("eeg", "eeg", "emg", "thorax", "spo2")
    assert {channel.hz for channel in psg.channels} == {made.HZ}
    assert choose_channels([psg]) == ("C3-M2",)
    (eeg,) = read_eeg(psg, ["C3-M2", "C3"])
    assert eeg.dtype == np.float32 and eeg.shape == (2, 4000)
    for row, microvolts in zip(eeg, (made.noise()[0] - made.noise()[1], made.noise()[0]), strict=True):
        # Near the ends both guess what lies beyond.
        assert np.abs(row - by_mne(microvolts))[600:-600].max() < 0.05
    (signals,), info = read_signals(psg) or ([], None)
    assert info.channels == ("EMG chin", "Resp thorax", "SpO2") and info.hz == 10
    assert info.units[0] == "µV rms" and signals.shape == (3, 400)
    muscle = mne.filter.filter_data(made.noise()[2], made.HZ, 10, None, verbose="error")
    level = np.sqrt((muscle**2).reshape(-1, made.HZ // 10).mean(axis=1))
    assert signals[0, 20:-20].mean() == pytest.approx(level[20:-20].mean(), rel=0.1)


def test_samples_are_those_of_edfio_and_mne(tmp_path: Path) -> None:
    for name, read, other in (
        ("plus.edf", edfio.read_edf, mne.io.read_raw_edf), ("plus.bdf", edfio.read_bdf, mne.io.read_raw_bdf),
    ):
        path = made.write(tmp_path / name)
        stored, raw = open_edf(path), other(path, verbose="error")
        for channel, signal in enumerate(read(path).signals):
            # Over the borders of records, and from within one.
            ours = stored.read(channel, 130, 5127)
            assert np.abs(ours - signal.data[130:5127]).max() < 1e-9
            assert np.abs(ours - 1e6 * raw[channel, 130:5127][0][0]).max() < 1e-9


def test_formats_without_a_start(tmp_path: Path) -> None:
    for name in ("a.vhdr", "a_raw.fif"):
        assert read_psg(made.write(tmp_path / name, start=False)).start is None


def test_fif_in_another_zone(tmp_path: Path) -> None:
    raw = mne.io.RawArray(made.noise() * 1e-6, mne.create_info(5, made.HZ, "eeg"), first_samp=500, verbose="error")
    raw.set_meas_date(made.START.replace(tzinfo=datetime.UTC))
    with raw.info._unlock():
        raw.info["utc_offset"] = "-05:30"
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    # Two seconds into the acquisition, and local.
    assert read_psg(tmp_path / "a_raw.fif").start == datetime.datetime(2024, 3, 1, 17, 0, 2)


def test_skips_of_a_fif_are_gaps(tmp_path: Path) -> None:
    values = made.noise(2) * 1e-6
    values[:, 10 * made.HZ : 25 * made.HZ] = 0
    raw = mne.io.RawArray(values, mne.create_info(["C3", "A2"], made.HZ, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([10.0], [15.0], ["BAD_ACQ_SKIP"]))
    raw.save(tmp_path / "a_raw.fif", buffer_size_sec=1, verbose="error")
    psg = read_psg(tmp_path / "a_raw.fif")
    assert psg.segments == ((0.0, 10.0), (25.0, 40.0))
    assert psg.gaps_in_words == "1 gap: 15 s after 10 s"
    eeg = read_eeg(psg, ["C3"])
    assert [part.shape for part in eeg] == [(1, 1000), (1, 1500)]
    assert np.abs((eeg[1][0] - by_mne(1e6 * values[0, 25 * made.HZ :]))[600:-600]).max() < 0.05


def pause(path: Path, told: str) -> Path:
    """Let the recorder of a BrainVision file pause after 16 s, to go on at a time."""
    with open(path.with_suffix(".vmrk"), "a") as markers:
        markers.write(f"Mk2=Stimulus,S  1,20,1,0\nMk3=New Segment,,{16 * made.HZ + 1},1,0{told}\n")
    return path


def test_pauses_of_a_brainvision_recorder_are_gaps(tmp_path: Path) -> None:
    psg = read_psg(pause(made.write(tmp_path / "a.vhdr"), ",20240301223100000000"))
    assert psg.segments == ((0.0, 16.0), (60.0, 84.0))
    assert [part.shape[1] for part in read_eeg(psg, ["C3"])] == [1600, 2400]
    (tmp_path / "b").mkdir()
    psg = read_psg(pause(made.write(tmp_path / "b" / "a.vhdr"), ",20240301223016005000"))
    assert psg.gaps == ()


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ("", "the recorder paused 1 times and its marker file does not say for how long"),
        (",20240301223010000000", "its marker file is not sound (parts of the recording overlap"),
        (",20241301223010000000", "its marker file is not sound"),
    ],
)
def test_pauses_that_cannot_be(tmp_path: Path, told: str, fault: str) -> None:
    with pytest.raises(SacdError, match=re.escape(fault)):
        read_psg(pause(made.write(tmp_path / "a.vhdr"), told))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("NumberOfChannels=5", "NumberOfChannels=99999999999", "its number of channels is impossible"),
        ("DataFormat=BINARY", "DataFormat=ASCII", "its data are text; export them as binary"),
        ("SamplingInterval=4000.0", "SamplingInterval=-1", "its sampling interval is impossible"),
        ("SamplingInterval=4000.0", "SamplingInterval=1e-9", "more than a night holds"),
        ("DataFile=a.eeg", "DataFile=a.eeg\nDataPoints=50000", "the data are cut off: the header promises 200 s"),
        ("[Channel Infos]", "[Other]", "cannot be read as BrainVision"),
    ],
)
def test_brainvision_headers_that_cannot_be(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = made.write(tmp_path / "a.vhdr")
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(SacdError, match=re.escape(fault)) as caught:
        read_psg(path)
    assert "\n" not in str(caught.value)


def test_a_brainvision_recording_that_was_renamed(tmp_path: Path) -> None:
    path = made.write(tmp_path / "a.vhdr")
    for suffix in (".vhdr", ".eeg", ".vmrk"):
        path.with_suffix(suffix).rename(tmp_path / f"b{suffix}")
    psg = read_psg(tmp_path / "b.vhdr")
    assert psg.start == made.START and read_eeg(psg, ["C3"])[0].shape == (1, 4000)
    (tmp_path / "b.eeg").unlink()
    with pytest.raises(SacdError, match=r"b\.vhdr: its data file \(a\.eeg\) is not beside it"):
        read_psg(tmp_path / "b.vhdr")


def test_no_file_elsewhere_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    made.write(secret / "a.vhdr")
    path = made.write(tmp_path / "b.vhdr")
    (tmp_path / "b.eeg").unlink()
    text = path.read_text(encoding="utf-8")
    for named in ("elsewhere/a.eeg", str(secret / "a.eeg"), "../elsewhere/a.eeg"):
        path.write_text(text.replace("DataFile=b.eeg", f"DataFile={named}"), encoding="utf-8")
        with pytest.raises(SacdError, match="is not beside it"):
            read_psg(path)


def test_references_and_units_of_a_brainvision_header(tmp_path: Path) -> None:
    path = made.write(tmp_path / "a.vhdr")
    text = path.read_text(encoding="utf-8")
    text = text.replace("Ch1=C3,,0.1,µV", "Ch1=C3,A2,0.1,UV").replace("Ch5=SpO2,,0.1,µV", "Ch5=SpO2,,0.1,%")
    path.write_text(text, encoding="utf-8")
    psg = read_psg(path)
    assert psg.names[0] == "C3-A2" and choose_channels([psg]) == ("C3-M2",)
    assert [channel.unit for channel in psg.channels] == ["UV", "V", "V", "V", "%"]
    (eeg,) = read_eeg(psg, ["C3-M2"])
    assert np.abs(eeg[0] - by_mne(made.noise()[0]))[600:-600].max() < 0.05


def test_a_chain_of_tags_that_leads_back(tmp_path: Path) -> None:
    path = made.write(tmp_path / "a_raw.fif")
    made.edit(path, 12, (0).to_bytes(4, "big"), 4)
    read_psg(path)
    made.edit(path, 36 + 12, (16).to_bytes(4, "big"), 4)
    with pytest.raises(SacdError, match="its tags lead back"):
        read_psg(path)
