"""How often the test of `sacd.analysis.inference` rejects: its level, and its power at gains of 2 and 5 points."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sacd.analysis.inference import ALPHA, estimate

SD_SEEDS, SD_PARTICIPANTS, SD_REST = 0.032, 0.059, 0.084
"""Standard deviations of paired differences in accuracy between networks of this project, fractions."""
SEEDS = (3, 5, 10)
SIZES = (6, 8, 16, 24, 105)
"""Participants."""
GAINS = (0.02, 0.05)


def draw_differences(
    seeds: int, participants: int, sd_seeds: float, replications: int, rng: np.random.Generator
) -> np.ndarray:
    """Tables of paired differences whose true mean is 0, float [replications, seeds, participants]."""
    rest = SD_REST * rng.standard_normal((replications, seeds, participants))
    of_seeds = sd_seeds * rng.standard_normal((replications, seeds, 1))
    return rest + of_seeds + SD_PARTICIPANTS * rng.standard_normal((replications, 1, participants))


def rejections(
    seeds: Sequence[int] = SEEDS, sizes: Sequence[int] = SIZES, replications: int = 4000, seed: int = 0
) -> pd.DataFrame:
    """Simulate the test at the measured variance components, and with networks that differ by no seed effect.

    Parameters
    ----------
    seeds, sizes : sequence of int
        Numbers of training seeds and participants.
    replications : int
        Experiments of each kind.
    seed : int
        Of the simulation.

    Returns
    -------
    DataFrame
        `sd_seeds`, `seeds`, `participants`, `level` (share of true nulls with p < .05), `power_2`, `power_5` (share of
        differences of 2 and 5 points that are found).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for sd_seeds in (SD_SEEDS, 0.0):
        for number in seeds:
            for size in sizes:
                found = estimate(draw_differences(number, size, sd_seeds, replications, rng))
                row = {"sd_seeds": sd_seeds, "seeds": number, "participants": size}
                shares = {f"power_{100 * gain:.0f}": (found.p(-gain) < ALPHA).mean() for gain in GAINS}
                rows.append(row | {"level": (found.p() < ALPHA).mean()} | shares)
    return pd.DataFrame(rows)
