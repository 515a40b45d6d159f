"""Sleep statistics of a night's stages, by yasa, and which nights have any: whole ones.

Stages lie on the grid of a night's clips; what is missing there or was not scored counts as unscored. Definitions are
those of the AASM manual as yasa has them (Vallat & Walker 2021, doi:10.7554/eLife.70092), but for REM latency, which
counts from sleep onset as the manual says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np
import pandas as pd

from sacd.cohort import Recording
from sacd.exceptions import NotApplicable
from sacd.stages import CLIP_SECONDS, NOT_SCORED

SHORTEST_H = 4.0
"""A shorter night is a partial one: as much recording as a home sleep apnoea test asks for (Kapur et al. 2017,
doi:10.5664/jcsm.6506)."""
MISSING = 0.05
"""Share of a night's clips that may be missing or not scored."""
_STAGES = {0: "W", 1: "N1", 2: "N2", 3: "N3", 4: "R", NOT_SCORED: "UNS"}
_LIGHTS = ("sol", "se")


class Lights(NamedTuple):
    """First clip after lights off, and last clip before lights on."""

    off: int
    on: int


@dataclass(frozen=True)
class Statistic:
    """A sleep statistic: what it is called, its unit, what it means in plain words, its largest value."""

    title: str
    unit: str
    meaning: str
    most: float = inf


STATISTICS: dict[str, Statistic] = {
    "tst": Statistic("Total sleep time", "min", "all minutes asleep"),
    "se": Statistic("Sleep efficiency", "%", "share of the time from lights off to lights on that is sleep", 100),
    "sol": Statistic("Sleep onset latency", "min", "from lights off to the first 30 s of sleep"),
    "waso": Statistic("Wake after sleep onset", "min", "awake between the first and the last 30 s of sleep"),
    "rem_latency": Statistic("REM latency", "min", "from falling asleep to the first REM sleep"),
    "n1": Statistic("N1, lightest sleep", "min", "time in N1"),
    "n2": Statistic("N2, light sleep", "min", "time in N2"),
    "n3": Statistic("N3, deep sleep", "min", "time in N3"),
    "rem": Statistic("REM sleep", "min", "time in REM"),
}
"""By name. Those of `_LIGHTS` need lights off and on."""


def lights_of(recording: Recording) -> Lights | None:
    """Lights off and on among a recording's events; None where either was not marked."""
    events = recording.events
    if events is None:
        return None
    off, on = (events["onset"][events["type"] == f"lights {switch}"] for switch in ("off", "on"))
    if off.empty or on.empty:
        return None
    first = recording.clips.iloc[0]
    zero = first["onset"] - CLIP_SECONDS * first["clip"]
    return lights_at(off.min() - zero, on.max() - zero)


def lights_at(off_s: float, on_s: float) -> Lights:
    """Lights off and on in s from the beginning of clip 0."""
    return Lights(round(off_s / CLIP_SECONDS), round(on_s / CLIP_SECONDS) - 1)


def whole_night(stage: np.ndarray, clip: np.ndarray, lights: Lights | None = None) -> np.ndarray:
    """The stages of a whole night on its grid of clips, from lights off to on where these are known.

    Parameters
    ----------
    stage : ndarray [n] int
        Codes, −1 where not scored.
    clip : ndarray [n] int
        Numbers of the clips; one that is missing is a gap.
    lights : Lights, optional

    Returns
    -------
    ndarray [clips] int
        −1 where missing or not scored.

    Raises
    ------
    NotApplicable
        The night is shorter than `SHORTEST_H`, or more than `MISSING` of it are missing.
    """
    first, last = lights or (clip.min(), clip.max()) if len(clip) else (0, -1)
    grid = np.full(max(last - first + 1, 0), NOT_SCORED)
    inside = (clip >= first) & (clip <= last)
    grid[clip[inside] - first] = stage[inside]
    hours, missing = len(grid) * CLIP_SECONDS / 3600, float((grid == NOT_SCORED).mean()) if len(grid) else 1.0
    if hours < SHORTEST_H:
        raise NotApplicable(f"a partial night: {hours:.1f} h, sleep statistics need {SHORTEST_H:g} h")
    if missing > MISSING:
        raise NotApplicable(f"a partial night: {100 * missing:.0f} % of it are missing or not scored")
    return grid


def sleep_statistics(stage: np.ndarray, clip: np.ndarray, lights: Lights | None = None) -> dict[str, float]:
    """The `STATISTICS` of a whole night.

    Parameters
    ----------
    stage, clip, lights
        As in `whole_night`.

    Returns
    -------
    dict
        By name; NaN where undefined, as REM latency without REM; those that need lights are left out without.

    Raises
    ------
    NotApplicable
        A partial night.
    """
    from yasa import Hypnogram  # takes seconds to import

    night = whole_night(stage, clip, lights)
    found = Hypnogram([_STAGES[code] for code in night.tolist()], freq=f"{CLIP_SECONDS:g}s").sleep_statistics()
    latency = found["Lat_REM"] - found["SOL"]
    values = {name: latency if name == "rem_latency" else found[name.upper()] for name in STATISTICS}
    return {name: float(value) for name, value in values.items() if lights is not None or name not in _LIGHTS}


def paired_statistics(predictions: pd.DataFrame, lights: Mapping[str, Lights | None] | None = None) -> pd.DataFrame:
    """Statistics as predicted and as scored of the first whole night of each participant.

    Parameters
    ----------
    predictions : DataFrame
        Of one run: recording_id, participant_id, clip, stage, predicted.
    lights : mapping of str to Lights, optional
        By recording.

    Returns
    -------
    DataFrame
        recording_id, participant_id, statistic, predicted, scored: a row a night and statistic, NaN where undefined.
    """
    known, rows, seen = lights or {}, [], set()
    for (participant, recording), night in predictions.groupby(["participant_id", "recording_id"], sort=True):
        if participant in seen:
            continue
        clip, off = night["clip"].to_numpy(), known.get(recording)
        try:
            scored = sleep_statistics(night["stage"].to_numpy(), clip, off)
            predicted = sleep_statistics(night["predicted"].to_numpy(), clip, off)
        except NotApplicable:
            continue
        seen.add(participant)
        rows += [(recording, participant, name, predicted[name], scored[name]) for name in scored]
    columns = ["recording_id", "participant_id", "statistic", "predicted", "scored"]
    return pd.DataFrame(rows, columns=columns).astype({"predicted": float, "scored": float})
