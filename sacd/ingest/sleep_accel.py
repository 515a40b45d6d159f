"""Nights of a heart-rate and a movement sensor become a feature cohort, the *two-sensor benchmark*.

The teacher sees heart and movement, the student movement alone: two real sensors of the same sleepers, with an expert's
stages. There is no EEG and no camera in it, so it says nothing of *EEG to camera*; movement at the wrist is, roughly,
what a camera could see.

Data: Walch et al. 2019, doi:10.1093/sleep/zsz180 (PhysioNet sleep-accel, doi:10.13026/hmhs-py35, ODC-By 1.0), as
features of 30-s clips by Zhai et al. 2021, arXiv:2111.10245 (Ubi-SleepNet, MIT). The one night of participant ``ID``
is four files with a number a line for each clip: ``ID_hr_feature.out``, ``ID_count_feature.out`` (activity),
``ID_time_feature.out`` (hours since the start) and ``ID_psg_labels.out`` (0 W, 1 N1, 2 N2, 3 N3, 4 N4, 5 REM, −1 not
scored). How the heart feature was normalised is not documented: it may have seen the whole night.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, CohortInfo, Sampling, check_id, hash_file
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError, reading
from sacd.ingest.features import normalisation, normalised, within_stretches
from sacd.ingest.text_file import read_text
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS, N1, N2, N3, NOT_SCORED, REM, W

WINDOWS = (5, 21, 61)
"""Clips of the rolling features: 2.5, 10.5 and 30.5 minutes."""
_FORMS = ("", *(f"_{kind}_{window}" for window in WINDOWS for kind in ("mean", "std")))
HEART = tuple(f"heart{form}" for form in _FORMS)
MOVEMENT = tuple(f"movement{form}" for form in _FORMS)
"""Names of the columns, in order: the value itself, then rolling means and standard deviations."""

_FILE = re.compile(r"(.+)_(hr_feature|count_feature|time_feature|psg_labels)\.out")
_STAGES = {0: W, 1: N1, 2: N2, 3: N3, 4: N3, 5: REM, -1: NOT_SCORED}
_GRID_TOLERANCE_CLIPS = 0.01
_LONGEST_H = 48.0


def is_sleep_accel(source: Path) -> bool:
    """Whether `source` holds nights of the two sensors."""
    return any(_FILE.fullmatch(file.name) for file in source.iterdir())


def with_context(values: np.ndarray, causal: bool = False) -> np.ndarray:
    """A sensor's values and how they were around each clip.

    Parameters
    ----------
    values : ndarray [clips]
        Consecutive clips; none below 0 but for noise.
    causal : bool
        Windows end with the clip; otherwise they are centred on it.

    Returns
    -------
    ndarray [clips, 7]
        Columns as `HEART` and `MOVEMENT`: ``arcsinh`` of the values, which tames peaks and is linear near 0, then mean
        and standard deviation over each of `WINDOWS`, shorter at the ends.
    """
    tamed = pd.Series(np.arcsinh(values))
    columns = [tamed]
    for window in WINDOWS:
        rolling = tamed.rolling(window, center=not causal, min_periods=1)
        columns += [rolling.mean(), rolling.std(ddof=0)]
    return np.stack(columns, axis=1)


def ingest_sleep_accel(source: Path, out: Path, causal: bool = False, progress: Bar | None = None) -> Cohort:
    """Write the feature cohort of all nights in `source`; one night a participant, no age, no AHI, no fixed split.

    Raises
    ------
    SacdError
        A file that is missing, that is no column of numbers, or that does not fit the others.
    """
    ids = sorted({match[1] for file in source.iterdir() if (match := _FILE.fullmatch(file.name))})
    if not ids:
        raise SacdError(f"{source}: no nights of two sensors (*_hr_feature.out); name the folder that holds them")
    nights = {name: _files(source, check_id(name, f"{source}: participant")) for name in ids}
    hashes = [hash_file(file) for files in nights.values() for file in files.values()]
    info = CohortInfo(
        name="Two-sensor benchmark (heart and movement teach movement)",
        simulated=False,
        source_id=hashlib.sha256(json.dumps([hashes, normalisation(causal)]).encode()).hexdigest()[:16],
        video="features",
        eeg="features",
        sampling=Sampling(video_features=MOVEMENT, eeg_features=HEART + MOVEMENT),
        provenance={
            "format": "sleep-accel",
            "data": "Walch et al. 2019, doi:10.1093/sleep/zsz180; PhysioNet sleep-accel, doi:10.13026/hmhs-py35, "
            "ODC-By 1.0; features: Zhai et al. 2021, arXiv:2111.10245, Ubi-SleepNet, MIT",
            "normalisation": normalisation(causal),
            "heart": "how the published heart feature was normalised is not documented",
            "teacher": "heart rate and wrist movement",
            "student": "wrist movement alone (no EEG, no camera)",
        },
    )
    with CohortWriter(out, info) as writer:
        for number, (name, files) in enumerate(nights.items(), 1):
            _add(writer, name, files, causal)
            if progress is not None:
                progress.to(number / len(nights), name)
    return Cohort.open(out)


def _files(source: Path, name: str) -> dict[str, Path]:
    """A night's files by what they hold."""
    kinds = {"heart": "hr_feature", "movement": "count_feature", "hours": "time_feature", "stages": "psg_labels"}
    files = {what: source / f"{name}_{kind}.out" for what, kind in kinds.items()}
    for file in files.values():
        if not file.is_file():
            raise SacdError(f"{file}: not found; a night needs its four files")
    return files


def _add(writer: CohortWriter, name: str, files: dict[str, Path], causal: bool) -> None:
    columns = {what: _column(file) for what, file in files.items()}
    for what, file in files.items():
        if len(columns[what]) != len(columns["hours"]):
            lengths = f"{len(columns[what])} lines, {files['hours'].name} {len(columns['hours'])}"
            raise SacdError(f"{file}: {lengths}; keep files of one night together")
    clips = _clips(files["hours"], columns["hours"])
    unknown = set(columns["stages"]) - set(_STAGES)
    if unknown:
        raise SacdError(f"{files['stages']}: {min(unknown):g} is not a known stage; use 0 to 5, or -1 where not scored")
    if columns["movement"].min() < 0:
        raise SacdError(f"{files['movement']}: an activity count is negative; download it again")
    sensors = np.stack([columns["heart"], columns["movement"]], axis=1)
    features = within_stretches(
        sensors, clips, lambda stretch: np.hstack([with_context(values, causal) for values in stretch.T])
    )
    normal = normalised(features, causal)
    stages = np.array([_STAGES[code] for code in columns["stages"]])
    provenance: dict[str, Any] = {f"{what}_sha256": hash_file(file) for what, file in files.items()}
    writer.add_participant(name)
    writer.add_recording(
        name,
        name,
        pd.DataFrame({"clip": clips, "onset": CLIP_SECONDS * clips, "stage": stages}),
        normal[:, len(HEART) :],
        normal,
        channel="heart rate, wrist movement",
        provenance=provenance,
        commit=False,
    )


def _column(file: Path) -> np.ndarray:
    """The numbers of a file, one a line."""
    text = read_text(file, "download it again")
    with reading(file, "download it again", "not a column of numbers"):
        values = np.array([float(line) for line in text.split("\n") if line.strip()])
    if not len(values) or not np.isfinite(values).all():
        fault = "holds NaN or infinite values" if len(values) else "is empty"
        raise SacdError(f"{file}: {fault}; download it again")
    return values


def _clips(file: Path, hours: np.ndarray) -> np.ndarray:
    """Clip numbers; they jump where clips are missing."""
    if hours.min() < 0 or hours.max() > _LONGEST_H:
        raise SacdError(f"{file}: hours from {hours.min():g} to {hours.max():g} are no night's; download it again")
    exact = hours * 3600 / CLIP_SECONDS
    clips = np.round(exact).astype(np.int64)
    off = np.abs(exact - clips) > _GRID_TOLERANCE_CLIPS
    if off.any():
        where = f"line {np.argmax(off) + 1} is at {hours[off][0]:g} h, not a multiple of 30 s"
        raise SacdError(f"{file}: {where} from the start; download it again")
    if (np.diff(clips) < 1).any():
        raise SacdError(f"{file}: times do not rise after line {np.argmax(np.diff(clips) < 1) + 1}; download it again")
    return clips
