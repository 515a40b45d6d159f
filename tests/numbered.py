"""A cohort whose every picture carries its own number, to be read back from the screen; and how to read it."""

from pathlib import Path

import av
import numpy as np
import pandas as pd

from sacd.cohort import Cohort, CohortInfo, Sampling
from sacd.cohort.extras import Extras, SignalInfo, frame_times
from sacd.cohort.preview import PREVIEW_FPS, PreviewWriter
from sacd.cohort.writer import CohortWriter
from sacd.stages import STAGES

FRAMES, SIZE = 32, 32
CLIPS = {"filmed": 3, "plain": 6}
"""Clips of the two recordings; the first has a preview."""
FILM_HEIGHT, FILM_WIDTH = 64, 128
LOST = np.r_[410:450, 600:620]
"""Numbers of the pictures that the film lost: 11 to 15 s of clip 1, and 0 to 2 s of clip 2."""
HELD = slice(10, 16)
"""Frames of the last clip of `plain` that only repeat the one before: lost too."""
BITS = 16
# Blocks of the smaller pictures are 4 pixels wide, those of the film 16.
READ = """
({ canvas, blocks }) => {
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  const across = blocks, side = width / across;
  const grey = [];
  for (let i = 0; i < 32; i++) {
    const x = Math.floor((i % across + 0.5) * side), y = Math.floor((Math.floor(i / across) + 0.5) * side);
    grey.push(pixels[4 * (y * width + x)]);
  }
  return grey;
}
"""
LOOK = f"""
() => {{
  const root = document.querySelector(".sacd-viewer");
  const read = {READ};
  const {{ state, frame, time, recording, clip }} = root.dataset;
  const grey = read({{ canvas: root.querySelector("canvas.picture"), blocks: 8 }});
  return {{ state, frame, time, recording, clip, grey }};
}}
"""
"""What the viewer says and what stands on its screen, in one go."""


IS_FILM = f"document.querySelector('canvas.picture').width === {FILM_WIDTH}"


def number_of(recording: int, clip: int, frame: int) -> int:
    """The number a student's picture carries."""
    return 4096 * recording + 64 * clip + frame


def painted(numbers: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pictures [n, height, width] uint8: 16 bits of a number in blocks an eighth as wide, then their complement."""
    side = width // 8
    bits = (numbers[:, None] >> np.arange(BITS)) & 1
    blocks = np.concatenate([bits, 1 - bits], axis=1).reshape(len(numbers), 4, 8)
    grey = np.where(np.kron(blocks, np.ones((1, side, side), int)), 220, 30).astype(np.uint8)
    return np.pad(grey, ((0, 0), (0, height - 4 * side), (0, 0)))


def read_back(grey: list[int]) -> int | None:
    """The number in the blocks of a picture; None where they do not hold one."""
    bits = np.array(grey) > 125
    if (bits[:BITS] == bits[BITS:]).any():
        return None
    return int((bits[:BITS] * (1 << np.arange(BITS))).sum())


def write_film(file: Path, clips: int) -> None:
    """A preview in which some pictures are lost."""
    numbers = np.setdiff1d(np.arange(clips * 30 * PREVIEW_FPS), LOST)
    with PreviewWriter(file, FILM_HEIGHT, FILM_WIDTH) as writer:
        for number, picture in zip(numbers.tolist(), painted(numbers, FILM_HEIGHT, FILM_WIDTH), strict=True):
            writer.add(number, picture)


def make_numbered(path: Path, film: bool = True) -> Cohort:
    """Two recordings of one participant each; times of pictures are irregular, as a camera's are."""
    sampling = Sampling(eeg_hz=100, eeg_channels=("C4-M1",), frames=FRAMES, span_s=30, height=SIZE, width=SIZE)
    info = CohortInfo(name="numbered", simulated=True, source_id="numbered", video="raw", eeg="raw", sampling=sampling)
    signals = SignalInfo(channels=("Resp thorax", "EMG chin"), units=("a.u.", "µV rms"), hz=10)
    with CohortWriter(path, info) as writer:
        for place, (name, clips) in enumerate(CLIPS.items()):
            rng = np.random.default_rng(place)
            numbers = number_of(place, np.arange(clips)[:, None], np.arange(FRAMES))
            onsets = 30.0 * np.arange(clips)
            times = frame_times(onsets, FRAMES) + rng.uniform(-0.2, 0.2, (clips, FRAMES))
            if name == "plain":
                times[-1, HELD], numbers[-1, HELD] = times[-1, HELD.start - 1], numbers[-1, HELD.start - 1]
            second = np.arange(3000) / 100
            eeg = 20 * rng.standard_normal((clips, 1, 3000)) + 60 * np.sin(2 * np.pi * second)
            stage = np.resize(np.repeat([0, 2, 3, 4], 2), clips)
            table = pd.DataFrame({"clip": np.arange(clips), "onset": onsets, "stage": stage})
            table["flag_video_gap"] = table["clip"] == clips - 1
            writer.add_participant(f"P{place}", "F", 40, 70, 12.0, "test")
            writer.add_recording(
                name, f"P{place}", table, painted(numbers.ravel(), SIZE, SIZE).reshape(clips, FRAMES, SIZE, SIZE),
                eeg.astype(np.float32), start="2024-03-01T23:59:00", channel="C4-M1", commit=False,
                provenance={"clock_uncertainty_s": 0.4} if name == "plain" else None,
                extras=Extras(
                    frame_times=times, motion=rng.integers(0, 40, (clips, 150, 65), dtype=np.uint8),
                    events=pd.DataFrame({"onset": [8.0, 40.0], "duration": [12.0, 3.0], "type": ["apnoea", "arousal"]}),
                    signals=rng.standard_normal((clips, 2, 300)).astype(np.float16), signal_info=signals,
                    preview=(lambda file, clips=clips: write_film(file, clips)) if film and name == "filmed" else None,
                ),
            )
    return Cohort.open(path)


def said_of(cohort: Cohort) -> pd.DataFrame:
    """Predictions of two models: the first errs at every third clip, the second at every second."""
    parts = []
    for method, every in (("CE", 2), ("SACD", 3)):
        for recording in cohort:
            clips = recording.clips
            predicted = np.where(clips["clip"] % every == 1, (clips["stage"] + 1) % 5, clips["stage"])
            odds = np.eye(5)[predicted] + 0.15
            chances = pd.DataFrame(odds / odds.sum(1, keepdims=True), columns=[f"p_{stage}" for stage in STAGES])
            who = {"recording_id": recording.recording_id, "participant_id": recording.participant_id, "method": method}
            parts.append(clips[["clip", "stage"]].assign(predicted=predicted, **who).join(chances))
    return pd.concat(parts, ignore_index=True)


def film_numbers(file: Path) -> list[int]:
    """Numbers of a film's pictures as decoded, None where unreadable: what a browser can show at best."""
    with av.open(str(file)) as film:
        pictures = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    side = FILM_WIDTH // 8
    return [
        read_back([picture[int((i // 8 + 0.5) * side), int((i % 8 + 0.5) * side)] for i in range(32)])
        for picture in pictures
    ]
