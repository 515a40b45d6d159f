"""A video file: whether it decodes, how long it lasts, when it began, how the camera hung.

What FFmpeg decodes is read. Lengths come from the packets' time stamps: the header of a recorder that lost its power is
wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import av

from sacd.exceptions import SacdError, reading
from sacd.progress import duration

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mkv", ".avi", ".webm", ".mov", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".asf", ".flv",
    ".3gp", ".vob", ".ogv", ".mxf",
)
UNDECODABLE = ("copy or convert it again", "the video does not decode")
HOLD_S = 1.0
"""A picture may stand in for times up to this far away (s); beyond it the clip is flagged."""
_INDEXED = ("mov", "matroska", "avi")
"""Containers that have an index of their packets."""
_LARGEST = 36_000_000
"""Pixels of a picture: 8K."""
_LONGEST_S = 7 * 86400
_BACK_S = 1.0
"""Time stamps may fall back by less: some writers round them."""
_UNSET = 1990
"""A clock that was never set says 1904 or 1970."""
_EARLY, _TAIL_S = 200, 5
"""Packets at the beginning, and seconds at the end, that are looked at."""


@dataclass(frozen=True)
class Video:
    """A video file that decodes.

    Attributes
    ----------
    path : Path
    duration_s : float
        From its first picture to the end of its last.
    start : datetime or None
        When it says that it began, by the wall clock of `zone`; without a zone of its own.
    zone : str or None
        ``"+01:00"``, where the file names one; what is written in UTC has ``"+00:00"``.
    rotation_deg : int
        0, 90, 180 or 270: turned so far counter-clockwise, the pictures stand upright.
    notes : tuple of str
        What is odd about it, in words without its name.
    first_stamp : int
        Time stamp of its first picture, in units of the stream.
    """

    path: Path
    duration_s: float
    start: datetime | None = None
    zone: str | None = None
    rotation_deg: int = 0
    notes: tuple[str, ...] = ()
    first_stamp: int = 0


def read_video(path: Path) -> Video:
    """Open a video, decode its first picture and measure its length.

    Raises
    ------
    SacdError
        No video stream, a file that does not decode, one without usable time stamps.
    """
    with reading(path, *UNDECODABLE):
        with open_video(path) as container:
            stream = picture_stream(container, path)
            first = _first_picture(container, stream)
            base, rate = stream.time_base, stream.average_rate
            start, zone = _began(container, stream)
            promised = _promised_s(container, stream)
        with open_video(path) as container:
            stream = picture_stream(container, path)
            # An index that the last packets bear out is believed; else every packet is looked at.
            indexed = promised > 0 and base is not None and container.format.name.startswith(_INDEXED)
            span = _span(container, stream, promised) if indexed else None
        with open_video(path) as container:
            low, high = span or _stamps(container.demux(picture_stream(container, path)), path)
    if base is None or low is None or high is None:
        raise SacdError(f"{path}: the video has no time stamps; convert it to mp4 or mkv")
    length = float((high - low) * base) + (float(1 / rate) if rate else 0.0)
    if length > _LONGEST_S:
        raise SacdError(f"{path}: the video lasts {length / 86400:.0f} days by its time stamps; convert it again")
    turned, notes = _rotation(first, path)
    if promised - length > HOLD_S:
        notes += (f"the file promises {duration(promised - length)} more than it has pictures for",)
    return Video(path, length, start, zone, turned, notes, low)


def open_video(path: Path) -> av.container.InputContainer:
    """Open a file; text around the pictures in another encoding than UTF-8 does no harm."""
    return av.open(path, metadata_errors="replace")


def picture_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The file's pictures, to be decoded by one thread: nights run side by side, and threads wait for each other."""
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        raise SacdError(f"{path}: no video stream in the file; name the right file")
    stream = streams[0]
    if stream.codec_context.width * stream.codec_context.height > _LARGEST:
        size = f"{stream.codec_context.width} × {stream.codec_context.height}"
        raise SacdError(f"{path}: the video's pictures of {size} pixels are too large; convert it to a smaller size")
    # A picture within may be larger than the header says: the decoder itself refuses it.
    stream.codec_context.options = {"max_pixels": str(_LARGEST)}
    stream.thread_type, stream.codec_context.thread_count = "NONE", 1
    return stream


def _promised_s(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """Length by the header, s; 0 where it says nothing."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return max(0, (container.duration or 0) - (container.start_time or 0)) / av.time_base


def _span(
    container: av.container.InputContainer, stream: av.VideoStream, promised: float
) -> tuple[int | None, int | None] | None:
    """First and last time stamp by the packets at both ends; None where the last come too early."""
    low, _ = _stamps(islice(container.demux(stream), _EARLY))
    if low is None:
        return None
    end = low + int(promised / stream.time_base)
    try:
        container.seek(max(low, end - int(_TAIL_S / stream.time_base)), stream=stream)
        _, high = _stamps(container.demux(stream))
    except av.FFmpegError:
        return None
    return (low, high) if high is not None and float((end - high) * stream.time_base) < HOLD_S else None


def _stamps(packets: Iterable[av.Packet], path: Path | None = None) -> tuple[int | None, int | None]:
    """First and last time stamp of pictures; of a `path`, their order of decoding must not fall back."""
    low = high = latest = None
    for packet in packets:
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or packet.is_discard:
            continue
        low, high = (stamp, stamp) if low is None else (min(low, stamp), max(high, stamp))
        if path is not None and packet.dts is not None:
            latest = packet.dts if latest is None else max(latest, packet.dts)
            if (latest - packet.dts) * packet.time_base > _BACK_S:
                back = duration(float((latest - packet.dts) * packet.time_base))
                raise SacdError(
                    f"{path}: the video's time stamps fall back by {back}: several recordings in one file; split it "
                    "where they meet, or convert it again"
                )
    return low, high


def _first_picture(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame:
    for number, packet in enumerate(container.demux(stream)):
        try:
            for frame in packet.decode():
                return frame
        except av.InvalidDataError:
            if number > _EARLY:
                raise
    raise ValueError("it holds no picture")


def _rotation(frame: av.VideoFrame, path: Path) -> tuple[int, tuple[str, ...]]:
    """How far the file asks to turn its pictures counter-clockwise, and a note where it does."""
    angle = round(frame.rotation) % 360
    if angle % 90:
        raise SacdError(f"{path}: the video asks to be turned by {angle}°, no quarter turn; convert it again")
    return angle, (f"turned by {angle}° counter-clockwise, as the file asks",) if angle else ()


def _began(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[datetime | None, str | None]:
    """The start that the container states, and its zone."""
    for told in _told(container, stream):
        try:
            began = datetime.fromisoformat(told)
        except ValueError:
            continue
        if began.year >= _UNSET:
            return began.replace(tzinfo=None), began.isoformat()[-6:] if began.tzinfo else None
    return None, None


def _told(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[str]:
    # QuickTime's own key has the zone of the place, creation_time is in UTC.
    for name in ("com.apple.quicktime.creationdate", "creation_time"):
        for metadata in (container.metadata, stream.metadata):
            if name in metadata:
                yield metadata[name]
