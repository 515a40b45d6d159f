import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sacd.analysis.inference import components, detectable, estimate, pseudo_values, side, standing
from sacd.analysis.power import SD_PARTICIPANTS, SD_REST, SD_SEEDS, draw_differences
from sacd.metrics import accuracy, kappa, recall


def mean_squares(d: list[list[float]]) -> tuple[float, float, float]:
    """Of seeds, participants and the rest of a complete table, sum by sum."""
    seeds, people = len(d), len(d[0])
    grand = sum(map(sum, d)) / (seeds * people)
    of_seed = [sum(row) / people for row in d]
    of_person = [sum(row[p] for row in d) / seeds for p in range(people)]
    between_seeds = people * sum((mean - grand) ** 2 for mean in of_seed)
    between_people = seeds * sum((mean - grand) ** 2 for mean in of_person)
    rest = sum((d[s][p] - of_seed[s] - of_person[p] + grand) ** 2 for s in range(seeds) for p in range(people))
    degrees = (seeds - 1, people - 1, (seeds - 1) * (people - 1))
    return between_seeds / degrees[0], between_people / degrees[1], rest / degrees[2]


@settings(max_examples=30, deadline=None)
@given(seeds=st.integers(3, 6), people=st.integers(2, 9), number=st.integers(0, 99))
def test_a_complete_table_gives_the_min_f_of_its_mean_squares(seeds, people, number):
    values = np.random.default_rng(number).normal(0.1, 1, (seeds, people))
    ms_s, ms_p, _ = mean_squares(values.tolist())
    error = ((ms_s + ms_p) / (seeds * people)) ** 0.5
    df = (ms_s + ms_p) ** 2 / (ms_s**2 / (seeds - 1) + ms_p**2 / (people - 1))
    found = estimate(values)
    t = values.mean() / error
    assert (found.mean, found.error, found.df) == pytest.approx((values.mean(), error, df))
    assert found.p() == pytest.approx(2 * stats.t.sf(abs(t), df))
    half = stats.t.ppf(0.975, df) * error
    assert found.interval() == pytest.approx((values.mean() - half, values.mean() + half))


def test_by_hand():
    # seeds 1, 2, 3 (means), participants 1, 3 (means): grand 2, MS_S = 2 × (1 + 0 + 1) / 2, MS_P = 3 × (1 + 1) / 1
    found = estimate(np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]]))
    assert found.mean == 2
    assert found.error == pytest.approx(((2 + 6) / 6) ** 0.5)
    assert found.df == pytest.approx(8**2 / (2**2 / 2 + 6**2 / 1))


def test_the_interval_and_p_agree():
    found = estimate(np.random.default_rng(0).normal(0.5, 1, (200, 4, 9)))
    low, high = found.interval()
    assert ((found.p(0.3) < 0.05) == ((low > 0.3) | (high < 0.3))).all()


def test_tables_are_estimated_together_as_alone():
    values = np.random.default_rng(0).normal(size=(3, 4, 6))
    together = estimate(values)
    for index in range(3):
        alone = estimate(values[index])
        assert (together.mean[index], together.error[index]) == pytest.approx((alone.mean, alone.error))


def test_missing_cells_are_left_out_and_not_guessed():
    values = np.random.default_rng(0).normal(size=(4, 6))
    values[1, 2] = values[3, 5] = np.nan
    apart = values - np.nanmean(values)
    by_seed = 4 / 3 * sum(np.nansum(row) ** 2 for row in apart) / 22**2
    by_participant = 6 / 5 * sum(np.nansum(column) ** 2 for column in apart.T) / 22**2
    found = estimate(values)
    assert (found.mean, found.error) == pytest.approx((np.nanmean(values), (by_seed + by_participant) ** 0.5))


def test_missing_cells_keep_the_level():
    rng = np.random.default_rng(0)
    null = draw_differences(5, 24, SD_SEEDS, 2000, rng)
    scattered = np.where(rng.random(null.shape) < 0.3, np.nan, null)
    turns = np.where(np.arange(24) % 5 == np.arange(5)[:, None], null, np.nan)  # others with each seed
    assert (estimate(scattered).p() < 0.05).mean() <= 0.06
    assert (estimate(turns).p() < 0.05).mean() <= 0.06


def test_without_any_spread_only_the_mean_itself_is_possible():
    same = estimate(np.zeros((3, 8)))
    assert same.interval() == (0, 0)
    assert same.p() == 1
    assert same.p(-0.01) == 0


@pytest.mark.parametrize("shape", [(1, 24), (2, 24), (3, 1)])
def test_one_or_two_seeds_or_one_participant_give_no_interval_and_no_p(shape):
    found = estimate(np.random.default_rng(0).normal(size=shape))
    assert np.isfinite(found.mean)
    assert np.isnan([*found.interval(), found.p()]).all()


@pytest.mark.parametrize(
    ("seeds", "participants", "said"),
    [(5, 8, "claim"), (10, 105, "claim"), (4, 8, "descriptive"), (3, 24, "descriptive"), (2, 24, "too few"),
     (1, 105, "too few"), (5, 7, "too few"), (3, 7, "too few")],
)  # fmt: skip
def test_what_a_row_may_be_read_as(seeds, participants, said):
    assert standing(seeds, participants) == said


def test_where_an_interval_lies():
    assert [side(0.1, 0.2), side(-0.2, -0.1), side(-0.1, 0.1), side(np.nan, np.nan)] == [1, -1, 0, 0]
    assert [side(-0.005, 0.1, -0.01), side(0.1, 0.2, 0.3)] == [1, -1]


def test_components_by_hand():
    # the rest is 0: between seeds (2 − 0) / 2, between participants (6 − 0) / 3
    found = components(np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]]))
    assert (found["sd_seeds"], found["sd_participants"], found["sd_rest"]) == pytest.approx((1, 2**0.5, 0))


def test_components_are_recovered_and_never_negative():
    null = draw_differences(10, 105, SD_SEEDS, 40, np.random.default_rng(0))
    found = np.array([list(components(one).values())[:3] for one in null])
    assert np.median(found, axis=0) == pytest.approx([SD_SEEDS, SD_PARTICIPANTS, SD_REST], rel=0.1)
    alternating = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert (components(alternating)["sd_seeds"], components(alternating)["sd_participants"]) == (0, 0)


def test_components_of_one_seed_are_not_known():
    assert np.isnan(list(components(np.ones((1, 9))).values())).all()
    two = components(np.random.default_rng(0).normal(size=(2, 9)))
    assert np.isfinite(two["sd_rest"]) and np.isnan(two["detectable"])


def test_components_leave_out_who_lacks_a_seed():
    values = np.random.default_rng(0).normal(size=(4, 6))
    gap = np.column_stack([values, [np.nan, 0, 0, 0]])
    names = ("sd_seeds", "sd_participants", "sd_rest")
    assert [components(gap)[name] for name in names] == pytest.approx([components(values)[name] for name in names])


@pytest.mark.parametrize(("seeds", "participants"), [(3, 24), (5, 8), (5, 24), (10, 105)])
def test_four_in_five_detectable_differences_are_seen(seeds, participants):
    gain = detectable(seeds, participants, SD_SEEDS, SD_PARTICIPANTS, SD_REST)
    null = draw_differences(seeds, participants, SD_SEEDS, 2000, np.random.default_rng(0))
    assert (estimate(null).p(-gain) < 0.05).mean() == pytest.approx(0.8, abs=0.08)


def normalised(rng: np.random.Generator, *shape: int) -> np.ndarray:
    counts = rng.integers(0, 20, (*shape, 5, 5)).astype(float)
    return counts / counts.sum(axis=(-2, -1), keepdims=True)


def test_pseudo_values_of_accuracy_are_the_participants_own():
    matrices = normalised(np.random.default_rng(0), 3, 7)
    np.testing.assert_allclose(pseudo_values(matrices, accuracy), accuracy(matrices))


def test_pseudo_values_by_leaving_one_out():
    matrices = normalised(np.random.default_rng(0), 2, 4)
    found = pseudo_values(matrices, kappa)
    for seed in range(2):
        whole = kappa(matrices[seed].mean(axis=0))
        for person in range(4):
            rest = kappa(np.delete(matrices[seed], person, axis=0).mean(axis=0))
            assert found[seed, person] == pytest.approx(4 * whole - 3 * rest)


def test_pseudo_values_of_who_was_not_predicted_are_missing():
    matrices = normalised(np.random.default_rng(0), 3, 4)
    matrices[1, 2] = 0
    found = pseudo_values(matrices, kappa)
    assert np.isnan(found).nonzero() == ([1], [2])
    alone = pseudo_values(np.delete(matrices, 2, axis=1)[1:2], kappa)
    np.testing.assert_allclose(found[1, [0, 1, 3]], alone[0])


def test_a_stage_of_one_person_alone_has_no_pseudo_values():
    matrices = normalised(np.random.default_rng(0), 3, 4)
    matrices[:, 1:, 1] = 0
    assert np.isnan(pseudo_values(matrices, lambda matrix: recall(matrix)[..., 1])).all()
