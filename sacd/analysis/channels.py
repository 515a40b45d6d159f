"""Channels chosen by their ρ with the AHI on reference people, and what is left of them on new people: Fig. 8."""

import numpy as np
import pandas as pd

from sacd.analysis.ahi import OVERALL, rho_interval
from sacd.analysis.embedding import fit_map
from sacd.analysis.video_markers import MARKERS
from sacd.stages import AHI_GROUPS, STAGES, ahi_group

LEAST = 0.4
"""The |ρ| with the AHI that a channel must have, as in the paper."""
DRAWN = ("N2", "N3")
"""Stages of Fig. 8."""
FEWEST_REFERENCE, FEWEST_CHANNELS = 8, 2
"""For a map."""


def chosen_channels(found: pd.DataFrame, stage: str) -> np.ndarray:
    """Channels of a stage whose |ρ| with the AHI is above `LEAST`, int [k]; `found` of `sacd.analysis.ahi.spearman`."""
    of = found[(found["coding"] == OVERALL) & (found["stage"] == stage) & (found["rho"].abs() > LEAST)]
    return of["channel"].to_numpy()


def kept_channels(reference: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """What becomes, on new people, of the channels that were chosen on reference people.

    Parameters
    ----------
    reference, new : DataFrame
        `sacd.analysis.ahi.spearman` of either.

    Returns
    -------
    DataFrame
        `stage`, `chosen` (channels above `LEAST`), `kept` (of them, above it with the same sign on new people), `best`
        (the channel with the largest |ρ|, −1 where none is known), `rho_reference`, `rho_new` of it, `n_reference`,
        `n_new`.
    """
    rows = []
    for stage in STAGES:
        here = [table[(table["coding"] == OVERALL) & (table["stage"] == stage)] for table in (reference, new)]
        ours, theirs = (table.set_index("channel") for table in here)
        chosen = chosen_channels(reference, stage)
        signed = theirs.loc[chosen, "rho"] * np.sign(ours.loc[chosen, "rho"])
        known = ours["rho"].notna().any()
        best = int(ours["rho"].abs().idxmax()) if known else -1
        rows.append({
            "stage": stage, "chosen": len(chosen), "kept": int((signed > LEAST).sum()), "best": best,
            "rho_reference": ours["rho"].get(best, np.nan), "rho_new": theirs["rho"].get(best, np.nan),
            "n_reference": int(ours["n"].iloc[0]), "n_new": int(theirs["n"].iloc[0]),
        })
    return pd.DataFrame(rows)


def channel_maps(
    reference: np.ndarray, new: np.ndarray, found: pd.DataFrame, ahi: tuple[pd.Series, pd.Series], seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Reference and new people on a t-SNE map of the chosen channels of N2, and of N3.

    Parameters
    ----------
    reference, new : ndarray [P, 5, d], [Q, 5, d]
        `sacd.analysis.ahi.stage_means`.
    found : DataFrame
        `sacd.analysis.ahi.spearman` of the reference people, by which channels are chosen.
    ahi : (Series [P], Series [Q])
        Events/h of either.
    seed : int

    Returns
    -------
    dict of str to DataFrame
        Title → people: `x`, `y`, `group` (AHI group's name), `new`. Stages with too few people or channels are left
        out.
    """
    maps = {}
    for stage in DRAWN:
        chosen = chosen_channels(found, stage)
        means = [people[:, STAGES.index(stage)] for people in (reference, new)]
        known = [~np.isnan(part).any(axis=1) for part in means]
        if known[0].sum() < FEWEST_REFERENCE or len(chosen) < FEWEST_CHANNELS:
            continue
        ours, theirs = (part[there][:, chosen] for part, there in zip(means, known, strict=True))
        centre, spread = ours.mean(axis=0), np.maximum(ours.std(axis=0), 1e-12)
        layout = fit_map((ours - centre) / spread, seed=seed)
        placed = np.array(layout.transform((theirs - centre) / spread)) if len(theirs) else np.empty((0, 2))
        # Read after the others were placed, which centres it.
        points = np.vstack([np.array(layout), placed])
        values = np.concatenate([part.to_numpy()[there] for part, there in zip(ahi, known, strict=True)])
        maps[f"{stage}: {len(chosen)} channels, {len(ours)} reference and {len(theirs)} new people"] = pd.DataFrame({
            "x": points[:, 0], "y": points[:, 1], "group": np.array(AHI_GROUPS)[ahi_group(values)],
            "new": np.arange(len(points)) >= len(ours),
        })
    return maps


def beside_markers(kept: pd.DataFrame, means: np.ndarray, markers: pd.DataFrame, ahi: pd.Series) -> pd.DataFrame:
    """On new people: ρ with the AHI of the markers of the video alone, and of each stage's best channel.

    Parameters
    ----------
    kept : DataFrame
        `kept_channels`: the best channels were chosen on reference people.
    means : ndarray [Q, 5, d]
    markers : DataFrame [Q rows]
        `sacd.analysis.video_markers.video_markers`.
    ahi : Series [Q]

    Returns
    -------
    DataFrame
        `what`, `rho`, `low`, `high` (95 % interval), `n`. A channel counts with the sign it had on reference people.
    """
    rows = [
        {"what": name.replace("_", " "), **rho_interval(markers[name].to_numpy(), ahi.to_numpy())} for name in MARKERS
    ]
    for row in kept[kept["best"] >= 0].itertuples():
        values = means[:, STAGES.index(row.stage), row.best] * np.sign(row.rho_reference)
        rows.append({"what": f"channel {row.best} in {row.stage}", **rho_interval(values, ahi.to_numpy())})
    return pd.DataFrame(rows)
