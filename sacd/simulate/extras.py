"""What a simulated recording holds beside EEG and video (`sacd.cohort.extras`), as a clinic's files would give it."""

from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from sacd.cohort.extras import Extras, SignalInfo, frame_times
from sacd.cohort.motion import CHANNELS, PICTURE, SAMPLES, TIMES_S, measure_motion
from sacd.cohort.preview import PREVIEW_FPS, PreviewWriter
from sacd.simulate.film import rendered
from sacd.simulate.simulated_night import CHIN_HZ, SimulatedNight
from sacd.stages import CLIP_SECONDS

SIGNALS_HZ = 10
SIGNALS = SignalInfo(
    channels=("EMG chin", "Resp thorax", "Resp abdomen", "Resp nasal"), units=("µV rms", "a.u.", "a.u.", "a.u."),
    hz=SIGNALS_HZ,
)
"""Of the EMG its level: the root of the mean square over a tenth of a second. Belts and airflow have no units."""
PREVIEW_HEIGHT, PREVIEW_WIDTH = 96, 128


def extras_of(
    night: SimulatedNight, clips: np.ndarray, frames: int, span_s: float, viewing: bool, whole: bool, preview: bool
) -> Extras:
    """The files of a recording of these clips.

    Parameters
    ----------
    frames, span_s : int, float
        As in `SimulatedNight.video`.
    viewing : bool
        With motion and, of a whole night, signals; else only the times of frames and the events.
    whole : bool
        The clips are the whole night.
    preview : bool
        With the whole night as a film: about a minute.
    """
    return Extras(
        # The simulated camera takes a picture at the very moment that is asked for.
        frame_times=frame_times(clips * CLIP_SECONDS, frames, span_s),
        motion=motion(night, clips) if viewing else None,
        events=event_table(night),
        signals=signals(night, clips) if viewing and whole else None,
        signal_info=SIGNALS if viewing and whole else None,
        preview=(lambda file: write_preview(file, night)) if preview else None,
    )


def event_table(night: SimulatedNight) -> pd.DataFrame:
    """What a scorer of the whole night would mark, by onset: columns onset, duration (s), type.

    Arousals are those that end an apnoea with a jerk; a position change is a movement after which the body lies
    otherwise; a limb movement is any other of head or limbs, seen by the camera or not, but for REM's twitches, which
    are too brief to be scored. Artefacts are what only the camera sees: bumps, people, pets, a lamp. There are no
    hypopnoeas, and the light goes off when the recording begins and on when it ends.
    """
    lies, movements = night.postures, night.movements[night.movements.kind != "twitch"]
    turned = movements.onset.isin(lies.onset[lies.posture != lies.posture.shift(fill_value=lies.posture[0])])
    kind = np.where(turned, "position change", np.where(movements.kind == "arousal", "arousal", "limb movement"))
    lights = pd.DataFrame({"onset": [0.0, night.duration_s], "duration": 0.0, "type": ["lights off", "lights on"]})
    parts = (
        night.apnoeas.assign(type="apnoea"), movements.assign(type=kind), night.nuisance.assign(type="artefact"), lights
    )
    table = pd.concat([part[["onset", "duration", "type"]] for part in parts])
    return table.sort_values("onset", kind="stable", ignore_index=True)


def motion(night: SimulatedNight, clips: np.ndarray) -> np.ndarray:
    """Motion of the clips, uint8 [n, 150, 65], measured from pictures as a camera gives them: no latent enters."""
    result = np.empty((len(clips), SAMPLES, CHANNELS), np.uint8)
    for row, clip in zip(result, clips, strict=True):
        row[:] = measure_motion(night.render(clip * CLIP_SECONDS + TIMES_S, PICTURE, PICTURE))
    return result


def signals(night: SimulatedNight, clips: np.ndarray) -> np.ndarray:
    """The `SIGNALS` of the clips, float16 [n, 4, 300]: numbers are kept to one part in 2,000."""
    samples = round(CLIP_SECONDS * SIGNALS_HZ)
    times = ((clips * CLIP_SECONDS)[:, None] + np.arange(samples) / SIGNALS_HZ).ravel()
    belts = [signal(times).reshape(len(clips), samples) for signal in (night.thorax, night.abdomen, night.airflow)]
    muscle = night.chin(clips).reshape(len(clips), samples, CHIN_HZ // SIGNALS_HZ)
    return np.stack([np.sqrt((muscle**2).mean(-1)), *belts], axis=1).astype(np.float16)


def write_preview(file: Path, night: SimulatedNight) -> None:
    """Film the whole night at 10 pictures a second of 128 × 96 as VP9, a key picture at every clip's onset.

    Raises
    ------
    SacdError
        PyAV was built without VP9.
    OSError
        The disk is full.
    """
    numbers = np.arange(round(night.duration_s * PREVIEW_FPS))
    chunks = rendered(night, numbers / PREVIEW_FPS, PREVIEW_HEIGHT, PREVIEW_WIDTH)
    with PreviewWriter(file, PREVIEW_HEIGHT, PREVIEW_WIDTH) as writer:
        for number, picture in zip(numbers.tolist(), chain.from_iterable(chunks), strict=True):
            writer.add(number, picture)
