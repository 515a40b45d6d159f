"""How many clips are evaluated at once, and which stand together."""

import numpy as np
import torch
from training_tasks import student

from sacd.training.inputs import evaluation_batch, predict


def test_evaluated_batches_follow_the_size_of_a_clip() -> None:
    assert evaluation_batch((512,)) == evaluation_batch((1, 3000)) == evaluation_batch((32, 32, 32)) == 256
    assert evaluation_batch((32, 112, 112)) == 41 and evaluation_batch((64, 1080, 1920)) == 1


def test_a_night_is_evaluated_whole_and_cut_at_gaps() -> None:
    task = student("ce", network="gru", stretch=12, length=0)
    clips, network = task.inputs.arrays.clips, task.network.eval()
    clips.number[(clips.night == 0) & (np.arange(len(clips)) >= 10)] += 1
    logits = predict(network, task.inputs, np.arange(48)).logits
    with torch.inference_mode():
        runs = [network(task.inputs.batch(part)).logits for part in np.split(np.arange(48), [10, 24])]
    np.testing.assert_allclose(logits, torch.cat(runs), atol=1e-6)
