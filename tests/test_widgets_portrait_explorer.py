"""Map, hypnogram and viewer of a portrait are linked, without a browser."""

from dataclasses import replace
from types import SimpleNamespace

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from plotly.callbacks import Points
from tiny import make_cohort

from sacd.analysis.exploration import clip_table
from sacd.analysis.people import People
from sacd.analysis.portrait_density import group_density
from sacd.widgets.portrait_explorer import PortraitExplorer, _figure, explore


class Shown(ipywidgets.HTML):
    """Stands in for the viewer: remembers what it was asked to show."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.callbacks = [], []

    def show(self, recording_id, clip):
        self.asked.append((recording_id, clip))

    def on_clip(self, callback):
        self.callbacks.append(callback)


@pytest.fixture
def linked():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(60, 2))
    density = group_density(reference, np.repeat(np.arange(6), 10), np.repeat([2.0, 8, 20, 50, 3, 40], 10))
    clips = pd.DataFrame({
        "x": rng.normal(size=8), "y": rng.normal(size=8), "recording_id": ["a"] * 5 + ["b"] * 3,
        "clip": [3, 4, 5, 9, 10, 0, 1, 2], "stage": [0, 2, 3, 4, -1, 1, 2, 2],
    })
    viewer = Shown()
    def place(recording_id):
        return clips[(clips["recording_id"] == recording_id) & (clips["stage"] >= 0)]

    return PortraitExplorer(reference, density, ["a", "b"], place, "tiny (simulated)", viewer), viewer, clips


def test_a_night_is_drawn_in_both_pictures_and_its_first_clip_is_shown(linked):
    explorer, viewer, clips = linked
    assert viewer.asked == [("a", 3)] and explorer.figure.layout.title.text == "tiny (simulated)"
    np.testing.assert_allclose(explorer.clips[0].x, clips["x"][:4].round(2))
    np.testing.assert_allclose(explorer.clips[1].x, np.array([3, 4, 5, 9]) / 120, atol=1e-4)
    assert len(explorer.rings[1].x) == 1


def test_where_no_place_is_a_danger_zone_none_is_drawn():
    points = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[-4], [4]], 30, axis=0)
    density = group_density(points, np.repeat(np.arange(6), 10), np.repeat([2.0, 2, 2, 40, 40, 40], 10))
    assert "danger zone" in [trace.name for trace in _figure(points, density, "tiny").data]
    none = replace(density, share=np.full_like(density.share, 0.4))
    assert "danger zone" not in [trace.name for trace in _figure(points, none, "tiny").data]


def test_a_click_on_a_point_shows_its_clip(linked):
    explorer, viewer, clips = linked
    explorer._clicked(None, Points(point_inds=[2]), None)
    assert viewer.asked[-1] == ("a", 5)
    assert explorer.rings[0].x[0] == round(clips["x"][2], 2)
    explorer._clicked(None, Points(point_inds=[]), None)
    assert len(viewer.asked) == 2


@pytest.mark.parametrize("drawn_in", [0, 1])
def test_a_lasso_in_one_marks_the_same_clips_in_the_other(linked, drawn_in):
    explorer, *_ = linked
    index = explorer.figure.data.index(explorer.clips[drawn_in])
    found = {"xs": [0, 0], "ys": [0, 0], "point_indexes": [0, 3], "trace_indexes": [index, index]}
    # As the browser says it.
    explorer.figure._js2py_pointsCallback = {"event_type": "plotly_selected", "points": found}
    assert [tuple(trace.selectedpoints) for trace in explorer.clips] == [(0, 3), (0, 3)]
    nothing = {name: [] for name in found}
    explorer.figure._js2py_pointsCallback = {"event_type": "plotly_deselect", "points": nothing}
    assert [trace.selectedpoints for trace in explorer.clips] == [None, None]
    explorer.figure._js2py_pointsCallback = {"event_type": "plotly_selected", "points": found}
    explorer.figure._js2py_pointsCallback = {"event_type": "plotly_selected", "points": nothing}
    assert [trace.selectedpoints for trace in explorer.clips] == [None, None]


def test_the_viewer_moves_the_ring_also_to_another_night(linked):
    explorer, viewer, clips = linked
    [callback] = viewer.callbacks
    callback("b", 2)
    assert explorer.chooser.value == "b" and explorer.rings[0].x[0] == round(clips["x"][7], 2)
    assert len(explorer.clips[0].x) == 3 and len(viewer.asked) == 1, "the viewer is not sent elsewhere"
    explorer.chooser.value = "a"
    assert viewer.asked[-1] == ("a", 3)


@pytest.mark.parametrize("features", [False, True])
def test_a_cohort_of_pictures_is_opened_in_the_viewer_and_one_of_features_is_not(tmp_path, features):
    cohort = make_cohort(tmp_path / "c", features=features, train=2, test=1, clips=8)
    people = People(cohort, cohort.participants, np.zeros((24, 2)), clip_table(cohort))
    reference = np.random.default_rng(0).normal(size=(60, 2))
    density = group_density(reference, np.repeat(np.arange(6), 10), np.repeat([2.0, 8, 20, 50, 3, 40], 10))

    def place_night(people, recording_id):
        return people.clips[people.clips["recording_id"] == recording_id].assign(x=0.0, y=1.0)

    portrait = SimpleNamespace(map=SimpleNamespace(points=reference), density=density, place_night=place_night)
    found = explore(cohort, portrait, people)
    if features:
        assert "no picture" in found
        return
    assert found.children[-1].here == ("P00n1", 0)
    found.chooser.value = "P02n1"
    found._clicked(None, Points(point_inds=[5]), None)
    assert found.children[-1].here == ("P02n1", 5)
