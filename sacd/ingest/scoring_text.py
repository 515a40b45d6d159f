"""Scorings as text: one stage a line, or a table of onset, duration and stage.

The separator is tab, semicolon, comma, bar or blanks. A table without a header has the columns onset, duration and
stage, or onset (or the number of the epoch) and stage; above a header other lines may stand, as recorders' programs
write them. Times are seconds, or times of the clock. Tables of probabilities are those of `scoring_shares`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError
from sacd.ingest.clock_times import check_summer_time, clock_time, clock_times
from sacd.ingest.scoring_columns import (
    Layout,
    Line,
    Row,
    below_heading,
    check_units,
    is_stage,
    naming_stages,
    rows_of,
)
from sacd.ingest.scoring_marks import Marks, seconds
from sacd.ingest.scoring_shares import read_shares
from sacd.ingest.stage_names import StageNames, says_stage, unknown_stage
from sacd.ingest.text_file import read_text
from sacd.stages import STAGES

_REMEDY = "write one stage a line, or onset,duration,stage"
_MOST_LINES = 100_000
_LONGEST_LINE = 10_000
_SAMPLE_LINES = 200
_EMPTY = ("", "n/a", "nan", "-")


def read_table(path: Path, names: StageNames) -> Marks:
    """Stages and events of a text file.

    Raises
    ------
    SacdError
        No text, no stage, a line that does not fit the others, or an unknown stage.
    """
    lines, layout = below_heading(_lines(path), names)
    if layout is None:
        raise SacdError(
            f"{path}: line {lines[0][0]} has no column of stages; begin the table with the line onset,duration,stage"
        )
    if layout.header:
        check_units(path, layout.cells(lines[0][1]))
    if layout.shares:
        return read_shares(path, rows_of(path, lines, layout), [layout.columns[stage] for stage in STAGES])
    rows = rows_of(path, lines, layout)
    layout = naming_stages(layout, rows, names)
    meanings: dict[str, int | str | None] = {}
    kept: list[tuple[Row, int | str]] = []
    for number, cells in rows:
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
        lines, layout = below_heading(_lines(path)[:_SAMPLE_LINES], names)
        if layout is None or layout.shares:
            return layout is not None
        rows = rows_of(path, lines, layout)
        layout = naming_stages(layout, rows, names)
        texts = [cells[layout.place] for _, cells in rows]
    except SacdError:
        return False
    stages = sum(is_stage(text, names) for text in texts)
    return stages > 0 and (layout.header or 2 * stages >= len(texts))


def _lines(path: Path) -> list[Line]:
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


def _meaning(text: str, layout: Layout, names: StageNames) -> int | str | None:
    if not layout.timed:
        return names.stage(text)
    if layout.free:
        return names.mark(text)
    code = names.stage(text)
    return names.event(text) if code is None else code


def _marks(path: Path, layout: Layout, kept: list[tuple[Row, int | str]]) -> Marks:
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
