"""A night whose files are opened and put in time: all but its pictures and signals, so that most faults show early."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd

from sacd.cohort.events import EVENT_COLUMNS
from sacd.exceptions import SacdError
from sacd.ingest.clips import Clips, Shown, choose_clips
from sacd.ingest.layout import NightFiles
from sacd.ingest.options import IngestOptions
from sacd.ingest.psg import Psg, read_psg
from sacd.ingest.scoring import Scoring, read_scoring
from sacd.ingest.scoring_edf import NoStages, read_own_events
from sacd.ingest.stage_names import StageNames
from sacd.ingest.starts import later, local, read_zone, seconds_between
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import Video, read_video
from sacd.stages import CLIP_SECONDS

_LARGEST_DRIFT_PPM = 1e5
_OVERLAP_S = CLIP_SECONDS
"""Two videos of one camera may overlap by as much."""


@dataclass(frozen=True)
class OpenNight:
    """A night whose files were opened and found to fit together.

    Attributes
    ----------
    start : datetime or None
        Local start of the recording; None where there is a camera alone and nothing says when it began.
    clocks : tuple of VideoClock
        One for each video.
    events : DataFrame or None
        As `sacd.cohort.events` has them, s from the start of the recording: those of the scoring, and of the PSG's own
        annotations those of types that the scoring does not note. None without any.
    notes : tuple of str
        What was odd about them.
    """

    files: NightFiles
    start: datetime | None
    psg: Psg | None
    scoring: Scoring | None
    videos: tuple[Video, ...]
    clocks: tuple[VideoClock, ...]
    clips: Clips
    events: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()


def open_night(files: NightFiles, options: IngestOptions) -> OpenNight:
    """Open the files of a night, put them in time and choose its clips; most faults show here, before the pictures.

    Raises
    ------
    SacdError
        One line that names the file, what is wrong and what to do.
    """
    if files.fault:
        raise SacdError(files.fault)
    drift = options.drift_ppm + files.drift_ppm
    if not abs(drift) < _LARGEST_DRIFT_PPM:
        raise SacdError(f"{files.videos[0]}: a clock that drifts by {drift:g} ppm is none; write millionths")
    psg = None if files.psg is None else read_psg(files.psg)
    videos = tuple(read_video(path) for path in files.videos)
    start, begins = _begins(files, psg, videos, options)
    order = np.argsort(begins, kind="stable")
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
    return OpenNight(files, start, psg, scoring, videos, clocks, clips, *_events(files, scoring, options))


def _scoring(
    files: NightFiles, psg: Psg | None, start: datetime | None, options: IngestOptions
) -> Scoring | None:
    """The night's scoring, that of the PSG's own annotations where there is no other; None where nobody scored."""
    # The scoring's file and the recording's own have one clock, right or wrong; so have the table's starts.
    own = start if psg is None else psg.start or start
    read = partial(
        read_scoring, names=options.names, clock=options.clock, psg_s=None if psg is None else psg.duration_s
    )
    if files.scorings:
        told = files.scoring_start and local(files.scoring_start, read_zone(files.time_zone or options.time_zone))
        return read(files.scorings, start if told else own, start=told)
    try:
        return None if files.psg is None else read(files.psg, own)
    except NoStages:
        return None


def _events(
    files: NightFiles, scoring: Scoring | None, options: IngestOptions
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """The night's events, and a note where those of the PSG cannot be read."""
    noted, notes = None if scoring is None else scoring.events, ()
    rows = [] if noted is None else list(noted.itertuples(index=False, name=None))
    try:
        own = () if files.psg is None else read_own_events(files.psg, options.names or StageNames())
    except SacdError:
        # They were never needed: the stages stand elsewhere.
        own, notes = (), ("the recording's own annotations cannot be read",)
    types = {kind for *_, kind in rows}
    rows += [event for event in own if event[2] not in types]
    return pd.DataFrame(sorted(rows), columns=list(EVENT_COLUMNS)) if rows else None, notes


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
