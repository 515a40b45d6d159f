"""What tells who somebody is: found wherever it was planted, in one line that does not repeat it."""

import datetime
import json
import zlib

import av
import edfio
import numpy as np
import pandas as pd
import pytest
from conftest import clip_table, raw_arrays, raw_info
from recording_folders import make_source
from typer.testing import CliRunner

from sacd.cli import app
from sacd.cohort.extras import Extras
from sacd.cohort.privacy import DATES, KEPT, SHIFTED, check_privacy
from sacd.cohort.traces import Identifier
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.ingest.identifiers import identifiers_of

NAME = Identifier("a patient's name", "Müller_Zoë", "psg.edf")
START = "2024-03-08T22:30:00"


@pytest.fixture
def path(tmp_path):
    """A cohort of one real night with an event, moved dates and no more than the format has."""
    path = tmp_path / "cohort"
    events = pd.DataFrame({"onset": [3.0], "duration": [2.0], "type": ["arousal"]})
    with CohortWriter(path, raw_info(simulated=False)) as writer:
        writer.add_participant("P1", "female", 40, 70, 7.5)
        writer.add_recording(
            "P1_a", "P1", clip_table(4), **raw_arrays(4), start=START, channel="C4-M1",
            provenance={DATES: SHIFTED, "psg_sha256": "0" * 64}, extras=Extras(events=events),
        )
    return path


def only(faults, *words):
    """The one fault: it has these words, is one line, and does not repeat a name."""
    assert len(faults) == 1 and all(word in faults[0] for word in words), faults
    assert "\n" not in faults[0] and "Zoë" not in faults[0]


def append(file, text):
    file.write_bytes(file.read_bytes() + text.encode())


def test_a_cohort_as_ingest_writes_it_holds_nothing(path):
    assert check_privacy(path, identifiers=[NAME]) == []


@pytest.mark.parametrize(("what", "kind"), [
    ("zoe.q@clinic.example.org", "e-mail"), ("/home/zoe/x", "a file path"), (r"C:\Users\zoe\x", "a file path"),
    ("Mueller.edf", "recording's file"), ("2024-03-01", "a date"), ("1.3.2024", "a date"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["cohort.json", "recordings/P1_a/recording.json"])
def test_text_in_provenance(path, name, what, kind):
    content = json.loads((path / name).read_text())
    content["provenance"]["note"] = what
    (path / name).write_text(json.dumps(content))
    only(check_privacy(path), name, kind)


@pytest.mark.parametrize("text", ["müller zoë", "MÜLLER_ZOË", json.dumps("Müller_Zoë"), "M&#252;ller Zo&#235;"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le"])
def test_a_name_however_it_is_written(path, tmp_path, text, encoding):
    report = tmp_path / "page.html"
    report.write_bytes(b"<p>\n" + text.encode(encoding) + b"</p>")
    only(check_privacy(path, [report], identifiers=[NAME]), "page.html", "a patient's name of psg.edf", "line 2")


def test_a_part_of_a_word_or_of_a_number_is_nobody(path, tmp_path):
    (tmp_path / "page.html").write_text("Anthology 0.12345 912345")
    known = [Identifier("a name", "Anth", "x"), Identifier("a record number", "12345", "x")]
    assert check_privacy(path, [tmp_path / "page.html"], identifiers=known) == []


def test_runs_tables_and_pdfs_are_searched(path, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    pd.DataFrame({"recording_id": ["Müller Zoë"], "clip": [1]}).to_parquet(run / "predictions.parquet")
    text = zlib.compress("(Müller Zoë) Tj".encode("latin-1"))
    (run / "page.pdf").write_bytes(b"%PDF\nstream\n" + text + b"\nendstream")
    (run / "weights.safetensors").write_bytes(b"\x00\x01" + "Müller_Zoë".encode() + b"\xff")
    faults = check_privacy(path, runs=[run], identifiers=[NAME])
    assert [fault.split(":")[0].rsplit("/", 1)[1] for fault in faults] == sorted(entry.name for entry in run.iterdir())


def test_dates_that_were_not_moved(path):
    file = path / "recordings" / "P1_a" / "recording.json"
    content = json.loads(file.read_text())
    content["provenance"][DATES] = KEPT
    file.write_text(json.dumps(content))
    only(check_privacy(path), "recordings.tsv", "the dates of 1 recordings were not moved")
    content["provenance"][DATES] = SHIFTED
    file.write_text(json.dumps(content))
    night = Identifier("the date of a night", START[:10], "psg.edf")
    assert check_privacy(path, identifiers=[night]) == []  # by chance another night's date, moved


def test_columns_words_and_files_that_a_cohort_has_not(path):
    table = pd.read_csv(path / "participants.tsv", sep="\t").assign(surname="Zoë")
    table.to_csv(path / "participants.tsv", sep="\t", index=False)
    only(check_privacy(path), "participants.tsv", "column 7")
    table.drop(columns="surname").assign(sex="Zoë, f").to_csv(path / "participants.tsv", sep="\t", index=False)
    only(check_privacy(path), "participants.tsv", "free text")
    table.drop(columns="surname").to_csv(path / "participants.tsv", sep="\t", index=False)
    night = path / "recordings" / "P1_a"
    (night / "Zoë.txt").write_text("x")
    only(check_privacy(path), "P1_a", "no part of a cohort (1 files")
    (night / "Zoë.txt").unlink()
    (path / "clocks").mkdir()
    (path / "clocks" / "P1_a.png").write_bytes(b"")
    assert check_privacy(path) == []
    (path / "clocks" / "Zoë.png").write_bytes(b"")
    only(check_privacy(path), "clocks", "no part of a cohort (1 files")
    (path / "clocks" / "Zoë.png").unlink()
    append(night / "events.tsv", "1.0\t2.0\tpatient Zoë asks for water\n")
    only(check_privacy(path), "events.tsv", "1 events are free text")
    pd.read_parquet(night / "clips.parquet").assign(note="Zoë").to_parquet(night / "clips.parquet")
    assert any("1 columns hold text" in fault for fault in check_privacy(path))
    (path / "remarks.tsv").write_text("when\twho\trecording_id\tclip\tlabel\tnote\nt\tZoë\tP1_a\t1\tn/a\tx\n")
    assert any("remarks.tsv" in fault and "readers' names" in fault for fault in check_privacy(path))


def test_what_a_preview_says_beside_its_pictures(path):
    file = path / "recordings" / "P1_a" / "preview.webm"
    for tags, found in (({}, 0), ({"title": "Zoë"}, 1)):
        with av.open(file, "w") as container:
            container.metadata.update(tags)
            stream = container.add_stream("libvpx", rate=2)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16), np.uint8), format="gray")))
            container.mux(stream.encode())
        faults = check_privacy(path)
        assert len(faults) == found
    only(faults, "preview.webm", "title")


def write_patient(file, **patient):
    signal = edfio.EdfSignal(np.sin(np.arange(256)), 128, label="EEG C3-A2", physical_dimension="uV")
    edfio.Edf([signal], patient=edfio.Patient(**patient)).write(file)


def test_what_the_files_of_a_source_say(tmp_path):
    write_patient(
        tmp_path / "a.edf", code="MCH-0234567", sex="F", birthdate=datetime.date(1951, 5, 2), name="Haagse_Henriette"
    )
    write_patient(tmp_path / "b.edf", name="X")
    (tmp_path / "scoring.xml").write_text("<A><PatientName>Eva Brandt</PatientName><Name>Hypopnea</Name></A>")
    (tmp_path / "participants.tsv").write_bytes("participant_id\tname\tMRN\nP1\tJörg Quandt\tK-4711\n".encode("utf-16"))
    (tmp_path / "side.json").write_text('{"a": [{"BirthDate": "1960-01-31", "Name": "a data set"}]}')
    said = {(one.kind, one.text) for one in identifiers_of(tmp_path)}
    assert {
        ("a record number", "MCH-0234567"), ("a record number", "K-4711"), ("a birth date", "1951-05-02"),
        ("a birth date", "02.05.1951"), ("a birth date", "31.01.1960"), ("a patient's name", "Haagse_Henriette"),
        ("a patient's name", "Henriette"), ("a patient's name", "Eva Brandt"), ("a patient's name", "Jörg Quandt"),
        ("the name of a source's file", "a.edf"),
    } <= said  # fmt: skip
    assert not {"X", "F", "Hypopnea", "a data set", "P1"} & {text for _, text in said}


def test_a_source_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "scoring.xml").write_text("<A>")
    with pytest.raises(SacdError, match="scoring.xml: .*search without it"):
        identifiers_of(tmp_path)
    with pytest.raises(SacdError, match="nowhere: not found"):
        identifiers_of(tmp_path / "nowhere")


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("SACD_RUNS", str(tmp_path / "runs"))
    source, path = make_source(tmp_path / "source", stages=("W", "N2")), tmp_path / "cohort"
    run = CliRunner().invoke
    assert run(app, ["ingest", str(source), str(path), "--frames", "1", "--size", "4"]).exit_code == 0
    command = ["check", str(path), "--privacy", "--source", str(source), "--reports", str(tmp_path)]
    clean = run(app, command)
    assert clean.exit_code == 0 and "nothing found: 1 recordings" in clean.stdout, clean.output
    (tmp_path / "nights").mkdir()
    (tmp_path / "nights" / "P1_a.html").write_text("<p>Zebediah Quux</p>")
    found = run(app, command)
    assert found.exit_code == 1
    assert [line for line in found.stdout.splitlines() if line not in clean.stdout] == [
        f"{tmp_path}/nights/P1_a.html: holds a patient's name of P1_a/psg.edf (line 1); "
        "remove it, or make the file again without it"
    ]
    assert "Quux" not in clean.stdout + found.stdout
    assert "--privacy" in str(run(app, ["check", str(path), "--source", str(source)]).stderr)
