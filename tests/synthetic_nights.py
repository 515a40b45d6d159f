"""Nights for the tests of night reports: stages that last, and what a student of known quality says of them."""

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import softmax

from sacd.decisions.decoders import PROBABILITIES
from sacd.stages import STAGES

CLIPS = 600


def stages(rng: np.random.Generator, clips: int = CLIPS) -> np.ndarray:
    """A night that begins and ends awake; its bouts last some 12 clips."""
    lengths = rng.geometric(1 / 12, clips)
    between = np.repeat(rng.integers(0, len(STAGES), clips), lengths)[: clips - 40]
    return np.concatenate([np.zeros(20, int), between, np.zeros(20, int)])


def said(
    rng: np.random.Generator, log_posterior: np.ndarray, trust: float = 0.5, noise: float = 1.0, bias: float = 0.3
) -> np.ndarray:
    """A student's probabilities [n, 5]: it half trusts what it sees, errs for minutes, and each night its own way."""
    white = rng.standard_normal(log_posterior.shape)
    lasting = lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], white, axis=0)
    own = bias * rng.standard_normal(log_posterior.shape[1])
    return softmax(trust * np.maximum(log_posterior, -6) + noise * lasting + own, axis=1)


def table(name: str, stage: np.ndarray, probability: np.ndarray, **columns: object) -> pd.DataFrame:
    """Predictions of one night by the likeliest stage."""
    frame = pd.DataFrame({
        "recording_id": f"{name}-night1", "participant_id": name, "clip": np.arange(len(stage)), "stage": stage,
        "predicted": probability.argmax(axis=1),
    })
    for code, column in enumerate(PROBABILITIES):
        frame[column] = probability[:, code].astype(np.float32)
    return frame.assign(**columns)


def predictions(people: int, seed: int = 0, clips: int = CLIPS, **student: float) -> pd.DataFrame:
    """Predictions of a whole night of each of some people."""
    parts = []
    for person in range(people):
        rng = np.random.default_rng([seed, person])
        stage = stages(rng, clips)
        seen = np.log(np.where(np.eye(len(STAGES))[stage] > 0, 0.8, 0.05))
        parts.append(table(f"N{seed}x{person:03d}", stage, said(rng, seen, **student)))
    return pd.concat(parts, ignore_index=True)
