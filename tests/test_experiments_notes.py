"""Notes below tables say the profile's own numbers."""

from pathlib import Path

import numpy as np
import pytest
from tiny import make_cohort, night_profile

from sacd.cohort import Cohort
from sacd.experiments import notes
from sacd.experiments.hyperparameters import chosen_cell, stated
from sacd.experiments.night import night_place
from sacd.experiments.profile import load_profile
from sacd.simulate.planned import plan_cohort

PROFILE = load_profile("smoke")


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory) -> tuple[Cohort, Cohort]:
    folder = tmp_path_factory.mktemp("cohorts")
    return make_cohort(folder / "raw", clips=8), make_cohort(folder / "features", features=True, clips=8)


def test_table_two_says_budget_steps_seeds_and_trials(cohorts):
    raw, features = (" ".join(notes.table_ii(cohort, PROFILE)) for cohort in cohorts)
    search = PROFILE.equal_budget
    for told in (raw, features):
        assert f"Seeds: {PROFILE.seeds}, other teachers {PROFILE.comparison.seeds}, equal budget {search.seeds}" in told
        assert f"{search.trials} trials of every method" in told
    assert f"raw {PROFILE.student.training.steps}, batch 32; frozen {PROFILE.frozen.training.steps}, batch" in raw
    assert f"features {PROFILE.feature_student.training.steps}, batch" in features and "Privileged" in features
    assert "Privileged" not in raw and "quality flag" not in raw and "no usable clip" not in raw


def test_what_is_left_out_is_said(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True)
    first, second, *_ = cohort
    first.clips.assign(flag_video_gap=np.arange(24) < 5).to_parquet(first.path / "clips.parquet", index=False)
    second.clips.assign(stage=-1).to_parquet(second.path / "clips.parquet", index=False)
    told = notes.left_out(Cohort.open(cohort.path), PROFILE)
    assert told[0] == "5 of 264 clips carry a quality flag and are left out of training and test."
    assert told[1].startswith("Of 1 participants no usable clip is scored")


def test_table_five_and_figure_five_say_steps_and_seeds(cohorts):
    told = notes.table_v(cohorts[0], PROFILE)[1]
    assert told.startswith(f"Tier frozen, {PROFILE.frozen.training.steps} steps of 32 clips, seeds: 1")
    choice, steps = notes.figure_5(cohorts[0], PROFILE)
    assert choice.startswith(f"({chosen_cell()})") and chosen_cell() == "0.5, 1, 1"
    assert steps.startswith(f"{PROFILE.sweep.steps} steps of 32 clips, fewer than in Table II, seeds: 1")


def test_points_that_the_paper_states_are_named_as_cells_are():
    points = stated().set_index("method").accuracy
    assert points[chosen_cell()] == points.max() == pytest.approx(0.644)
    assert points["0.5, 10, 10"] == pytest.approx(0.52)


def test_table_three_says_the_student():
    steps = PROFILE.student.training.steps
    assert notes.table_iii(PROFILE.student) == f"Student r2plus1d_10, {steps} steps of 32 clips; grey video."


def test_table_four_says_what_is_there(cohorts):
    networks, steps, *hidden = notes.table_iv(cohorts[1], PROFILE)
    assert f"EEG: mlp, {PROFILE.feature_teacher.training.steps} steps" in networks
    assert f"in {PROFILE.fusion.parts} parts" in steps and "E to G" in steps
    assert "leaves out Pz-Oz" in hidden[0]
    alone = PROFILE.model_copy(update={"methods": ("ce",)})
    assert "E to G" not in notes.table_iv(cohorts[0], alone)[1]


def test_frames_and_verdict(cohorts):
    student, steps, people = notes.frame_numbers(cohorts[0], PROFILE)
    assert "video of 16×16" in student and f"{PROFILE.frame_sampling.steps} steps" in steps
    assert people == "Each row has a cohort of 11 participants (8 train, 3 test)."
    assert f"frozen {PROFILE.frozen.training.steps} steps" in notes.verdict(PROFILE)[1]


def test_the_night_says_labels_nights_trunk_teacher_and_steps(cohorts):
    profile = night_profile()
    people, made, steps = notes.night(cohorts[1], profile)
    assert people.startswith("few-label: 4 labelled participants")
    assert made == "8 nights to train and validate, 3 to test; features: given features; teacher: mlp."
    assert steps == "4 steps of 32 clips in stretches of 8, the same for all; seeds: 1 (profile smoke)."
    main = plan_cohort(Path("nowhere") / "main", profile.cohort.model_dump())
    _, made, _ = notes.night(night_place(main, profile).open_or_plan(), profile)
    assert made == "8 nights to train and validate, 2 to test; features: r2plus1d_10-motion; teacher: sen."
