"""What a cohort keeps of a night's video, taken in one pass: frames and their times, motion, a preview, faults."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from sacd.cohort.extras import frame_times
from sacd.cohort.motion import CHANNELS, PICTURE, SAMPLES, TIMES_S, measure_motion
from sacd.cohort.preview import PREVIEW_FPS
from sacd.exceptions import SacdError
from sacd.ingest.box import Box
from sacd.ingest.picture import Small, colourfulness
from sacd.ingest.preview import Preview
from sacd.ingest.quality import picture_faults
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import HOLD_S, Video
from sacd.ingest.video_files import Film, Shown
from sacd.stages import CLIP_SECONDS

_BUFFER = 1 << 20
"""Bytes that are written together."""
_COLOURS = 16
"""Pictures of a clip whose colours are looked at, at least, where there are so many: a switch of light takes 2 s."""


@dataclass(frozen=True)
class Look:
    """What is wanted of a video.

    Attributes
    ----------
    frames, span_s, height, width
        As of `sacd.cohort.Sampling`.
    region : Box or None
        The part of the upright picture that is kept, everywhere.
    blur : Box or None
        The part of the upright picture that previews show in coarse blocks: a face.
    preview, motion : bool
        Whether there are such.
    """

    frames: int
    span_s: float
    height: int
    width: int
    region: Box | None = None
    blur: Box | None = None
    preview: bool = False
    motion: bool = True


@dataclass(frozen=True)
class Pictures:
    """What was taken of a night's video; arrays are maps of files in the folder it was taken to.

    Attributes
    ----------
    video : ndarray [clips, frames, height, width] uint8
    frame_times : ndarray [clips, frames] float64
        When the pictures were taken, s on the recording's clock. What is held over a gap keeps its time.
    motion : ndarray [clips, 150, 65] uint8 or None
        As `sacd.cohort.motion` says.
    preview : Path or None
        A WebM as `sacd.cohort.extras` describes it.
    faults : DataFrame
        Of `sacd.ingest.quality.picture_faults`, with the columns gap and damaged; a row a clip.
    notes : tuple of str
        What was odd about the files, without their names.
    """

    video: np.ndarray
    frame_times: np.ndarray
    motion: np.ndarray | None
    preview: Path | None
    faults: pd.DataFrame
    notes: tuple[str, ...]


def read_pictures(
    files: Sequence[tuple[Video, VideoClock]], onsets: np.ndarray, look: Look, aside: Path,
    tell: Callable[[int], None] = lambda clips: None,
) -> Pictures:
    """Take the pictures nearest to the wanted times of every clip, decoding each file once.

    Parameters
    ----------
    files : sequence of (Video, VideoClock)
        In any order.
    onsets : ndarray [clips]
        Where the clips begin, rising by 30 s or more, s on the recording's clock.
    look : Look
    aside : Path
        A folder for what is too large for memory; the caller removes it.
    tell : callable
        Called with the number of clips whose frames are taken.

    Raises
    ------
    SacdError
        A file does not decode, or not to its end.
    OSError
        The disk is full.
    """
    if not files or not len(onsets):
        raise ValueError("no video, or no clip")
    film, taking = Film(files), _Taking(onsets, look, aside, tell)
    # BLAS's other threads would wait busily for the next small matrix, on the core of another night.
    with taking, threadpool_limits(1):
        for want, shown in zip(map(int, taking.wants), film.nearest(taking.times), strict=False):
            taking.take(want, shown)
    if taking.taken < len(taking.wants):
        raise SacdError(f"{files[0][0].path}: the video does not decode (no picture in it); copy or convert it again")
    clips = len(onsets)
    video = np.memmap(aside / "video.u8", np.uint8, "r", shape=(clips, look.frames, look.height, look.width))
    motion = np.memmap(aside / "motion.u8", np.uint8, "r", shape=(clips, SAMPLES, CHANNELS)) if look.motion else None
    gap = (np.abs(taking.frame_times - frame_times(onsets, look.frames, look.span_s)) > HOLD_S).any(axis=1)
    for last, following in film.holes:
        gap |= _meets(onsets, last + HOLD_S, following - HOLD_S)
    damaged = np.zeros(clips, bool)
    for begin, end in film.spoilt:
        damaged |= _meets(onsets, begin, end)
    faults = picture_faults(video, gap, damaged, motion, taking.colour)
    notes = tuple(note for file, _ in film.files for note in file.notes)
    preview = aside / "preview.webm" if look.preview else None
    return Pictures(video, taking.frame_times, motion, preview, faults, notes)


def _meets(onsets: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Which clips have a part in a stretch of time, bool [clips]."""
    return (onsets < end) & (begin < onsets + CLIP_SECONDS)


class _Taking:
    """Takes what each wanted time wants of its picture, clip after clip."""

    def __init__(self, onsets: np.ndarray, look: Look, aside: Path, tell: Callable[[int], None]) -> None:
        self._onsets, self._look, self._aside, self._tell = onsets, look, aside, tell
        self.frame_times = np.empty((len(onsets), look.frames))
        self._coloured = max(1, look.frames // _COLOURS)
        self.colour = np.empty((len(onsets), -(-look.frames // self._coloured)), np.float32)
        self.taken = 0
        self._moving = np.empty((2, len(TIMES_S), PICTURE, PICTURE), np.uint8)
        self._small: dict[int, Small] = {}
        self._last: Shown | None = None
        self._kept: dict[tuple[int, int], np.ndarray] = {}
        parts = [frame_times(onsets, look.frames, look.span_s).ravel()]
        parts.append((onsets[:, None] + TIMES_S).ravel() if look.motion else np.empty(0))
        if look.preview:
            span = np.array([onsets[0], onsets[-1] + CLIP_SECONDS]) * PREVIEW_FPS
            parts.append(np.arange(max(0, round(span[0])), round(span[1])) / PREVIEW_FPS)
        times = np.concatenate(parts)
        order = np.argsort(times, kind="stable")
        self.times = times[order]
        # Number of a want: frames first, clip by clip, then motion, then the preview.
        self.wants = order.astype(np.int32)
        self._motion_from, self._preview_from = parts[0].size, parts[0].size + parts[1].size

    def __enter__(self) -> "_Taking":
        with ExitStack() as stack:
            self._video = stack.enter_context(open(self._aside / "video.u8", "wb", _BUFFER))
            self._motion = stack.enter_context(open(self._aside / "motion.u8", "wb", _BUFFER))
            look = self._look
            self._preview = Preview(self._aside / "preview.webm", look.region, look.blur) if look.preview else None
            if self._preview is not None:
                stack.enter_context(self._preview)
            self._close = stack.pop_all().__exit__
        return self

    def __exit__(self, *error: object) -> None:
        self._close(*error)

    def take(self, want: int, shown: Shown) -> None:
        """Take what the want with this number wants of a picture."""
        if shown is not self._last:
            self._last, self._kept = shown, {}
        self.taken += 1
        if want < self._motion_from:
            clip, place = divmod(want, self._look.frames)
            # A plain write reports a full disk as an error; a memory map would end the process.
            self._video.write(self._picture(shown, self._look.height, self._look.width).tobytes())
            self.frame_times[clip, place] = shown.time
            if place % self._coloured == 0:
                self.colour[clip, place // self._coloured] = colourfulness(shown.frame)
            if place == self._look.frames - 1:
                self._tell(clip + 1)
        elif want < self._preview_from:
            clip, place = divmod(want - self._motion_from, len(TIMES_S))
            # A clip's last picture may come after the first one of the next.
            self._moving[clip % 2, place] = self._picture(shown, PICTURE, PICTURE)
            if place == SAMPLES:
                self._motion.write(measure_motion(self._moving[clip % 2]).tobytes())
        elif self._preview is not None:
            self._preview.add(shown, self._picture)

    def _picture(self, shown: Shown, height: int, width: int) -> np.ndarray:
        """The picture in a size, made once."""
        made = self._kept.get((height, width))
        if made is None:
            turned = shown.video.rotation_deg
            if turned not in self._small:
                self._small[turned] = Small(turned, self._look.region)
            made = self._kept[height, width] = self._small[turned](shown.frame, height, width)
        return made
