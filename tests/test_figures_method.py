from dataclasses import fields

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from objective_pairs import make_pair

from sacd.figures import method_clips, method_losses, style
from sacd.figures.method_clips import Clips
from sacd.objectives.base import Pair

LABEL = "night $watch$ <b> (simulated)"


def clips(count: int) -> Clips:
    rng = np.random.default_rng(0)
    stage = np.arange(count) % 6 - 1
    return Clips(
        rng.integers(0, 255, (count, 4, 8, 8)), stage, np.arange(count) % 2 == 0, rng.normal(0, 20, (count, 90))
    )


def draw_batch(label: str = LABEL) -> Figure:
    window = np.repeat([0, 1, 2], [8, 8, 5])
    names = [f"window {number}\na-rather-long-recording-name" for number in range(3)]
    return method_clips.batch_pictures(clips(21), window, names, label)


def draw_graphs(label: str = LABEL) -> Figure:
    weights = np.full((8, 8), 0.1)
    weights[2, 5] = weights[5, 2] = 0.3
    return method_clips.clip_graphs(clips(8), {"video": weights, "EEG": weights}, label, "window 1")


def draw_hardest(label: str = LABEL) -> Figure:
    ways = {"video → EEG in memory": 9, "EEG → video in memory and batch": 3}
    similarity = {way: np.linspace(0.9, 0.2, count) for way, count in ways.items()}
    nearest = {way: clips(min(8, count)) for way, count in ways.items()}
    return method_clips.hardest_clips(clips(1), nearest, similarity, 4, 0.6, 0.2, label)


def draw_distances(label: str = LABEL) -> Figure:
    rng = np.random.default_rng(0)
    stage = np.arange(32) % 6 - 1
    cosine, divergence = rng.uniform(-1, 1, (32, 32)), rng.uniform(0, 0.69, 32)
    return method_losses.three_distances(
        rng.uniform(0, 4, (4, 4)), np.eye(4)[::-1] > 0, cosine, divergence, stage, label
    )


def draw_bars(label: str = LABEL) -> Figure:
    p, q = np.eye(5)[:2], np.full((2, 5), 0.2)
    return method_losses.two_bars(p, q, ["clip 1: JSD = 0.3", "clip 2: JSD = 0.3"], label)


def draw_costs(label: str = LABEL) -> Figure:
    d = np.linspace(0, 4, 401)
    costs = {"matching": np.maximum(0, d - 0.5), "non-matching": np.maximum(0, 1.5 - d)}
    return method_losses.graph_costs(d, costs, {"matching": np.array([1.0]), "non-matching": np.array([])}, label, "γ")


def draw_curves(label: str = LABEL) -> Figure:
    lines = {"two-way": pd.Series({1: 0.5, 64: 0.25, 256: 0.125})}
    return method_losses.setting_curves({"K": lines, "α": lines}, {"K": 64, "α": 1}, label)


DRAWINGS = [value for name, value in list(globals().items()) if name.startswith("draw_")]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_every_figure_says_that_it_is_simulated_and_keeps_its_words_on_the_page(draw, tmp_path):
    figure = draw()
    figure.savefig(tmp_path / "figure.png")
    mark = next(text for text in figure.texts if text.get_text() == LABEL)
    assert to_hex(mark.get_color()) == style.ORANGE.lower() and mark.get_weight() == "bold"
    for axes in figure.axes:
        for text in (axes.title, axes.yaxis.label, *axes.texts):
            box = text.get_window_extent()
            inside = figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1
            assert inside or not text.get_text(), text.get_text()
        assert not axes.get_tightbbox().overlaps(mark.get_window_extent())


def test_the_table_knows_every_field_of_a_pair_and_shows_those_that_are_there():
    assert set(method_losses.MEANING) == {field.name for field in fields(Pair)}
    full = make_pair()
    html = method_losses.pair_table(
        Pair(student_features=full.student_features, student_logits=full.student_logits, label=full.label), LABEL
    )
    head, _, notes = html.partition("<tfoot>")
    assert "16 × 24" in head and "int64" in head and "simulated" in head
    assert "teacher_features" not in head and "teacher_features" in notes


def test_a_clip_without_label_is_dashed_so_that_its_gaps_show():
    first, second = draw_batch().axes[:2]
    assert {spine.get_linestyle() for spine in first.spines.values()} == {"-"}
    for spine in second.spines.values():
        assert spine.get_linestyle() == method_clips.DASHES and spine.get_capstyle() == "butt"


def test_the_strongest_line_joins_the_clips_that_listen_to_each_other():
    figure = draw_graphs()
    strongest = max(figure.axes[0].lines, key=lambda line: line.get_linewidth())
    angle = np.pi / 2 - 2 * np.pi * np.array([2, 5]) / 8
    assert np.allclose(strongest.get_xydata(), np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert sum(line.get_linewidth() > 3 for line in figure.axes[0].lines) == 1


def test_only_negatives_that_exist_have_a_picture_and_only_the_hardest_are_coloured():
    figure = draw_hardest()
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == 2 * (1 + 8) + 2 * (1 + 3)
    sides = [axes for axes in figure.axes if axes.patches and not axes.images]
    counted = [
        sum(bar.get_height() for bar in axes.patches if to_hex(bar.get_facecolor()) == style.ORANGE.lower())
        for axes in sides
    ]
    assert counted == [4, 3]


def test_grey_is_where_the_cost_does_not_change():
    spans = [
        (path[:, 0].min(), path[:, 0].max())
        for axes in draw_costs().axes
        for path in (axes.collections[0].get_paths()[0].vertices,)
    ]
    assert np.allclose(spans, [(0.01, 0.5), (1.51, 4)], atol=0.011)


def test_the_curves_name_the_loss_at_the_chosen_setting():
    words = [text.get_text() for text in draw_curves().findobj(matplotlib.text.Text)]
    assert {"two-way: 0.250", "two-way: 0.500", "K = 64", "α = 1"} <= set(words)
