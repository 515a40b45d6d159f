"""Pictures of a simulated night into a video file, rendered in chunks while the ones before are encoded."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np

from sacd.simulate.simulated_night import SimulatedNight

_TIME_BASE = Fraction(1, 1000)
# Chunks that stay in the cache render fastest.
_CHUNK = 50


def rendered(night: SimulatedNight, times: np.ndarray, height: int, width: int) -> Iterator[np.ndarray]:
    """Pictures [n, height, width] at `times` (s) in chunks, the next one rendered while this one is used."""
    chunks = [times[i : i + _CHUNK] for i in range(0, len(times), _CHUNK)]
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(night.render, chunks[0], height, width)
        for chunk in chunks[1:]:
            now, coming = coming, pool.submit(night.render, chunk, height, width)
            yield now.result()
        yield coming.result()


def encode(
    path: Path, codec: str, options: dict[str, str], fps: int, numbers: np.ndarray, chunks: Iterator[np.ndarray],
    tell: Callable[[int], None] = lambda done: None,
) -> None:
    """Encode grey pictures.

    Parameters
    ----------
    path : Path
        Its suffix names the container.
    codec, options : str, dict
        As FFmpeg has them.
    fps : int
        Pictures a second.
    numbers : ndarray [n] int
        When each picture is shown, in pictures from the start: lost ones leave holes.
    chunks : iterator of ndarray [m, height, width] uint8
    tell : callable
        Called with the number of pictures that are encoded.
    """
    first = next(chunks)
    height, width = first.shape[1:]
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # Beside the rendering, more threads only wait for each other.
        stream.thread_count = 1
        stream.codec_context.time_base = _TIME_BASE
        # Full range: grey levels go into the luma plane as they are.
        stream.codec_context.color_range = av.video.reformatter.ColorRange.JPEG
        shown = iter(numbers.tolist())
        done = 0
        for chunk in chain([first], chunks):
            for pixels in chunk:
                picture[:height] = pixels
                frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
                frame.color_range = av.video.reformatter.ColorRange.JPEG
                number = next(shown)
                frame.pts, frame.time_base = number * 1000 // fps, _TIME_BASE
                container.mux(stream.encode(frame))
            done += len(chunk)
            tell(done)
        container.mux(stream.encode())
