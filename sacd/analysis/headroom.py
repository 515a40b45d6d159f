"""Does distillation pay here? What a teacher knows given a student, counted on the same clips of the same people.

From the shares p(t, s, y) of teacher's stage t, student's stage s and scored stage y: how often the teacher is right
where the student is wrong, and the information, in bits, that one tells of another (Cover & Thomas 2006, ch. 2,
doi:10.1002/047174882X). Participants weigh the same. A count of few clips finds information where there is none;
since clips of a night resemble each other, that is taken out by leaving out whole participants (the jackknife;
Quenouille 1956, doi:10.2307/2332914), not by the Miller–Madow term, which takes every clip for a draw of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import entropy

from sacd.analysis.inference import estimate, pseudo_values, standing
from sacd.exceptions import SacdError
from sacd.metrics import N
from sacd.stages import NOT_SCORED

TEACHER, STUDENT, STAGE = -3, -2, -1
"""Axes of a table of shares [..., 5, 5, 5]."""
AXES = (TEACHER, STUDENT, STAGE)
RIGHT = np.eye(N, dtype=bool)
TEACHER_RIGHT = np.broadcast_to(RIGHT[:, None, :], (N, N, N))
STUDENT_RIGHT = np.broadcast_to(RIGHT[None, :, :], (N, N, N))
SAME = np.broadcast_to(RIGHT[:, :, None], (N, N, N))


def bits(shares: np.ndarray, *axes: int) -> np.ndarray:
    """Joint entropy of some axes of shares [..., 5, 5, 5] of any scale, bits; NaN where all are 0."""
    kept = shares.sum(axis=tuple(axis for axis in AXES if axis not in axes))
    return entropy(kept.reshape(*shares.shape[:-3], -1), base=2, axis=-1)


def information(shares: np.ndarray, one: int, other: int) -> np.ndarray:
    """Mutual information of two axes, bits."""
    return bits(shares, one) + bits(shares, other) - bits(shares, one, other)


def information_given_student(shares: np.ndarray) -> np.ndarray:
    """I(T; Y | S), bits: what the teacher tells of the stage to who knows what the student says."""
    known = bits(shares, TEACHER, STUDENT) + bits(shares, STUDENT, STAGE)
    return known - bits(shares, STUDENT) - bits(shares, *AXES)


def _share(event: np.ndarray, given: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Share of an event, bool [5, 5, 5], among all clips or those of another; NaN where there are none."""
    among = np.ones_like(event) if given is None else given

    def of(shares: np.ndarray) -> np.ndarray:
        total = np.where(among, shares, 0).sum(axis=AXES)
        hits = np.where(among & event, shares, 0).sum(axis=AXES)
        return np.divide(hits, total, out=np.full(total.shape, np.nan), where=total > 0)

    return of


@dataclass(frozen=True)
class Quantity:
    """Something that is read off the shares: its title, its unit (%, bits), and how, of shares [..., 5, 5, 5]."""

    title: str
    unit: str
    of: Callable[[np.ndarray], np.ndarray]


QUANTITIES: dict[str, Quantity] = {
    "rescues": Quantity("teacher right where the student is wrong", "%", _share(TEACHER_RIGHT, ~STUDENT_RIGHT)),
    "misleads": Quantity("teacher wrong where the student is right", "%", _share(~TEACHER_RIGHT, STUDENT_RIGHT)),
    "agreement": Quantity("teacher and student say the same", "%", _share(SAME)),
    "stage": Quantity("H(Y): the stage", "bits", lambda shares: bits(shares, STAGE)),
    "student": Quantity("I(S;Y): student and stage", "bits", lambda shares: information(shares, STUDENT, STAGE)),
    "teacher": Quantity("I(T;Y): teacher and stage", "bits", lambda shares: information(shares, TEACHER, STAGE)),
    "shared": Quantity("I(T;S): teacher and student", "bits", lambda shares: information(shares, TEACHER, STUDENT)),
    "added": Quantity("I(T;Y|S): what the teacher adds to the student", "bits", information_given_student),
    "readable": Quantity(
        "I(T;S) − I(S;Y)", "bits",
        lambda shares: information(shares, TEACHER, STUDENT) - information(shares, STUDENT, STAGE),
    ),
}
"""What `knowledge` tells, in the order of its rows."""


def joint_shares(teacher: pd.DataFrame, student: pd.DataFrame) -> np.ndarray:
    """Shares of (teacher's stage, student's stage, scored stage) of every seed and participant.

    Parameters
    ----------
    teacher, student : DataFrame
        Columns `participant_id`, `recording_id`, `clip`, `seed`, `stage`, `predicted`; clips that both have count.

    Returns
    -------
    ndarray [S, P, 5, 5, 5] float
        Each sums to 1, or is zero where a participant has no such clip.

    Raises
    ------
    SacdError
        The two share no scored clip of a seed, or hold one twice.
    """
    keys = ["seed", "recording_id", "clip"]
    for table in (teacher, student):
        if table.duplicated(keys).any():
            raise SacdError("predictions: a clip occurs twice within a seed; take one teacher and one student")
    both = student.merge(teacher[[*keys, "predicted"]], on=keys, suffixes=("", "_teacher"))
    both = both[both["stage"] != NOT_SCORED]
    if both.empty:
        raise SacdError("predictions: teacher and student share no scored clip of a seed; run the same seeds")
    seed, seeds = pd.factorize(both["seed"], sort=True)
    person, people = pd.factorize(both["participant_id"], sort=True)
    shape = (len(seeds), len(people), N, N, N)
    place = np.ravel_multi_index((seed, person, both["predicted_teacher"], both["predicted"], both["stage"]), shape)
    counts = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(float)
    totals = counts.sum(axis=AXES, keepdims=True)
    return np.divide(counts, totals, out=counts, where=totals > 0)


def knowledge(teacher: pd.DataFrame, student: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """`QUANTITIES` of a teacher and a student, with intervals for new participants and training seeds.

    Parameters
    ----------
    teacher, student : DataFrame
        As for `joint_shares`.
    level : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        A row a quantity: `quantity`, `title`, `unit`, `value` (jackknifed: of information that is not there it is about
        0, and can be below), `low`, `high` (NaN below three seeds or two participants; of shares within 0 and 1),
        `participants`, `seeds`, `standing`.
    """
    shares = joint_shares(teacher, student)
    seeds, participants = shares.shape[:2]
    sizes = {"participants": participants, "seeds": seeds, "standing": standing(seeds, participants)}
    flat = shares.reshape(seeds, participants, N * N, N)
    rows = []
    for name, quantity in QUANTITIES.items():
        found = estimate(
            pseudo_values(flat, lambda matrix, of=quantity.of: of(matrix.reshape(*matrix.shape[:-2], N, N, N)))
        )
        ends = [float(found.mean), *map(float, found.interval(level))]
        value, low, high = np.clip(ends, 0, 1) if quantity.unit == "%" else ends
        about = {"quantity": name, "title": quantity.title, "unit": quantity.unit}
        rows.append(about | {"value": value, "low": low, "high": high} | sizes)
    return pd.DataFrame(rows)
