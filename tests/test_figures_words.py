import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions

from sacd.analysis.comparison import compare
from sacd.analysis.summary import summarise
from sacd.figures.words import (
    NOTHING,
    components_notes,
    differences_in_words,
    in_words,
    interval,
    judged,
    points,
    probability,
    sure,
)


def row(low: float, high: float, **changes: object) -> dict[str, object]:
    """A row of a comparison, a claim unless told otherwise."""
    common = {"metric": "accuracy", "difference": (low + high) / 2, "low": low, "high": high, "p_holm": 0.01}
    return common | {"standing": "claim", "participants": 24, "seeds": 5} | changes


def test_numbers():
    assert [points(0.0512), points(-0.0512), points(np.nan)] == ["+5.1", "−5.1", "–"]
    assert points(0.0512, "kappa") == "+0.05"
    assert [interval(-0.01, 0.02), interval(np.nan, np.nan)] == ["[−1.0, +2.0]", ""]
    assert [probability(p) for p in (0.034, 0.0004, 1.0, np.nan)] == ["p = .034", "p < .001", "p = 1.000", ""]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (row(0.01, 0.03), "clear of 0"),
        (row(-0.03, -0.01), "clear of 0"),
        (row(-0.01, 0.03), "not clear of 0"),
        (row(0.01, 0.03, p_holm=0.2), "clear of 0, but not after Holm's correction"),
        (row(-0.01, 0.03, p_holm=0.2), "not clear of 0"),
        (row(0.01, 0.03, standing="descriptive", seeds=3), "clear of 0 (descriptive: 3 seeds)"),
        (row(0.01, 0.03, standing="too few", participants=5), "too few (5 seeds, 5 participants)"),
    ],
)
def test_what_a_row_allows_to_say(found, said):
    assert judged(found) == said


def test_the_sides_have_names():
    assert [judged(row(*ends), "rises", "falls") for ends in ((0.01, 0.03), (-0.03, -0.01))] == ["rises", "falls"]


def test_a_row_in_words():
    assert in_words(row(0.01, 0.03)) == "+2.0 points [+1.0, +3.0], p = .010: clear of 0"
    assert in_words(row(0.01, 0.03, metric="kappa")) == "+0.02 [+0.01, +0.03], p = .010: clear of 0"
    unknown = row(np.nan, np.nan, difference=0.02, p_holm=np.nan, standing="too few", seeds=1)
    assert in_words(unknown) == "+2.0 points: too few (1 seed, 24 participants)"


def test_only_claims_are_sure():
    table = pd.DataFrame([row(0.01, 0.03), row(0.01, 0.03, p_holm=0.06), row(0.01, 0.03, standing="descriptive")])
    assert sure(table).tolist() == [True, False, False]


def test_components_are_told_once_a_metric_and_never_guessed_from_one_seed():
    sd = {"sd_seeds": 0.032, "sd_participants": 0.059, "sd_rest": 0.084, "detectable": 0.066}
    table = pd.DataFrame([row(0.01, 0.03, **sd), row(0.01, 0.03, **sd | {"metric": "kappa"})])
    assert components_notes(table) == [
        "SD of differences in accuracy: 3.2 points between seeds, 5.9 between participants, 8.4 otherwise; 6.6 points"
        " would be seen four times in five (medians over rows).",
        "SD of differences in κ: 0.032 between seeds, 0.059 between participants, 0.084 otherwise; 0.066 would be seen"
        " four times in five (medians over rows).",
    ]
    one = table.assign(sd_seeds=np.nan)
    assert all("not known from one seed" in line for line in components_notes(one))


def test_components_of_results_speak_of_no_difference():
    frame = predictions({"CE": 0.5, "KD": 0.6}, participants=8, seeds=3)
    told = components_notes(summarise(frame))
    assert [line.split(":")[0] for line in told] [:4] == [
        "SD of accuracy", "SD of macro-F1", "SD of κ", "SD of balanced accuracy",
    ]  # fmt: skip
    assert len(told) == 8, "none of one stage alone"
    assert not any("would be seen" in line for line in told)
    assert "would be seen" in components_notes(compare(frame))[0]


def test_a_comparison_in_words_has_a_line_a_row_and_the_papers_difference():
    rows = [row(0.01, 0.03, method="KD"), row(0.01, 0.03, method="SACD", metric="macro_f1")]
    table = pd.DataFrame(rows).assign(reference="CE")
    first, second, last = differences_in_words(table, "x", printed={"KD": 0.119}).splitlines()
    assert first == f"KD    {in_words(table.iloc[0])}; paper +11.9"
    assert second == f"SACD  {in_words(table.iloc[1])}", "the paper's is of accuracy"
    assert last == "Accuracy − CE, Macro-F1 − CE; 95 % interval, Holm's p; x"
    assert "paper –" in differences_in_words(table, "x", printed={})
    assert differences_in_words(table.iloc[:0], "x") == NOTHING
