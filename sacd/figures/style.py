"""One look for every figure, and the stamp that says which cohort it was made from, and whether that is simulated."""

import textwrap
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PAGE = 7.16
"""Width of both columns of an IEEE page, inches."""

INK, MUTED, GRID = "#222222", "#707070", "#DDDDDD"
BLUE, ORANGE = "#0072B2", "#D55E00"
CYCLE = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1B2A49")
"""Okabe–Ito, colour-blind-safe."""
STAGE_COLOURS: dict[str, str] = {
    "W": "#E69F00",
    "N1": "#56B4E9",
    "N2": "#0072B2",
    "N3": "#1B2A49",
    "REM": "#CC3D6E",
}
"""Of the stages, the same in every figure."""
AHI_COLOURS: dict[str, str] = {
    "normal": "#009E73",
    "mild": "#0072B2",
    "moderate": "#E69F00",
    "severe": "#D55E00",
}

PAPER_NOTE = "paper, another dataset"
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "hatch.linewidth": 0.5,
    "figure.facecolor": "white",
}
DPI = 160
_FOOT, _LINE = 0.22, 0.14
"""Inches of the foot, and of a second line in it."""
_CHARACTERS = 14
"""Of the foot's font, an inch."""


class Drawing(Figure):
    """A figure outside pyplot's global state that notebooks show by themselves, whatever the backend."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        FigureCanvasAgg(self).print_png(buffer)
        return buffer.getvalue()


styled = mpl.rc_context
"""`@styled(STYLE)` draws a function's figure in the one look."""


def canvas(label: str, width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple:
    """A stamped figure and its axes.

    Parameters
    ----------
    label : str
        `Cohort.label`; drawn at the foot, in bold orange where it says *simulated*.
    width, height : float
        Inches.
    rows, columns : int
        Of axes; `options` go to `Figure.subplots`.

    Returns
    -------
    figure : Figure
    axes : ndarray of Axes [rows, columns]
    """
    figure = Drawing(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    stamp(figure, label)
    return figure, axes


def panels(
    label: str, count: int, height: float, panel_height: float, width: float = PAGE, columns: int = 3, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A `canvas` of some panels, line by line, at most `columns` a line; `height` is that of all that is no panel."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure, axes = canvas(label, width, height + panel_height * rows, rows, columns, **options)
    for ax in axes.flat[count:]:
        ax.remove()
    return figure, list(axes.flat[:count])


def starts_line(ax: Axes) -> bool:
    """Whether a panel is the first of its line."""
    return ax.get_subplotspec().is_first_col()


def blank(label: str, text: str) -> Figure:
    """In place of a figure that has nothing to show: a stamped line of text."""
    figure, axes = canvas(label, PAGE, 0.8)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0, 0.5, text, va="center", parse_math=False)
    return figure


def stamp(figure: Figure, label: str, note: str = "") -> None:
    """Write the cohort's label at the right foot of a figure, a note at the left; replaces what was there."""
    for old in [text for text in figure.texts if text.get_gid() == "stamp"]:
        old.remove()
    width, height = figure.get_size_inches()
    both = len(note) + len(label) < _CHARACTERS * width
    foot = _FOOT if both else _FOOT + _LINE
    if engine := figure.get_layout_engine():
        engine.set(rect=(0, foot / height, 1, 1 - foot / height))
    simulated = "simulated" in label.lower()
    strong = {"color": ORANGE, "weight": "bold"} if simulated else {"color": MUTED}
    # a name from a file is text, never mathematics
    common = {"va": "bottom", "fontsize": 7.5, "gid": "stamp", "parse_math": False}
    figure.text(0.995, 0.05 / height, label, ha="right", **common, **strong)
    if note:
        # a line of its own where it would run into the label
        figure.text(0.005, (0.05 if both else 0.05 + _LINE) / height, note, ha="left", color=MUTED, **common)


def name_panel(ax: Axes, name: str, characters: int = 26) -> None:
    """Title of a panel, broken so that it stays over its panel; text from a file is never read as mathematics."""
    ax.set_title("\n".join(textwrap.wrap(name, characters)), parse_math=False)


def letter(axes: np.ndarray) -> None:
    """Mark panels (a), (b), … in reading order, before their titles."""
    for index, ax in enumerate(axes.flat):
        ax.set_title(f"({chr(ord('a') + index)}) {ax.get_title()}".rstrip(), parse_math=False)


def percent(ax: Axes, axis: str = "x", label: str = "%") -> None:
    """Label an axis of fractions in percent."""
    target = ax.xaxis if axis == "x" else ax.yaxis
    target.set_major_formatter(lambda value, _: f"{100 * value:g}")
    target.set_label_text(label)
