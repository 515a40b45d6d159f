"""Findings in sentences, computed from tables, whatever they say; each is printed in the notebook of its table."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sacd.analysis.decisions import LOWEST_RECALL
from sacd.cohort import Recording
from sacd.decisions import DECISIONS
from sacd.figures.words import counted, in_percent, in_words, sure
from sacd.stages import STAGES

LAMBDAS = ["lambda1", "lambda2", "lambda3"]


def recording_in_words(recording: Recording) -> str:
    """Id and arrays of a recording."""
    video, eeg = recording.video, recording.eeg
    return f"{recording.recording_id}: video {video.shape} {video.dtype}, EEG {eeg.shape} {eeg.dtype}"


def ceiling_in_words(ceiling: pd.Series, label: str) -> str:
    """How often the likeliest latent stage is the label; `ceiling` of `sacd.analysis.exploration.label_ceiling`."""
    if ceiling.empty:
        return "no latent night is known: the cohort is real"
    return f"label ceiling: {in_percent(ceiling.mean(), 1)}, mean of {counted(len(ceiling), 'participant')}; {label}"


def runs_in_words(predictions: pd.DataFrame) -> str:
    """What runs some predictions are of: the method where it is one, protocol, tier, participants, seeds."""
    first = predictions.iloc[0]
    method = f"{first.method}, " if predictions.method.nunique() == 1 else ""
    seeds = "mean over seeds" if predictions.seed.nunique() > 1 else f"seed {first.seed}"
    return f"{method}{first.protocol}, {first.tier} tier, {first.split} participants, {seeds}"


def same_errors_in_words(errors: pd.DataFrame, label: str) -> str:
    """In how many stages each method's most common error is the paper's.

    Parameters
    ----------
    errors : DataFrame
        Columns `method`, `stage`, `taken_for`, and the paper's, `paper_(SACD)`.
    label : str
        `Cohort.label`.
    """
    lines = []
    for method, part in errors.groupby("method", sort=False):
        same = part.stage[part.taken_for == part["paper_(SACD)"]].tolist()
        stages = ", ".join(same) or "none"
        lines.append(f"{method}: the paper's most common error in {len(same)} of {len(part)} stages ({stages})")
    return "\n".join([*lines, label])


def sweep_in_words(predictions: pd.DataFrame, steps: int) -> str:
    """Participants, seeds and steps behind each cell of Fig. 5."""
    people, seeds = _people(predictions), predictions.seed.nunique()
    over = f"mean ± SD over {seeds} seeds" if seeds > 1 else "1 seed"
    return f"{counted(people, 'validation participant')} a seed, {over}, {steps} steps"


def cells_in_words(
    summary: pd.DataFrame, against: pd.DataFrame, predictions: pd.DataFrame, chosen: str, label: str
) -> str:
    """How sure the cells of Fig. 5 are, how many differ from the paper's choice, and where that stands.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.summary.summarise` by `method`: the cells, and CE.
    against : DataFrame
        `sacd.analysis.comparison.compare` with the cell `chosen`.
    predictions : DataFrame
        Of the validation participants.
    chosen : str
        The paper's cell.
    label : str
        `Cohort.label`.
    """
    accuracy = summary[summary.metric == "accuracy"].set_index("method")
    cells, ce, seeds = accuracy.drop("CE"), accuracy.loc["CE", "mean"], predictions.seed.nunique()
    low, high = 100 * cells["mean"].min(), 100 * cells["mean"].max()
    lines = [
        f"{counted(len(cells), 'cell')}, {counted(_people(predictions), 'validation participant')} a seed"
        f" ({predictions.participant_id.nunique()} in all), {counted(seeds, 'seed')}; {label}",
        f"accuracy from {low:.1f} to {high:.1f} %; CE {100 * ce:.1f} %",
    ]
    if cells.low.notna().any():
        half = 50 * (cells.high - cells.low).median()
        lines.append(f"half the width of a cell's 95 % interval, median: {half:.1f} points")
    if seeds > 1:
        lines.append(f"SD over seeds, median: {100 * cells.sd.median():.1f} points")
    differ = against[sure(against) & (against.method != "CE")]
    rank = int(cells["mean"].rank(ascending=False, method="min")[chosen])
    return "\n".join([
        *lines,
        f"cells that differ from the paper's ({chosen}) after Holm's correction: {len(differ)} of {len(cells) - 1}",
        f"the paper's weights are number {rank} of {len(cells)}; the best cell here is ({cells['mean'].idxmax()})",
    ])


def large_weights_in_words(
    grid: pd.DataFrame,
    summary: pd.DataFrame,
    against: pd.DataFrame,
    predictions: pd.DataFrame,
    printed: Mapping[str, float],
    chosen: str,
    label: str,
) -> str:
    """What the largest weights of Fig. 5 do to accuracy, and how many clips are then said to be of one stage.

    Parameters
    ----------
    grid : DataFrame
        `method` and the three λ of every cell.
    printed : mapping of str to float
        The paper's difference to its choice, a fraction, by cell, where its text states one.
    summary, against, predictions, chosen, label
        As for `cells_in_words`.
    """
    accuracy = summary[summary.metric == "accuracy"].set_index("method")["mean"]
    one = predictions.groupby("method").predicted.agg(lambda codes: codes.value_counts(normalize=True).iloc[0])
    largest = grid.method[grid[LAMBDAS].max(axis=1) >= 10]
    lines = []
    for row in against[against.method.isin(largest)].to_dict("records"):
        name = row["method"]
        place = "at or below CE" if accuracy[name] <= accuracy["CE"] else "above CE"
        theirs = f" (paper {100 * printed[name]:+.1f})".replace("-", "−") if name in printed else ""
        found = in_words(row, above="rises", below="falls")
        lines.append(f"({name:12s}) {found}, {place}; {in_percent(one[name])} of clips in one stage{theirs}")
    return "\n".join([
        *lines,
        f"differences to ({chosen}), 95 % interval, Holm's p",
        f"({chosen}): {in_percent(one[chosen])} of clips in one stage; CE: {in_percent(one['CE'])}; {label}",
    ])


def printed_margin_in_words(losses: Mapping[str, pd.DataFrame], margins: Mapping[str, float]) -> str:
    """What eq. 11 as printed, max(0, γ − d), did to the distance d of matching graphs.

    Parameters
    ----------
    losses : mapping of str to DataFrame
        Row of the ablation → L_D of its runs (rows) over training (columns).
    margins : mapping of str to float
        Row → γ.
    """
    lines = []
    for name, table in losses.items():
        margin = margins[name]
        if (table == 0).all(axis=None):
            lines.append(f"{name}: L_D was 0 at every step: no two matching graphs came nearer than d = {margin:g}.")
            continue
        first, last = table.mean().iloc[[0, -1]].tolist()
        lines.append(
            f"{name}: mean L_D went from {first:.3f} in the first part of training to {last:.3f} in the last:"
            f" matching graphs went from d = {margin - first:.2f} or more to {margin - last:.2f} or more."
        )
    return "\n".join(lines)


def frames_in_words(summary: pd.DataFrame, predictions: pd.DataFrame, floor: float) -> str:
    """The best number of frames, the floor, and the stages that a student never says.

    Parameters
    ----------
    summary : DataFrame
        `sacd.analysis.summary.summarise` by `sampling` and `frames`.
    predictions : DataFrame
        With those two columns.
    floor : float
        Accuracy of always saying the most frequent stage.
    """
    accuracy = summary[summary.metric == "accuracy"]
    best = accuracy.loc[accuracy["mean"].idxmax()]
    lines = [
        f"highest: {best.frames} frames, {best.sampling}: {in_percent(best['mean'], 1)};"
        f" always the most frequent stage: {in_percent(floor, 1)}"
    ]
    for (sampling, frames), rows in predictions.groupby(["sampling", "frames"], sort=False):
        silent = [stage for code, stage in enumerate(STAGES) if code not in set(rows.predicted)]
        said = f"never says {', '.join(silent)}" if silent else "says every stage"
        lines.append(f"{frames} frames, {sampling}: {said}")
    return "\n".join(lines)


def decision_in_words(checked: pd.DataFrame, label: str, by: Sequence[str] = ("method",)) -> str:
    """Whether a decision sees every stage at every seed, and where its macro-F1 stands beside argmax's.

    Parameters
    ----------
    checked : DataFrame
        `sacd.analysis.decisions.check_decision`.
    label : str
        `Cohort.label`.
    by : sequence of str
        Columns that name a row.
    """
    lines = []
    for row in checked.to_dict("records"):
        recall, lift = 100 * row["lowest_recall"], row["lowest_lift"]
        seen = "every stage is seen at every seed" if row["every_stage"] else f"not seen: {row['missed']}"
        beside = "not below" if row["not_below"] else "below"
        scores = f"macro-F1 {100 * row['macro_f1']:.1f}, {beside} argmax's {100 * row['macro_f1_argmax']:.1f}"
        name = ", ".join(str(row[key]) for key in by)
        lines.append(f"{name}: {seen} (lowest recall {recall:.1f} %, precision {lift:.2f} × share); {scores}")
    decision, seeds = checked["decision"].iloc[0], counted(int(checked["seeds"].max()), "seed")
    seen = f"seen: recall at least {100 * LOWEST_RECALL:.0f} % and precision above the stage's share"
    return "\n".join([*lines, f"decision {DECISIONS[decision].title.lower()}, {seeds}; {seen}; {label}"])


def _people(predictions: pd.DataFrame) -> int:
    """Participants of a seed, at most."""
    return int(predictions.groupby("seed").participant_id.nunique().max())
