"""Text scorings: one stage a line and tables, every encoding and separator, clock times, JSON and YASA."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import recording_folders as made
from hypothesis import given, settings
from hypothesis import strategies as st
from scorings import read, refused, written

from sacd.ingest.scoring import is_scoring, read_scoring
from sacd.ingest.stage_names import StageNames

ROWS = [("0", "60", "W"), ("60", "30", "N1"), ("90", "30", "?"), ("120", "30", "Sleep stage R")]
CODES = [0, 0, 1, -1, 4]
DIGITS = {"0": 0, "1": 1, "2": 2, "3": 3, "4": 3, "5": 4}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["W", "N1", "N2", "N3", "REM", "?"]), min_size=1, max_size=40), st.booleans())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, stages: list[str], spans: bool) -> None:
    lines = ["onset,duration,stage", *(f"{30 * i},30,{s}" for i, s in enumerate(stages))] if spans else stages
    scoring = read(written(tmp_path_factory.mktemp("text") / "scoring.csv", "\n".join(lines) + "\n"))
    assert scoring.stages.tolist() == [StageNames().stage(stage) for stage in stages]
    assert (scoring.onset_s, scoring.end_s) == (0, 30 * len(stages))


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("mark", ["\t", ";", ",", "|", " ", ", "])
@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\r\n"), ("utf-16", "\n"), ("latin-1", "\r")])
def test_encodings_line_ends_and_separators(tmp_path: Path, encoding: str, end: str, mark: str, header: bool) -> None:
    rows = [("Onset [s]", "Duration [s]", "Sleep_Stage")] if header else []
    if mark == " ":
        rows = [("onset", "duration", "stage")] if header else []
    text = end.join(mark.join(row) for row in [*rows, *ROWS])
    path = written(tmp_path / "night.txt", f"# Schläfer{end}{text}{end}", encoding)
    assert is_scoring(path)
    assert read(path).stages.tolist() == CODES


@pytest.mark.parametrize(
    "text",
    [
        "epoch,stage\n1,W\n2,W\n3,N1\n5,R\n",
        "Epoch,Dr X\n0,WAKE\n1,WAKE\n2,N1\n3,UNS\n4,REM\n",
        "stage;confidence\nW;0.9\nW;0.9\nN1;0.1\n?;0\nR;1\n",
        "1 W\n2 W\n3 N1\n4 ?\n5 R\n",
        "onset\tduration\ttrial_type\n0\t60\tW\n15\t3\tpatient talks\n60\t30\tSleep stage 1\n120\t30\tREM\n",
        "0,0;30,0;W\n30,0;30,0;W\n60,0;30,0;S1\n120,0;30,0;R\n",
        "22:30:00;Wake\n22:30:30;Wake\n22:31:00;N1\n22:31:30;?\n22:32:00;REM\n",
        "time,stage\n2024-03-01T22:30:00,W\n2024-03-01 22:30:30,W\n2024-03-01T22:31:00+01:00,N1\n"
        "01.03.2024 22:31:30,?\n2024-03-01T22:32:00.000,REM\n",
        "Stage\tTime\tDuration [s]\nW\t10:30:00 pm\t60\nS1\t10:31:00 pm\t30\nREM\t10:32:00 PM\t30\n",
        "onset,duration,stage\n00:00:00,00:01:00,W\n00:01:00,00:00:30,N1\n00:02:00,00:00:30,R\n",
        "0\tW\n60\tN1\n90\t?\n120\tREM\n",
    ],
)
def test_tables(tmp_path: Path, text: str) -> None:
    scoring = read(written(tmp_path / "h.csv", text))
    assert scoring.onset_s == 0 and scoring.stages.tolist() == CODES
    assert is_scoring(tmp_path / "h.csv")


HEADINGS = [
    "RemLogic Event Export\n\nPatient:\tZoë, Q.\nDate:\t01/03/2024\nStart\t22:29:59\n\tScorer Name:\tDr X\n",
    "Schlafstadien\nPatient;Zoë\n",
]


@pytest.mark.parametrize("heading", HEADINGS)
def test_what_a_program_writes_above_the_table_is_passed_over(tmp_path: Path, heading: str) -> None:
    table = "Epoch;Time;Sleep Stage\n1;22:30:00;Wake\n2;22:30:30;N1\n3;22:31:00;?\n4;22:31:30;REM\n"
    path = written(tmp_path / "h.txt", heading + table)
    assert is_scoring(path) and read(path).stages.tolist() == [0, 1, -1, 4]
    assert "Zoë" not in str(read(path))
    path = written(tmp_path / "notes.txt", heading + "the patient slept well\nStage 2 was short\n")
    assert not is_scoring(path)
    assert "Zoë" not in refused(path)


def test_an_annotation_that_names_a_stage_is_one_and_the_stage_beside_others_is_none(tmp_path: Path) -> None:
    rows = [
        ("Sleep Stage", "Position", "Time [hh:mm:ss]", "Event", "Duration[s]", "Location"),
        ("W", "Left", "22:30:00", "SLEEP-S0", "30", "ROC-LOC"),
        ("S2", "Left", "22:30:30", "SLEEP-S2", "30", "ROC-LOC"),
        ("S2", "Left", "22:30:41", "MCAP-A1", "5", "F4-C4"),
        ("S2", "Left", "22:30:45", "AROUSAL", "4", "F4-C4"),
        ("R", "Left", "22:31:00", "SLEEP-REM", "30", "ROC-LOC"),
        ("R", "Left", "22:31:30", "SLEEP-MT", "30", "ROC-LOC"),
    ]
    path = written(tmp_path / "h.txt", HEADINGS[0] + "".join("\t".join(row) + "\n" for row in rows))
    scoring = read(path)
    assert is_scoring(path) and scoring.stages.tolist() == [0, 2, 4, -1]
    assert scoring.events.values.tolist() == [[45.0, 4.0, "arousal"]]
    beside = written(tmp_path / "h.csv", "onset,duration,stage,event\n0,30,W,n/a\n30,30,N2,Arousal\n")
    assert read(beside).stages.tolist() == [0, 2]


def test_clock_times_go_over_midnight_and_have_no_date(tmp_path: Path) -> None:
    path = written(tmp_path / "h.csv", "time;stage\n23:59:30;W\n00:00:00;N1\n00:00:30;N2\n")
    scoring = read(path, psg_s=6000)
    assert (scoring.onset_s, scoring.stages.tolist()) == (5370, [0, 1, 2])
    assert "the scoring was placed by the time of day" in scoring.notes
    assert read_scoring(path, None).onset_s == 0
    earlier = written(tmp_path / "h.csv", "time;stage\n22:29:40;W\n22:30:10;N1\n")
    assert read(earlier).onset_s == -20


def test_events_may_follow_the_stages_of_a_night_over_midnight(tmp_path: Path) -> None:
    stages = "time;stage\n23:59:00;W\n23:59:30;W\n00:00:00;N1\n00:00:30;N2\n"
    scoring = read(written(tmp_path / "h.csv", stages + "23:59:10;Arousal\n00:00:40;Arousal\n"), psg_s=6000)
    assert scoring.stages.tolist() == [0, 0, 1, 2]
    assert (scoring.events.onset - scoring.onset_s).tolist() == [10, 100]


@pytest.mark.parametrize("hours", [("01", "03"), ("02", "02")], ids=["begins", "ends"])
def test_summer_time_is_refused_where_it_begins_or_ends(tmp_path: Path, hours: tuple[str, str]) -> None:
    before, after = ([f"{hour}:{m}:{s},N2" for m in minutes for s in ("00", "30")]
                     for hour, minutes in zip(hours, (("58", "59"), ("00", "01", "02")), strict=True))  # fmt: skip
    file = written(tmp_path / "h.csv", "\n".join(["time,stage", *before, *after]))
    refused(file, "line 6: the clock jumps", "summer")


def test_dates_of_a_table_are_compared(tmp_path: Path) -> None:
    path = written(tmp_path / "h.csv", "time,stage\n1985-01-01T22:31:00,W\n1985-01-01T22:31:30,N1\n")
    refused(path, "begins on 1985-01-01, the recording on 2024-03-01", "time of day")
    assert read(path, clock="time of day").onset_s == 60


def test_events_of_a_table_are_those_of_the_closed_list(tmp_path: Path) -> None:
    rows = ["-30,0,Lights off", "0,30,Stage W", "5,4.5,EEG arousal", "9,1,Miller", "30,30,S2", "90,0,lights on"]
    scoring = read(written(tmp_path / "h.csv", "\n".join(["onset,duration,description", *rows])))
    assert scoring.events.to_numpy().tolist() == [[-30, 0, "lights off"], [5, 4.5, "arousal"], [90, 0, "lights on"]]
    assert scoring.lights == (-30, 90) and scoring.stages.tolist() == [0, 2]
    assert read(written(tmp_path / "h.csv", "W\nN1\n")).events is None


def test_digits_need_a_meaning(tmp_path: Path) -> None:
    path = written(tmp_path / "h.txt", "0\n1\n2\n3\n4\n5\n")
    refused(path, "line 1: the stage is the digit 0", "4 is S4 to some and REM to others", "stages: {W: [0]")
    assert is_scoring(path)
    assert read(path, names=StageNames(DIGITS)).stages.tolist() == [0, 1, 2, 3, 3, 4]
    assert read(written(path, "0.0\n5.0\n"), names=StageNames(DIGITS)).stages.tolist() == [0, 4]
    assert read(written(path, "1,0\n2,5\n"), names=StageNames(DIGITS)).stages.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("W\nN2\nX9\n", "line 3: 'X9' is not a known stage"),
        ("Miller, Anna\n", "line 1 has no column of stages"),
        ("W\nAnna Miller\n", "line 2: a text of 11 characters is not a known stage"),
        ("W\nlights off\n", "line 2: a text of 10 characters"),
        ("", "is empty"),
        ("# W\n\n", "is empty"),
        ("stage\n", "holds no stage"),
        ("onset,duration,stage\n", "holds no stage"),
        ("onset,duration,description\n0,30,Miller\n", "holds no stage"),
        ("onset,duration,description\n0,30,Stage 9\n", "line 2: 'Stage 9'"),
        ("onset,duration,stage\n0,30,\n", "line 2: a text of 0 characters"),
        ("onset,duration,stage\n0,30\n", "line 2 has 2 columns separated by ',', and the first line 3"),
        ("onset\tduration\tstage\n0\t30\n", "separated by tabs"),
        ("onset,length\n0,30\n", "no column of stages"),
        ("onset_ms,duration,stage\n0,30,W\n", "the column 'onset_ms' is in ms; write seconds"),
        ("onset [s],Duration (min),stage\n0,0.5,W\n", "the column 'Duration (min)' is in min; write seconds"),
        ("onset,duration,stage\n0,0,W\n30,30,N1\n", "the stage at 0 s has no duration"),
        ("onset,duration,stage\n0,30,W\n30,,N1\n", "the stage at 30 s has no duration"),
        ("onset,duration,stage\n0,30,W\n30,x,N1\n", "line 3: the duration is no number"),
        ("onset,duration,stage\n0,30,W\n40.5,30,W\n", "at 40.5 s does not fill whole epochs of 30, 20, 10 or 5 s"),
        ("onset,duration,stage\n0,60,W\n30,30,N1\n", "two stages at 30 s"),
        ("onset,stage\n0,W\n0,N1\n", "two stages at 0 s"),
        ("onset,duration,stage\nnan,30,W\n", "line 2: the onset is no time"),
        ("onset,duration,stage\n0,30,W\ninf,30,W\n", "a stage at inf s"),
        ("onset,duration,stage\n0,30,W\n3e12,30,W\n", "a stage at 3e+12 s"),
        ("onset,duration,stage\n0,1e15,W\n", "1e+15 s long"),
        ("onset,duration,stage\n0,-30,W\n", "-30 s long"),
        ("time,stage\n22:30:00,W\n22:30,N1\nlate,N1\n", "line 4: the time is not written as in the first line"),
        ("time,stage\n22:30:00,W\n2024-03-01 22:30:30,N1\n", "line 3: the time"),
        ("time,stage\n2024-03-01T22:30:00Z,W\n", "line 2: the onset is no time"),
        ("time,stage\n2024-13-01T22:30:00,W\n", "line 2: the onset is no time"),
        ('onset,duration,stage\n0,30,"W\n30,30,N1\n', "line 2: '\"W' is not a known stage"),
        ("W\n" * 100_001, "more than 100,000 lines"),
        ("W\n" + "W" * 10_001, "line 2 is longer than 10,000 characters"),
        ("\0\1\2W\n", "neither UTF-8 nor UTF-16 nor Latin-1"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, words: str) -> None:
    assert "Miller" not in refused(written(tmp_path / "scoring.txt", text), words)


@pytest.mark.parametrize(
    ("name", "content", "is_one"),
    [
        ("notes.txt", "The patient slept well.\nNo arousals.\nR. left at 6.\n", False),
        ("notes.txt", "W\nN1\nno idea\nN2\n", True),
        ("night_scoring.txt", "The patient slept well.\n", True),
        ("._night.txt", "W\nN1\n", False),
        ("empty.txt", "", False),
        ("night.tsv", "recording_id\tvideo_start\nP1\t2024-03-01T22:30:00\n", False),
        ("night.json", '{"start": "2024-03-01T22:30:00"}', False),
        ("night.json", "[0, 1, 2]", True),
        ("night.json", "[0, 1", False),
        ("night.mp4", "W\nN1\n", False),
        ("night.txt", "12.5 13.5\n11 12\n", False),
    ],
)
def test_what_is_a_scoring(tmp_path: Path, name: str, content: str, is_one: bool) -> None:
    assert is_scoring(written(tmp_path / name, content)) is is_one
    assert not is_scoring(tmp_path / "absent.txt")


def test_json_lists(tmp_path: Path) -> None:
    scoring = read(written(tmp_path / "h.json", json.dumps([-1, 0, 1, 2, 3, 4, "REM", -2])))
    assert scoring.stages.tolist() == [-1, 0, 1, 2, 3, 4, 4, -1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[0, 5]", "epoch 2: the stage is the digit 5"),
        ("[0, true]", "epoch 2: a text of 4"),
        ("[[0]]", "epoch 1: "),
        ("[0.5]", "epoch 1: "),
        ("[]", "holds no stage"),
        ('{"Miller": 1}', "neither a list of stages nor a hypnogram"),
        ('{"values": ["W"]}', "its epoch length or start cannot be read"),
        ('{"values": ["W"], "freq": "-30s"}', "-30 s long"),
        ('{"values": ["W"], "freq": "30s", "start": "1e9"}', "its epoch length or start cannot be read"),
        (f"[{'0,' * 100_000}0]", "more than 100,000 epochs"),
        ("[" * 100_000, "not valid JSON"),
        ("[NaN, Infinity]", "epoch 1: "),
        (f"[1{'0' * 5000}]", "not valid JSON"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, words: str) -> None:
    assert "Miller" not in refused(written(tmp_path / "h.json", text), words)


@pytest.mark.slow
def test_hypnograms_of_yasa(tmp_path: Path) -> None:
    yasa = pytest.importorskip("yasa")
    stages = ["W", "N1", "N2", "N3", "REM", "ART", "UNS", "W"]
    codes = [0, 1, 2, 3, 4, -1, -1, 0]
    plain = yasa.Hypnogram(stages)
    dated = yasa.Hypnogram(stages, start=made.START.isoformat(sep=" "), scorer="Miller", tz="Europe/Paris")
    for number, hypnogram in enumerate((plain, dated)):
        hypnogram.hypno.to_csv(tmp_path / f"{number}.csv")
        hypnogram.as_events().to_csv(tmp_path / f"{number}-events.tsv", sep="\t")
        hypnogram.to_json(tmp_path / f"{number}.json")
        for name in (f"{number}.csv", f"{number}-events.tsv", f"{number}.json"):
            assert is_scoring(tmp_path / name)
            scoring = read(tmp_path / name)
            assert (scoring.onset_s, scoring.stages.tolist()) == (0, codes), name
    fine = yasa.Hypnogram([stage for stage in stages for _ in range(3)], freq="10s")
    fine.to_json(tmp_path / "fine.json")
    assert read(tmp_path / "fine.json").stages.tolist() == codes
    assert math.isclose(read(tmp_path / "fine.json").end_s, 240)


PROBABILITIES = "epoch,N1,N2,N3,R,W\n0,0.1,0.05,0.05,0.1,0.7\n1,0.2,0.5,0.2,0.1,0.0\n2,0,0.1,0.1,0.8,0\n"


def test_probabilities_of_yasa(tmp_path: Path) -> None:
    """The most probable stage, and the shares beside it."""
    newer = PROBABILITIES.replace("epoch", "Epoch").replace("R,W", "REM,WAKE")
    for text in (PROBABILITIES, newer, PROBABILITIES.replace(",", ";").replace(".", ",")):
        path = written(tmp_path / "P1.csv", text)
        assert is_scoring(path)
        # Its epochs are of 30 s, whatever would fit the recording.
        scoring = read(path, psg_s=60)
        assert (scoring.stages.tolist(), scoring.end_s) == ([0, 2, 4], 90)
        wanted = [[0.7, 0.1, 0.05, 0.05, 0.1], [0, 0.2, 0.5, 0.2, 0.1], [0, 0, 0.1, 0.1, 0.8]]
        assert scoring.shares.dtype == "float32" and np.allclose(scoring.shares, wanted)
    others = [written(tmp_path / f"{name}.txt", "N1\nN1\nREM\n") for name in "ab"]
    together = read_scoring([path, *others], made.START)
    assert together.stages.tolist() == [1, 1, 4] and np.allclose(together.shares[0], [1 / 3, 2 / 3, 0, 0, 0])
    refused(written(path, PROBABILITIES.replace("0.8", "1.8")), "line 4", "no probabilities that sum to 1")
    refused(written(path, PROBABILITIES.replace("0.8", "x")), "line 4", "no probabilities")
    refused(written(path, PROBABILITIES.splitlines()[0]), "no stage")


def test_the_json_of_yasa_says_how_long_an_epoch_is_and_when_it_begins(tmp_path: Path) -> None:
    content = {"values": ["WAKE"] * 6 + ["N1"] * 6, "freq": "5s", "start": "2024-03-01T22:31:00+01:00", "scorer": None}
    scoring = read(written(tmp_path / "h.json", json.dumps(content)))
    assert (scoring.onset_s, scoring.stages.tolist()) == (60, [0, 1])
