"""Whose nights a trunk is pretrained on, and whose it is probed on: simulated straight into memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sacd.cohort.splits import make_split
from sacd.pretraining.targets import body_motion
from sacd.simulate.coupling import get_coupling
from sacd.simulate.participant import Participant, make_participant
from sacd.simulate.simulated_cohort import block_clips
from sacd.simulate.simulated_night import SimulatedNight

Tell = Callable[[float], None]


@dataclass(frozen=True)
class Clips:
    """Clips of simulated people.

    Attributes
    ----------
    video : ndarray [n, frames, size, size] uint8
    motion : ndarray [n, d] float32
        `body_motion`.
    stage : ndarray [n] int64
        The first scorer's: for the cards alone, no training reads it.
    person : ndarray [n] int64
        Rising index of whose it is.
    people : tuple of Participant
    """

    video: np.ndarray
    motion: np.ndarray
    stage: np.ndarray
    person: np.ndarray
    people: tuple[Participant, ...]

    def of(self, ids: Iterable[str]) -> np.ndarray:
        """Which clips are of these people, bool [n]."""
        wanted = set(ids)
        return np.array([person.participant_id in wanted for person in self.people])[self.person]


def pretraining_clips(
    people: int, seed: int, couplings: tuple[str, ...], frames: int = 32, size: int = 32,
    tell: Tell = lambda done: None,
) -> Clips:
    """80 clips each of people of the split *pretrain*; the couplings take turns.

    Parameters
    ----------
    tell : callable
        Told how many people are done.
    """
    chosen = [
        (make_participant(seed, "pretrain", k), couplings[k % len(couplings)], False) for k in range(people)
    ]
    return _observed(chosen, frames, size, tell)


def probe_clips(
    train: int = 64, test: int = 24, nights: int = 4, coupling: str = "medium", seed: int = 0, frames: int = 32,
    size: int = 32, tell: Tell = lambda done: None,
) -> Clips:
    """The video of a simulated cohort, as `sacd.simulate.simulate` would write it; by default the laptop profile's."""
    sizes: dict[Literal["train", "test"], int] = {"train": train, "test": test}
    chosen = [
        (make_participant(seed, split, k), coupling, split == "test" and k < nights)
        for split, count in sizes.items() for k in range(count)
    ]
    return _observed(chosen, frames, size, tell)


def labelled_people(clips: Clips, labelled: int | None, seed: int = 0) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose labels are seen, and who is tested, in the cohort's own split.

    Parameters
    ----------
    labelled : int, optional
        Of the few-label protocol; those who would validate are among them. None: everybody who is not tested.
    """
    table = pd.DataFrame(
        {"ahi": [p.ahi for p in clips.people], "split": [p.split for p in clips.people]},
        index=[p.participant_id for p in clips.people],
    )
    split = make_split(table, "few-label" if labelled else "paper", labelled, seed=seed)
    return split.labelled + split.validation, split.test


def _observed(chosen: list[tuple[Participant, str, bool]], frames: int, size: int, tell: Tell) -> Clips:
    video, motion, stage, person = [], [], [], []
    for number, (participant, coupling, whole) in enumerate(chosen):
        night = SimulatedNight(participant, get_coupling(coupling))
        clips = np.arange(night.clips) if whole else block_clips(participant, night.clips)
        video.append(night.video(clips, frames, size))
        motion.append(body_motion(night, clips))
        stage.append(night.labels[clips])
        person.append(np.full(len(clips), number))
        tell(number + 1)
    return Clips(
        np.concatenate(video), np.concatenate(motion), np.concatenate(stage).astype(np.int64),
        np.concatenate(person), tuple(participant for participant, *_ in chosen),
    )
