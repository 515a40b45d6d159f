"""The verdict's rule on predictions whose truth is known; its words: *reproduced* is for real video and EEG alone."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_predictions import predictions, table

from sacd.analysis.comparison import holm
from sacd.analysis.inference import CLAIM, DESCRIPTIVE, TOO_FEW
from sacd.analysis.measurement import statistic
from sacd.analysis.verdict import (
    FEATURES,
    HOLDS,
    IN_PART,
    NOT_CLEAR,
    OPPOSITE,
    PRIVILEGED,
    REAL,
    SIMULATION,
    UNTESTED,
    WORDS,
    by_claim,
    coverage,
    judge,
    judge_cohort,
    measure,
    source,
    summary,
    words,
)
from sacd.cohort import CohortInfo, Sampling
from sacd.figures.verdict import claims_forest, evidence_table, verdict_table
from sacd.paper.claim_type import Claim, Evidence
from sacd.paper.claims import claims
from sacd.stages import STAGES

BETTER = Evidence("difference", "SACD", "CE", printed=0.119)
WORSE = Evidence("difference", "CE", "SACD")
EVEN = Evidence("difference", "KD", "CE")


def claim(*evidence: Evidence, name: str = "one") -> Claim:
    return Claim(name, f"claim {name}", "Table 0", evidence)


def systems(right: dict[str, float], setting: str = "paper · raw", seeds: int = 5, **options: int) -> pd.DataFrame:
    """Predictions of systems that are right with a given probability."""
    return predictions(right, seeds=seeds, **options).rename(columns={"method": "system"}).assign(setting=setting)


def confused(rows: dict[str, dict[str, float]], participants: int = 8, clips: int = 40, seeds: int = 5) -> pd.DataFrame:
    """Predictions of SACD drawn from a row of the confusion matrix for each stage."""
    rng = np.random.default_rng(0)
    truth = np.tile(np.repeat(np.arange(len(STAGES)), clips), participants)
    chances = np.array([[rows[stage].get(other, 0.0) for other in STAGES] for stage in STAGES])
    people = np.repeat(np.arange(participants), clips * len(STAGES))
    runs = []
    for seed in range(seeds):
        predicted = (rng.random(len(truth))[:, None] > chances.cumsum(axis=1)[truth]).sum(axis=1).clip(max=4)
        runs.append(table(truth, predicted, people, system="SACD", seed=seed, split="test", setting="paper · raw"))
    return pd.concat(runs, ignore_index=True)


EASY = {"W": {"W": 0.9, "N1": 0.1}, "N1": {"N1": 0.2, "N2": 0.6, "W": 0.2}, "N2": {"N2": 0.8, "N1": 0.15, "N3": 0.05},
        "N3": {"N3": 0.7, "N2": 0.3}, "REM": {"REM": 0.5, "N1": 0.4, "W": 0.1}}  # fmt: skip


def test_a_known_difference_holds_its_reverse_is_opposite_and_none_is_not_clear():
    found = measure(systems({"CE": 0.5, "KD": 0.5, "SACD": 0.8}, participants=8), (claim(BETTER, WORSE, EVEN),))
    assert found["verdict"].tolist() == [HOLDS, OPPOSITE, NOT_CLEAR]
    assert found["figure"].tolist() == pytest.approx([0.3, -0.3, 0.0], abs=0.08)
    assert (found["low"] < found["figure"]).all() and (found["figure"] < found["high"]).all()


def test_seven_participants_are_too_few_whatever_they_show():
    found = measure(systems({"CE": 0.1, "SACD": 1.0}, participants=7), (claim(BETTER),))
    assert found["verdict"].tolist() == [TOO_FEW]
    assert measure(systems({"CE": 0.1, "SACD": 1.0}, participants=8), (claim(BETTER),))["verdict"].tolist() == [HOLDS]


@pytest.mark.parametrize(("seeds", "said"), [(5, CLAIM), (3, DESCRIPTIVE), (2, TOO_FEW), (1, TOO_FEW)])
def test_a_claim_needs_five_seeds(seeds, said):
    runs = systems({"CE": 0.1, "SACD": 1.0}, seeds=seeds, participants=9)
    judged = judge_cohort("nights", REAL, runs, (claim(BETTER),))
    assert judged.claims["standing"].tolist() == judged.measured["standing"].tolist() == [said]
    text = verdict_table([judged], (claim(BETTER),)) + "\n".join(summary([judged], (claim(BETTER),)))
    assert ("reproduced" in text) == (said == CLAIM)
    assert ("descriptive: on the claimed side" in text) == (said == DESCRIPTIVE)
    assert ("too few seeds or participants" in text) == (said == TOO_FEW)
    assert ("[" in text) == (seeds >= 3)  # no interval that looks like one over seeds


def test_nearness_holds_within_its_margin_only():
    near = replace(EVEN, threshold=-0.1)
    table = systems({"CE": 0.6, "KD": 0.6}, participants=10, clips=200)
    assert measure(table, (claim(near, EVEN),))["verdict"].tolist() == [HOLDS, NOT_CLEAR]
    far = systems({"CE": 0.9, "KD": 0.6}, participants=10, clips=200)
    found = measure(far, (claim(near),)).iloc[0]
    assert found["verdict"] == OPPOSITE and found["p"] < 0.05


def test_what_one_system_confuses_is_read_from_its_matrix():
    parts = (
        Evidence("lowest recall", "SACD", metric="recall", stage="N1"),
        Evidence("lowest recall", "SACD", metric="recall", stage="W"),
        Evidence("common error", "SACD", metric="", stage="REM", other="N1"),
        Evidence("common error", "SACD", metric="", stage="REM", other="W"),
        Evidence("adjacent errors", "SACD", metric=""),
        Evidence("value", "SACD", metric="kappa"),
    )
    found = measure(confused(EASY), (claim(*parts),))
    assert found["verdict"].tolist() == [HOLDS, OPPOSITE, HOLDS, OPPOSITE, HOLDS, HOLDS]
    # 0.5 − 0.2, 0.2 − 0.9, 0.4 − 0.1, 0.1 − 0.4; adjacent: mean of .1 .2 .6 .15 .05 .3 against .0 (six pairs)
    assert found["figure"].to_numpy()[:5] == pytest.approx([0.3, -0.7, 0.3, -0.3, 1.4 / 6], abs=0.06)


def test_statistics_by_hand():
    matrix = np.array([[8, 2, 0, 0, 0], [1, 5, 4, 0, 0], [0, 3, 6, 1, 0], [0, 0, 2, 8, 0], [1, 3, 0, 0, 6]], float)
    lowest = Evidence("lowest recall", "SACD", metric="recall", stage="N1")
    rem = Evidence("common error", "SACD", metric="", stage="REM", other="N1")
    assert statistic(lowest, matrix) == pytest.approx(0.6 - 0.5)
    assert statistic(rem, matrix) == pytest.approx(0.3 - 0.1)
    adjacent = statistic(Evidence("adjacent errors", "SACD", metric=""), matrix)
    assert adjacent == pytest.approx((0.2 + 0.1 + 0.4 + 0.3 + 0.1 + 0.2) / 6)
    without_n1 = matrix.copy()
    without_n1[1] = 0
    assert np.isnan(statistic(lowest, without_n1))


def test_p_is_corrected_over_all_that_a_cohort_gives():
    both = pd.concat([systems({"CE": 0.5, "SACD": 0.6}, name, participants=8) for name in ("a", "b")])
    found = measure(both, (claim(BETTER), claim(WORSE, name="two")))
    assert found["family"].tolist() == [4] * 4
    assert found["p_holm"].to_numpy() == pytest.approx(holm(found["p"].to_numpy()))


def test_a_claim_holds_where_all_of_its_parts_do():
    asked = (
        claim(BETTER),
        claim(BETTER, EVEN, name="two"),
        claim(WORSE, name="three"),
        claim(BETTER, REST, name="four"),
    )
    found = by_claim(measure(systems({"CE": 0.5, "KD": 0.5, "SACD": 0.8}, participants=8), asked), asked)
    assert found.set_index("claim")["verdict"].to_dict() == {
        "one": HOLDS, "two": NOT_CLEAR, "three": OPPOSITE, "four": IN_PART,
    }  # fmt: skip
    counts = found.set_index("claim")[["asked", "parts", "holding", "opposing"]]
    assert counts.loc["two"].tolist() == [2, 2, 1, 0]
    assert counts.loc["four"].tolist() == [2, 1, 1, 0]  # nobody trained the other part


REST = Evidence("difference", "SACD", "CCL")


def test_what_was_measured_in_part_does_not_hold():
    asked = (claim(BETTER, REST),)
    judged = judge_cohort("nights", REAL, systems({"CE": 0.5, "SACD": 0.8}, participants=8), asked)
    assert judged.measured["verdict"].tolist() == [HOLDS]
    lines = "\n".join(summary([judged], asked))
    assert "0 of 1 claims are reproduced; 1 measured in part" in lines
    assert "claim one" not in lines
    assert "undecided (measured in part), 1 of 1 parts (the claim has 2)" in verdict_table([judged], asked)


def test_a_claim_stands_no_firmer_than_its_weakest_part():
    both = pd.concat([systems({"CE": 0.1, "SACD": 1.0}, participants=8),
                      systems({"KD": 0.1}, seeds=3, participants=8)])  # fmt: skip
    asked = (claim(BETTER, Evidence("difference", "SACD", "KD")),)
    found = by_claim(measure(both, asked), asked).iloc[0]
    assert (found["verdict"], found["standing"]) == (HOLDS, DESCRIPTIVE)


@settings(max_examples=40, deadline=None)
@given(low=st.floats(-1, 1), width=st.floats(0.001, 1), standing=st.sampled_from([CLAIM, DESCRIPTIVE, TOO_FEW]))
def test_the_rule_asks_for_the_interval_alone(low, width, standing):
    told = judge(low, low + width, 0.0, standing)
    sides = HOLDS if low > 0 else OPPOSITE if low + width < 0 else NOT_CLEAR
    assert told == (TOO_FEW if standing == TOO_FEW else sides)


def info(simulated: bool, video: str, eeg: str, given_features: tuple[str, ...] = ()) -> CohortInfo:
    sampling = Sampling(video_features=given_features, eeg_features=("a", "b"))
    return CohortInfo(name="x", simulated=simulated, source_id="x", video=video, eeg=eeg, sampling=sampling)


KINDS = st.sampled_from(["raw", "features"])


@settings(max_examples=60, deadline=None)
@given(
    simulated=st.booleans(), video=KINDS, eeg=KINDS, names=st.sampled_from([(), ("a",), ("c",)]),
    verdict=st.sampled_from([HOLDS, NOT_CLEAR, OPPOSITE]), standing=st.sampled_from([CLAIM, DESCRIPTIVE, TOO_FEW]),
)  # fmt: skip
def test_reproduced_is_kept_for_claims_of_real_raw_video_and_eeg(simulated, video, eeg, names, verdict, standing):
    kind = source(info(simulated, video, eeg, names))
    real = not simulated and (video, eeg) == ("raw", "raw")
    assert (kind == REAL) == real
    assert ("reproduced" in words(verdict, standing, kind)) == (real and standing == CLAIM)
    if simulated:
        assert kind == SIMULATION


def test_features_are_privileged_where_they_are_the_teachers_own():
    assert source(info(False, "features", "features", ("a",))) == PRIVILEGED
    assert source(info(False, "features", "features", ("c",))) == FEATURES
    assert source(info(False, "features", "features")) == FEATURES
    assert words(HOLDS, CLAIM, PRIVILEGED) == "holds for privileged features"
    assert words(NOT_CLEAR, CLAIM, SIMULATION) == "does not hold in this simulation (not clear)"


@pytest.mark.parametrize("kind", WORDS)
def test_table_and_summary_use_the_words_of_the_data_and_no_others(kind):
    label = "nights (simulated)" if kind == SIMULATION else "nights"
    both = pd.concat([systems({"CE": 0.4, "SACD": 0.7}, participants=8), confused(EASY).assign(setting="other")])
    judged = [judge_cohort(label, kind, both, claims())]
    text = verdict_table(judged, claims()) + evidence_table(judged, claims()) + "\n".join(summary(judged, claims()))
    assert WORDS[kind][0] in text
    for other in WORDS:
        if other not in (kind, REAL):
            assert not any(said in text for said in WORDS[other]), other
    assert ("reproduced" in text) == (kind == REAL)
    assert (UNTESTED in text) == (kind != REAL)


def test_a_claim_that_a_cohort_cannot_serve_says_why():
    asked = (claim(BETTER), claim(REST, name="two"), Claim("three", "text", "place", unmeasured="no videos"))
    part = pd.concat([systems({"CE": 0.4, "SACD": 0.7}, "a"), systems({"SACD": 0.7}, "b")])
    judged = judge_cohort("nights", SIMULATION, part, asked)
    assert judged.missing(asked[0], "b") == "not in this setting"
    assert judged.missing(asked[1], "a") == "no such runs on this cohort"
    assert judged.missing(asked[2], "a") == "no videos"
    page = verdict_table([judged], asked)
    assert "no such runs on this cohort" in page and "no videos" in page
    assert coverage(judged)["setting"].tolist() == ["a"]


def test_what_a_camera_shows_is_not_judged_where_the_students_view_is_eeg():
    asked = (replace(claim(BETTER), of_video=True), claim(BETTER, name="two"))
    part = systems({"CE": 0.4, "SACD": 0.7}, participants=8)
    privileged = judge_cohort("nights", PRIVILEGED, part, asked)
    assert privileged.claims["claim"].tolist() == ["two"]
    assert "no video" in privileged.missing(asked[0], "paper · raw")
    for kind in (SIMULATION, FEATURES, REAL):
        assert judge_cohort("nights", kind, part, asked).claims["claim"].tolist() == ["one", "two"]


def test_a_cohort_without_any_runs_gives_a_table_that_says_so():
    empty = systems({"CE": 0.5}).iloc[:0]
    judged = judge_cohort("nights (simulated)", SIMULATION, empty, claims())
    assert "no such runs on this cohort" in verdict_table([judged], claims())
    assert "Not measured on any of these cohorts" in "\n".join(summary([judged], claims()))
    assert claims_forest([judged], claims()).axes


def test_the_forest_has_a_panel_a_cohort_and_says_simulated():
    two = [
        judge_cohort(f"{name} (simulated)", SIMULATION, systems({"CE": 0.4, "SACD": right}), claims())
        for name, right in (("weak", 0.4), ("strong", 0.7))
    ]
    figure = claims_forest(two, claims())
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["weak (simulated)", "strong (simulated)"]
    assert any("simulated" in text.get_text() for text in figure.texts)
    headline = next(part for one in claims() if one.name == "sacd-baseline" for part in one.evidence)
    diamonds = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert headline.printed in list(diamonds[0].get_xdata())
    assert not math.isnan(headline.printed)
