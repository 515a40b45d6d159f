"""One night: what a cohort holds of it, read from its files once they are opened (`sacd.ingest.opened`)."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import hash_file
from sacd.cohort.extras import Extras, SignalInfo
from sacd.ingest.box import Box
from sacd.ingest.camera import read_pictures
from sacd.ingest.clock_traces import PsgTraces, VideoTraces
from sacd.ingest.dates import KEPT, PROVENANCE, SHIFTED, read_secret, shifted
from sacd.ingest.opened import OpenNight
from sacd.ingest.options import IngestOptions
from sacd.ingest.psg import EEG_HZ, read_eeg, read_rails, read_signals
from sacd.ingest.region import find_region
from sacd.ingest.signal_quality import signal_faults
from sacd.ingest.sync import ClockEstimate, estimate_clock
from sacd.stages import CLIP_SECONDS

_LARGEST = 6e4
"""What a float16 may hold."""


@dataclass(frozen=True)
class ReadNight:
    """What a cohort holds of a night; arrays as `sacd.cohort.writer.write_recording` takes them."""

    clips: pd.DataFrame
    video: np.ndarray
    eeg: np.ndarray | None
    extras: Extras
    start: str
    channel: str
    provenance: dict[str, Any]


def read_night(
    night: OpenNight, channels: tuple[str, ...], options: IngestOptions, aside: Path, tell: Callable[[int], None]
) -> ReadNight:
    """Read all that a cohort holds of a night.

    Parameters
    ----------
    channels : tuple of str
        EEG derivations; empty in a cohort without EEG.
    aside : Path
        Folder for files of a while; to be kept until the arrays are written, and removed by the caller.
    tell : callable
        Called with the number of clips whose pictures are read.
    """
    clips = night.clips.table
    eeg, signals = None, None
    flags = {}
    if channels:
        eeg = _cut(read_eeg(night.psg, channels, options.notch), night, EEG_HZ)
        faults = signal_faults(eeg, _cut(read_rails(night.psg, channels), night, EEG_HZ))
        flags |= {f"flag_eeg_{name}": column.to_numpy() for name, column in faults.items()}
        signals = _signals(night)
    region = _region(night, options)
    onsets = clips.onset.to_numpy()
    pictures = read_pictures(
        list(zip(night.videos, night.clocks, strict=True)), onsets, options.look(region), aside, tell
    )
    flags |= {f"flag_video_{name}": column.to_numpy() for name, column in pictures.faults.items()}
    extras = Extras(
        frame_times=pictures.frame_times, motion=pictures.motion,
        events=night.events,
        signals=signals and signals[0], signal_info=signals and signals[1],
        preview=None if pictures.preview is None else partial(shutil.move, pictures.preview),
    )
    estimate = None
    if channels and pictures.motion is not None:
        psg = PsgTraces.from_signals(*(signals or (None, None)), eeg, onsets)
        estimate = estimate_clock(VideoTraces.from_motion(pictures.motion, onsets), psg)
    provenance = _provenance(night, options, region, pictures.notes, estimate)
    return ReadNight(
        clips.drop(columns="segment").assign(**flags), pictures.video, eeg, extras, _told_start(night, options),
        ", ".join(channels) or "n/a", provenance,
    )


def _region(night: OpenNight, options: IngestOptions) -> Box | None:
    region = night.files.region or options.region
    return find_region(night.videos[0]) if region == "find" else region


def _signals(night: OpenNight) -> tuple[np.ndarray, SignalInfo] | None:
    """EMG, belts and others, float16 [clips, channels, samples]."""
    found = read_signals(night.psg)
    if found is None:
        return None
    segments, info = found
    return np.clip(_cut(segments, night, info.hz), -_LARGEST, _LARGEST).astype(np.float16), info


def _cut(segments: list[np.ndarray], night: OpenNight, hz: float) -> np.ndarray:
    """Clips [n, channels, samples] of signals that lie in segments [channels, samples]."""
    clips, samples = night.clips.table, round(CLIP_SECONDS * hz)
    cut = np.empty((len(clips), len(segments[0]), samples), segments[0].dtype)
    for row, onset, segment in zip(cut, clips.onset, clips.segment, strict=True):
        first = round((onset - night.psg.segments[segment][0]) * hz)
        # Rounding may ask for a sample or two beyond the ends.
        row[:] = segments[segment].take(np.arange(first, first + samples), axis=1, mode="clip")
    return cut


def _told_start(night: OpenNight, options: IngestOptions) -> str:
    if night.start is None:
        return "n/a"
    person = night.files.participant_id
    return (night.start if options.keep_dates else shifted(night.start, person, read_secret())).isoformat()


def _provenance(
    night: OpenNight, options: IngestOptions, region: Box | None, notes: tuple[str, ...], estimate: ClockEstimate | None
) -> dict[str, Any]:
    """File names may hold a person's name, so sources are known by their hashes alone."""
    files = night.files
    texts = f"; {files.passed_over} texts beside it are no scoring" if files.passed_over else ""
    said = night.scoring.notes if night.scoring else (f"nobody scored it{texts}",)
    told = {} if estimate is None or not estimate.identifiable else {
        # What the viewer says of the times of pictures: as far off as they may be.
        "clock_uncertainty_s": round(estimate.stated_error_s + estimate.half_width_s, 2),
    }
    return told | {
        "psg_sha256": None if files.psg is None else hash_file(files.psg),
        "scoring_sha256": [hash_file(path) for path in files.scorings],
        "video_sha256": [hash_file(video.path) for video in night.videos],
        "clock": {
            "begin_s": night.clocks[0].begin_s, "drift_ppm": night.clocks[0].drift_ppm, "how": files.starts_from,
            "later_s": [clock.begin_s for clock in night.clocks[1:]], "estimate": estimate and estimate.summary(),
        },
        "gaps": 0 if night.psg is None else len(night.psg.segments) - 1,
        "clips_left_out": night.clips.left_out,
        "region": region and [region.x, region.y, region.width, region.height],
        "notes": [*said, *night.notes, *notes, *_of_clock(estimate)],
        PROVENANCE: KEPT if options.keep_dates else SHIFTED,
    }


def _of_clock(estimate: ClockEstimate | None) -> list[str]:
    """A note where the night itself contradicts the clock that was stated, or may be another's."""
    if estimate is None or not estimate.evidence:
        return []
    if not estimate.identifiable:
        return [f"the video's clock cannot be told from the night: {estimate.why}"]
    if estimate.agrees:
        return []
    return [
        f"the video's clock is wrong by up to {estimate.stated_error_s:.1f} s: by movements and breathing its offset "
        f"lacks {estimate.offset_s:+.2f} s (±{estimate.half_width_s:.2f} s) and its drift {estimate.drift_ppm:+.0f} ppm"
    ]
