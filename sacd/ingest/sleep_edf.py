"""Sleep-EDF feature nights become a feature cohort, the *privileged-feature benchmark*.

The teacher sees 72 published features of two EEG channels, the student a weak view of them. The view is part of the
teacher's own input, so this is no second modality: an arm whose teacher does not see the view's channel is made by
leaving out every feature whose name contains ``Pz-Oz``. Features are normalised within each night, which uses the whole
night before its first clip is classified (transductive), or by each clip's own past (causal). A recording lasts 20
hours; `sacd.ingest.crop` says what is kept of it.

Data: Kemp et al. 2000, doi:10.1109/10.867928 (Sleep-EDF Expanded, PhysioNet, ODC-By). Each ``SC4ssn…npz`` (subject ss,
night n) holds `X` [rows, 72] and `y` [rows] for the scored 30-s clips in order; the ``-Hypnogram.edf`` beside it has
every clip, scored or not.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, CohortInfo, Sampling, hash_file
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError, reading
from sacd.ingest.crop import WORDS, Crop, check_crop, kept
from sacd.ingest.dates import PROVENANCE, PUBLISHED
from sacd.ingest.features import normalisation, normalised, within_stretches
from sacd.ingest.psg import read_psg
from sacd.ingest.scoring import Scoring, read_scoring
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS, NOT_SCORED

CHANNELS = ("Fpz-Cz", "Pz-Oz")
BASE = ("delta", "theta", "alpha", "sigma", "beta", "ratio_1", "ratio_2", "log_variance", "mobility")
FEATURES: tuple[str, ...] = tuple(
    f"{channel}_{name}{kind}"
    for kind in ("", "_difference", "_rolling_mean", "_rolling_std")
    for channel in CHANNELS
    for name in BASE
)
"""Names of the 72 columns, in order."""

WEAK_VIEW: tuple[str, ...] = ("Pz-Oz_mobility", "Pz-Oz_log_variance")
"""What the student sees by default."""

_NPZ = re.compile(r"(SC4(\d\d)(\d))[A-Z]\d\.npz")
_PERSON = re.compile(r"(Male|Female)_(\d{1,3})yr")
_POWERS = [c * len(BASE) + BASE.index(n) for c in (0, 1) for n in (*BASE[:5], "log_variance")]
_FLOOR_V2 = 1e-10
_SMALLEST_V2 = 1e-14


def is_sleep_edf(source: Path) -> bool:
    """Whether `source` holds feature nights."""
    return any(_NPZ.fullmatch(file.name) for file in source.iterdir())


def unsaturated(base: np.ndarray) -> np.ndarray:
    """Undo the saturation of the log powers.

    The published band powers and variances are ``log(P + 1e-10)`` with P in V², about as small as the constant.

    Parameters
    ----------
    base : ndarray [rows, 18]

    Returns
    -------
    ndarray [rows, 18]
        ``log P`` in these columns (P at least 0.01 µV²), the others as they are.
    """
    base = base.copy()
    base[:, _POWERS] = np.log(np.maximum(np.exp(base[:, _POWERS]) - _FLOOR_V2, _SMALLEST_V2))
    return base


def with_neighbours(base: np.ndarray, causal: bool = False) -> np.ndarray:
    """Features with their difference, rolling mean and rolling standard deviation of three clips.

    Parameters
    ----------
    base : ndarray [rows, 18]
        Consecutive clips.
    causal : bool
        The clip and the two before it; otherwise centred, as published.

    Returns
    -------
    ndarray [rows, 72]
    """
    difference = np.diff(base, axis=0, prepend=base[:1])
    rolling = pd.DataFrame(base).rolling(3, center=not causal, min_periods=1)
    return np.hstack([base, difference, rolling.mean(), rolling.std(ddof=0)])


def choose_view(patterns: Sequence[str]) -> list[int]:
    """Columns of `FEATURES` that match a name or a pattern (``Pz-Oz_*``)."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in FEATURES):
            raise SacdError(f"student view {pattern!r} matches no feature; names are like {FEATURES[0]} or Pz-Oz_*")
    chosen = [i for i, name in enumerate(FEATURES) if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not chosen:
        raise SacdError("the student view is empty; name at least one feature, e.g. Pz-Oz_mobility")
    return chosen


def ingest_sleep_edf(
    source: Path,
    out: Path,
    student_view: Sequence[str] = WEAK_VIEW,
    crop: Crop = "clock",
    causal: bool = False,
    progress: Bar | None = None,
) -> Cohort:
    """Write the feature cohort of all nights in `source`; two nights a participant, no AHI, no fixed split.

    Clips that were not scored are not among the published rows, so clip numbers jump there. A night with fewer rows
    than scored clips is kept and marked `truncated` in its provenance.

    Parameters
    ----------
    source, out : Path
    student_view : sequence of str
        Names or patterns of `FEATURES`.
    crop : {"clock", "drawn"}
        See `sacd.ingest.crop`.
    causal : bool
        Features of a clip from its own past alone.
    progress : Bar, optional

    Raises
    ------
    SacdError
        Files that do not fit, or a night of which the crop leaves nothing.
    """
    check_crop(crop)
    columns = choose_view(student_view)
    nights = [match for file in sorted(source.iterdir()) if (match := _NPZ.fullmatch(file.name))]
    if not nights:
        raise SacdError(f"{source}: no feature nights (SC4*.npz); name the folder that holds them")
    pairs = [(match, source / match.string, _hypnogram(source, match[1])) for match in nights]
    hashes = [hash_file(file) for _, *files in pairs for file in files]
    digest = hashlib.sha256(json.dumps([hashes, WORDS[crop], normalisation(causal)]).encode())
    info = CohortInfo(
        name="Sleep-EDF privileged-feature benchmark",
        simulated=False,
        source_id=digest.hexdigest()[:16],
        video="features",
        eeg="features",
        sampling=Sampling(video_features=tuple(FEATURES[i] for i in columns), eeg_features=FEATURES),
        provenance={
            "format": "sleep-edf",
            "data": "Sleep-EDF Expanded, PhysioNet, ODC-By; doi:10.1109/10.867928",
            "normalisation": f"{normalisation(causal)}, after the crop",
            "crop": WORDS[crop],
            "teacher": f"{len(FEATURES)} features of {' and '.join(CHANNELS)}",
            "student": "a weak view of the teacher's own features, not a second modality",
        },
    )
    with CohortWriter(out, info) as writer:
        for number, (match, file, hypnogram) in enumerate(pairs, 1):
            _add(writer, match, file, hypnogram, columns, crop, causal)
            if progress is not None:
                progress.to(number / len(pairs), match[1])
    return Cohort.open(out)


def _hypnogram(source: Path, recording: str) -> Path:
    found = sorted(source.glob(f"{recording}*-Hypnogram.edf"))
    if len(found) != 1:
        raise SacdError(f"{source}: night {recording} has {len(found)} files {recording}*-Hypnogram.edf; it needs one")
    return found[0]


def _add(
    writer: CohortWriter, match: re.Match[str], file: Path, hypnogram: Path, columns: list[int], crop: Crop,
    causal: bool,
) -> None:
    recording, participant = match[1], f"SC4{match[2]}"
    start = read_psg(hypnogram).start
    scoring = read_scoring(hypnogram, start)
    features, stages, clips = _rows(file, scoring, causal)
    rows = len(stages)
    part = kept(crop, recording, start, clips, stages)
    if not part.any():
        lack = "sleep in the night" if crop == "drawn" else f"{WORDS[crop]} (it starts at {start:%H:%M})"
        raise SacdError(f"{file}: no {lack}; leave the file out")
    stages, clips, normal = stages[part], clips[part], normalised(features[part], causal)
    sex, age = _person(hypnogram)
    writer.add_participant(participant, sex=sex, age=age)
    scored = int((scoring.stages != NOT_SCORED).sum())
    provenance: dict[str, Any] = {
        "features_sha256": hash_file(file),
        "scoring_sha256": hash_file(hypnogram),
        "rows": rows,
        "scored_clips": scored,
        "truncated": rows < scored,
        PROVENANCE: PUBLISHED,
    }
    writer.add_recording(
        recording,
        participant,
        pd.DataFrame({"clip": clips, "onset": CLIP_SECONDS * clips, "stage": stages.astype(np.int64)}),
        normal[:, columns],
        normal,
        start=start.isoformat(),
        channel=", ".join(CHANNELS),
        provenance=provenance,
        commit=False,
    )


def _rows(file: Path, scoring: Scoring, causal: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [rows, 72], stages and clip numbers [rows] of a night; its labels must be the scoring's."""
    with reading(file, "download it again", "cannot be read as a feature night"):
        with np.load(file, allow_pickle=False) as arrays:
            published, stages = arrays["X"].astype(float), arrays["y"].astype(float)
    if stages.ndim != 1 or published.shape != (len(stages), len(FEATURES)):
        shapes = f"{published.shape} and {stages.shape}, not (rows, {len(FEATURES)}) and (rows,)"
        raise SacdError(f"{file}: X and y have shapes {shapes}; download it again")
    if not np.isfinite(published).all():
        raise SacdError(f"{file}: X holds NaN or infinite values; download it again")
    clips = np.flatnonzero(scoring.stages != NOT_SCORED)
    if len(stages) > len(clips):
        beside = f"{scoring.path.name} scores {len(clips)} clips"
        raise SacdError(f"{file}: {len(stages)} rows, but {beside}; keep files of one night together")
    clips = clips[: len(stages)]
    differ = np.flatnonzero(scoring.stages[clips] != stages)
    if len(differ):
        raise SacdError(
            f"{file}: {len(differ)} labels differ from {scoring.path.name}, the first in row {differ[0]}; "
            "keep files of one night together"
        )
    # The published neighbours are those of the saturated features: they are made anew, and never over a gap.
    base = unsaturated(published[:, : len(FEATURES) // 4])
    return within_stretches(base, clips, partial(with_neighbours, causal=causal)), stages, clips


def _person(hypnogram: Path) -> tuple[str, float | None]:
    """Sex and age (years), which Sleep-EDF publishes in the header (``Female_33yr``); nothing else of it is read."""
    with open(hypnogram, "rb") as handle:
        found = _PERSON.search(handle.read(88).decode("latin-1"))
    return (found[1].lower(), float(found[2])) if found else ("n/a", None)
