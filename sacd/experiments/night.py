"""What a night adds to its clips: notebook 16.

Every student reads the same frozen features of whole nights through the same network, which sees `length` clips at
once: with 1 every clip alone. Lengths are trained on the same stretches of the same nights. Decoders (`sacd.decisions`)
need no run of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from sacd.cohort import Cohort
from sacd.cohort.splits import Protocol
from sacd.decisions import ARGMAX
from sacd.exceptions import NotApplicable
from sacd.experiments.common import PROTOCOLS, budget, folds, is_features, student, teacher
from sacd.experiments.companions import Companion
from sacd.experiments.distillation import methods
from sacd.experiments.profile import Profile
from sacd.objectives import load_objective
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import CLOCK, StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.pool import predictions
from sacd.simulate.beside import Place, place_beside
from sacd.simulate.provenance import is_ours
from sacd.stages import CLIP_SECONDS
from sacd.training.config import ModelConfig

Named = Callable[[Cohort, Profile], list[tuple[Any, StudentRun]]]
"""Every run of a chapter with its row, on a cohort of nights."""
MOVEMENT = "movement"
"""The view of a simulated night beside its trunk's features: breathing and movement."""
CLIP, SMOOTHED = "clip", "clip + forward–backward"
OFFLINE, CAUSAL = "offline", "causal"
DECODED = {"forward-backward": "forward–backward", "durations": "durations", "median": "median"}
CAUSAL_DECODED = {"filter": "filter", "filter-durations": "filter with durations"}
CORRECTED = "corrected"
_NUMBERS = {"clip": np.int32, "stage": np.int16, "predicted": np.int16, "seed": np.int16}
_TEXTS = ("recording_id", "participant_id", "decision", "run_id", "student", "protocol")


@dataclass(frozen=True)
class Row:
    """A student of the night: what it is called, and how it differs from the profile's own.

    Attributes
    ----------
    method : str
    objective : str
    length : int
        Clips that it sees at once, 0 the night.
    network : str
    causal : bool
        Whether it sees no later clip.
    taught : str
        What becomes of its teacher's outputs (`sacd.runs.outputs.Taught`).
    view : str
        The columns that it sees, where a cohort names several.
    """

    method: str
    objective: str = "ce"
    length: int = 1
    network: str = "gru"
    causal: bool = False
    taught: str = "as-is"
    view: str | None = None

    @property
    def way(self) -> str:
        """How it stages a night before anything is decoded."""
        if self.length == 1:
            return CLIP
        clips = f"{self.length} clips" if self.length else "the night"
        return f"{self.network.upper()}, {clips}" + (", causal" if self.causal else "")


def night_place(cohort: Cohort, profile: Profile) -> Place:
    """Where whole nights are: beside a simulated cohort, made straight to features; a real one has its own."""
    if not is_ours(cohort.info) or is_features(cohort):
        return Place(cohort.path)
    own = profile.night
    return place_beside(cohort, "nights", train=own.train, test=own.test, nights=0, encoder=own.encoder)


def night_methods(cohort: Cohort, profile: Profile) -> list[str]:
    """A profile's methods that can be trained on a cohort of nights with few labels.

    Raises
    ------
    NotApplicable
        No recording is as long as the stretches that the profile's students of the night are trained on.
    """
    stretch = profile.night.student.training.stretch
    if cohort.recordings["clips"].max() < stretch:
        raise NotApplicable(
            f"no recording has {stretch} clips ({stretch * CLIP_SECONDS / 60:g} min), a stretch of a night that "
            f"profile {profile.name} trains on: it holds parts of nights"
        )
    return methods(cohort, profile, "few-label")


def rows(cohort: Cohort, profile: Profile) -> list[Row]:
    """The rows of a profile on a cohort of nights.

    Raises
    ------
    NotApplicable
        The profile's methods leave all of the night's out; no recording is long enough.
    """
    own, known = profile.night, night_methods(cohort, profile)
    names = [name for name in own.methods if name in known]
    if not names:
        raise NotApplicable(f"profile {profile.name} compares no method over the night")
    longest = own.longest
    found = []
    for name in names:
        title = load_objective(name).title
        lengths = own.lengths if name == "ce" else (1, longest)
        found += [Row(title, name, length) for length in lengths]
        found += [Row(title, name, longest, network) for network in own.networks]
    if "kd" in names:
        found += [Row("KD, teacher smoothed", "kd", length, taught="smoothed") for length in (1, longest)]
    found += [Row(load_objective(name).title, name, longest, causal=True) for name in names if name != "sacd"]
    columns = [name.split("_")[0] for name in cohort.info.sampling.video_features]
    found += [Row("CE, breathing and movement", length=length, view=MOVEMENT) for length in (1, longest)]
    found += [Row("CE, clock alone", view=CLOCK)]
    return [row for row in found if row.view in (None, CLOCK, *columns)]


def named_runs(cohort: Cohort, profile: Profile) -> list[tuple[Row, StudentRun]]:
    """Every run with its row, in both protocols; with all labels only what the profile names, and its trunk's view.

    Parameters
    ----------
    cohort : Cohort
        Of nights: that of `night_place`.
    profile : Profile
    """
    return [
        (row, run_of(row, cohort, profile, protocol, seed, fold))
        for protocol in reversed(PROTOCOLS)
        for row in rows(cohort, profile)
        if protocol == "few-label" or _with_all_labels(row, profile)
        for seed in range(profile.night.seeds)
        for fold in folds(cohort, profile)
    ]


def _with_all_labels(row: Row, profile: Profile) -> bool:
    plain = row.taught == "as-is" and row.view is None and not row.causal and row.network == "gru"
    return plain and row.objective in profile.night.all_labels


def run_of(
    row: Row, cohort: Cohort, profile: Profile, protocol: Protocol, seed: int, fold: tuple[int, int] | None
) -> StudentRun:
    """The student of a row."""
    recipe = profile.night.student
    options = {**recipe.model.options, "length": row.length, "causal": row.causal}
    guide = night_teacher(cohort, profile, protocol, seed, fold)
    base = student(cohort, profile, row.objective, protocol, seed, fold, raw=False, taught_by=guide)
    model = ModelConfig(name=row.network, options=options)
    changes = {"model": model, "training": recipe.training, "taught": row.taught}
    if row.view is not None:
        changes |= {"view": row.view, "trunk": None}
    return base.model_copy(update=changes)


def night_teacher(
    cohort: Cohort, profile: Profile, protocol: Protocol, seed: int, fold: tuple[int, int] | None
) -> TeacherRun:
    """The teacher of whole nights: on EEG the profile's own for them, where it has one."""
    recipe = profile.night.teacher
    if recipe is None or cohort.info.eeg == "features":
        return teacher(cohort, profile, protocol, seed, fold)
    return TeacherRun(
        model=recipe.model, training=recipe.training, protocol=protocol, labelled=budget(cohort, profile, protocol),
        seed=seed, fold=fold,
    )


def on_own_nights(named: Named, cohort: Cohort, profile: Profile) -> list[RunConfig]:
    """A chapter's runs on a cohort whose nights are its own; nothing where they lie beside it."""
    own = night_place(cohort, profile).path == cohort.path
    return [run for _, run in named(cohort, profile)] if own else []


def on_nights_beside(named: Named, cohort: Cohort, profile: Profile) -> list[Companion]:
    """The whole nights beside a simulated cohort, and a chapter's runs on them."""
    place = night_place(cohort, profile)
    if place.path == cohort.path:
        return []
    return [Companion(place, lambda nights: [run for _, run in named(nights, profile)])]


night_runs, night_companions = partial(on_own_nights, named_runs), partial(on_nights_beside, named_runs)
"""Notebook 16."""


def decisions_of(row: Row) -> tuple[str, ...]:
    """By what a row's probabilities become stages: single clips by every decoder, context by its rival."""
    if row.causal:
        return (ARGMAX, "filter")
    if row.length == 1:
        return (ARGMAX, CORRECTED, *DECODED, *CAUSAL_DECODED)
    return (ARGMAX, CORRECTED, "forward-backward")


def staged(table: pd.DataFrame, named: list[tuple[Row, StudentRun]]) -> pd.DataFrame:
    """Predictions of whole nights by the decisions of each row, as `with_ways` gives them.

    A hundred runs of thirty thousand clips by several decisions are many rows: only what tables need is kept of each,
    and text as categories, some twenty bytes a row.

    Parameters
    ----------
    table : DataFrame
        From `runs.ensure` of the named runs, in their order.
    """
    of: dict[str, list[pd.DataFrame]] = {name: [] for name in (ARGMAX, CORRECTED, *DECODED, *CAUSAL_DECODED)}
    for place, (row, _) in enumerate(named):
        told = predictions(table.iloc[[place]], decision=decisions_of(row))
        for decision, part in told.groupby("decision", sort=False):
            of[decision].append(part[[*_NUMBERS, *_TEXTS]].astype(_NUMBERS | dict.fromkeys(_TEXTS, "category")))
    parts = [part for some in of.values() for part in some]
    joined = pd.concat([part[list(_NUMBERS)] for part in parts], ignore_index=True)
    texts = {name: union_categoricals([part[name] for part in parts]) for name in _TEXTS}
    return with_ways(joined.assign(**texts), table, named)


def one_night(table: pd.DataFrame, named: list[tuple[Row, StudentRun]], recording_id: str) -> pd.DataFrame:
    """A recording as the first method stages it, few labels, seed 0, offline, alone and decoded; with probabilities."""
    first = (named[0][0].method, False, "few-label", 0)
    chosen = [(row.method, row.causal, run.protocol, run.seed) == first for row, run in named]
    told = predictions(table[chosen], decision=(ARGMAX, "forward-backward"))
    return with_ways(told[told["recording_id"] == recording_id], table, named)


def with_ways(told: pd.DataFrame, table: pd.DataFrame, named: list[tuple[Row, StudentRun]]) -> pd.DataFrame:
    """Predictions with the columns `method`, `length`, `way`, `context` and `block`, all but `length` as categories.

    `way` is how a night is staged (network, clips, decoder), `context` says whether offline or causal; single clips
    stand in both.

    Parameters
    ----------
    told : DataFrame
        From `runs.predictions`, of several decisions.
    table : DataFrame
        From `runs.ensure` of the named runs, in their order.
    """
    row_of = dict(zip(table["run_id"], (row for row, _ in named), strict=True))
    pair = ["run_id", "decision"]
    place = told.groupby(pair, sort=False, observed=True).ngroup().to_numpy()
    pairs = told.drop_duplicates(pair)
    words: dict[str, list[Any]] = {name: [] for name in ("method", "way", "length", "context", "block")}
    for run_id, decision, protocol in pairs[[*pair, "protocol"]].astype(str).itertuples(index=False):
        row, decoder = row_of[run_id], (DECODED | CAUSAL_DECODED).get(decision)
        context = CAUSAL if row.causal or decision in CAUSAL_DECODED else OFFLINE
        way = row.way if decoder is None else f"{row.way} + {decoder}"
        for name, word in zip(words, (row.method, way, row.length, context, f"{protocol} · {context}"), strict=True):
            words[name].append(word)
    # A clip alone is the baseline of both.
    twice = np.flatnonzero(np.array([way == CLIP for way in words["way"]])[place])
    place = np.append(place, place[twice])
    both = pd.concat([told, told.iloc[twice]], ignore_index=True)
    causal = np.arange(len(both)) >= len(told)
    blocks = [f"{protocol} · {CAUSAL}" for protocol in pairs["protocol"].astype(str)]
    both = both.assign(
        method=_spread(words["method"], place), way=_spread(words["way"], place),
        length=np.array(words["length"])[place],
        context=_spread(words["context"], place, causal, [CAUSAL] * len(pairs)),
        block=_spread(words["block"], place, causal, blocks),
    )
    # What belongs together stands together: groups are shown in order of appearance.
    return both.sort_values(["block", "method", "way"], key=lambda column: pd.factorize(column)[0], kind="stable")


def _spread(
    words: list[str], place: np.ndarray, elsewhere: np.ndarray | None = None, other: list[str] | None = None
) -> pd.Categorical:
    """A word for each row: `words` at `place`, and where `elsewhere` those of `other`."""
    codes, known = pd.factorize(np.array([*words, *(other or [])], dtype=object))
    at = place if elsewhere is None else np.where(elsewhere, place + len(words), place)
    return pd.Categorical.from_codes(codes[at], categories=known)
