"""A portrait on disk, beside the run whose features it is of: material and the map's points, numbers and text alone.

What is fitted on the material comes out the same when it is opened; the map is restored, not laid out anew.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from sacd.analysis.portrait import CLIP_COLUMNS, Material, Portrait
from sacd.exceptions import SacdError, reading
from sacd.replacing import replacing

FILE = "portrait.npz"


def save_portrait(portrait: Portrait, folder: Path, label: str) -> None:
    """Write a portrait into a run's folder, in place of one that is there.

    Parameters
    ----------
    portrait : Portrait
    folder : Path
    label : str
        `Cohort.label` of the reference people.
    """
    own = portrait.material
    about = {"label": label, "most": own.most, "method": own.method, "seed": own.seed}
    arrays = {
        "on_map": own.on_map, "clip_ahi": own.clips["ahi"].to_numpy(), "asleep": own.asleep, "ahi": own.ahi.to_numpy(),
        "people": own.ahi.index.to_numpy(dtype=str), "points": portrait.map.points,
        "about": np.array(json.dumps(about)),
    }
    for name in CLIP_COLUMNS:
        arrays[f"clip_{name}"] = own.clips[name].to_numpy(dtype=int if name in ("clip", "stage") else str)
    if own.markers is not None:
        arrays["markers"] = own.markers
    with replacing(folder / FILE) as aside:
        np.savez(aside, **arrays)


def open_portrait(folder: Path) -> tuple[Portrait, str]:
    """The portrait that was saved with a run, and the label of its reference people.

    Raises
    ------
    SacdError
        There is none, or it cannot be read.
    """
    file = folder / FILE
    if not file.exists():
        raise SacdError(f"{file}: no reference of people; run notebook 10_feature_portraits on this run's cohort first")
    with reading(file, "run notebook 10_feature_portraits again", "not a portrait"):
        with np.load(file, allow_pickle=False) as content:
            arrays = dict(content)
        about = json.loads(str(arrays["about"]))
        clips = pd.DataFrame({name: arrays[f"clip_{name}"] for name in CLIP_COLUMNS}).assign(ahi=arrays["clip_ahi"])
        ahi = pd.Series(arrays["ahi"], index=pd.Index(arrays["people"], name="participant_id"))
        how = about["most"], about["method"], about["seed"]
        material = Material(clips, arrays["on_map"], ahi, arrays["asleep"], arrays.get("markers"), *how)
        points = arrays["points"]
    return Portrait.fit(material, points), about["label"]
