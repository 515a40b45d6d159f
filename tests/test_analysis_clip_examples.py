"""The clips of Figs. 11, 12 and 13 are those that the rules name, and the waves those that were put in."""

import numpy as np
import pandas as pd
import pytest
from conftest import raw_arrays, raw_info

from sacd.analysis import clip_examples
from sacd.analysis.waves import band_gains, main_wave
from sacd.cohort import Cohort, Sampling
from sacd.cohort.extras import Extras
from sacd.cohort.motion import CHANNELS, SAMPLES
from sacd.cohort.writer import CohortWriter
from sacd.stages import STAGES


def rows(*clips):
    """A table of clips: (participant, clip, stage, model's stage, its probability, baseline's stage, movement)."""
    found = []
    for person, clip, stage, said, sure, other, moves in clips:
        chances = np.full(5, (1 - sure) / 4)
        chances[said] = sure
        found.append(
            {"recording_id": f"{person}n", "participant_id": person, "clip": clip, "onset": 30.0 * clip, "stage": stage,
             "predicted": said, "baseline": other, "movement": moves}
            | {f"p_{name}": chance for name, chance in zip(STAGES, chances, strict=True)}
        )  # fmt: skip
    return pd.DataFrame(found)


def shown(table):
    return list(zip(table["participant_id"], table["clip"], strict=True))


def test_figure_11_shows_the_surest_clip_of_each_stage_that_only_the_baseline_gets_wrong():
    table = rows(
        ("a", 0, 0, 0, 0.6, 1, 1), ("a", 1, 0, 0, 0.9, 2, 1), ("b", 0, 0, 0, 0.95, 0, 1),  # both right: no
        ("a", 2, 2, 2, 0.9, 1, 1), ("b", 2, 2, 2, 0.5, 1, 1),  # of another person, though less sure
        ("b", 3, 4, 1, 0.9, 4, 1), ("b", 4, -1, 0, 0.9, 1, 1),  # the model errs; nobody scored it
        ("b", 5, 3, 3, 0.4, -1, 1),  # the baseline says nothing
    )
    found = clip_examples.correspondence(table)
    assert shown(found) == [("a", 1), ("b", 2)] and found["confidence"].tolist() == [0.9, 0.5]
    assert clip_examples.correspondence(table[table["predicted"] != table["stage"]]).empty


def test_figure_12a_lies_between_two_stages_rather_as_a_third_one():
    night = [("a", clip, stage, 4, 0.5, 4, 1) for clip, stage in enumerate([3, 3, 2, 2, 1, 0, 0])]
    table = rows(*night)
    found = clip_examples.junction(table)  # N2 → N1 → W alone is of a third stage between two
    assert shown(found) == [("a", 4)] and found[["previous", "next"]].to_numpy().tolist() == [[2, 0]]
    table.loc[4, "baseline"] = 1  # now the baseline gets it right
    assert shown(clip_examples.junction(table)) == [("a", 1)]
    gap = table.assign(clip=table["clip"] * 2)
    assert clip_examples.junction(gap).empty


def test_figure_12b_is_of_the_person_who_moves_most_among_those_with_errors_of_both():
    table = rows(
        ("calm", 0, 0, 1, 0.5, 1, 9), ("calm", 1, 0, 0, 0.5, 0, 0), ("calm", 2, 0, 0, 0.5, 0, 0),
        ("lively", 0, 2, 1, 0.5, 1, 5), ("lively", 1, 2, 1, 0.5, 1, 6), ("lively", 2, 2, 2, 0.5, 2, 8),
        ("right", 0, 2, 2, 0.5, 1, 50),
    )
    assert shown(clip_examples.restless(table)) == [("lively", 1)]
    assert clip_examples.restless(table.assign(baseline=table["stage"])).empty
    assert shown(clip_examples.little_to_see(table)) == [("lively", 0)]


def test_figure_13_shows_each_stages_most_common_error_with_its_share():
    table = rows(
        ("a", 0, 0, 1, 0.6, 0, 1), ("a", 1, 0, 1, 0.8, 0, 1), ("a", 2, 0, 2, 0.9, 0, 1), ("a", 3, 0, 0, 0.9, 0, 1),
        ("a", 4, 4, 1, 0.7, 4, 1), ("a", 5, 4, 4, 0.7, 4, 1), ("a", 6, 2, -1, 0.7, 4, 1), ("a", 7, 3, 3, 0.7, 3, 1),
    )
    found = clip_examples.main_errors(table)
    assert shown(found) == [("a", 1), ("a", 4)]
    assert found["share"].tolist() == pytest.approx([0.5, 0.5])
    assert found["of_errors"].tolist() == pytest.approx([2 / 3, 1])


@pytest.fixture
def night(tmp_path):
    """Six clips of noise; the fourth has a 6-Hz wave in its last ten seconds, and things move in it."""
    rng = np.random.default_rng(0)
    eeg = rng.normal(0, 5, (6, 1, 3000))
    eeg[3, 0, 2000:] += 40 * np.sin(2 * np.pi * 6 * np.arange(1000) / 100)
    video = np.full((6, 4, 6, 5), 100, np.uint8)
    video[3, 1::2] = 110
    motion = np.full((6, SAMPLES, CHANNELS), 128, np.uint8)
    motion[..., :-1] = 2  # half a grey level
    motion[3, :75, :-1] = 42
    clips = pd.DataFrame({"clip": np.arange(6), "onset": 30.0 * np.arange(6), "stage": 2})
    sampling = Sampling(eeg_hz=100.0, eeg_channels=("C4-M1",), frames=4, span_s=30.0, height=6, width=5)
    with CohortWriter(tmp_path / "cohort", raw_info(sampling=sampling)) as writer:
        writer.add_participant("P0", split="test")
        arrays = raw_arrays(6) | {"eeg": eeg.astype(np.float32), "video": video}
        writer.add_recording("P0n1", "P0", clips, **arrays, extras=Extras(motion=motion), commit=False)
        writer.add_recording("P0n2", "P0", clips, **arrays, commit=False)
    return Cohort.open(tmp_path / "cohort")


def test_a_wave_is_named_with_its_gain_and_where_it_is_seen(night):
    wave = main_wave(night["P0n1"], 3, 100.0)
    assert wave.band == "theta" and wave.begin == 20.0
    # 40 µV over a third of the clip against noise of 5 µV: some 20 dB in a band of 4 Hz.
    assert 15 < wave.gain < 30
    gains = band_gains(night["P0n1"], 100.0)
    assert gains.shape == (6, 5) and np.abs(np.median(gains, axis=0)).max() < 1e-9


def test_movement_comes_from_motion_and_else_from_the_frames(night):
    assert clip_examples.movement(night["P0n1"]) == pytest.approx([0.5, 0.5, 0.5, (10.5 + 0.5) / 2, 0.5, 0.5])
    assert clip_examples.movement(night["P0n2"]) == pytest.approx([0, 0, 0, 10, 0, 0])
    table = clip_examples.with_movement(pd.DataFrame({"clip": range(12), "participant_id": "P0"}), night)
    assert table["movement"][3] == pytest.approx(5.5) and table["movement"][9] == pytest.approx(10)
    assert clip_examples.people_movement(table)["P0"] == pytest.approx(table["movement"].mean())
