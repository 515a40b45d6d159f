"""The confirmation as tables, a figure of its cohorts, and words: what holds, what does not, what was not resolved."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sacd.analysis.claim import (
    FAILS,
    HOLDS,
    LEAST_GAP,
    NOT_RESOLVED,
    NOT_TESTED,
    Mean,
    Share,
    Test,
    over_cohorts,
    paired,
)
from sacd.figures.html_table import Html, cell, render
from sacd.figures.style import BLUE, INK, MUTED, ORANGE, PAGE, STYLE, canvas, stamp, styled
from sacd.figures.words import counted, interval, points, probability, score_of
from sacd.metrics import SCORES

OVER_COHORTS = "two-sided 95 % interval over cohorts (t, cohorts − 1 degrees of freedom)"


def sentence(row: Mapping[str, Any]) -> str:
    """What one test comes to, a miss as a miss.

    Parameters
    ----------
    row : mapping
        Of `sacd.analysis.claim.confirm`.
    """
    unit = " points" if score_of(row["metric"]).is_share else ""
    score = SCORES[row["metric"]]
    margin = f" (not worse by more than {score.written(-row['threshold'])}{unit})" if row["threshold"] else ""
    figures = f"{points(row['mean'], row['metric'])}{unit} {interval(row['low'], row['high'], row['metric'])}".rstrip()
    about = f"{row['name']}, {row['row']} − {row['reference']}, {score.title}{margin}: {figures}"
    resolved = f"{score.written(row['resolution'])}{unit}"
    if row["verdict"] == NOT_TESTED:
        why = f"{NOT_TESTED}, for a test before it does not hold"
    elif row["verdict"] == HOLDS:
        why = "holds"
    elif row["verdict"] == NOT_RESOLVED:
        why = f"does not hold: not resolved, the design could resolve {resolved} four times in five"
    else:
        below = row["high"] < row["threshold"]
        why = f"{FAILS}: " + ("the interval lies on the other side" if below else "the interval does not exclude it")
    return f"{about}: {why}."


def gap_sentence(share: Share | None) -> str:
    """How much of the gap from few to all labels is closed."""
    if share is None:
        least = f"{100 * LEAST_GAP:g}"
        return f"Share of the gap closed: not told, for the gap's own lower bound is not above {least} points."
    ends = f"[{100 * share.low:.0f}, {100 * share.high:.0f}]"
    return f"Share of the gap closed (descriptive, Fieller): {100 * share.share:.0f} % {ends}.".replace("-", "−")


def tests_table(tests: pd.DataFrame, label: str) -> Html:
    """The tests in their order, with what the design could resolve.

    Parameters
    ----------
    tests : DataFrame
        `sacd.analysis.claim.confirm`, with a column `coupling`.
    """
    rows, last = [], None
    for row in tests.to_dict("records"):
        metric = row["metric"]
        cells = [
            cell(row["name"]),
            cell(f"{row['row']} − {row['reference']}, {SCORES[metric].title}"),
            cell(points(row["mean"], metric), interval(row["low"], row["high"], metric)),
            cell(points(row["threshold"], metric) if row["threshold"] else "0"),
            cell(probability(row["p"]).removeprefix("p ").removeprefix("= ") or "–"),
            cell(SCORES[metric].written(row["resolution"])),
            cell(row["verdict"], f"alone: {row['alone']}" if row["verdict"] == NOT_TESTED else ""),
        ]
        rows.append({"block": row["coupling"] if row["coupling"] != last else None, "cells": cells})
        last = row["coupling"]
    columns = [
        ("test", "text"), ("compared", "text"), ("difference, points (κ: units)", "number"), ("above", "number"),
        ("p against 0", "number"), ("resolved with a probability of .8", "number"), ("verdict", "text"),
    ]  # fmt: skip
    notes = [
        f"Each cohort weighs the same: its mean over seeds and participants; in brackets the {OVER_COHORTS}.",
        "Tests go in this order at the full level each, and stop at the first that does not hold.",
        "Resolved: from the variance components of stage A, before these cohorts were looked at.",
    ]
    return render("The confirmation", label, columns, rows, notes)


def rows_table(scores: pd.DataFrame, label: str) -> Html:
    """Every row's scores, mean over cohorts with intervals.

    Parameters
    ----------
    scores : DataFrame
        Columns `coupling`, `cohort`, `row`, `student`, `decision`, `metric`, `value`.
    """
    metrics = list(dict.fromkeys(scores["metric"]))
    rows = []
    for (coupling, student, decision), block in scores.groupby(["coupling", "student", "decision"], sort=False):
        heading: str | None = f"{coupling} · {student} · {decision}"
        for name, part in block.groupby("row", sort=False):
            found = {metric: over_cohorts(group["value"].to_numpy()) for metric, group in part.groupby("metric")}
            cells = [cell(name), *(_score_cell(found[metric], metric) for metric in metrics)]
            rows.append({"block": heading, "cells": [*cells, cell(str(part["cohort"].nunique()))]})
            heading = None
    columns = [("row", "text"), *((SCORES[name].heading, "number") for name in metrics), ("cohorts", "number")]
    return render("All rows", label, columns, rows, [f"Means of cohorts; in brackets the {OVER_COHORTS}."])


def _score_cell(found: Mean, metric: str) -> dict[str, str]:
    score = SCORES[metric]
    ends = f"[{score.written(found.low)}, {score.written(found.high)}]"
    return cell(score.written(found.mean), "" if np.isnan(found.low) else ends)


def components_table(
    components: Mapping[str, Mapping[str, float]], resolution: Mapping[str, float], order: Sequence[Test], design: str,
    label: str,
) -> Html:
    """Variance components of each test's differences, and what a design resolves with them.

    Parameters
    ----------
    components : mapping
        Test's name → fields of `sacd.analysis.claim.Components`.
    resolution : mapping
        Test's name → the difference that is resolved.
    order : sequence of Test
    design : str
        Its size in words.
    """
    rows = []
    for test in order:
        score = SCORES[test.metric]
        values = [*components[test.name].values(), resolution[test.name]]
        cells = [cell(f"{score.scale * value:.{score.digits + 1}f}") for value in values]
        rows.append({"block": None, "cells": [cell(test.name), *cells]})
    titles = ("SD of cohorts", "seeds", "participants", "rest", f"{design} resolve")
    notes = [
        "Of paired differences, in points (κ: units); seeds and participants within cohorts; negative estimates are 0.",
        "Resolved: the true difference whose interval is clear of 0 with a probability of .8 (noncentral t).",
    ]
    return render("What differences vary by", label, [("test", "text"), *((t, "number") for t in titles)], rows, notes)


@styled(STYLE)
def cohorts_forest(scores: pd.DataFrame, tests: pd.DataFrame, label: str) -> Figure:
    """Each cohort's difference, and their mean with its interval; a panel a test.

    Parameters
    ----------
    scores : DataFrame
        Of one coupling, student and decision; columns `cohort`, `row`, `metric`, `value`.
    tests : DataFrame
        `sacd.analysis.claim.confirm` on them.
    """
    names = sorted(scores["cohort"].unique())
    figure, axes = canvas(label, PAGE, 1.2 + 0.18 * len(names), 1, len(tests), sharey=True)
    for ax, row in zip(axes[0], tests.to_dict("records"), strict=True):
        score = SCORES[row["metric"]]
        values = score.scale * paired(scores, row["row"], row["reference"], row["metric"])
        ax.axvline(0, color=MUTED, lw=0.8)
        if row["threshold"]:
            ax.axvline(score.scale * row["threshold"], color=MUTED, lw=0.8, ls="--")
        ax.plot(values, range(len(names)), "o", ms=3.6, color=BLUE)
        colour = ORANGE if row["verdict"] == HOLDS else INK
        ax.hlines(len(names) + 0.4, score.scale * row["low"], score.scale * row["high"], color=colour, lw=1.6)
        ax.plot(score.scale * row["mean"], len(names) + 0.4, "D", ms=5, color=colour)
        unit = ", points" if score.is_share else ""
        ax.set_title(f"{row['name']}: {row['verdict']}")
        ax.set_xlabel(f"{row['row']} − {row['reference']}: {score.title}{unit}")
        ax.set_yticks([*range(len(names)), len(names) + 0.4], [*names, "mean"], parse_math=False)
        ax.set_ylim(len(names) + 1, -0.6)
        ax.xaxis.grid(True)
    stamp(figure, label, "95 % interval over cohorts; dashed: what *not worse* may cost".replace("*", ""))
    return figure


def conclusion(tests: pd.DataFrame, share: Share | None, coupling: str, cohorts: int) -> list[str]:
    """The confirmation in sentences, for one coupling."""
    head = f"{coupling} coupling, {counted(cohorts, 'cohort')}:"
    return [head, *(sentence(row) for row in tests.to_dict("records")), gap_sentence(share)]
