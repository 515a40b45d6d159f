"""When videos began: tables, sidecars, names, containers, and time zones."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from sacd.exceptions import SacdError
from sacd.ingest import starts

TABLE, VIDEO = Path("recordings.tsv"), Path("cam_20240301-223000_bed.mp4")
EVENING = datetime(2024, 3, 1, 22, 30)


def told(videos: tuple[Path, ...] = (VIDEO,), row: str = "n/a", pattern: str | None = None) -> tuple[object, str]:
    return starts.told_starts(videos, row, TABLE, "P1", pattern)


def test_the_table_goes_first(tmp_path: Path) -> None:
    video = tmp_path / VIDEO.name
    video.with_suffix(".json").write_text('{"video_start": "2024-03-01T22:31:00", "StartTime": 3}')
    pattern = "cam_%Y%m%d-%H%M%S"
    later = EVENING + timedelta(minutes=1)
    assert told((video,), "2024-03-01T22:32", pattern) == ((EVENING + timedelta(minutes=2),), "recordings.tsv")
    assert told((video,), pattern=pattern) == ((later,), "sidecar")
    assert told(pattern=pattern) == ((EVENING,), "file name")
    assert told() == ((None,), "header")


def test_a_time_for_each_video() -> None:
    two = Path("a.mp4"), Path("b.mp4")
    found, _ = told(two, "2024-03-01T22:30:00, 2024-03-02T01:00:00Z")
    assert found == (EVENING, datetime(2024, 3, 2, 1, tzinfo=UTC))
    with pytest.raises(SacdError, match="names 1 times for 2 videos"):
        told(two, "2024-03-01T22:30:00")
    with pytest.raises(SacdError, match="'tonight' is not a time; write it like"):
        told(row="tonight")


@pytest.mark.parametrize(
    ("name", "pattern", "moment"),
    [
        ("IR-2024.03.01 22h30.avi", "%Y.%m.%d %Hh%M", EVENING),
        ("x_240301T223000.5.mkv", "%y%m%dT%H%M%S.%f", EVENING.replace(microsecond=500000)),
        ("a2024-03-01T22-30+0100.mp4", "%Y-%m-%dT%H-%M%z", EVENING.replace(tzinfo=timezone(timedelta(hours=1)))),
        ("50%_20240301_2230.mp4", "50%%_%Y%m%d_%H%M", EVENING),
    ],
)
def test_names(name: str, pattern: str, moment: datetime) -> None:
    assert starts.from_name(Path(name), pattern) == moment


@pytest.mark.parametrize("pattern", ["%H%M", "%Y%m%d", "%Y%m%d-%H%Q", ""])
def test_patterns_without_a_moment(pattern: str) -> None:
    with pytest.raises(SacdError, match="does not give a date and a time"):
        starts.from_name(VIDEO, pattern)


@pytest.mark.parametrize("name", ["night.mp4", "cam_20241399-223000.mp4"])
def test_names_that_do_not_follow(name: str) -> None:
    with pytest.raises(SacdError, match="does not follow the start pattern"):
        starts.from_name(Path(name), "cam_%Y%m%d-%H%M%S")


def between(moment: datetime, zone: str | None = None, clock: str = "date", reference: datetime = EVENING) -> float:
    return starts.seconds_between(reference, moment, starts.read_zone(zone), clock, VIDEO)


def test_zones() -> None:
    utc = datetime(2024, 3, 1, 21, 30, 5, tzinfo=UTC)
    assert between(EVENING + timedelta(seconds=5)) == 5
    assert between(utc, "Europe/Zurich") == between(utc, "+01:00") == 5
    assert between(utc, "UTC") == 5 - 3600
    # The night in which the clocks go forward: four hours by the recorder's clock are three.
    night = datetime(2024, 3, 30, 23, 0)
    assert between(datetime(2024, 3, 31, 2, 0, tzinfo=UTC), "Europe/Zurich", reference=night) == 4 * 3600
    with pytest.raises(SacdError, match="--time-zone"):
        between(utc)
    with pytest.raises(SacdError, match="'Atlantis' is unknown"):
        starts.read_zone("Atlantis")
    with pytest.raises(SacdError, match="is unknown"):
        starts.read_zone("../../etc/passwd")


def test_dates_that_cannot_be_true() -> None:
    anonymous = datetime(1985, 1, 1, 22, 29, 30)
    with pytest.raises(SacdError, match="2024-03-01.*1985-01-01.*--clock 'time of day'"):
        between(EVENING, reference=anonymous)
    assert between(EVENING, clock="time of day", reference=anonymous) == 30
    assert between(datetime(2024, 3, 1, 23, 59, 50), clock="time of day", reference=datetime(1985, 1, 1)) == -10


def test_later_files_keep_the_cameras_time() -> None:
    assert starts.later(10.0, 3600.0, 0.0) == 3610.0
    assert starts.later(10.0, 3600.0, 50.0) == pytest.approx(3609.82, abs=1e-3)
