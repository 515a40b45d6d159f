"""Where a student looked: what becomes of its answer when a part of a clip, in time and place, is hidden from it.

Every block of a grid over frames and picture is replaced in turn by the clip's mean picture: what moves there, then, is
hidden (occlusion sensitivity, Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53). Nothing is trained.
"""

import json
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.runs.kind import RunConfig
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.outputs import load_network
from sacd.runs.store import Run, RunStore
from sacd.training.inputs import Inputs, evaluation_batch, forward, whole_set
from sacd.training.transforms import prepare_features

GRID = (4, 8, 8)
"""Blocks along time, height and width; fewer where a clip has fewer frames or pixels."""
Say = Callable[[Tensor], Tensor]


def occlusion_map(
    run: Run, cohort: Cohort, recording_id: str, clip: int, grid: tuple[int, int, int] = GRID
) -> np.ndarray:
    """How much the log probability of the stage that a student says falls when a part of the clip is hidden.

    Parameters
    ----------
    run : Run
        A finished student that sees pictures, itself or through its trunk.
    cohort : Cohort
        Of raw video, that the run was trained on.
    recording_id, clip
        The clip, by its number in the night.
    grid : tuple of int
        Blocks along time, height and width.

    Returns
    -------
    ndarray [T', H', W'] float32
        Nats: positive where a block spoke for the stage, negative where against it.

    Raises
    ------
    SacdError
        No such clip, a cohort of features, or a run that sees no pictures of single clips.
    """
    if cohort.info.video != "raw":
        raise SacdError(f"{cohort.path}: holds features of the video, no pictures to hide a part of")
    if recording_id not in set(cohort.recordings["recording_id"]):
        raise SacdError(f"{cohort.path}: no recording {recording_id!r}; see recordings.tsv")
    recording = cohort[recording_id]
    rows = np.flatnonzero(recording.clips["clip"].to_numpy() == clip)
    if not len(rows):
        raise SacdError(f"{recording.path}: no clip {clip}; see its clips.parquet")
    video = torch.from_numpy(np.array(recording.video[rows[0]]))
    say = _speaker(run, cohort, recording_id)
    block, counts = _blocks(tuple(video.shape), grid)
    with torch.inference_mode():
        whole = say(video[None])[0]
        stage = int(whole.argmax())
        size = evaluation_batch(tuple(video.shape))
        parts = torch.arange(int(block.max()) + 1).split(size)
        said = torch.cat([say(_occluded(video, block, part))[:, stage] for part in parts])
    return (whole[stage] - said).reshape(counts).float().cpu().numpy()


def _blocks(shape: tuple[int, ...], grid: tuple[int, int, int]) -> tuple[Tensor, tuple[int, ...]]:
    """Which block each pixel of a clip [frames, height, width] belongs to, counted row by row, and the grid's shape."""
    counts = tuple(min(wanted, size) for wanted, size in zip(grid, shape, strict=True))
    time, down, across = (torch.arange(size) * count // size for size, count in zip(shape, counts, strict=True))
    return (time[:, None, None] * counts[1] + down[:, None]) * counts[2] + across, counts


def _occluded(video: Tensor, block: Tensor, hidden: Tensor) -> Tensor:
    """A clip once for every block of `hidden`, its mean picture there; uint8 [blocks, frames, height, width]."""
    mean = video.float().mean(dim=0).round().to(torch.uint8)
    return torch.where(block == hidden[:, None, None, None], mean, video)


def _speaker(run: Run, cohort: Cohort, recording_id: str) -> Say:
    """A function of clips as stored, uint8 [B, frames, height, width], that gives log probabilities [B, 5]."""
    config = _student(run)
    if config is None or config.view or (config.trunk is None and config.tier != "raw"):
        raise SacdError(f"{run.path}: is no student that sees pictures; choose one of the raw or the frozen tier")
    network, fabric = load_network(config, run.path)
    if network.window != 1:
        raise SacdError(f"{run.path}: reads several clips at once; choose a student of single clips")
    store, clips = RunStore(run.path.parent), whole_set([cohort[recording_id]])
    if config.trunk is None:
        inputs = config.inputs(cohort, store, clips, fabric)
        return lambda batch: forward(network, inputs, inputs.prepared(batch)).logits.log_softmax(dim=1)
    trunk, own = load_network(config.trunk, store.folder(config.trunk, cohort))
    inputs = config.trunk.inputs(cohort, store, clips, own)
    head = Inputs(inputs.arrays, prepare_features, fabric)

    def say(batch: Tensor) -> Tensor:
        # As they are kept between trunk and student.
        features = forward(trunk, inputs, inputs.prepared(batch)).features.half()
        return forward(network, head, head.prepare(features, None)).logits.log_softmax(dim=1)

    return say


def _student(run: Run) -> StudentRun | None:
    """The student whose weights a run holds."""
    config: RunConfig = parse_run(json.dumps(run.description["run"]))
    if isinstance(config, SelectedRun):
        return config.trials[run.metrics["trial"]]
    return config if isinstance(config, StudentRun) else None
