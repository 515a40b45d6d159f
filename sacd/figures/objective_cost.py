"""What each objective costs beside cross-entropy, as a table."""

import pandas as pd

from sacd.figures.html_table import Html
from sacd.figures.tables import plain_table

MEGABYTE = 1e6
DEVICES = {"cpu": "seconds of the processor on one thread", "cuda": "seconds by the clock on a GPU"}
PEAKS = {
    "cpu": "every allocation that torch's profiler sees, not the scratch memory of its libraries",
    "cuda": "the peak of torch's allocator",
}


def cost_table(costs: pd.DataFrame, label: str, caption: str = "Cost of a training step") -> Html:
    """Time and memory of a training step by method, and what they are beside CE's.

    Parameters
    ----------
    costs : DataFrame
        `method`, `device`, `seconds`, `ratio`, `ratio_low`, `ratio_high`, `budget_ratio`, `peak_bytes`, `memory_ratio`,
        `state_bytes`; where there are several blocks also `tier`, `network` and `batch`.
    label : str
        `Cohort.label`.
    caption : str
    """
    device = str(costs["device"].iloc[0])
    between = [f"{row.ratio_low:.2f}–{row.ratio_high:.2f}" for row in costs.itertuples()]
    columns = {
        "method": costs["method"],
        "step, ms": 1000 * costs["seconds"],
        "time / CE": costs["ratio"],
        "quartiles": between,
        "time / (CE + momentum forward)": costs["budget_ratio"],
        "peak of live tensors, MB": costs["peak_bytes"] / MEGABYTE,
        "memory / CE": costs["memory_ratio"],
        "own nets and banks, MB": costs["state_bytes"] / MEGABYTE,
    }
    formats = dict.fromkeys(("time / CE", "time / (CE + momentum forward)", "memory / CE"), ".2f")
    formats |= dict.fromkeys(("step, ms", "peak of live tensors, MB"), ".1f") | {"own nets and banks, MB": ".2f"}
    notes = [
        f"Medians over rounds in which every objective makes one step, in one process: {DEVICES[device]}; ratios "
        "within a round. Random clips and teacher outputs of this cohort's sizes; reading and augmenting is left out.",
        "CE + momentum forward: for a method with a momentum network, one forward pass without gradient is added.",
        f"Peak: parameters, gradients, optimiser state, batch and activations; {PEAKS[device]}.",
        "Own nets and banks: those of the objective, which are dropped after training, and the momentum network.",
    ]
    if "tier" in costs:
        columns = {"tier": costs["tier"]} | columns
        first = costs.drop_duplicates("tier").itertuples()
        notes.insert(0, "; ".join(f"{row.tier}: {row.network}, batch {row.batch}" for row in first) + ".")
    return plain_table(pd.DataFrame(columns), label, caption, formats, notes)
