"""What feature cohorts share: values of neighbouring clips, never over a gap, and z-scores of a night.

Both look at the whole night (transductive), or, where `causal`, at a clip's own past alone.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

START_CLIPS = 20
"""A causal night starts after so many clips (10 minutes): until then their own mean and spread stand in for a past."""


def normalisation(causal: bool) -> str:
    """How `normalised` does it, in words for a cohort's provenance."""
    if not causal:
        return "z-score within each night (transductive)"
    return f"z-score by each clip's own past in the night; its first {START_CLIPS} clips by themselves (causal)"


def normalised(features: np.ndarray, causal: bool = False) -> np.ndarray:
    """Z-scores of one night.

    Parameters
    ----------
    features : ndarray [clips, d]
    causal : bool
        By mean and standard deviation of the clip and all before it; the first `START_CLIPS` share those of them all.

    Returns
    -------
    ndarray of float32 [clips, d]
        0 in a column without any spread.
    """
    table = pd.DataFrame(features)
    if causal:
        past = table.expanding(min_periods=min(START_CLIPS, len(table)))
        mean, spread = past.mean().bfill(), past.std(ddof=0).bfill()
    else:
        mean, spread = table.mean(), table.std(ddof=0)
    return ((table - mean) / spread.where(spread > 0, 1.0)).to_numpy(dtype=np.float32)


def within_stretches(base: np.ndarray, clips: np.ndarray, make: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `make` to every stretch of consecutive clips, so that no value reaches over a gap.

    Parameters
    ----------
    base : ndarray [clips, d]
    clips : ndarray of int [clips]
        Rising clip numbers.
    make : callable
        ndarray [n, d] → ndarray [n, e].

    Returns
    -------
    ndarray [clips, e]
    """
    return np.vstack([make(stretch) for stretch in np.split(base, np.flatnonzero(np.diff(clips) > 1) + 1)])
