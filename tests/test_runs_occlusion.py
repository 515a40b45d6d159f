"""The occlusion map: what a student looks at lights up, and nothing else does."""

import numpy as np
import pytest
import torch
from tiny import make_cohort

from sacd.exceptions import SacdError
from sacd.runs import occlusion
from sacd.runs.execute import execute
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.outputs import cached_outputs
from sacd.runs.store import RunStore
from sacd.training.config import ModelConfig, TrainingConfig

FAST = TrainingConfig(steps=2, batch=16, optimizer="adamw", validate_every=2, normalise="clip-mean")
VIDEO = ModelConfig(name="r3d_10", options={"width": 4, "stem_stride": 4})
RAW = StudentRun(model=VIDEO, training=FAST)
FROZEN = StudentRun(model=ModelConfig(name="mlp"), training=FAST, trunk=TrunkRun(model=VIDEO))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("occlusion")
    cohort, store = make_cohort(folder / "cohort", train=4, test=1, clips=16), RunStore(folder / "runs")
    for config in (RAW, FROZEN.trunk, FROZEN):
        execute(config, cohort, store)
    return cohort, store


@pytest.mark.parametrize("config", [RAW, FROZEN], ids=["raw", "frozen"])
def test_a_block_of_the_map_is_the_fall_when_that_block_is_hidden(made, config):
    cohort, store = made
    run = store.open(config, cohort)
    found = occlusion.occlusion_map(run, cohort, "P04n1", 5, grid=(2, 4, 4))
    assert found.shape == (2, 4, 4) and found.dtype == np.float32 and np.isfinite(found).all()
    say = occlusion._speaker(run, cohort, "P04n1")
    video = cohort["P04n1"].video[5].copy()
    with torch.inference_mode():
        whole = say(torch.from_numpy(video)[None])[0]
        hidden = video.copy()
        hidden[4:, 4:8, 12:] = np.rint(video.mean(axis=0))[4:8, 12:]
        other = say(torch.from_numpy(hidden)[None])[0]
    stage = whole.argmax()
    assert found[1, 1, 3] == pytest.approx(float(whole[stage] - other[stage]), abs=2e-3)
    assert found.any()


@pytest.mark.parametrize("config", [RAW, FROZEN], ids=["raw", "frozen"])
def test_the_clip_as_it_is_gets_the_runs_own_answer(made, config):
    cohort, store = made
    say = occlusion._speaker(store.open(config, cohort), cohort, "P04n1")
    with torch.inference_mode():
        said = say(torch.from_numpy(np.array(cohort["P04n1"].video[:4])))
    own = cached_outputs(config, cohort, store, [cohort["P04n1"]])["P04n1"].logits[:4]
    assert said.numpy() == pytest.approx(torch.from_numpy(own).log_softmax(dim=1).numpy(), abs=5e-3)


def test_the_block_that_a_network_reads_lights_up_and_no_other(made, monkeypatch):
    cohort, store = made

    def looks_at_one_corner(run, cohort, recording_id):
        def say(batch):
            moves = batch[:, :4, 8:12, :4].float().var(dim=1).mean(dim=(1, 2))
            return torch.stack([moves, *[torch.zeros_like(moves)] * 4], dim=1).log_softmax(dim=1)

        return say

    monkeypatch.setattr(occlusion, "_speaker", looks_at_one_corner)
    found = occlusion.occlusion_map(store.open(RAW, cohort), cohort, "P04n1", 3, grid=(2, 4, 4))
    lit = np.argwhere(np.abs(found) > 1e-6)
    assert lit.tolist() == [[0, 2, 0]] and found[0, 2, 0] > 0


@pytest.mark.parametrize("shape", [(16, 16, 16), (3, 7, 5), (32, 11, 13)])
def test_blocks_cover_every_pixel_once(shape):
    block, counts = occlusion._blocks(shape, occlusion.GRID)
    assert block.shape == shape and np.prod(counts) == len(block.unique()) == int(block.max()) + 1


def test_what_sees_no_pictures_is_refused(made, tmp_path):
    cohort, store = made
    trunk, student = store.open(FROZEN.trunk, cohort), store.open(RAW, cohort)
    with pytest.raises(SacdError, match="no student that sees pictures"):
        occlusion.occlusion_map(trunk, cohort, "P04n1", 0)
    with pytest.raises(SacdError, match="no clip 99"):
        occlusion.occlusion_map(student, cohort, "P04n1", 99)
    with pytest.raises(SacdError, match="no recording"):
        occlusion.occlusion_map(student, cohort, "P99n1", 0)
    features = make_cohort(tmp_path / "f", features=True, train=1, test=0, clips=8)
    with pytest.raises(SacdError, match="no pictures"):
        occlusion.occlusion_map(student, features, "P00n1", 0)
