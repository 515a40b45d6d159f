import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacd.exceptions import SacdError
from sacd.simulate.coupling import COUPLINGS, get_coupling
from sacd.simulate.night import (
    BIN_S,
    BINS,
    by_state,
    hypnogram,
    label_posterior,
    night_length,
    scorings,
    simulate_latents,
    wander,
)
from sacd.simulate.participant import AHI_SHARES, MALE_SHARE, OLDEST, YOUNGEST, Stream, make_participant
from sacd.stages import N1, N2, REM, W, ahi_group


def people(count: int, split: str = "train", seed: int = 0):
    return [make_participant(seed, split, k) for k in range(count)]


def test_same_arguments_same_participant_and_others_differ():
    assert make_participant(3, "train", 5) == make_participant(3, "train", 5)
    assert make_participant(3, "train", 5) != make_participant(4, "train", 5)
    assert make_participant(3, "train", 5).ahi != make_participant(3, "test", 5).ahi


@pytest.mark.parametrize("count", [21, 64, 105])
def test_every_prefix_of_a_cohort_has_about_the_papers_mix(count):
    cohort = people(count)
    groups = np.bincount(ahi_group(np.array([p.ahi for p in cohort])), minlength=4)
    np.testing.assert_allclose(groups / count, AHI_SHARES, atol=2.5 / count + 0.02)
    assert np.mean([p.sex == "male" for p in cohort]) == pytest.approx(MALE_SHARE, abs=2.5 / count + 0.02)
    assert all(YOUNGEST <= p.age <= OLDEST and p.weight > 10 for p in cohort)


def test_adults_weigh_more_than_children():
    weight = {old: np.median([p.weight for p in people(400) if (p.age >= 18) == old]) for old in (False, True)}
    assert weight[True] > weight[False]


def test_bad_requests_are_one_line_errors():
    for wrong in (lambda: make_participant(-1, "train", 0), lambda: make_participant(0, "validation", 0),
                  lambda: get_coupling("extreme")):
        with pytest.raises(SacdError) as error:
            wrong()
        assert "\n" not in str(error.value) and "use" in str(error.value)


@given(depth=st.floats(-3, 5), remness=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_by_state_stays_within_its_table(depth, remness):
    table = np.array([(3.0, 1.0, 0.5, 2.0, 0.0, 7.0)])
    value = by_state(table, np.array([depth]), np.array([remness]))
    assert value.shape == (1, 1) and 0 <= value[0, 0] <= 7


def test_by_state_meets_its_knots():
    table = (10.0, 11.0, 12.0, 13.0, 14.0, 99.0)
    depth = np.array([-1.0, 0, 1, 2, 3])
    np.testing.assert_allclose(by_state(table, depth, np.zeros(5)), table[:5])
    np.testing.assert_allclose(by_state(table, depth, np.ones(5)), 99)


def test_wander_has_unit_variance_and_forgets_with_its_time_constant():
    path = wander(np.random.default_rng(0), (4, 100_000), 1.0, 20.0)
    assert path.std() == pytest.approx(1, abs=0.05)
    lagged = np.mean(path[:, :-20] * path[:, 20:])
    assert lagged == pytest.approx(np.exp(-1), abs=0.05)


def test_a_night_is_whole_clips_and_starts_and_ends_awake():
    for person in people(6):
        night = simulate_latents(person)
        assert len(night.stages) == len(night.depth) == len(night.remness) and len(night.stages) % BINS == 0
        assert 1080 <= len(night.stages) // BINS <= 1360
        assert night.stages[0] == W and night.stages[-1] == W
        assert {W, N1, N2, REM} <= set(night.stages)
        assert ((night.remness >= 0) & (night.remness <= 1)).all()


def test_nobody_lies_awake_all_night():
    """Long waits for sleep and early risings leave at least half of the night, of which wake takes a part."""
    for person in people(150):
        stages = hypnogram(person, person.rng(Stream.NIGHT, 1), night_length(person) * BINS)
        assert (stages != W).mean() > 0.2


def test_apnoeas_follow_the_ahi_and_never_overlap():
    ahi, rate = [], []
    for person in people(40):
        night = simulate_latents(person)
        assert (night.apnoea_onset[1:] >= (night.apnoea_onset + night.apnoea_duration)[:-1]).all()
        assert (night.apnoea_duration >= 10).all()
        ahi.append(person.ahi)
        rate.append(len(night.apnoea_onset) / ((night.depth > 0.5).sum() * BIN_S / 3600))
    assert np.corrcoef(ahi, rate)[0, 1] > 0.95
    assert np.mean(rate) == pytest.approx(np.mean(ahi), rel=0.2)


def test_posterior_rows_sum_to_one_and_follow_the_latents():
    night = simulate_latents(make_participant(0, "train", 1))
    posterior = label_posterior(night)
    assert posterior.shape == (len(night.stages) // BINS, 5)
    np.testing.assert_allclose(posterior.sum(1), 1)
    clip_remness = night.remness.reshape(-1, BINS).mean(1)
    assert (posterior[clip_remness > 0.95].argmax(1) == REM).mean() > 0.9
    clip_depth = night.depth.reshape(-1, BINS).mean(1)
    assert (posterior[(clip_depth < 0) & (clip_remness < 0.1)].argmax(1) == W).all()


def test_labels_are_distributed_as_the_posterior():
    """Averaged over many scorers, the share of a stage in a clip is its probability."""
    person = make_participant(0, "train", 2)
    posterior = label_posterior(simulate_latents(person))[::40]
    labels = scorings(person, posterior, 400)
    share = (labels[..., None] == np.arange(5)).mean(0)
    assert np.abs(share - posterior).max() < 0.12
    np.testing.assert_allclose(share.mean(0), posterior.mean(0), atol=0.04)


def test_scorer_noise_lasts():
    """With the same posterior in each clip, labels change far less often than if each were drawn anew."""
    person = make_participant(0, "train", 0)
    share = np.array([0.4, 0.3, 0.2, 0.05, 0.05])
    labels = scorings(person, np.tile(share, (2000, 1)), 8)
    assert (np.diff(labels, axis=1) != 0).mean() < 0.2 * (1 - (share**2).sum())


def test_a_scorer_is_the_same_whatever_their_number():
    person = make_participant(0, "train", 0)
    posterior = label_posterior(simulate_latents(person))
    np.testing.assert_array_equal(scorings(person, posterior, 1)[0], scorings(person, posterior, 3)[0])


def test_apnoea_breaks_sleep():
    """Nights of severe participants have more stage changes in sleep than those of normal ones."""
    changes = {0: [], 3: []}
    for person in people(60):
        group = int(ahi_group(person.ahi))
        if group in changes:
            stages = simulate_latents(person).stages
            changes[group].append((np.diff(stages) != 0).sum() / (stages != W).sum())
    assert np.mean(changes[3]) > np.mean(changes[0])


def test_presets_are_ordered():
    weak, medium, strong = (COUPLINGS[name] for name in ("weak", "medium", "strong"))
    for name in ("breathing", "visibility", "seen"):
        assert getattr(weak, name) < getattr(medium, name) < getattr(strong, name)
    for name in ("noise", "nuisance"):
        assert getattr(weak, name) > getattr(medium, name) > getattr(strong, name)
