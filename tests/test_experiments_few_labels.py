"""The ablation's rows of few labels differ in what they say and in nothing else."""

from pathlib import Path

import pytest
from tiny import make_cohort

from sacd.cohort import Cohort
from sacd.experiments.distillation import distillation, methods
from sacd.experiments.few_labels import SHARE, compared
from sacd.experiments.profile import Profile, load_profile
from sacd.experiments.trials import LABELLED_WEIGHTS

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
