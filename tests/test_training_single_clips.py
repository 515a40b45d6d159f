"""Batches of clips that follow no other in time."""

import numpy as np

from sacd.training.single_clips import Batches, Clips


def test_batches_come_in_windows_of_eligible_clips() -> None:
    clips = Clips(np.arange(40) % 5, np.arange(40))
    batches = Batches(clips, clips.label < 3, 16, seed=0)
    index, window = batches.batch(5)
    assert len(index) == 16 and (clips.label[index] < 3).all()
    assert window.tolist() == [0] * 8 + [1] * 8
    epoch = np.concatenate([batches.batch(step)[0] for step in range(3)])
    assert sorted(epoch[:24]) == np.flatnonzero(clips.label < 3).tolist()
