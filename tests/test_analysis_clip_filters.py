"""Filters of clips against the same asked clip by clip."""

import itertools

import numpy as np
import pandas as pd
import pytest
from conftest import raw_arrays, raw_info
from synthetic_predictions import predictions

from sacd.analysis.clip_filters import FILTERS, clip_rows, select, uncertainty
from sacd.cohort import Cohort
from sacd.cohort.extras import Extras
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.stages import STAGES

METHODS = {"CE": 0.5, "KD": 0.6, "SACD": 0.7}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """The people of `synthetic_predictions`, with the stages of its predictions; the last two clips not scored."""
    path = tmp_path_factory.mktemp("filters") / "cohort"
    stage = np.arange(42) % 5
    stage[40:] = -1
    events = pd.DataFrame({"onset": [65.0, 300.0], "duration": [30.0, 0.0], "type": ["artefact", "arousal"]})
    with CohortWriter(path, raw_info()) as writer:
        for person in ("p0", "p1"):
            table = pd.DataFrame({"clip": np.arange(42), "onset": 30.0 * np.arange(42), "stage": stage})
            extras = Extras(events=events) if person == "p0" else None
            if person == "p1":
                table["flag_dark"] = np.arange(42) == 7
            writer.add_participant(person, split="test")
            writer.add_recording(person, person, table, **raw_arrays(42), extras=extras, commit=False)
    return Cohort.open(path)


@pytest.fixture(scope="module")
def table(cohort):
    return clip_rows(cohort, predictions(METHODS, participants=2))


def test_a_row_a_clip_says_what_model_and_baseline_say(cohort, table):
    said = predictions(METHODS, participants=2)
    assert len(table) == 84 and not table.duplicated(["recording_id", "clip"]).any()
    for column, method in (("predicted", "SACD"), ("baseline", "CE")):
        first = said[(said.method == method) & (said.seed == 0)].set_index(["recording_id", "clip"]).predicted
        for row in table.to_dict("records"):
            assert row[column] == first.get((row["recording_id"], row["clip"]), -1)
    other = clip_rows(cohort, said, model="KD", baseline="SACD")
    assert (other.baseline == table.predicted).all()
    with pytest.raises(SacdError, match="no method 'XY'"):
        clip_rows(cohort, said, model="XY")


def right(row, who):
    return row["stage"] >= 0 and row[who] == row["stage"]


def wrong(row, who):
    return row["stage"] >= 0 and row[who] >= 0 and row[who] != row["stage"]


EXPECTED = {
    ("stage", "N2"): lambda row: row["stage"] == 2,
    ("predicted", "W"): lambda row: row["predicted"] == 0,
    ("participant", "p1"): lambda row: row["participant_id"] == "p1",
    ("wrong", None): lambda row: wrong(row, "predicted"),
    ("only_baseline_wrong", None): lambda row: right(row, "predicted") and wrong(row, "baseline"),
    ("only_model_wrong", None): lambda row: wrong(row, "predicted") and right(row, "baseline"),
    ("both_wrong", None): lambda row: wrong(row, "predicted") and wrong(row, "baseline"),
    ("confusion", "N1 → N2"): lambda row: (row["stage"], row["predicted"]) == (1, 2),
    ("transition", None): lambda row: row["stage"] >= 0,  # every clip's neighbour has another stage
    ("flagged", None): lambda row: (row["recording_id"], row["clip"]) in {("p0", 2), ("p0", 3), ("p1", 7)},
}


@pytest.mark.parametrize(("name", "value"), EXPECTED)
def test_a_filter_keeps_what_the_same_question_asked_of_each_clip_keeps(table, name, value):
    kept = select(table, [name], **({} if value is None else {name: value}))
    expected = [index for index, row in zip(table.index, table.to_dict("records"), strict=True)
                if EXPECTED[name, value](row)]
    assert kept.index.tolist() == expected and 0 < len(kept) < len(table)


def test_every_filter_is_tested_and_cells_are_told_most_frequent_first(table):
    assert {name for name, _ in EXPECTED} == set(FILTERS)
    cells = FILTERS["confusion"].choices(table)
    sizes = [len(select(table, ["confusion"], confusion=cell)) for cell in cells]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == len(select(table, ["wrong"]))
    as_pair, as_text = (select(table, ["confusion"], confusion=cell) for cell in (("W", "N1"), "W→N1"))
    assert as_pair.equals(as_text)


def test_filters_narrow_each_other(table):
    for one, other in itertools.combinations([key for key in EXPECTED if key[0] != "participant"], 2):
        values = {name: value for name, value in (one, other) if value is not None}
        both = set(select(table, [one[0], other[0]], **values).index)
        assert both == set.intersection(*(set(select(table, [name], **values).index) for name, _ in (one, other)))


def test_most_uncertain_first_and_unknown_last(table):
    found = select(table, most_uncertain_first=True)
    bits = uncertainty(found).to_numpy()
    known = ~np.isnan(bits)
    assert known[:80].all() and not known[80:].any()
    assert (np.diff(bits[known]) <= 0).all() and 0 < bits[0] <= np.log2(5) + 1e-6
    even = pd.DataFrame([[0.2] * 5], columns=[f"p_{stage}" for stage in STAGES])
    assert uncertainty(even)[0] == pytest.approx(np.log2(5))


def test_without_a_run_the_scoring_alone_can_be_asked(cohort):
    bare = clip_rows(cohort)
    can = {name for name, one in FILTERS.items() if one.applies(bare)}
    assert can == {"stage", "participant", "transition", "flagged"}
    assert len(select(bare, ["stage"], stage="REM")) == 16


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["colour"], {}, "unknown"), (["stage"], {}, "asks for a value"), (["stage"], {"stage": "N4"}, "not a stage"),
        (["wrong"], {}, "needs predicted"), ([], {"most_uncertain_first": True}, "pass predictions"),
    ],
)
def test_what_cannot_be_asked_is_said(cohort, names, options, words):
    with pytest.raises(SacdError, match=words):
        select(clip_rows(cohort), names, **options)
