import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from sacd.analysis.agreement import scorer_agreement, soft_labels


def test_pairs_use_the_clips_that_both_scored():
    scorings = pd.DataFrame({"a": [0, 1, 2, -1, 3], "b": [0, 1, 1, 2, -1], "c": [0, 0, 2, 2, 3]})
    found = scorer_agreement(scorings).set_index(["first", "second"])
    assert found["clips"].to_dict() == {("a", "b"): 3, ("a", "c"): 4, ("b", "c"): 4}
    assert found.loc[("a", "b"), "accuracy"] == pytest.approx(2 / 3)
    assert found.loc[("a", "c"), "kappa"] == pytest.approx(cohen_kappa_score([0, 1, 2, 3], [0, 0, 2, 3]))


def test_no_variation_and_no_overlap_have_no_kappa():
    found = scorer_agreement(pd.DataFrame({"a": [2, 2, -1], "b": [2, 2, 1], "c": [-1, -1, 3]}))
    assert found["kappa"].isna().tolist() == [True, True, False]
    assert found["clips"].tolist() == [2, 0, 1]


def test_soft_labels_are_shares_of_votes():
    soft = soft_labels(pd.DataFrame({"a": [0, 1, -1], "b": [0, 2, -1], "c": [0, -1, -1]}))
    np.testing.assert_allclose(soft, [[1, 0, 0, 0, 0], [0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 0]])
