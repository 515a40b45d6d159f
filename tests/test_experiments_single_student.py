"""`sacd train` changes what is asked for and leaves the rest as the profile has it."""

import pytest
from tiny import make_cohort

from sacd.exceptions import SacdError
from sacd.experiments.common import folds, student
from sacd.experiments.profile import load_profile
from sacd.experiments.single_student import single_student
from sacd.training.config import ObjectiveConfig

SMOKE = load_profile("smoke")
KD = ObjectiveConfig(name="kd", options={"temperature": 2})


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("single") / "cohort")


@pytest.mark.parametrize("frozen", [False, True])
def test_without_wishes_it_is_the_profiles(cohort, frozen):
    usual = student(cohort, SMOKE, KD, "paper", 0, folds(cohort, SMOKE)[0], raw=not frozen)
    assert single_student(cohort, SMOKE, KD, frozen=frozen) == usual


def test_what_is_asked_for_is_changed_and_the_teacher_sees_the_same_labels(cohort):
    run = single_student(
        cohort, SMOKE, KD, network="r3d_10", teacher="deepsleepnet", labelled=4, steps=7, seed=3, fold=(1, 2)
    )
    assert (run.model.name, run.objective, run.training.steps, run.seed, run.fold) == ("r3d_10", KD, 7, 3, (1, 2))
    assert (run.protocol, run.labelled) == (run.teacher.protocol, run.teacher.labelled) == ("few-label", 4)
    assert run.teacher.model.name == "deepsleepnet" and run.teacher.fold == (1, 2)
    assert run.training.model_copy(update={"steps": SMOKE.student.training.steps}) == SMOKE.student.training


def test_an_objective_without_a_teacher_takes_none(cohort):
    assert single_student(cohort, SMOKE, ObjectiveConfig()).teacher is None
    with pytest.raises(SacdError, match="objective ce has no teacher; leave --teacher out"):
        single_student(cohort, SMOKE, ObjectiveConfig(), teacher="attnsleep")
