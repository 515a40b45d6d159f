"""The runs that say whether distillation pays are runs that the report has anyway."""

import pandas as pd
import pytest
from synthetic_predictions import predictions

from sacd.experiments import teachers
from sacd.experiments.distillation import published
from sacd.experiments.headroom import ALL_STUDENT, FEW_STUDENT, FEW_TEACHER, headroom, known_by_teacher, systems
from sacd.experiments.profile import load_profile
from sacd.simulate.planned import plan_cohort


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_nothing_is_trained_for_it_alone(name, tmp_path):
    profile = load_profile(name)
    cohort = plan_cohort(tmp_path / "cohort", profile.cohort.model_dump())
    wanted = headroom(cohort, profile)
    known = {run.model_dump_json() for run in [*teachers(cohort, profile), *published(cohort, profile)]}
    assert {run.model_dump_json() for run in wanted} <= known
    assert len(wanted) == 4 * profile.seeds


def test_it_pairs_teacher_and_student_of_the_same_number_of_labels():
    kinds = [
        predictions({"x": right}, participants=8, seeds=3, seed=number).assign(kind=kind, protocol=protocol)
        for number, (protocol, kind, right) in enumerate((
            ("few-label", "student", 0.3),
            ("few-label", "teacher", 0.9),
            ("paper", "student", 1.0),
            ("paper", "teacher", 0.2),
        ))
    ]
    table = pd.concat(kinds, ignore_index=True)
    assert list(systems(table).drop_duplicates()) == [FEW_STUDENT, FEW_TEACHER, ALL_STUDENT, "teacher, all labels"]
    known = known_by_teacher(table).set_index(["labels", "quantity"])["value"]
    assert known["few labels", "rescues"] == pytest.approx(0.9, abs=0.05)
    assert known["all labels", "misleads"] == pytest.approx(0.8, abs=0.05)
