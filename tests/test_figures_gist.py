import pandas as pd
import pytest

from sacd.analysis.verdict import FEATURES, REAL, SIMULATION, Judged
from sacd.figures.gist import best_gist, differences_gist, verdict_gist
from sacd.figures.words import NOTHING


def comparison(*rows, **common):
    names = ["method", "difference", "low", "high", "p_holm"]
    known = {"reference": "CE", "metric": "accuracy", "standing": "claim", "participants": 24, "seeds": 5} | common
    return pd.DataFrame(rows, columns=names).assign(**known)


ROWS = [("KD", 0.02, 0.01, 0.03, 0.01), ("SACD", -0.05, -0.07, -0.03, 0.001), ("PKT", 0.03, 0.01, 0.05, 0.2),
        ("RKD", 0.01, -0.01, 0.03, 1.0)]  # fmt: skip


def test_rows_are_counted_and_the_furthest_is_named():
    assert differences_gist("Distillation", comparison(*ROWS)) == (
        "Distillation: 4 rows against CE, 1 above and 1 below it after Holm's correction; furthest of these: SACD,"
        " accuracy −5.0 points [−7.0, −3.0]."
    )


def test_few_seeds_are_described_or_say_nothing():
    told = differences_gist("x", comparison(*ROWS, standing="descriptive", seeds=3))
    assert "2 above and 1 below it by their intervals (descriptive)" in told
    told = differences_gist("x", comparison(*ROWS, standing="too few", seeds=1))
    assert "against CE, too few seeds or participants to say more; furthest: SACD" in told
    assert differences_gist("x", comparison()) == f"x: {NOTHING}"


def test_the_best_row_of_each_block():
    summary = pd.DataFrame({
        "protocol": ["paper", "paper", "few"], "method": ["A", "B", "A"], "metric": "accuracy",
        "mean": [0.7, 0.8, 0.6], "low": [0.6, 0.75, None], "high": [0.8, 0.85, None],
    })
    assert best_gist("EEG", summary) == "EEG, highest accuracy: paper: B, 80.0 % [75.0, 85.0]; few: A, 60.0 %."


@pytest.mark.parametrize(
    ("kind", "ends"),
    [(SIMULATION, "Real paired video and EEG: cannot be tested here."), (REAL, "seeds or participants.")],
)
def test_claims_are_counted_by_setting(kind, ends):
    told = ["holds", "not clear", "opposite", "too few", "too few"]
    claims = pd.DataFrame({"setting": ["frozen"] * 4 + ["raw"], "verdict": told})
    line = verdict_gist([Judged("B", FEATURES, claims, claims, {}), Judged("A", kind, claims, claims, {})], "A")
    assert line.startswith("The paper's claims on A: frozen: 1 of 4 hold, 1 opposite; the others are not clear, or")
    assert line.endswith(ends)
