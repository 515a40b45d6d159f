"""Real files become a cohort: `ingest(source, out)`; one file per source format.

- `sources` says what a folder is;
- `recording_folder`: PSG, videos and scorings of each night → a raw cohort; `layout` says how the folder looks;
- `bids`: the same from a BIDS data set with videos beside it;
- `s3ve`: the release of the paper's data, EEG, video features and labels, → a cohort;
- `sleep_edf`: published Sleep-EDF feature nights → a feature cohort, the *privileged-feature benchmark*;
- `sleep_accel`: published nights of a heart-rate and a movement sensor → a feature cohort, the *two-sensor benchmark*;
- `many_nights` takes nights in, side by side, each whole or absent (`aside`, `log`); `opened` opens the files of one,
  `starts` says when its videos began, `clips` which clips it has, `night` reads them;
- `psg` and what it is made of (`edf`, `brainvision`, `fif`, `derivations`, `further_signals`, `signal_quality`);
  `scoring` (`scoring_text`, `scoring_shares`, `scoring_xml`, `scoring_edf`, `scoring_json`, `stage_names`,
  `several_scorers`);
  `video` (`video_files`, `camera`, `picture`, `region`, `preview`, `quality`); `sync` (`clock_traces`,
  `clock_evidence`);
- `dates` moves them, `crop` and `features` are what published feature nights share.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sacd.cohort import Cohort
from sacd.ingest.bids import ingest_bids
from sacd.ingest.crop import Crop
from sacd.ingest.options import IngestOptions
from sacd.ingest.recording_folder import ingest_recording_folder
from sacd.ingest.s3ve import ingest_s3ve
from sacd.ingest.sleep_accel import ingest_sleep_accel
from sacd.ingest.sleep_edf import WEAK_VIEW, ingest_sleep_edf
from sacd.ingest.sources import recognise
from sacd.progress import Bar


def ingest(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: str = "auto",
    student_view: Sequence[str] = WEAK_VIEW,
    crop: Crop = "clock",
    causal: bool = False,
    progress: Bar | None = None,
    say: Callable[[str], None] = lambda line: None,
    **options: Any,
) -> Cohort:
    """Make a cohort from real files, or add recordings to one: those that it has not yet.

    Parameters
    ----------
    source : path
        Folder in one of the formats of `sacd.ingest.sources`.
    out : path
        The cohort's folder.
    format : str
        Name of a format, or ``"auto"``: by the files.
    student_view : sequence of str
        Sleep-EDF features that the student sees: names, or patterns with ``*``.
    crop : {"clock", "drawn"}
        What is kept of a Sleep-EDF recording; see `sacd.ingest.crop`.
    causal : bool
        Feature cohorts: no clip's features hold anything of what comes after it.
    progress : Bar, optional
        With a total of 1.
    say : callable
        Called with a line for each night that was tried.
    **options
        Of `IngestOptions`: how nights with videos are read.

    Raises
    ------
    SacdError
        One line that names the file, what is wrong and what to do; of that night nothing is written, and no cohort
        where there is no other.
    """
    source, out = Path(source), Path(out)
    asked = IngestOptions(**options)
    match recognise(source, format).name:
        case "sleep-edf":
            return ingest_sleep_edf(source, out, student_view, crop, causal, progress)
        case "sleep-accel":
            return ingest_sleep_accel(source, out, causal, progress)
        case "s3ve":
            return ingest_s3ve(source, out, progress)
        case "bids":
            return ingest_bids(source, out, asked, progress, say)
        case _:
            return ingest_recording_folder(source, out, asked, progress, say)
