"""What motion pretraining predicts, of whom, and that it follows the picture that is seen."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from sacd.pretraining.people import labelled_people, pretraining_clips
from sacd.pretraining.targets import TARGETS, _of_clip, body_motion, motion_targets
from sacd.simulate.body import CAMERA_X, EYES, MODES
from sacd.simulate.coupling import COUPLINGS, LABELS
from sacd.simulate.participant import SPLIT_PREFIX, Stream, make_participant
from sacd.simulate.simulated_night import SimulatedNight
from sacd.training.transforms import Placement, placed

MEDIUM = COUPLINGS["medium"]
CLIPS = np.arange(300, 500)


@pytest.fixture(scope="module")
def person():
    return make_participant(0, "pretrain", 0)


def test_no_seed_of_a_cohort_reaches_the_people_of_pretraining():
    people = [make_participant(*who) for who in product((0, 1, 9000), SPLIT_PREFIX, range(3))]
    drawn = {person.rng(stream).random() for person in people for stream in (Stream.PERSON, Stream.NIGHT, Stream.SCENE)}
    assert len(drawn) == 3 * len(people)
    assert len({person.breaths_hz for person in people}) == len(people)
    # Those of train and test are the same as before there was pretraining.
    known = {("train", 0): 0.2253693, ("test", 4): 0.210107}
    assert {who: round(make_participant(0, *who).breaths_hz, 7) for who in known} == known


def test_pretraining_takes_couplings_in_turn_and_nobody_of_a_cohort():
    clips = pretraining_clips(3, 0, ("weak", "strong"), frames=4, size=8)
    assert [person.participant_id for person in clips.people] == ["P0001", "P0002", "P0003"]
    assert clips.video.shape == (240, 4, 8, 8) and clips.motion.shape == (240, 34)
    alone = SimulatedNight(clips.people[1], COUPLINGS["strong"])
    assert np.array_equal(clips.video[80:82], alone.video(np.flatnonzero(_chosen(alone))[:2], 4, 8))


def _chosen(night: SimulatedNight) -> np.ndarray:
    from sacd.simulate.simulated_cohort import block_clips

    return np.isin(np.arange(night.clips), block_clips(night.participant, night.clips))


def test_eyes_camera_and_scorers_do_not_enter_the_targets(person):
    plain = SimulatedNight(person, MEDIUM)
    other = SimulatedNight(person, replace(MEDIUM, eyes=0.95, noise=9.0, nuisance=9.0), replace(LABELS, n1_penalty=5.0))
    times = np.arange(CLIPS[0] * 30, CLIPS[-1] * 30, 0.5)
    before, after = plain.motion(times), other.motion(times)
    assert not np.allclose(before[:, EYES], after[:, EYES])
    assert not np.allclose(before[:, CAMERA_X], after[:, CAMERA_X])
    assert (plain.labels != other.labels).any()
    assert np.array_equal(body_motion(plain, CLIPS), body_motion(other, CLIPS))


def test_a_mirrored_body_has_the_same_targets(person):
    modes = SimulatedNight(person, MEDIUM).motion(np.arange(9000, 9030.1, 0.25))
    modes[20:60] += 0.2 * np.random.default_rng(0).standard_normal((40, len(MODES)))
    left, right = (np.array([name.endswith(side) for name in MODES]) for side in ("_left", "_right"))
    mirrored = modes.copy()
    mirrored[:, left], mirrored[:, right] = modes[:, right], modes[:, left]
    assert not np.allclose(mirrored, modes)
    np.testing.assert_allclose(_of_clip(mirrored), _of_clip(modes))


def test_targets_shrink_as_the_picture_does(person):
    motion = torch.from_numpy(body_motion(SimulatedNight(person, MEDIUM), CLIPS))
    plain, seen = (motion_targets(motion, torch.full((len(motion),), scale)) for scale in (1.0, 1.1))
    assert plain.shape == (len(CLIPS), len(TARGETS))
    still = [name.startswith("breathing") and "amplitude" not in name for name in TARGETS]
    assert torch.equal(plain[:, still], seen[:, still])
    # A dot that swings by 6 pixels is seen to swing by 6 / 1.1.
    x, y = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="xy")
    dots = torch.stack([(-((x - 32 - s) ** 2 + (y - 32) ** 2) / 18).exp() for s in (-3, 3)])[None]
    one = torch.ones(1)
    shown = placed(dots, Placement(0 * one, 1.1 * one, one, 0 * one, 0 * one))[0]
    swing = ((shown * x).sum((1, 2)) / shown.sum((1, 2))).diff().item()
    breathing = [name.startswith("breathing amplitude") and name.endswith("s") for name in TARGETS]
    shrunk = (plain - seen)[:, breathing][motion[:, 4:10] > 0.05].exp()
    torch.testing.assert_close(shrunk, torch.full_like(shrunk, 6 / swing), rtol=0.02, atol=0)


def test_the_probe_keeps_people_apart():
    clips = pretraining_clips(6, 0, ("medium",), frames=4, size=8)
    seen, tested = labelled_people(replace(clips, people=tuple(
        replace(person, split="test" if k > 3 else "train") for k, person in enumerate(clips.people)
    )), None)
    assert set(tested) == {"P0005", "P0006"} and len(seen) == 4
    assert not (clips.of(seen) & clips.of(tested)).any()
