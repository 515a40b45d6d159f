"""How well the camera's clock is found, over two hundred simulated nights whose clock is wrong (`clock_nights`)."""

import numpy as np
import pandas as pd
import pytest
from clock_nights import clock_night, error_s

from sacd.ingest.sync import VideoClock, estimate_clock

# The estimator was fitted on the first 54 nights of seed 7002; 48 of seed 9001 were looked at on the way. 200 of seed
# 9002 found its intervals too narrow (84 % held); they were widened on 80 of seed 7003.
SEED, NIGHTS = 9003, 200


def study(seed: int, nights: int) -> pd.DataFrame:
    """A row a night: identifiable, error_s, half_width_s, stated_s, and `other`: the night before's signals fit too."""
    rows, before = [], clock_night(seed, nights).psg
    for index in range(nights):
        night = clock_night(seed, index)
        estimate, other = estimate_clock(night.video, night.psg), estimate_clock(night.video, before)
        rows.append({
            "coupling": night.coupling, "montage": night.montage, "identifiable": estimate.identifiable,
            "error_s": error_s(estimate, night.clock), "half_width_s": estimate.half_width_s,
            "stated_s": error_s(estimate, VideoClock(0.0)), "other": other.identifiable,
        })
        before = night.psg
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_two_hundred_nights() -> None:
    table = study(SEED, NIGHTS)
    told = table[table.identifiable]
    covered = told.error_s <= told.half_width_s
    print(told.assign(covered=covered).groupby("montage")[["error_s", "half_width_s", "covered"]].mean().round(3))
    print(told.error_s.quantile([0.5, 0.95, 1.0]).round(2).tolist(), covered.mean(), table.other.mean(), len(told))
    assert (table.identifiable & (table.error_s <= 1)).mean() >= 0.95
    assert 0.85 <= covered.mean() <= 0.95
    assert table.other.mean() <= 0.05
    # The clocks were wrong in the first place.
    assert np.median(table.stated_s) > 30
