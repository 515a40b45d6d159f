"""Real files become a cohort: `ingest(source, out)`; one file per source format.

- `recording_folder`: EDF/EDF+, video and scoring of each night → a raw cohort; `layout` says how the folder looks;
- `sleep_edf`: published Sleep-EDF feature nights → a feature cohort, the *privileged-feature benchmark*;
- `sleep_accel`: published nights of a heart-rate and a movement sensor → a feature cohort, the *two-sensor benchmark*;
- `psg` and what it is made of (`edf`, `brainvision`, `fif`, `derivations`, `further_signals`, `signal_quality`),
  `hypnogram`, `video`, `sync`, `crop`, `features` are what formats share.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.ingest.crop import Crop
from sacd.ingest.layout import is_recording_folder
from sacd.ingest.recording_folder import ingest_recording_folder
from sacd.ingest.sleep_accel import ingest_sleep_accel, is_sleep_accel
from sacd.ingest.sleep_edf import WEAK_VIEW, ingest_sleep_edf, is_sleep_edf
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS

FORMATS = {"sleep-edf": is_sleep_edf, "sleep-accel": is_sleep_accel, "recordings": is_recording_folder}
"""Format names of ``--format`` and how each is recognised, the most particular first."""


def ingest(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: str = "auto",
    offset: float = 0.0,
    channel: str | None = None,
    frames: int = 32,
    span_s: float = CLIP_SECONDS,
    size: int | tuple[int, int] = 32,
    allow_gaps: bool = False,
    student_view: Sequence[str] = WEAK_VIEW,
    crop: Crop = "clock",
    causal: bool = False,
    progress: Bar | None = None,
) -> Cohort:
    """Make a cohort from real files, or add recordings to one: all of them, or none when something is wrong.

    Parameters
    ----------
    source : path
        Folder in one of the `FORMATS`.
    out : path
        The cohort's folder.
    format : str
        A key of `FORMATS`, or ``"auto"``.
    offset : float
        Added to the start of every video, s; positive when the video's clock is behind the recorder's.
    channel : str, optional
        EEG channel; by default a central derivation that all recordings have.
    frames : int
        Pictures a clip.
    span_s : float
        They spread evenly over the middle `span_s` seconds of the clip, at most 30.
    size : int or (int, int)
        Pixels, height and width.
    allow_gaps : bool
        Accept EDF+D files with gaps; clips that touch a gap are left out.
    student_view : sequence of str
        Sleep-EDF features that the student sees: names, or patterns with ``*``.
    crop : {"clock", "drawn"}
        What is kept of a Sleep-EDF recording; see `sacd.ingest.crop`.
    causal : bool
        Feature cohorts: no clip's features hold anything of what comes after it.
    progress : Bar, optional
        With a total of 1.

    Raises
    ------
    SacdError
        One line that names the file, what is wrong and what to do; nothing is written then.
    """
    source, out = Path(source), Path(out)
    if not source.is_dir():
        raise SacdError(f"{source}: not a folder; name the folder that holds the recordings")
    if format not in ("auto", *FORMATS):
        raise SacdError(f"format {format!r} is unknown; use auto or {', '.join(FORMATS)}")
    height, width = (size, size) if isinstance(size, int) else size
    if min(frames, height, width) < 1 or not 0 < span_s <= CLIP_SECONDS:
        raise SacdError(f"{frames} frames of {height}×{width} over {span_s:g} s cannot be cut; span is at most 30 s")
    if format == "auto":
        format = next((name for name, fits in FORMATS.items() if fits(source)), "")
    if format == "sleep-edf":
        return ingest_sleep_edf(source, out, student_view, crop, causal, progress)
    if format == "sleep-accel":
        return ingest_sleep_accel(source, out, causal, progress)
    if format == "recordings":
        return ingest_recording_folder(
            source, out, offset, channel, frames, span_s, (height, width), allow_gaps, progress
        )
    raise SacdError(
        f"{source}: no known format; expected participants.tsv with recordings, Sleep-EDF feature nights (SC4*.npz), "
        "or nights of two sensors (*_hr_feature.out)"
    )
