"""Which clips a person should look at first, and what agreement to expect when they have.

Clips are in order of how sure the model is of the stage it names. How often it is right when it is so sure was seen on
calibration nights: neighbouring clips err together, so its own probabilities are no measure of that.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from sacd.decisions.decoders import PROBABILITIES
from sacd.stages import NOT_SCORED

REVIEWED = (20, 50, 100)
"""Clips after whose review the agreement is told."""
PARTS = 10
"""Parts of the people, one of which is left out at a time."""


def sureness(predictions: pd.DataFrame) -> np.ndarray:
    """The model's own probability of the stage it names, ndarray [n] float64; `predicted` and p_W … p_REM."""
    chances = predictions[PROBABILITIES].to_numpy(dtype=float)
    return chances[np.arange(len(chances)), predictions["predicted"].to_numpy()]


def chance_right(calibration: pd.DataFrame) -> IsotonicRegression:
    """How often a stage agrees with the scoring, by how sure the model is of it; it never falls with that.

    Parameters
    ----------
    calibration : DataFrame
        Predictions of scored nights; nights weigh the same.
    """
    scored = calibration[calibration["stage"] != NOT_SCORED]
    right = (scored["stage"] == scored["predicted"]).to_numpy(dtype=float)
    weight = 1 / scored.groupby("recording_id")["clip"].transform("size").to_numpy(dtype=float)
    # Ends at half a clip: no clip is certain.
    edge = 0.5 / len(scored)
    return IsotonicRegression(y_min=edge, y_max=1 - edge, out_of_bounds="clip").fit(sureness(scored), right, weight)


def review_list(night: pd.DataFrame, chance: IsotonicRegression | None = None) -> pd.DataFrame:
    """A night's clips, the least sure first.

    Parameters
    ----------
    night : DataFrame
        clip, predicted, p_W … p_REM.
    chance : IsotonicRegression, optional
        Of `chance_right`.

    Returns
    -------
    DataFrame
        The same rows in order of review, with `rank` from 1, `sure`, `second` (code of the next likeliest stage) and
        `chance` of agreeing with a scorer (NaN without calibration).
    """
    sure = sureness(night)
    chances = night[PROBABILITIES].to_numpy(dtype=float, copy=True)
    chances[np.arange(len(chances)), night["predicted"].to_numpy()] = -1
    right = np.full(len(night), np.nan) if chance is None else chance.predict(sure)
    listed = night.assign(sure=sure, second=chances.argmax(axis=1), chance=right)
    listed = listed.sort_values(["sure", "clip"], kind="stable", ignore_index=True)
    return listed.assign(rank=np.arange(1, len(listed) + 1))


def expected_agreement(listed: pd.DataFrame, reviewed: int) -> float:
    """Share of a night that will agree with a scorer after the first `reviewed` clips of a list are corrected."""
    rest = listed["chance"].iloc[reviewed:]
    return float((min(reviewed, len(listed)) + rest.sum()) / len(listed)) if rest.notna().all() else np.nan


def obtained_agreement(listed: pd.DataFrame, reviewed: int) -> float:
    """The same as it turns out, by the column `stage`; clips that nobody scored are left out."""
    corrected = (listed["rank"] <= reviewed) | (listed["stage"] == listed["predicted"])
    return float(corrected[listed["stage"] != NOT_SCORED].mean())


def review_check(calibration: pd.DataFrame, fresh: pd.DataFrame, after: Sequence[int] = REVIEWED) -> pd.DataFrame:
    """Expected and obtained agreement after reviews of scored nights.

    Parameters
    ----------
    calibration, fresh : DataFrame
        Predictions of scored nights; for a person in both, `PARTS` − 1 of as many parts of the people calibrate.
    after : sequence of int
        Clips that are reviewed.

    Returns
    -------
    DataFrame
        recording_id, participant_id, reviewed, expected, obtained: a row a night and number of clips. What is expected
        is NaN where nobody else's night calibrates.
    """
    people, part = np.unique(calibration["participant_id"], return_inverse=True)
    part_of = dict(zip(people, np.arange(len(people)) % PARTS, strict=True))
    chances: dict[int | None, IsotonicRegression | None] = {}
    rows = []
    for (participant, recording), night in fresh.groupby(["participant_id", "recording_id"], sort=False):
        own = part_of.get(participant)
        if own not in chances:
            others = calibration if own is None else calibration[part % PARTS != own]
            chances[own] = chance_right(others) if (others["stage"] != NOT_SCORED).any() else None
        listed = review_list(night, chances[own])
        rows += [
            (recording, participant, count, expected_agreement(listed, count), obtained_agreement(listed, count))
            for count in after
        ]
    return pd.DataFrame(rows, columns=["recording_id", "participant_id", "reviewed", "expected", "obtained"])
