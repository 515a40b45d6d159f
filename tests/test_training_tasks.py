"""A trunk is asked for the motion of the picture it sees."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from training_tasks import FABRIC, make_clips, student

from sacd.exceptions import SacdError
from sacd.models.base import Network
from sacd.training.batches import Ahead, Arrays, Sampler
from sacd.training.inputs import Inputs, predict, video_preparation
from sacd.training.pretext import motion_statistics
from sacd.training.tasks import TrunkTask


class Watching(Network):
    """Keeps what it is shown."""

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.seen = x
        return torch.zeros(len(x), self.feature_dim), ()


def trunk_task(augment: bool) -> TrunkTask:
    """On clips that move in the upper left corner alone."""
    clips, rng = make_clips(2), np.random.default_rng(0)
    arrays = [np.full((len(night), 8, 16, 16), 100, np.uint8) for night in clips.recordings]
    for array in arrays:
        array[:, :, 2:6, 1:5] = rng.integers(60, 140, (len(array), 8, 4, 4))
    inputs = Inputs(Arrays(clips, arrays), video_preparation("clip-mean"), FABRIC)
    sampler = Sampler(clips, np.ones(len(clips), dtype=bool), 16, 0)
    return TrunkTask(Watching(), inputs, sampler, np.arange(4), 0, augment)


@pytest.mark.parametrize("augment", [False, True])
def test_targets_are_the_statistics_of_the_clip_that_is_seen(augment: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacd.training.tasks.recontrasted", lambda x, generator: x)
    task = trunk_task(augment)
    nn.init.zeros_(task.regressor.bias)  # predicts 0: the error is that of the targets
    error = task.terms(0)["motion"]
    seen = motion_statistics(12 * task.network.seen.squeeze(1))  # grey levels again, but for the mean frame
    expected = functional.smooth_l1_loss(torch.zeros_like(seen), (seen - task.mean) / task.deviation)
    torch.testing.assert_close(error, expected, rtol=1e-3, atol=1e-4)
    still = task._still_targets(task._sampler.batch(0)[0])
    assert torch.allclose(seen, still, rtol=1e-3, atol=1e-3) is not augment


def test_steps_read_ahead_are_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [student("sacd").draw(step) for step in range(4)]
    monkeypatch.setattr("sacd.training.tasks.ahead", lambda make, device: Ahead(make))
    task = student("sacd")
    for step, drawn in enumerate(plain):
        for one, other in zip(task.draw(step), drawn, strict=True):
            assert np.array_equal(one, other)


def test_targets_follow_a_mirrored_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacd.training.tasks.placed", lambda x, placement: x.flip(3))
    asked = []
    monkeypatch.setattr("sacd.training.tasks.motion_statistics", lambda x: asked.append(x) or motion_statistics(x))
    task = trunk_task(augment=True)
    blocks = task._still_targets(task._sampler.batch(0)[0])[:, :16].view(-1, 4, 4)
    task.terms(0)
    torch.testing.assert_close(motion_statistics(asked[-1])[:, :16].view(-1, 4, 4), blocks.flip(2))
    assert not torch.allclose(blocks, blocks.flip(2))


def test_every_length_of_context_learns_from_the_same_clips() -> None:
    tasks = [student("sacd", batch=24, network="gru", stretch=12, length=length) for length in (1, 4, 12, 0)]
    for step in range(3):
        drawn = [task.draw(step) for task in tasks]
        assert all(torch.equal(x, drawn[0][2]) and np.array_equal(index, drawn[0][0]) for index, _, x, _ in drawn)
    assert all(sum(task.terms(0).values()).isfinite() for task in tasks)
    assert tasks[-1].network.stretch == tasks[-1].momentum_network.stretch == 12


def test_a_window_that_does_not_divide_the_stretch_is_refused() -> None:
    with pytest.raises(SacdError, match="reads windows of 5 clips, and the sampler draws 12 in a row"):
        student("ce", network="gru", stretch=12, length=5)


def test_a_night_is_evaluated_whole_and_cut_at_gaps() -> None:
    task = student("ce", network="gru", stretch=12, length=0)
    clips, network = task.inputs.arrays.clips, task.network.eval()
    clips.number[(clips.night == 0) & (np.arange(len(clips)) >= 10)] += 1
    logits = predict(network, task.inputs, np.arange(48)).logits
    with torch.inference_mode():
        runs = [network(task.inputs.batch(part)).logits for part in np.split(np.arange(48), [10, 24])]
    np.testing.assert_allclose(logits, torch.cat(runs), atol=1e-6)
