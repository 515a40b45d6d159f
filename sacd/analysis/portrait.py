"""A portrait: what is fitted on reference people, and where it puts a new one.

The map and its danger zones are for looking; the probability of AHI ≥ 15 comes from the mean feature of the clips that
the student calls sleep. A new person needs the video and nothing else.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sacd.analysis.ahi import FEWEST_CLIPS
from sacd.analysis.people import People
from sacd.analysis.portrait_density import Density, group_density, zone_shares
from sacd.analysis.portrait_map import Method, ReferenceMap, draw_clips
from sacd.analysis.severity import FEWEST, THRESHOLD, Answer, Severity
from sacd.analysis.severity_checks import planted, risk_coverage
from sacd.exceptions import SacdError
from sacd.stages import AHI_GROUPS, N2, N3, NOT_SCORED, STAGES, W, ahi_group

ON_MAP = (N2, N3)
"""Stages whose clips are on the map, as in the paper's Fig. 9."""
PAPER_AHI = {"A": 94.2, "B": 0.4, "C": 6.9, "D": 26.2}
"""Events/h of the paper's Table VI: severe, normal, mild, moderate."""
CLIP_COLUMNS = ["participant_id", "recording_id", "clip", "stage"]
BASE, MARKERS_ALONE, FEATURES = "base rate", "markers of the video alone", "features"
"""What a probability of AHI ≥ 15 comes from."""


@dataclass(frozen=True)
class Material:
    """What a portrait is made of: it is fitted on nothing else.

    Attributes
    ----------
    clips : DataFrame [m rows]
        The reference clips on the map: `participant_id`, `recording_id`, `clip`, `stage`, and `ahi` of whose they are.
    on_map : ndarray [m, d] float32
        Their features.
    ahi : Series [n]
        Events/h of the reference people of whom both of the following are known, by participant.
    asleep : ndarray [n, d] float64
        Their mean features.
    markers : ndarray [n, 2] float64 or None
        The markers of the video alone; None where recordings hold no motion.
    most : int
        Clips of a stage of a person that are drawn.
    method : {"tsne", "umap"}
    seed : int
    """

    clips: pd.DataFrame
    on_map: np.ndarray
    ahi: pd.Series
    asleep: np.ndarray
    markers: np.ndarray | None
    most: int
    method: Method
    seed: int

    @classmethod
    def of(
        cls, reference: People, markers: pd.DataFrame | None, most: int = 30, method: Method = "tsne", seed: int = 0
    ) -> "Material":
        """Draw it from reference people; `markers` [people rows] are `People.markers`."""
        drawn = drawn_for_map(reference, most, seed)
        clips = reference.clips.iloc[drawn][CLIP_COLUMNS].reset_index(drop=True)
        clips["ahi"] = reference.ahi[clips["participant_id"]].to_numpy()
        known = np.isfinite(reference.asleep).all(axis=1)
        compared = None
        if markers is not None:
            marked = known & markers.notna().all(axis=1).to_numpy()
            if marked.sum() >= FEWEST:
                known, compared = marked, markers[marked].to_numpy()
        ahi = reference.ahi[known]
        return cls(clips, reference.features[drawn], ahi, reference.asleep[known], compared, most, method, seed)


@dataclass(frozen=True)
class Portrait:
    """A fitted reference.

    Attributes
    ----------
    material : Material
    map : ReferenceMap
    density : Density
        Of the AHI groups, with the danger zones.
    severity : Severity
        From the features.
    baseline : Severity or None
        From the markers of the video alone.
    """

    material: Material
    map: ReferenceMap
    density: Density
    severity: Severity
    baseline: Severity | None

    @classmethod
    def fit(cls, material: Material, points: np.ndarray | None = None) -> "Portrait":
        """Fit; with the `points` of a map of the same material the map is restored.

        Raises
        ------
        SacdError
            Too few people or clips.
        """
        layout = ReferenceMap.fit(material.on_map, material.method, seed=material.seed, points=points)
        owner, ahi = material.clips["participant_id"].to_numpy(), material.ahi.to_numpy()
        density = group_density(layout.points, owner, material.clips["ahi"].to_numpy())
        baseline = None if material.markers is None else Severity.fit(material.markers, ahi)
        return cls(material, layout, density, Severity.fit(material.asleep, ahi), baseline)

    def place(self, people: People) -> pd.DataFrame:
        """Clips of new people on the map, at most so many of a stage of a person.

        Returns
        -------
        DataFrame
            `participant_id`, `recording_id`, `clip`, `stage`, `x`, `y`, `in_zone`.
        """
        return self._placed(people, drawn_for_map(people, self.material.most, self.material.seed))

    def place_night(self, people: People, recording_id: str) -> pd.DataFrame:
        """Every scored clip of a night on the map, whatever its stage; columns as of `place`."""
        here = (people.clips["recording_id"] == recording_id) & (people.clips["stage"] != NOT_SCORED)
        return self._placed(people, np.flatnonzero(here))

    def _placed(self, people: People, drawn: np.ndarray) -> pd.DataFrame:
        points = self.map.place(people.features[drawn]) if len(drawn) else np.empty((0, 2))
        table = people.clips.iloc[drawn][CLIP_COLUMNS].reset_index(drop=True)
        return table.assign(x=points[:, 0], y=points[:, 1], in_zone=self.density.in_zone(points))

    def in_zone(self, people: People) -> pd.Series:
        """Share of each new person's clips on the map that lie in a danger zone."""
        placed = self.place(people)
        return zone_shares(placed["in_zone"].to_numpy(), placed["participant_id"].to_numpy(), people.participants.index)

    def tell(self, people: People) -> pd.DataFrame:
        """`Severity.tell_all` of new people, by participant, with `group` and `outcome`; too few clips: left out.

        Raises
        ------
        SacdError
            All of them have too few.
        """
        known = np.isfinite(people.asleep).all(axis=1)
        if not known.any():
            raise SacdError(f"{people.cohort.path}: the student calls hardly any clip sleep; train it longer")
        ahi = people.ahi[known].to_numpy()
        told = self.severity.tell_all(people.asleep[known]).set_axis(people.participants.index[known])
        return told.assign(group=_groups(ahi), outcome=ahi >= THRESHOLD)

    def distances(self, told: pd.DataFrame, weak: People | None) -> dict[str, pd.DataFrame]:
        """How far people are from the reference, `distance` and `group`: itself, cross-fitted; new ones; outliers.

        Parameters
        ----------
        told : DataFrame
            `tell` of new people.
        weak : People or None
            Whose video shows less.
        """
        group = _groups(self.material.ahi.to_numpy())
        own = pd.DataFrame({"distance": self.severity.people["distance"], "group": group})
        found = {"reference, cross-fitted": own, "new": told}
        return found if weak is None else found | {"weak coupling": self.tell(weak)}

    def risk(self, told: pd.DataFrame) -> tuple[pd.DataFrame, float]:
        """`risk_coverage` of new people, and their Brier score under the base rate."""
        values = (told[name].to_numpy() for name in ("probability", "outcome", "distance"))
        return risk_coverage(*values), float(np.square(self.severity.prevalence - told["outcome"]).mean())

    def cross_fitted(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Probabilities of reference people by models that did not see them, by what they come from, and the truth."""
        own = self.severity.people
        said = {BASE: own["base"].to_numpy()}
        if self.baseline is not None:
            said[MARKERS_ALONE] = self.baseline.people["probability"].to_numpy()
        return said | {FEATURES: own["probability"].to_numpy()}, own["outcome"].to_numpy(dtype=bool)

    def on_new(
        self, told: pd.DataFrame, markers: pd.DataFrame | None = None
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The same of new people, abstained from or not: `told` of `tell`, and the markers of the same people."""
        use = np.ones(len(told), dtype=bool)
        said = {}
        if self.baseline is not None and markers is not None:
            own = markers.loc[told.index]
            use = own.notna().all(axis=1).to_numpy()
            said[MARKERS_ALONE] = self.baseline.tell_all(own[use].to_numpy())["probability"].to_numpy()
        said[FEATURES] = told["probability"].to_numpy()[use]
        return {BASE: np.full(use.sum(), self.severity.prevalence)} | said, told["outcome"].to_numpy(dtype=bool)[use]


def _groups(ahi: np.ndarray) -> np.ndarray:
    return np.array(AHI_GROUPS)[ahi_group(ahi)]


def drawn_for_map(people: People, most: int, seed: int) -> np.ndarray:
    """Sorted positions of the clips that are drawn: at most so many of N2 and of N3 of each person."""
    stage = people.clips["stage"].to_numpy()
    return draw_clips(np.where(np.isin(stage, ON_MAP), stage, NOT_SCORED), people.owner, most, seed)


def samples(people: People) -> pd.Series:
    """Four people like those of the paper's Table VI: of each AHI group the one whose AHI is nearest to the paper's.

    Returns
    -------
    Series
        Letter → participant; only those with at least 10 clips of N2 and of N3 count.
    """
    counts = np.stack([people.clips["stage"].to_numpy() == code for code in ON_MAP], axis=1)
    held = pd.DataFrame(counts).groupby(people.owner).sum().reindex(people.participants.index)
    ahi = people.ahi[held.min(axis=1) >= FEWEST_CLIPS]
    group = ahi_group(ahi.to_numpy())
    found = {
        letter: (ahi[group == ahi_group(theirs)] - theirs).abs().idxmin()
        for letter, theirs in PAPER_AHI.items()
        if (group == ahi_group(theirs)).any()
    }
    return pd.Series(found, dtype=object)


def sample_panels(portrait: Portrait, people: People, chosen: pd.Series) -> dict[str, pd.DataFrame]:
    """The panels of Fig. 9: stage → clips of the sampled people, `x`, `y`, `person` (letter and AHI)."""
    placed = portrait.place(people.of(list(chosen)))
    names = {who: f"{letter}, AHI {people.ahi[who]:.1f}" for letter, who in chosen.items()}
    placed = placed.assign(person=placed["participant_id"].map(names))
    # In the order of the letters, also in the legend.
    placed = placed.sort_values("person", kind="stable")
    return {STAGES[code]: placed[placed["stage"] == code] for code in ON_MAP}


def sample_table(portrait: Portrait, people: People, chosen: pd.Series) -> pd.DataFrame:
    """Table VI's counterpart: who the sampled people are, the share of their clips in a danger zone, what is told."""
    own = people.of(list(chosen))
    told, zone = portrait.tell(own).reindex(list(chosen)), portrait.in_zone(own)
    answered = told["abstains"].eq(False)
    return pd.DataFrame({
        "index": chosen.index, "participant": chosen.to_numpy(), "sex": own.participants["sex"].to_numpy(),
        "age": own.participants["age"].to_numpy(), "weight": own.participants["weight"].to_numpy(),
        "AHI": own.ahi.to_numpy(), "in_danger_zone": zone.to_numpy(),
        "P(AHI ≥ 15)": told["probability"].where(answered).to_numpy(),
        "abstains": told["why"].fillna("too few clips called sleep").to_numpy(),
    })


def planted_control(reference: People, new: People, seed: int = 0) -> tuple[Severity, pd.DataFrame]:
    """A `Severity` fitted on reference people with the AHI planted in their features, and what it tells of new ones."""
    parts = [part.asleep[np.isfinite(part.asleep).all(axis=1)] for part in (reference, new)]
    ahi = [part.ahi[np.isfinite(part.asleep).all(axis=1)].to_numpy() for part in (reference, new)]
    features = planted(np.vstack(parts), np.concatenate(ahi), seed=seed)
    fitted = Severity.fit(features[: len(ahi[0])], ahi[0])
    return fitted, fitted.tell_all(features[len(ahi[0]) :]).assign(outcome=ahi[1] >= THRESHOLD)


def read_person(
    portrait: Portrait, features: np.ndarray, predicted: np.ndarray, name: str
) -> tuple[dict[str, pd.DataFrame], Answer | None]:
    """What a clinician is shown of one person whom nobody scored: from the video alone.

    Parameters
    ----------
    portrait : Portrait
    features : ndarray [n, d]
        The student's, of all clips of the person.
    predicted : ndarray [n] int
        The stage that it finds likeliest for each clip, as of the reference people: not what a decoder makes of it.
    name : str
        What the legend calls the person.

    Returns
    -------
    panels : dict of str to DataFrame
        As of `sample_panels`, by the stage that the student says.
    answer : Answer or None
        None below 10 clips called sleep.
    """
    panels = {}
    for code in ON_MAP:
        said = np.where(predicted == code, code, NOT_SCORED)
        rows = draw_clips(said, np.full(len(predicted), name), portrait.material.most)
        points = portrait.map.place(features[rows]) if len(rows) else np.empty((0, 2))
        panels[STAGES[code]] = pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "person": name})
    asleep = predicted != W
    enough = asleep.sum() >= FEWEST_CLIPS
    return panels, portrait.severity.tell(features[asleep].mean(axis=0, dtype=np.float64)) if enough else None
