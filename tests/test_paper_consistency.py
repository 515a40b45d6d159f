import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sacd.metrics import accuracy, kappa, recall
from sacd.paper import printed
from sacd.paper.consistency import chance_agreement, implied_accuracy, inconsistencies, least_chance_agreement


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, (5, 5), elements=st.floats(0.01, 1)))
def test_chance_agreement_of_any_matrix_is_recovered_and_never_below_the_least(matrix):
    matrix = matrix / matrix.sum()
    chance = chance_agreement(accuracy(matrix), kappa(matrix))
    assert chance == pytest.approx((matrix.sum(axis=0) * matrix.sum(axis=1)).sum())
    assert chance >= least_chance_agreement(recall(matrix), matrix.sum(axis=1)) - 1e-12


def test_the_least_is_reached_when_errors_go_to_the_rarest_stage():
    shares, recalls = np.array([0.4, 0.05, 0.3, 0.15, 0.1]), np.array([0.8, 0.5, 0.7, 0.6, 0.9])
    matrix = np.diag(shares * recalls)
    matrix[[0, 2, 3, 4], 1] += (shares * (1 - recalls))[[0, 2, 3, 4]]
    matrix[1, 4] += shares[1] * (1 - recalls[1])
    assert least_chance_agreement(recalls, shares) == pytest.approx(chance_agreement(accuracy(matrix), kappa(matrix)))


def test_equal_recalls_are_the_accuracy():
    np.testing.assert_allclose(implied_accuracy(np.full((3, 5), 61.0)), 61)


def test_every_fault_of_the_design_is_found_with_its_number():
    table = inconsistencies().set_index("statement")
    found = table["recomputed"]

    def one(words: str) -> float:
        hits = found[found.index.str.contains(words, regex=False)]
        assert len(hits) == 1, words
        return hits.iloc[0]

    assert one("train + validation + test") == 154_573
    assert one("validation is 20 %") == pytest.approx(20_503.8)
    assert one("five stages") == 134_836
    assert one("hours stated, from the stage counts") == pytest.approx(1123.6, abs=0.05)
    assert one("clips of a test subject") == pytest.approx(1578, abs=0.5)
    assert one("accuracy of R(2+1)D, from its recalls") == pytest.approx(55.6, abs=0.05)
    assert one("accuracy of SACD with AttnSleep") == pytest.approx(66.7, abs=0.05)
    assert one("experiment B") == 80.4
    assert one("accuracy of CE alone") == 52.5
    assert one("equations that train") == 4
    assert table.filter(like="imply", axis=0)["printed"].iloc[0] == pytest.approx(0.104, abs=0.001)
    assert table["note"].str.contains("FitNet's row (54.6)", regex=False).sum() == 1
    assert table["note"].str.contains("5 of 5 are those of R(2+1)D", regex=False).sum() == 1


def test_what_fits_is_called_consistent():
    fits = set(inconsistencies().query("consistent")["statement"])
    assert len(fits) == 3
    assert any("hours stated, from the stage counts" in statement for statement in fits)


def test_the_verdicts_follow_the_numbers(monkeypatch):
    monkeypatch.setattr(printed, "CLIPS", sum(printed.STAGE_CLIPS.values()))
    verdict = inconsistencies().set_index("statement")["consistent"]
    assert verdict["the five stages sum to all clips (III-C)"]
    assert not verdict["train + validation + test = all clips (V-A)"]
