"""The order of methods under two trunks: the interactions as a table, and what may be claimed of it in words."""

from math import isnan

import pandas as pd

from sacd.analysis.inference import CLAIM_SEEDS, side
from sacd.analysis.order import Agreement, Values
from sacd.figures.html_table import Html, cell, render
from sacd.figures.words import INTERVAL, MEANING, STANDINGS, counted, interval, points, probability


def interactions_table(table: pd.DataFrame, found: Values, label: str, metric: str = "accuracy") -> Html:
    """Differences under both trunks, the interaction, and whether an order may be claimed.

    Parameters
    ----------
    table : DataFrame
        `sacd.analysis.order.interactions` of `found`.
    found : Values
    label : str
        `Cohort.label`.
    metric : str
        Of the values.
    """
    first, second = found.trunks
    rows = []
    for row in table.to_dict("records"):
        cells = [cell(f"{row['method']} − {row['reference']}")]
        for which in ("first", "second"):
            ends = interval(row[f"{which}_low"], row[f"{which}_high"], metric)
            cells.append(cell(points(row[which], metric), ends))
        cells.append(cell(points(row["difference"], metric), interval(row["low"], row["high"], metric)))
        cells += [cell(probability(row[name]).removeprefix("p ").removeprefix("= ") or "–") for name in ("p", "p_holm")]
        order = {1: "above", -1: "below", 0: "none"}[row["order"]]
        cells += [cell("yes" if row["same_sign"] else "no"), cell(order), cell(row["standing"])]
        rows.append({"block": None, "cells": cells})
    columns = [
        ("compared", "text"), (first, "number"), (second, "number"), (f"{first} − {second}", "number"), ("p", "number"),
        ("p (Holm)", "number"), ("same sign", "text"), ("order that may be claimed", "text"), ("read as", "text"),
    ]  # fmt: skip
    notes = [
        f"Paired by participant and seed; in brackets {INTERVAL}.",
        f"{MEANING}; here of the interaction, the difference of the two differences.",
        f"An order may be claimed where both intervals lie on one side of 0, with {CLAIM_SEEDS} seeds or more.",
        STANDINGS,
    ]
    return render("The order of methods under two trunks", label, columns, rows, notes)


def order_in_words(table: pd.DataFrame, agreement: Agreement, found: Values, label: str) -> str:
    """How alike the orders are, what may be claimed, and which differences hang on the trunk.

    Parameters
    ----------
    table : DataFrame
        `sacd.analysis.order.interactions` of `found`.
    agreement : Agreement
        Of `found`.
    found : Values
    label : str
        `Cohort.label`.
    """
    first, second = found.trunks
    told = f"{agreement.tau:.2f}"
    if not isnan(agreement.low):
        told += f", 95 % interval {agreement.low:.2f} to {agreement.high:.2f}"
        told += f"; about {agreement.without_interaction:.2f} if the trunk made no difference"
    told = told.replace("-", "−")
    lines = [f"Kendall's τ of {counted(len(found.methods), 'method')} under {first} and {second}: {told}"]
    for place, name in ((1, "above"), (-1, "below")):
        sure = table[table["order"] == place]
        lines.append(f"{name} {table['reference'].iloc[0]} under both: {', '.join(sure['method']) or 'none'}")
    hangs = [row for row in table.to_dict("records") if side(row["low"], row["high"])]
    names = [f"{row['method']} {points(row['difference'])} (Holm's {probability(row['p_holm'])})" for row in hangs]
    lines.append(f"differences that hang on the trunk ({first} − {second}): {', '.join(names) or 'none clear of 0'}")
    return "\n".join([*lines, label])
