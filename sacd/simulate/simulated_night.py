"""Everything about one participant's night, whole and continuous; `sacd.simulate` has the table of what it offers."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pandas as pd

from sacd.cohort.extras import frame_times
from sacd.simulate.body import KINDS, POSTURES, Breathing, chin_tone, simulate_movements
from sacd.simulate.coupling import COUPLINGS, LABELS, Coupling, LabelModel
from sacd.simulate.eeg import EEG, SAMPLES
from sacd.simulate.night import BIN_S, BINS, label_posterior, scorings, simulate_latents
from sacd.simulate.participant import Participant, Stream
from sacd.simulate.video import NUISANCES, Video
from sacd.stages import CLIP_SECONDS

CHIN_HZ = 200
# Clips whose resting pictures are rendered together.
_TOGETHER = 16


class SimulatedNight:
    """One participant's night, observed by EEG and video.

    Parameters
    ----------
    participant : Participant
    coupling : Coupling
        Changes the video only.
    labels : LabelModel
        Changes posterior and labels only.

    Attributes
    ----------
    stages, depth, remness : ndarray [bins]
        The latent night in 5-s bins.
    """

    def __init__(
        self, participant: Participant, coupling: Coupling = COUPLINGS["medium"], labels: LabelModel = LABELS
    ) -> None:
        self.participant, self.coupling, self._label_model = participant, coupling, labels
        self._latents = simulate_latents(participant)
        self.stages, self.depth, self.remness = self._latents.stages, self._latents.depth, self._latents.remness
        self._movements = simulate_movements(participant, self._latents)
        self._breathing = Breathing(participant, self._latents, coupling)

    @property
    def clips(self) -> int:
        """Number of 30-s clips."""
        return len(self.depth) // BINS

    @property
    def duration_s(self) -> float:
        """Length of the night, s."""
        return self.clips * CLIP_SECONDS

    @cached_property
    def posterior(self) -> np.ndarray:
        """P(stage | latents) of each clip, float64 [clips, 5]."""
        return label_posterior(self._latents, self._label_model)

    @cached_property
    def labels(self) -> np.ndarray:
        """The first scorer's stages, int [clips]."""
        return self.scorings(1)[0]

    def scorings(self, count: int) -> np.ndarray:
        """Stages by `count` scorers, int [count, clips]."""
        return scorings(self.participant, self.posterior, count, self._label_model)

    @cached_property
    def apnoeas(self) -> pd.DataFrame:
        """Columns onset, duration (s)."""
        return pd.DataFrame({"onset": self._latents.apnoea_onset, "duration": self._latents.apnoea_duration})

    @cached_property
    def movements(self) -> pd.DataFrame:
        """Columns onset, duration (s), strength (0–1.5), kind, visible (the camera sees it)."""
        events = self._movements
        return pd.DataFrame({
            "onset": events.onset, "duration": events.duration, "strength": events.strength,
            "kind": np.array(KINDS)[events.kind], "visible": events.seen < self.coupling.seen,
        })

    @cached_property
    def postures(self) -> pd.DataFrame:
        """Columns onset (s), posture, blanket: each row holds until the next."""
        video = self._video
        return pd.DataFrame({
            "onset": video.lie_onset, "posture": np.array(POSTURES)[video.lie_posture], "blanket": video.lie_blanket,
        })

    @cached_property
    def nuisance(self) -> pd.DataFrame:
        """Columns onset, duration (s), kind: what only the camera sees, apart from the blanket."""
        events = self._video.nuisance
        return pd.DataFrame({
            "onset": events.onset, "duration": events.duration, "kind": np.array(NUISANCES)[events.kind],
        }).sort_values("onset", ignore_index=True)

    @cached_property
    def _video(self) -> Video:
        return Video(self.participant, self._latents, self._movements, self._breathing, self.coupling)

    @cached_property
    def _eeg(self) -> EEG:
        return EEG(self.participant, self._latents, self._movements)

    def thorax(self, times: np.ndarray) -> np.ndarray:
        """Respiratory effort of the thorax at any times (s), arbitrary units."""
        return self._breathing.effort(times)[0]

    def abdomen(self, times: np.ndarray) -> np.ndarray:
        """Respiratory effort of the abdomen at any times (s), arbitrary units; against the thorax in an apnoea."""
        return self._breathing.effort(times)[1]

    def airflow(self, times: np.ndarray) -> np.ndarray:
        """Nasal flow at any times (s), arbitrary units."""
        return self._breathing.airflow(times)

    def chin_level(self, times: np.ndarray) -> np.ndarray:
        """Chin-muscle tone at any times (s), µV rms, with the bursts of all movements (seen by the camera or not)."""
        times = np.asarray(times, dtype=float)
        tone = np.interp(times, (np.arange(len(self.depth)) + 0.5) * BIN_S, chin_tone(self._latents))
        events = self._movements
        first, last = np.searchsorted(events.onset, [times.min() - events.duration.max(initial=0), times.max()])
        for i in range(first, last):
            part = np.clip((times - events.onset[i]) / events.duration[i], 0, 1)
            tone = tone + 40 * events.strength[i] * np.sin(np.pi * part) ** 2
        return tone

    def chin(self, clips: Iterable[int]) -> np.ndarray:
        """Chin EMG of the clips, float64 [n, 6000], µV at 200 Hz: noise of the tone's rms, keyed by clip."""
        within = np.arange(round(CLIP_SECONDS * CHIN_HZ)) / CHIN_HZ
        parts = []
        for clip in clips:
            noise = self.participant.rng(Stream.RAW, 1, int(clip)).standard_normal(len(within))
            parts.append(noise * self.chin_level(clip * CLIP_SECONDS + within))
        return np.stack(parts)

    def motion(self, times: np.ndarray) -> np.ndarray:
        """Motion modes at rising times (s), [n, MODES]."""
        return self._video.motion(np.asarray(times, dtype=float))

    def eeg(self, clips: Iterable[int]) -> np.ndarray:
        """EEG of the clips, float32 [n, 1, 3000], µV at 100 Hz."""
        clips = list(clips)
        result = np.empty((len(clips), 1, SAMPLES), dtype=np.float32)
        for row, clip in zip(result, clips, strict=True):
            row[0] = self._eeg.clip(clip)
        return result

    def video(self, clips: Iterable[int], frames: int = 32, size: int = 32, span_s: float = CLIP_SECONDS) -> np.ndarray:
        """Video of the clips, uint8 [n, frames, size, size].

        Parameters
        ----------
        clips : iterable of int
        frames : int
            Evenly spread over the middle `span_s` seconds of each clip.
        size : int
            Height and width, pixels.
        span_s : float
        """
        clips = list(clips)
        times = frame_times(np.multiply(clips, CLIP_SECONDS), frames, span_s)
        result = np.empty((len(clips), frames, size, size), dtype=np.uint8)
        for part in range(0, len(clips), _TOGETHER):
            some = slice(part, part + _TOGETHER)
            self._video.prepare(times[some], size, size)
            for row, clip, at in zip(result[some], clips[some], times[some], strict=True):
                row[:] = self._video.render(at, size, size, key=clip)
        return result

    def render(self, times: np.ndarray, height: int = 240, width: int = 320) -> np.ndarray:
        """Pictures at rising times (s), uint8 [n, height, width]; ask for at most a minute at once."""
        return self._video.render(times, height, width)
