"""EDF+ annotations: words of both manuals, stages without duration, dates that were changed, other encodings."""

import datetime
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import edfio
import mne
import numpy as np
import pytest
import recording_folders as made
from scorings import annotated, read, refused

from sacd.ingest import scoring_edf
from sacd.ingest.scoring import is_scoring, read_scoring
from sacd.ingest.stage_names import StageNames

STAGES = [(0, 60, "Sleep stage 4"), (60, 30, "Sleep stage R"), (90, 30, "Sleep stage ?"), (120, 30, "Sleep stage W")]


def test_placed_by_its_own_start_with_events_and_lights(tmp_path: Path) -> None:
    notes = [*STAGES, (-5, None, "Lights off"), (10, 3.5, "EEG arousal@@EEG C3-A2"), (11, 2, "Mrs Miller talks"),
             (140, None, "Lights on")]
    path = annotated(tmp_path / "h.edf", notes, made.START + datetime.timedelta(seconds=20))
    scoring = read(path)
    assert (scoring.onset_s, scoring.end_s, scoring.stages.tolist()) == (20, 170, [3, 3, 4, -1, 0])
    assert scoring.events.to_numpy().tolist() == [[15, 0, "lights off"], [30, 3.5, "arousal"], [160, 0, "lights on"]]
    assert scoring.lights == (15, 160) and scoring.notes == ()
    assert "counts from its own start" in read_scoring(path, None).notes[0]


@pytest.mark.parametrize("name", ["psg.rec", "psg.bdf"])
def test_of_a_recording_only_the_annotations_are_read(tmp_path: Path, name: str) -> None:
    signal, whole = (edfio.BdfSignal, edfio.Bdf) if name == "psg.bdf" else (edfio.EdfSignal, edfio.Edf)
    whole(
        [signal(np.arange(10.0 * rate), rate, label=f"x{rate}") for rate in (100, 300)],
        recording=edfio.Recording(startdate=made.START.date()), starttime=made.START.time(),
        annotations=[edfio.EdfAnnotation(*note) for note in STAGES], data_record_duration=1,
    ).write(tmp_path / name)
    assert read(tmp_path / name).stages.tolist() == [3, 3, 4, -1, 0]


@pytest.mark.parametrize("duration", [None, 0])
def test_stages_without_duration_last_until_the_next(tmp_path: Path, duration: float | None) -> None:
    each = [(30 * i, duration, f"Sleep stage {stage}") for i, stage in enumerate("WW2?R")]
    scoring = read(annotated(tmp_path / "h.edf", [(3, None, "Lights off"), *each]))
    assert (scoring.onset_s, scoring.stages.tolist()) == (0, [0, 0, 2, -1, 4])
    assert "no stage has a duration: each lasts until the next" in scoring.notes


def test_changes_without_duration_end_with_the_recording_or_lights_on(tmp_path: Path) -> None:
    changes = [(0, None, "W"), (60, None, "N2"), (240, None, "REM")]
    path = annotated(tmp_path / "h.edf", changes)
    assert read(path).stages.tolist() == [0, 0, 2, 2, 2, 2, 2, 2, 4]
    assert read(path, psg_s=330).stages.tolist() == [0, 0, 2, 2, 2, 2, 2, 2, 4, 4, 4]
    on = annotated(tmp_path / "on.edf", [*changes, (300, None, "lights on")])
    assert read(on, psg_s=330).stages.tolist() == [0, 0, 2, 2, 2, 2, 2, 2, 4, 4]


def test_one_stage_without_duration_among_others_is_named(tmp_path: Path) -> None:
    path = annotated(tmp_path / "h.edf", [(0, 30, "W"), (30, None, "N1"), (60, 30, "W")])
    refused(path, "stage at 30 s has no duration")
    # A movement is no stage.
    path = annotated(path, [(0, 30, "W"), (12, None, "Movement"), (30, 30, "N1")])
    assert read(path).stages.tolist() == [0, 1]


def test_dates_that_cannot_be_true(tmp_path: Path) -> None:
    path = annotated(tmp_path / "h.edf", STAGES, datetime.datetime(1985, 1, 1, 22, 31))
    message = refused(path, "begins on 1985-01-01, the recording on 2024-03-01", "time of day")
    assert "e+08" not in message
    scoring = read(path, clock="time of day")
    assert scoring.onset_s == 60 and scoring.notes == ("the scoring was placed by the time of day",)
    early = annotated(tmp_path / "h.edf", STAGES, datetime.datetime(1985, 1, 1, 22, 29, 30))
    assert read(early, clock="time of day").onset_s == -30
    late = annotated(tmp_path / "h.edf", STAGES, datetime.datetime(1985, 1, 1, 1, 0))
    assert read(late, clock="time of day").onset_s == 9000
    assert read(annotated(tmp_path / "h.edf", STAGES), clock="time of day").onset_s == 0


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_words_of_another_language(tmp_path: Path, encoding: str) -> None:
    path = annotated(tmp_path / "h.edf", [(0, 30, "XXveil"), (30, 30, "Sommeil lent 2")])
    path.write_bytes(path.read_bytes().replace(b"XXveil\x14\x00", "Éveil\x14\x00".encode(encoding).ljust(8, b"\0")))
    refused(path, "no sleep stages among its 2 annotations", "--stage-names")
    names = StageNames(stages={"éveil": 0, "sommeillent2": 2})
    assert read(path, names=names).stages.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ([(0, 30, "Lights off"), (9, 3, "Miller")], "no sleep stages among its 2 annotations"),
        ([(0, 30, "Sleep stage 7")], "annotation at 0 s: 'Sleep stage 7' is not a known stage"),
        ([(0, 30, "Stage of Anna Miller")], "a text of 20 characters"),
        ([(0, 30, "W"), (17, 30, "N1")], "two stages at 17 s"),
        ([(0, 30, "W"), (1e7, 30, "N1")], "a stage at 1e+07 s"),
    ],
)
def test_bad_annotations(tmp_path: Path, notes: list[tuple[float, float, str]], words: str) -> None:
    assert "Miller" not in refused(annotated(tmp_path / "h.edf", notes), words)


def test_no_edf_at_all(tmp_path: Path) -> None:
    (tmp_path / "h.edf").write_bytes(b"W\nN1\n" * 100)
    refused(tmp_path / "h.edf", "not an EDF file")


def test_what_is_a_scoring(tmp_path: Path) -> None:
    assert is_scoring(annotated(tmp_path / "night.edf", STAGES))
    assert not is_scoring(annotated(tmp_path / "psg.edf", STAGES, signals=True))
    assert is_scoring(annotated(tmp_path / "night_scoring.edf", STAGES, signals=True))
    (tmp_path / "._night.edf").write_bytes((tmp_path / "night.edf").read_bytes())
    (tmp_path / "broken.edf").write_bytes(b"0")
    assert not is_scoring(tmp_path / "._night.edf") and not is_scoring(tmp_path / "broken.edf")


def test_annotations_of_other_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Which recordings are read, and when they began, is read_psg's.
    monkeypatch.setattr(scoring_edf, "read_psg", lambda path: SimpleNamespace(start=made.START, channels=("C3",)))
    raw = mne.io.RawArray(np.zeros((1, 9000)), mne.create_info(["C3"], 100.0, "eeg"), verbose="error")
    raw.set_meas_date(made.START.replace(tzinfo=datetime.UTC))
    raw.set_annotations(mne.Annotations([10, 40, 50, 70], [30, 30, 0, 10], ["Sleep stage W", "N2", "Lights on", "N3"]))
    raw.crop(10).save(tmp_path / "psg_raw.fif", verbose="error")
    scoring = read(tmp_path / "psg_raw.fif")
    assert (scoring.onset_s, scoring.stages.tolist()) == (0, [0, 2, -1])
    assert scoring.events.to_numpy().tolist() == [[40, 0, "lights on"]]
    pybv = pytest.importorskip("pybv")
    events = [
        {"onset": 100 * onset, "duration": 3000, "description": text, "type": "Comment"}
        for onset, text in ((0, "W"), (30, "N1"))
    ]
    pybv.write_brainvision(
        data=np.zeros((1, 9000)), sfreq=100.0, ch_names=["C3"], fname_base="psg", folder_out=tmp_path, events=events
    )
    assert read(tmp_path / "psg.vhdr").stages.tolist() == [0, 1]


def test_real_hypnograms_are_what_mne_reads(real_data: Path) -> None:
    files = sorted((real_data / "sleep-edf-features").glob("*-Hypnogram.edf"))
    assert len(files) == 16
    for file in files[::4]:
        assert is_scoring(file)
        header = file.read_bytes()[168:184].decode()
        start = datetime.datetime.strptime(header, "%d.%m.%y%H.%M.%S")
        scoring = read_scoring(file, start)
        expected: Counter[int] = Counter()
        annotations = mne.read_annotations(file)
        for duration, text in zip(annotations.duration, annotations.description, strict=True):
            expected[StageNames().stage(text)] += round(duration / 30)
        codes, counts = np.unique(scoring.stages, return_counts=True)
        assert dict(zip(codes.tolist(), counts.tolist(), strict=True)) == +expected
        assert scoring.onset_s == 0 and scoring.events is None and scoring.notes == ()
