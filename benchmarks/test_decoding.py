"""What ingest takes from a video against `ffmpeg` with fps and scale filters on the same file: `make bench`.

Processor seconds of one thread each, in alternating pairs, so that other work on the machine disturbs both alike. Ours
include reading the file's length; the program's, which has no interpreter to start, include its start. Two nights side
by side, a process each as in an ingest, are seconds on the clock. Skipped where there is no `ffmpeg` (apt-get install
ffmpeg).
"""

import multiprocessing
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sacd.ingest.camera import Look, read_pictures
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import read_video
from sacd.simulate.film import encode
from sacd.simulate.participant import make_participant
from sacd.simulate.raw import write_raw_nights
from sacd.stages import CLIP_SECONDS

ROUNDS = 7
FRAMES, SIZE = 32, 32
LEAST = {False: 1.0, True: 0.8}
"""Times as fast as the program, at least, without and with motion."""


def simulated(folder: Path, person: int = 0) -> Path:
    """Forty simulated clips, 320 × 240, 10 pictures a second: hardly any bits, so every picture is cheap to decode."""
    write_raw_nights(folder / f"raw-{person}", [make_participant(0, "test", person)], clips=40, begin=100)
    return next((folder / f"raw-{person}").glob("*/video.mp4"))


def camera(folder: Path, person: int = 0) -> Path:
    """Half a minute, 640 × 480, 25 pictures a second with noise, two seconds between key pictures: as cameras write."""
    rng = np.random.default_rng(person)
    y, x = np.mgrid[:480, :640]
    bed = 70 + 60 * ((abs(x - 320) < 220) & (abs(y - 240) < 120))
    noise = rng.normal(0, 4, (8, 480, 640))
    chest = np.exp(-(((x - 280) / 90) ** 2) - ((y - 240) / 70) ** 2)

    def pictures() -> np.ndarray:
        for number in range(750):
            moved = bed + 15 * np.sin(number / 13) * chest + noise[rng.integers(8)]
            yield np.clip(moved, 0, 255).astype(np.uint8)[None]

    file = folder / f"camera-{person}" / "camera.mp4"
    file.parent.mkdir()
    options = {"preset": "veryfast", "crf": "28", "g": "50", "bf": "0"}
    encode(file, "libx264", options, 25, np.arange(750), pictures())
    return file


def command(file: Path) -> list[str | Path]:
    filters = f"fps={FRAMES}/{CLIP_SECONDS},scale={SIZE}:{SIZE}:flags=area,format=gray"
    start = ["ffmpeg", "-v", "error", "-nostdin", "-threads", "1", "-filter_threads", "1", "-i", file, "-vf", filters]
    return [*start, "-f", "rawvideo", "-y", os.devnull]


def program(file: Path) -> float:
    """Processor seconds of `ffmpeg`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command(file), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(file: Path, aside: Path, motion: bool) -> float:
    """Processor seconds of the same here."""
    before = os.times()
    video = read_video(file)
    onsets = CLIP_SECONDS * np.arange(int(video.duration_s // CLIP_SECONDS))
    look = Look(FRAMES, CLIP_SECONDS, SIZE, SIZE, motion=motion)
    read_pictures([(video, VideoClock(0.0))], onsets, look, aside)
    after = os.times()
    return after.user + after.system - before.user - before.system


needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg to compare with")


@needs_ffmpeg
@pytest.mark.parametrize("make", [simulated, camera])
@pytest.mark.benchmark(group="decoding: 32 frames of 32 × 32 a clip (the table above)")
def test_decoding(benchmark, capsys, tmp_path, make) -> None:
    file = make(tmp_path)
    ours(file, tmp_path, False)
    pairs = [(program(file), ours(file, tmp_path, False), ours(file, tmp_path, True)) for _ in range(ROUNDS)]
    benchmark.pedantic(ours, (file, tmp_path, True), rounds=1)
    ffmpeg, without, with_motion = np.array(pairs).T
    ratio = {False: float(np.median(ffmpeg / without)), True: float(np.median(ffmpeg / with_motion))}
    with capsys.disabled():
        print(f"\n{make.__name__}: {ratio[False]:.2f} × ffmpeg, with motion {ratio[True]:.2f} ×")
    assert all(ratio[motion] >= least for motion, least in LEAST.items())


def programs(files: Sequence[Path]) -> float:
    """Seconds until as many `ffmpeg` side by side are through."""
    begun = time.perf_counter()
    for process in [subprocess.Popen(command(file)) for file in files]:
        assert process.wait() == 0
    return time.perf_counter() - begun


def ours_side_by_side(pool: ProcessPoolExecutor, files: Sequence[Path], motion: bool) -> float:
    begun = time.perf_counter()
    list(pool.map(partial(ours, motion=motion), files, [file.parent for file in files]))
    return time.perf_counter() - begun


@needs_ffmpeg
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="a core for each of two nights")
@pytest.mark.parametrize("make", [simulated, camera])
@pytest.mark.benchmark(group="decoding: two nights side by side (the table above)")
def test_two_nights_side_by_side(benchmark, capsys, tmp_path, make) -> None:
    files = [make(tmp_path, person) for person in (0, 1)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        ours_side_by_side(pool, files, True)  # an ingest has its workers started
        both = partial(ours_side_by_side, pool, files)
        rounds = np.array([(programs(files), both(False), both(True)) for _ in range(ROUNDS)])
        benchmark.pedantic(both, (True,), rounds=1)
    without, with_motion = np.median(rounds[:, :1] / rounds[:, 1:], axis=0)
    with capsys.disabled():
        print(f"\n{make.__name__}, two nights: {without:.2f} × ffmpeg, with motion {with_motion:.2f} ×")
    assert without >= LEAST[False] and with_motion >= LEAST[True]
