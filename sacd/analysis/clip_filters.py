"""Which clips to look at: filters over a table of clips, one row each, with what one model and a baseline say of them.

`FILTERS` is the list of them: a new one is a line here. A filter is a function of such a table (from `clip_rows`) that
gives a boolean mask; some ask for a value, a stage or a participant. `select` applies several at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import entropy

from sacd.analysis.exploration import clip_table
from sacd.analysis.misclassification import near_change
from sacd.cohort import Recording
from sacd.cohort.format import FLAG, flagged
from sacd.exceptions import SacdError
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES

ARROW = " → "
"""Between the scored and the predicted stage in the value of the filter "confusion"."""
PROBABILITIES = [f"p_{stage}" for stage in STAGES]
Mask = pd.Series


@dataclass(frozen=True)
class Filter:
    """A question to a table of clips.

    Attributes
    ----------
    title : str
        For people.
    needs : tuple of str
        Columns without which it cannot be asked.
    mask : callable
        Of the table, and the value where it asks for one.
    choices : callable, optional
        Of the table, giving the values to choose from; None where it asks for none.
    """

    title: str
    needs: tuple[str, ...]
    mask: Callable[..., Mask]
    choices: Callable[[pd.DataFrame], list[str]] | None = None

    def __call__(self, table: pd.DataFrame, *value: Any) -> Mask:
        """A boolean for each clip of the table."""
        return self.mask(table, *value)

    def applies(self, table: pd.DataFrame) -> bool:
        """Whether the table has what it needs."""
        return all(any(name.startswith(need) for name in table.columns) for need in self.needs)


def clip_rows(
    recordings: Iterable[Recording], predictions: pd.DataFrame | None = None, model: str | None = None,
    baseline: str | None = None,
) -> pd.DataFrame:
    """All clips of some recordings, one row each, with what a model and a baseline say.

    Parameters
    ----------
    recordings : iterable of Recording
    predictions : DataFrame, optional
        From `sacd.runs.predictions`: of each method the first run counts that speaks of a clip.
    model, baseline : str, optional
        Names in the column `method`: by default the last one, and the first of the others.

    Returns
    -------
    DataFrame
        `recording_id`, `participant_id`, the columns of clips.parquet (`clip`, `onset` s, `stage` …), `flag_artefact`
        where events are known; with predictions `predicted`, `p_W` … `p_REM`, and of a baseline `baseline` and
        `baseline_W` … `baseline_REM`. A stage is −1, and a probability NaN, where nothing is said.
    """
    nights = list(recordings)
    table = clip_table(nights)
    if any(night.events is not None for night in nights):
        table[f"{FLAG}artefact"] = np.concatenate([_artefacts(night) for night in nights])
    if predictions is None or predictions.empty:
        return table
    names = list(predictions["method"].unique())
    model = model or names[-1]
    baseline = baseline or next((name for name in names if name != model), None)
    for wanted in filter(None, (model, baseline)):
        if wanted not in names:
            raise SacdError(f"predictions: no method {wanted!r}; use one of {', '.join(names)}")
    table = _joined(table, predictions[predictions["method"] == model], {})
    if baseline is not None:
        renamed = {"predicted": "baseline"} | {f"p_{stage}": f"baseline_{stage}" for stage in STAGES}
        table = _joined(table, predictions[predictions["method"] == baseline], renamed)
    return table


def _joined(table: pd.DataFrame, said: pd.DataFrame, renamed: dict[str, str]) -> pd.DataFrame:
    key = ["recording_id", "clip"]
    answers = ["predicted", *(name for name in PROBABILITIES if name in said)]
    said = said.drop_duplicates(key)[[*key, *answers]].rename(columns=renamed)
    table, answer = table.merge(said, on=key, how="left"), renamed.get("predicted", "predicted")
    return table.assign(**{answer: table[answer].fillna(NOT_SCORED).astype(int)})


def _artefacts(night: Recording) -> np.ndarray:
    """Whether an artefact of the events reaches into a clip."""
    begin = night.clips["onset"].to_numpy(dtype=float)
    reached = np.zeros(len(begin), dtype=bool)
    events = night.events
    if events is not None:
        for event in events[events["type"] == "artefact"].itertuples():
            reached |= (begin < event.onset + max(event.duration, 1e-9)) & (begin + CLIP_SECONDS > event.onset)
    return reached


def _code(stage: str) -> int:
    if stage not in STAGES:
        raise SacdError(f"filter: {stage!r} is not a stage; use {', '.join(STAGES)}")
    return STAGES.index(stage)


def _right(table: pd.DataFrame, who: str) -> Mask:
    return _judged(table) & (table[who] == table["stage"])


def _wrong(table: pd.DataFrame, who: str) -> Mask:
    return _judged(table) & (table[who] != NOT_SCORED) & (table[who] != table["stage"])


def _judged(table: pd.DataFrame) -> Mask:
    return table["stage"] != NOT_SCORED


def _is_confusion(table: pd.DataFrame, cell: str | tuple[str, str]) -> Mask:
    parts = [part.strip() for part in cell.split(ARROW.strip())] if isinstance(cell, str) else list(cell)
    if len(parts) != 2:
        raise SacdError(f"filter: {cell!r} is not two stages; write W{ARROW}N1")
    return (table["stage"] == _code(parts[0])) & (table["predicted"] == _code(parts[1]))


def _confusions(table: pd.DataFrame) -> list[str]:
    """The wrong cells that occur, the most frequent first."""
    wrong = table[_wrong(table, "predicted")]
    cells = wrong.groupby(["stage", "predicted"]).size().sort_values(ascending=False, kind="stable")
    return [f"{STAGES[scored]}{ARROW}{STAGES[said]}" for scored, said in cells.index]


def _stages(table: pd.DataFrame) -> list[str]:
    return list(STAGES)


FILTERS: dict[str, Filter] = {
    "stage": Filter("scored stage", ("stage",), lambda table, stage: table["stage"] == _code(stage), _stages),
    "predicted": Filter(
        "predicted stage", ("predicted",), lambda table, stage: table["predicted"] == _code(stage), _stages
    ),
    "participant": Filter(
        "participant", ("participant_id",), lambda table, who: table["participant_id"] == who,
        lambda table: list(table["participant_id"].unique()),
    ),
    "wrong": Filter("the model errs", ("predicted",), lambda table: _wrong(table, "predicted")),
    "only_baseline_wrong": Filter(
        "the baseline errs, the model does not (Fig. 11)", ("predicted", "baseline"),
        lambda table: _right(table, "predicted") & _wrong(table, "baseline"),
    ),
    "only_model_wrong": Filter(
        "the model errs, the baseline does not", ("predicted", "baseline"),
        lambda table: _wrong(table, "predicted") & _right(table, "baseline"),
    ),
    "both_wrong": Filter(
        "both err (Fig. 12)", ("predicted", "baseline"),
        lambda table: _wrong(table, "predicted") & _wrong(table, "baseline"),
    ),
    "confusion": Filter("one stage taken for another (Fig. 13)", ("predicted",), _is_confusion, _confusions),
    "transition": Filter("a neighbour has another stage", ("stage",), near_change),
    "flagged": Filter("quality flags", (FLAG,), flagged),
}
"""By the name that callers and the viewer use."""


def uncertainty(table: pd.DataFrame) -> pd.Series:
    """Entropy of the model's probabilities, bits; NaN where it says nothing of a clip."""
    bits = entropy(table[PROBABILITIES].to_numpy(dtype=float), base=2, axis=1)
    return pd.Series(bits, table.index, name="uncertainty")


def filter_counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many clips and participants each filter leaves that asks for no value: `filter`, `clips`, `participants`."""
    rows = [
        (one.title, len(kept := table[one(table)]), kept["participant_id"].nunique())
        for one in FILTERS.values() if one.choices is None and one.applies(table)
    ]
    return pd.DataFrame(rows, columns=["filter", "clips", "participants"])


def select(
    table: pd.DataFrame, names: Sequence[str] = (), most_uncertain_first: bool = False, **values: Any
) -> pd.DataFrame:
    """The clips that pass several filters.

    Parameters
    ----------
    table : DataFrame
        From `clip_rows`; whole nights, for a clip's neighbours are looked at.
    names : sequence of str
        Of `FILTERS`.
    most_uncertain_first : bool
        By falling `uncertainty`, clips of which nothing is said last; else in the table's order.
    **values
        Filter → its value, where it asks for one.

    Raises
    ------
    SacdError
        No such filter, no value for it, or a column that it needs is not there.

    Examples
    --------
    >>> select(table, ["stage", "both_wrong"], stage="N1")
    """
    kept = pd.Series(True, table.index)
    for name in names:
        if name not in FILTERS:
            raise SacdError(f"filter {name!r} is unknown; use one of {', '.join(FILTERS)}")
        chosen = FILTERS[name]
        if not chosen.applies(table):
            raise SacdError(f"filter {name!r} needs {', '.join(chosen.needs)}; pass predictions that have it")
        if chosen.choices is not None and name not in values:
            raise SacdError(f"filter {name!r} asks for a value; pass {name}=…")
        kept &= chosen(table, *([values[name]] if chosen.choices is not None else []))
    found = table[kept]
    if most_uncertain_first:
        if PROBABILITIES[0] not in table:
            raise SacdError("most uncertain first needs a model's probabilities; pass predictions")
        found = found.iloc[np.argsort(-uncertainty(found).to_numpy(), kind="stable")]
    return found
