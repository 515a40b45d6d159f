"""XML of Compumedics Profusion and of NSRR; bombs and other kinds are refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from scorings import read, refused, written

from sacd.ingest import scoring_xml
from sacd.ingest.scoring import is_scoring
from sacd.ingest.stage_names import StageNames

EVENTS = (
    ("Hypopnea", 61.5, 20), ("Arousal (ARO RES)", 80, 3), ("Lights Off", 0, 0), ("Lights On", 170, 0), ("SpO2", 1, 2),
    ("Mr. Miller talks", 3, 1),
)
FOUND = [[0, 0, "lights off"], [61.5, 20, "hypopnoea"], [80, 3, "arousal"], [170, 0, "lights on"]]


def profusion(digits: str = "012345", epoch: str = "<EpochLength>30</EpochLength>", head: str = "") -> str:
    stages = "".join(f"<SleepStage>{digit}</SleepStage>\n" for digit in (digits.split() if " " in digits else digits))
    events = "".join(
        f"<ScoredEvent><Name>{name}</Name><Start>{start}</Start><Duration>{duration}</Duration>"
        "<Input>Müller</Input></ScoredEvent>"
        for name, start, duration in EVENTS
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<CMPStudyConfig>{epoch}<ScoredEvents>{events}</ScoredEvents>'
        f"<SleepStages>{stages}</SleepStages></CMPStudyConfig>"
    )


def nsrr(stages: Sequence[tuple[str, float, float]]) -> str:
    rows = [("", "Recording Start Time", 0, 28800), *(("Stages|Stages", *stage) for stage in stages)]
    rows += [("Respiratory|Respiratory", f"{name}|{name}", start, duration) for name, start, duration in EVENTS]
    events = "\n".join(
        f"<ScoredEvent>\n<EventType>{kind}</EventType><EventConcept>{concept}</EventConcept>"
        f"<Start>{start}</Start><Duration>{duration}</Duration></ScoredEvent>"
        for kind, concept, start, duration in rows
    )
    return f"<PSGAnnotation><EpochLength>30</EpochLength><ScoredEvents>{events}</ScoredEvents></PSGAnnotation>"


# Latin-1 behind a head that says UTF-8 is what programs export that know no umlauts.
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_profusion(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "night.xml", profusion("01234569"), encoding)
    scoring = read(path)
    assert is_scoring(path) and scoring.onset_s == 0
    assert scoring.stages.tolist() == [0, 1, 2, 3, 3, 4, -1, -1]
    assert scoring.events.to_numpy().tolist() == FOUND and scoring.lights == (0, 170)


def test_profusion_of_other_epochs_and_names(tmp_path: Path) -> None:
    twenty = written(tmp_path / "h.xml", profusion("000222555", "<EpochLength>20</EpochLength>"))
    assert read(twenty).stages.tolist() == [0, 0, 2, 2, 4, 4] and "20 s" in read(twenty).notes[0]
    untold = written(tmp_path / "h.xml", profusion("000222555", ""))
    assert len(read(untold).stages) == 9 and len(read(untold, psg_s=180).stages) == 6
    assert read(untold, psg_s=180).events.to_numpy().tolist() == FOUND
    other = written(tmp_path / "h.xml", profusion("0 10 5"))
    refused(other, "epoch 2: the stage is the digit 10")
    assert read(other, names=StageNames({"10": -1})).stages.tolist() == [0, -1, 4]


def test_nsrr(tmp_path: Path) -> None:
    stages = [
        ("Wake|0", 0, 60), ("Stage 1 sleep|1", 60, 30), ("Stage 2 sleep|2", 90, 30), ("Stage 4 sleep|4", 120, 30),
        ("REM sleep|5", 150, 30), ("Movement|6", 180, 30), ("Unscored|9", 210, 60),
    ]
    scoring = read(written(tmp_path / "night-nsrr.xml", nsrr(stages)))
    assert scoring.stages.tolist() == [0, 0, 1, 2, 3, 4, -1, -1, -1]
    assert scoring.events.to_numpy().tolist() == FOUND
    refused(written(tmp_path / "h.xml", nsrr([("Anna Miller|7", 0, 30)])), "event 2: the stage is the digit 7")
    refused(written(tmp_path / "h.xml", nsrr([("Wake|0", 0, -5)])), "a stage at 0 s, -5 s long")


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefg", "bcdefgh", strict=True)
) + "]>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (profusion("&h;0", head=BOMB), "defines entities, which can be a bomb"),
        (profusion(head='<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'), "defines entities"),
        (profusion()[:300], "not well-formed XML"),
        ("W\nN1\n", "not well-formed XML"),
        ("", "not well-formed XML"),
        ("<PatientStudy><Patient>Miller</Patient></PatientStudy>", "an XML of a kind that is not known"),
        ("<a>" * 2_000 + "</a>" * 2_000, "an XML of a kind that is not known"),
        (profusion("X"), "epoch 1: 'X' is not a known stage"),
        (profusion("Miller 0"), "epoch 1: a text of 6 characters"),
        (profusion(epoch="<EpochLength>1e300</EpochLength>"), "is not within a recording"),
        (profusion(epoch="<EpochLength>7</EpochLength>"), "does not fill whole epochs"),
        (nsrr([]), "holds no stage"),
    ],
    ids=range(12),
)
def test_bad_xml(tmp_path: Path, text: str, words: str) -> None:
    assert "Miller" not in refused(written(tmp_path / "h.xml", text), words)


def test_what_is_a_scoring(tmp_path: Path) -> None:
    other = "<NonRealTimeMeta><Duration>9</Duration></NonRealTimeMeta>"
    assert not is_scoring(written(tmp_path / "C0001M01.xml", other))
    assert is_scoring(written(tmp_path / "night-scoring.xml", other))
    assert is_scoring(written(tmp_path / "night.xml", nsrr([("Wake|0", 0, 30)])))


def test_a_tree_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring_xml._Bounded, "left", 1000)
    read(written(tmp_path / "h.xml", profusion("0" * 900)))
    refused(written(tmp_path / "h.xml", profusion("0" * 1001)), "more than 250,000 elements")
