"""What may be asked of an ingest of nights: how they are cut, looked at, and put in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sacd.exceptions import SacdError
from sacd.ingest.box import Box
from sacd.ingest.camera import Look
from sacd.ingest.stage_names import StageNames
from sacd.stages import CLIP_SECONDS

_LARGEST_CLIP = 10**8


@dataclass(frozen=True)
class IngestOptions:
    """Options of all nights of an ingest.

    Attributes
    ----------
    channel : str or sequence of str, optional
        EEG derivations; by default a central one that all recordings have.
    frames : int
        Pictures a clip.
    span_s : float
        They spread evenly over the middle `span_s` seconds of the clip, at most 30.
    size : int or (int, int)
        Pixels, height and width.
    offset : float
        Added to the start of every video, s; positive when the video's clock is behind the recorder's.
    drift_ppm : float
        How much faster than the recorder's the video's clock runs, millionths.
    allow_gaps : bool
        Take recordings that EEG, video or scoring do not cover throughout; clips they do not cover are left out.
    clock : {"date", "time of day"}
        Whether scorings and videos are placed by date and time, or by the time of day alone (dates were changed).
    time_zone : str, optional
        Of the recorder's clock, ``Europe/Zurich`` or ``+01:00``: for video starts that name a zone of theirs.
    start_pattern : str, optional
        How file names tell when a video began, in the letters of `datetime.strptime`: ``cam_%Y%m%d-%H%M%S``.
    notch : float, optional
        Mains frequency to be taken out of the EEG, Hz.
    stage_names : Path, optional
        YAML file of further names of stages, see `sacd.ingest.stage_names`.
    region : Box or "find", optional
        The part of the picture that is kept.
    blur : Box, optional
        The part of the picture that previews show blurred.
    preview : bool
        Keep a film of the night at the camera's full rate.
    keep_dates : bool
        Keep the dates of recordings; else they move by a secret number of weeks, see `sacd.ingest.dates`.
    keep_going : bool
        Leave out nights that cannot be taken in, and say why.
    processes : int, optional
        Nights side by side; by default as many as cores and memory allow.
    """

    channel: str | Sequence[str] | None = None
    frames: int = 32
    span_s: float = CLIP_SECONDS
    size: int | tuple[int, int] = 32
    offset: float = 0.0
    drift_ppm: float = 0.0
    allow_gaps: bool = False
    clock: Literal["date", "time of day"] = "date"
    time_zone: str | None = None
    start_pattern: str | None = None
    notch: float | None = None
    stage_names: Path | None = None
    region: Box | Literal["find"] | None = None
    blur: Box | None = None
    preview: bool = False
    keep_dates: bool = False
    keep_going: bool = False
    processes: int | None = None

    def __post_init__(self) -> None:
        if min(self.frames, self.height, self.width) < 1 or not 0 < self.span_s <= CLIP_SECONDS:
            raise SacdError(
                f"{self.frames} frames of {self.height}×{self.width} over {self.span_s:g} s cannot be cut; "
                "span is at most 30 s"
            )
        if self.frames * self.height * self.width > _LARGEST_CLIP:
            raise SacdError(
                f"{self.frames} frames of {self.height}×{self.width} are {self.frames * self.height * self.width:.2g} "
                f"bytes a clip, more than {_LARGEST_CLIP:.0g}; take fewer, or smaller ones"
            )

    @property
    def channels(self) -> tuple[str, ...] | None:
        """The derivations asked for."""
        return (self.channel,) if isinstance(self.channel, str) else self.channel and tuple(self.channel)

    @property
    def height(self) -> int:
        """Of a picture, pixels."""
        return self.size if isinstance(self.size, int) else self.size[0]

    @property
    def width(self) -> int:
        """Of a picture, pixels."""
        return self.size if isinstance(self.size, int) else self.size[1]

    @property
    def names(self) -> StageNames | None:
        """The user's names of stages."""
        return None if self.stage_names is None else StageNames.read(self.stage_names)

    def look(self, region: Box | None) -> Look:
        """How the pictures of a video are looked at."""
        return Look(self.frames, self.span_s, self.height, self.width, region, self.blur, self.preview)
