"""Every sampled picture is the one nearest in time, read back from the number that it carries."""

from pathlib import Path

import filmed
import numpy as np
import pytest

from sacd.exceptions import SacdError
from sacd.ingest.picture import Small
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import Video, read_video
from sacd.ingest.video_files import Film, _useful

NTSC = 30_000 / 1001
OPEN = {"x264-params": "open-gop=1:keyint=20:bframes=3:b-pyramid=normal", "preset": "veryfast"}


def varying(seconds: float) -> np.ndarray:
    steps = np.random.default_rng(1).choice([0.02, 0.04, 0.1, 0.3], round(seconds * 9))
    return np.cumsum(steps) - steps[0]


def numbers(files: list[tuple[Video, VideoClock]], wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that the pictures for the wanted times carry, and when these were taken."""
    small = Small(files[0][0].rotation_deg, None)
    shown = [(filmed.number_in(small(one.frame, 64, 128)), one.time) for one in Film(files).nearest(wanted)]
    found, taken = zip(*shown, strict=True)
    assert None not in found
    return np.array(found), np.array(taken)


@pytest.mark.parametrize(
    ("name", "times", "options"),
    [
        ("25.mp4", filmed.times_of(25, 9), {}),
        ("25.mkv", filmed.times_of(25, 9), {"options": OPEN}),
        ("29.97.mkv", filmed.times_of(NTSC, 9), {}),
        ("10.mp4", filmed.times_of(10, 15), {}),
        ("varying.mkv", varying(12), {}),
        ("varying.mp4", varying(12), {"options": {"bf": "0", "g": "300", "preset": "ultrafast"}}),
        ("mpeg4.avi", filmed.times_of(30, 9), {"codec": "mpeg4"}),
        ("mjpeg.avi", filmed.times_of(30, 6), {"codec": "mjpeg", "options": {}}),
        ("hevc.mkv", filmed.times_of(10, 9), {
            "codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20:bframes=3"},
        }),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
@pytest.mark.parametrize("clock", [VideoClock(-2.3, 50.0), VideoClock(1.7)], ids=["before", "after"])
def test_the_nearest_picture(tmp_path: Path, name: str, times: np.ndarray, options: dict, clock: VideoClock) -> None:
    video = read_video(filmed.write_numbered(tmp_path / name, times, **options))
    assert video.duration_s == pytest.approx(times[-1], abs=0.15)
    own = clock.to_recording(times)
    rng = np.random.default_rng(2)
    for count in (7, 90):  # so far apart that pictures are passed over, and so near that few are
        wanted = np.sort(rng.uniform(own[0] - 1, own[-1] + 1, count))
        found, taken = numbers([(video, clock)], wanted)
        away = np.abs(own[found] - wanted)
        # Matroska rounds time stamps to the millisecond.
        assert (away - np.abs(own[:, None] - wanted).min(axis=0)).max() <= 0.0011
        assert np.abs(taken - own[found]).max() <= 0.0006


def test_mpeg_programme_streams_are_read(tmp_path: Path) -> None:
    times = filmed.times_of(30, 6)
    file = filmed.write_numbered(tmp_path / "v.mpg", times, "mpeg2video", {"bf": "2", "g": "12", "qscale": "2"})
    video = read_video(file)
    assert video.duration_s == pytest.approx(6, abs=0.05)
    # Of several small pictures in one packet the format stamps one; FFmpeg's guess for the others is two pictures off.
    found, _ = numbers([(video, VideoClock(0.0))], times[::5])
    assert np.abs(found - np.arange(180)[::5]).max() <= 2


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_the_picture_is_turned_as_the_file_asks(tmp_path: Path, rotation: int) -> None:
    def hung(number: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(filmed.painted(number, 64, 128), -rotation // 90, axes=(1, 2)))

    times = filmed.times_of(10, 3)
    video = read_video(filmed.write_numbered(tmp_path / "v.mp4", times, rotation=rotation, pictures=hung))
    assert video.rotation_deg == rotation and video.notes == (
        f"turned by {rotation}° counter-clockwise, as the file asks",
    )
    assert numbers([(video, VideoClock(0.0))], times[::7])[0].tolist() == [0, 7, 14, 21, 28]


@pytest.fixture
def parts(tmp_path: Path) -> list[tuple[Video, VideoClock]]:
    """Two files: pictures 0–59 from 10 s on, 60–119 from 24 s on, the later one first."""
    times = filmed.times_of(10, 6)
    first = read_video(filmed.write_numbered(tmp_path / "a.mp4", times))
    second = read_video(filmed.write_numbered(tmp_path / "b.mkv", times + 60, numbers=np.arange(60, 120)))
    return [(second, VideoClock(24.0)), (first, VideoClock(10.0))]


def test_several_files_with_a_gap(parts: list[tuple[Video, VideoClock]]) -> None:
    wanted = np.array([9.0, 10.31, 15.94, 19.0, 21.0, 24.04, 29.9, 40.0])
    found, taken = numbers(parts, wanted)
    assert found.tolist() == [0, 3, 59, 59, 60, 60, 119, 119]
    assert taken == pytest.approx([10, 10.3, 15.9, 15.9, 24, 24, 29.9, 29.9], abs=0.001)
    film = Film(parts)
    list(film.nearest(wanted))
    assert [(round(a, 1), round(b, 1)) for a, b in film.holes[1:]] == [(15.9, 24.0), (29.9, np.inf)]


def test_where_files_overlap_the_earlier_one_is_shown(parts: list[tuple[Video, VideoClock]]) -> None:
    over = [(parts[0][0], VideoClock(13.0)), parts[1]]
    found, taken = numbers(over, np.array([12.0, 14.0, 15.86, 16.04, 18.0]))
    assert found.tolist() == [20, 40, 59, 90, 110] and (np.diff(taken) > 0).all()


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damaged_pictures_say_so(tmp_path: Path, codec: str) -> None:
    times = filmed.times_of(30, 10)
    whole = filmed.write_numbered(tmp_path / "whole.mkv", times, codec)
    video = read_video(filmed.damage_packets(whole, tmp_path / "damaged.mkv", 0.2))
    film, small = Film([(video, VideoClock(0.0))]), Small(0, None)
    shown = [(filmed.number_in(small(one.frame, 64, 128)), one.time) for one in film.nearest(times[::2])]
    wrong = [time for number, time in shown if number is None or abs(number / 30 - time) > 0.02]
    assert len(wrong) >= 3
    for time in wrong:
        assert any(begin <= time < end for begin, end in film.spoilt)
    spoilt = sum(any(begin <= time < end for begin, end in film.spoilt) for time in times)
    assert 10 < spoilt < len(times)
    undamaged = Film([(read_video(whole), VideoClock(0.0))])
    list(undamaged.nearest(times[::30]))
    assert not undamaged.spoilt


def test_faults_end_with_their_file(parts: list[tuple[Video, VideoClock]]) -> None:
    source = parts[1][0].path
    broken = read_video(filmed.damage_packets(source, source.with_name("c.mkv"), 1.0, begin=45))
    film = Film([parts[0], (broken, VideoClock(10.0))])
    list(film.nearest(np.arange(10.0, 30.0)))
    ((begin, end),) = film.spoilt
    assert 13.5 < begin < 15 and 15 < end < 16.1


def test_what_nobody_needs_is_not_decoded() -> None:
    # Three groups of ten pictures, decoded in the order in which they are shown.
    stamp, key = np.arange(30.0), np.arange(30) % 10 == 0
    needed, useful = _useful(stamp, key, -1.0, 30.0, np.array([3.4, 25.0]))
    assert np.flatnonzero(needed).tolist() == [3, 25]
    assert np.flatnonzero(useful).tolist() == [*range(4), *range(20, 26)]
    # Of two that are equally near the later one is shown, and binary fractions may say otherwise.
    assert np.flatnonzero(_useful(stamp, key, -1.0, 30.0, np.array([3.5]))[0]).tolist() == [3, 4]
    # Without a key picture after them nothing is known of what refers to the last group, and the last is needed.
    needed, useful = _useful(stamp, key, -1.0, np.inf, np.array([3.4]))
    assert np.flatnonzero(needed).tolist() == [3, 29] and useful.tolist() == [i < 4 or i >= 20 for i in range(30)]
    # The pictures after the second key picture are shown before it: they may need the whole group before theirs.
    open_group = np.array([0, 3, 1, 2, 6, 4, 5, 9.0])
    keys = np.array([1, 0, 0, 0, 1, 0, 0, 0], bool)
    assert _useful(open_group, keys, -1.0, 12.0, np.array([4.5]))[1].tolist() == [True] * 7 + [False]
    assert np.flatnonzero(_useful(open_group, keys, -1.0, 12.0, np.array([8.0]))[1]).tolist() == [4, 7]


def test_a_file_that_stops_decoding_is_refused(tmp_path: Path) -> None:
    whole = filmed.write_numbered(tmp_path / "whole.mkv", filmed.times_of(2, 80), options={"bf": "0", "g": "20"})
    with pytest.raises(SacdError, match=r"broken\.mkv: the video does not decode after .*; copy or convert"):
        video = read_video(filmed.damage_packets(whole, tmp_path / "broken.mkv", 1.0, begin=60))
        list(Film([(video, VideoClock(0.0))]).nearest(np.arange(80.0)))
