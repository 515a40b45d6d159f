"""A trunk is asked for the motion of the picture it sees."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from training_tasks import FABRIC, make_clips

from sacd.models.base import Network
from sacd.training.batches import Sampler
from sacd.training.clip_set import Arrays
from sacd.training.inputs import Inputs, video_preparation
from sacd.training.pretext import motion_statistics
from sacd.training.trunk_task import TrunkTask


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
    monkeypatch.setattr("sacd.training.trunk_task.recontrasted", lambda x, generator: x)
    task = trunk_task(augment)
    nn.init.zeros_(task.regressor.bias)  # predicts 0: the error is that of the targets
    error = task.terms(0)["motion"]
    seen = motion_statistics(12 * task.network.seen.squeeze(1))  # grey levels again, but for the mean frame
    expected = functional.smooth_l1_loss(torch.zeros_like(seen), (seen - task.mean) / task.deviation)
    torch.testing.assert_close(error, expected, rtol=1e-3, atol=1e-4)
    still = task._still_targets(task._sampler.batch(0)[0])
    assert torch.allclose(seen, still, rtol=1e-3, atol=1e-3) is not augment


def test_targets_follow_a_mirrored_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacd.training.trunk_task.placed", lambda x, placement: x.flip(3))
    asked = []
    monkeypatch.setattr("sacd.training.trunk_task.motion_statistics", lambda x: asked.append(x) or motion_statistics(x))
    task = trunk_task(augment=True)
    blocks = task._still_targets(task._sampler.batch(0)[0])[:, :16].view(-1, 4, 4)
    task.terms(0)
    torch.testing.assert_close(motion_statistics(asked[-1])[:, :16].view(-1, 4, 4), blocks.flip(2))
    assert not torch.allclose(blocks, blocks.flip(2))
