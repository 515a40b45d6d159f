"""Faults of an EEG, each made on purpose, and none where there is none."""

import mne
import numpy as np
import pytest

from sacd.ingest.signal_quality import CHECKS, signal_faults
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_night import SimulatedNight

CLIPS = 6


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Noise with the spectrum of an EEG, 25 µV, float32 [clips, 2, 3000]."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.normal(size=(CLIPS, 2, 3000)))
    spectrum /= np.maximum(np.fft.rfftfreq(3000, 0.01), 0.5)
    waves = np.fft.irfft(spectrum)
    return (25 * waves / waves.std(axis=-1, keepdims=True)).astype(np.float32)


def faults(eeg: np.ndarray, rails: np.ndarray | None = None) -> dict[int, set[str]]:
    """Of each clip that has any."""
    table = signal_faults(eeg, rails)
    assert list(table) == list(CHECKS) and set(map(str, table.dtypes)) == {"bool"} and len(table) == len(eeg)
    return {clip: set(table.columns[row]) for clip, row in enumerate(table.to_numpy()) if row.any()}


def test_a_sound_eeg_has_no_fault(sound: np.ndarray) -> None:
    assert faults(sound) == {} and faults(sound[:0]) == {}
    assert faults(np.concatenate([sound] * 20)) == {}


def test_each_fault_is_found_in_either_channel(sound: np.ndarray) -> None:
    rng, eeg = np.random.default_rng(1), sound.copy()
    rails = np.zeros(eeg.shape, bool)
    eeg[0, 1, 500:1400] = 0.3
    eeg[1, 0] = rng.normal(0, 3, 3000)
    eeg[2, 1] += rng.normal(0, 60, 3000)
    eeg[3, 0] *= 100
    rails[4, 1, 1000:1020] = True
    rails[5, 0, [3, 700]] = True
    assert faults(eeg, rails) == {
        0: {"flat"}, 1: {"disconnected"}, 2: {"noisy"}, 3: {"noisy", "impossible"}, 4: {"clipped"},
    }


def test_large_slow_swings_are_noise_and_one_is_not(sound: np.ndarray) -> None:
    eeg = sound.copy()
    eeg[0, 0, 1000:1100] += 500 * np.sin(np.linspace(0, np.pi, 100))
    eeg[1, 0] += 400 * np.sin(2 * np.pi * np.arange(3000) / 100)
    assert faults(eeg) == {1: {"noisy"}}


def test_what_is_no_number_is_impossible(sound: np.ndarray) -> None:
    eeg = sound.copy()
    eeg[0, 0, 5], eeg[1, 1, 6] = np.nan, np.inf
    eeg[2, 0, 1000:1100] += 6000 * np.hanning(100)
    assert faults(eeg) == {0: {"impossible"}, 1: {"impossible"}, 2: {"impossible"}}


def test_a_simulated_night_is_sound() -> None:
    night = SimulatedNight(make_participant(1, "test", 3))
    eeg = mne.filter.filter_data(night.eeg(range(200)).ravel().astype(float), 100, 0.3, 35, verbose="error")
    assert signal_faults(eeg.reshape(-1, 1, 3000)).to_numpy().any(axis=1).mean() <= 0.02
