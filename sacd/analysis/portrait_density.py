"""Where on the reference map the people of each AHI group lie, and the "danger zones" of the paper's Fig. 9.

Every participant weighs the same, whatever the number of clips. A danger zone is where, of the people whose clips lie
there, the share with an AHI of 15 or more is nearer to all than it is among the reference people. Shares are drawn
towards that of all by one person: where one lies alone, nothing is told.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from sacd.analysis.severity import THRESHOLD
from sacd.stages import AHI_GROUPS, ahi_group

CELLS = 64
"""Of the grid, a side."""
SMOOTH = 2.5
"""Standard deviation of the smoothing, cells."""
EMPTY = 0.05
"""Places with less than so much of the greatest density tell nothing."""
PRIOR = 1.0
"""People, of whom as many have an AHI of 15 or more as among all, that are thought to lie everywhere."""
_MARGIN = 0.06


@dataclass(frozen=True)
class Density:
    """Densities on a grid over the map.

    Attributes
    ----------
    x, y : ndarray [CELLS + 1]
        Edges of the cells.
    groups : ndarray [4, CELLS, CELLS]
        Density of each AHI group (rows: y), each adding up to the group's people.
    share : ndarray [CELLS, CELLS]
        Of AHI ≥ 15 among those who lie there; NaN where hardly anybody does.
    prevalence : float
        The same among all.
    """

    x: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    share: np.ndarray
    prevalence: float

    @property
    def border(self) -> float:
        """The share from which on a place belongs to a danger zone: halfway from the prevalence to 1."""
        return (1 + self.prevalence) / 2

    def in_zone(self, points: np.ndarray) -> np.ndarray:
        """Whether points [m, 2] lie in a danger zone, bool [m]."""
        column, row = (
            np.clip(np.searchsorted(edges, values, side="right") - 1, 0, CELLS - 1)
            for edges, values in ((self.x, points[:, 0]), (self.y, points[:, 1]))
        )
        inside = (points >= [self.x[0], self.y[0]]).all(axis=1) & (points <= [self.x[-1], self.y[-1]]).all(axis=1)
        return inside & (np.nan_to_num(self.share[row, column]) >= self.border)


def group_density(points: np.ndarray, participant: np.ndarray, ahi: np.ndarray) -> Density:
    """Densities of the AHI groups over a map.

    Parameters
    ----------
    points : ndarray [n, 2]
        Reference clips.
    participant : ndarray [n]
        Whose they are.
    ahi : ndarray [n]
        Events/h of the clip's participant.
    """
    group = ahi_group(ahi)
    _, who, count = np.unique(participant, return_inverse=True, return_counts=True)
    weight = 1 / count[who]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * (high - low)
    x, y = (np.linspace(low[axis] - margin[axis], high[axis] + margin[axis], CELLS + 1) for axis in (0, 1))
    groups = np.stack([
        gaussian_filter(np.histogram2d(points[of, 1], points[of, 0], (y, x), weights=weight[of])[0], SMOOTH)
        for of in (group == code for code in range(len(AHI_GROUPS)))
    ])
    total, above = groups.sum(axis=0), groups[2:].sum(axis=0)
    enough = total > EMPTY * total.max()
    prevalence = float(weight[ahi >= THRESHOLD].sum() / weight.sum())
    near = 4 * np.pi * SMOOTH**2  # cells over which the smoothing counts people
    share = (above * near + PRIOR * prevalence) / (total * near + PRIOR)
    return Density(x, y, groups, np.where(enough, share, np.nan), prevalence)


def zone_shares(inside: np.ndarray, participant: np.ndarray, people: pd.Index) -> pd.Series:
    """Share of each participant's clips that lie in a danger zone; NaN for those without a clip."""
    return pd.Series(inside, dtype=float).groupby(np.asarray(participant)).mean().reindex(people).rename("in_zone")
