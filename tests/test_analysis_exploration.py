from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sacd.analysis.exploration import (
    clip_table,
    group_mix,
    participant_counts,
    recording_mix,
    split_overview,
    stage_counts,
)


@pytest.fixture
def participants() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sex": ["M", "F", "male", "n/a"],
            "ahi": [2.0, 5.0, 30.0, np.nan],
            "split": ["train", "train", "test", "validation"],
        },
        index=pd.Index(["a", "b", "c", "d"], name="participant_id"),
    )


@pytest.fixture
def clips() -> pd.DataFrame:
    nights = {"a": [0, 0, 2, 2], "b": [4, 4, -1, 3], "c": [1], "d": [-1]}
    return clip_table(
        SimpleNamespace(
            recording_id=f"r{person}",
            participant_id=person,
            clips=pd.DataFrame({"clip": range(len(night)), "onset": 30.0 * np.arange(len(night)), "stage": night}),
        )
        for person, night in nights.items()
    )


def test_participants_are_counted_by_sex_and_group(participants):
    found = participant_counts(participants).set_index(["factor", "level"])["participants"].to_dict()
    assert found == {
        ("sex", "male"): 2,
        ("sex", "female"): 1,
        ("sex", "unknown"): 1,
        ("ahi", "normal"): 1,
        ("ahi", "mild"): 1,
        ("ahi", "moderate"): 0,
        ("ahi", "severe"): 1,
        ("ahi", "unknown"): 1,
    }


def test_unknown_is_shown_only_where_there_is_any(participants):
    known = participant_counts(participants.loc[["a", "b"]])
    assert "unknown" not in set(known["level"])


def test_stages_are_counted_without_unscored_clips(clips):
    found = stage_counts(clips).set_index("stage")
    assert found["clips"].to_dict() == {"W": 2, "N1": 1, "N2": 2, "N3": 1, "REM": 2}
    assert found["share"].sum() == pytest.approx(1)
    assert found.loc["W", "hours"] == pytest.approx(1 / 60)


def test_each_recording_has_its_mix(clips):
    found = recording_mix(clips).set_index("recording_id")
    assert found["clips"].tolist() == [4, 4, 1, 1]
    assert found["scored"].tolist() == [4, 3, 1, 0]
    assert found.loc["rb", "REM"] == pytest.approx(2 / 3)
    assert np.isnan(found.loc["rd", "W"])


def test_groups_weigh_participants_the_same(participants, clips):
    both = group_mix(participants.assign(ahi=[2.0, 3.0, 30.0, np.nan]), clips).set_index("ahi_group")
    assert list(both.index) == ["normal", "severe"]
    assert both.loc["normal", "participants"] == 2
    assert both.loc["normal", "W"] == pytest.approx((0.5 + 0) / 2)


def test_splits_are_listed_in_order(participants, clips):
    found = split_overview(participants, clips).set_index("split")
    assert list(found.index) == ["train", "validation", "test"]
    assert found["participants"].tolist() == [2, 1, 1]
    assert found["clips"].tolist() == [8, 1, 1]
    assert found.loc["train", ["normal", "mild", "moderate", "severe", "AHI unknown"]].tolist() == [1, 1, 0, 0, 0]
    assert found["AHI unknown"].sum() == 1


def test_where_no_ahi_is_known_nobody_stands_in_a_group(participants, clips):
    found = split_overview(participants.assign(ahi=np.nan), clips)
    assert list(found.columns) == ["split", "participants", "AHI unknown", "recordings", "clips"]
    assert found["AHI unknown"].tolist() == found["participants"].tolist()
    assert "AHI unknown" not in split_overview(participants.assign(ahi=2.0), clips)
