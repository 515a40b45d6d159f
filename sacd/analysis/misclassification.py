"""What a model takes for what: the most common error of each stage (paper Fig. 13), examples, and stage changes."""

import numpy as np
import pandas as pd

from sacd.analysis.summary import mean_confusion
from sacd.stages import NOT_SCORED, STAGES


def common_errors(matrix: np.ndarray) -> pd.DataFrame:
    """The most common wrong answer for each stage.

    Parameters
    ----------
    matrix : ndarray [5, 5]
        Rows the truth, any scale.

    Returns
    -------
    DataFrame
        `stage`, `taken_for` (None where the stage has no error), `share` of the stage's clips that go there,
        `of_errors` the share of the stage's errors, `recall`.
    """
    rows = []
    for code, stage in enumerate(STAGES):
        total, wrong = matrix[code].sum(), matrix[code].astype(float)
        hit, wrong[code] = wrong[code], 0.0
        worst = int(wrong.argmax())
        rows.append(
            {
                "stage": stage,
                "taken_for": STAGES[worst] if wrong[worst] > 0 else None,
                "share": wrong[worst] / total if total > 0 else np.nan,
                "of_errors": wrong[worst] / wrong.sum() if wrong.sum() > 0 else np.nan,
                "recall": hit / total if total > 0 else np.nan,
            }
        )
    return pd.DataFrame(rows)


def error_examples(predictions: pd.DataFrame, each: int = 3) -> pd.DataFrame:
    """Clips that show each stage's most common error, the most confident first, of different people if possible.

    Parameters
    ----------
    predictions : DataFrame
        Of one model and split; with `p_W` … `p_REM`.
    each : int
        Examples a stage.

    Returns
    -------
    DataFrame
        `stage`, `taken_for`, `recording_id`, `participant_id`, `clip`, `confidence` (probability of the wrong stage),
        and all probabilities, `p_W` … `p_REM`.
    """
    probabilities = [f"p_{stage}" for stage in STAGES]
    columns = ["stage", "taken_for", "recording_id", "participant_id", "clip", "confidence", *probabilities]
    found = []
    for row in common_errors(mean_confusion(predictions)).dropna(subset="taken_for").itertuples():
        truth, wrong = STAGES.index(row.stage), STAGES.index(row.taken_for)
        errors = predictions[(predictions["stage"] == truth) & (predictions["predicted"] == wrong)]
        errors = errors.assign(confidence=errors[f"p_{row.taken_for}"], stage=row.stage, taken_for=row.taken_for)
        errors = errors.sort_values(["confidence", "recording_id", "clip"], ascending=[False, True, True])
        # the n-th error of a person comes after every person's first n − 1
        turn = errors.groupby("participant_id").cumcount()
        found.append(errors.iloc[np.argsort(turn, kind="stable")[:each]][columns])
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def one_of_each(examples: pd.DataFrame) -> pd.DataFrame:
    """The first example of each stage, if possible of a participant who stands for no stage before it.

    Parameters
    ----------
    examples : DataFrame
        From `error_examples`.
    """
    shown: set[str] = set()
    chosen = []
    for _, rows in examples.groupby("stage", sort=False):
        new = rows[~rows["participant_id"].isin(shown)]
        first = (rows if new.empty else new).iloc[[0]]
        shown |= set(first["participant_id"])
        chosen.append(first)
    return pd.concat(chosen, ignore_index=True) if chosen else examples


def near_change(predictions: pd.DataFrame) -> pd.Series:
    """Whether a scored clip's neighbour in the night (clip ± 1, same recording) has another stage.

    Parameters
    ----------
    predictions : DataFrame
        Of one model: each clip occurs once.

    Returns
    -------
    Series of bool, index of `predictions`
    """
    scored = predictions[predictions["stage"] != NOT_SCORED]
    stage = scored.set_index(["recording_id", "clip"])["stage"]
    changed = np.zeros(len(scored), dtype=bool)
    for step in (-1, 1):
        beside = pd.MultiIndex.from_arrays([scored["recording_id"], scored["clip"] + step])
        other = stage.reindex(beside).to_numpy()
        changed |= ~np.isnan(other) & (other != stage.to_numpy())
    return pd.Series(changed, scored.index).reindex(predictions.index, fill_value=False)


def errors_near_change(predictions: pd.DataFrame) -> pd.DataFrame:
    """Accuracy beside a stage change and away from one (the paper's explanation of Fig. 12 and 13).

    Parameters
    ----------
    predictions : DataFrame
        Of one model.

    Returns
    -------
    DataFrame
        `near_change`, `clips`, `accuracy` (participants weigh the same), `of_errors` (share of all wrong clips).
    """
    scored = predictions[predictions["stage"] != NOT_SCORED]
    table = scored.assign(right=scored["stage"] == scored["predicted"], near_change=near_change(scored))
    wrong = max(int((~table["right"]).sum()), 1)
    rows = [
        {
            "near_change": near,
            "clips": len(group),
            "accuracy": group.groupby("participant_id")["right"].mean().mean(),
            "of_errors": (~group["right"]).sum() / wrong,
        }
        for near, group in table.groupby("near_change")
    ]
    return pd.DataFrame(rows)
