"""The overview of a 10-hour night: made once, then read; and one level of it for a screen of 1,200 columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sacd.cohort import Cohort, CohortInfo, Sampling, overview
from sacd.cohort.extras import Extras, SignalInfo
from sacd.cohort.writer import CohortWriter

CLIPS, HZ = 1200, 100


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A cohort of one night: EEG and four further channels of noise."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("overview") / "cohort"
    info = CohortInfo(
        name="noise", simulated=True, source_id="noise", video="raw", eeg="raw",
        sampling=Sampling(eeg_hz=HZ, eeg_channels=("C4",), frames=1, span_s=30, height=1, width=1),
    )
    table = pd.DataFrame({"clip": np.arange(CLIPS), "onset": 30.0 * np.arange(CLIPS), "stage": 0})
    signals = rng.normal(0, 1, (CLIPS, 4, 300)).astype(np.float16)
    about = SignalInfo(channels=("a", "b", "c", "d"), units=("a.u.",) * 4, hz=10)
    with CohortWriter(folder, info) as writer:
        writer.add_participant("P0")
        writer.add_recording(
            "P0n1", "P0", table, np.zeros((CLIPS, 1, 1, 1), np.uint8),
            rng.normal(0, 30, (CLIPS, 1, 30 * HZ)).astype(np.float16), commit=False,
            extras=Extras(signals=signals, signal_info=about),
        )
    return folder


@pytest.mark.parametrize("kept", [False, True], ids=["made", "read"])
@pytest.mark.benchmark(group="overview of a 10-hour night, five channels")
def test_overview(benchmark, path, kept) -> None:
    def prepare() -> tuple[tuple, dict]:
        night = Cohort.open(path)["P0n1"]
        if not kept:
            (night.path / overview.FILE).unlink(missing_ok=True)
        return (night, overview.level_for(CLIPS * 30, 1200)), {}

    found = benchmark.pedantic(overview.overview, setup=prepare, rounds=5, warmup_rounds=1)
    assert found.pairs.shape[1] <= 2400
    benchmark.extra_info["bytes"] = found.pairs.nbytes
