"""Participant-wise, AHI-stratified splits, folds and label budgets (DESIGN: "Split", "Two protocols").

Nobody is in two parts, ever. The order in which participants are labelled depends on the seed alone, so budgets
are nested and the same for every method. Of whom nobody scored a clip, there is nothing to learn or to test by labels:
they can only be unlabelled, and change nobody else's role.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from sacd.exceptions import NotApplicable, SacdError
from sacd.stages import ahi_group

Protocol = Literal["paper", "few-label"]
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.2
# Of four labelled participants one validates: 8 → 6 + 2, and 2 → 1 + 1.
VALIDATION_EVERY, VALIDATION_POSITION = 4, 1
SMALLEST_BUDGET = 2
"""Of whom one validates."""


@dataclass(frozen=True)
class Split:
    """Participant ids by role; `unlabelled` participants train with their pairs, their labels are hidden."""

    labelled: tuple[str, ...]
    unlabelled: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def pool(self) -> tuple[str, ...]:
        """Everybody but the test participants."""
        return self.labelled + self.unlabelled + self.validation

    def part(self, index: int, count: int) -> tuple[str, ...]:
        """Part `index` of `count` of the labelled participants; each has about the AHI mix of all."""
        if not 0 <= index < count:
            raise SacdError(f"part {index} of {count} does not exist; parts count from 0 to {count - 1}")
        if count > len(self.labelled):
            raise SacdError(
                f"{len(self.labelled)} labelled training participants cannot be cut into {count} parts; "
                f"use at most {len(self.labelled)} (fusion: parts in the profile)"
            )
        return self.labelled[index::count]

    def without(self, index: int, count: int) -> "Split":
        """The same roles, but that a part of the labelled participants has none."""
        left_out = set(self.part(index, count))
        rest = tuple(name for name in self.labelled if name not in left_out)
        if not rest:
            raise SacdError("one part holds every labelled training participant; use at least 2 parts")
        return replace(self, labelled=rest)


def stratified_order(participants: pd.DataFrame, seed: int) -> list[str]:
    """Participants in a random order of which every prefix has about the AHI mix of the whole.

    Parameters
    ----------
    participants : DataFrame
        Indexed by participant_id, with `ahi` (events/h, NaN unknown).
    seed : int
    """
    rng = np.random.default_rng([seed, 0x5911])
    position: dict[str, float] = {}
    groups = ahi_group(participants.ahi.to_numpy())
    for group in np.unique(groups):
        members = sorted(map(str, participants.index[groups == group]))
        spread = (rng.permutation(len(members)) + rng.random()) / len(members)
        position |= dict(zip(members, spread, strict=True))
    return sorted(position, key=lambda name: (position[name], name))


def test_and_pool(
    participants: pd.DataFrame, fold: tuple[int, int] | None, held_out: bool = True
) -> tuple[list[str], list[str]]:
    """Test participants and all others: fold i of k, else the cohort's own split, else a fifth of each AHI group.

    The fifth is nobody without `held_out`.
    """
    if fold is not None:
        index, count = fold
        if not 0 <= index < count:
            raise SacdError(f"fold {index} of {count} does not exist; folds count from 0 to {count - 1}")
        if count > len(participants):
            raise SacdError(
                f"{count} folds need {count} participants, the cohort has {len(participants)}; use fewer folds"
            )
        order = stratified_order(participants, seed=0)
        test = order[index::count]
    elif (participants["split"] == "test").any():
        test = list(participants.index[participants["split"] == "test"])
    else:
        order = stratified_order(participants, seed=0)
        test = order[: max(1, round(TEST_SHARE * len(order)))] if held_out else []
    held = set(test)
    return test, [name for name in participants.index if name not in held]


def fold_count(people: int, wanted: int) -> int:
    """`wanted` folds; more, at most one a participant, where that leaves too few for the smallest label budget."""
    pools = ((count, people - -(-people // count)) for count in range(wanted, people))
    enough = (count for count, pool in pools if _largest_budget(pool) >= SMALLEST_BUDGET)
    return next(enough, max(2, people))


def default_budget(
    participants: pd.DataFrame, fold: tuple[int, int] | None = None, wanted: int = 8, unscored: int = 0
) -> int:
    """`wanted` labelled participants if they are at most half of those who train, else the smallest budget.

    Parameters
    ----------
    participants : DataFrame
        Those who are scored.
    unscored : int
        How many others train without labels.

    Raises
    ------
    NotApplicable
        There are too few even for the smallest.
    """
    pool = len(test_and_pool(participants, fold)[1])
    if _largest_budget(pool, unscored) < SMALLEST_BUDGET:
        raise NotApplicable(
            f"{len(participants)} scored participants are too few to compare students at few labels; score 5 or more "
            "(without --labelled 'sacd train' needs 3, 'sacd finetune' 2)"
        )
    return wanted if wanted <= _largest_budget(pool) else SMALLEST_BUDGET


def _largest_budget(pool: int, unscored: int = 0) -> int:
    """Half of those who train: above it the few-label protocol is refused."""
    return min(pool, (pool + unscored) // 2)


def make_split(
    participants: pd.DataFrame,
    protocol: Protocol = "paper",
    labelled: int | None = None,
    fold: tuple[int, int] | None = None,
    seed: int = 0,
    scored: Collection[str] | None = None,
    held_out: bool = True,
) -> Split:
    """The roles of all participants.

    Parameters
    ----------
    participants : DataFrame
        Indexed by participant_id, with `ahi` and `split`.
    protocol : {"paper", "few-label"}
        *paper*: every training participant is labelled, a fifth of each AHI group validates.
        *few-label*: `labelled` participants are, a quarter of them validate; the others' labels are hidden.
    labelled : int, optional
        The budget of the few-label protocol.
    fold : (int, int), optional
        Fold i of k.
    seed : int
        Fixes who is labelled and who validates.
    scored : collection of str, optional
        Of whom a clip is scored (`Cohort.scored`); by default everybody. The others are unlabelled, but whom the cohort
        itself keeps for validation or test: they have no role.
    held_out : bool
        Whether somebody is tested where neither a fold nor the cohort says who.

    Raises
    ------
    SacdError
        A budget under 2 or above half the training participants; fewer scored participants than roles.
    """
    # By content, for a table can be edited: hundreds of runs ask for the same few splits.
    known = participants if scored is None else participants[participants.index.isin(list(scored))]
    table = tuple(known.index), known.ahi.to_numpy(dtype=float).tobytes(), tuple(known["split"])
    spare = participants.drop(known.index)
    if fold is None:
        spare = spare[~spare["split"].isin(["validation", "test"])]
    return _make_split(*table, protocol, labelled, fold, seed, tuple(spare.index), held_out)


@lru_cache(maxsize=1000)
def _make_split(
    names: tuple[str, ...],
    ahi: bytes,
    roles: tuple[str, ...],
    protocol: Protocol,
    labelled: int | None,
    fold: tuple[int, int] | None,
    seed: int,
    unscored: tuple[str, ...],
    held_out: bool,
) -> Split:
    participants = pd.DataFrame({"ahi": np.frombuffer(ahi), "split": list(roles)}, index=list(names))
    test, pool = test_and_pool(participants, fold, held_out)
    order = stratified_order(participants.loc[pool], seed)
    which = " of whom clips are scored" if unscored else ""
    if protocol == "few-label":
        budget = labelled or 0
        if budget < SMALLEST_BUDGET:
            raise SacdError(f"a budget of {budget} labelled participants is too small; use 2 or more (one validates)")
        most = _largest_budget(len(pool), len(unscored))
        if budget > most:
            raise SacdError(
                f"a budget of {budget} labelled participants is above "
                f"{'' if most == len(pool) else 'half of '}the {len(pool)} training participants{which}; "
                f"use at most {most}"
            )
        chosen = order[:budget]
        validation = [name for i, name in enumerate(chosen) if i % VALIDATION_EVERY == VALIDATION_POSITION]
        train = [name for name in chosen if name not in validation]
        return Split(tuple(train), (*order[budget:], *unscored), tuple(validation), tuple(test))
    own = [name for name in pool if participants.loc[name, "split"] == "validation"] if fold is None else []
    validation = own or order[: max(1, round(VALIDATION_SHARE * len(pool)))]
    train = [name for name in order if name not in set(validation)]
    if not train:
        raise SacdError(
            f"{len(pool)} participants{which} cannot train and validate; "
            f"the cohort needs at least {2 + held_out} participants{which}"
        )
    return Split(tuple(train), unscored, tuple(validation), tuple(test))
