"""Which files make which recording."""

from datetime import datetime
from pathlib import Path

import pytest
import recording_folders as made
from scorings import written

from sacd.exceptions import SacdError
from sacd.ingest.layout import NightFiles, find_nights, is_recording_folder
from sacd.ingest.stage_names import StageNames

PEOPLE = "participant_id\tsex\tage\tweight\tahi\nP1\tn/a\tn/a\tn/a\tn/a\n"
FEW = ("W", "N2")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a table of one participant; videos in it are found by their names, and none is opened."""
    (tmp_path / "participants.tsv").write_text(PEOPLE)
    return tmp_path


def put(folder: Path, *names: str) -> None:
    """Recordings, scorings and empty files, as their suffixes say."""
    folder.mkdir(exist_ok=True)
    for name in names:
        if name.endswith(".edf"):
            made.write_edf(folder / name, 60)
        else:
            (folder / name).write_text("W\nN2\n" if name.endswith(".txt") else "")


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def one(source: Path) -> NightFiles:
    (night,) = find_nights(source)
    return night


def test_a_folder_is_a_recording(source: Path) -> None:
    put(source / "P1_a", "psg.edf", "video.mp4", "hypnogram.txt")
    night = one(source)
    assert (night.recording_id, night.participant_id, night.fault) == ("P1_a", "P1", "")
    assert (night.psg.name, names(night.videos), names(night.scorings)) == ("psg.edf", ["video.mp4"], ["hypnogram.txt"])
    assert (night.video_starts, night.starts_from, night.offset_s) == ((None,), "header", 0.0)
    assert is_recording_folder(source)


def test_what_is_no_part_of_a_recording_is_passed_over(source: Path) -> None:
    put(source / "P1_a", "psg.edf", "video.mp4", "._psg.edf", "._video.mp4", "report.pdf", ".DS_Store")
    (source / "P1_a" / "notes.txt").write_text("The patient, Mrs Quux, slept badly.\nMask moved at 3.\n")
    (source / "notes.txt").write_text("Exported on Monday.\n")
    (source / "._P9.edf").write_bytes(b"\0" * 300)
    night = one(source)
    assert (night.psg.name, names(night.videos), night.scorings) == ("psg.edf", ["video.mp4"], ())
    assert night.passed_over == 1
    words = StageNames.read(written(source / "names.yaml", "stages: {W: [wach], N2: [leicht]}"))
    (source / "P1_a" / "a.txt").write_text("wach\nleicht\n")
    assert find_nights(source)[0].scorings == () and find_nights(source)[0].passed_over == 2
    assert names(find_nights(source, names=words)[0].scorings) == ["a.txt"]


def test_scorings_as_edf(source: Path) -> None:
    """Whatever it is called, an EDF+ with annotations alone is a scoring."""
    put(source / "P1_a", "night.edf", "video.mp4")
    made.write_edf(source / "P1_a" / "night_scoring.edf", 60, FEW, channels=())
    made.write_edf(source / "P1_a" / "B.edf", 60, FEW, channels=())
    night = one(source)
    assert (night.psg.name, names(night.scorings)) == ("night.edf", ["B.edf", "night_scoring.edf"])


def test_several_videos(source: Path) -> None:
    put(source / "P1_a", "psg.edf", "1.mp4", "2.MPG", "3.mkv")
    assert names(one(source).videos) == ["1.mp4", "2.MPG", "3.mkv"]


def test_files_of_one_stem(source: Path) -> None:
    put(source, "P1_a.edf", "P1_a.mp4", "P1_a-Hypnogram.txt")
    put(source, "P1_b.edf", "P1_b_1.mp4", "P1_b_2.mp4", "P1_b_scoring.txt", "P1_c_2230.mp4")
    first, second, alone = find_nights(source)
    assert (first.recording_id, names(first.videos), names(first.scorings)) == (
        "P1_a", ["P1_a.mp4"], ["P1_a-Hypnogram.txt"],
    )
    assert (second.recording_id, names(second.videos), names(second.scorings)) == (
        "P1_b", ["P1_b_1.mp4", "P1_b_2.mp4"], ["P1_b_scoring.txt"],
    )
    assert (alone.recording_id, alone.psg) == ("P1_c_2230", None)


def test_what_is_wrong_with_one_recording_is_its_own_fault(source: Path) -> None:
    put(source / "P1_a", "psg.edf", "again.edf", "video.mp4")
    put(source / "P1_b", "psg.edf")
    put(source / "P1_c", "psg.edf", "video.mp4")
    put(source / "P2", "psg.edf", "video.mp4")
    two, unseen, good, unknown = find_nights(source)
    assert "two recordings with one id" in two.fault and "again.edf, psg.edf" in two.fault
    assert "P1_b has no video" in unseen.fault
    assert "no participant P2" in unknown.fault and good.fault == ""


def test_a_row_for_a_recording(source: Path) -> None:
    put(source / "x", "psg.edf", "1.mp4", "2.mp4")
    columns = "recording_id participant_id video_start offset drift_ppm region psg_start".split()
    columns += ["scoring_start", "time_zone"]
    row = ["x", "P1", "2024-03-01T22:30,2024-03-02T02:30+01:00", "-2.5", "12", "0.1,0.2,0.5,0.5", "2024-03-01T22:31"]
    row.append("2024-03-01T23:05:10")
    table = source / "recordings.tsv"
    table.write_text("\t".join(columns) + "\n" + "\t".join([*row, "Europe/Zurich"]) + "\n")
    night = one(source)
    assert night.video_starts[0] == datetime(2024, 3, 1, 22, 30) and night.video_starts[1].tzinfo is not None
    assert (night.participant_id, night.offset_s, night.drift_ppm) == ("P1", -2.5, 12.0)
    assert (night.region.x, night.region.height) == (0.1, 0.5)
    assert (night.psg_start, night.time_zone) == (datetime(2024, 3, 1, 22, 31), "Europe/Zurich")
    assert night.scoring_start == datetime(2024, 3, 1, 23, 5, 10)
    assert night.starts_from == "recordings.tsv"
    table.write_text("recording_id\toffset\nx\tlate\n")
    with pytest.raises(SacdError, match="'late' is not a number"):
        find_nights(source)
    table.write_text("recording_id\nx\ny\n")
    with pytest.raises(SacdError, match="recording y has no files"):
        find_nights(source)


def test_without_a_table_of_people_you_are_told_what_to_write(source: Path) -> None:
    put(source / "P1_a", "psg.edf", "video.mp4")
    (source / "participants.tsv").unlink()
    with pytest.raises(SacdError, match="participants.tsv: not found; write it: .*participant_id, sex, age.*'P001 F 4"):
        find_nights(source)


def test_whose_a_night_is(source: Path) -> None:
    people = ("P1", "P1-2", "P1-2_b", "P10")
    (source / "participants.tsv").write_text(PEOPLE[: PEOPLE.index("P1")] + "".join(f"{p}\t\t\t\t\n" for p in people))
    whose = {
        "P1-night1": "P1", "P1_night1_b": "P1", "P1-2": "P1-2", "P1-2-night1": "P1-2", "P1-2_b_1": "P1-2_b",
        "P10_1": "P10", "P11-1": "n/a", "XP1-1": "n/a",
    }
    for night in whose:
        (source / night).mkdir()
        put(source / night, "video.mp4")
    assert {night.recording_id: night.participant_id for night in find_nights(source)} == whose


def test_an_id_twice(source: Path) -> None:
    put(source / "P1_a", "psg.edf", "video.mp4")
    put(source, "P1_a.edf")
    with pytest.raises(SacdError, match="two recordings with one id, P1_a, in a folder and beside it"):
        find_nights(source)


def test_an_empty_folder(source: Path) -> None:
    with pytest.raises(SacdError, match="no recordings"):
        find_nights(source)


@pytest.mark.parametrize("name", ["psg.edf", "camera-2.mp4", "hypnogram.txt"])
def test_a_link_to_nothing_is_no_missing_file(source: Path, name: str) -> None:
    put(source / "P1_a", "video.mp4", "other.txt")
    (source / "P1_a" / name).symlink_to(source / ".git" / "annex" / name)
    assert one(source).fault == (
        f"{source / 'P1_a' / name}: a link to a file that is not here; fetch that, or put the file itself in its place"
    )


def test_what_should_be_a_file_and_is_none(source: Path) -> None:
    put(source / "P1_a", "video.mp4")
    (source / "P1_a" / "psg.edf").mkdir()
    assert "psg.edf: no file; put" in one(source).fault
    (source / "P1_a" / "psg.edf").rmdir()
    put(source / "P1_a", "psg.edf.gz", "truth.json.bak")
    assert "psg.edf.gz: compressed; unpack it" in one(source).fault
    (source / "P1_a" / "psg.edf.gz").rename(source / "P1_a.edf.gz")
    with pytest.raises(SacdError, match="two recordings with one id, P1_a"):
        find_nights(source)


@pytest.mark.parametrize(
    ("column", "cell", "says"), [("region", "0.1,0.1,2,2", "does not lie"), ("time_zone", "Mars/X", "is unknown")]
)
def test_what_is_wrong_in_a_row_names_it(source: Path, column: str, cell: str, says: str) -> None:
    put(source / "P1_a", "video.mp4")
    (source / "recordings.tsv").write_text(f"recording_id\t{column}\nP1_a\t{cell}\n")
    assert f"{source / 'recordings.tsv'}: recording P1_a: " in one(source).fault and says in one(source).fault


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("P1\tMrs Quux\t40\t\t", "sex is a text"), ("P1\tF\t1984\t\t", "age is 1984"), ("P1\tF\t40\t-1\t", "weight"),
        ("P1\tF\t40\t\t400", "ahi is 400"),
    ],
)
def test_people_who_cannot_be_are_refused_before_a_night_is_read(source: Path, row: str, says: str) -> None:
    put(source / "P1_a", "video.mp4")
    (source / "participants.tsv").write_text(PEOPLE.splitlines()[0] + f"\n{row}\n")
    with pytest.raises(SacdError, match=rf"participants.tsv: participant P1: {says}.*; (correct|write)"):
        find_nights(source)
