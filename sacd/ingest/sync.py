"""The camera's clock against the recorder's: as stated, and as the night itself tells it.

Two things show in both recordings. A *movement* is a burst in the EMG (or in the EEG, as an artefact) and a change of
the picture; it lasts seconds and few are alike, so its lag is unambiguous. *Breathing* moves belts and picture alike.
It repeats every few seconds, and whether the picture turns brighter or darker with it depends on how somebody lies: a
clock that is wrong by half a breath or whole ones fits a minute of it nearly as well. What resolves this is that no two
breaths take the same time: over ten minutes, with one phase between belt and picture and a free sign in each clip, the
true lag explains more than its neighbours, and it must do so throughout the night, and where movements tell too.

The lags of ten-minute blocks lie on a line: its height is the offset, its slope the drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sacd.ingest.clock_evidence import SEARCH_S, Evidence, find_evidence
from sacd.ingest.clock_traces import PsgTraces, VideoTraces
from sacd.stages import CLIP_SECONDS

Seconds = TypeVar("Seconds", float, np.ndarray)
SHORTEST_S = 3600.0
"""Of less video nothing is said."""
RIGHT_S = 1.0
"""A stated clock that errs by less is right enough: clips last 30 s."""
_CONTRADICTION_S = 1.5
# Fitted on simulated nights (`tests/test_clock_study.py`): a sensor's steady lag, which no data tell, s; and what
# blocks that depend on each other hide, a factor on standard errors.
_SENSOR_LAG_S, _HIDDEN = 0.25, 1.5
_CONFIDENCE = 0.9


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

    def corrected(self, error: "VideoClock") -> "VideoClock":
        """This clock without its error, the `clock` of an estimate that was made with it."""
        rate = (1 + 1e-6 * self.drift_ppm) * (1 + 1e-6 * error.drift_ppm)
        return VideoClock(error.to_recording(self.begin_s), (rate - 1) * 1e6)


@dataclass(frozen=True)
class ClockEstimate:
    """The error of a stated clock as the data tell it.

    Attributes
    ----------
    offset_s, drift_ppm : float
        What was stated as t was truly at `clock.to_recording(t)`: `offset_s` is what ``--offset`` lacks, positive where
        the camera's clock is behind. Of no meaning where not identifiable.
    half_width_s : float
        With 90 % confidence the largest error of this estimate over the night is at most this; infinite where not
        identifiable. The steady lag of sensors against each other is allowed for as in the simulator.
    identifiable : bool
        False where nothing stands out (somebody else's video, a clock wrong by more than three minutes, a night in
        which nothing moves), and where a clock jumped.
    why : str
        One sentence.
    begin_s, end_s : float
        The stretch that the estimate is of, on the stated clock.
    evidence : tuple of Evidence
    video, psg : VideoTraces, PsgTraces
    """

    offset_s: float
    drift_ppm: float
    half_width_s: float
    identifiable: bool
    why: str
    begin_s: float
    end_s: float
    evidence: tuple[Evidence, ...]
    video: VideoTraces
    psg: PsgTraces

    @property
    def clock(self) -> VideoClock:
        """The stated clock's error as a clock: stated time is its video time."""
        return VideoClock(self.offset_s, self.drift_ppm)

    @property
    def errors_s(self) -> tuple[float, float]:
        """The stated clock's error where the stretch begins, and where it ends, s; between them it is a line."""
        begin, end = (float(self.clock.to_recording(edge)) - edge for edge in (self.begin_s, self.end_s))
        return begin, end

    @property
    def stated_error_s(self) -> float:
        """The largest error of the stated clock over the night, s."""
        return max(map(abs, self.errors_s))

    @property
    def agrees(self) -> bool:
        """Whether the stated clock is right to `RIGHT_S`, or to what this estimate itself may err."""
        return self.identifiable and self.stated_error_s <= max(self.half_width_s, RIGHT_S)

    @property
    def sentence(self) -> str:
        """What is found, in a line."""
        if not self.identifiable:
            return f"the camera's clock cannot be told from the data: {self.why}"
        begin, end = self.errors_s
        verdict = f"right to {max(self.half_width_s, RIGHT_S):.2g} s" if self.agrees else "wrong"
        return (
            f"the stated clock is {verdict}: pictures are off by {begin:+.2f} s at the beginning, {end:+.2f} s at the "
            f"end ({self.drift_ppm:+.0f} ppm; this estimate errs by {self.half_width_s:.2f} s at most, 90 % confidence)"
        )

    def summary(self) -> dict[str, Any]:
        """For `provenance.clock.estimate`: plain numbers, None where not identifiable."""
        numbers = {name: round(getattr(self, name), 3) for name in ("offset_s", "drift_ppm", "half_width_s")}
        return {
            **(numbers if self.identifiable else dict.fromkeys(numbers)), "identifiable": self.identifiable,
            "why": self.why, "margins": {one.name: round(one.margin, 1) for one in self.evidence},
        }


def estimate_clock(video: VideoTraces, psg: PsgTraces) -> ClockEstimate:
    """Estimate how wrong the clock is by which `video` is laid beside `psg`.

    Parameters
    ----------
    video : VideoTraces
        Its onsets are stated times, s on the recording's clock.
    psg : PsgTraces
    """
    begin, end = float(video.onsets[0]), float(video.onsets[-1] + CLIP_SECONDS)
    middle = (begin + end) / 2
    found = find_evidence(video, psg) if end - begin >= SHORTEST_S else ()
    used = [one for one in found if one.believed]
    identifiable, why = _judge(found, used)
    if not identifiable:
        return ClockEstimate(0.0, 0.0, np.inf, False, why, begin, end, found, video, psg)
    sensors = [psg.breathing_sensors if one.name == "breathing" else 1 for one in used]
    (lag, slope), covariance = _combined(used, sensors)
    edges = np.array([begin, end]) - middle
    draws = np.random.default_rng(0).multivariate_normal((0, 0), covariance, 4000)
    largest = np.abs(draws[:, :1] + draws[:, 1:] * edges).max(axis=1)
    # Stated t was truly at t + lag + slope · (t − middle).
    return ClockEstimate(
        float(lag - slope * middle), float(1e6 * (1 / (1 + slope) - 1)), float(np.quantile(largest, _CONFIDENCE)),
        True, why, begin, end, found, video, psg,
    )


def _judge(found: Sequence[Evidence], used: list[Evidence]) -> tuple[bool, str]:
    if not found:
        return False, "less than an hour of video, or neither movement nor breathing in the recording's signals"
    if jumps := [one.name for one in found if one.jumps]:
        return False, f"the two halves of the night have different lags in {' and '.join(jumps)}: a clock jumped"
    if not used:
        names = " and ".join(one.name for one in found)
        return False, f"no lag within ±{SEARCH_S:.0f} s stands out in {names}: another video, or a clock further off"
    if len(used) == 2 and abs(used[0].lag - used[1].lag) > _CONTRADICTION_S:
        return False, f"movement says {used[0].lag:.1f} s, breathing {used[1].lag:.1f} s: they contradict each other"
    names = " and ".join(f"{one.name} (by {one.margin:.0f} standard errors)" for one in used)
    return True, f"one lag stands out in {names}"


def _combined(used: list[Evidence], sensors: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Lag and slope, weighted by how sure each source is, and their covariance; many sensors' lags even out."""
    steady = [np.diag([_SENSOR_LAG_S**2 / count, 0]) for count in sensors]
    weights = [np.linalg.inv(_HIDDEN**2 * one.covariance + lag) for one, lag in zip(used, steady, strict=True)]
    covariance = np.linalg.inv(sum(weights))
    values = sum(weight @ np.array([one.lag, one.slope]) for weight, one in zip(weights, used, strict=True))
    return covariance @ values, covariance
