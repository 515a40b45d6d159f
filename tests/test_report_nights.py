"""`sacd predict`: files of a video, of a folder, of a cohort; refusals of one line; nothing half-written."""

from pathlib import Path

import pandas as pd
import pytest
import recording_folders as made
from tiny import make_cohort
from typer.testing import CliRunner

from sacd.cli import app
from sacd.runs.execute import execute
from sacd.runs.kinds.student import StudentRun
from sacd.runs.store import RunStore
from sacd.training.config import ModelConfig, TrainingConfig

CONFIG = StudentRun(
    model=ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 4}),
    training=TrainingConfig(steps=2, batch=16, optimizer="adamw", lr=0.01, validate_every=1, normalise="clip-mean"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Folder of a student on video."""
    folder = tmp_path_factory.mktemp("trained")
    return execute(CONFIG, make_cohort(folder / "cohort", train=6, test=2), RunStore(folder / "runs"))


def predict(*words: object):
    return CliRunner().invoke(app, ["predict", *map(str, words)])


def test_a_video_alone(trained, tmp_path):
    file = tmp_path / "Zebediah_Quux.mp4"
    made.write_video(file, 100)
    result = predict(file, "--run", trained, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = sorted((tmp_path / "out").iterdir())
    assert [part.suffix for part in written] == [".csv", ".html", ".pdf"] and len({part.stem for part in written}) == 1
    table = pd.read_csv(written[0])
    assert table.onset.tolist() == [0, 30, 60] and set(table.stage) <= {"W", "N1", "N2", "N3", "REM"}
    assert table[["p_W", "p_N1", "p_N2", "p_N3", "p_REM"]].sum(axis=1).to_list() == pytest.approx([1, 1, 1], abs=1e-3)
    text = written[1].read_text()
    assert "NOT VALID FOR THIS PERSON" in text and "a partial night" in text and "Quux" not in text
    assert written[2].read_bytes()[:5] == b"%PDF-" and b"Quux" not in written[2].read_bytes()
    assert result.stdout.splitlines()[-1] == f"{file}: {written[1]}"


def test_a_cohort(trained, tmp_path):
    cohort = trained.parents[1] / "cohort"
    result = predict(cohort, "--run", trained, "--out", tmp_path, "--decision", "argmax")
    assert result.exit_code == 0, result.output
    assert len(list(tmp_path.glob("*.pdf"))) == 8
    page = (tmp_path / "P07n1.html").read_text()
    assert "5 classes" in page and "NOT VALID" not in page and "tiny (simulated)" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.mp4"], "nothing.mp4: not found"),
        (["v.mp4", "--decision", "guess"], "decision 'guess' is unknown"),
        (["v.mp4", "--lights-off", "10"], "name both"),
        (["v.mp4", "--lights-off", "10", "--lights-on", "5"], "off first"),
        (["v.mp4", "--calibration", "nothing"], "is not a cohort"),
        (["text.mp4"], "does not decode"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(trained, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    made.write_video(tmp_path / "v.mp4", 40)
    (tmp_path / "text.mp4").write_text("no video")
    result = predict(*words, "--run", trained, "--out", tmp_path / "out")
    assert result.exit_code == 1 and said in result.stderr and result.stderr.count("\n") == 1, result.output
    assert not (tmp_path / "out").exists()


def test_a_page_that_fails_leaves_no_file(trained, tmp_path, monkeypatch):
    made.write_video(tmp_path / "v.mp4", 40)
    monkeypatch.setattr("sacd.report.nights.html", lambda report: (_ for _ in ()).throw(OSError(28, "No space left")))
    result = predict(tmp_path / "v.mp4", "--run", trained, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_no_such_run(tmp_path):
    result = predict(tmp_path, "--run", "student-kd-0")
    assert result.exit_code == 1 and "no finished run" in result.stderr
