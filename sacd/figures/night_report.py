"""The night report on one A4 page, for a screen, a printer or a folder; `html` is the same for a browser."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sacd.analysis.night_report import NightReport
from sacd.figures import night_words as words
from sacd.figures.night_html import fragment, html
from sacd.figures.night_plot import across, draw_night
from sacd.figures.style import DPI, GRID, INK, MUTED, ORANGE, STYLE, Drawing, stamp, styled

__all__ = ["fragment", "html", "page"]

WIDTH, HEIGHT = 8.27, 11.69
"""A4, inches."""
_LEFT, _RIGHT = 0.6, 7.67
_FOOT = HEIGHT - 0.85
"""Where the page says what it is."""
_MIDDLE, _GUTTER = 4.35, 0.3
_LINE = 0.165
"""Height of a line of text, inches."""
_PER_INCH = 18.5
"""Characters of the notes' font in an inch."""


@styled(STYLE | {"pdf.fonttype": 42})
def page(report: NightReport) -> Figure:
    """The report of a night on one page.

    Parameters
    ----------
    report : NightReport

    Returns
    -------
    Figure
        A4, upright; `savefig` writes it as PDF or PNG.
    """
    figure = Drawing(figsize=(WIDTH, HEIGHT), dpi=DPI)
    sheet = _axes(figure, 0, 0, WIDTH, HEIGHT)
    sheet.set_axis_off()
    sheet.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    write = _Writer(sheet)
    write.text(_LEFT, 0.62, words.TITLE, size=15, weight="bold")
    write.text(_RIGHT, 0.62, words.RESEARCH, size=10, weight="bold", color=ORANGE, ha="right")
    bottom = write.notes(_LEFT, 0.86, _RIGHT, words.about(report))
    if report.foreign:
        write.text(_LEFT, bottom + 0.15, words.BANNER, size=9.5, weight="bold", color=ORANGE)
        bottom += 0.2
    bottom = _draw_night(figure, report, bottom + 0.25)
    top = bottom + 0.25
    left = write.heading(_LEFT, top, _MIDDLE, "Sleep statistics")
    if len(report.statistics):
        titles, rows = words.statistic_table(report)
        places = (_LEFT, *(2.6, 3.5, _MIDDLE)[1 - len(titles) :])
        left = write.table(left, places, titles, rows, numbers=len(titles) - 1)
    left = write.notes(_LEFT, left, _MIDDLE, words.statistic_notes(report))
    begin = _MIDDLE + _GUTTER
    right = write.heading(begin, top, _RIGHT, "Agreement with the human scoring")
    if len(report.agreement):
        cells = words.agreement_rows(report)
        right = write.table(right, (begin, 7.22, _RIGHT), words.AGREEMENT_COLUMNS, cells, numbers=2)
    right = write.notes(begin, right, _RIGHT, [words.agreement_note(report)])
    right = write.heading(begin, right + 0.1, _RIGHT, "Quality of the pictures")
    if report.quality is not None:
        right = write.table(right, (begin, _RIGHT), ("", ""), words.quality_rows(report), numbers=1)
    right = write.notes(begin, right, _RIGHT, [words.quality_note(report)])
    top = max(left, right) + 0.1
    if severity := words.severity_notes(report):
        top = write.heading(_LEFT, top, _RIGHT, words.BREATHING)
        top = write.notes(_LEFT, top, _RIGHT, severity) + 0.05
    low = write.heading(_LEFT, top, _RIGHT, "Review these clips")
    low = write.notes(_LEFT, low, _RIGHT, words.review_notes(report))
    titles, rows = words.review_table(report, min(words.SHOWN, int((_FOOT - low) / _LINE) - 1))
    places = (_LEFT, 1.35, 2.15, _MIDDLE) if len(titles) > 3 else (_LEFT, 1.35, 2.9)
    write.table(low, places, titles, rows, numbers=1)
    if report.expected:
        write.table(low, (begin, _RIGHT), words.EXPECTED_COLUMNS, words.expected_rows(report), numbers=1)
    write.notes(_LEFT, _FOOT, _RIGHT, [words.STAGES_IN_WORDS, words.purpose(report)])
    stamp(figure, report.label)
    if report.foreign:
        across(figure)
    return figure


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the upper left corner."""
    return figure.add_axes((left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT))


def _draw_night(figure: Figure, report: NightReport, top: float) -> float:
    """Draw the night; returns where it ends."""
    heights = [0.95, 1.0] if report.agreement.empty else [0.85, 0.85, 0.8]
    panels = []
    for height in heights:
        panels.append(_axes(figure, _LEFT + 0.3, top, _RIGHT - _LEFT - 0.85, height))
        top += height + 0.27
    draw_night(report, panels)
    return top + 0.1


class _Writer:
    """Writes on a sheet whose units are inches from the upper left corner; text from files is never mathematics."""

    def __init__(self, sheet: Axes) -> None:
        self._sheet = sheet

    def text(self, x: float, y: float, words: str, size: float = 8, color: str = INK, **how: str) -> None:
        """One line."""
        self._sheet.text(x, y, words, fontsize=size, color=color, parse_math=False, va="baseline", **how)

    def heading(self, left: float, top: float, right: float, words: str) -> float:
        """A heading over a rule; returns where what follows begins."""
        self.text(left, top + 0.13, words, size=9.5, weight="bold")
        self._sheet.plot([left, right], [top + 0.19] * 2, color=INK, lw=0.8)
        return top + 0.24

    def notes(self, left: float, top: float, right: float, paragraphs: Sequence[str]) -> float:
        """Paragraphs, broken to their width."""
        for paragraph in paragraphs:
            for line in textwrap.wrap(paragraph, int(_PER_INCH * (right - left))):
                self.text(left, top + 0.12, line, size=7.2)
                top += 0.135
            top += 0.04
        return top

    def table(
        self, top: float, places: Sequence[float], titles: Sequence[str], rows: Sequence[Sequence[str]],
        numbers: int = 0,
    ) -> float:
        """Rows of cells at places across; of the last `numbers` columns the places are right edges."""
        first_number = len(places) - numbers
        lines = [titles, *rows] if any(titles) else list(rows)
        for index, cells in enumerate(lines):
            is_title = index == 0 and any(titles)
            for column, (place, cell) in enumerate(zip(places, cells, strict=True)):
                align = "right" if column >= first_number else "left"
                self.text(place, top + 0.13, cell, size=7.5, ha=align, color=MUTED if is_title else INK)
            top += _LINE
            self._sheet.plot([places[0], places[-1]], [top + 0.015] * 2, color=GRID, lw=0.5)
        return top + 0.05
