"""Which column of a text scoring says what: found by its header, or by its first line where it has none."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError
from sacd.ingest.clock_times import clock_time
from sacd.ingest.scoring_marks import seconds
from sacd.ingest.scoring_shares import share_columns
from sacd.ingest.stage_names import StageNames
from sacd.stages import STAGES

Line = tuple[int, str]
"""Its number in the file, and its text."""
Row = tuple[int, list[str]]
"""The number of its line, and its cells."""
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
_MOST_ABOVE = 60
"""Lines above a header, at most."""


@dataclass(frozen=True)
class Layout:
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


_ONE_A_LINE = Layout(None, {"stage": 0}, 1)


def below_heading(lines: list[Line], names: StageNames) -> tuple[list[Line], Layout | None]:
    """The lines from the table's first on, and its layout; a header of times and stages may stand further below."""
    layout = _layout(lines[0][1], names)
    bare = layout == _ONE_A_LINE and not is_stage(lines[0][1], names)
    if layout is None or bare or (layout.header and layout.free and not layout.timed):
        for above, (_, line) in enumerate(lines[1 : _MOST_ABOVE + 1], 1):
            found = _layout(line, names)
            if found is None or not found.header or not found.columns.keys() & {"onset", "epoch"}:
                continue
            # "Start<tab>22:00:00" is no header, though start is the name of a column.
            if not any(_is_time(cell) for cell in found.cells(line)):
                return lines[above:], found
    return lines, layout


def naming_stages(layout: Layout, rows: Sequence[Row], names: StageNames) -> Layout:
    """Where a column of annotations names stages, that one: a stage beside an annotation says when it was made."""
    word = layout.columns.get("word")
    if layout.free or not layout.timed or word is None:
        return layout
    meanings = {names.mark(text) for text in {cells[word] for _, cells in rows}}
    if not meanings & set(range(len(STAGES))):
        return layout
    return replace(layout, columns={role: place for role, place in layout.columns.items() if role != "stage"})


def is_stage(text: str, names: StageNames) -> bool:
    """Whether a text names a stage, be it by a digit."""
    return names.stage(text) is not None or re.fullmatch(r"\s*-?\d(\.0*)?\s*", text) is not None


def check_units(path: Path, cells: Sequence[str]) -> None:
    """Refuse times that are not in seconds, which would be passed over, or taken for seconds."""
    for cell in cells:
        name = cell.casefold().rstrip()
        unit = _OTHER_UNIT.search(name)
        if unit and _ROLES.get(_column(name[: unit.start()])) in ("onset", "duration"):
            raise SacdError(f"{path}: the column {cell!r} is in {unit[1]}; write seconds, onset and duration")


def rows_of(path: Path, lines: Sequence[Line], layout: Layout) -> list[Row]:
    """The rows of a table, each with all columns that are looked at.

    Raises
    ------
    SacdError
        A row has fewer.
    """
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


def _layout(first: str, names: StageNames) -> Layout | None:
    """The layout by the first line, or None where that is neither a header nor a row."""
    bare = first.rstrip(_MARKS + " ")
    mark = next((mark for mark in _MARKS if mark in bare), None)
    if mark is None and is_stage(bare, names):
        return _ONE_A_LINE
    cells = first.split() if mark is None else _split(first, mark)
    columns: dict[str, int] = {}
    for index, cell in enumerate(cells):
        if (role := _ROLES.get(_column(cell))) is not None:
            columns.setdefault(role, index)
    if len(cells) == 2 and columns.keys() in ({"onset"}, {"epoch"}):
        # YASA calls the column of stages by the scorer's name.
        columns["stage"] = 1 - next(iter(columns.values()))
    # "Event" among other words of a line begins a sentence, not a table.
    sentence = mark is None and len(cells) > 1 and "onset" not in columns
    if "stage" in columns or ("word" in columns and not sentence):
        return Layout(mark, columns, len(cells), header=True)
    if (shares := share_columns(cells)) is not None:
        return Layout(mark, dict(zip(STAGES, shares, strict=True)), len(cells), header=True)
    times = next((index for index, cell in enumerate(cells[:2]) if not _is_time(cell)), len(cells[:2]))
    if mark is None:
        # The name of a stage may hold blanks.
        cells = first.split(maxsplit=times)
        if len(cells) == 1:
            return _ONE_A_LINE
    if times and len(cells) == 2:
        return Layout(mark, {"onset": 0, "stage": 1}, 2)
    return Layout(mark, {"onset": 0, "duration": 1, "stage": 2}, 3) if times == 2 and len(cells) == 3 else None


def _split(line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark, skipinitialspace=True, strict=True))
    except csv.Error:
        return line.split(mark)


def _is_time(text: str) -> bool:
    return not np.isnan(seconds(text)) or clock_time(text) is not None


def _column(cell: str) -> str:
    """A column's name without case, unit and underscores."""
    bare = re.sub(r"\[[^\[\]]*\]|\([^()]*\)", "", cell.casefold())
    return re.sub(r"[\s_.\-]+", " ", bare).strip().removesuffix(" s")
