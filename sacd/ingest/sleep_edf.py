"""Sleep-EDF feature nights become a feature cohort, the *privileged-feature benchmark*.

The teacher sees 72 published features of two EEG channels, the student a weak view of them. The view is part of the
teacher's own input, so this is no second modality: an arm whose teacher does not see the view's channel is made by
leaving out every feature whose name contains ``Pz-Oz``. Features are normalised within each night, which uses the whole
night before its first clip is classified (transductive).

Data: Kemp et al. 2000, doi:10.1109/10.867928 (Sleep-EDF Expanded, PhysioNet, ODC-By). Each ``SC4ssn…npz`` (subject ss,
night n) holds `X` [rows, 72] and `y` [rows] for the scored 30-s clips in order; the ``-Hypnogram.edf`` beside it has
every clip, scored or not.
"""

import hashlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import Cohort, CohortInfo, Sampling, hash_file
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError, reading
from sacd.ingest.hypnogram import Scoring, read_scoring
from sacd.ingest.psg import read_psg
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS, NOT_SCORED, W

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
_MARGIN_CLIPS = 60


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


def with_neighbours(base: np.ndarray) -> np.ndarray:
    """Features with their difference, rolling mean and rolling standard deviation (three clips, centred), as published.

    Parameters
    ----------
    base : ndarray [rows, 18]
        Consecutive clips.

    Returns
    -------
    ndarray [rows, 72]
    """
    difference = np.diff(base, axis=0, prepend=base[:1])
    rolling = pd.DataFrame(base).rolling(3, center=True, min_periods=1)
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
    source: Path, out: Path, student_view: Sequence[str] = WEAK_VIEW, progress: Bar | None = None
) -> Cohort:
    """Write the feature cohort of all nights in `source`; two nights a participant, no AHI, no fixed split.

    A night is cut to sleep ± 30 minutes. Clips that were not scored are not among the published rows, so clip numbers
    jump there. A night with fewer rows than scored clips is kept and marked `truncated` in its provenance.
    """
    columns = choose_view(student_view)
    nights = [match for file in sorted(source.iterdir()) if (match := _NPZ.fullmatch(file.name))]
    if not nights:
        raise SacdError(f"{source}: no feature nights (SC4*.npz); name the folder that holds them")
    pairs = [(match, source / match.string, _hypnogram(source, match[1])) for match in nights]
    digest = hashlib.sha256("".join(hash_file(file) for _, *files in pairs for file in files).encode())
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
            "normalisation": "z-score within each night after the crop (transductive)",
            "crop": "sleep ± 30 min",
            "student": "a weak view of the teacher's own features, not a second modality",
        },
    )
    with CohortWriter(out, info) as writer:
        for number, (match, file, hypnogram) in enumerate(pairs, 1):
            _add(writer, match, file, hypnogram, columns)
            if progress is not None:
                progress.to(number / len(pairs), match[1])
    return Cohort.open(out)


def _hypnogram(source: Path, recording: str) -> Path:
    found = sorted(source.glob(f"{recording}*-Hypnogram.edf"))
    if len(found) != 1:
        raise SacdError(f"{source}: night {recording} has {len(found)} files {recording}*-Hypnogram.edf; it needs one")
    return found[0]


def _add(writer: CohortWriter, match: re.Match[str], file: Path, hypnogram: Path, columns: list[int]) -> None:
    recording, participant = match[1], f"SC4{match[2]}"
    start = read_psg(hypnogram).start
    scoring = read_scoring(hypnogram, start)
    features, stages, clips = _rows(file, scoring)
    rows = len(stages)
    asleep = np.flatnonzero(stages != W)
    part = slice(max(0, asleep[0] - _MARGIN_CLIPS), asleep[-1] + _MARGIN_CLIPS + 1)
    features, stages, clips = features[part], stages[part], clips[part]
    spread = features.std(axis=0)
    normal = ((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
    sex, age = _person(hypnogram)
    writer.add_participant(participant, sex=sex, age=age)
    scored = int((scoring.stages != NOT_SCORED).sum())
    provenance: dict[str, Any] = {
        "features_sha256": hash_file(file),
        "scoring_sha256": hash_file(hypnogram),
        "rows": rows,
        "scored_clips": scored,
        "truncated": rows < scored,
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


def _rows(file: Path, scoring: Scoring) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    if (stages == W).all():
        raise SacdError(f"{file}: no sleep in the night; leave the file out")
    # The published neighbours are those of the saturated features: they are made anew, and never over a gap.
    stretches = np.split(unsaturated(published[:, : len(FEATURES) // 4]), np.flatnonzero(np.diff(clips) > 1) + 1)
    return np.vstack([with_neighbours(stretch) for stretch in stretches]), stages, clips


def _person(hypnogram: Path) -> tuple[str, float | None]:
    """Sex and age (years), which Sleep-EDF publishes in the header (``Female_33yr``); nothing else of it is read."""
    with open(hypnogram, "rb") as handle:
        found = _PERSON.search(handle.read(88).decode("latin-1"))
    return (found[1].lower(), float(found[2])) if found else ("n/a", None)
