"""Whether a decision sees every stage: by hand, and where it does not."""

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions, table

from sacd.analysis.comparison import compare
from sacd.analysis.decisions import check_decision, stages_seen
from sacd.analysis.summary import summarise
from sacd.exceptions import SacdError
from sacd.figures.findings import decision_in_words


def both(argmax: pd.DataFrame, corrected: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([argmax.assign(decision="argmax"), corrected.assign(decision="corrected")], ignore_index=True)


def test_a_stage_is_seen_by_hand():
    # 10 N1 of 40 clips; said N1: 2 of those, and 4 others. Recall .2, precision .33 above .25.
    stage = np.array([1] * 10 + [2] * 30)
    predicted = np.array([1] * 2 + [2] * 8 + [1] * 4 + [2] * 26)
    found = stages_seen(table(stage, predicted, np.zeros(40), method="CE", seed=0))
    assert found.stage.tolist() == ["N1", "N2"]
    row = found.iloc[0]
    assert row[["recall", "precision", "prevalence"]].tolist() == pytest.approx([0.2, 1 / 3, 0.25])
    assert found.seen.tolist() == [True, True]
    chance = np.array([1] * 2 + [2] * 8 + [1] * 7 + [2] * 23)  # precision 2/9, below .25
    assert stages_seen(table(stage, chance, np.zeros(40), method="CE", seed=0)).seen.tolist() == [False, False]
    rare = np.array([2] * 10 + [2] * 30)
    assert stages_seen(table(stage, rare, np.zeros(40), method="CE", seed=0)).precision.tolist() == [0, 0.75]


def test_one_blind_seed_is_told():
    good = predictions({"CE": 0.7, "KD": 0.8}, participants=4, seeds=3)
    never = (good.seed == 1) & (good.method == "KD") & (good.predicted == 1)
    blind = good.assign(predicted=good.predicted.mask(never, 2))
    checked = check_decision(both(good, blind), "corrected").set_index("method")
    assert checked.every_stage.to_dict() == {"CE": True, "KD": False}
    assert checked.missed.to_dict() == {"CE": "", "KD": "N1 at 1 of 3 seeds"}
    assert (checked.lowest_recall["KD"], checked.lowest_lift["KD"]) == (0, 0)
    assert checked.not_below.to_dict() == {"CE": True, "KD": False}
    scores = summarise(both(good, blind), by=["method", "decision"]).query("metric == 'macro_f1'")
    expected = scores.set_index(["method", "decision"])["mean"]
    assert checked.macro_f1["KD"] == pytest.approx(expected["KD", "corrected"])
    assert checked.macro_f1_argmax["KD"] == pytest.approx(expected["KD", "argmax"])
    told = decision_in_words(checked.reset_index(), "a cohort (simulated)").splitlines()
    assert told[0].startswith("CE: every stage is seen at every seed (lowest recall ")
    assert told[1].startswith("KD: not seen: N1 at 1 of 3 seeds (lowest recall 0.0 %, precision 0.00 × share); macro-")
    assert "below argmax's" in told[1] and "not below argmax's" in told[0]
    assert told[2].startswith("decision corrected, 3 seeds; seen: recall at least 10 %")
    assert told[2].endswith("a cohort (simulated)")


def test_rows_may_have_several_names_and_comparisons_are_within_a_decision():
    frame = predictions({"CE": 0.6, "KD": 0.7}, participants=4, seeds=3)
    frame = both(frame, frame.assign(predicted=frame.stage))
    wide = pd.concat([frame.assign(protocol=name, student=None) for name in ("few-label", "paper")])
    checked = check_decision(wide, "corrected", by=("protocol", "student", "method"))
    assert len(checked) == 4 and checked.not_below.all() and checked.seeds.eq(3).all()
    against = compare(frame, within=("decision",))
    assert against.decision.tolist() == ["argmax", "corrected"]
    assert against.difference[0] > 0 == against.difference[1]


def test_both_decisions_must_be_there():
    frame = predictions({"CE": 0.6, "KD": 0.7}, participants=2)
    with pytest.raises(SacdError, match="no decision corrected or no argmax"):
        check_decision(frame.assign(decision="argmax"), "corrected")
    some = both(frame[frame.method == "CE"], frame)
    with pytest.raises(SacdError, match="some rows of corrected lack argmax"):
        check_decision(some, "corrected")
