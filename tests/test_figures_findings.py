"""Sentences say what their tables hold, whatever that is."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions

from sacd.analysis.comparison import compare
from sacd.analysis.exploration import label_ceiling
from sacd.analysis.summary import summarise
from sacd.figures.findings import (
    ceiling_in_words,
    cells_in_words,
    frames_in_words,
    large_weights_in_words,
    printed_margin_in_words,
    recording_in_words,
    runs_in_words,
    same_errors_in_words,
    sweep_in_words,
)
from sacd.stages import STAGES

CHOSEN, LARGE = "0.5, 1, 1", "0.5, 10, 10"


@pytest.fixture(scope="module")
def sweep() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predictions, summary and comparison of three cells and CE; the large weights collapse."""
    frame = predictions({CHOSEN: 0.7, "0.5, 1, 5": 0.6, LARGE: 0.1, "CE": 0.5}, participants=8, seeds=5)
    frame.loc[frame.method == LARGE, "predicted"] = 2
    return frame, summarise(frame), compare(frame, CHOSEN)


def test_a_recording_is_named_with_its_arrays():
    recording = SimpleNamespace(recording_id="r", video=np.zeros((2, 8), np.uint8), eeg=np.zeros((2, 1), np.float32))
    assert recording_in_words(recording) == "r: video (2, 8) uint8, EEG (2, 1) float32"


def test_the_ceiling_is_the_latent_stage_against_the_label():
    posterior = pd.DataFrame(np.eye(5)[[0, 1, 2, 2, 4]], columns=[f"posterior_{stage}" for stage in STAGES])
    nights = [
        SimpleNamespace(participant_id="a", clips=posterior.assign(stage=[0, 1, 2, 3, -1])),
        SimpleNamespace(participant_id="b", clips=pd.DataFrame({"stage": [0]})),
    ]
    found = label_ceiling(nights)
    assert found.to_dict() == {"a": 0.75}
    assert ceiling_in_words(found, "x") == "label ceiling: 75.0 %, mean of 1 participant; x"
    assert "the cohort is real" in ceiling_in_words(label_ceiling(nights[1:]), "x")


def test_runs_are_named_by_what_they_share():
    frame = predictions({"CE": 0.5, "KD": 0.5}, seeds=2).assign(protocol="few-label", tier="raw")
    assert runs_in_words(frame) == "few-label, raw tier, test participants, mean over seeds"
    one = frame[(frame.method == "KD") & (frame.seed == 1)]
    assert runs_in_words(one) == "KD, few-label, raw tier, test participants, seed 1"


def test_errors_are_counted_where_they_are_the_papers():
    errors = pd.DataFrame({"method": ["CE"] * 2, "stage": ["W", "N1"], "taken_for": ["N1", "W"], "paper_(SACD)": "N1"})
    assert same_errors_in_words(errors, "x") == "CE: the paper's most common error in 1 of 2 stages (W)\nx"
    assert "in 0 of 2 stages (none)" in same_errors_in_words(errors.assign(taken_for="REM"), "x")


def test_a_sweep_says_how_much_stands_behind_a_cell(sweep):
    assert sweep_in_words(sweep[0], 60) == "8 validation participants a seed, mean ± SD over 5 seeds, 60 steps"
    one = sweep[0].query("seed == 0")
    assert sweep_in_words(one, 60) == "8 validation participants a seed, 1 seed, 60 steps"


def test_cells_are_ranked_and_those_that_differ_counted(sweep):
    frame, summary, against = sweep
    told = cells_in_words(summary, against, frame, CHOSEN, "x").splitlines()
    assert told[0] == "3 cells, 8 validation participants a seed (8 in all), 5 seeds; x"
    assert told[-1] == f"the paper's weights are number 1 of 3; the best cell here is ({CHOSEN})"
    assert told[-2].endswith("after Holm's correction: 2 of 2")
    one = frame[frame.seed == 0]
    told = cells_in_words(summarise(one), compare(one, CHOSEN), one, CHOSEN, "x")
    assert "SD over seeds" not in told and "half the width" not in told and "0 of 2" in told


def test_large_weights_fall_and_say_one_stage(sweep):
    frame, summary, against = sweep
    names = [name for name in summary.method.unique() if name != "CE"]
    weights = [[float(value) for value in name.split(", ")] for name in names]
    grid = pd.DataFrame(weights, columns=["lambda1", "lambda2", "lambda3"]).assign(method=names)
    told = large_weights_in_words(grid, summary, against, frame, {LARGE: -0.124}, CHOSEN, "x").splitlines()
    assert len(told) == 3, "one cell has a weight of 10"
    assert "falls, at or below CE; 100 % of clips in one stage (paper −12.4)" in told[0]
    assert told[-1].startswith(f"({CHOSEN}): ") and told[-1].endswith("; x")


def test_the_printed_loss_is_silent_or_says_how_far_graphs_drifted():
    losses = {"silent": pd.DataFrame([[0.0, 0.0]]), "drift": pd.DataFrame([[1.0, 0.2], [1.0, 0.4]])}
    silent, drift = printed_margin_in_words(losses, {"silent": 0.5, "drift": 3.0}).splitlines()
    assert "0 at every step" in silent and "nearer than d = 0.5" in silent
    assert "went from 1.000" in drift and "from d = 2.00 or more to 2.70 or more" in drift


def test_frames_name_the_best_and_the_stages_never_said():
    frame = predictions({"8": 0.5, "16": 0.9}, participants=3).rename(columns={"method": "frames"})
    frame = frame.assign(sampling="spread")
    frame.loc[frame.frames == "8", "predicted"] = 2
    told = frames_in_words(summarise(frame, by=["sampling", "frames"]), frame, 0.2).splitlines()
    assert told[0].startswith("highest: 16 frames, spread: ") and told[0].endswith("stage: 20.0 %")
    assert told[1:] == ["8 frames, spread: never says W, N1, N3, REM", "16 frames, spread: says every stage"]
