"""The data of distillation from audio to video, public clips that are no nights: Table III, and a small check of it."""

import os
from pathlib import Path

from sacd.exceptions import NotApplicable
from sacd.paths import ROOT, locate


def find(name: str, given: str | Path = "") -> Path:
    """The folder of a public dataset: the one given, else in `$SACD_REAL_DATA`, ``data`` or ``../shared/data``.

    Raises
    ------
    NotApplicable
        It is not there.
    """
    elsewhere = [os.environ.get("SACD_REAL_DATA", ""), ROOT / "data", ROOT.parent / "shared" / "data"]
    places = [locate(given)] if given else [Path(place) / name for place in elsewhere if place]
    for place in places:
        if place.is_dir():
            return place
    raise NotApplicable(f"{places[0]}: not found; put {name} there or name its folder in the parameters")
