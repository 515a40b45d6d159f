"""Scorings as JSON: a list with one stage an epoch (Dreem Open Datasets), and the hypnograms of YASA.

Digits are those of both: 0 W, 1–3 N1–N3, 4 REM, −1 and −2 not scored (YASA's artefact and unscored).
"""

import json
from pathlib import Path

import pandas as pd

from sacd.exceptions import SacdError, reading
from sacd.ingest.scoring_marks import Marks
from sacd.ingest.stage_names import StageNames, unknown_stage
from sacd.ingest.text_file import read_text
from sacd.stages import N1, N2, N3, NOT_SCORED, REM, W

_DIGITS = {-2: NOT_SCORED, -1: NOT_SCORED, 0: W, 1: N1, 2: N2, 3: N3, 4: REM}
_MOST_EPOCHS = 100_000
_REMEDY = "write a list with one stage an epoch"


def read_json(path: Path, names: StageNames) -> Marks:
    """Stages of a JSON file.

    Raises
    ------
    SacdError
        No JSON, neither a list nor a hypnogram of YASA, or an unknown stage.
    """
    content = _content(path)
    values = content.get("values") if isinstance(content, dict) else content
    if not isinstance(values, list):
        raise SacdError(f"{path}: neither a list of stages nor a hypnogram of YASA; {_REMEDY}")
    if len(values) > _MOST_EPOCHS:
        raise SacdError(f"{path}: more than {_MOST_EPOCHS:,} epochs, too many for a night; name the right file")
    codes = []
    for number, value in enumerate(values, 1):
        code = names.stage(str(value)) if isinstance(value, str | int) else None
        if code is None and type(value) is int:
            code = _DIGITS.get(value)
        if code is None:
            raise unknown_stage(path, f"epoch {number}", str(value)[:100])
        codes.append(code)
    if isinstance(content, list):
        return Marks.of_epochs(codes)
    with reading(path, "write it again with YASA", "its epoch length or start cannot be read"):
        epoch_s = pd.Timedelta(content["freq"]).total_seconds()
        # With an offset from UTC it is still the local clock's time that is written.
        start = pd.Timestamp(content["start"]).replace(tzinfo=None).to_pydatetime() if content.get("start") else None
    return Marks.of_epochs(codes, epoch_s, start=start)


def json_looks_like_scoring(path: Path) -> bool:
    """Whether a JSON file holds a list, or a hypnogram of YASA."""
    try:
        content = _content(path)
    except SacdError:
        return False
    return isinstance(content, list) or (isinstance(content, dict) and {"values", "freq"} <= set(content))


def _content(path: Path) -> object:
    text = read_text(path, _REMEDY)
    with reading(path, _REMEDY, "not valid JSON"):
        return json.loads(text)
