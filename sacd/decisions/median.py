"""The median filter: of each stage the median probability of the clips around, all brought to sum 1 again.

It knows nothing of sleep but that stages last.
"""

import numpy as np
from scipy.ndimage import median_filter

from sacd.decisions.forward_backward import FLOOR
from sacd.decisions.stretches import stretches


def medians(probability: np.ndarray, night: np.ndarray, clip: np.ndarray, window: int) -> np.ndarray:
    """Median probabilities over `window` clips of the same unbroken stretch, whose ends are repeated beyond it.

    Parameters
    ----------
    probability : ndarray [n, C]
    night, clip : ndarray [n]
        As in `sacd.decisions.stretches`.
    window : int
        Odd; 1 changes nothing.

    Returns
    -------
    ndarray [n, C] float64
        Rows sum to 1.
    """
    result = np.empty(probability.shape)
    for part in stretches(night, clip):
        result[part] = median_filter(probability[part].astype(float), size=(window, 1), mode="nearest")
    # Where every clip around is certain of another stage, every median is 0.
    result = np.maximum(result, FLOOR)
    return result / result.sum(axis=1, keepdims=True)
