"""What few labels weigh, which parts learn and how fast, and when training ends."""

from pathlib import Path

import numpy as np
import pytest
import torch
from objective_pairs import context, make_pair
from torch import Tensor
from torch.nn.functional import log_softmax
from training_tasks import FABRIC, make_clips, student

from sacd.models import build
from sacd.objectives import build_objective
from sacd.objectives.base import Context, labelled_factor
from sacd.stages import NOT_SCORED
from sacd.training.clip_set import Arrays
from sacd.training.config import TrainingConfig
from sacd.training.inputs import Inputs, Outputs, video_preparation
from sacd.training.loop import CHECKPOINT, Task, make_optimizer, take_step, train
from sacd.training.separate_draws import SeparateSampler
from sacd.training.tasks import StudentTask

GIVEN = {"steps": 5, "batch": 24, "validate_every": 3}


def config(**changes: object) -> TrainingConfig:
    return TrainingConfig(**{**GIVEN, **changes})


def few_label_student(method: str = "sacd", video: bool = False, weight: float = 0.5) -> StudentTask:
    """Two of four people labelled, drawn apart; random features, or random clips for a network with batch norm."""
    clips, rng = make_clips(), np.random.default_rng(2)
    clips.label[clips.participant > 1] = NOT_SCORED
    shape = (4, 8, 8) if video else (6,)
    arrays = [rng.integers(0, 255, (len(night), *shape)).astype(np.uint8) for night in clips.recordings]
    prepare = video_preparation("standard") if video else (lambda x, generator: x.float() / 255)
    inputs = Inputs(Arrays(clips, arrays), prepare, FABRIC)
    torch.manual_seed(0)
    network = build("r2plus1d_10", in_channels=1, width=4) if video else build("mlp", in_features=6)
    teacher = Outputs(*(rng.standard_normal((len(clips), size), dtype=np.float32) for size in (512, 5)))
    sampler = SeparateSampler(clips, np.ones(len(clips), dtype=bool), 16, 0, "window", 8, 0.5)
    return StudentTask(
        network, inputs, clips, sampler, inputs, clips, 0, False, labelled_weight=weight, teacher=teacher,
        objective=build_objective(method, Context(len(clips), n_nights=len(clips.recordings))),
        posterior=None, momentum=0.9, diagnose_every=3,
    )  # fmt: skip


# The labelled cross-entropy.


@pytest.mark.parametrize(("weight", "divisor"), [(0.0, 12.0), (1.0, 3.0), (0.5, 6.0)])  # √(12 · 3) = 6
@pytest.mark.parametrize(("method", "own"), [("ce", 1.0), ("kd", 0.1), ("pseudo-label", 1.0)])
def test_between_the_whole_batch_and_the_labelled(method: str, own: float, weight: float, divisor: float) -> None:
    pair = make_pair(12, [2, -1, -1, -1, 0, -1, -1, 4, -1, -1, -1, -1])
    task = student()
    task.objective, task._labelled_weight = build_objective(method, context()), weight
    terms = task.losses(pair)
    logits = pair.student_logits
    slow = -own * sum(log_softmax(logits[n], 0)[y] for n, y in enumerate(pair.label.tolist()) if y >= 0) / divisor
    torch.testing.assert_close(terms["ce"], slow)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (terms["ce"], slow)]
    torch.testing.assert_close(*gradients)
    published = task.objective(pair)  # of the other terms nothing changes
    assert terms.keys() == published.keys()
    assert all(torch.equal(terms[name], published[name]) for name in terms if name != "ce")


def test_where_all_or_none_are_labelled_the_weight_is_none() -> None:
    task = student("kd")
    for labels in ("all", "none"):
        pair = make_pair(labels=labels)
        task._labelled_weight = 0.0
        published = task.losses(pair)["ce"]
        task._labelled_weight = 1.0
        assert torch.equal(task.losses(pair)["ce"], published)
    assert labelled_factor(torch.tensor([-1, -1, 3, -1]), 0.0) == 1


# What learns, and how fast.


def steps_of(task: StudentTask, steps: int = 1, **changes: object) -> dict[str, tuple[Tensor, Tensor]]:
    """State before and after some plain steps of gradient descent."""
    before = {name: value.clone() for name, value in task.state_dict().items() if value.numel()}
    optimizer = make_optimizer(task, config(weight_decay=0.0, lr=0.1, **changes))
    task.train()
    for step in range(steps):
        torch.manual_seed(step)
        take_step(task, optimizer, FABRIC, step)
    return {name: (value, task.state_dict()[name]) for name, value in before.items()}


def test_a_frozen_trunk_stays_as_it_is_and_its_momentum_copy_too() -> None:
    task = few_label_student(video=True)
    states = steps_of(task, 3, trunk_lr=0.0)
    changed = {name for name, (before, after) in states.items() if not torch.equal(before, after)}
    heads = {name for name in states if "network.head." in name}
    assert any("running_mean" in name for name in states) and heads == {name for name in changed if "network." in name}
    assert any(name.startswith("objective.") for name in changed)
    assert not task.network.stem.training and task.network.head.training
    assert task._norms == {}  # no gradient reaches the features
    whole = steps_of(few_label_student(video=True))
    for name in ("network.stem.0.weight", "network.stem.1.running_mean", "momentum_network.stem.1.running_mean"):
        assert not torch.equal(*whole[name])


def test_a_factor_scales_the_step_of_its_part_alone() -> None:
    def moved(**changes: object) -> dict[str, Tensor]:
        return {name: after - before for name, (before, after) in steps_of(few_label_student(), **changes).items()}

    plain, slow = moved(), moved(trunk_lr=0.1, objective_lr=0.5)
    learning = [name for name, _ in few_label_student().named_parameters() if not name.startswith("momentum")]
    for name in learning:
        factor = 0.5 if name.startswith("objective.") else 1.0 if ".head." in name else 0.1
        torch.testing.assert_close(slow[name], factor * plain[name], rtol=1e-3, atol=1e-6)
    assert sum(plain[name].abs().sum() > 0 for name in learning) > 30


def test_without_factors_there_is_one_group() -> None:
    assert len(make_optimizer(student(), config()).param_groups) == 1


# When it ends.


class Scored(Task):
    """A weight whose validations score as they are told."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.network, self.scores, self.asked = torch.nn.Linear(1, 1), scores, 0

    def terms(self, step: int) -> dict[str, Tensor]:
        return {"ce": self.network(torch.ones(1, 1)).square().sum()}

    def validate(self) -> dict[str, float]:
        self.asked += 1
        return {"score": self.scores[self.asked - 1]}


@pytest.mark.parametrize(("patience", "steps"), [(None, 8), (1, 2), (2, 7), (3, 8)])
def test_training_ends_when_patience_does(tmp_path: Path, patience: int | None, steps: int) -> None:
    scores = [0.5, 0.4, 0.6, 0.6, 0.7, 0.2, 0.7, 0.9]  # an equal score is no better one
    found = train(Scored(scores), config(steps=8, validate_every=1, patience=patience), 0, tmp_path, FABRIC)
    assert found["steps"] == len(found["history"]) == steps
    assert found["best_step"] == {1: 1, 2: 5}.get(patience, 8)


class Killed(BaseException):
    """As a signal would end it."""


@pytest.mark.parametrize("at", [2, 8])
def test_a_killed_run_goes_on_exactly_with_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Killed before the first validation, and after the last one of its patience."""
    monkeypatch.setattr("sacd.training.loop._CHECKPOINT_SECONDS", 0.0)
    factors = {"trunk_lr": 0.1, "objective_lr": 0.1}
    chosen = config(steps=40, validate_every=2, optimizer="adamw", schedule="cosine", patience=2, **factors)
    whole_folder, folder = tmp_path / "whole", tmp_path / "killed"
    for path in (whole_folder, folder):
        path.mkdir()
    tasks = [few_label_student() for _ in range(3)]
    whole = train(tasks[0], chosen, 0, whole_folder, FABRIC)
    at = min(at, whole["steps"])

    def kill(step: int) -> None:
        if step == at + 1 or step == whole["steps"]:
            raise Killed

    with pytest.raises(Killed):
        train(tasks[1], chosen, 0, folder, FABRIC, kill)
    assert (folder / CHECKPOINT).exists()
    resumed = train(tasks[2], chosen, 0, folder, FABRIC)
    assert resumed["history"] == whole["history"] and resumed["steps"] == whole["steps"] < 40
    for name, value in tasks[0].network.state_dict().items():
        assert torch.equal(value, tasks[2].network.state_dict()[name])


def test_what_is_left_as_it_was_leaves_identities_as_they_were() -> None:
    plain = config()
    named = config(labelled_share=None, labelled_weight=0, trunk_lr=1, objective_lr=1, patience=None)
    assert named.model_dump(exclude_defaults=True) == plain.model_dump(exclude_defaults=True) == GIVEN
    changed = config(labelled_share=0.5, labelled_weight=1, trunk_lr=0, objective_lr=0.1, patience=3)
    assert set(changed.model_dump(exclude_defaults=True)) - set(GIVEN) == {
        "labelled_share", "labelled_weight", "trunk_lr", "objective_lr", "patience",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"labelled_share": 0}, {"labelled_share": 1}, {"labelled_weight": 1.1}, {"trunk_lr": -1}, {"objective_lr": 0}],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        config(**wrong)
