"""The video files of a night as one film: the picture nearest to each wanted time, decoded once, from front to back.

Seeking is a thousand times slower, and inexact in many containers. What lies between wanted times is decoded only as
far as later pictures need it: the end of a group of pictures and B-frames that nothing refers to are passed over.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple

import av
import numpy as np

from sacd.exceptions import SacdError, reading
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import HOLD_S, UNDECODABLE, Video, open_video, picture_stream
from sacd.progress import duration
from sacd.stages import CLIP_SECONDS

_TOGETHER, _AT_MOST = 128, 512
"""Packets that are looked at together: from a key picture to another if there is one."""
_REORDERED_S = 0.5
"""Pictures that refer to a spoilt one are shown up to so long before it."""
_TIE_S = 1e-6
"""Pictures that differ by less in how near they are to a time are equally near."""
_PASSING = ("h264", "hevc")
"""Decoders whose other pictures keep their time stamps when some are passed over: that of MPEG-2 mixes them up."""


class Shown(NamedTuple):
    """A decoded picture, and when it was taken (s, recording's clock)."""

    time: float
    frame: av.VideoFrame
    video: Video


class Film:
    """One or several files, in the order of their clocks; where two overlap, the earlier one is shown.

    Parameters
    ----------
    files : sequence of (Video, VideoClock)

    Attributes
    ----------
    holes : list of (float, float)
        Where there is no picture for more than twice `HOLD_S`: times of the pictures beside it, s.
    spoilt : list of (float, float)
        From half a second before a fault of a file to the key picture after it, s. `nearest` fills both lists.
    """

    def __init__(self, files: Sequence[tuple[Video, VideoClock]]) -> None:
        self.files = sorted(files, key=lambda file: file[1].begin_s)
        self.holes: list[tuple[float, float]] = []
        self.spoilt: list[tuple[float, float]] = []
        self._latest = -np.inf

    def nearest(self, times: np.ndarray) -> Iterator[Shown]:
        """The picture nearest to each of the rising `times` (s, recording's clock), the later one of two equally near.

        Raises
        ------
        SacdError
            A file does not decode, or not to its end.
        """
        pending = map(float, times)
        wanted, before = next(pending, None), None
        for shown in self._pictures(times):
            now = shown.time
            while wanted is not None and wanted <= now:
                yield shown if before is None or now - wanted <= wanted - before.time else before
                wanted = next(pending, None)
            if wanted is None:
                return
            before = shown
        while before is not None and wanted is not None:
            yield before
            wanted = next(pending, None)

    def _pictures(self, times: np.ndarray) -> Iterator[Shown]:
        """All pictures that are nearest to some time, and others, in their order."""
        last = -np.inf
        for video, clock in self.files:
            for shown in self._of_file(video, clock, times):
                if shown.time > last:
                    last = shown.time
                    yield shown
        self.holes.append((self._latest, np.inf))

    def _of_file(self, video: Video, clock: VideoClock, times: np.ndarray) -> Iterator[Shown]:
        with reading(video.path, *UNDECODABLE), open_video(video.path) as container:
            stream = picture_stream(container, video.path)
            context, base = stream.codec_context, float(stream.time_base)
            passes = context.name in _PASSING
            origin = clock.to_recording(-video.first_stamp * base)
            step = clock.to_recording((1 - video.first_stamp) * base) - origin

            def taken(stamp: Any) -> Any:
                return origin + stamp * step

            gap = 1 / float(stream.average_rate or 25) / base
            stamp, sent, passing = video.first_stamp - gap, video.first_stamp, False
            fault = -np.inf
            before: set[int] = set()
            for packets, needed, wanted in self._worth_decoding(container, stream, taken, times):
                for packet, need in zip(packets, needed, strict=True):
                    if passes and need is passing:
                        # A picture that nothing refers to is passed over unless it is needed itself.
                        passing = not need
                        context.skip_frame = "NONREF" if passing else "DEFAULT"
                    try:
                        frames, failed = packet.decode(), packet.is_corrupt
                    except av.FFmpegError:
                        frames, failed = [], True
                    if failed:
                        fault = self._spoilt(fault, packet.pts or stamp, taken)
                    for frame in frames:
                        # MPEG programme streams stamp some pictures only.
                        at = frame.pts
                        stamp = stamp + gap if at is None else at
                        if frame.is_corrupt:
                            fault = self._spoilt(fault, stamp, taken)
                        elif frame.key_frame and stamp > fault > -np.inf:
                            self.spoilt[-1], fault = (self.spoilt[-1][0], taken(stamp)), -np.inf
                        if fault > -np.inf or at is None or wanted is None or at in wanted or at in before:
                            yield Shown(taken(stamp), frame, video)
                before = set() if wanted is None else wanted
                sent = max([sent, *(dts for packet in packets if (dts := packet.dts) is not None)])
            if fault > -np.inf:
                self.spoilt[-1] = self.spoilt[-1][0], taken(max(sent, stamp))
            if (sent - stamp) * base > CLIP_SECONDS:
                seen = duration(max(0.0, (stamp - video.first_stamp) * base))
                raise SacdError(f"{video.path}: the video does not decode after {seen}; copy or convert it again")

    def _spoilt(self, fault: float, stamp: float, taken: Callable[[Any], Any]) -> float:
        """Note a fault at a time stamp, unless one since the last key picture is noted; returns the later one."""
        if fault == -np.inf:
            self.spoilt.append((taken(stamp) - _REORDERED_S, np.inf))
        return max(fault, stamp)

    def _worth_decoding(
        self, container: av.container.InputContainer, stream: av.VideoStream, taken: Callable[[Any], Any],
        times: np.ndarray,
    ) -> Iterator[tuple[list[av.Packet], list[bool], set[int] | None]]:
        """Packets to decode, whether they are needed or only referred to, and the time stamps of those that are.

        Where the last is None all of them are needed. `taken` turns time stamps into times.
        """
        first = True
        for packets, following in _grouped(container, stream):
            stamps = [packet.pts for packet in packets]
            lacking = None in stamps
            if lacking:
                stamps = [packet.dts if packet.pts is None else packet.pts for packet in packets]
            start = self._latest
            self._look_for_holes(taken(np.sort([stamp for stamp in stamps if stamp is not None])))
            if first or lacking:
                # The first pictures teach the decoder how far it must put them in order.
                yield packets, [True] * len(packets), None
            else:
                end = np.inf if following is None else taken(following)
                key = np.array([packet.is_keyframe for packet in packets])
                needed, useful = _useful(taken(np.array(stamps)), key, start, end, times)
                wanted = {stamps[index] for index in np.flatnonzero(needed).tolist()}
                yield list(compress(packets, useful.tolist())), needed[useful].tolist(), wanted
            first = False

    def _look_for_holes(self, taken: np.ndarray) -> None:
        """Note where the rising times of the next pictures, and those before, lie far apart."""
        edges = np.concatenate([[self._latest], taken])
        wide = np.diff(edges) > 2 * HOLD_S
        self.holes += zip(edges[:-1][wide].tolist(), edges[1:][wide].tolist(), strict=True)
        self._latest = max(edges)


def _grouped(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[list[av.Packet], int | None]]:
    """Packets in groups, each with the time stamp of the key picture that follows, where one does."""
    group: list[av.Packet] = []
    for packet in container.demux(stream):
        if len(group) >= _TOGETHER and packet.is_keyframe and packet.pts is not None:
            yield group, packet.pts
            group = []
        elif len(group) == _AT_MOST:
            yield group, None
            group = []
        group.append(packet)
    yield group, None


def _useful(
    stamp: np.ndarray, key: np.ndarray, start: float, end: float, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures are needed, and which packets are needed for them.

    Parameters
    ----------
    stamp : ndarray [packets] float
        When each picture is shown, in the order of decoding.
    key : ndarray [packets] bool
        Key pictures.
    start, end : float
        Times of the picture before them and of the key picture after them; infinite where that is another or none.
    times : ndarray [n]
        Rising: what is wanted.

    Returns
    -------
    needed, useful : ndarray [packets] bool
        Of pictures equally near to a wanted time both are needed: `Film.nearest` takes the later one.
    """
    order = np.argsort(stamp)
    needed = np.empty(len(stamp), bool)
    around = np.concatenate([[start], stamp[order], [end]])
    edges = (around[:-1] + around[1:]) / 2
    needed[order] = np.searchsorted(times, edges[1:] + _TIE_S, "right") > np.searchsorted(times, edges[:-1] - _TIE_S)
    # Where a file ends, a later one that overlaps it begins to be shown.
    needed[order[-1:]] |= np.isinf(end)
    group = np.cumsum(key)
    last = np.full(group[-1] + 1, -1)
    np.maximum.at(last, group[needed], np.flatnonzero(needed))
    # Pictures that follow a key picture and are shown before it may refer to the group before it as well.
    leading = stamp < np.concatenate([[-np.inf], stamp[key]])[group]
    with_leading = np.zeros(len(last) + 1, bool)
    with_leading[group[leading & needed]] = True
    whole = with_leading[1:]
    whole[-1] |= np.isinf(end)
    useful = whole[group] | (np.arange(len(stamp)) <= last[group])
    return needed, useful & (~leading | with_leading[group])
