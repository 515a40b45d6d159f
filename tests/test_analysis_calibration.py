import numpy as np
import pandas as pd
import pytest

from sacd.analysis import calibration
from sacd.analysis.calibration import ALL, BANDS, FIT, GROUPS, RANGE
from sacd.analysis.scoring_statistics import STATISTICS, night_rows, scoring_statistics
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.paper import STAGE_CLIPS
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_cohort import simulate
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import STAGES, W

PEOPLE = 210
FRESH = 2028
"""A seed on which nothing was tuned."""


@pytest.fixture(scope="module")
def nights():
    return [SimulatedNight(make_participant(FRESH, "train", k)) for k in range(PEOPLE)]


@pytest.fixture(scope="module")
def scorings(nights):
    return calibration.simulated_scorings(nights)


def test_statistics_of_a_hypnogram_made_by_hand():
    stages = np.array([0, 0, 1, 2, 2, 2, 3, 0, 2, -1, 4, 4, 0, 0])
    found = scoring_statistics(stages)
    # The sleep period: 1 2 2 2 3 0 2 4 4, nine scored clips.
    assert found["changes_per_hour"] == pytest.approx(5 / (9 / 120))
    assert found["one_clip_share"] == pytest.approx(4 / 9)
    assert found["wake_share"] == pytest.approx(1 / 9)
    assert [found[f"share_{name}"] for name in STAGES[1:]] == pytest.approx([1 / 8, 4 / 8, 1 / 8, 2 / 8])
    assert found["bout_N2"] == 2 and found["bout_REM"] == 2


def test_kappa_is_one_for_scorers_who_agree():
    stages = np.random.default_rng(0).integers(0, 5, 100)
    rows = night_rows(np.stack([stages, stages, np.roll(stages, 1)]))
    assert rows[0]["kappa"] == pytest.approx((1 + rows[2]["kappa"]) / 2)


def test_band_power_finds_a_sine():
    time = np.arange(3000) / 100
    power = calibration.log_band_power(np.sin(2 * np.pi * 10 * time)[None])
    assert power.shape == (1, 5) and power[0].argmax() == list(BANDS).index("alpha")


@pytest.mark.parametrize("statistic", STATISTICS)
def test_simulated_hypnograms_fit_the_real_ones(scorings, statistic):
    """Median, place and spread; κ's place only in the sleep period, for scorers agree on the paper's long wake."""
    found = calibration.fit(calibration.stored_table()["scorings"][ALL][statistic], scorings[statistic])
    assert abs(found["ratio"] - 1) <= 0.15 or abs(found["shift"]) <= 0.2, found
    assert found["inside"] >= (0.7 if statistic == "kappa" else 0.8), found
    assert 0.7 <= found["sd_ratio"] <= 1.4, found


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("statistic", STATISTICS)
def test_each_group_lies_in_its_real_range(scorings, group, statistic):
    found = calibration.fit(
        calibration.stored_table()["scorings"][group][statistic], scorings.loc[scorings.group == group, statistic]
    )
    assert abs(found["shift"]) < 0.6 and found["inside"] > 0.65, found


def test_apnoea_moves_sleep_as_in_the_real_nights(scorings):
    """Apnoea breaks sleep and scorers agree less; nothing else moves by much more or less than it really does."""
    real, simulated = calibration.stored_table()["scorings"], scorings.groupby("group").median(numeric_only=True)
    for name in STATISTICS:
        apnoea, healthy = (np.median(real[group][name]["percentiles"]) for group in ("apnoea", "healthy"))
        moved = simulated.loc["apnoea", name] - simulated.loc["healthy", name]
        # The widest miss is N1: its real bouts get shorter with apnoea, simulated ones hardly.
        assert abs(moved - (apnoea - healthy)) < 0.8 * real[ALL][name]["sd"], name
        if name in ("changes_per_hour", "one_clip_share", "kappa", "kappa_sleep"):
            assert np.sign(moved) == np.sign(apnoea - healthy), name


def test_fit_of_values_to_themselves_and_to_others():
    percentiles = np.arange(5.0, 100, 5)
    real = {"percentiles": list(percentiles), "sd": 29.0}
    same = calibration.fit(real, pd.Series(np.linspace(0, 100, 2001)))
    assert same["ratio"] == pytest.approx(1) and same["shift"] == pytest.approx(0)
    assert same["inside"] == pytest.approx(0.9, abs=0.01) and same["sd_ratio"] == pytest.approx(1, abs=0.01)
    assert same["ks"] == pytest.approx(0, abs=0.01)
    narrow = calibration.fit(real, pd.Series(np.linspace(60, 70, 2001)))
    assert narrow["inside"] == 1 and narrow["sd_ratio"] < 0.11 and narrow["ks"] == pytest.approx(0.6, abs=0.01)


def test_wake_share_is_the_papers(nights):
    share = np.mean([(night.labels == W).mean() for night in nights])
    assert share == pytest.approx(STAGE_CLIPS["W"] / sum(STAGE_CLIPS.values()), abs=0.05)


def test_label_ceiling_leaves_room(nights):
    posterior = np.concatenate([night.posterior for night in nights])
    labels = np.concatenate([night.labels for night in nights])
    right = (posterior.argmax(1) == labels).mean()
    assert 0.86 <= right <= 0.92
    assert posterior.max(1).mean() == pytest.approx(right, abs=0.02)


def test_comparisons_of_a_cohort(tmp_path):
    cohort = Cohort.open(simulate(tmp_path / "c", train=6, test=0, nights=0, frames=2, size=8, viewing=False))
    table = calibration.comparison(cohort)
    assert len(table) == len(STATISTICS) * (1 + len(GROUPS)) + 1
    ranges = [f"{source}_{name}" for source in ("real", "simulated") for name in RANGE]
    assert list(table.columns[2:]) == [*ranges, *FIT]
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
    for group in (ALL, *GROUPS):
        for name in STATISTICS:
            found, kept = made["scorings"][group][name], stored["scorings"][group][name]
            assert found["percentiles"] == pytest.approx(kept["percentiles"], rel=1e-3, abs=1e-3)
            assert found["sd"] == pytest.approx(kept["sd"], rel=1e-3)
    for band in BANDS:
        for stage in STAGES:
            found, kept = (table["band_power"][band][stage] for table in (made, stored))
            assert found == pytest.approx(kept, rel=1e-3, abs=1e-3)
