"""The review list: the least sure first, and what a review is expected to bring."""

import numpy as np
import pytest
import synthetic_nights as made

from sacd.analysis.review import (
    chance_right,
    expected_agreement,
    obtained_agreement,
    review_check,
    review_list,
    sureness,
)
from sacd.figures.night_trust import review_table


def test_the_least_sure_come_first():
    night = made.predictions(1)
    listed = review_list(night)
    assert listed["rank"].tolist() == list(range(1, len(night) + 1))
    assert (np.diff(listed.sure) >= 0).all() and set(listed["clip"]) == set(night["clip"])
    chances = listed[["p_W", "p_N1", "p_N2", "p_N3", "p_REM"]].to_numpy()
    order = chances.argsort(axis=1)
    assert (listed.predicted == order[:, -1]).all() and (listed.second == order[:, -2]).all()
    assert listed.chance.isna().all() and np.isnan(expected_agreement(listed, 20))


def test_agreement_after_a_review_by_hand():
    listed = review_list(made.predictions(1)[:6]).assign(
        chance=[0.2, 0.4, 0.5, 0.6, 0.8, 0.9], stage=[0, 1, 2, 3, 4, -1], predicted=[1, 1, 1, 3, 4, 4]
    )
    assert expected_agreement(listed, 2) == pytest.approx((2 + 0.5 + 0.6 + 0.8 + 0.9) / 6)
    assert obtained_agreement(listed, 0) == pytest.approx(3 / 5)
    assert obtained_agreement(listed, 1) == pytest.approx(4 / 5)
    assert expected_agreement(listed, 100) == obtained_agreement(listed, 100) == 1


def test_expected_is_obtained_though_the_model_is_too_sure_of_itself():
    student = {"trust": 1.0, "noise": 2.5}
    known, fresh = made.predictions(30, **student), made.predictions(30, seed=1, **student)
    assert sureness(fresh).mean() > (fresh.stage == fresh.predicted).mean() + 0.05
    check = review_check(known, fresh)
    means = check.groupby("reviewed")[["expected", "obtained"]].mean()
    assert means.index.tolist() == [20, 50, 100]
    assert (means.expected - means.obtained).abs().max() < 0.03
    assert means.obtained.is_monotonic_increasing and means.obtained[100] > means.obtained[20] + 0.05


def test_a_night_does_not_calibrate_itself():
    known = made.predictions(3)
    own = review_check(known, known[known.participant_id == "N0x001"])
    others = known[known.participant_id != "N0x001"]
    apart = review_check(others, known[known.participant_id == "N0x001"])
    assert own.expected.tolist() == apart.expected.tolist()
    assert chance_right(others).predict([0.0, 1.0]).tolist() != [0.0, 1.0]


def test_with_one_night_nothing_is_expected_of_it():
    one = made.predictions(1)
    check = review_check(one, one)
    assert check.expected.isna().all() and check.obtained.notna().all()
    assert "nan" not in review_table(check, "nights (simulated)")._repr_html_()
