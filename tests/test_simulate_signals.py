import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sacd.simulate.body import ABDOMEN, EYES, MODES, THORAX
from sacd.simulate.coupling import COUPLINGS
from sacd.simulate.eyes import Eyes
from sacd.simulate.night import BIN_S, simulate_latents
from sacd.simulate.participant import make_participant
from sacd.simulate.scene import Room, Scene, Texture
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import CLIP_SECONDS, N3, W


@pytest.fixture(scope="module")
def night() -> SimulatedNight:
    return SimulatedNight(make_participant(0, "train", 0))


def test_a_clip_is_the_same_alone_in_a_block_and_in_another_order(night):
    clips = np.arange(300, 312)
    eeg, video = night.eeg(clips), night.video(clips)
    again = SimulatedNight(make_participant(0, "train", 0))
    for k in (311, 303, 300):
        np.testing.assert_array_equal(again.eeg([k])[0], eeg[k - 300])
        np.testing.assert_array_equal(again.video([k])[0], video[k - 300])


def test_shapes_and_types(night):
    eeg, video = night.eeg([5, 6]), night.video([5, 6], frames=4, size=16)
    assert eeg.shape == (2, 1, 3000) and eeg.dtype == np.float32 and np.isfinite(eeg).all()
    assert video.shape == (2, 4, 16, 16) and video.dtype == np.uint8
    assert night.labels.shape == (night.clips,) and night.posterior.shape == (night.clips, 5)
    assert night.duration_s == night.clips * CLIP_SECONDS
    assert night.motion(np.arange(10.0)).shape == (10, len(MODES))


def test_eeg_is_continuous_over_borders():
    """The step over a border between clips is like steps elsewhere; between clips that do not touch it is larger."""
    inside, border, strangers = [], [], []
    for k in range(1, 4):
        eeg = SimulatedNight(make_participant(0, "train", k)).eeg(range(400, 460))[:, 0]
        inside.append(np.median(np.abs(np.diff(eeg, axis=1))))
        border.append(np.median(np.abs(eeg[1:, 0] - eeg[:-1, -1])))
        strangers.append(np.median(np.abs(eeg[2:, 0] - eeg[:-2, -1])))
    assert np.mean(border) < 1.3 * np.mean(inside)
    assert np.mean(strangers) > 1.8 * np.mean(border)


@pytest.mark.parametrize("name", ["thorax", "abdomen", "airflow"])
def test_breathing_runs_on_over_borders(night, name):
    signal = getattr(night, name)
    times = np.arange(6000.0, 7200.0, 0.05)
    steps = np.abs(np.diff(signal(times)))
    borders = np.isclose(times[1:] % CLIP_SECONDS, 0, atol=0.03)
    assert borders.sum() > 30
    assert steps[borders].max() <= steps.max()
    np.testing.assert_allclose(signal(times[:50]), signal(times)[:50])


def test_pictures_and_motion_are_functions_of_time(night):
    times = 8990 + np.arange(0, 40, 0.5)
    np.testing.assert_allclose(night.motion(times)[30:], night.motion(times[30:]), atol=1e-9)
    whole, part = night.render(times, 24, 32).astype(int), night.render(times[30:], 24, 32).astype(int)
    assert whole.shape == (80, 24, 32)
    # Sensor noise differs (it belongs to the call), what it lies on does not.
    assert np.abs(whole[30:] - part).mean() < 6


def test_airflow_stops_and_effort_turns_paradoxical_in_an_apnoea():
    severe = next(p for p in (make_participant(0, "train", k) for k in range(30)) if p.ahi > 40)
    night = SimulatedNight(severe)
    during, else_, sign = [], [], []
    for onset, duration in night.apnoeas.to_numpy()[:60]:
        inside = np.arange(onset + 2, onset + duration - 2, 0.1)
        before = np.arange(onset - 6, onset - 2, 0.1)
        during.append(np.abs(night.airflow(inside)).mean())
        else_.append(np.abs(night.airflow(before)).mean())
        sign.append(np.corrcoef(night.thorax(inside), night.abdomen(inside))[0, 1])
    assert np.mean(during) < 0.3 * np.mean(else_)
    assert np.median(sign) < -0.9
    quiet = np.arange(100, 200, 0.1)
    assert np.corrcoef(night.thorax(quiet), night.abdomen(quiet))[0, 1] > 0.9


def test_movements_reach_eeg_and_camera():
    """Clips with much movement have more EEG above 30 Hz and more uneven changes of the picture than still ones."""
    fast, change = [], []
    for k in range(6):
        night = SimulatedNight(make_participant(0, "train", k))
        visible = night.movements[night.movements.visible]
        strength = np.bincount((visible.onset // 30).astype(int), visible.strength, night.clips)
        asleep = np.nonzero(night.labels != W)[0]
        clips = asleep[np.argsort(strength[asleep])[-12:]], asleep[strength[asleep] == 0][:12]
        busy, still = (np.abs(np.fft.rfft(night.eeg(part)[:, 0]))[:, 900:].mean() for part in clips)
        fast.append(busy / still)
        steps = [np.abs(np.diff(night.video(part).astype(float), axis=1)).mean((2, 3)) for part in clips]
        busy, still = (np.median(step.max(1) / np.median(step, axis=1)) for step in steps)
        change.append(busy / still)
    assert np.mean(fast) > 1.2 and np.mean(change) > 1.05


def test_chin_muscle_is_low_in_rem_and_bursts_with_movement(night):
    bins = np.arange(len(night.depth)) * 5 + 2.5
    tone = night.chin_level(bins)
    rem, awake = night.remness > 0.9, night.depth < 0
    assert np.median(tone[rem]) < 0.5 * np.median(tone[awake])
    gross = night.movements[night.movements.kind == "gross"].iloc[3]
    assert night.chin_level(np.array([gross.onset + gross.duration / 2]))[0] > 10


def test_coupling_changes_the_picture_only():
    person = make_participant(0, "train", 4)
    weak, strong = (SimulatedNight(person, COUPLINGS[name]) for name in ("weak", "strong"))
    np.testing.assert_array_equal(weak.labels, strong.labels)
    np.testing.assert_array_equal(weak.eeg([40, 700]), strong.eeg([40, 700]))
    assert (weak.video([700]) != strong.video([700])).any()
    assert weak.movements.visible.mean() < strong.movements.visible.mean()


def motion_features(coupling: str, split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """What a perfect observer of the picture's motion could use: its spread and regularity, with the sensor's noise."""
    rows, labels = [], []
    for k in range(count):
        night = SimulatedNight(make_participant(0, split, k), COUPLINGS[coupling])
        rng = np.random.default_rng(k)
        for clip in range(10, night.clips - 10, 12):
            q = night.motion(clip * CLIP_SECONDS + np.arange(0, 30, 0.25))[:, :8]
            q = q + 0.01 * COUPLINGS[coupling].noise * rng.standard_normal(q.shape)
            power = np.abs(np.fft.rfft(q[:, THORAX] + q[:, ABDOMEN] - q[:, :2].mean()))[2:25] ** 2
            speed = np.abs(np.diff(q, axis=0)).max(0)
            rows.append([*np.log(q.std(0)), *np.log(speed), power.max() / power.sum(), *np.log(power)])
            labels.append(night.labels[clip])
    return np.array(rows), np.array(labels)


def test_stronger_coupling_tells_more():
    accuracy = {}
    for name in COUPLINGS:
        train, test = motion_features(name, "train", 14), motion_features(name, "test", 10)
        accuracy[name] = (LinearDiscriminantAnalysis().fit(*train).predict(test[0]) == test[1]).mean()
    assert accuracy["weak"] < accuracy["medium"] < accuracy["strong"]


def mode_summaries(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Level, spread, speed, regularity and spectrum of each motion mode without any sensor noise, and the stage."""
    rows, labels = [], []
    for k in range(count):
        night = SimulatedNight(make_participant(5, split, k))
        for clip in range(10, night.clips - 10, 16):
            q = night.motion(clip * CLIP_SECONDS + np.arange(0, 30, 0.25))
            power = np.abs(np.fft.rfft(q - q.mean(0), axis=0))[1:25] ** 2 + 1e-4
            speed = np.abs(np.diff(q, axis=0)).max(0)
            rows.append([q.mean(0), np.log(q.std(0) + 1e-3), speed, power.max(0) / power.sum(0), *np.log(power)])
            labels.append(night.labels[clip])
    return np.array(rows), np.array(labels)


def test_no_single_mode_tells_the_stage_of_unseen_people():
    (train, y), (test, truth) = mode_summaries("train", 16), mode_summaries("test", 12)
    for mode, name in enumerate(MODES):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
        for part in (slice(0, 1), slice(None)):
            found = classifier.fit(train[:, part, mode], y).predict(test[:, part, mode])
            assert (found == truth).mean() < 0.6, name


def test_eyes_are_personal_seldom_in_sight_and_follow_the_coupling():
    awake, shown = [], {name: [] for name in COUPLINGS}
    for k in range(40):
        person = make_participant(0, "train", k)
        latents = simulate_latents(person)
        times = (np.arange(len(latents.depth)) + 0.5) * BIN_S
        for name, coupling in COUPLINGS.items():
            lids = Eyes(person, latents, coupling)(times)
            shown[name].append((lids != 0).mean())
        awake.append(lids[(lids != 0) & (latents.stages == W)].mean())
    share = {name: np.mean(values) for name, values in shown.items()}
    assert 0 < share["weak"] < share["medium"] < share["strong"] < 0.7
    assert np.std(awake) > 0.15


def test_an_eye_is_smaller_than_a_coarse_pixel():
    """In 32 × 32 it is a faint change; the light that it takes or gives is the same at any resolution."""
    room = Room.draw(make_participant(0, "train", 0))
    change = {
        size: 255 * Scene(room, size, size).modes(0, True, np.zeros(len(MODES)))[EYES] for size in (32, 64, 240)
    }
    assert np.abs(change[32]).max() < 12 < 40 < np.abs(change[240]).max()
    light = [float(picture.sum() / picture.size) for picture in change.values()]
    assert light == pytest.approx([light[-1]] * 3, rel=0.2)


def test_what_only_the_camera_sees_tells_nothing_of_the_night():
    """Nuisance is drawn apart: its rate in wake and in sleep is the same, whatever the stage or the EEG do."""
    wake = sleep = wake_clips = sleep_clips = 0
    for k in range(40):
        night = SimulatedNight(make_participant(1, "train", k), COUPLINGS["weak"])
        labels = night.labels[np.minimum((night.nuisance.onset // 30).astype(int), night.clips - 1)]
        wake, sleep = wake + (labels == W).sum(), sleep + (labels != W).sum()
        wake_clips, sleep_clips = wake_clips + (night.labels == W).sum(), sleep_clips + (night.labels != W).sum()
    expected = wake_clips / (wake_clips + sleep_clips)
    assert wake / (wake + sleep) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / (wake + sleep)))


def test_lights_and_visitors_show_in_the_picture_and_not_in_the_eeg():
    nights = [SimulatedNight(make_participant(1, "train", k), COUPLINGS["weak"]) for k in range(4)]
    lit, rms, rms_all = [], [], []
    for night in nights:
        for onset, duration in night.nuisance.loc[night.nuisance.kind == "light", ["onset", "duration"]].to_numpy()[:4]:
            inside = night.render(np.array([onset + duration / 2]), 32, 32)[0]
            before = night.render(np.array([max(onset - 1, 0)]), 32, 32)[0]
            lit.append(inside.mean() / before.mean())
            clip = int((onset + duration / 2) // 30)
            rms.append(night.eeg([min(clip, night.clips - 1)]).std())
            rms_all.append(night.eeg([max(clip - 4, 0)]).std())
    assert np.median(lit) > 1.15
    assert np.median(rms) == pytest.approx(np.median(rms_all), rel=0.5)


def test_postures_hold_until_the_next_and_begin_at_zero(night):
    table = night.postures
    assert table.onset.iloc[0] == 0 and table.onset.is_monotonic_increasing
    assert set(table.posture) <= {"supine", "left", "right", "prone"} and table.posture.nunique() > 1


def test_deep_sleep_breathes_most_regularly():
    nights = [SimulatedNight(make_participant(0, "train", k)) for k in range(4)]

    def regularity(stage):
        spread = []
        for night in nights:
            for clip in np.nonzero((night.labels == stage) & (night.posterior.argmax(1) == stage))[0][::4]:
                breath = night.thorax(clip * 30 + np.arange(0, 30, 0.1))
                power = np.abs(np.fft.rfft(breath - breath.mean()))[2:30] ** 2
                spread.append(power.max() / power.sum())
        return np.median(spread)

    assert regularity(N3) > 1.2 * regularity(W)


def test_textures_fade_where_pixels_are_coarse():
    texture = Texture.draw(np.random.default_rng(0), 8, 20.0)
    y, x = np.meshgrid(np.linspace(-0.5, 0.5, 40), np.linspace(-0.5, 0.5, 40))
    x, y = x.astype(np.float32), y.astype(np.float32)
    assert texture(x, y, 0.2).std() < 0.25 * texture(x, y, 1e-4).std()


def test_modes_are_the_derivative_of_the_picture():
    scene = Scene(Room.draw(make_participant(0, "train", 0)), 48, 48)
    limbs = np.zeros(len(MODES))
    modes = scene.modes(0, True, limbs)
    moved = limbs.copy()
    moved[ABDOMEN] = 0.15
    expected = scene.rest(0, True, limbs[None])[0] + 0.15 * modes[ABDOMEN]
    np.testing.assert_allclose(scene.rest(0, True, moved[None])[0], expected, atol=1e-4)
    assert modes.shape == (len(MODES), 48, 48)


def test_a_wide_picture_shows_the_square_one_in_its_middle():
    room = Room.draw(make_participant(0, "train", 1))
    wide, square = (Scene(room, 48, width).rest(0, True, np.zeros((1, len(MODES))))[0] for width in (64, 48))
    # Shading looks at neighbours: at its rim the square picture has none on one side.
    np.testing.assert_allclose(wide[1:-1, 9:-9], square[1:-1, 1:-1], atol=1e-3)
