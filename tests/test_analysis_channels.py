"""Channels chosen on reference people: what is left of them on new people, their map, and the markers beside them."""

import numpy as np
import pandas as pd
import pytest

from sacd.analysis.ahi import codings, spearman
from sacd.analysis.channels import beside_markers, channel_maps, chosen_channels, kept_channels
from sacd.analysis.video_markers import MARKERS


@pytest.fixture(scope="module")
def sample():
    """Thirty reference and fifteen new people; three channels of N2 carry the AHI, the second with a minus."""
    rng = np.random.default_rng(0)
    ahi = pd.Series(rng.uniform(0, 60, 45))
    means = rng.normal(size=(45, 5, 12))
    means[:, 2, :3] += 0.1 * np.outer(ahi - 30, [1, -1, 1])
    means[40:, 2] = np.nan
    split = slice(0, 30), slice(30, 45)
    found = [spearman(means[part], codings(ahi.iloc[part])) for part in split]
    return [means[part] for part in split], [ahi.iloc[part] for part in split], found


def test_what_carries_the_ahi_is_chosen_and_kept(sample):
    _, _, (reference, new) = sample
    assert set(chosen_channels(reference, "N2")) >= {0, 1, 2}
    table = kept_channels(reference, new).set_index("stage")
    assert table.loc["N2", "kept"] >= 3 and table.loc["N2", "best"] in (0, 1, 2)
    assert table.loc["N2", ["n_reference", "n_new"]].tolist() == [30, 10]
    assert (table["kept"] <= table["chosen"]).all()


def test_the_map_is_of_those_who_have_the_stage(sample):
    means, ahi, found = sample
    maps = channel_maps(*means, found[0], tuple(ahi))
    title = next(name for name in maps if name.startswith("N2"))
    assert "30 reference and 10 new people" in title
    points = maps[title]
    assert points["new"].sum() == 10 and np.isfinite(points[["x", "y"]].to_numpy()).all()
    assert not channel_maps(means[0][:5], means[1], found[0], (ahi[0][:5], ahi[1])), "five people are no map"


def test_markers_stand_beside_the_best_channels_with_the_sign_of_the_reference(sample):
    means, ahi, found = sample
    markers = pd.DataFrame({MARKERS[0]: ahi[1].to_numpy(), MARKERS[1]: np.nan})
    table = beside_markers(kept_channels(*found), means[1], markers, ahi[1]).set_index("what")
    assert table.loc["movement arousals", "rho"] == pytest.approx(1) and table.loc["movement arousals", "n"] == 15
    assert np.isnan(table.loc["breathing variability", "rho"])
    best = table[table.index.str.endswith("N2")].iloc[0]
    assert best["rho"] > 0.5 and best["low"] < best["rho"] < best["high"], "its sign on reference people counts"
