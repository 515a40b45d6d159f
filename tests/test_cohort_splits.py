"""Splits: nobody in two parts, AHI groups in every part, nested budgets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacd.cohort.splits import default_budget, fold_count, make_split, stratified_order
from sacd.exceptions import SacdError
from sacd.stages import ahi_group


def participants(count: int, seed: int = 0, test: int = 0, known: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ahi = rng.gamma(1.2, 14, count) if known else np.full(count, np.nan)
    split = ["n/a"] * count if not test else ["train"] * (count - test) + ["test"] * test
    return pd.DataFrame({"ahi": ahi, "split": split}, index=[f"P{i:03d}" for i in range(count)])


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(8, 60),
    seed=st.integers(0, 50),
    fold=st.none() | st.tuples(st.integers(0, 3), st.just(4)),
    protocol=st.sampled_from(["paper", "few-label"]),
    known=st.booleans(),
)
def test_nobody_is_in_two_parts_and_nobody_is_lost(count, seed, fold, protocol, known):
    table = participants(count, known=known)
    split = make_split(table, protocol, 2 if protocol == "few-label" else None, fold, seed)
    parts = [*split.labelled, *split.unlabelled, *split.validation, *split.test]
    assert len(parts) == len(set(parts))
    assert set(parts) == set(table.index)
    assert split.labelled and split.validation and split.test


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100), small=st.integers(2, 10), large=st.integers(10, 19))
def test_budgets_are_nested(seed, small, large):
    table = participants(48)
    few, more = (make_split(table, "few-label", budget, None, seed) for budget in (small, large))
    assert set(few.labelled) <= set(more.labelled)
    assert set(few.validation) <= set(more.validation)
    assert few.test == more.test


def test_eight_labelled_are_six_and_two():
    split = make_split(participants(64), "few-label", 8)
    assert (len(split.labelled), len(split.validation)) == (6, 2)


def test_two_labelled_are_one_and_one():
    split = make_split(participants(12), "few-label", 2)
    assert (len(split.labelled), len(split.validation)) == (1, 1)


def test_budget_above_half_is_refused_and_small_cohorts_get_two():
    table = participants(15, test=3)
    with pytest.raises(SacdError, match="above half of the 12 training participants; use at most 6"):
        make_split(table, "few-label", 7)
    assert default_budget(table, wanted=8) == 2
    assert default_budget(participants(64), wanted=8) == 8
    with pytest.raises(SacdError, match="too small"):
        make_split(table, "few-label", 1)


@pytest.mark.parametrize("wanted", [2, 4])
@pytest.mark.parametrize("people", range(2, 12))
def test_small_cohorts_have_folds_that_leave_somebody_to_train(people, wanted):
    table, count = participants(people), fold_count(people, wanted)
    assert count == wanted or wanted < count <= people or count == people < wanted
    for fold in range(count) if people >= 3 else ():
        assert make_split(table, fold=(fold, count)).labelled
        if people >= 5:
            assert default_budget(table, (fold, count)) == 2
            assert make_split(table, "few-label", 2, (fold, count)).labelled
    if people < 5:
        with pytest.raises(SacdError, match=f"{people} scored participants are too few .* score 5 or more"):
            default_budget(table, (0, count))
    if people >= 3:
        assert default_budget(table, (0, count), unscored=9) == 2


def test_the_cohorts_own_split_is_kept():
    table = participants(20, test=6)
    table.loc[["P001", "P003"], "split"] = "validation"
    split = make_split(table, seed=3)
    assert set(split.test) == set(table.index[14:])
    assert set(split.validation) == {"P001", "P003"}


def test_folds_test_everybody_once():
    table = participants(22)
    tests = [name for index in range(4) for name in make_split(table, fold=(index, 4)).test]
    assert sorted(tests) == sorted(table.index)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 200))
def test_prefixes_of_the_order_follow_the_ahi_mix(seed):
    table = participants(80)
    order = stratified_order(table, seed)
    whole = np.bincount(ahi_group(table.ahi), minlength=4) / 80
    half = np.bincount(ahi_group(table.loc[order[:40]].ahi), minlength=4) / 40
    assert np.abs(whole - half).max() <= 0.06


def test_the_order_depends_on_the_seed_alone():
    table = participants(30)
    assert stratified_order(table, 1) == stratified_order(table.sample(frac=1, random_state=3), 1)
    assert stratified_order(table, 1) != stratified_order(table, 2)


def test_an_edited_table_gives_another_split():
    table = participants(20)
    before = make_split(table, seed=3)
    assert make_split(table, seed=3) == before
    table.loc[before.labelled[0], "split"] = "test"
    assert make_split(table, seed=3).test == (before.labelled[0],)


# Of whom nobody scored a clip.


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 50), fold=st.none() | st.tuples(st.integers(0, 3), st.just(4)),
    protocol=st.sampled_from(["paper", "few-label"]),
)
def test_the_unscored_are_unlabelled_and_change_nobody_elses_role(seed, fold, protocol):
    table, labelled = participants(20, seed, test=4), 4 if protocol == "few-label" else None
    scored = [name for name in table.index if name not in ("P001", "P004", "P009")]
    split = make_split(table, protocol, labelled, fold, seed, scored=scored)
    without = make_split(table.loc[scored], protocol, labelled, fold, seed)
    assert set(split.unlabelled) - set(without.unlabelled) == {"P001", "P004", "P009"}
    assert (split.labelled, split.validation, split.test) == (without.labelled, without.validation, without.test)


def test_whom_the_cohort_keeps_for_later_is_not_trained_on():
    table = participants(12, test=2)
    scored = list(table.index[:8]) + ["P011"]
    assert make_split(table, scored=scored).unlabelled == ("P008", "P009")  # P010 may be scored and tested one day
    assert "P010" in make_split(table, fold=(0, 3), scored=scored).unlabelled  # a fold asks nobody


def test_a_budget_may_be_all_who_are_scored_where_others_are_not():
    table = participants(10)
    split = make_split(table, "few-label", 2, scored=["P003", "P007"], held_out=False)
    assert {*split.labelled, *split.validation} == {"P003", "P007"} and len(split.unlabelled) == 8
    assert make_split(table, scored=["P003", "P007"], held_out=False).test == ()
    with pytest.raises(SacdError, match="above the 2 training participants of whom clips are scored; use at most 2"):
        make_split(table, "few-label", 3, scored=["P003", "P007"], held_out=False)


@pytest.mark.parametrize("scored", [[], ["P001"], ["P001", "P002"]])
def test_too_few_scored_people_are_refused_in_one_line(scored):
    with pytest.raises(SacdError, match="needs at least 3 participants of whom clips are scored") as caught:
        make_split(participants(10), scored=scored)
    assert "\n" not in str(caught.value)
