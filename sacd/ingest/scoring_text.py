"""Scorings as text: one stage a line, or a table of onset, duration and stage.

The separator is tab, semicolon, comma, bar or blanks. A table without a header has the columns onset, duration and
stage, or onset (or the number of the epoch) and stage. Times are seconds, or times of the clock. Tables of
probabilities are those of `scoring_shares`.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError
from sacd.ingest.clock_times import check_summer_time, clock_time, clock_times
from sacd.ingest.scoring_marks import Marks, seconds
from sacd.ingest.scoring_shares import read_shares, share_columns
from sacd.ingest.stage_names import StageNames, says_stage, unknown_stage
from sacd.ingest.text_file import read_text
from sacd.stages import STAGES

_REMEDY = "write one stage a line, or onset,duration,stage"
_COLUMNS = {
    "onset": ("onset", "start", "begin", "time", "clock", "start time", "clock time", "time of day", "timestamp"),
    "duration": ("duration", "length", "dur"),
    "epoch": ("epoch", "epochs", "epoch number", "epoch no", "epoch index"),
    "stage": ("stage", "stages", "sleep stage", "sleepstage", "hypnogram", "hypno", "score", "scoring"),
    # Annotations: what is neither a stage nor an event may stand there too.
    "word": ("description", "trial type", "annotation", "annotations", "event", "label", "type"),
}
_ROLES = {name: role for role, names in _COLUMNS.items() for name in names}
_OTHER_UNIT = re.compile(r"[\s_.\-(\[]+(ms|msec|milliseconds?|us|µs|min|minutes?|h|hours?|samples?)\s*[)\]]?$")
_MARKS = "\t;,|"
_MOST_LINES = 100_000
_LONGEST_LINE = 10_000
_SAMPLE_LINES = 200
_EMPTY = ("", "n/a", "nan", "-")


@dataclass(frozen=True)
class _Layout:
    """The columns of a table: role to index; `mark` separates them, None for blanks."""

    mark: str | None
    columns: dict[str, int]
    width: int
    header: bool = False

    @property
    def timed(self) -> bool:
        return "onset" in self.columns

    @property
    def shares(self) -> bool:
        """Whether it has no column of stages, but one for each."""
        return self.columns.keys() == set(STAGES)

    @property
    def free(self) -> bool:
        """Whether other words than stages may stand in the column of stages."""
        return "stage" not in self.columns

    @property
    def place(self) -> int:
        """The column of stages."""
        return self.columns["word" if self.free else "stage"]

    def cells(self, line: str) -> list[str]:
        if self.width == 1:
            return [line.rstrip(_MARKS)]
        return line.split(maxsplit=self.width - 1) if self.mark is None else _split(line, self.mark)


_ONE_A_LINE = _Layout(None, {"stage": 0}, 1)
_Row = tuple[int, list[str]]


def read_table(path: Path, names: StageNames) -> Marks:
    """Stages and events of a text file.

    Raises
    ------
    SacdError
        No text, no stage, a line that does not fit the others, or an unknown stage.
    """
    lines = _lines(path)
    layout = _layout(lines[0][1], names)
    if layout is None:
        raise SacdError(
            f"{path}: line {lines[0][0]} has no column of stages; begin the table with the line onset,duration,stage"
        )
    if layout.header:
        _check_units(path, layout.cells(lines[0][1]))
    if layout.shares:
        return read_shares(path, _rows(path, lines, layout), [layout.columns[stage] for stage in STAGES])
    meanings: dict[str, int | str | None] = {}
    kept: list[tuple[_Row, int | str]] = []
    for number, cells in _rows(path, lines, layout):
        text = cells[layout.place]
        if text not in meanings:
            meanings[text] = _meaning(text, layout, names)
        meaning = meanings[text]
        if meaning is not None:
            kept.append(((number, cells), meaning))
        elif not layout.free or not layout.timed or says_stage(text):
            raise unknown_stage(path, f"line {number}", text)
    return _marks(path, layout, kept)


def looks_like_scoring(path: Path, names: StageNames) -> bool:
    """Whether the beginning of a text file is that of a scoring, however its other lines may be."""
    try:
        lines = _lines(path)[:_SAMPLE_LINES]
        layout = _layout(lines[0][1], names)
        if layout is None or layout.shares:
            return layout is not None
        texts = [cells[layout.place] for _, cells in _rows(path, lines, layout)]
    except SacdError:
        return False
    stages = sum(_is_stage(text, names) for text in texts)
    return stages > 0 and (layout.header or 2 * stages >= len(texts))


def _lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines, without empty ones and comments."""
    text = read_text(path, _REMEDY)
    if text.count("\n") > _MOST_LINES:
        raise SacdError(f"{path}: more than {_MOST_LINES:,} lines, too many for a night; name the right file")
    lines = [(number, line.strip(" ")) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line.strip() and not line.startswith(("#", "%"))]
    long = next((number for number, line in lines if len(line) > _LONGEST_LINE), None)
    if long is not None:
        raise SacdError(f"{path}: line {long} is longer than {_LONGEST_LINE:,} characters, no row; {_REMEDY}")
    if not lines:
        raise SacdError(f"{path}: the scoring is empty; {_REMEDY}")
    return lines


def _layout(first: str, names: StageNames) -> _Layout | None:
    """The layout by the first line, or None where that is neither a header nor a row."""
    bare = first.rstrip(_MARKS + " ")
    mark = next((mark for mark in _MARKS if mark in bare), None)
    if mark is None and _is_stage(bare, names):
        return _ONE_A_LINE
    cells = first.split() if mark is None else _split(first, mark)
    columns: dict[str, int] = {}
    for index, cell in enumerate(cells):
        if (role := _ROLES.get(_column(cell))) is not None:
            columns.setdefault(role, index)
    if len(cells) == 2 and columns.keys() in ({"onset"}, {"epoch"}):
        # YASA calls the column of stages by the scorer's name.
        columns["stage"] = 1 - next(iter(columns.values()))
    if "stage" in columns or "word" in columns:
        return _Layout(mark, columns, len(cells), header=True)
    if (shares := share_columns(cells)) is not None:
        return _Layout(mark, dict(zip(STAGES, shares, strict=True)), len(cells), header=True)
    times = next((index for index, cell in enumerate(cells[:2]) if not _is_time(cell)), len(cells[:2]))
    if mark is None:
        # The name of a stage may hold blanks.
        cells = first.split(maxsplit=times)
        if len(cells) == 1:
            return _ONE_A_LINE
    if times and len(cells) == 2:
        return _Layout(mark, {"onset": 0, "stage": 1}, 2)
    return _Layout(mark, {"onset": 0, "duration": 1, "stage": 2}, 3) if times == 2 and len(cells) == 3 else None


def _split(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True, strict=True))
    except csv.Error:
        return line.split(mark)


def _is_stage(text: str, names: StageNames) -> bool:
    return names.stage(text) is not None or re.fullmatch(r"\s*-?\d(\.0*)?\s*", text) is not None


def _is_time(text: str) -> bool:
    return not np.isnan(seconds(text)) or clock_time(text) is not None


def _column(cell: str) -> str:
    """A column's name without case, unit and underscores."""
    bare = re.sub(r"\[[^\[\]]*\]|\([^()]*\)", "", cell.casefold())
    return re.sub(r"[\s_.\-]+", " ", bare).strip().removesuffix(" s")


def _check_units(path: Path, cells: Sequence[str]) -> None:
    """Refuse times that are not in seconds, which would be passed over, or taken for seconds."""
    for cell in cells:
        name = cell.casefold().rstrip()
        unit = _OTHER_UNIT.search(name)
        if unit and _ROLES.get(_column(name[: unit.start()])) in ("onset", "duration"):
            raise SacdError(f"{path}: the column {cell!r} is in {unit[1]}; write seconds, onset and duration")


def _rows(path: Path, lines: Sequence[tuple[int, str]], layout: _Layout) -> list[_Row]:
    wanted = max(layout.columns.values())
    rows = []
    for number, line in lines[layout.header :]:
        cells = layout.cells(line)
        if len(cells) <= wanted:
            between = {"\t": "tabs", None: "blanks"}.get(layout.mark, f"{layout.mark!r}")
            raise SacdError(
                f"{path}: line {number} has {len(cells)} columns separated by {between}, and the first line "
                f"{layout.width}: not every line has what the first has; correct the line"
            )
        rows.append((number, cells))
    return rows


def _meaning(text: str, layout: _Layout, names: StageNames) -> int | str | None:
    if not layout.timed:
        return names.stage(text)
    if layout.free:
        return names.mark(text)
    code = names.stage(text)
    return names.event(text) if code is None else code


def _marks(path: Path, layout: _Layout, kept: list[tuple[_Row, int | str]]) -> Marks:
    if not kept or not (layout.timed or "epoch" in layout.columns):
        return Marks.of_epochs([code for _, code in kept])
    numbered = [(number, cells[layout.columns["onset" if layout.timed else "epoch"]]) for (number, cells), _ in kept]
    onset, start, notes = _onsets(path, numbered)
    if not layout.timed or (not layout.header and layout.width == 2 and _counts(onset)):
        codes = np.array([code for _, code in kept], np.int64)
        # Numbers of epochs begin with 0 or 1.
        return Marks(onset - (onset.min() > 0), np.ones(len(onset)), codes, counted=True)
    if start is not None:
        scored = [index for index, (_, kind) in enumerate(kept) if not isinstance(kind, str)]
        check_summer_time(path, [numbered[index][0] for index in scored], onset[scored])
    duration = np.full(len(onset), np.nan)
    if "duration" in layout.columns:
        duration = np.array([_duration(path, number, cells[layout.columns["duration"]]) for (number, cells), _ in kept])
    stages = [(a, b, kind) for a, b, (_, kind) in zip(onset, duration, kept, strict=True) if not isinstance(kind, str)]
    events = [
        (float(a), float(np.nan_to_num(b)), kind)
        for a, b, (_, kind) in zip(onset, duration, kept, strict=True)
        if isinstance(kind, str)
    ]
    return Marks.of(stages, events, start, notes=notes)


def _onsets(path: Path, rows: Sequence[tuple[int, str]]) -> tuple:
    """Onsets [rows] in s, and when they begin, and notes, as of `clock_times`."""
    times = np.array([seconds(text) for _, text in rows])
    lacking = np.flatnonzero(np.isnan(times))
    if not len(lacking):
        return times, None, ()
    if clock_time(rows[0][1]) is not None:
        return clock_times(path, rows)
    number = rows[lacking[0]][0]
    raise SacdError(
        f"{path}: line {number}: the onset is no time; write seconds from the start of the "
        "recording, or local times like 22:30:30 or 2024-03-01T22:30:30"
    )


def _counts(onset: np.ndarray) -> bool:
    return len(onset) > 1 and bool((np.diff(onset) == 1).all())


def _duration(path: Path, number: int, text: str) -> float:
    """Seconds; NaN where the cell is empty."""
    value = seconds(text)
    if np.isnan(value) and text.strip().lower() not in _EMPTY:
        clock = clock_time(text)
        if clock is None:
            raise SacdError(f"{path}: line {number}: the duration is no number; write seconds")
        value = clock[1]
    return value
