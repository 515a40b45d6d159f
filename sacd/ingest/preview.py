"""The preview of a real night: ten pictures a second at most, small, a box of it in coarse blocks where asked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sacd.cohort.preview import PREVIEW_FPS, PreviewWriter
from sacd.ingest.box import Box
from sacd.ingest.video_files import Shown

HEIGHT = 144
_WIDEST = 320
_BLOCKS = 4
"""Across and down the box: a face becomes sixteen grey squares, which no filter turns back."""


class Preview:
    """Writes the pictures that it is given, each once; its size follows the shape of the first.

    Parameters
    ----------
    path : Path
    region, blur : Box or None
        Of the upright picture.
    """

    def __init__(self, path: Path, region: Box | None, blur: Box | None) -> None:
        self._path, self._region = path, region
        self._blur = None if blur is None else blur.within(region)
        self._writer: PreviewWriter | None = None
        self._size = (0, 0)
        self._number = -1

    def __enter__(self) -> "Preview":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.__exit__(*error)

    def add(self, shown: Shown, small: Callable[[Shown, int, int], np.ndarray]) -> None:
        """Add a picture at its own time, unless there is one of that tenth of a second; `small` scales it."""
        number = round(shown.time * PREVIEW_FPS)
        if number <= self._number:
            return
        if self._writer is None:
            self._size = self._fitting(shown)
            self._writer = PreviewWriter(self._path, *self._size)
        picture = small(shown, *self._size)
        self._writer.add(number, picture if self._blur is None else coarse(picture, self._blur))
        self._number = number

    def _fitting(self, shown: Shown) -> tuple[int, int]:
        high, wide = shown.frame.height, shown.frame.width
        if shown.video.rotation_deg % 180:
            high, wide = wide, high
        if self._region is not None:
            high, wide = high * self._region.height, wide * self._region.width
        height = min(HEIGHT, 2 * round(high / 2))
        return max(2, height), int(np.clip(2 * round(height * wide / high / 2), 2, _WIDEST))


def coarse(picture: np.ndarray, box: Box) -> np.ndarray:
    """A copy of a picture whose `box` has 4 × 4 blocks of one grey level each, their mean."""
    result = picture.copy()
    rows, columns = box.pixels(*picture.shape)
    for part_rows in np.array_split(np.arange(rows.start, rows.stop), _BLOCKS):
        for part in np.array_split(np.arange(columns.start, columns.stop), _BLOCKS):
            if len(part_rows) and len(part):
                block = np.ix_(part_rows, part)
                result[block] = round(picture[block].mean())
    return result
