"""One progress bar for terminal, notebook and log file alike, with an estimate of the time left."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from tqdm.auto import tqdm

_LINE_SECONDS = 15.0
_TELLING_SHARE = 0.02
"""Below it an estimate of the time left says nothing."""
_WORTH_A_LINE = 2.0


class Bar(Protocol):
    """What `progress` gives."""

    def to(self, done: float, note: str = "") -> None:
        """So much of the total is done; it never goes back. `note` says what is going on."""
        ...

    def advance(self, amount: float = 1, note: str = "") -> None:
        """That much more is done."""
        ...


def duration(seconds: float) -> str:
    """A duration for people: ``45 s``, ``3 min 20 s``, ``2 h 05 min``."""
    seconds = max(0, round(seconds))
    minutes, rest = divmod(seconds, 60)
    hours, minutes_rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_rest:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds} s"


class _Drawn:
    """tqdm: a bar in a terminal, a widget in a notebook."""

    def __init__(self, title: str, total: float) -> None:
        self._title = title
        form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left"
        self._bar = tqdm(total=total, desc=title, bar_format=form, dynamic_ncols=True, mininterval=0.2)

    def to(self, done: float, note: str = "") -> None:
        self._bar.set_description(f"{self._title}: {note}" if note else self._title, refresh=False)
        self._bar.n = min(self._bar.total, max(self._bar.n, done))
        self._bar.refresh()

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.to(self._bar.n + amount, note)

    def close(self) -> None:
        self._bar.close()


class _Lines:
    """A line now and then, for log files and pipes."""

    def __init__(self, title: str, total: float) -> None:
        self._title, self._total, self._done, self._note = title, total, 0.0, ""
        self._begun = self._told = time.monotonic()

    def to(self, done: float, note: str = "") -> None:
        self._done, self._note = min(self._total, max(self._done, done)), note
        now = time.monotonic()
        if now - self._told >= _LINE_SECONDS and self._done > _TELLING_SHARE * self._total:
            left = (now - self._begun) * (self._total - self._done) / self._done
            self._tell(f"{self._done / self._total:.0%}, {duration(left)} left")
            self._told = now

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.to(self._done + amount, note)

    def close(self) -> None:
        seconds = time.monotonic() - self._begun
        if seconds >= _WORTH_A_LINE:
            self._note = ""
            self._tell(f"{self._done / self._total:.0%} in {duration(seconds)}" if self._total else duration(seconds))

    def _tell(self, text: str) -> None:
        note = f" ({self._note})" if self._note else ""
        print(f"{self._title}: {text}{note}", file=sys.stderr, flush=True)


def _is_notebook() -> bool:
    return "ipykernel.zmqshell" in sys.modules


@contextmanager
def progress(title: str, total: float) -> Iterator[Bar]:
    """Show how far a piece of work is, on stderr or in the notebook.

    Parameters
    ----------
    title : str
        What is being done, e.g. ``"simulating"``.
    total : float
        Units of work, any unit (items, or predicted seconds).

    Examples
    --------
    >>> with progress("simulating", total=88) as bar:
    ...     bar.advance(1, "participant P001")
    """
    bar = _Drawn(title, total) if sys.stderr.isatty() or _is_notebook() else _Lines(title, total)
    try:
        yield bar
    finally:
        bar.close()
