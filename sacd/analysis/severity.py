"""How likely a participant's AHI is 15 or more, from one vector of features: ordinal, cross-fitted, and it may abstain.

Scale, principal components, penalty and the proportional-odds fit are made anew inside each participant fold. It
abstains (a) always, while the lower 95 % bound of the cross-fitted Brier skill over the base rate is not above 0, and
(b) for a person whose distance to the nearest training participants exceeds the 95th percentile of the cross-fitted
distances. Both are fixed on the training participants.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sacd.analysis.proportional_odds import fit_ordinal, ordinal_probabilities
from sacd.exceptions import SacdError
from sacd.stages import AHI_EDGES, AHI_GROUPS, ahi_group

THRESHOLD = 15.0
"""Events/h: the headline is an AHI of so many or more."""
OUTER, INNER = 5, 4
"""Folds of the cross-fit, and within its training part of the choice."""
NEIGHBOURS = 5
DISTANCE_LEVEL, LEVEL = 0.95, 0.95
FEWEST = 12
"""Participants to fit on."""
UNLIKE = "this person looks or moves unlike the people whom the model can compare with"
FOREIGN = "the people whom the model can compare with are simulated, and this one is not"
NOT_SHOWN = "the model is not shown to know more than how common such an AHI is"
_ABOVE = AHI_EDGES.index(THRESHOLD) + 1
_COUNT = len(AHI_GROUPS)


@dataclass(frozen=True)
class Answer:
    """What is told of one person.

    Attributes
    ----------
    probability : float
        That the AHI is 15 events/h or more; to be shown only where it does not abstain.
    groups : dict of str to float
        Probability of each AHI group.
    distance : float
        Mean distance to the nearest training participants.
    abstains : bool
    why : str
        Why it abstains; empty where it answers.
    people : int
        Training participants.
    prevalence : float
        Share of AHI ≥ 15 among them, which the probability assumes.
    """

    probability: float
    groups: dict[str, float]
    distance: float
    abstains: bool
    why: str
    people: int
    prevalence: float


class Candidate(NamedTuple):
    """A number of principal components, whitened, at most, and a penalty λ."""

    components: int
    penalty: float


CANDIDATES = tuple(Candidate(size, penalty) for size in (2, 5, 10) for penalty in (1.0, 10.0, 100.0))
"""Chosen between, inside each participant fold."""


class Space:
    """Features scaled, on whitened principal components; the nearest of those it was fitted on.

    Parameters
    ----------
    features : ndarray [n, d]
    """

    def __init__(self, features: np.ndarray) -> None:
        most = min(max(CANDIDATES).components, len(features) - 1, features.shape[1])
        self._pipeline: Pipeline = make_pipeline(StandardScaler(), PCA(most, whiten=True, svd_solver="full"))
        self.points: np.ndarray = self._pipeline.fit_transform(features)

    def place(self, features: np.ndarray) -> np.ndarray:
        """Features [m, d] in this space, [m, components]."""
        return self._pipeline.transform(features)

    def distances(self, placed: np.ndarray, components: int) -> np.ndarray:
        """Mean distance of placed people [m, …] to their nearest here, on the first components, [m]."""
        near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(self.points))).fit(self.points[:, :components])
        return near.kneighbors(placed[:, :components])[0].mean(axis=1)


def choose(features: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The candidate with the least cross-validated log loss, for each of B codings of the same people.

    Parameters
    ----------
    features : ndarray [n, d]
    groups : ndarray [B, n] int

    Returns
    -------
    ndarray [B] int
        Positions in `CANDIDATES`.
    """
    loss: np.ndarray | float = 0.0
    for train, held in KFold(INNER, shuffle=True, random_state=0).split(features):
        space = Space(features[train])
        placed = space.place(features[held])
        rows = []
        for size, penalty in CANDIDATES:
            model = fit_ordinal(space.points[:, :size], groups[:, train], penalty, _COUNT)
            chances = ordinal_probabilities(placed[:, :size], *model)
            own = np.take_along_axis(chances, groups[:, held, None], axis=2)
            rows.append(-np.log(np.maximum(own, 1e-12)).sum(axis=(1, 2)))
        loss = loss + np.stack(rows)
    return np.argmin(loss, axis=0)


class CrossFit(NamedTuple):
    """What is said of people by models that did not see them.

    `chances` [B, n, 4] of the AHI groups, `base` [B, n] the training part's share of AHI ≥ 15, `distance` [B, n].
    """

    chances: np.ndarray
    base: np.ndarray
    distance: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """Of AHI ≥ 15, [B, n]."""
        return self.chances[..., _ABOVE:].sum(axis=-1)


def cross_fit(features: np.ndarray, groups: np.ndarray) -> CrossFit:
    """Fit and tell in participant folds, for B codings [B, n] of the same people [n, d] at once."""
    models, n = groups.shape
    found = CrossFit(np.empty((models, n, _COUNT)), np.empty((models, n)), np.empty((models, n)))
    for train, held in KFold(OUTER, shuffle=True, random_state=1).split(features):
        chosen = choose(features[train], groups[:, train])
        space = Space(features[train])
        placed = space.place(features[held])
        above = (groups[:, train] >= _ABOVE).sum(axis=1, keepdims=True)
        # One half is added to either side: a share of 0 or 1 would be infinitely sure.
        found.base[:, held] = (above + 0.5) / (len(train) + 1)
        for number in np.unique(chosen):
            size, penalty = CANDIDATES[number]
            here = np.flatnonzero(chosen == number)
            model = fit_ordinal(space.points[:, :size], groups[np.ix_(here, train)], penalty, _COUNT)
            found.chances[np.ix_(here, held)] = ordinal_probabilities(placed[:, :size], *model)
            found.distance[np.ix_(here, held)] = space.distances(placed, size)
    return found


def brier_skill(
    probability: np.ndarray, base: np.ndarray, outcome: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1 − Brier score / that of the base rate, with the ends of its 95 % interval, over the last axis.

    Student's t of the participants' differences in squared error, over the mean squared error of the base rate.
    """
    outcome = np.asarray(outcome, dtype=float)
    reference = np.square(base - outcome)
    gained = reference - np.square(probability - outcome)
    n = gained.shape[-1]
    error = gained.std(axis=-1, ddof=1) / np.sqrt(n) * stats.t.ppf((1 + LEVEL) / 2, n - 1)
    mean, scale = gained.mean(axis=-1), reference.mean(axis=-1)
    return mean / scale, (mean - error) / scale, (mean + error) / scale


def checked(features: np.ndarray, ahi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features as float64 and AHI groups [n]; `SacdError` where they cannot be fitted on."""
    features, groups = np.asarray(features, dtype=np.float64), ahi_group(ahi)
    if len(features) != len(groups) or len(groups) < FEWEST or (groups < 0).any() or not np.isfinite(features).all():
        raise SacdError(
            f"severity: {len(features)} rows of features for {len(groups)} people; at least {FEWEST} people of known "
            "AHI with finite features are needed"
        )
    return features, groups


@dataclass(frozen=True)
class Severity:
    """A fitted reference of people.

    Attributes
    ----------
    people : DataFrame [n rows]
        What cross-fitting said of the training participants: `probability`, `base`, `outcome` (AHI ≥ 15), `distance`,
        and the probability of each AHI group.
    prevalence : float
        Share of AHI ≥ 15 among them, which every probability assumes.
    skill, low, high : float
        Cross-fitted Brier skill over the base rate, and its 95 % interval.
    limit : float
        Distance above which a person is too unlike them.
    chosen : Candidate
    """

    people: pd.DataFrame
    prevalence: float
    skill: float
    low: float
    high: float
    limit: float
    chosen: Candidate
    space: Space
    model: tuple[np.ndarray, np.ndarray]

    @classmethod
    def fit(cls, features: np.ndarray, ahi: np.ndarray) -> "Severity":
        """Fit on training participants.

        Parameters
        ----------
        features : ndarray [n, d]
            One vector a participant.
        ahi : ndarray [n]
            Events/h.

        Raises
        ------
        SacdError
            Fewer than 12 people, an AHI or a feature that is not known.
        """
        features, groups = checked(features, ahi)
        said = cross_fit(features, groups[None])
        outcome = groups >= _ABOVE
        skill, low, high = (float(value) for value in brier_skill(said.probability[0], said.base[0], outcome))
        people = pd.DataFrame(said.chances[0], columns=list(AHI_GROUPS)).assign(
            probability=said.probability[0], base=said.base[0], outcome=outcome, distance=said.distance[0]
        )
        space = Space(features)
        chosen = CANDIDATES[choose(features, groups[None])[0]]
        model = fit_ordinal(space.points[:, : chosen.components], groups[None], chosen.penalty, _COUNT)
        limit = float(np.quantile(people["distance"], DISTANCE_LEVEL))
        return cls(people, float(outcome.mean()), skill, low, high, limit, chosen, space, model)

    @property
    def answers(self) -> bool:
        """Whether it answers anybody: it is shown to beat the base rate."""
        return self.low > 0

    def tell_all(self, features: np.ndarray) -> pd.DataFrame:
        """What is told of people [m, d]: `probability`, that of each AHI group, `distance`, `abstains`, `why`."""
        placed = self.space.place(np.asarray(features, dtype=np.float64))
        size = self.chosen.components
        chances = ordinal_probabilities(placed[:, :size], *self.model)[0]
        table = pd.DataFrame(chances, columns=list(AHI_GROUPS))
        table["probability"] = chances[:, _ABOVE:].sum(axis=1)
        table["distance"] = self.space.distances(placed, size)
        table["why"] = np.where(table["distance"] > self.limit, UNLIKE, "")
        if not self.answers:
            table["why"] = NOT_SHOWN
        return table.assign(abstains=table["why"] != "")

    def tell(self, features: np.ndarray) -> Answer:
        """What is told of one person [d]."""
        row = self.tell_all(np.asarray(features)[None]).iloc[0]
        groups = {name: float(row[name]) for name in AHI_GROUPS}
        return Answer(
            float(row["probability"]), groups, float(row["distance"]), bool(row["abstains"]), str(row["why"]),
            len(self.people), self.prevalence,
        )
