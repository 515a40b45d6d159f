"""What a cohort holds: participants by sex and AHI group, clips by stage, nights by length (paper Fig. 2)."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sacd.cohort import Recording
from sacd.cohort.format import SPLITS
from sacd.exceptions import SacdError
from sacd.stages import AHI_GROUPS, CLIP_SECONDS, NOT_SCORED, STAGES, W, ahi_group

UNKNOWN = "unknown"
"""The level of participants whose sex or AHI is not given."""


def clip_table(recordings: Iterable[Recording]) -> pd.DataFrame:
    """All clips of some recordings in one table: `recording_id`, `participant_id`, and the columns of clips.parquet."""
    frames = [
        recording.clips.assign(recording_id=recording.recording_id, participant_id=recording.participant_id)
        for recording in recordings
    ]
    table = pd.concat(frames, ignore_index=True)
    return table[["recording_id", "participant_id", *table.columns.drop(["recording_id", "participant_id"])]]


def ahi_groups(participants: pd.DataFrame) -> pd.Series:
    """AHI group of each participant as an ordered category, missing where the AHI (events/h) is unknown."""
    codes = ahi_group(participants["ahi"].to_numpy())
    return pd.Series(pd.Categorical.from_codes(codes, AHI_GROUPS, ordered=True), participants.index, name="ahi_group")


def participant_counts(participants: pd.DataFrame) -> pd.DataFrame:
    """How many participants of each sex and AHI group.

    Parameters
    ----------
    participants : DataFrame
        `Cohort.participants`: columns `sex` (M, F or n/a) and `ahi` (events/h, NaN unknown).

    Returns
    -------
    DataFrame
        `factor` (sex, ahi), `level`, `participants`; *unknown* only where there are some.
    """
    initials = participants["sex"].str.strip().str.upper().str[:1]
    sex = initials.map({"M": "male", "F": "female"}).fillna(UNKNOWN)
    group = ahi_groups(participants).astype(object).where(participants["ahi"].notna(), UNKNOWN)
    rows = []
    for factor, values, levels in (("sex", sex, ("male", "female")), ("ahi", group, AHI_GROUPS)):
        counts = values.value_counts()
        shown = [*levels, *([UNKNOWN] if UNKNOWN in counts.index else [])]
        rows += [{"factor": factor, "level": level, "participants": int(counts.get(level, 0))} for level in shown]
    return pd.DataFrame(rows)


def stage_counts(clips: pd.DataFrame) -> pd.DataFrame:
    """Clips, hours and share of each stage.

    Parameters
    ----------
    clips : DataFrame
        With `stage`; −1 is left out.

    Returns
    -------
    DataFrame
        `stage`, `clips`, `hours`, `share` (fraction of the scored clips).
    """
    counts = np.bincount(clips.loc[clips["stage"] != NOT_SCORED, "stage"], minlength=len(STAGES))
    share = counts / max(counts.sum(), 1)
    return pd.DataFrame({"stage": STAGES, "clips": counts, "hours": counts * CLIP_SECONDS / 3600, "share": share})


def recording_mix(clips: pd.DataFrame) -> pd.DataFrame:
    """Length and stage mix of each recording.

    Parameters
    ----------
    clips : DataFrame
        With `recording_id`, `participant_id`, `stage` (see `clip_table`).

    Returns
    -------
    DataFrame
        `recording_id`, `participant_id`, `clips`, `scored`, `hours`, and one column a stage: its share of the scored
        clips (NaN where none is scored).
    """
    rows = []
    for (recording, participant), night in clips.groupby(["recording_id", "participant_id"], sort=False):
        counts = stage_counts(night)
        scored = int(counts["clips"].sum())
        share = counts["share"] if scored else counts["share"] * np.nan
        length = {"clips": len(night), "scored": scored, "hours": len(night) * CLIP_SECONDS / 3600}
        ids = {"recording_id": recording, "participant_id": participant}
        rows.append(ids | length | dict(zip(STAGES, share, strict=True)))
    return pd.DataFrame(rows)


def group_mix(participants: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """Mean stage mix of each AHI group, participants weighing the same.

    Returns
    -------
    DataFrame
        `ahi_group`, `participants`, and one column a stage (fraction). Participants of unknown AHI are left out.
    """
    mix = recording_mix(clips).groupby("participant_id")[list(STAGES)].mean()
    groups = ahi_groups(participants).reindex(mix.index)
    table = mix.groupby(groups, observed=True).mean()
    table.insert(0, "participants", groups.value_counts().reindex(table.index))
    return table.reset_index()


ORDERS = {"onset": "sleep_onset", "AHI": "ahi", "agreement": "agreement"}
"""What nights are sorted by → the column of `night_table`."""


def night_table(
    participants: pd.DataFrame, clips: pd.DataFrame, predictions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row a night, with what nights are sorted by.

    Parameters
    ----------
    participants : DataFrame
        `Cohort.participants`, indexed by participant_id.
    clips : DataFrame
        See `clip_table`.
    predictions : DataFrame, optional
        Of one model.

    Returns
    -------
    DataFrame
        `recording_id`, `participant_id`, `sleep_onset` (hours from the recording's start to its first clip of sleep,
        NaN without any), `ahi` (events/h), and with predictions `agreement`: the share of a night's scored clips that
        the model says too, NaN where it says nothing of the night.
    """
    ids = ["recording_id", "participant_id"]
    nights = clips[ids].drop_duplicates().reset_index(drop=True)
    onset = clips[clips["stage"] > W].groupby("recording_id")["onset"].min() / 3600
    nights["sleep_onset"] = nights["recording_id"].map(onset)
    nights["ahi"] = nights["participant_id"].map(participants["ahi"])
    if predictions is not None:
        known = predictions[predictions["stage"] != NOT_SCORED]
        right = (known["stage"] == known["predicted"]).groupby(known["recording_id"]).mean()
        nights["agreement"] = nights["recording_id"].map(right)
    return nights


def sort_nights(nights: pd.DataFrame, by: str) -> pd.DataFrame:
    """Nights by one of `ORDERS`, the smallest first and the unknown last."""
    if by not in ORDERS or ORDERS[by] not in nights:
        known = ", ".join(name for name, column in ORDERS.items() if column in nights)
        raise SacdError(f"nights cannot be sorted by {by!r}; use one of {known}")
    return nights.sort_values(ORDERS[by], kind="stable", ignore_index=True)


def stage_raster(nights: pd.DataFrame, clips: pd.DataFrame) -> np.ndarray:
    """Stages of stacked nights, a column a clip from the recording's start.

    Returns
    -------
    ndarray [nights, clips] float
        In the order of `nights`; NaN where nothing is recorded or scored.
    """
    column = (clips["onset"] // CLIP_SECONDS).astype(int).to_numpy()
    row = clips["recording_id"].map({name: place for place, name in enumerate(nights["recording_id"])})
    shown = (row.notna() & (clips["stage"] != NOT_SCORED)).to_numpy()
    raster = np.full((len(nights), int(column.max(initial=-1)) + 1), np.nan)
    raster[row[shown].astype(int), column[shown]] = clips["stage"][shown]
    return raster


def label_ceiling(recordings: Iterable[Recording]) -> pd.Series:
    """How often the likeliest latent stage is the label, by participant; empty where no recording knows its posterior.

    In a simulated cohort the label is a noisy reading of a latent night: who sees that night is right no more often.
    """
    columns = [f"posterior_{stage}" for stage in STAGES]
    known = [recording for recording in recordings if set(columns) <= set(recording.clips)]
    shares = [
        (clips[columns].to_numpy().argmax(axis=1) == clips["stage"]).mean()
        for clips in (recording.clips.query("stage != @NOT_SCORED") for recording in known)
    ]
    people = pd.Index([recording.participant_id for recording in known], name="participant_id", dtype=object)
    return pd.Series(shares, people, dtype=float).groupby(level=0).mean()


def split_overview(participants: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """Participants (in all, by AHI group and of unknown AHI), recordings and clips of each split.

    A column of the groups, or of the unknown, stands only where there are such participants.

    Parameters
    ----------
    participants : DataFrame
        `Cohort.participants`, indexed by participant_id.
    clips : DataFrame
        See `clip_table`.
    """
    group = ahi_groups(participants)
    rows = []
    for split in [name for name in (*SPLITS, "n/a") if (participants["split"] == name).any()]:
        members = participants.index[participants["split"] == split]
        part = clips[clips["participant_id"].isin(members)]
        own = group[members]
        counts = own.value_counts().reindex(AHI_GROUPS, fill_value=0).to_dict() if group.notna().any() else {}
        if group.isna().any():
            counts["AHI unknown"] = int(own.isna().sum())
        sizes = {"recordings": part["recording_id"].nunique(), "clips": len(part)}
        rows.append({"split": split, "participants": len(members), **counts, **sizes})
    return pd.DataFrame(rows)
