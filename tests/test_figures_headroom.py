"""Whether distillation pays is told as the tables say, whatever they say."""

import pandas as pd
import pytest
from synthetic_predictions import predictions

from sacd.analysis.comparison import compare
from sacd.analysis.headroom import knowledge
from sacd.figures.headroom import headroom_in_words, knowledge_table

FEW, ALL, TEACHER = "student, few labels", "student, all labels", "teacher, few labels"


def told(rights: dict[str, float], seeds: int = 5) -> tuple[str, pd.DataFrame]:
    frame = predictions(rights, participants=8, seeds=seeds).rename(columns={"method": "system"})
    own = dict(list(frame.groupby("system")))
    known = knowledge(own[TEACHER], own[FEW])
    return headroom_in_words(compare(frame, FEW, by="system"), known, "tiny"), known


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        ({FEW: 0.5, ALL: 0.7, TEACHER: 0.8}, "There is room"),
        ({FEW: 0.5, ALL: 0.5, TEACHER: 0.8}, "labels are not what it lacks"),
        ({FEW: 0.5, ALL: 0.7, TEACHER: 0.2}, "No room is seen that this teacher could fill"),
        ({FEW: 0.5, ALL: 0.7, TEACHER: 0.5}, "There is some room"),
    ],
)
def test_every_conclusion_follows_from_its_figures(rights, said):
    assert said in told(rights)[0].splitlines()[-2]


def test_two_seeds_conclude_nothing():
    lines = told({FEW: 0.5, ALL: 0.7, TEACHER: 0.8}, seeds=2)[0].splitlines()
    assert lines[-2].startswith("Too few seeds")
    assert "not clearly more or less" in lines[-3]


def test_figures_in_the_sentences_are_those_of_the_table():
    text, known = told({FEW: 0.5, ALL: 0.7, TEACHER: 0.8})
    rescues = f"{100 * known.set_index('quantity').loc['rescues', 'value']:.1f}"
    assert f"the teacher is right in {rescues} %" in text
    table = knowledge_table(known.assign(labels="few labels"), "tiny (simulated)")
    assert rescues in table
    assert "I(T;Y|S)" in table
