"""One night: its files are opened and put in time, then read into what a cohort holds of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import hash_file
from sacd.cohort.extras import Extras, SignalInfo
from sacd.exceptions import SacdError
from sacd.ingest import region as regions
from sacd.ingest.camera import read_pictures
from sacd.ingest.clips import Clips, Shown, choose_clips
from sacd.ingest.dates import KEPT, PROVENANCE, SHIFTED, read_secret, shifted
from sacd.ingest.layout import NightFiles
from sacd.ingest.options import IngestOptions
from sacd.ingest.psg import EEG_HZ, Psg, read_eeg, read_psg, read_rails, read_signals
from sacd.ingest.region import Box
from sacd.ingest.scoring import Scoring, read_scoring
from sacd.ingest.scoring_edf import NoStages
from sacd.ingest.signal_quality import signal_faults
from sacd.ingest.starts import later, local, read_zone, seconds_between
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import Video, read_video
from sacd.stages import CLIP_SECONDS

_OVERLAP_S = CLIP_SECONDS
"""Two videos of one camera may overlap by as much."""
_LARGEST = 6e4
"""What a float16 may hold."""


@dataclass(frozen=True)
class OpenNight:
    """A night whose files were opened and found to fit together.

    Attributes
    ----------
    start : datetime or None
        Local start of the recording; None where there is a camera alone and nothing says when it began.
    clocks : tuple of VideoClock
        One for each video.
    """

    files: NightFiles
    start: datetime | None
    psg: Psg | None
    scoring: Scoring | None
    videos: tuple[Video, ...]
    clocks: tuple[VideoClock, ...]
    clips: Clips


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


def open_night(files: NightFiles, options: IngestOptions) -> OpenNight:
    """Open the files of a night, put them in time and choose its clips; most faults show here, before the pictures.

    Raises
    ------
    SacdError
        One line that names the file, what is wrong and what to do.
    """
    if files.fault:
        raise SacdError(files.fault)
    psg = None if files.psg is None else read_psg(files.psg)
    videos = tuple(read_video(path) for path in files.videos)
    start, begins = _begins(files, psg, videos, options)
    order = np.argsort(begins, kind="stable")
    drift = options.drift_ppm + files.drift_ppm
    videos = tuple(videos[i] for i in order)
    clocks = tuple(VideoClock(begins[i], drift) for i in order)
    scoring = _scoring(files, psg, start, options)
    shown = [
        Shown(video.path, float(clock.to_recording(0.0)), float(clock.to_recording(video.duration_s)))
        for video, clock in zip(videos, clocks, strict=True)
    ]
    for before, after in zip(shown, shown[1:], strict=False):
        if before.end - after.begin > _OVERLAP_S:
            raise SacdError(
                f"{after.path}: begins {before.end - after.begin:.0f} s before {before.path.name} ends; keep one of "
                "the two, or correct when they began"
            )
    clips = choose_clips(psg, scoring, shown, options.allow_gaps)
    return OpenNight(files, start, psg, scoring, videos, clocks, clips)


def _scoring(
    files: NightFiles, psg: Psg | None, start: datetime | None, options: IngestOptions
) -> Scoring | None:
    """The night's scoring, that of the PSG's own annotations where there is no other; None where nobody scored."""
    read = partial(
        read_scoring, psg_start=start, names=options.names, clock=options.clock,
        psg_s=None if psg is None else psg.duration_s,
    )
    if files.scorings:
        return read(files.scorings)
    try:
        return None if files.psg is None else read(files.psg)
    except NoStages:
        return None


def _begins(
    files: NightFiles, psg: Psg | None, videos: tuple[Video, ...], options: IngestOptions
) -> tuple[datetime | None, list[float]]:
    """Local start of the recording, and where each video begins, s from there."""
    told = files.video_starts or (None,) * len(videos)
    starts = [given or _container_start(video) for given, video in zip(told, videos, strict=True)]
    zone = read_zone(files.time_zone or options.time_zone)
    reference = files.psg_start or (starts[0] if psg is None else psg.start)
    offset = options.offset + files.offset_s
    if psg is None and len(videos) == 1:
        return None if reference is None else local(reference, zone), [offset]
    for video, moment in zip(videos, starts, strict=True):
        if moment is None:
            raise SacdError(
                f"{video.path}: the video does not say when it began; write video_start of recording "
                f"{files.recording_id} into recordings.tsv"
            )
    if reference is None:
        raise SacdError(
            f"{files.psg}: does not say when the recording began; write psg_start of recording {files.recording_id} "
            "into recordings.tsv"
        )
    apart = [
        seconds_between(reference, moment, zone, options.clock, video.path)
        for video, moment in zip(videos, starts, strict=True)
    ]
    # The camera's clock is right at the first picture; later files begin by its drifting time.
    first, drift = min(apart), options.drift_ppm + files.drift_ppm
    return local(reference, zone), [later(first + offset, value - first, drift) for value in apart]


def _container_start(video: Video) -> datetime | None:
    if video.start is None:
        return None
    return datetime.fromisoformat(f"{video.start.isoformat()}{video.zone or ''}")


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
        events=None if night.scoring is None else night.scoring.events,
        signals=signals and signals[0], signal_info=signals and signals[1],
        preview=None if pictures.preview is None else partial(shutil.move, pictures.preview),
    )
    provenance = _provenance(night, options, region, pictures.notes)
    return ReadNight(
        clips.drop(columns="segment").assign(**flags), pictures.video, eeg, extras, _told_start(night, options),
        ", ".join(channels) or "n/a", provenance,
    )


def _region(night: OpenNight, options: IngestOptions) -> Box | None:
    region = night.files.region or options.region
    return regions.find_region(night.videos[0]) if region == "find" else region


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
    night: OpenNight, options: IngestOptions, region: Box | None, notes: tuple[str, ...]
) -> dict[str, Any]:
    """File names may hold a person's name, so sources are known by their hashes alone."""
    files = night.files
    said = night.scoring.notes if night.scoring else ("nobody scored it",)
    return {
        "psg_sha256": None if files.psg is None else hash_file(files.psg),
        "scoring_sha256": [hash_file(path) for path in files.scorings],
        "video_sha256": [hash_file(video.path) for video in night.videos],
        "clock": {
            "begin_s": night.clocks[0].begin_s, "drift_ppm": night.clocks[0].drift_ppm, "how": files.starts_from,
            "later_s": [clock.begin_s for clock in night.clocks[1:]], "estimate": None,
        },
        "gaps": 0 if night.psg is None else len(night.psg.segments) - 1,
        "clips_left_out": night.clips.left_out,
        "region": region and [region.x, region.y, region.width, region.height],
        "notes": [*said, *notes],
        PROVENANCE: KEPT if options.keep_dates else SHIFTED,
    }
