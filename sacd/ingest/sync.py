"""The camera's clock against the recorder's."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Seconds = TypeVar("Seconds", float, np.ndarray)


@dataclass(frozen=True)
class VideoClock:
    """When the first picture was taken (s on the recording's clock), and how fast the camera's clock runs against it.

    Video time is (t − `begin_s`) · (1 + `drift_ppm` · 10⁻⁶).
    """

    begin_s: float
    drift_ppm: float = 0.0

    def to_video(self, t: Seconds) -> Seconds:
        """Recording's time (s) as time from the first picture (s)."""
        return (t - self.begin_s) * (1 + 1e-6 * self.drift_ppm)

    def to_recording(self, v: Seconds) -> Seconds:
        """Time from the first picture (s) as recording's time (s)."""
        return self.begin_s + v / (1 + 1e-6 * self.drift_ppm)
