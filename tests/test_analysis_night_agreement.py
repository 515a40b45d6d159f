"""Agreement in 5, 4 and 3 classes; bias and limits of agreement over nights."""

import numpy as np
import pandas as pd
import pytest
import synthetic_nights as made
from sklearn.metrics import cohen_kappa_score

from sacd.analysis.night_agreement import agreement, bland_altman
from sacd.analysis.sleep_statistics import paired_statistics
from sacd.stages import N1, N2, N3, W


def test_coarser_classes_forgive_what_they_merge():
    stage = np.array([W, N1, N2, N3, 4, N1, N2, -1])
    predicted = np.array([W, N2, N1, N2, 4, N3, N2, W])
    found = agreement(stage, predicted)
    assert found.classes.tolist() == [5, 4, 3] and set(found.clips) == {7}
    assert found.accuracy.tolist() == pytest.approx([3 / 7, 5 / 7, 7 / 7])
    four = np.array([0, 1, 1, 2, 3])
    assert found.kappa[0] == pytest.approx(cohen_kappa_score(stage[:7], predicted[:7]))
    assert found.kappa[1] == pytest.approx(cohen_kappa_score(four[stage[:7]], four[predicted[:7]]))


def test_nobody_scored():
    assert agreement(np.full(5, -1), np.zeros(5, int)).empty


def test_limits_of_agreement_by_hand():
    pairs = pd.DataFrame({
        "participant_id": list("abcde"), "statistic": "tst", "predicted": [410, 420, 430, 400, np.nan],
        "scored": [400, 430, 400, np.nan, 300],
    })
    found = bland_altman(pairs).iloc[0]
    assert (found.nights, found.absent, found.missed) == (3, 1, 1)
    assert found.bias == pytest.approx(10) and found.sd == pytest.approx(20)
    assert (found.low, found.high) == pytest.approx((10 - 39.2, 10 + 39.2))


def test_every_statistic_of_nights_has_its_limits():
    found = bland_altman(paired_statistics(made.predictions(4)))
    assert found.statistic.tolist() == ["tst", "waso", "rem_latency", "n1", "n2", "n3", "rem"]
    assert (found.low < found.bias).all() and (found.nights == 4).all()
