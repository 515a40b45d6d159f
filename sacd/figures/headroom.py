"""Does distillation pay here, as a table and in words, whatever the figures say."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sacd.analysis.inference import TOO_FEW, side
from sacd.figures.html_table import Html, cell, render
from sacd.figures.words import INTERVAL, NOT_CLEAR, STANDINGS, in_words


def _value(value: float, unit: str) -> str:
    if pd.isna(value):
        return "–"
    return (f"{100 * value:.1f}" if unit == "%" else f"{value:.2f}").replace("-", "−")


def _interval(row: Mapping[str, Any]) -> str:
    ends = ", ".join(_value(row[end], row["unit"]) for end in ("low", "high"))
    return "" if pd.isna(row["low"]) else f"[{ends}]"


def _told(row: Mapping[str, Any]) -> str:
    """``61.2 % [55.0, 67.4]``."""
    return f"{_value(row['value'], row['unit'])} {row['unit']} {_interval(row)}".rstrip()


def knowledge_table(found: pd.DataFrame, label: str) -> Html:
    """What the teacher knows given the student: a row a quantity, a column a number of labels.

    Parameters
    ----------
    found : DataFrame
        `sacd.analysis.headroom.knowledge` with a column `labels`.
    label : str
        `Cohort.label`.
    """
    columns = list(found["labels"].drop_duplicates())
    rows = []
    for _, group in found.groupby("quantity", sort=False):
        first, of = group.iloc[0], {row["labels"]: row for row in group.to_dict("records")}
        values = [cell(_value(of[name]["value"], first["unit"]), _interval(of[name])) for name in columns]
        rows.append({"block": None, "cells": [cell(f"{first['title']}, {first['unit']}"), *values]})
    notes = [
        f"Test clips that both name, participants weighing the same; in brackets {INTERVAL}.",
        "Information is corrected for what so few participants show by chance; where there is none it can be below 0.",
        STANDINGS,
    ]
    titles = [("teacher and student", "text"), *((name, "number") for name in columns)]
    return render("What the teacher knows given the student", label, titles, rows, notes)


def headroom_in_words(comparison: pd.DataFrame, known: pd.DataFrame, label: str) -> str:
    """Whether there is room for distillation here, in sentences.

    Parameters
    ----------
    comparison : DataFrame
        `sacd.analysis.comparison.compare` of accuracies by `system`: *student, all labels* and *teacher, few labels*
        with *student, few labels*.
    known : DataFrame
        `sacd.analysis.headroom.knowledge` of the few-label teacher and student.
    label : str
        `Cohort.label`.
    """
    of = comparison[comparison["metric"] == "accuracy"].set_index("system").to_dict("index")
    gap, surplus = of["student, all labels"], of["teacher, few labels"]
    quantities = known.set_index("quantity").to_dict("index")
    told = {name: _told(row) for name, row in quantities.items()}
    return "\n".join([
        f"All labels instead of few give the student {in_words(gap)}.",
        f"The few-label teacher stands to the few-label student at {in_words(surplus)}.",
        f"Where that student is wrong the teacher is right in {told['rescues']} of clips; where it is right the teacher"
        f" is wrong in {told['misleads']}; they say the same in {told['agreement']}.",
        f"The stage holds {told['stage']}: the student tells {told['student']} of them, the teacher {told['teacher']},"
        f" and to who knows what the student says the teacher still adds {told['added']}.",
        _readable(quantities["readable"], told["shared"], told["student"]),
        _conclusion(gap, surplus, quantities["added"]),
        label,
    ])


def _readable(row: Mapping[str, Any], shared: str, student: str) -> str:
    """Whether the student's word tells more of the teacher's stage than of the scorers'."""
    place = 0 if row["standing"] == TOO_FEW else side(row["low"], row["high"])
    more = {1: "more", -1: "less", 0: "not clearly more or less"}[place]
    return f"The student tells {shared} of what the teacher says, {more} than of the scored stage ({student})."


def _conclusion(gap: Mapping[str, Any], surplus: Mapping[str, Any], added: Mapping[str, Any]) -> str:
    if TOO_FEW in (gap["standing"], surplus["standing"], added["standing"]):
        return "Too few seeds or participants to say whether there is room for distillation."
    if side(gap["low"], gap["high"]) <= 0:
        return (
            f"No room is seen: what more labels would give this student is {NOT_CLEAR}, so that labels are not what it"
            " lacks; a teacher could only help it in another way."
        )
    if side(added["low"], added["high"]) <= 0 or side(surplus["low"], surplus["high"]) < 0:
        return (
            "No room is seen that this teacher could fill: more labels would help the student, but from few labels the"
            " teacher does not clearly know what the student does not."
        )
    if side(surplus["low"], surplus["high"]) == 0:
        return (
            "There is some room: more labels would help the student, and the teacher knows some of what it does not;"
            f" but its own surplus is {NOT_CLEAR}, so that following it everywhere need not help."
        )
    return (
        "There is room: more labels would help the student, and the teacher is better and knows what the student does"
        " not. Whether a method makes use of it Table II shows, not this."
    )
