"""Every method has the same trials with few labels; the ablation's rows differ in what they say and in nothing else."""

from pathlib import Path

import pytest
from tiny import make_cohort

from sacd.cohort import Cohort
from sacd.experiments.distillation import distillation, methods
from sacd.experiments.few_labels import LABELLED_WEIGHTS, SHARE, compared, selected, trials
from sacd.experiments.profile import Profile, load_profile
from sacd.objectives import OBJECTIVES
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

FAST = TrainingConfig(steps=4, batch=32, validate_every=2, optimizer="adamw", labelled_share=0.25)
MLP, VIDEO = ModelConfig(name="mlp"), ModelConfig(name="r2plus1d_10", weights="a-file.safetensors")


def few_label_student(method: str, model: ModelConfig = MLP, training: TrainingConfig = FAST, **more) -> StudentRun:
    teacher = TeacherRun(model=MLP, training=FAST, protocol="few-label", labelled=4)
    needs = OBJECTIVES[method].needs_teacher
    return StudentRun(
        model=model, training=training, protocol="few-label", labelled=4, objective=ObjectiveConfig(name=method),
        teacher=teacher if needs else None, **more,
    )  # fmt: skip


@pytest.mark.parametrize("method", OBJECTIVES)
def test_every_method_has_as_many_trials_that_all_differ(method: str) -> None:
    for model, settings in ((MLP, 3), (VIDEO, 6)):
        run = few_label_student(method, model, FAST.model_copy(update={"labelled_weight": 0.5, "trunk_lr": 0.1}))
        if not OBJECTIVES[method].uses_unlabelled:  # its weight says nothing, its learning rate stands for it
            run = few_label_student(method, model, FAST.model_copy(update={"trunk_lr": 0.1}))
        if model is MLP:
            run = run.model_copy(update={"training": run.training.model_copy(update={"trunk_lr": 1.0})})
        found = trials(run)
        assert found[0] == run and len({trial.training.model_dump_json() for trial in found}) == len(found) == settings
        assert not any(trial.test for trial in found[1:])
        assert all(trial.model_copy(update={"training": run.training, "test": True}) == run for trial in found)
        trunks = {trial.training.trunk_lr for trial in found}
        assert trunks == ({1.0} if model is MLP else {0.0, 0.1})
        if OBJECTIVES[method].uses_unlabelled:
            assert {trial.training.labelled_weight for trial in found} == set(LABELLED_WEIGHTS)


def test_a_frozen_tier_has_no_trunk_to_try_and_a_setting_of_ones_own_comes_first() -> None:
    standing = few_label_student("kd", trunk=TrunkRun(model=ModelConfig(name="r2plus1d_10"), training=FAST))
    own = standing.model_copy(update={"training": FAST.model_copy(update={"labelled_weight": 0.7})})
    assert [trial.training.labelled_weight for trial in trials(own)] == [0.7, 0.5, 0.0, 1.0]
    assert {trial.training.trunk_lr for trial in trials(own)} == {1.0}
    assert selected(own).trials == tuple(trials(own)) and selected(own).labelled == 4


# The ablation.

RELEASED = ("ce", "kd")


def profile(weights: str | None) -> Profile:
    smoke = load_profile("smoke")
    model = smoke.student.model.model_copy(update={"weights": weights})
    released = smoke.ablation.model_copy(update={"released": RELEASED})
    return smoke.model_copy(update={
        "student": smoke.student.model_copy(update={"model": model}), "ablation": released,
    })  # fmt: skip


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return make_cohort(tmp_path / "cohort")


@pytest.mark.parametrize("weights", [None, "a-file.safetensors"])
def test_rows_differ_in_what_they_say(cohort: Cohort, weights: str | None) -> None:
    found = compared(cohort, profile(weights))
    assert len({run.model_dump_json() for _, run in found}) == len(found)
    draws = {
        f"drawn apart, CE {divisor}": (SHARE, weight) for weight, divisor in LABELLED_WEIGHTS.items()
    } | {"drawn together, CE between": (None, 0.5), "drawn together, CE by the batch": (None, 0.0)}  # fmt: skip
    expected = {f"{title}, {row}": said for title in ("KD", "SACD") for row, said in draws.items()}
    trunks = {"trunk frozen": 0.0, "trunk slow": 0.1, "trunk as fast as the head": 1.0} if weights else {}
    for name, run in found:
        title, setting = name.split(", ", 1)
        assert run.protocol == "few-label" and run.seed < profile(weights).ablation.seeds
        if setting in trunks:
            assert run.tier == "raw" and run.training.trunk_lr == trunks[setting] and run.model.weights == weights
        else:
            assert run.tier == "frozen"
            assert (run.training.labelled_share, run.training.labelled_weight) == expected[name]
    names = {name for name, _ in found}
    assert names == set(expected) | {f"{title}, {row}" for title in ("CE", "KD") for row in trunks}


def test_what_the_profile_publishes_is_shared_with_table_two(cohort: Cohort) -> None:
    plain = profile(None)
    table_two = {run.model_dump_json() for run in distillation(cohort, plain)}
    shared = {name for name, run in compared(cohort, plain) if run.model_dump_json() in table_two}
    assert shared == {"KD, drawn together, CE by the batch", "SACD, drawn together, CE by the batch"}


def test_a_method_that_is_left_out_has_no_row(cohort: Cohort) -> None:
    short = profile(None).model_copy(update={"methods": ("ce", "kd")})
    assert methods(cohort, short, "few-label") == ["ce", "kd"]
    assert {name.split(",")[0] for name, _ in compared(cohort, short)} == {"KD"}
