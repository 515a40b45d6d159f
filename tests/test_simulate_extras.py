"""What a simulated recording holds beside EEG and video: pictures, signals and events tell of one night."""

import av
import numpy as np
import pytest

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.cohort.events import EVENT_TYPES
from sacd.cohort.motion import TIMES_S, read_motion
from sacd.simulate.coupling import COUPLINGS
from sacd.simulate.extras import PREVIEW_FPS, event_table, motion, signals, write_preview
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_cohort import simulate
from sacd.simulate.simulated_night import SimulatedNight

CLIPS = 12


@pytest.fixture(scope="module")
def night():
    return SimulatedNight(make_participant(0, "test", 0))


def test_events_are_the_nights(night):
    table = event_table(night)
    assert set(table["type"]) <= set(EVENT_TYPES) and table.onset.is_monotonic_increasing
    apnoeas = table[table["type"] == "apnoea"]
    np.testing.assert_array_equal(apnoeas.onset, night.apnoeas.onset)
    np.testing.assert_array_equal(apnoeas.duration, night.apnoeas.duration)
    arousals = table.onset[table["type"] == "arousal"]
    # Each ends an apnoea.
    assert len(arousals) and np.isin(arousals, (night.apnoeas.onset + night.apnoeas.duration).to_numpy()).all()
    lies = night.postures
    for onset in table.onset[table["type"] == "position change"]:
        place = int(np.searchsorted(lies.onset, onset))
        assert lies.onset[place] == onset and lies.posture[place] != lies.posture[place - 1]
    moved = table["type"].isin(["arousal", "limb movement", "position change"]).sum()
    assert moved == (night.movements.kind != "twitch").sum()
    lights = table[table["type"].str.startswith("lights")]
    assert lights.onset.tolist() == [0, night.duration_s]


def test_motion_shows_breathing_as_the_belts_do():
    """On clips of several people, from pictures alone; a camera cannot see it everywhere."""
    found = []
    for k in range(3):
        night = SimulatedNight(make_participant(1, "test", k), COUPLINGS["medium"])
        clips = np.arange(100, night.clips - 100, 90)
        _, breathing = read_motion(motion(night, clips))
        for clip, trace in zip(clips, breathing, strict=True):
            times = clip * 30 + (TIMES_S[1:] + TIMES_S[:-1]) / 2
            belts = night.thorax(times) + night.abdomen(times)
            found.append(np.corrcoef(trace, belts - belts.mean())[0, 1])
    assert np.median(found) > 0.9 and np.quantile(found, 0.1) > 0.7


def test_motion_of_a_clip_does_not_depend_on_the_others(night):
    np.testing.assert_array_equal(motion(night, np.arange(100, 104))[2], motion(night, np.array([102]))[0])


def test_signals_are_those_of_the_night(night):
    clips = np.array([300, 301])
    stored = signals(night, clips).astype(float)
    assert stored.shape == (2, 4, 300)
    times = 300 * 30 + np.arange(600) / 10
    for channel, signal in enumerate((night.thorax, night.abdomen, night.airflow), start=1):
        np.testing.assert_allclose(stored[:, channel].ravel(), signal(times), rtol=2**-11, atol=1e-4)
    # The level of the muscle's noise is the tone it was made with, give or take 20 samples of noise.
    ratio = stored[:, 0].ravel() / night.chin_level(times + 0.05)
    assert 0.9 < np.median(ratio) < 1.05 and ratio.std() < 0.25


def test_a_whole_night_has_everything(tmp_path, monkeypatch):
    """Of a night cut to six minutes: all files, a film with a key picture at each clip; other recordings have less."""
    monkeypatch.setattr(SimulatedNight, "clips", CLIPS)
    path = simulate(tmp_path / "c", train=0, test=2, nights=2, frames=4, size=8, span_s=10, preview=True)
    assert check(path) == []
    first, second = Cohort.open(path)
    assert first.preview is not None and second.preview is None
    assert first.eeg.dtype == np.float16 and first.signals.shape == (CLIPS, 4, 300)
    assert first.signal_info.channels[0] == "EMG chin" and first.signal_info.hz == 10
    assert first.motion.shape[:1] == first.frame_times.shape[:1] == (CLIPS,)
    assert first.frame_times[2].tolist() == [71.25, 73.75, 76.25, 78.75]
    with av.open(first.preview) as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name in ("vp9", "libvpx-vp9")
        packets = [packet for packet in film.demux(stream) if packet.pts is not None]
        base = stream.time_base
    assert len(packets) == CLIPS * 30 * PREVIEW_FPS
    keys = {float(packet.pts * base) for packet in packets if packet.is_keyframe}
    assert {30.0 * clip for clip in range(CLIPS)} <= keys


def test_the_film_shows_the_night(tmp_path, monkeypatch, night):
    monkeypatch.setattr(SimulatedNight, "clips", 2)
    write_preview(tmp_path / "p.webm", night)
    with av.open(tmp_path / "p.webm") as film:
        pictures = [frame.to_ndarray(format="gray").astype(float) for frame in film.decode(video=0)]
    wanted = night.render(np.array([31.0]), 96, 128)[0].astype(float)
    distance = np.array([np.abs(picture - wanted).mean() for picture in pictures])
    assert len(pictures) == 600
    # Breathing comes back to the same picture again and again, noise is in all of them.
    assert distance[310] < 4 and distance[310] < np.quantile(distance, 0.1)


def test_without_viewing_only_times_and_events(tmp_path):
    path = simulate(tmp_path / "c", train=1, test=0, nights=0, frames=2, size=8, viewing=False)
    (recording,) = Cohort.open(path)
    assert check(path) == []
    assert recording.motion is None and recording.signals is None and recording.preview is None
    assert recording.frame_times.shape == (80, 2) and len(recording.events)
    assert recording.eeg.dtype == np.float32
