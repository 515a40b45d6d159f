"""The vocabulary every plot, table and file shares: sleep stages and AHI groups, their order and codes.

Sources: Berry et al., AASM Manual for the Scoring of Sleep, v2.6 (stages); paper section III-B (AHI groups).
"""

import numpy as np

STAGES: tuple[str, ...] = ("W", "N1", "N2", "N3", "REM")
"""Stage names; the index is the code on disk and the class of every classifier."""

W, N1, N2, N3, REM = range(5)
NOT_SCORED: int = -1
CLIP_SECONDS: float = 30.0

AHI_GROUPS: tuple[str, ...] = ("normal", "mild", "moderate", "severe")
AHI_EDGES: tuple[float, ...] = (5.0, 15.0, 30.0)


def ahi_group(ahi: float | np.ndarray) -> np.ndarray:
    """Code of the AHI group (0 normal < 5, 1 mild < 15, 2 moderate < 30, 3 severe; −1 where unknown).

    Parameters
    ----------
    ahi : float or ndarray
        Apnoea–hypopnoea index, events/h; NaN is unknown.

    Returns
    -------
    ndarray of int
        Same shape as `ahi`.
    """
    ahi = np.asarray(ahi, dtype=float)
    return np.where(np.isnan(ahi), -1, np.searchsorted(AHI_EDGES, ahi, side="right"))
