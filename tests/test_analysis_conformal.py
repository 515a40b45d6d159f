"""Ranges: their ends by hand, their coverage on simulated nights, what becomes of undefined statistics."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import synthetic_nights as made

from sacd.analysis.conformal import (
    ENOUGH,
    FEWEST,
    coverage,
    interval,
    jackknife,
    leave_one_out,
    no_information,
)
from sacd.analysis.review import review_check
from sacd.analysis.sleep_statistics import Lights, paired_statistics
from sacd.decisions.median import medians
from sacd.simulate.night import label_posterior, scorings, simulate_latents
from sacd.simulate.participant import make_participant
from sacd.stages import AHI_GROUPS, ahi_group


def pairs_of(predicted, scored, statistic="tst"):
    names = [f"P{index:03d}" for index in range(len(predicted))]
    return pd.DataFrame({
        "recording_id": names, "participant_id": names, "statistic": statistic,
        "predicted": predicted, "scored": scored,
    })


def test_ends_are_those_of_lines_through_all_nights_but_one():
    rng = np.random.default_rng(0)
    x = rng.normal(400, 60, 40)
    y = 0.6 * x + 90 + rng.normal(0, 20, 40)
    values = []
    for left_out in range(40):
        keep = np.arange(40) != left_out
        slope, level = np.polyfit(x[keep], y[keep], 1)
        values.append(slope * 430 + level + y[left_out] - slope * x[left_out] - level)
    low, high = jackknife(x, y, 430.0)
    assert (low, high) == pytest.approx((np.sort(values)[1], np.sort(values)[38]))  # 41 × 0.05 is 2.05


def test_below_19_nights_there_is_no_range():
    x = np.arange(30.0)
    assert np.isnan(jackknife(x[: FEWEST - 1], x[: FEWEST - 1], 5)).all()
    assert np.isfinite(jackknife(x[:FEWEST], x[:FEWEST], 5)).all()
    assert np.isnan(jackknife(x, x, np.nan)).all()
    assert np.isnan(no_information(x[: FEWEST - 1])).all()


def test_a_model_that_knows_nothing_gets_the_range_of_the_scored_values():
    scored = np.random.default_rng(1).normal(100, 30, 99)
    assert jackknife(np.full(99, 7.0), scored, 7.0) == pytest.approx(no_information(scored))
    assert no_information(scored) == (np.sort(scored)[4], np.sort(scored)[94])


def test_nine_of_ten_are_covered_where_errors_are_skewed_and_the_model_counts_half():
    rng = np.random.default_rng(2)
    scored = rng.gamma(4, 10, 1099)
    pairs = pairs_of(scored / 2 + rng.gamma(2, 3, 1099), scored)
    found = coverage(leave_one_out(pairs[:ENOUGH], pairs[ENOUGH:])).iloc[0]
    assert found.fresh == 1000 and 0.86 < found.covered < 0.95 and found.low < found.covered < found.high
    low, high = no_information(pairs.scored[:ENOUGH].to_numpy())
    assert found.width < high - low


def test_the_night_shown_never_calibrates_itself():
    pairs = pairs_of(np.arange(40.0), np.arange(40.0))
    pairs.loc[7, "scored"] = 500.0  # an outlier would hide in its own range
    own = leave_one_out(pairs).set_index("participant_id").loc["P007"]
    assert own.nights == 39 and not own.covered


def test_undefined_values_are_counted_apart():
    predicted, scored = np.arange(30.0), np.arange(30.0)
    predicted[:3], scored[2:7] = np.nan, np.nan
    pairs = pairs_of(predicted, scored, "rem_latency")
    found = interval(pairs, "rem_latency", 12.0)
    assert (found["nights"], found["absent"], found["missed"]) == (23, 4, 2)
    assert np.isfinite(found["high"]) and np.isnan(interval(pairs, "rem_latency", np.nan)["high"])
    assert len(leave_one_out(pairs)) == 23
    assert interval(pairs[:0], "rem_latency", 12.0)["nights"] == 0


def test_ranges_stay_within_what_is_possible():
    rng = np.random.default_rng(3)
    scored = rng.uniform(80, 99, 99)
    pairs = pairs_of(scored + rng.normal(0, 8, 99), scored, "se")
    assert interval(pairs, "se", 130.0)["high"] == 100
    assert interval(pairs_of(scored + 9, rng.normal(0, 5, 99)), "tst", 90.0)["low"] == 0


@cache
def night(seed: int, split: str, index: int) -> tuple[str, str, np.ndarray, np.ndarray]:
    """A simulated night: whose, the person's AHI group, scored stages, log posterior."""
    person = make_participant(seed, split, index)
    posterior = label_posterior(simulate_latents(person))
    (stage,) = scorings(person, posterior, 1)
    group = AHI_GROUPS[int(ahi_group(person.ahi))]
    return f"{person.participant_id}s{seed}", group, stage, np.log(posterior + 1e-9)


def simulated(seed: int, count: int, split: str = "test", **student: float) -> tuple[pd.DataFrame, dict[str, str]]:
    """A made-up student's predictions of simulated nights, median-filtered over them, and everybody's AHI group."""
    parts, groups = [], {}
    for index in range(count):
        name, group, stage, seen = night(seed, split, index)
        groups[name] = group
        chances = made.said(np.random.default_rng([seed, index]), seen, **{"trust": 0.8} | student)
        chances = medians(chances, np.zeros(len(stage)), np.arange(len(stage)), 9)
        parts.append(made.table(name, stage, chances))
    return pd.concat(parts, ignore_index=True), groups


def paired(predictions: pd.DataFrame) -> pd.DataFrame:
    last = predictions.groupby("recording_id")["clip"].max()
    return paired_statistics(predictions, {name: Lights(0, clip) for name, clip in last.items()})


def each_from_its_own_draw(pool: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Ranges of fresh nights, each from `ENOUGH` nights drawn for it: what is promised is promised over such draws.

    One draw for all would measure the luck of that draw: it moves the coverage by 3 points up or down.
    """
    rng, people = np.random.default_rng(0), pool["participant_id"].unique()
    parts = []
    for _, one in fresh.groupby("participant_id"):
        drawn = rng.choice(people, ENOUGH, replace=False)
        parts.append(leave_one_out(pool[pool["participant_id"].isin(drawn)], one))
    return pd.concat(parts, ignore_index=True)


@pytest.mark.slow
def test_coverage_on_fresh_simulated_nights():
    """Required: each statistic, fresh nights of the same kind. Reported: by AHI group, and where pictures tell less.

    Of 200 nights the share itself wavers by 2 points, and one of nine statistics often leaves 86–95 % by chance: 600,
    and calibration nights are drawn from 1,000. So are the training nights many: what is known without a recording is
    REM latencies 176 min wide by one draw of 64 nights, and 200 and 228 by two others.
    """
    known, _ = simulated(51, 1000)
    fresh, groups = simulated(52, 600)
    weak, _ = simulated(52, 200, trust=0.5, noise=1.4)
    training, _ = simulated(53, 600, "train")
    pool = paired(known)
    shown = each_from_its_own_draw(pool, paired(fresh))
    found = coverage(shown).set_index("statistic")
    shown["group"] = shown["participant_id"].map(groups)
    blind = {name: no_information(part.to_numpy()) for name, part in paired(training).groupby("statistic")["scored"]}
    found["blind"] = [blind[name][1] - blind[name][0] for name in found.index]
    few = known[known["participant_id"].isin(known["participant_id"].unique()[:ENOUGH])]
    check = review_check(few, fresh).groupby("reviewed")[["expected", "obtained"]].mean()
    others = coverage(shown, ["group"]), coverage(each_from_its_own_draw(pool, paired(weak)))
    right = (fresh["stage"] == fresh["predicted"]).mean()
    for table in (found, *others, check):
        print(table.round(3).to_string())
    print(right.round(3))
    assert found["covered"].between(0.86, 0.95).all() and (found["low"] >= 0.80).all()
    assert (found["width"] < found["blind"]).all()
    assert (check["expected"] - check["obtained"]).abs().max() <= 0.03


def test_the_gist_says_how_often_ranges_held_and_which_say_something():
    import pandas as pd

    from sacd.figures.night_trust import coverage_gist

    trust = pd.DataFrame({
        "statistic": ["tst", "waso"], "covered": [0.88, 0.93], "width": [80.0, 90.0], "blind": [120.0, 85.0],
        "fresh": [100, 100],
    })
    said = coverage_gist(trust, "tiny (simulated)")
    assert "tiny (simulated)" in said and "88 to 93 % of 100" in said and "1 of 2 statistics" in said
    assert "too few calibration nights" in coverage_gist(trust.iloc[:0], "tiny")
