"""One sentence a chapter, with which a report opens: computed from the chapter's tables, whatever they say."""

from collections.abc import Sequence

import pandas as pd

from sacd.analysis.inference import CLAIM, DESCRIPTIVE, TOO_FEW, side
from sacd.analysis.verdict import HOLDS, OPPOSITE, REAL, UNTESTED, Judged
from sacd.figures.words import NOTHING, counted, interval, points, score_of, sure


def differences_gist(what: str, comparison: pd.DataFrame, by: Sequence[str] = ("method",)) -> str:
    """How many rows lie above and below their reference, and which of these, or else of all, is furthest from it.

    Parameters
    ----------
    what : str
        What was compared; begins the sentence.
    comparison : DataFrame
        `sacd.analysis.comparison.compare`, of one metric.
    by : sequence of str
        Columns that name a row.
    """
    if comparison.empty:
        return f"{what}: {NOTHING}"
    sides = comparison.apply(lambda row: side(row["low"], row["high"]), axis=1)
    claimed = (comparison["standing"] == CLAIM).any()
    told = (sure(comparison) if claimed else comparison["standing"] == DESCRIPTIVE) & (sides != 0)
    rule = "after Holm's correction" if claimed else f"by their intervals ({DESCRIPTIVE})"
    known = f"{int((told & (sides > 0)).sum())} above and {int((told & (sides < 0)).sum())} below it {rule}"
    if (comparison["standing"] == TOO_FEW).all():
        known = "too few seeds or participants to say more"
    furthest = comparison.loc[(comparison[told] if told.any() else comparison)["difference"].abs().idxmax()]
    name = ", ".join(str(furthest[column]) for column in by)
    score = score_of(furthest["metric"])
    against = f"{counted(len(comparison), 'row')} against {furthest['reference']}"
    among, title = " of these" if told.any() else "", f"{score.title[0].lower()}{score.title[1:]}"
    value = points(furthest["difference"], furthest["metric"]) + score.difference_unit
    ends = interval(furthest["low"], furthest["high"], furthest["metric"])
    return f"{what}: {against}, {known}; furthest{among}: {name}, {title} {value} {ends}".rstrip() + "."


def best_gist(what: str, summary: pd.DataFrame, by: str = "method", within: str = "protocol") -> str:
    """The row of the highest accuracy in each block, with its interval.

    Parameters
    ----------
    what : str
        Begins the sentence.
    summary : DataFrame
        `sacd.analysis.summary.summarise`.
    by, within : str
        Columns that name a row and its block.
    """
    accuracy, score = summary[summary["metric"] == "accuracy"], score_of("accuracy")
    best = []
    for block, rows in accuracy.groupby(within, sort=False):
        row = rows.loc[rows["mean"].idxmax()]
        known = "" if pd.isna(row["low"]) else f" [{score.written(row['low'])}, {score.written(row['high'])}]"
        best.append(f"{block}: {row[by]}, {score.written(row['mean'])} %{known}")
    return f"{what}, highest accuracy: {'; '.join(best)}."


def verdict_gist(judged: Sequence[Judged], label: str) -> str:
    """How many of the paper's claims hold on the cohort of a label, in every setting that allows to say so.

    Where the cohort is not among those that were judged, of the first.
    """
    own, counts = next((one for one in judged if one.label == label), judged[0]), []
    for setting, group in own.claims.groupby("setting", sort=False):
        found = group["verdict"].value_counts()
        if set(found.index) == {TOO_FEW}:
            continue
        opposite = f", {found[OPPOSITE]} opposite" if OPPOSITE in found else ""
        counts.append(f"{setting}: {found.get(HOLDS, 0)} of {len(group)} hold{opposite}")
    others = f"{'the others' if counts else 'all'} are not clear, or have too few seeds or participants"
    line = f"The paper's claims on {own.label}: {'; '.join([*counts, others])}."
    return line if any(one.kind == REAL for one in judged) else f"{line} Real paired video and EEG: {UNTESTED}."
