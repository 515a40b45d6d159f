"""How well a night's stages agree with its scoring: in 5, 4 and 3 classes, and statistic by statistic over nights."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sacd.metrics import FOUR, THREE, accuracy, confusion, kappa, merged
from sacd.stages import NOT_SCORED, STAGES

CLASSES: dict[int, tuple[Sequence[int], str]] = {
    5: (tuple(range(len(STAGES))), "W, N1, N2, N3, REM"),
    4: (FOUR, "W, N1 with N2, N3, REM"),
    3: (THREE, "W, N1 to N3, REM"),
}
"""Number of classes → the class of each stage, and what they are."""
LIMIT = 1.96
"""Standard deviations of the limits of agreement (Bland & Altman 1986, doi:10.1016/S0140-6736(86)90837-8)."""


def agreement(stage: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Agreement of one night with its scoring.

    Parameters
    ----------
    stage, predicted : ndarray [n] int
        Codes; clips whose stage is −1 are left out.

    Returns
    -------
    DataFrame
        classes (5, 4, 3), meaning, clips (scored ones), accuracy (a share), kappa; without a row where none is scored.
    """
    scored = int((stage != NOT_SCORED).sum())
    if not scored:
        return pd.DataFrame(columns=["classes", "meaning", "clips", "accuracy", "kappa"])
    matrix = confusion(stage, predicted, np.zeros(len(stage)))
    rows = []
    for count, (classes, meaning) in CLASSES.items():
        coarse = merged(matrix, classes)
        rows.append((count, meaning, scored, float(accuracy(coarse)), float(kappa(coarse))))
    return pd.DataFrame(rows, columns=["classes", "meaning", "clips", "accuracy", "kappa"])


def bland_altman(pairs: pd.DataFrame) -> pd.DataFrame:
    """Bias and limits of agreement of each statistic, predicted minus scored, over nights of different people.

    Parameters
    ----------
    pairs : DataFrame
        Of `sacd.analysis.sleep_statistics.paired_statistics`.

    Returns
    -------
    DataFrame
        statistic, nights (defined both ways), bias, sd, low and high (bias ± 1.96 SD), `absent` and `missed`: nights
        that have it only as predicted, only as scored.
    """
    rows = []
    for name, part in pairs.groupby("statistic", sort=False):
        said, true = part["predicted"].notna(), part["scored"].notna()
        difference = (part["predicted"] - part["scored"])[said & true]
        bias, spread = float(difference.mean()), float(difference.std())
        ends = bias - LIMIT * spread, bias + LIMIT * spread
        rows.append((name, len(difference), bias, spread, *ends, int((said & ~true).sum()), int((~said & true).sum())))
    return pd.DataFrame(rows, columns=["statistic", "nights", "bias", "sd", "low", "high", "absent", "missed"])
