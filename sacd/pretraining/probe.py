"""What a trunk's frozen features, or the targets themselves, tell of the stage of people held out."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sacd.models.base import Network
from sacd.pretraining.people import Clips, labelled_people
from sacd.pretraining.targets import TARGETS, motion_targets
from sacd.training import single_clips
from sacd.training.clip_set import Arrays
from sacd.training.inputs import Inputs, predict, video_preparation
from sacd.training.loop import make_fabric
from sacd.training.tasks import stage_scores

FEW = 8
DRAWS = 3
"""Draws of the few labelled people; their scores are averaged."""
Scores = dict[str, float]


def features(network: Network, clips: Clips) -> np.ndarray:
    """A network's features of clips, [n, 512] float32; the picture normalised as pretraining does it."""
    fabric = make_fabric("bf16-mixed")
    arrays = Arrays(single_clips.Clips(clips.stage, np.arange(len(clips.stage))), [clips.video])
    inputs = Inputs(arrays, video_preparation("clip-mean"), fabric)
    return predict(network.to(fabric.device), inputs, np.arange(len(clips.stage))).features


def probe(x: np.ndarray, clips: Clips, labelled: int | None = None, seed: int = 0) -> Scores:
    """Accuracy, macro-F1 and κ of the tested people's stages, everybody weighing the same.

    Parameters
    ----------
    x : ndarray [n, d]
        What is known of each clip.
    labelled : int, optional
        People whose labels are seen; None: all who are not tested.
    seed : int
        Of who is labelled.
    """
    seen, tested = (clips.of(ids) for ids in labelled_people(clips, labelled, seed))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    model.fit(x[seen], clips.stage[seen])
    return stage_scores(clips.stage[tested], model.predict(x[tested]), clips.person[tested])


def probed(x: np.ndarray, clips: Clips) -> dict[str, Scores]:
    """`probe` with all labelled, and with few: the mean over draws of who they are."""
    few = [probe(x, clips, FEW, seed) for seed in range(DRAWS)]
    return {"all": probe(x, clips), "few": {name: float(np.mean([one[name] for one in few])) for name in few[0]}}


def majority(clips: Clips) -> Scores:
    """Scores of always saying the stage that is most frequent among those who are not tested."""
    seen, tested = (clips.of(ids) for ids in labelled_people(clips, None))
    said = np.full(tested.sum(), np.bincount(clips.stage[seen]).argmax())
    return stage_scores(clips.stage[tested], said, clips.person[tested])


def of_targets(clips: Clips) -> dict[str, Scores]:
    """`probe` of the motion targets: all together, and each alone."""
    motion = torch.from_numpy(clips.motion)
    x = motion_targets(motion, torch.ones(len(motion))).numpy()
    columns: Sequence[tuple[str, np.ndarray]] = [("all together", x), *zip(TARGETS, x.T[:, :, None], strict=True)]
    return {name: probe(column, clips) for name, column in columns}
