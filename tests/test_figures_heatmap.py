"""Fig. 5: what stands in a cell, and that an unknown one stays empty."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sacd.figures.heatmap import lambda_heatmaps

LABEL = "night (simulated)"


def grid(seeds: int) -> pd.DataFrame:
    rows = [
        {"lambda1": a, "lambda2": b, "lambda3": c, "accuracy": 0.4 + 0.01 * seed + 0.001 * b, "seed": seed}
        for a in (0.5, 1.0)
        for b in (1.0, 10.0)
        for c in (1.0, 10.0)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def cells(figure: Figure, panel: int) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def test_a_cell_holds_the_mean_and_the_spread_over_seeds():
    figure = lambda_heatmaps(grid(3), LABEL)
    assert cells(figure, 0) == ["41.1\n±1.0", "41.1\n±1.0", "42.0\n±1.0", "42.0\n±1.0"]  # λ2 up, λ3 across
    assert [len(cells(figure, panel)) for panel in (1, 2)] == [4, 4]


def test_one_seed_has_no_spread():
    assert cells(lambda_heatmaps(grid(1), LABEL), 0) == ["40.1", "40.1", "41.0", "41.0"]


def test_a_cell_without_a_value_keeps_its_place_and_says_nothing():
    table = grid(1)
    table.loc[table["lambda2"] == 10, "accuracy"] = np.nan
    figure = lambda_heatmaps(table, LABEL)
    assert cells(figure, 0) == ["40.1", "40.1"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["1", "10"]


def test_panels_share_one_scale():
    figure = lambda_heatmaps(grid(2), LABEL)
    limits = {tuple(np.round(ax.collections[0].get_clim(), 6)) for ax in figure.axes[:3]}
    assert limits == {(40.6, 41.5)}
    assert LABEL in [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
