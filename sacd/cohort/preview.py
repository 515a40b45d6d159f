"""Writes a recording's `preview.webm`: VP9, a key picture at every clip, its time the recording's."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sacd.exceptions import SacdError
from sacd.stages import CLIP_SECONDS

PREVIEW_FPS = 10
_CODEC = "libvpx-vp9"
# The fastest settings: 3 to 4 times as fast as libvpx's own, and a night of 128 × 96 in 20 MB.
_OPTIONS = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "crf": "40", "b": "0"}
_EACH = round(CLIP_SECONDS * PREVIEW_FPS)
_TIME_BASE = Fraction(1, 1000)


class PreviewWriter:
    """A preview that is being written; use as a context manager.

    Parameters
    ----------
    path : Path
    height, width : int
        Even.

    Raises
    ------
    SacdError
        PyAV was built without VP9.
    OSError
        The disk is full; so do all methods.
    """

    def __init__(self, path: Path, height: int, width: int) -> None:
        if _CODEC not in av.codecs_available:
            raise SacdError(f"{path.name}: this PyAV cannot write VP9; install a wheel of it, or leave the preview out")
        # Bit-exact files hold no random numbers: written twice, they are the same.
        self._container = av.open(path, "w", options={"fflags": "+bitexact"})
        self._stream = self._container.add_stream(_CODEC, rate=PREVIEW_FPS, options=_OPTIONS | {"g": str(_EACH)})
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        # Beside what makes the pictures, more threads only wait for each other.
        self._stream.thread_count = 1
        self._stream.codec_context.time_base = _TIME_BASE
        # Full range: grey levels go into the luma plane as they are.
        self._stream.codec_context.color_range = av.video.reformatter.ColorRange.JPEG
        self._picture = np.full((height * 3 // 2, width), 128, np.uint8)
        self._clip = -1

    def __enter__(self) -> "PreviewWriter":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._container.mux(self._stream.encode())
            self._container.close()
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from None

    def add(self, number: int, picture: np.ndarray) -> None:
        """Add a grey picture [height, width] uint8 that was taken at `number` / 10 s; numbers rise."""
        self._picture[: len(picture)] = picture
        frame = av.VideoFrame.from_ndarray(self._picture, format="yuv420p")
        frame.color_range = av.video.reformatter.ColorRange.JPEG
        frame.pts, frame.time_base = number * 1000 // PREVIEW_FPS, _TIME_BASE
        if number // _EACH > self._clip:
            self._clip = number // _EACH
            frame.pict_type = av.video.frame.PictureType.I
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from None
