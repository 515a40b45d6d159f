"""What a simulated cohort will be, from its settings alone: its index, the time it takes to make, the disk it fills."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import Cohort
from sacd.cohort.motion import CHANNELS, SAMPLES
from sacd.exceptions import NotApplicable
from sacd.simulate.participant import make_participant
from sacd.simulate.provenance import arguments_of, is_ours
from sacd.simulate.simulated_cohort import BLOCK_CLIPS, BLOCKS, channel_of, cohort_info
from sacd.stages import CLIP_SECONDS

NIGHT_CLIPS = 1200
"""Assumed of a whole night that is not simulated yet."""
EEG_SECONDS, MOTION_SECONDS, REST_SECONDS, FRAME_SECONDS, ENCODE_SECONDS = 0.0004, 0.0016, 2.4e-7, 1e-8, 2e-8
"""Measured seconds of simulation on one core: of a clip, of its motion, of its resting picture's pixels, of a pixel in
a frame, and of one that a trunk encodes."""


class PlannedCohort(Cohort):
    """The index of a cohort that is not simulated yet: people and numbers of clips, no recording."""

    has_posterior = True

    def scored(self, with_flagged: bool = False) -> pd.DataFrame:
        """Everybody: the simulated scorer leaves no clip out, and nothing is flagged."""
        return self.participants


def settings_of(cohort: Cohort) -> dict[str, Any]:
    """The arguments of `sacd.simulate.simulated_cohort.simulate` that made a cohort.

    Raises
    ------
    NotApplicable
        It is real, or simulated in another way.
    """
    if not is_ours(cohort.info):
        raise NotApplicable(f"{cohort.info.name} was not made by 'sacd simulate': none can be simulated beside it")
    return arguments_of(cohort.info)


def plan_cohort(path: Path, settings: dict[str, Any]) -> PlannedCohort:
    """What these arguments of `simulate` will give."""
    skip = settings.get("skip", 0)
    numbers = {"train": range(settings["train"]), "test": range(skip, skip + settings["test"])}
    people = [make_participant(settings["seed"], split, k) for split, indices in numbers.items() for k in indices]
    names = [person.participant_id for person in people]
    participants = pd.DataFrame(
        [{name: getattr(person, name) for name in ("sex", "age", "weight", "ahi", "split")} for person in people],
        index=pd.Index(names, name="participant_id"),
    )
    encoded = settings.get("encoder") is not None
    whole = [encoded or (person.split == "test" and person.index < skip + settings["nights"]) for person in people]
    clips = [
        NIGHT_CLIPS if night else BLOCKS * BLOCK_CLIPS[person.split]
        for person, night in zip(people, whole, strict=True)
    ]
    info = cohort_info(path.name, **settings)
    recordings = pd.DataFrame({
        "recording_id": [f"{name}-night1" for name in names], "participant_id": names, "start": "n/a",
        "channel": channel_of(info), "clips": clips,
    })
    return PlannedCohort(path, info, participants, recordings)


def simulation_seconds(cohort: Cohort) -> float:
    """Predicted seconds to simulate a cohort, on one core; from its index alone."""
    sampling = cohort.info.sampling
    picture = sampling.height * sampling.width
    pixel = FRAME_SECONDS + (ENCODE_SECONDS if sampling.video_features else 0)
    beside = MOTION_SECONDS if cohort.info.eeg == "none" else EEG_SECONDS
    clip = beside + picture * (REST_SECONDS + sampling.frames * pixel)
    return int(cohort.recordings.clips.sum()) * clip


def array_bytes(cohort: Cohort) -> int:
    """Bytes of a simulated cohort's video, EEG and motion; from its index alone."""
    sampling, made = cohort.info.sampling, cohort.info.provenance
    half = np.dtype(np.float16).itemsize
    encoded = half * len(sampling.video_features)
    video = encoded or sampling.frames * sampling.height * sampling.width
    samples = len(sampling.eeg_channels) * round((sampling.eeg_hz or 0) * CLIP_SECONDS)
    eeg = samples * (half if encoded else np.dtype(np.float32).itemsize)
    motion = SAMPLES * CHANNELS if made.get("viewing") or made.get("camera_only") else 0
    return int(cohort.recordings.clips.sum()) * (video + eeg + motion)
