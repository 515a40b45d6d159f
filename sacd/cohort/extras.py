"""What a recording may hold beside its two modalities, from format 2 on: for viewers, for motion, for events.

=================  ============================================================================================
`frame_times.npy`  float64 [clips, frames]: when each picture of `video.npy` was taken, s from the recording's start
`motion.npy`       uint8 [clips, 150, 65]: `sacd.cohort.motion` says what and in which steps
`events.tsv`       onset (s from the recording's start), duration (s), type, one of `sacd.cohort.events.EVENT_TYPES`
`signals.npy`      float16 [clips, channels, samples]: EMG, belts, airflow; `recording.json` has channels, units, rate
`preview.webm`     the night at the camera's full rate: its time is the recording's, a keyframe at every clip
=================  ============================================================================================

All are optional. None enters the identity of a run; all enter the recording's hashes and the cohort's fingerprint.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sacd.cohort.events import EVENT_COLUMNS, event_faults
from sacd.cohort.format import CohortInfo
from sacd.cohort.motion import CHANNELS, SAMPLES
from sacd.exceptions import SacdError
from sacd.stages import CLIP_SECONDS

FORMAT = 2
"""The first format of a cohort that may hold these files."""
FRAME_TIMES, MOTION, EVENTS = "frame_times.npy", "motion.npy", "events.tsv"
SIGNALS, PREVIEW = "signals.npy", "preview.webm"
FILES = (FRAME_TIMES, MOTION, EVENTS, SIGNALS, PREVIEW)
# A WebM file is EBML: its first four bytes.
_WEBM = b"\x1aE\xdf\xa3"
ArraySpec = tuple[tuple[type, ...], tuple[int | None, ...]]
"""Dtypes an array may have, and its shape after the clips; None is any."""


class SignalInfo(BaseModel):
    """What `signals.npy` holds: names and units of its channels, and their common rate, Hz."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[str, ...] = Field(min_length=1)
    units: tuple[str, ...]
    hz: float = Field(gt=0)

    @model_validator(mode="after")
    def _a_unit_each(self) -> "SignalInfo":
        if len(self.units) != len(self.channels):
            raise ValueError(f"{len(self.channels)} channels with {len(self.units)} units")
        return self


@dataclass(frozen=True)
class Extras:
    """The files of one recording, as arrays and tables; None where it has none.

    Attributes
    ----------
    frame_times, motion, events, signals
        As in the module's table.
    signal_info : SignalInfo or None
        Goes with `signals`.
    preview : callable or None
        ``preview(file)`` writes the WebM.
    """

    frame_times: np.ndarray | None = None
    motion: np.ndarray | None = None
    events: pd.DataFrame | None = None
    signals: np.ndarray | None = None
    signal_info: SignalInfo | None = None
    preview: Callable[[Path], None] | None = None

    @property
    def files(self) -> list[str]:
        """Names of the files there will be."""
        parts = (self.frame_times, self.motion, self.events, self.signals, self.preview)
        return [name for name, part in zip(FILES, parts, strict=True) if part is not None]

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the files; returns what `recording.json` says of them."""
        for name, array in ((FRAME_TIMES, self.frame_times), (MOTION, self.motion), (SIGNALS, self.signals)):
            if array is not None:
                np.save(folder / name, array, allow_pickle=False)
        if self.events is not None:
            events = self.events[list(EVENT_COLUMNS)]
            events.to_csv(folder / EVENTS, sep="\t", index=False, na_rep="n/a", float_format="%.3f")
        if self.preview is not None:
            self.preview(folder / PREVIEW)
        return {} if self.signal_info is None else {"signals": self.signal_info.model_dump()}


def frame_times(onsets: np.ndarray, frames: int, span_s: float = CLIP_SECONDS) -> np.ndarray:
    """Times of `frames` pictures spread evenly over the middle `span_s` seconds of each clip.

    Parameters
    ----------
    onsets : ndarray [n]
        Where the clips begin, s.

    Returns
    -------
    ndarray [n, frames] float64
        s; each picture stands in the middle of its share of the span.
    """
    within = (CLIP_SECONDS - span_s) / 2 + (np.arange(frames) + 0.5) * span_s / frames
    return np.asarray(onsets, dtype=float)[:, None] + within


def signal_info(file: Path, metadata: dict[str, Any]) -> SignalInfo:
    """What a recording's `recording.json` (`file`, already read) says of its `signals.npy`."""
    try:
        return SignalInfo.model_validate(metadata.get("signals"))
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise SacdError(
            f"{file}: does not say channels, units and rate of {SIGNALS} ({reason}); ingest the recording again"
        ) from None


def array_specs(folder: Path, info: CohortInfo, metadata: dict[str, Any]) -> tuple[dict[str, ArraySpec], list[str]]:
    """What the arrays of a recording must look like, and the faults of what describes them."""
    specs: dict[str, ArraySpec] = {
        FRAME_TIMES: ((np.float64,), (info.sampling.frames,)), MOTION: ((np.uint8,), (SAMPLES, CHANNELS)),
    }
    try:
        if (folder / SIGNALS).is_file():
            about = signal_info(folder / "recording.json", metadata)
            specs[SIGNALS] = (np.float16,), (len(about.channels), round(CLIP_SECONDS * about.hz))
    except SacdError as error:
        return specs, [str(error)]
    return specs, []


def order_faults(file: Path) -> list[str]:
    """Faults in the order of a `frame_times.npy` that is sound otherwise."""
    # A picture that is held over a gap keeps its time.
    falls = np.flatnonzero((np.diff(np.load(file), axis=1) < 0).any(axis=1))
    return [f"{file}: times fall within the clip in row {falls[0]}; sort the frames by time"] if len(falls) else []


def content_faults(folder: Path) -> list[str]:
    """Faults of a recording's events and preview, beyond the hashes."""
    faults = event_faults(folder / EVENTS) if (folder / EVENTS).is_file() else []
    try:
        with open(folder / PREVIEW, "rb") as stream:
            if stream.read(len(_WEBM)) != _WEBM:
                faults.append(f"{folder / PREVIEW}: is not a WebM video; write it again or leave it out")
    except OSError:  # absent, or told with the hashes
        pass
    return faults
