"""A chapter's further cohorts: where each lies beside the main one, and the runs that the chapter needs on it."""

from collections.abc import Callable
from dataclasses import dataclass

from sacd.cohort import Cohort
from sacd.runs.kind import RunConfig
from sacd.simulate.beside import Place


@dataclass(frozen=True)
class Companion:
    """A cohort beside the main one, and the runs that a chapter needs on it.

    Attributes
    ----------
    place : Place
        Where it lies or will, and what makes it.
    runs : callable
        The runs, of the opened (or only planned) companion. Where there are any, its arrays go when they are done;
        without, it is there for its nights, and keeps them.
    spent : tuple of str
        Files of its recordings that go once the chapter is executed: what it takes from them is kept beside.
    """

    place: Place
    runs: Callable[[Cohort], list[RunConfig]]
    spent: tuple[str, ...] = ()
