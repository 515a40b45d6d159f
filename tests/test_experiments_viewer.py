"""Notebook 12: two students of Table II, one seed, and the reason where there is nothing to compare or to show."""

from pathlib import Path

import pytest
from synthetic_predictions import predictions
from tiny import make_cohort

from sacd import experiments
from sacd.exceptions import NotApplicable
from sacd.experiments.profile import load_profile
from sacd.experiments.viewer import compared, compared_runs
from sacd.simulate.planned import plan_cohort


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_it_looks_at_students_that_another_notebook_trains_anyway(name):
    profile = load_profile(name)
    cohort = plan_cohort(Path("nowhere") / name, profile.cohort.model_dump())
    found = compared_runs(cohort, profile)
    assert [run.objective.name for run in found] == ["ce", "kd", "sacd"] and {run.seed for run in found} == {0}
    assert set(found) <= set(experiments.confusion(cohort, profile))


def test_one_method_is_compared_with_nobody(tmp_path):
    profile = load_profile("smoke").model_copy(update={"methods": ("kd",)})
    with pytest.raises(NotApplicable, match="compares two methods"):
        compared_runs(make_cohort(tmp_path / "cohort", train=4, test=1, clips=8), profile)


def test_model_and_baseline_are_the_last_and_the_first():
    assert compared(predictions({"CE": 0.5, "KD": 0.5, "SACD": 0.5})) == ("SACD", "CE")


def test_it_needs_pictures_and_eeg(tmp_path):
    chapter = experiments.CHAPTERS["12_video_eeg_viewer"]
    assert "features" in chapter.not_applicable(make_cohort(tmp_path / "f", features=True, train=2, test=0, clips=8))
    assert chapter.not_applicable(make_cohort(tmp_path / "r", train=2, test=0, clips=8)) is None
