"""Who sleeps: demographics as in the paper (section III) and the traits of a person's sleep and breathing."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from sacd.exceptions import SacdError
from sacd.stages import AHI_EDGES

SPLIT_PREFIX = {"train": "S", "test": "T", "pretrain": "P"}
"""Splits by name, with what their ids begin with. Nobody of *pretrain* is in a cohort, whatever its seed."""
# Shares of the paper's 105 participants: 30 normal, 30 mild, 20 moderate, 25 severe; 82 male, 23 female.
AHI_SHARES = np.array([30, 30, 20, 25]) / 105
MALE_SHARE = 82 / 105
YOUNGEST, OLDEST = 7, 70
# Standard deviations of log traits, and what 60 events/h add to that of a night's ambiguity.
_FRAGILITY_SD, _UNSTEADINESS_SD, _AMBIGUITY_SD, _AMBIGUITY_AHI = 0.58, 0.6, 0.06, 0.08
# The R2 sequence (Roberts 2018): every prefix of a cohort has about the shares of the whole, without knowing its size.
_R2 = np.array([0.7548776662466927, 0.5698402909980532])


class Stream(IntEnum):
    """Independent streams of random numbers of one participant."""

    PERSON = 0
    NIGHT = 1
    SCORER = 2
    MOVEMENT = 3
    BREATHING = 4
    EEG_EVENTS = 5
    EEG_NOISE = 6
    EEG_NUISANCE = 7
    MUSCLE = 8
    SCENE = 9
    POSTURE = 10
    VIDEO_NUISANCE = 11
    SENSOR = 12
    BLOCKS = 13
    RAW = 14
    EYES = 15


@dataclass(frozen=True)
class Participant:
    """One simulated person; age in years, weight in kg, ahi in events/h.

    Attributes
    ----------
    fragility : float
        Factor on the rate of awakenings.
    deep, rem : float
        Factors on the minutes of N3 and REM; who sleeps deep also has the taller slow waves.
    unsteadiness : float
        Factor on the wandering of depth.
    ambiguity : float
        Factor on how unclear the night is to scorers.
    sleepiness : float
        0–1, with the AHI: a broken night leaves somebody who passes through N1 quickly.
    restlessness : float
        Factor on the rate of movements.
    breaths_hz : float
        Resting breathing rate, Hz.
    breath_depth, breath_irregularity, abdominal : float
        Factor on visible breathing, factor on its variability, share of it in the abdomen.
    """

    participant_id: str
    split: str
    index: int
    seed: int
    sex: Literal["male", "female"]
    age: int
    weight: float
    ahi: float
    fragility: float
    deep: float
    rem: float
    unsteadiness: float
    ambiguity: float
    sleepiness: float
    restlessness: float
    breaths_hz: float
    breath_depth: float
    breath_irregularity: float
    abdominal: float

    def rng(self, stream: Stream, *key: int) -> np.random.Generator:
        """A generator of this participant's own; the same for the same arguments, whatever else exists."""
        return np.random.default_rng([self.seed, _SPLIT_CODE[self.split], self.index, stream, *key])


_SPLIT_CODE = {name: code for code, name in enumerate(SPLIT_PREFIX)}


def make_participant(seed: int, split: Literal["train", "test", "pretrain"], index: int) -> Participant:
    """Participant number `index` (from 0) of a split; ids are S0001… (train), T0001… (test) and P0001… (pretrain).

    Raises
    ------
    SacdError
        A negative seed or an unknown split.
    """
    if seed < 0:
        raise SacdError(f"seed {seed} is negative; use 0 or a positive number")
    if split not in SPLIT_PREFIX:
        raise SacdError(f"split {split!r} cannot be simulated; use {' or '.join(SPLIT_PREFIX)}")
    start = np.random.default_rng([seed, _SPLIT_CODE[split]]).random(2)
    u_ahi, u_sex = (start + index * _R2) % 1
    rng = np.random.default_rng([seed, _SPLIT_CODE[split], index, Stream.PERSON])
    edges = np.cumsum(AHI_SHARES)
    group = int(np.searchsorted(edges[:-1], u_ahi, side="right"))
    within = (u_ahi - (edges[group] - AHI_SHARES[group])) / AHI_SHARES[group]
    low = (0.0, *AHI_EDGES)[group]
    # Severe: an exponential tail (mean 50 events/h), up to about the paper's largest, 94.
    ahi = AHI_EDGES[-1] - 20 * np.log(1 - 0.96 * within) if group == 3 else low + within * (AHI_EDGES[group] - low)
    ahi = min(round(float(ahi), 1), float(np.nextafter((*AHI_EDGES, np.inf)[group], 0)))
    sex = "male" if u_sex < MALE_SHARE else "female"
    age = int(np.clip(rng.normal(38 + 5 * group, 14), YOUNGEST, OLDEST))
    adult = (76 if sex == "male" else 62) + 6 * group + rng.normal(0, 10)
    weight = max(adult, 42.0) * min(1.0, 0.32 + 0.68 * (age - 7) / 11)
    severity = min(ahi, 60) / 60
    return Participant(
        participant_id=f"{SPLIT_PREFIX[split]}{index + 1:04d}", split=split, index=index, seed=seed,
        sex=sex, age=age, weight=round(float(weight), 1), ahi=ahi,
        fragility=float(np.exp(rng.normal(0, _FRAGILITY_SD))),
        unsteadiness=float(np.exp(rng.normal(0, _UNSTEADINESS_SD))),
        ambiguity=float(np.exp(rng.normal(_AMBIGUITY_AHI * severity, _AMBIGUITY_SD))),
        sleepiness=severity,
        deep=float(np.clip(rng.normal(1.3 - 0.007 * age - 0.38 * severity, 0.28), 0.15, 1.7)),
        rem=float(np.clip(rng.normal(1.12 - 0.55 * severity, 0.13), 0.4, 1.6)),
        restlessness=float(np.exp(rng.normal(0.2 * severity, 0.45))),
        breaths_hz=float(np.clip(rng.normal(0.25, 0.035), 0.17, 0.36)),
        breath_depth=float(np.exp(rng.normal(0, 0.25))),
        breath_irregularity=float(np.exp(rng.normal(0, 0.22))),
        abdominal=float(rng.uniform(0.3, 0.8)),
    )
