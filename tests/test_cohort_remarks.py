"""Remarks: saved beside the cohort and never in it, exported so that other readers of EDF+ and CSV find them again."""

import csv
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.cohort.remarks import COLUMNS, FILE, LABELS, Remarks
from sacd.exceptions import SacdError
from sacd.ingest.scoring import read_scoring
from sacd.stages import STAGES

NIGHT = "P000-night1"
NASTY = '<img src=x onerror=alert(1)>\t"quoted"\n=HYPERLINK("http://a")\x14\x00'


@pytest.fixture
def remarks(make_cohort):
    return Remarks(make_cohort(participants=2, clips=12))


def test_a_remark_is_on_disk_at_once_and_leaves_the_cohort_as_it_is(remarks):
    folder = remarks.file.parent
    before = Cohort.open(folder).fingerprint, (folder / "recordings" / NIGHT / "clips.parquet").read_bytes()
    remarks.add(NIGHT, 3, "N2", who="AB", when="2020-01-01T00:00:00+00:00")
    remarks.add(NIGHT, 3, None, "moves", "AB")
    again = Remarks(folder).table()
    assert list(again.columns) == list(COLUMNS)
    assert again.drop(columns="when").to_numpy().tolist() == [
        ["AB", NIGHT, 3, "N2", ""], ["AB", NIGHT, 3, "n/a", "moves"],
    ]
    assert datetime.fromisoformat(again["when"][1]).tzinfo is not None
    assert (Cohort.open(folder).fingerprint, (folder / "recordings" / NIGHT / "clips.parquet").read_bytes()) == before
    assert check(folder) == []


def test_it_only_grows_even_where_the_last_line_was_cut(remarks):
    remarks.add(NIGHT, 0, "W")
    text = remarks.file.read_text()
    remarks.file.write_text(text.rstrip("\n"))  # an editor's
    remarks.add(NIGHT, 1, "N1")
    assert remarks.file.read_text().startswith(text) and remarks.table()["clip"].tolist() == [0, 1]


def test_text_becomes_one_line_and_markup_stays_characters(remarks):
    remarks.add(NIGHT, 1, None, NASTY, NASTY)
    row = remarks.table().iloc[0]
    assert row.note == row.who == '<img src=x onerror=alert(1)> "quoted" =HYPERLINK("http://a")'
    assert len(remarks.file.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("P999-night1", 0, "W"), "no recording"), ((NIGHT, 99, "W"), "no clip 99"), ((NIGHT, 0, "N4"), "'N4'"),
        ((NIGHT, 0), "neither label nor note"), ((NIGHT, 0, None, " \n"), "neither"), ((NIGHT, 0, "W", "", " "), "who"),
        ((NIGHT, 0, None, "x" * 2001), "longer than 2,000"), (("../../x", 0, "W"), "no recording"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_written(remarks, arguments, words):
    with pytest.raises(SacdError, match=words):
        remarks.add(*arguments)
    assert not remarks.file.exists()


def test_a_table_that_cannot_be_written_or_read_says_so(remarks):
    remarks.file.mkdir()
    with pytest.raises(SacdError, match="cannot be written"):
        remarks.add(NIGHT, 0, "W")
    remarks.file.rmdir()
    remarks.file.write_text("when\twho\n1\t2\n")
    with pytest.raises(SacdError, match=f"{FILE}: no column recording_id"):
        remarks.table()


def test_the_latest_label_counts_and_kappa_is_over_clips_that_both_called_a_stage(remarks):
    clips = Cohort.open(remarks.file.parent)[NIGHT].clips
    rng = np.random.default_rng(1)
    said = rng.choice(len(STAGES), len(clips))
    for clip, code in zip(clips["clip"], said, strict=True):
        remarks.add(NIGHT, clip, STAGES[(code + 1) % 5], who="AB")
        remarks.add(NIGHT, clip, STAGES[code], who="AB")
    remarks.add(NIGHT, 0, "artefact", who="CD")
    scored = clips["stage"].to_numpy() >= 0
    (row,) = remarks.agreement().to_dict("records")  # of an artefact there is no agreement
    assert (row["who"], row["recordings"], row["clips"]) == ("AB", 1, scored.sum())
    assert row["kappa"] == pytest.approx(cohen_kappa_score(clips["stage"][scored], said[scored]))
    assert row["agreement"] == pytest.approx((clips["stage"][scored] == said[scored]).mean())
    assert len(remarks.labels()) == len(clips) + 1


def test_nothing_said_is_an_empty_table(remarks):
    assert remarks.table().empty and remarks.agreement().empty and remarks.labels().empty


def test_csv_holds_onset_and_scoring_and_no_formula(remarks, tmp_path):
    remarks.add(NIGHT, 4, "REM", "=1+1", "@AB")
    remarks.add(NIGHT, 5, None, '<b>"x", y</b>', "AB")
    remarks.export_csv(tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as stream:
        first, second = csv.DictReader(stream)
    stage = Cohort.open(remarks.file.parent)[NIGHT].clips["stage"][4]
    assert first["scored"] == (STAGES[stage] if stage >= 0 else "n/a") and float(first["onset"]) == 120
    assert (first["note"], first["who"], first["label"]) == ("'=1+1", "'@AB", "REM")
    assert second["note"] == '<b>"x", y</b>'
    with pytest.raises(SacdError, match="cannot be written"):
        remarks.export_csv(tmp_path / "nowhere" / "out.csv")


def test_edf_is_read_back_as_the_scoring_that_the_reader_made(remarks, tmp_path):
    labels = [STAGES[clip % 5] for clip in range(12)]
    for clip, label in enumerate(labels):
        remarks.add(NIGHT, clip, label, "Sleep stage W" if clip == 3 else "", who="AB")  # a note is no stage
    remarks.export_edf(tmp_path / "out.edf", NIGHT)
    scoring = read_scoring(tmp_path / "out.edf", datetime(1985, 1, 1))
    assert scoring.onset_s == 0 and [STAGES[code] for code in scoring.stages] == labels
    header = (tmp_path / "out.edf").read_bytes()[:256]
    assert header[8:88].decode().split() == ["X", "X", "X", "X"] and header[192:197] == b"EDF+C"


def test_edf_begins_where_the_recording_does_to_the_fraction_of_a_second(remarks, tmp_path):
    table = remarks.file.parent / "recordings.tsv"
    rows = pd.read_csv(table, sep="\t", keep_default_na=False)
    rows.assign(start="2024-03-01T22:30:10.400000").to_csv(table, sep="\t", index=False)
    dated = Remarks(remarks.file.parent)
    dated.add(NIGHT, 0, "N2", who="AB")
    dated.export_edf(tmp_path / "out.edf", NIGHT)
    assert read_scoring(tmp_path / "out.edf", datetime(2024, 3, 1, 22, 30)).onset_s == pytest.approx(10.4)


def test_edf_is_of_one_reader(remarks, tmp_path):
    with pytest.raises(SacdError, match="no remark of anybody"):
        remarks.export_edf(tmp_path / "out.edf", NIGHT)
    remarks.add(NIGHT, 0, "artefact", "é →", who="AB")
    remarks.add(NIGHT, 1, "N2", who="CD")
    with pytest.raises(SacdError, match="AB, CD; name one"):
        remarks.export_edf(tmp_path / "out.edf", NIGHT)
    remarks.export_edf(tmp_path / "out.edf", NIGHT, who="AB")
    text = (tmp_path / "out.edf").read_bytes()
    assert b"Artefact" in text and "Remark: é →".encode() in text and b"Sleep stage" not in text


def test_every_stage_and_the_artefact_are_labels():
    assert set(LABELS) == {*STAGES, "artefact"}
    assert pd.Index(LABELS).is_unique
