"""Every method has as many trials, which differ in what their name says and in nothing else."""

import pytest

from sacd.experiments.trials import FACTORS, LABELLED_WEIGHTS, trials
from sacd.objectives import OBJECTIVES, options_of
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

FAST = TrainingConfig(steps=4, batch=32, validate_every=2, optimizer="adamw", labelled_share=0.25, labelled_weight=0.5)
MLP, VIDEO = ModelConfig(name="mlp"), ModelConfig(name="r2plus1d_10", weights="a-file.safetensors")


def student(method: str, model: ModelConfig = MLP, training: TrainingConfig = FAST, few: bool = True) -> StudentRun:
    budget = {"protocol": "few-label", "labelled": 4} if few else {"protocol": "paper"}
    if not OBJECTIVES[method].uses_unlabelled:  # their weight says nothing of labelled clips alone
        training = training.model_copy(update={"labelled_weight": 0.0, "labelled_share": None})
    return StudentRun(
        model=model, training=training, objective=ObjectiveConfig(name=method), **budget,
        teacher=TeacherRun(model=MLP, training=FAST, **budget) if OBJECTIVES[method].needs_teacher else None,
    )  # fmt: skip


@pytest.mark.parametrize("method", OBJECTIVES)
def test_every_method_has_as_many_trials_that_all_differ(method: str) -> None:
    slow = FAST.model_copy(update={"trunk_lr": 0.1})
    for run, number in ((student(method, few=False), 5), (student(method), 7), (student(method, VIDEO, slow), 10)):
        found = list(trials(run, 5).values())
        assert len(found) == len({trial.model_dump_json() for trial in found}) == number
        assert found[0] == run and not any(trial.test for trial in found[1:])


@pytest.mark.parametrize("method", OBJECTIVES)
def test_factors_scale_the_methods_weights_or_the_learning_rate(method: str) -> None:
    found, weights = trials(student(method), 5), OBJECTIVES[method].weights
    for factor in FACTORS[1:5]:
        trial = found[f"× {factor:g}"]
        for name in weights:
            assert trial.objective.options[name] == pytest.approx(factor * options_of(method)[name])
        assert set(trial.objective.options) == set(weights)
        assert trial.training.lr == pytest.approx(FAST.lr if weights else factor * FAST.lr)


def test_few_labels_weigh_otherwise_and_a_trunk_stands_or_learns_slowly() -> None:
    slow = FAST.model_copy(update={"trunk_lr": 0.1})
    found = trials(student("kd", VIDEO, slow), 1)
    settings = {(trial.training.labelled_weight, trial.training.trunk_lr) for trial in found.values()}
    assert settings == {(weight, speed) for weight in LABELLED_WEIGHTS for speed in (0.0, 0.1)}
    assert found["CE by the batch, trunk frozen"].training.trunk_lr == 0
    frozen = trials(student("kd"), 1)
    assert list(frozen) == ["× 1", "CE by the batch", "CE by the labelled"]
    assert {trial.training.trunk_lr for trial in frozen.values()} == {1.0}


def test_where_all_are_labelled_nothing_weighs_otherwise() -> None:
    assert list(trials(student("kd", few=False), 3)) == ["× 1", "× 0.1", "× 10"]
