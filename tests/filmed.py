"""Small films whose pictures carry their own number, at any times, in any container, turned, cut, damaged."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numbered import painted, read_back

HEIGHT, WIDTH = 64, 128
_BASE = Fraction(1, 90_000)
"""Fine enough for 29.97 pictures a second."""


def times_of(fps: float, seconds: float) -> np.ndarray:
    """Times of the pictures of a camera of constant rate, s."""
    return np.arange(round(fps * seconds)) / fps


def write_numbered(
    path: Path, times: Sequence[float] | np.ndarray, codec: str = "libx264", options: dict[str, str] | None = None,
    rotation: int = 0, pictures: Callable[[np.ndarray], np.ndarray] | None = None, created: str | None = None,
    numbers: np.ndarray | None = None,
) -> Path:
    """Write a film.

    Parameters
    ----------
    path : Path
        Its suffix names the container.
    times : sequence of float
        When each picture is shown, s, rising.
    options : dict
        Of the encoder; by default two B-frames and a key picture at every 20th.
    rotation : int
        Degrees that players are asked to turn the pictures, counter-clockwise.
    pictures : callable, optional
        Numbers [n] to pictures [n, height, width] or, in colour, [n, height, width, 3] uint8; by default they show the
        number.
    numbers : ndarray [n], optional
        Of the pictures; by default 0, 1, ….
    """
    default = {"bf": "2", "g": "20", "preset": "veryfast"} if codec == "libx264" else {"g": "20"}
    numbers = np.arange(len(times)) if numbers is None else numbers
    shown = painted(numbers, HEIGHT, WIDTH) if pictures is None else pictures(numbers)
    with av.open(path, "w") as container:
        if created is not None:
            container.metadata["creation_time"] = created
        stream = container.add_stream(codec, rate=30, options=default if options is None else options)
        if rotation:
            stream.set_display_rotation(rotation)
        stream.thread_count = 1
        for picture, time in zip(shown, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="gray" if picture.ndim == 2 else "rgb24")
            if not stream.codec_context.is_open:
                stream.width, stream.height = picture.shape[1], picture.shape[0]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.codec_context.time_base = _BASE if codec not in ("mpeg4", "mpeg2video") else Fraction(1, 30)
            frame.pts = round(time / stream.codec_context.time_base)
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def number_in(picture: np.ndarray) -> int | None:
    """The number that a picture [64, 128], of whatever size, shows; None where unreadable."""
    height, width = picture.shape
    side_x, side_y = width / 8, height / 4
    return read_back([picture[int((i // 8 + 0.5) * side_y), int((i % 8 + 0.5) * side_x)] for i in range(32)])


def damage_packets(source: Path, target: Path, share: float, begin: int = 1) -> Path:
    """Copy a film with noise in a share of its packets from number `begin` on; a share of 1 leaves nothing else."""
    rng = np.random.default_rng(0)
    kept = 0 if share == 1 else 30
    with av.open(source) as film, av.open(target, "w") as copy:
        stream = film.streams.video[0]
        out = copy.add_stream_from_template(stream)
        for number, packet in enumerate(film.demux(stream)):
            if not packet.size:
                continue
            content = bytearray(bytes(packet))
            if number >= begin and rng.random() < share and len(content) > kept:
                content[kept:] = rng.bytes(len(content) - kept)
            changed = av.Packet(bytes(content))
            changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
            changed.is_keyframe = packet.is_keyframe
            changed.stream = out
            copy.mux(changed)
    return target
