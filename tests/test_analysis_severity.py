"""The probability of AHI ≥ 15: planted it is answered, shuffled it abstains, nobody's own data enters what is told."""

import numpy as np
import pytest
from scipy import stats

from sacd.analysis.severity import CANDIDATES, NOT_SHOWN, Severity, brier_skill, choose, cross_fit
from sacd.analysis.severity_checks import losses, planted, risk_coverage, scores, shuffled_bounds
from sacd.exceptions import SacdError
from sacd.stages import AHI_GROUPS, ahi_group


def people(n: int = 40, d: int = 64, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features with a few strong directions of their own, and an AHI that they know nothing of."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, 6)) @ rng.standard_normal((6, d)) + 0.5 * rng.standard_normal((n, d))
    shares = np.array([30, 30, 20, 25]) / 105
    group = rng.choice(4, n, p=shares)
    return features, np.array([2.0, 10.0, 20.0, 50.0])[group] + rng.uniform(0, 4, n) * (group > 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_ahi_is_answered_and_told_to_new_people(seed):
    features, ahi = people(60, seed=seed)
    features = planted(features, ahi, share=0.3, seed=seed)
    severity = Severity.fit(features[:40], ahi[:40])
    assert severity.answers and severity.skill > 0.3
    told = severity.tell_all(features[40:])
    answered = ~told["abstains"].to_numpy()
    assert answered.mean() > 0.6
    right = (told["probability"] >= 0.5).to_numpy()[answered] == (ahi[40:] >= 15)[answered]
    assert right.mean() > 0.75
    np.testing.assert_allclose(told[list(AHI_GROUPS)].sum(axis=1), 1)


def test_a_shuffled_ahi_is_hardly_ever_answered():
    features, ahi = people(40)
    assert (shuffled_bounds(planted(features, ahi, 0.3), ahi, shuffles=30) <= 0).mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n", [40, 80])
def test_a_shuffled_ahi_is_abstained_from_in_95_percent_of_200_shuffles(n):
    features, ahi = people(n)
    bounds = shuffled_bounds(planted(features, ahi, 0.3), ahi)
    assert len(bounds) == 200 and (bounds <= 0).mean() >= 0.95


def test_shuffles_at_once_are_what_each_gives_alone():
    features, ahi = people(24, 16)
    groups = np.random.default_rng(1).permuted(np.tile(ahi_group(ahi), (3, 1)), axis=1)
    together = cross_fit(features, groups)
    for number in range(3):
        alone = cross_fit(features, groups[number : number + 1])
        np.testing.assert_allclose(together.chances[number], alone.chances[0], atol=1e-4)
        np.testing.assert_allclose(together.distance[number], alone.distance[0])


def test_scale_components_and_penalty_are_made_without_those_who_are_told():
    features, ahi = people(30, 16)
    groups = ahi_group(ahi)[None]
    before = cross_fit(features, groups)
    changed = features.copy()
    changed[7] = 1000.0
    other = groups.copy()
    other[0, 7] = (other[0, 7] + 2) % 4
    after = cross_fit(changed, other)
    same = np.isclose(before.chances[0], after.chances[0]).all(axis=1)
    # Those told beside number 7 have models that never saw it; all others have.
    assert not same[7] and same.sum() == 30 // 5 - 1


def test_it_abstains_with_a_reason_where_it_knows_nothing_or_a_person_is_unlike():
    features, ahi = people(40)
    blind = Severity.fit(features, ahi)
    assert not blind.answers and blind.tell_all(features)["abstains"].all()
    assert blind.tell(features[0]).why == NOT_SHOWN
    knowing = planted(features, ahi, 0.3)
    severity = Severity.fit(knowing, ahi)
    far = severity.tell(knowing[0] + 50 * np.abs(knowing).max())
    assert far.abstains and far.distance > severity.limit and "unlike" in far.why
    near = severity.tell(knowing.mean(axis=0))
    assert (near.people, near.prevalence) == (40, (ahi >= 15).mean())
    assert not near.abstains and near.why == "" and near.probability == pytest.approx(
        near.groups["moderate"] + near.groups["severe"]
    )


def test_the_limit_is_the_95th_percentile_of_cross_fitted_distances():
    features, ahi = people(40)
    severity = Severity.fit(features, ahi)
    assert (severity.people["distance"] > severity.limit).mean() == pytest.approx(0.05)
    assert severity.prevalence == (ahi >= 15).mean()


def test_two_markers_are_enough_features():
    features, ahi = people(40)
    assert len(Severity.fit(np.column_stack([ahi, features[:, 0]]), ahi).people) == 40
    assert len(choose(features[:, :2], ahi_group(ahi)[None])) == 1 and len(CANDIDATES) > 3


def test_what_cannot_be_fitted_is_refused():
    features, ahi = people(40)
    for bad in ((features[:8], ahi[:8]), (features, np.append(ahi[:-1], np.nan)), (features * np.nan, ahi)):
        with pytest.raises(SacdError, match="at least 12 people"):
            Severity.fit(*bad)


def test_skill_and_its_interval():
    outcome = np.array([1, 0] * 20)
    base = np.full(40, 0.5)
    skill, low, high = brier_skill(np.where(outcome, 0.9, 0.1), base, outcome)
    assert skill == pytest.approx(1 - 0.01 / 0.25) and low == pytest.approx(skill) == pytest.approx(high)
    rng = np.random.default_rng(0)
    guess = np.clip(0.5 + rng.normal(0, 0.2, 40), 0, 1)
    skill, low, high = brier_skill(guess, base, outcome)
    gained = 0.25 - (guess - outcome) ** 2
    ends = stats.t.interval(0.95, 39, gained.mean(), stats.sem(gained))
    np.testing.assert_allclose([low, high], np.array(ends) / 0.25)
    assert low < skill < high


def test_scores_stand_beside_the_first_and_risk_grows_with_coverage():
    outcome = np.array([True, False, True, False])
    said = {"base rate": np.full(4, 0.5), "knows": np.array([0.8, 0.2, 0.8, 0.2])}
    table = scores(said, outcome).set_index(["name", "score"])
    assert table.loc[("knows", "Brier score"), "mean"] == pytest.approx(0.04)
    assert table.loc[("knows", "Brier score"), "difference"] == pytest.approx(0.21)
    assert table.loc[("knows", "log loss, nats"), "mean"] == pytest.approx(-np.log(0.8))
    assert np.isnan(table.loc[("base rate", "Brier score"), "difference"])
    three = scores(said | {"knows more": np.array([0.9, 0.1, 0.9, 0.1])}, outcome)
    against = three[(three["name"] == "knows more") & (three["score"] == "Brier score")]
    against = against.set_index("against")["difference"]
    assert against.to_dict() == {"base rate": pytest.approx(0.24), "knows": pytest.approx(0.03)}
    assert losses(np.array([0.0]), np.array([True]))["log_loss"][0] < 20
    curve = risk_coverage(np.array([0.1, 0.9, 0.9, 0.1]), outcome, np.array([4.0, 3.0, 1.0, 2.0]))
    np.testing.assert_allclose(curve["coverage"], [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve["wrong"], [0, 0, 1 / 3, 1 / 2])
    np.testing.assert_allclose(curve["distance"], [1, 2, 3, 4])
