"""Infrared video: what a file holds, and its pictures at given times as small grey arrays.

Decoding runs through the file once, from front to back: seeking is a thousand times slower, and inexact in many
containers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import av
import numpy as np

from sacd.exceptions import SacdError, reading

_UNDECODABLE = ("copy or convert it again", "the video does not decode")
HOLD_S = 1.0
"""A picture may stand in for times up to this far away (s); beyond it the clip is flagged."""


@dataclass(frozen=True)
class Video:
    """A video file that decodes: `duration_s` from its first to the end of its last picture, `start` if it says so."""

    path: Path
    duration_s: float
    start: datetime | None


def read_video(path: Path) -> Video:
    """Open a video, decode its first picture and measure its length from the packets, not from the header.

    `start` is the container's ``creation_time``, taken as the local clock whatever zone it names.

    Raises
    ------
    SacdError
        No video stream, or a file that does not decode.
    """
    with reading(path, *_UNDECODABLE):
        # Only the creation time is of use: text around it in another encoding than UTF-8 does no harm.
        with av.open(path, metadata_errors="replace") as container:
            if not container.streams.video:
                raise SacdError(f"{path}: no video stream in the file; name the right file")
            stream = container.streams.video[0]
            base, rate = stream.time_base, stream.average_rate
            created = container.metadata.get("creation_time") or stream.metadata.get("creation_time")
            stamps = (packet.dts if packet.pts is None else packet.pts for packet in container.demux(stream))
            times = [stamp for stamp in stamps if stamp is not None]
        with av.open(path, metadata_errors="replace") as container:
            if next(container.decode(video=0), None) is None:
                raise ValueError("it holds no picture")
    if not times or base is None:
        raise SacdError(f"{path}: the video has no time stamps; convert it to mp4 or mkv")
    duration = float((max(times) - min(times)) * base) + (float(1 / rate) if rate else 0.0)
    return Video(path, duration, _parse(created))


def _parse(created: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(created).replace(tzinfo=None) if created else None
    except ValueError:
        return None


def decode(path: Path, times: np.ndarray, height: int, width: int) -> Iterator[tuple[np.ndarray, float]]:
    """The pictures nearest to `times`.

    Parameters
    ----------
    times : ndarray [n]
        Rising, s from the first picture.
    height, width : int
        Size of the result; the whole picture is scaled by area.

    Yields
    ------
    (ndarray, float)
        uint8 [height, width], grey, and how far its own time is from the one asked for (s).
    """
    with reading(path, *_UNDECODABLE), av.open(path, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield from _nearest(container.decode(stream), times, height, width)


def _nearest(
    pictures: Iterator[av.VideoFrame], times: np.ndarray, height: int, width: int
) -> Iterator[tuple[np.ndarray, float]]:
    reformatter = av.video.reformatter.VideoReformatter()

    def grey(frame: av.VideoFrame) -> np.ndarray:
        return reformatter.reformat(frame, width, height, "gray", interpolation="AREA").to_ndarray()

    before, zero = None, None
    pending = iter(times)
    wanted = next(pending, None)
    for frame in pictures:
        if frame.time is None:
            continue
        zero = frame.time if zero is None else zero
        now = frame.time - zero
        while wanted is not None and now >= wanted:
            near, at = (frame, now) if before is None or now - wanted <= wanted - before[1] else before
            yield grey(near), abs(at - wanted)
            wanted = next(pending, None)
        if wanted is None:
            return
        before = (frame, now)
    while wanted is not None and before is not None:
        yield grey(before[0]), abs(wanted - before[1])
        wanted = next(pending, None)
