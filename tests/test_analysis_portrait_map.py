"""The reference map: new clips are placed the same every time, whoever comes with them; densities and danger zones."""

import numpy as np
import pandas as pd
import pytest

from sacd.analysis.portrait_density import group_density, zone_shares
from sacd.analysis.portrait_map import ReferenceMap, draw_clips
from sacd.exceptions import SacdError


def clusters(n: int = 40, seed: int = 0) -> np.ndarray:
    """Three clusters of clips in 20 dimensions, one after the other."""
    rng = np.random.default_rng(seed)
    return 8 * np.eye(3, 20)[np.repeat(np.arange(3), n)] + rng.normal(size=(3 * n, 20))


@pytest.fixture(scope="module")
def fitted() -> ReferenceMap:
    return ReferenceMap.fit(clusters(), perplexity=12)


def test_a_new_clip_is_placed_the_same_twice_and_whoever_comes_with_it(fitted):
    new = clusters(seed=1)
    before = fitted.points.copy()
    first, second = fitted.place(new), fitted.place(new)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(fitted.place(new[:3]), first[:3], atol=0.05)
    np.testing.assert_array_equal(fitted.points, before)


def test_it_lies_with_its_like(fitted):
    centres = np.stack([fitted.points[40 * k : 40 * (k + 1)].mean(axis=0) for k in range(3)])
    placed = fitted.place(clusters(seed=2))
    nearest = np.linalg.norm(placed[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == np.repeat(np.arange(3), 40)).mean() > 0.9
    # In the same frame as the reference, also after the first placing.
    assert np.linalg.norm(fitted.place(clusters()) - fitted.points, axis=1).mean() < 0.2 * np.ptp(fitted.points)


def test_the_map_comes_out_the_same_twice(fitted):
    np.testing.assert_allclose(ReferenceMap.fit(clusters(), perplexity=12).points, fitted.points)


def test_few_clips_are_refused():
    with pytest.raises(SacdError, match="a map needs 8"):
        ReferenceMap.fit(clusters(2))


@pytest.mark.slow  # UMAP compiles itself for some ten seconds
def test_umap_is_an_option_and_places_the_same_twice():
    fitted = ReferenceMap.fit(clusters(), method="umap")
    new = clusters(seed=1)
    first = fitted.place(new)
    assert first.shape == (120, 2) and fitted.method == "umap"
    np.testing.assert_array_equal(first, fitted.place(new))


def test_clips_are_drawn_of_each_stage_of_each_person():
    stage = np.array([0, 0, 0, 2, 2, -1, 0, 2])
    who = np.array(list("aaaaaabb"))
    drawn = draw_clips(stage, who, 2, seed=1)
    assert len(drawn) == 6 and (np.diff(drawn) > 0).all() and 5 not in drawn
    np.testing.assert_array_equal(drawn, draw_clips(stage, who, 2, seed=1))


def points_of(ahi: list[float], clips: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People left (low AHI) and right (AHI ≥ 15) on a map, with so many clips each."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(len(ahi)), clips)
    values = np.array(ahi)[people]
    points = np.column_stack([np.where(values >= 15, 3.0, -3.0), np.zeros(len(values))])
    return points + rng.normal(0, 0.7, points.shape), people, values


def test_a_danger_zone_is_where_people_with_apnoea_lie():
    density = group_density(*points_of([2, 8, 3, 4, 20, 50, 40, 30], [60] * 8))
    assert density.prevalence == pytest.approx(0.5) and density.border == pytest.approx(0.75)
    inside = density.in_zone(np.array([[3.0, 0.0], [-3.0, 0.0], [100.0, 0.0]]))
    assert inside.tolist() == [True, False, False]
    np.testing.assert_allclose(density.groups.sum(axis=(1, 2)), [3, 1, 1, 3], rtol=0.05)
    alone = group_density(*points_of([2, 8, 50], [60] * 3))
    assert not alone.in_zone(np.array([[3.0, 0.0]])).any(), "one person makes no zone"
    shares = zone_shares(np.array([True, False, True]), np.array(["a", "a", "b"]), pd.Index(["a", "b", "c"]))
    assert shares["a"] == 0.5 and shares["b"] == 1 and np.isnan(shares["c"])


def test_every_person_weighs_the_same():
    few, many = (group_density(*points_of([2, 50], [50, clips])) for clips in (50, 500))
    assert few.prevalence == pytest.approx(0.5) and many.prevalence == pytest.approx(0.5)
    np.testing.assert_allclose(few.groups.sum(axis=(1, 2)), many.groups.sum(axis=(1, 2)), rtol=0.1)
