"""The camera's clock from the data: on simulated nights whose clock is wrong, and on signals made by hand."""

import json
from itertools import permutations

import numpy as np
import pytest
from clock_nights import ClockNight, clock_night, error_s

from sacd.cohort.extras import SignalInfo
from sacd.cohort.motion import CHANNELS, SAMPLES
from sacd.ingest.clock_evidence import SEARCH_S
from sacd.ingest.clock_traces import PsgTraces, VideoTraces, on_grid
from sacd.ingest.sync import VideoClock, estimate_clock

HOURS = 1.5


@pytest.fixture(scope="module")
def nights() -> list[ClockNight]:
    """Of three people: with EMG and belts, with EEG in place of EMG, and with airflow in place of belts."""
    return [clock_night(4, index, HOURS) for index in (1, 7, 10)]


def test_a_clock_goes_there_and_back():
    clock = VideoClock(100.0, 50.0)
    assert clock.to_recording(0.0) == 100 and clock.to_video(100.0) == 0
    # An hour later a fast camera clock says more than an hour.
    assert clock.to_video(3700.0) == pytest.approx(3600 + 0.18)
    times = np.linspace(-50, 30_000, 7)
    np.testing.assert_allclose(clock.to_recording(clock.to_video(times)), times)


def test_a_clock_is_corrected_by_its_error():
    truth, stated = VideoClock(12.5, 30.0), VideoClock(-20.0, -15.0)
    pictures = np.array([0.0, 1000.0, 20_000.0])
    stated_times, true_times = stated.to_recording(pictures), truth.to_recording(pictures)
    slope = (true_times[2] - true_times[0]) / (stated_times[2] - stated_times[0])
    error = VideoClock(true_times[0] - slope * stated_times[0], (1 / slope - 1) * 1e6)
    np.testing.assert_allclose(stated.corrected(error).to_recording(pictures), true_times, atol=1e-6)


def test_offset_and_drift_are_found(nights):
    for night in nights:
        estimate = estimate_clock(night.video, night.psg)
        assert estimate.identifiable, estimate.why
        assert error_s(estimate, night.clock) < 1 and error_s(estimate, VideoClock(0.0)) > 1
        assert 0.1 < estimate.half_width_s < 1.5
        assert estimate.stated_error_s == pytest.approx(error_s(estimate, VideoClock(0.0)))


def test_a_shift_of_the_stated_clock_shifts_the_estimate(nights):
    """Stated 7.3 s later, the same pictures are 7.3 s less late, on whatever grid the onsets lie."""
    night = nights[0]
    video = night.video
    moved = VideoTraces(video.onsets + 7.3, video.movement, video.breathing)
    one, other = estimate_clock(video, night.psg), estimate_clock(moved, night.psg)
    middle = video.onsets.mean()
    found = one.clock.to_recording(middle)
    assert other.clock.to_recording(middle + 7.3) == pytest.approx(found, abs=0.06)


def test_somebody_elses_video_is_not_identifiable(nights):
    for one, other in permutations(range(3), 2):
        estimate = estimate_clock(nights[one].video, nights[other].psg)
        assert not estimate.identifiable and estimate.half_width_s == np.inf
        assert "stands out" in estimate.why and f"{SEARCH_S:.0f} s" in estimate.why
        assert estimate.summary()["offset_s"] is None


def test_what_the_provenance_says_is_plain(nights):
    summary = estimate_clock(nights[0].video, nights[0].psg).summary()
    assert json.loads(json.dumps(summary)) == summary
    assert set(summary["margins"]) == {"movement", "breathing"} and summary["identifiable"] is True


def test_breathing_that_never_changes_tells_nothing():
    """A metronome fits at every breath: nothing stands out, however well it fits."""
    rng = np.random.default_rng(0)
    onsets = 30.0 * np.arange(180)
    times = onsets[:, None] + (np.arange(SAMPLES) + 0.5) / 5
    breath = np.sin(2 * np.pi * 0.25 * times).astype(np.float32)

    def noisy() -> np.ndarray:
        return (breath + 0.3 * rng.standard_normal(breath.shape)).astype(np.float32)

    signs = rng.choice([-1, 1], (len(onsets), 1))
    still = np.zeros_like(breath)
    estimate = estimate_clock(VideoTraces(onsets, still, signs * noisy()), PsgTraces(onsets, None, noisy()))
    assert not estimate.identifiable
    # The same metronome that hesitates now and then, as breathing does.
    steps = np.cumsum(2 * np.pi * 0.25 / 5 * np.exp(0.4 * rng.standard_normal(times.size))).reshape(times.shape)
    breath = np.sin(steps).astype(np.float32)
    estimate = estimate_clock(VideoTraces(onsets, still, signs * noisy()), PsgTraces(onsets, None, noisy()))
    assert estimate.identifiable and error_s(estimate, VideoClock(0.0)) < 0.5, estimate.why


def test_sources_that_contradict_each_other_are_not_believed(nights):
    night = nights[0]
    video = night.video
    apart = VideoTraces(video.onsets, video.movement, np.roll(video.breathing, 1, axis=0))
    estimate = estimate_clock(apart, night.psg)
    assert not estimate.identifiable and "contradict" in estimate.why


def test_a_clock_that_jumps_is_told(nights):
    """Twelve seconds that the camera lost in the middle of the night, and stamped over."""
    video = nights[0].video
    late = video.onsets + 12.0 * (np.arange(len(video.onsets)) >= len(video.onsets) // 2)
    estimate = estimate_clock(VideoTraces(late, video.movement, video.breathing), nights[0].psg)
    assert not estimate.identifiable and "jumped" in estimate.why


def test_too_little_says_why():
    onsets = 30.0 * np.arange(60)
    lines = np.zeros((60, SAMPLES), np.float32)
    estimate = estimate_clock(VideoTraces(onsets, lines, lines), PsgTraces(onsets, lines, lines))
    assert not estimate.identifiable and "less than an hour" in estimate.why and estimate.evidence == ()
    onsets = 30.0 * np.arange(180)
    lines = np.zeros((180, SAMPLES), np.float32)
    assert not estimate_clock(VideoTraces(onsets, lines, lines), PsgTraces(onsets, None, None)).identifiable
    # A still picture beside silence.
    assert not estimate_clock(VideoTraces(onsets, lines, lines), PsgTraces(onsets, lines, lines)).identifiable


def test_a_burst_is_where_it_is():
    """In motion, in a raw EMG, in the level of one, and in the EEG, each as its own file has it."""
    clips, burst = 40, slice(70, 75)
    onsets = 30.0 * np.arange(clips)
    rng = np.random.default_rng(0)
    motion = rng.integers(2, 6, (clips, SAMPLES, CHANNELS)).astype(np.uint8)
    motion[20, burst, 30:33] += 60
    emg = 3 * rng.standard_normal((clips, 1, 6000))
    emg[20, 0, 70 * 40 : 75 * 40] *= 10
    level = np.sqrt((emg.reshape(clips, 1, 300, 20) ** 2).mean(-1))
    eeg = 20 * rng.standard_normal((clips, 1, 3000))
    eeg[20, 0, 70 * 20 : 75 * 20] *= 10
    lines = [
        VideoTraces.from_motion(motion, onsets).movement,
        PsgTraces.from_signals(emg, _info("Chin1-Chin2", hz=200), None, onsets).movement,
        PsgTraces.from_signals(level, _info("EMG chin", hz=10), eeg, onsets).movement,
        PsgTraces.from_signals(None, None, eeg, onsets).movement,
    ]
    for line in lines:
        assert line.shape == (clips, SAMPLES)
        assert np.unravel_index(line.argmax(), line.shape) == (20, pytest.approx(72, abs=1))
        assert np.delete(line, 20, axis=0).max() < 0.7 * line.max()


def test_flow_is_added_up_to_stand_where_belts_do():
    onsets = 30.0 * np.arange(40)
    times = (onsets[:, None] + np.arange(300) / 10)[:, None]
    phase = 2 * np.pi * 0.25 * times
    both = np.concatenate([np.sin(phase)] * 2, axis=1)
    belts = PsgTraces.from_signals(both, _info("Thor RIP", "ABD", hz=10), None, onsets)
    flow = PsgTraces.from_signals(np.cos(phase), _info("Nasal Pressure", hz=10), None, onsets)
    alike = [np.corrcoef(one, other)[0, 1] for one, other in zip(belts.breathing, flow.breathing, strict=True)]
    assert np.median(alike) > 0.99 and belts.movement is None


def test_flat_and_unknown_channels_are_left_out():
    onsets = 30.0 * np.arange(4)
    info = SignalInfo(channels=("EMG chin", "Thorax", "SpO2"), units=("µV", "", "%"), hz=10)
    traces = PsgTraces.from_signals(np.full((4, 3, 300), np.nan), info, None, onsets)
    assert traces.movement is None and traces.breathing is None


def test_gaps_between_clips_are_empty():
    line = on_grid(np.ones((2, SAMPLES), np.float32), np.array([30.0, 90.0]))
    assert len(line) == 3 * SAMPLES and line[:SAMPLES].all() and line[2 * SAMPLES :].all()
    assert not line[SAMPLES : 2 * SAMPLES].any()


def _info(*channels: str, hz: float) -> SignalInfo:
    return SignalInfo(channels=channels, units=("",) * len(channels), hz=hz)
