"""Frames, their times, motion, preview and faults of a night's video in one pass."""

from dataclasses import replace
from pathlib import Path

import av
import filmed
import numpy as np
import pytest
import recording_folders as made

from sacd.cohort.extras import frame_times
from sacd.cohort.motion import PICTURE, TIMES_S, measure_motion
from sacd.cohort.preview import PreviewWriter
from sacd.ingest.box import Box
from sacd.ingest.camera import Look, Pictures, read_pictures
from sacd.ingest.picture import Small, colourfulness, decode
from sacd.ingest.preview import coarse
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import Video, read_video

LOOK = Look(frames=16, span_s=30, height=16, width=32)
ONSETS = 4.0 + 30.0 * np.arange(3)
FAST = {"bf": "0", "g": "50", "preset": "ultrafast"}


def scene(times: np.ndarray) -> np.ndarray:
    """A bed that breathes at 0.3 Hz: pictures [n, 48, 96]."""
    y, x = np.mgrid[:48, :96]
    bed = 60 + 80 * ((abs(x - 48) < 34) & (abs(y - 24) < 16)) + 20 * np.sin(x / 5) * np.cos(y / 7)
    chest = np.exp(-(((x - 40) / 14) ** 2) - ((y - 24) / 9) ** 2)
    return np.clip(bed + 12 * np.sin(2 * np.pi * 0.3 * times)[:, None, None] * chest, 0, 255).astype(np.uint8)


def film(path: Path, times: np.ndarray, pictures: np.ndarray | None = None, **options: object) -> Video:
    shown = scene(times) if pictures is None else pictures
    return read_video(filmed.write_numbered(path, times, options=FAST, pictures=lambda numbers: shown, **options))


def read(
    folder: Path, files: list[tuple[Video, VideoClock]], onsets: np.ndarray = ONSETS, look: Look = LOOK
) -> Pictures:
    (folder / "aside").mkdir(exist_ok=True)
    return read_pictures(files, onsets, look, folder / "aside")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Video]:
    folder = tmp_path_factory.mktemp("night")
    return folder, film(folder / "v.mp4", filmed.times_of(10, 100))


def test_one_pass_gives_what_each_thing_alone_would(night: tuple[Path, Video]) -> None:
    folder, video = night
    told: list[int] = []
    taken = read_pictures([(video, VideoClock(1.0, 30.0))], ONSETS, LOOK, folder, told.append)
    clock = VideoClock(1.0, 30.0)
    wanted = frame_times(ONSETS, 16)
    alone = np.array([picture for picture, _ in decode(video, clock.to_video(wanted).ravel(), 16, 32)])
    assert (taken.video.reshape(alone.shape) == alone).all() and told == [1, 2, 3]
    assert np.abs(taken.frame_times - wanted).max() <= 0.051 and not (np.diff(taken.frame_times) < 0).any()
    moving = clock.to_video(ONSETS[:, None] + TIMES_S).ravel()
    pictures = np.array([picture for picture, _ in decode(video, moving, PICTURE, PICTURE)])
    for found, clip in zip(taken.motion, pictures.reshape(3, len(TIMES_S), PICTURE, PICTURE), strict=True):
        assert (found == measure_motion(clip)).all()
    breathing = np.abs(np.fft.rfft(taken.motion[1, :, -1].astype(float) - 128))
    assert np.fft.rfftfreq(150, 0.2)[breathing.argmax()] == pytest.approx(0.3, abs=0.04)
    assert not taken.faults.to_numpy().any() and taken.notes == () and taken.preview is None


def test_a_camera_that_goes_from_infrared_to_day(tmp_path: Path) -> None:
    """At the same brightness, so that the colours alone tell it."""
    times = filmed.times_of(2, 95)
    pictures = scene(times)[..., None] + (times >= 50)[:, None, None, None] * np.array([16, 0, -40])
    shown = pictures.clip(0, 255).astype(np.uint8)
    faults = read(tmp_path, [(film(tmp_path / "v.mp4", times, shown), VideoClock(0.0))]).faults
    assert faults.switch.tolist() == [False, True, False] and not faults.drop(columns="switch").to_numpy().any()


@pytest.mark.parametrize("format", ["yuv420p", "yuvj422p", "nv12", "rgb24", "yuv420p10le", "gbrp"])
def test_colours_of_every_kind_of_picture(format: str) -> None:
    grey = np.full((48, 64, 3), 120, np.uint8)
    for picture, least, most in ((grey, 0, 1), (grey + np.uint8([0, 0, 60]), 10, 30)):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=format)
        assert least <= colourfulness(frame) <= most
    assert colourfulness(av.VideoFrame.from_ndarray(grey[..., 0], format="gray")) == 0


def test_onsets_between_whole_numbers(night: tuple[Path, Video]) -> None:
    folder, video = night
    onsets = 0.1 + 30.0 * np.arange(3)
    onsets[1] -= 1e-9  # a clip may end, by rounding, after the next one begins
    taken = read(folder, [(video, VideoClock(0.0))], onsets)
    assert taken.video.shape == (3, 16, 16, 32) and taken.motion[..., :-1].max() < 60


def test_the_region_is_cut_and_the_picture_turned(tmp_path: Path) -> None:
    times = filmed.times_of(2, 34)
    upright = scene(times)
    hung = film(tmp_path / "v.mp4", times, np.ascontiguousarray(np.rot90(upright, -1, axes=(1, 2))), rotation=90)
    look = Look(4, 30, 8, 16, Box(0.25, 0.5, 0.5, 0.5), motion=False)
    taken = read(tmp_path, [(hung, VideoClock(0.0))], np.array([0.0]), look)
    expected = upright[:, 24:, 24:72].reshape(-1, 8, 3, 16, 3).mean((2, 4))[[8, 22, 38, 52]]
    # The file has the narrow range of video: levels are off by what the encoder took for black.
    levels = np.polyfit(expected.ravel(), taken.video[0].ravel(), 1)
    assert np.abs(np.polyval(levels, expected) - taken.video[0]).max() < 8 and taken.motion is None
    assert taken.notes == ("turned by 90° counter-clockwise, as the file asks",)


def test_every_pixel_format_gives_the_same_cut() -> None:
    grey = np.random.default_rng(0).integers(20, 230, (48, 64), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(grey, format="gray")
    frame.color_range = av.video.reformatter.ColorRange.JPEG
    whole, part = Small(0, None), Small(0, Box(0.25, 0.5, 0.5, 0.5))
    known = part(frame, 6, 8).astype(int)
    assert np.abs(known - grey[24:, 16:48].reshape(6, 4, 8, 4).mean((1, 3))).max() <= 1
    for name in ("yuv420p", "yuvj420p", "nv12", "yuv444p", "yuyv422", "rgb24", "yuv420p10le"):
        other = frame.reformat(format=name)
        assert np.abs(part(other, 6, 8) - known).max() <= 2, name
        assert np.abs(whole(other, 12, 16).astype(int)[6:, 4:12] - known).max() <= 3, name


def test_gap_and_frozen_are_flagged(tmp_path: Path) -> None:
    times = filmed.times_of(5, 190)
    pictures = scene(times)
    still = (times >= 100) & (times < 143)
    pictures[still] = pictures[np.flatnonzero(still)[0]]
    kept = (times < 40) | (times >= 45)
    video = film(tmp_path / "v.mkv", times[kept], pictures[kept])
    faults = read(tmp_path, [(video, VideoClock(0.0))], 30.0 * np.arange(6)).faults
    assert np.flatnonzero(faults.gap).tolist() == [1]
    # From 100 to 143 s: all of clip 3, 13 s of clip 4, and 20 s of none but the gap's neighbour.
    assert np.flatnonzero(faults.frozen).tolist() == [3, 4]
    # Clips of few pictures see the gap between them.
    few = read(tmp_path, [(video, VideoClock(0.0))], 30.0 * np.arange(6), Look(2, 4, 8, 8, motion=False)).faults
    assert np.flatnonzero(few.gap).tolist() == [1]


def test_damaged_clips_are_flagged(tmp_path: Path) -> None:
    film(tmp_path / "whole.mkv", filmed.times_of(5, 100))
    video = read_video(filmed.damage_packets(tmp_path / "whole.mkv", tmp_path / "v.mkv", 0.2, begin=340))
    faults = read(tmp_path, [(video, VideoClock(0.0))], 30.0 * np.arange(3)).faults
    assert faults.damaged.tolist() == [False, False, True] and not faults.frozen.any()


def test_two_files_and_what_lies_between(tmp_path: Path) -> None:
    made.write_video(tmp_path / "a.mp4", 40)
    made.write_video(tmp_path / "b.mkv", 60, begin=55.0)
    files = [(read_video(tmp_path / "b.mkv"), VideoClock(55.0)), (read_video(tmp_path / "a.mp4"), VideoClock(0.0))]
    taken = read(tmp_path, files, 30.0 * np.arange(3))
    assert taken.faults.gap.tolist() == [False, True, False]
    shown = [made.level(time) for time in taken.frame_times.ravel()]
    assert np.abs(taken.video.mean(axis=(2, 3)).ravel() - shown).max() < 3


def test_preview_has_the_recording_s_time_and_a_key_picture_a_clip(night: tuple[Path, Video]) -> None:
    region, blur = Box(0.0, 0.0, 0.5, 1.0), Box(0.25, 0.25, 0.25, 0.5)
    look = Look(4, 30, 8, 8, region=region, blur=blur, preview=True, motion=False)
    files = [(night[1], VideoClock(1.0))]
    frames, sharp = ([], [])
    for shown, given in ((frames, look), (sharp, replace(look, blur=None))):
        with av.open(read(night[0], files, ONSETS[2:], given).preview) as preview:
            shown += preview.decode(video=0)
    assert [frames[0].time, frames[-1].time] == pytest.approx([64.0, 93.9]) and len(frames) == 300
    assert (frames[0].height, frames[0].width) == (48, 48)
    # This clip begins at 64 s; pictures of a preview have keys at the multiples of 30 s, where clips usually begin.
    assert [frame.time for frame in frames if frame.key_frame] == pytest.approx([64.0, 90.0])
    changed = abs(frames[3].to_ndarray(format="gray").astype(float) - sharp[3].to_ndarray(format="gray"))
    # Half of the picture is shown, so the box reaches from its middle to its right edge.
    assert changed[12:36, 24:].mean() > 2 and np.delete(changed, np.s_[8:40], axis=0).mean() < 0.5


def test_previews_written_twice_are_the_same(tmp_path: Path) -> None:
    for name in ("a.webm", "b.webm"):
        with PreviewWriter(tmp_path / name, 48, 96) as writer:
            for number, picture in enumerate(scene(filmed.times_of(10, 1))):
                writer.add(number, picture)
    assert (tmp_path / "a.webm").read_bytes() == (tmp_path / "b.webm").read_bytes()


def test_coarse_blocks_keep_nothing_within_them() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    shown = coarse(picture, Box(0.5, 0.5, 0.4, 0.4))
    assert len(np.unique(shown[20:36, 20:36])) <= 16 and (shown[20:24, 20:24] == shown[20, 20]).all()
    outside = np.ones((40, 40), bool)
    outside[20:36, 20:36] = False
    assert (shown[outside] == picture[outside]).all()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_night(tmp_path: Path) -> None:
    def anonymous(*_: object) -> None:
        lines = Path("/proc/self/status").read_text().splitlines()
        seen.append(int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024)

    seen: list[float] = []
    made.write_video(tmp_path / "v.mp4", 1800)
    files = [(read_video(tmp_path / "v.mp4"), VideoClock(0.0))]
    # Pictures and motion of sixty clips have 25 MB.
    taken = read_pictures(files, 30.0 * np.arange(60), Look(32, 30, 112, 112), tmp_path, anonymous)
    assert len(seen) == 60 and max(seen[5:]) - seen[5] < 6 and taken.video.nbytes + taken.motion.nbytes > 24e6
