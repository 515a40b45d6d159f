"""A decoded picture made small: the region of interest, upright, grey, scaled by area; and how colourful it was."""

from collections.abc import Iterator

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from sacd.ingest.box import Box
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import Video
from sacd.ingest.video_files import Film

_LUMA_FIRST = frozenset(
    ("gray", "nv12", "nv21", "yuv410p", "yuv411p", "yuv420p", "yuv422p", "yuv440p", "yuv444p", "yuvj411p", "yuvj420p",
     "yuvj422p", "yuvj440p", "yuvj444p")
)  # fmt: skip
"""Pixel formats whose first plane is grey already, a byte a pixel."""
_COLOURS = 24
"""Points across and down at which colours are looked at."""
# Grey levels of video are 16 to 235 unless it says that it has the full range.
_WIDENED = np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


class Small:
    """Makes pictures of a night small.

    Parameters
    ----------
    rotation_deg : int
        Of `sacd.ingest.video.Video`.
    region : Box, optional
        Of the upright picture; by default all of it.
    """

    def __init__(self, rotation_deg: int, region: Box | None) -> None:
        self._quarters = rotation_deg // 90
        self._region = None if region is None else region.turned_back(self._quarters)
        self._scalers: dict[tuple[int, int], VideoReformatter] = {}
        self._grey = VideoReformatter()

    def __call__(self, frame: av.VideoFrame, height: int, width: int) -> np.ndarray:
        """The picture, uint8 [height, width]."""
        size = (height, width) if self._quarters % 2 == 0 else (width, height)
        if size not in self._scalers:
            # A scaler keeps its tables for one size.
            self._scalers[size] = VideoReformatter()
        cut = frame if self._region is None else self._cut(frame, self._region)
        scaled = self._scalers[size].reformat(
            cut, size[1], size[0], "gray", interpolation=Interpolation.AREA, threads=1
        )
        small = _pixels(scaled.planes[0])[: size[0], : size[1]]
        if cut is not frame and not _full_range(frame):
            small = _WIDENED[small]
        return np.rot90(small, self._quarters) if self._quarters else small

    def _cut(self, frame: av.VideoFrame, region: Box) -> av.VideoFrame:
        """The region as a grey picture; of most formats without a copy."""
        grey = frame
        if frame.format.name not in _LUMA_FIRST:
            grey = self._grey.reformat(frame, format="gray", threads=1)
        rows, columns = region.pixels(grey.height, grey.width)
        return av.VideoFrame.from_numpy_buffer(_pixels(grey.planes[0])[rows, columns], "gray")


def _pixels(plane: VideoPlane) -> np.ndarray:
    """A plane of bytes with what fills its lines up, without a copy."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def _full_range(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    return frame.color_range == ColorRange.JPEG or name.startswith("yuvj") or name not in _LUMA_FIRST or name == "gray"


def colourfulness(frame: av.VideoFrame) -> float:
    """How far the colours of a picture are from grey, mean over points and colour planes, levels of 128."""
    if frame.format.name not in _LUMA_FIRST:
        frame = VideoReformatter().reformat(frame, _COLOURS, _COLOURS, "yuv444p", threads=1)
    found = []
    for plane in frame.planes[1:]:
        down, across = max(1, plane.height // _COLOURS), max(1, plane.width // _COLOURS)
        points = np.subtract(_pixels(plane)[::down, : plane.width : across], 128, dtype=np.int16)
        found.append(int(np.abs(points, out=points).sum()) / points.size)
    return sum(found) / max(1, len(found))


def decode(video: Video, times: np.ndarray, height: int, width: int) -> Iterator[tuple[np.ndarray, float]]:
    """The pictures of one video nearest to `times`.

    Parameters
    ----------
    video : Video
    times : ndarray [n]
        Rising, s from the first picture.
    height, width : int

    Yields
    ------
    (ndarray, float)
        uint8 [height, width], grey, and how far its own time is from the one asked for (s).
    """
    small = Small(video.rotation_deg, None)
    for time, shown in zip(times.tolist(), Film([(video, VideoClock(0.0))]).nearest(times), strict=False):
        yield small(shown.frame, height, width), abs(shown.time - time)
