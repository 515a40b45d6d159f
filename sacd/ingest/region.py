"""Where the bed is in a video: the largest bright part of the picture, and what moves beside it.

In infrared light sheets are bright and floors are dark. A box found so is a proposal: `sacd.figures.region` shows it.
"""

import av
import numpy as np
from scipy import ndimage

from sacd.exceptions import reading
from sacd.ingest.box import Box
from sacd.ingest.picture import Small
from sacd.ingest.video import UNDECODABLE, Video, open_video, picture_stream

_PICTURES = 12
_LONGER = 128
"""Pixels of the longer side of pictures that are looked at."""
_SMALLEST, _LARGEST = 0.05, 0.85
"""Shares of the picture that a bed has."""
_MARGIN, _BESIDE = 0.03, 0.08
_MOVING = 0.3
WHOLE = Box(0, 0, 1, 1)


def find_region(video: Video) -> Box:
    """The part of the picture with the bed, by a dozen pictures of the night; all of it where none stands out.

    Raises
    ------
    SacdError
        The file does not decode.
    """
    return region_of(stills(video))


def stills(video: Video) -> np.ndarray:
    """Upright pictures from all over a video, uint8 [at most 12, height, width], the longer side 128 pixels."""
    small, shown = Small(video.rotation_deg, None), []
    with reading(video.path, *UNDECODABLE), open_video(video.path) as container:
        stream = picture_stream(container, video.path)
        for share in (np.arange(_PICTURES) + 0.5) / _PICTURES:
            # Which picture it is does not matter here: the key picture before will do.
            container.seek(video.first_stamp + int(share * video.duration_s / stream.time_base), stream=stream)
            frame = _first(container, stream)
            if frame is not None:
                high, wide = (frame.width, frame.height) if video.rotation_deg % 180 else (frame.height, frame.width)
                scale = _LONGER / max(high, wide)
                shown.append(small(frame, max(1, round(scale * high)), max(1, round(scale * wide))))
        if not shown:
            raise ValueError("it holds no picture")
    return np.array([picture for picture in shown if picture.shape == shown[0].shape])


def _first(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                return frame
        except av.InvalidDataError:
            continue
    return None


def region_of(pictures: np.ndarray) -> Box:
    """The bed's box in pictures [n, height, width] uint8 of one camera."""
    usual = ndimage.gaussian_filter(np.median(pictures, axis=0).astype(np.float32), 1.5)
    bright = ndimage.binary_opening(usual > _otsu(usual), iterations=2)
    labels, count = ndimage.label(bright)
    if not count:
        return WHOLE
    sizes = np.bincount(labels.ravel())[1:]
    height, width = usual.shape
    top, bottom, left, right = _edges(labels == 1 + sizes.argmax())
    if not _SMALLEST <= (bottom - top) * (right - left) / usual.size <= _LARGEST:
        return WHOLE
    # Heads lie on dark pillows, and arms hang over: what moves beside the bed belongs to it.
    moving = ndimage.gaussian_filter(pictures.astype(np.float32).std(axis=0), 1.5)
    near = np.zeros_like(bright)
    high, wide = round(_BESIDE * height), round(_BESIDE * width)
    near[max(0, top - high) : bottom + high, max(0, left - wide) : right + wide] = True
    labels, count = ndimage.label(moving > _MOVING * moving.max() if moving.max() > 2 else np.zeros_like(bright))
    for number in range(1, count + 1):
        part = labels == number
        if 2 * (near & part).sum() > part.sum():
            first, last, begin, end = _edges(part)
            top, bottom, left, right = min(top, first), max(bottom, last), min(left, begin), max(right, end)
    x, y = max(0.0, left / width - _MARGIN), max(0.0, top / height - _MARGIN)
    return Box(x, y, min(1.0, right / width + _MARGIN) - x, min(1.0, bottom / height + _MARGIN) - y)


def _edges(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First and last row and column of a mask, the last ones exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _otsu(picture: np.ndarray) -> float:
    """The level that parts a picture's dark and bright points best (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(picture, 128)
    levels = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * levels)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(levels[np.nanargmax(between)]) if np.isfinite(between).any() else float(levels[-1])
