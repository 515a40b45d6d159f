"""Differences in words, the same in every table, figure and sentence: points, intervals, p, and what they allow."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import pandas as pd

from sacd.analysis.inference import (
    ALPHA,
    CLAIM,
    CLAIM_SEEDS,
    DESCRIPTIVE,
    DESCRIPTIVE_SEEDS,
    ENOUGH_PARTICIPANTS,
    TOO_FEW,
    side,
)
from sacd.metrics import SCORES, Score

INTERVAL = f"the 95 % interval for new participants and new training seeds (none below {DESCRIPTIVE_SEEDS} seeds)"
MEANING = (
    "p: how often a new draw of participants and of training seeds would show so large a difference if there were none"
)
STANDINGS = (
    f"Claim: {CLAIM_SEEDS} seeds or more; descriptive: {DESCRIPTIVE_SEEDS} or {CLAIM_SEEDS - 1};"
    f" too few: fewer, or fewer than {ENOUGH_PARTICIPANTS} participants."
)
OF_ONE_STAGE = ("recall_", "precision_", "bias_")
NOT_CLEAR = "not clear of 0"
NOTHING = "Nothing to compare: these runs do not hold both the reference and another row."


def score_of(metric: str) -> Score:
    """How a metric is written; what is no column of a table, as a share."""
    return SCORES.get(metric, SCORES["accuracy"])


def points(value: float, metric: str = "accuracy") -> str:
    """A difference with its sign: in points, for κ in units; a dash where there is none."""
    return "–" if pd.isna(value) else score_of(metric).written(value, "+")


def interval(low: float, high: float, metric: str = "accuracy") -> str:
    """The ends of an interval in brackets; nothing where there is none."""
    return "" if pd.isna(low) else f"[{points(low, metric)}, {points(high, metric)}]"


def probability(p: float) -> str:
    """``p = .034``, ``p < .001``; nothing where there is none."""
    if pd.isna(p):
        return ""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")


def estimate_in_words(
    value: float, low: float, high: float, p: float, metric: str = "accuracy", unit: str = ""
) -> str:
    """``+2.0 [+1.0, +3.0], p = .010``, without what is not known."""
    ends = f"{points(value, metric)}{unit} {interval(low, high, metric)}".rstrip()
    return ", ".join(filter(None, [ends, probability(p)]))


def in_percent(share: float, digits: int = 0) -> str:
    """``45 %``, of 0.45."""
    return f"{100 * share:.{digits}f} %"


def counted(number: int, one: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def judged(row: Mapping[str, Any], above: str = "clear of 0", below: str = "clear of 0") -> str:
    """What a row of `sacd.analysis.comparison.compare` allows to say.

    Parameters
    ----------
    row : mapping
    above, below : str
        What it is called when the interval lies wholly above, or below, 0.
    """
    if row["standing"] == TOO_FEW:
        return f"{TOO_FEW} ({counted(row['seeds'], 'seed')}, {counted(row['participants'], 'participant')})"
    place = side(row["low"], row["high"])
    said = {1: above, -1: below, 0: NOT_CLEAR}[place]
    if place and row["p_holm"] >= ALPHA:
        said += ", but not after Holm's correction"
    return f"{said} ({DESCRIPTIVE}: {row['seeds']} seeds)" if row["standing"] == DESCRIPTIVE else said


def in_words(row: Mapping[str, Any], above: str = "clear of 0", below: str = "clear of 0") -> str:
    """A row's difference, interval, Holm's p and what they allow to say; see `judged`."""
    unit = score_of(row["metric"]).difference_unit
    known = estimate_in_words(row["difference"], row["low"], row["high"], row["p_holm"], row["metric"], unit)
    return f"{known}: {judged(row, above, below)}"


def differences_in_words(
    comparison: pd.DataFrame,
    label: str,
    by: Sequence[str] = ("method",),
    above: str = "clear of 0",
    below: str = "clear of 0",
    printed: Mapping[str, float] | None = None,
) -> str:
    """Every row of a comparison `in_words`, a line each, and a last line that says what the lines are.

    Parameters
    ----------
    comparison : DataFrame
        `sacd.analysis.comparison.compare`.
    label : str
        `Cohort.label`.
    by : sequence of str
        Columns that name a row.
    above, below : str
        See `judged`.
    printed : mapping of str to float
        The paper's difference in accuracy, by the last of `by`; a dash where it prints none.
    """
    if comparison.empty:
        return NOTHING
    rows = comparison.to_dict("records")
    names = comparison[list(by)].astype(str)
    widths = [int(names[column].str.len().max()) for column in names]
    lines = []
    for row, name in zip(rows, names.itertuples(index=False), strict=True):
        title = "  ".join(f"{part:{width}}" for part, width in zip(name, widths, strict=True))
        known = printed is not None and row["metric"] == "accuracy"
        theirs = f"; paper {points(printed.get(name[-1], nan))}" if known else ""
        lines.append(f"{title}  {in_words(row, above, below)}{theirs}")
    compared = dict.fromkeys(f"{SCORES[row['metric']].title} − {row['reference']}" for row in rows)
    return "\n".join([*lines, f"{', '.join(compared)}; 95 % interval, Holm's p; {label}"])


def sure(comparison: pd.DataFrame) -> pd.Series:
    """Which rows are claims that stay below .05 after Holm's correction, bool."""
    return (comparison["standing"] == CLAIM) & (comparison["p_holm"] < ALPHA)


def components_notes(table: pd.DataFrame) -> list[str]:
    """How much seeds, participants and the rest differ in a table, and what difference it could have shown at all.

    Parameters
    ----------
    table : DataFrame
        Of `sacd.analysis.comparison.compare`, `sacd.analysis.summary.summarise` or `sacd.analysis.verdict.measure`:
        columns `sd_seeds`, `sd_participants`, `sd_rest`, `detectable`, and `metric` where its rows have several.

    Returns
    -------
    list of str
        A sentence for each metric that is not of one stage alone, or one for the table; medians over rows.
    """
    groups = table.groupby("metric", sort=False) if "metric" in table else [("", table)]
    return [_components(metric, rows) for metric, rows in groups if not metric.startswith(OF_ONE_STAGE)]


def _components(metric: str, rows: pd.DataFrame) -> str:
    score = score_of(metric)
    title = score.title if metric else "what is measured (κ × 100)"
    paired = "difference" in rows or "figure" in rows
    what = f"SD of {'differences in ' if paired and metric else ''}{title[0].lower()}{title[1:]}"
    spread = rows[["sd_seeds", "sd_participants", "sd_rest"]].median()
    if spread.isna().any():
        return f"{what}: not known from one seed{', nor what difference could have been seen' if paired else ''}."
    unit, digits = score.difference_unit, score.digits if score.is_share else score.digits + 1
    seeds, participants, rest = (f"{score.scale * value:.{digits}f}" for value in spread)
    told = f"{what}: {seeds}{unit} between seeds, {participants} between participants, {rest} otherwise"
    seen = rows["detectable"].median()
    if paired and not pd.isna(seen):
        told += f"; {score.scale * seen:.{digits}f}{unit} would be seen four times in five"
    return told + " (medians over rows)."
