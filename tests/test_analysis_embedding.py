import numpy as np
import pandas as pd
import pytest

from sacd.analysis.embedding import balanced_subsample, embed, fit_map, separation
from sacd.exceptions import SacdError


@pytest.fixture
def clusters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five far clusters, one a stage, over four participants."""
    stage = np.tile(np.arange(5), 24)
    features = 20 * np.eye(5, 16)[stage] + np.random.default_rng(0).normal(size=(120, 16))
    return features, stage, np.repeat(["a", "b", "c", "d"], 30)


def test_the_subsample_is_balanced_and_seeded():
    stage = np.array([0] * 50 + [1] * 5 + [-1] * 20)
    drawn = balanced_subsample(stage, 10, seed=3)
    assert np.bincount(stage[drawn]).tolist() == [10, 5]
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, balanced_subsample(stage, 10, seed=3))
    assert not np.array_equal(drawn, balanced_subsample(stage, 10, seed=4))
    assert balanced_subsample(np.array([-1, -1]), 10).size == 0


def test_the_map_comes_out_the_same_twice_and_places_new_clips(clusters):
    features, stage, _ = clusters
    first, second = fit_map(features), fit_map(features)
    np.testing.assert_allclose(np.asarray(first), np.asarray(second))
    placed = np.asarray(first.transform(features + 0.01))
    centres = np.stack([np.asarray(first)[stage == code].mean(axis=0) for code in range(5)])
    nearest = np.linalg.norm(placed[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == stage).mean() > 0.95


def test_embed_keeps_the_clips_beside_their_points(clusters):
    features, stage, participant = clusters
    clips = pd.DataFrame({"stage": stage, "participant_id": participant, "clip": np.arange(len(stage))})
    found = embed(features, clips, per_stage=10)
    assert len(found) == 50
    assert (found["clip"] == found["position"]).all()
    assert np.isfinite(found[["x", "y"]].to_numpy()).all()


def test_far_clusters_are_pure(clusters):
    found = separation(*clusters)
    assert found["purity"] == pytest.approx(1)
    assert found["silhouette"] > 0.5
    assert found["chance"] == pytest.approx(0.2)


def test_a_persons_look_does_not_pass_for_a_stage(clusters):
    """Within a person stages are clear, but they lie elsewhere in each person."""
    _, stage, participant = clusters
    person = np.unique(participant, return_inverse=True)[1]
    features = 20 * np.eye(25)[(5 * person + stage)] + 0.01 * np.random.default_rng(1).normal(size=(120, 25))
    assert separation(features, stage, participant)["purity"] < 0.5


def test_what_is_undefined_is_nan(clusters):
    features, stage, participant = clusters
    alone = separation(features, stage, np.full(len(stage), "a"))
    assert np.isnan(alone["purity"]) and np.isfinite(alone["silhouette"])
    one_stage = separation(features, np.zeros_like(stage), participant)
    assert np.isnan(one_stage["silhouette"]) and one_stage["purity"] == 1


def test_bad_features_are_refused():
    with pytest.raises(SacdError, match="a map needs 8"):
        fit_map(np.zeros((4, 3)))
    with pytest.raises(SacdError, match="3 rows for 2 clips"):
        embed(np.zeros((3, 2)), pd.DataFrame({"stage": [0, 1]}))
