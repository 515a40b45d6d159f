"""The command line: help at once, one line for people, exit codes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from recording_folders import make_source
from tiny import make_cohort as make_tiny
from typer.testing import CliRunner

from sacd.cli import app
from sacd.cohort import Cohort
from sacd.exceptions import SacdError

COMMANDS = (
    "simulate", "ingest", "region", "check", "train", "finetune", "pretrain", "predict", "report", "runs", "lab",
    "clinic",
)


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


def test_help_answers_at_once():
    """Under half a second, of the fastest of three: the machine may be busy."""
    seconds = []
    for _ in range(3):
        begun = time.monotonic()
        result = subprocess.run([sys.executable, "-m", "sacd", "--help"], capture_output=True, text=True, check=True)
        seconds.append(time.monotonic() - begun)
    assert min(seconds) < 0.5
    assert all(name in result.stdout for name in COMMANDS)


def test_help_imports_nothing_heavy():
    script = "import sys; from sacd.cli import app; app(['report', '--help'], standalone_mode=False); "
    script += "print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.splitlines()[-1].split())
    assert "sacd.cli" in loaded
    assert not loaded & {"torch", "numpy", "pandas", "mne", "matplotlib", "papermill"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output and f"    sacd {command}" in result.output


def test_check_says_how_many(run, make_cohort):
    result = run("check", make_cohort(participants=3, clips=8))
    assert (result.exit_code, result.stdout) == (0, "no faults: 3 recordings, 24 clips\n")


def test_check_lists_every_fault(run, make_cohort):
    path = make_cohort()
    for night in ("P000-night1", "P002-night1"):
        (path / "recordings" / night / "video.npy").unlink()
    result = run("check", path)
    assert result.exit_code == 1
    assert [line.split(": ")[1] for line in result.stdout.splitlines()] == 2 * [
        "file is missing; restore it or ingest the recording again"
    ]


def test_errors_for_people_are_one_line(tmp_path):
    command = [sys.executable, "-m", "sacd", "train", str(tmp_path / "nothing")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.count("\n") == 1 and "is not a cohort" in result.stderr


def test_bugs_keep_their_traceback(run, monkeypatch, make_cohort):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sacd.cohort.check.check", broken)
    assert isinstance(run("check", make_cohort()).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SacdError("file: bad\nnews; mend it"), 1, "sacd: file: bad news; mend it\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "a/b"), 1, "sacd: a/b: Permission denied; correct its permissions\n"),
        (OSError(28, "No space left on device"), 1, "sacd: No space left on device; free space\n"),
    ],
)
def test_exit_codes(run, monkeypatch, make_cohort, error, code, words):
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sacd.cohort.check.check", stop)
    result = run("check", make_cohort())
    assert result.exit_code == code
    assert words in result.stderr and result.stderr.count("\n") == 1


def test_fewer_test_participants_than_whole_nights_by_default(run, tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("sacd.simulate.simulated_cohort.simulate", lambda out, **how: made.append(how["nights"]))
    for test, *more in ((3,), (24,), (9, "--nights", 1)):
        run("simulate", tmp_path / "x", "--test", test, *more)
    assert made == [3, 4, 1]


def test_what_no_terminal_can_write_is_written_otherwise(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sacd.cohort.check.check", lambda folder, progress: ["P1/n\udce4me.edf: is broken; repair it"])
    result = run("check", tmp_path)
    assert result.exit_code == 1 and "n\\udce4me.edf: is broken" in result.output


def test_simulate_then_check(run, tmp_path):
    out = tmp_path / "tiny"
    result = run("simulate", out, "--train", 1, "--test", 1, "--nights", 0, "--frames", 4, "--size", 8, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert "tiny (simulated): 2 participants, 2 recordings, 200 clips" in result.stdout
    assert run("check", out).stdout == "no faults: 2 recordings, 200 clips\n"
    again = run("simulate", out, "--train", 1, "--test", 1, "--nights", 0, "--frames", 4, "--size", 8, "--seed", 4)
    assert again.exit_code == 1 and str(out) in again.stderr


def test_a_value_that_is_none_is_one_line(run, make_cohort):
    result = run("train", make_cohort(participants=6), "--option", "structure", "[")
    assert result.exit_code == 1 and "structure '[' is no value" in result.stderr and result.stderr.count("\n") == 1


def test_simulate_goes_on_with_the_raw_nights(run, tmp_path, monkeypatch):
    out = tmp_path / "tiny"
    wanted = ("simulate", out, "--train", 1, "--test", 1, "--nights", 0, "--frames", 4, "--size", 8)
    assert run(*wanted).exit_code == 0
    told = []

    def write(folder, participants, coupling, progress):
        (shown,) = participants
        told.append((folder, shown.participant_id, coupling.name))
        progress(0.5, "T0001-night1")
        folder.mkdir()

    monkeypatch.setattr("sacd.simulate.raw.write_raw_nights", write)
    result = run(*wanted, "--raw", 1)
    assert result.exit_code == 0, result.output
    assert told == [(out / "raw", "T0001", "medium")]
    again = run(*wanted)
    assert again.exit_code == 1 and "this very cohort is there already" in again.stderr


def test_simulate_refuses_in_one_line(run, tmp_path):
    result = run("simulate", tmp_path / "x", "--train", 1, "--test", 1, "--nights", 2)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("fold", ["1", "1/", "a/b", "-1/4", "4/4"])
def test_bad_folds(run, make_cohort, fold):
    result = run("train", make_cohort(participants=6), "--fold", fold)
    assert result.exit_code == 1 and "fold" in result.stderr and result.stderr.count("\n") == 1


def test_teacher_for_an_objective_without(run, make_cohort):
    result = run("train", make_cohort(participants=6), "--objective", "ce", "--teacher", "attnsleep")
    assert result.exit_code == 1 and "objective ce has no teacher" in result.stderr


def test_budget_above_half(run, make_cohort):
    result = run("train", make_cohort(participants=6), "--labelled", 4)
    assert result.exit_code == 1 and "above half" in result.stderr


def test_train_then_runs(run, tmp_path):
    path = make_tiny(tmp_path / "tiny", features=True).path
    options = ("--profile", "smoke", "--objective", "kd", "--labelled", 4, "--steps", 4, "--option", "temperature", 2)
    result = run("train", path, *options)
    assert result.exit_code == 0, result.output
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert (told["status"], told["steps"], told["protocol"], told["labelled"]) == ("done", "4", "few-label", "4")
    assert "temperature=2" in told["method"] and 0 <= float(told["test_accuracy"]) <= 1
    listed = run("runs", "--cohort", path).stdout
    assert told["run_id"] in listed and "teacher-" in listed
    begun = (Path(told["path"]) / "DONE").stat().st_mtime_ns
    assert run("train", path, *options).exit_code == 0
    assert (Path(told["path"]) / "DONE").stat().st_mtime_ns == begun, "a finished run is opened, not trained again"


def test_runs_of_nothing(run, make_cohort):
    path = make_cohort()
    result = run("runs", "--cohort", path)
    assert (result.exit_code, result.stdout) == (0, f"no runs in {path.parent / 'runs'}\n")


def test_report_pairs(run):
    result = run("report", "--profile", "smoke", "-p", "alone")
    assert result.exit_code == 1 and "'alone' has no value" in result.stderr
    result = run("report", "--profile", "smoke", "-p", "no_such_name", "1")
    assert result.exit_code == 1 and "parameter 'no_such_name' is in no chosen notebook" in result.stderr
    result = run("report", "--profile", "smoke", "-p", "cohort=x")
    assert result.exit_code == 1 and "--cohort" in result.stderr
    assert run("report", "--profile", "huge").exit_code == 1


def test_ingest_cuts_frames_over_a_span(run, tmp_path):
    source = make_source(tmp_path / "source")
    for name, span in (("spread", "30"), ("consecutive", "1.6")):
        result = run("ingest", source, tmp_path / name, "--frames", 4, "--span", span)
        assert result.exit_code == 0, result.output
    spread, consecutive = (Cohort.open(tmp_path / name) for name in ("spread", "consecutive"))
    assert (spread.info.sampling.span_s, consecutive.info.sampling.span_s) == (30, 1.6)
    assert spread.info.source_id == consecutive.info.source_id
    assert run("ingest", source, tmp_path / "none", "--span", "31").exit_code != 0 and not (tmp_path / "none").exists()


def test_ingest_says_what_became_of_each_night(run, tmp_path):
    source, out = make_source(tmp_path / "source", ("P1_a", "P2"), ("W", "N2")), tmp_path / "out"
    (source / "P2" / "video.mp4").unlink()
    options = ("--frames", 2, "--size", 8, "--scoring-clock", "time of day", "--sync")
    refused = run("ingest", source, out, *options)
    assert refused.exit_code == 1 and "P2 has no video" in refused.stderr and "--keep-going" in refused.stderr
    assert not out.exists()
    result = run("ingest", source, out, *options, "--keep-going")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any(line.startswith("P1_a") and "C3-M2" in line for line in lines)
    assert any(line.startswith("P2: skipped: ") and "has no video" in line for line in lines)
    assert (out / "ingest.tsv").is_file() and (out / "clocks" / "P1_a.png").is_file()
    assert any(line.startswith("P1_a: the camera's clock cannot be told") and "hour" in line for line in lines)
    drawn = run("region", source / "P1_a" / "video.mp4", "--out", tmp_path / "bed.png", "--region", "0.1,0.2,0.5,0.5")
    assert drawn.exit_code == 0 and drawn.stdout.startswith("--region 0.100,0.200,0.500,0.500")
    assert (tmp_path / "bed.png").stat().st_size > 1000
