"""Galleries of clips: each row shows the clip that it names, and the model's probabilities for it."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from conftest import raw_arrays, raw_info
from matplotlib.figure import Figure

from sacd.cohort import Cohort
from sacd.cohort.writer import CohortWriter
from sacd.figures.clips import clip_gallery, error_gallery
from sacd.stages import STAGES

LABEL = "night $watch$ (simulated)"
FIRST_CLIP = 40


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """One night whose clips begin at number 40, so that a clip's number is not its row."""
    stage = np.array([0, 1, 2, 3, 4, 2, 2, 0])
    clips = pd.DataFrame({"clip": FIRST_CLIP + np.arange(8), "onset": 30.0 * np.arange(8), "stage": stage})
    with CohortWriter(tmp_path / "cohort", raw_info()) as writer:
        writer.add_participant("P0", "F", 40.0, 70.0, 5.0, "test")
        writer.add_recording("P0-night1", "P0", clips, **raw_arrays(8), channel="C4-M1", commit=False)
    return Cohort.open(tmp_path / "cohort")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


def test_a_stage_is_shown_by_its_middle_clip(cohort):
    figure = clip_gallery(cohort["P0-night1"], cohort.info.sampling, LABEL)
    rows = [ax for ax in figure.axes if ax.images and ax.get_ylabel()]
    assert [ax.get_ylabel() for ax in rows] == list(STAGES)
    middle = {"W": 7, "N1": 1, "N2": 5, "N3": 3, "REM": 4}
    for ax in rows:
        expected = cohort["P0-night1"].video[middle[ax.get_ylabel()], 2]
        assert (ax.images[0].get_array() == expected).all()
    assert words(figure).count(LABEL) == 1
    figure._repr_png_()


def test_an_error_is_shown_with_its_own_clip_and_probabilities(cohort):
    probability = {f"p_{stage}": value for stage, value in zip(STAGES, (0.1, 0.6, 0.1, 0.1, 0.1), strict=True)}
    row = {"stage": "REM", "taken_for": "N1", "recording_id": "P0-night1", "clip": FIRST_CLIP + 4} | probability
    figure = error_gallery(
        pd.DataFrame([row, row | {"stage": "W", "clip": FIRST_CLIP}]), {"P0-night1": cohort["P0-night1"]},
        cohort.info.sampling, LABEL, "SACD",
    )  # fmt: skip
    axes = np.array(figure.axes).reshape(2, 6)
    for place, line in ((4, axes[0]), (0, axes[1])):
        night = cohort["P0-night1"]
        for ax, frame in zip(line[:3], (0, 2, 3), strict=True):  # of four: the middles of thirds
            assert (ax.images[0].get_array() == night.video[place, frame]).all()
        assert np.allclose(line[4].lines[0].get_ydata(), night.eeg[place, 0, : len(line[4].lines[0].get_ydata())])
        assert [bar.get_width() for bar in line[5].patches] == list(probability.values())
    bold = [text.get_text() for text in axes[0, 5].get_yticklabels() if text.get_weight() == "bold"]
    assert bold == ["REM"]
    assert axes[0, 0].get_ylabel() == "REM\ntaken for\nN1"
    assert {LABEL, "SACD", f"P0-night1, clip {FIRST_CLIP + 4}"} <= set(words(figure))
    figure._repr_png_()
