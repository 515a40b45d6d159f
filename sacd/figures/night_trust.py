"""How far night reports can be trusted, over many nights: limits of agreement, coverage of ranges, gain of reviews."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sacd.analysis.conformal import LEVEL
from sacd.analysis.night_agreement import bland_altman
from sacd.analysis.sleep_statistics import STATISTICS
from sacd.figures.html_table import Html, cell, render
from sacd.figures.style import INK, MUTED, STYLE, panels, stamp, styled


@styled(STYLE)
def limits_of_agreement(pairs: pd.DataFrame, label: str) -> Figure:
    """Bland–Altman: model minus scorer against the mean of both, a panel a statistic, a point a night.

    Parameters
    ----------
    pairs : DataFrame
        Of `sacd.analysis.sleep_statistics.paired_statistics`.
    label : str
        `Cohort.label`.
    """
    limits = bland_altman(pairs)
    figure, axes = panels(label, len(limits), 0.5, 1.75)
    for ax, row in zip(axes, limits.to_dict("records"), strict=True):
        about, part = STATISTICS[row["statistic"]], pairs[pairs["statistic"] == row["statistic"]].dropna()
        said, true = part["predicted"], part["scored"]
        ax.plot((said + true) / 2, said - true, "o", ms=3, mew=0, alpha=0.7)
        ax.axhline(0, color=MUTED, lw=0.6)
        for height, style in ((row["bias"], "-"), (row["low"], "--"), (row["high"], "--")):
            if np.isfinite(height):
                ax.axhline(height, color=INK, ls=style, lw=0.9)
        ax.set_title(about.title)
        ax.set_xlabel(f"mean of both, {about.unit}")
        ax.set_ylabel(f"model − scorer, {about.unit}")
    stamp(figure, label, "solid: bias; dashed: bias ± 1.96 SD")
    return figure


def limits_table(pairs: pd.DataFrame, label: str) -> Html:
    """The same in numbers; nights that have a statistic only one way are counted apart."""
    rows = []
    for row in bland_altman(pairs).to_dict("records"):
        about = STATISTICS[row["statistic"]]
        values = [_signed(row[name]) for name in ("bias", "low", "high")]
        counts = [str(row[name]) for name in ("nights", "absent", "missed")]
        rows.append({"block": None, "cells": [cell(f"{about.title}, {about.unit}"), *map(cell, values + counts)]})
    columns = [("statistic", "text"), *((name, "number") for name in (
        "bias", "lower limit", "upper limit", "nights", "by the model alone", "by the scorer alone",
    ))]  # fmt: skip
    notes = ["Model minus scorer; limits: bias ± 1.96 SD. Nights that have a statistic one way alone, as a REM latency"
             " where the other finds no REM, are counted apart."]  # fmt: skip
    return render("Bias and limits of agreement", label, columns, rows, notes)


def coverage_gist(trust: pd.DataFrame, label: str) -> str:
    """In a sentence: how often the ranges of the statistics held, and how many say more than no recording would.

    Parameters
    ----------
    trust : DataFrame
        As of `coverage_table`, with `blind`.
    label : str
        `Cohort.label`.
    """
    if trust.empty:
        return f"Ranges of the night report on {label}: too few calibration nights for any."
    held = 100 * trust["covered"]
    told = int((trust["width"] < trust["blind"]).sum())
    return (
        f"Ranges of the night report on {label}, {100 * LEVEL:.0f} % promised: held in {held.min():.0f} to "
        f"{held.max():.0f} % of {trust['fresh'].max()} nights left out one by one; for {told} of {len(trust)} "
        "statistics narrower than without a recording."
    )


def coverage_table(trust: pd.DataFrame, label: str, by: str = "statistic", notes: tuple[str, ...] = ()) -> Html:
    """How many ranges held what was scored, and how wide they are.

    Parameters
    ----------
    trust : DataFrame
        Of `sacd.analysis.conformal.coverage`; with a column `blind` also the width of ranges without any recording.
    label : str
    by : str
        Column that names the rows.
    notes : tuple of str
    """
    blind = "blind" in trust
    rows = []
    for row in trust.to_dict("records"):
        known = STATISTICS.get(row[by])
        name = row[by] if known is None else f"{known.title}, {known.unit}"
        ends = f"[{100 * row['low']:.0f}, {100 * row['high']:.0f}]"
        cells = [cell(name), cell(f"{100 * row['covered']:.1f}", ends), cell(f"{row['width']:.0f}")]
        cells += [cell(_number(row["blind"], 0))] if blind else []
        rows.append({"block": None, "cells": [*cells, cell(str(row["fresh"]))]})
    names = ["held, %", "median width", *(["width without a recording"] if blind else []), "ranges"]
    below = (
        f"Ranges of {100 * LEVEL:.0f} %, each from the other nights;"
        " in brackets the 95 % interval of the share (Clopper–Pearson)."
    )
    if not rows:
        return render("Do the ranges hold?", label, [("", "text")], [], ["Too few nights for any range.", *notes])
    columns = [(by, "text"), *((name, "number") for name in names)]
    return render("Do the ranges hold?", label, columns, rows, [below, *notes])


def review_table(check: pd.DataFrame, label: str) -> Html:
    """Expected and obtained agreement after reviews, means over nights.

    Parameters
    ----------
    check : DataFrame
        Of `sacd.analysis.review.review_check`.
    """
    rows = []
    for count, part in check.groupby("reviewed"):
        apart = 100 * (part["expected"] - part["obtained"])
        values = [_number(100 * part[name].mean()) for name in ("expected", "obtained")]
        values += [_signed(apart.mean(), 1), _number(apart.std()), str(len(part))]
        rows.append({"block": None, "cells": [cell(f"{count} clips"), *map(cell, values)]})
    columns = [("after reviewing", "text"), *((name, "number") for name in (
        "expected, %", "obtained, %", "difference, points", "its SD over nights", "nights",
    ))]  # fmt: skip
    notes = ["Agreement with the scoring when the least sure clips are corrected first; each night by all others."]
    return render("What a review brings", label, columns, rows, notes)


def _number(value: float, digits: int = 1) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"


def _signed(value: float, digits: int = 0) -> str:
    return "–" if pd.isna(value) else f"{value:+.{digits}f}".replace("-", "−")
