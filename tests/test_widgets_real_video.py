"""Real infrared video of a person in bed (EventSleep) in the viewer: what moves rises where rolls are labelled."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import picture_of
from playwright.sync_api import Page

from sacd.cohort import Cohort, CohortInfo, Sampling
from sacd.cohort.extras import Extras, frame_times
from sacd.cohort.motion import PICTURE, SAMPLES, TIMES_S, measure_motion
from sacd.cohort.preview import PREVIEW_FPS, PreviewWriter
from sacd.cohort.writer import CohortWriter
from sacd.ingest.picture import decode
from sacd.ingest.video import read_video
from sacd.widgets.clip_bytes import answer
from sacd.widgets.viewing import Viewing, listed, named_runs

FPS, CLIPS, FRAMES, HEIGHT, WIDTH = 6, 2, 60, 64, 112
ROLLS, LYING = (2, 3), (6, 7, 8, 9)
"""Classes of Labels.csv."""


@pytest.fixture(scope="module")
def filmed(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cohort, pd.DataFrame]:
    """The first minute as a cohort with frames, motion and a film at full rate, and its labels in seconds."""
    folder = real_data / "ir-video-eventsleep"
    source = folder / "subject09_config1.mp4"
    if not source.exists():
        pytest.skip(f"no real infrared video at {source}")
    onsets = 30.0 * np.arange(CLIPS)

    def pictures(times: np.ndarray, height: int, width: int) -> np.ndarray:
        return np.array([picture for picture, _ in decode(read_video(source), times, height, width)])

    times = frame_times(onsets, FRAMES)
    video = pictures(times.ravel(), HEIGHT, WIDTH).reshape(CLIPS, FRAMES, HEIGHT, WIDTH)
    sampled = pictures((onsets[:, None] + TIMES_S).ravel(), PICTURE, PICTURE)
    motion = np.array([measure_motion(part) for part in sampled.reshape(CLIPS, SAMPLES + 1, PICTURE, PICTURE)])
    taken = np.arange(30 * CLIPS * FPS) / FPS

    def film(file: Path) -> None:
        with PreviewWriter(file, 200, 350) as writer:
            for time, picture in zip(taken, pictures(taken, 200, 350), strict=True):
                writer.add(round(time * PREVIEW_FPS), picture)

    path = tmp_path_factory.mktemp("real") / "cohort"
    shape = {"frames": FRAMES, "span_s": 30, "height": HEIGHT, "width": WIDTH}
    sampling = Sampling(eeg_hz=100, eeg_channels=("none was recorded",), **shape)
    info = CohortInfo(name="EventSleep", simulated=False, source_id="real", video="raw", eeg="raw", sampling=sampling)
    with CohortWriter(path, info) as writer:
        writer.add_participant("S09")
        clips = pd.DataFrame({"clip": np.arange(CLIPS), "onset": onsets, "stage": -1})
        extras = Extras(frame_times=times, motion=motion, preview=film)
        writer.add_recording("S09-1", "S09", clips, video, np.zeros((CLIPS, 1, 3000), np.float32), extras=extras)
    labels = pd.read_csv(folder / "Labels.csv").query("Subject == 9 and Config == 1")
    seconds = labels.assign(begin=labels["InitFrame"] / FPS, end=(labels["EndFrame"] + 1) / FPS)
    return Cohort.open(path), seconds


def test_movement_rises_at_the_labelled_rolls(filmed: tuple[Cohort, pd.DataFrame]) -> None:
    cohort, labels = filmed
    said = named_runs(None)
    viewing = Viewing(cohort, listed(cohort, None, said), said)
    times, energy = [], []
    for clip in range(CLIPS):
        content, buffers = answer({"kind": "clip", "recording": "S09-1", "clip": clip}, viewing)
        found = {name: np.frombuffer(buffer, dtype)
                 for (name, dtype, _), buffer in zip(content["arrays"], buffers, strict=True)}
        times.append(30 * clip + (found["movement_edges"][1:] + found["movement_edges"][:-1]) / 2)
        energy.append(found["movement"])
    times, energy = np.concatenate(times), np.concatenate(energy)

    def during(kinds: tuple[int, ...]) -> list[float]:
        # Half a second at each end is between two actions.
        rows = labels[labels["Label"].isin(kinds)]
        spans = zip(rows["begin"] + 0.5, rows["end"] - 0.5, strict=True)
        parts = [energy[(times > begin) & (times < end)] for begin, end in spans]
        return [float(part.mean()) for part in parts if len(part)]

    rolls, lying = during(ROLLS), during(LYING)
    assert len(rolls) >= 4 and len(lying) >= 4
    assert np.mean(rolls) > 3 * np.mean(lying) and min(rolls) > np.median(lying)


def test_it_plays_in_the_viewer(live: Callable[[Viewing], Page], filmed: tuple[Cohort, pd.DataFrame]) -> None:
    """The frames and the film at full rate; the film moves on when it plays."""
    cohort, _ = filmed
    said = named_runs(None)
    page = live(Viewing(cohort, listed(cohort, None, said), said))
    size = "({ width, height }) => [width, height]"
    assert page.locator("canvas.picture").evaluate(size) == [WIDTH, HEIGHT]
    page.locator(".sacd-viewer").focus()
    page.keyboard.press("p")
    page.wait_for_function("document.querySelector('canvas.picture').width === 350")
    page.keyboard.press("Space")
    page.wait_for_function("Number(document.querySelector('.sacd-viewer').dataset.frame) > 4")
    picture_of(page, "viewer-infrared", ".sacd-viewer")
    assert "EventSleep" in page.locator(".bar").inner_text() and "simulated" not in page.locator(".bar").inner_text()
