import numpy as np
import pytest

from sacd.analysis import calibration
from sacd.analysis.calibration import BANDS, GROUPS, RANGE, STATISTICS
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.paper import STAGE_CLIPS
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_cohort import simulate
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import STAGES, W

PEOPLE = 60


@pytest.fixture(scope="module")
def nights():
    return [SimulatedNight(make_participant(0, "train", k)) for k in range(PEOPLE)]


@pytest.fixture(scope="module")
def scorings(nights):
    return calibration.simulated_scorings(nights, scorers=2)


def test_statistics_of_a_hypnogram_made_by_hand():
    stages = np.array([0, 0, 1, 2, 2, 2, 3, 0, 2, -1, 4, 4, 0, 0])
    found = calibration.scoring_statistics(stages)
    # The sleep period: 1 2 2 2 3 0 2 4 4, nine scored clips.
    assert found["changes_per_hour"] == pytest.approx(5 / (9 / 120))
    assert found["one_clip_share"] == pytest.approx(4 / 9)
    assert found["wake_share"] == pytest.approx(1 / 9)
    assert [found[f"share_{name}"] for name in STAGES[1:]] == pytest.approx([1 / 8, 4 / 8, 1 / 8, 2 / 8])
    assert found["bout_N2"] == 2 and found["bout_REM"] == 2


def test_kappa_is_one_for_scorers_who_agree():
    stages = np.random.default_rng(0).integers(0, 5, 100)
    rows = calibration.night_rows(np.stack([stages, stages, np.roll(stages, 1)]))
    assert rows[0]["kappa"] == pytest.approx((1 + rows[2]["kappa"]) / 2)


def test_band_power_finds_a_sine():
    time = np.arange(3000) / 100
    power = calibration.log_band_power(np.sin(2 * np.pi * 10 * time)[None])
    assert power.shape == (1, 5) and power[0].argmax() == list(BANDS).index("alpha")


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("statistic", ["changes_per_hour", "one_clip_share", *(f"share_{name}" for name in STAGES[1:])])
def test_simulated_hypnograms_lie_in_the_real_range(scorings, group, statistic):
    low, _, high = calibration.stored_table()["scorings"][group][statistic]
    values = scorings.loc[scorings.group == group, statistic]
    assert low <= values.median() <= high
    assert values.between(low, high).mean() > 0.5


@pytest.mark.parametrize("group", GROUPS)
def test_simulated_scorers_agree_as_real_ones_do(scorings, group):
    real = calibration.stored_table()["kappa_mean"][group]
    assert scorings.loc[scorings.group == group, "kappa"].mean() == pytest.approx(real, abs=0.1)


def test_apnoea_moves_sleep_in_the_real_direction(scorings):
    real, simulated = calibration.stored_table()["scorings"], scorings.groupby("group").median(numeric_only=True)
    for name in ("changes_per_hour", "one_clip_share", "wake_share", "share_N3", "share_REM"):
        difference = real["apnoea"][name][1] - real["healthy"][name][1]
        assert np.sign(simulated.loc["apnoea", name] - simulated.loc["healthy", name]) == np.sign(difference), name


def test_wake_share_is_the_papers(nights):
    share = np.mean([(night.labels == W).mean() for night in nights])
    assert share == pytest.approx(STAGE_CLIPS["W"] / sum(STAGE_CLIPS.values()), abs=0.05)


def test_label_ceiling_leaves_room(nights):
    posterior = np.concatenate([night.posterior for night in nights])
    labels = np.concatenate([night.labels for night in nights])
    right = (posterior.argmax(1) == labels).mean()
    assert 0.84 <= right <= 0.90
    assert posterior.max(1).mean() == pytest.approx(right, abs=0.02)


def test_comparisons_of_a_cohort(tmp_path):
    cohort = Cohort.open(simulate(tmp_path / "c", train=6, test=0, nights=0, frames=2, size=8, viewing=False))
    table = calibration.comparison(cohort)
    assert len(table) == len(STATISTICS) * len(GROUPS) + 1
    assert list(table.columns[2:]) == [f"{source}_{name}" for source in ("real", "simulated") for name in RANGE]
    bands = calibration.band_comparison(cohort)
    assert len(bands) == len(BANDS) * 4
    # The simulated level of most bands and stages is that of some real night.
    inside = bands.simulated_median.between(bands.real_low - 0.25, bands.real_high + 0.25)
    assert inside.mean() > 0.8
    assert np.corrcoef(bands.real_median, bands.simulated_median)[0, 1] > 0.9


def test_a_real_cohort_cannot_be_calibrated(make_cohort):
    with pytest.raises(NotApplicable):
        calibration.comparison(Cohort.open(make_cohort()))


def test_the_stored_table_is_what_the_real_data_give(real_data):
    made, stored = calibration.calibration_table(real_data), calibration.stored_table()
    assert made["nights"] == stored["nights"] and made["sources"] == stored["sources"]
    for group in GROUPS:
        assert made["kappa_mean"][group] == pytest.approx(stored["kappa_mean"][group], abs=1e-3)
        for name in STATISTICS:
            assert made["scorings"][group][name] == pytest.approx(stored["scorings"][group][name], rel=1e-3, abs=1e-3)
    for band in BANDS:
        for stage in STAGES:
            found, kept = (table["band_power"][band][stage] for table in (made, stored))
            assert found == pytest.approx(kept, rel=1e-3, abs=1e-3)
