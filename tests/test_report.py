"""The report: statuses, what is kept, pages that ask no network, and a previous report that survives everything."""

import base64
import errno
import json
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tiny import make_cohort as make_tiny
from typer.testing import CliRunner

from sacd import experiments, runs
from sacd.cli import app
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments import Chapter
from sacd.experiments.companions import Companion
from sacd.experiments.profile import load_profile
from sacd.locks import alone
from sacd.report import html as pages
from sacd.report import job as jobs
from sacd.report import notebook as notebooks
from sacd.report import plan as plans
from sacd.report import report
from sacd.report.folder import Entry, Folder
from sacd.report.notebook import Notebook, Outcome
from sacd.runs.identity import run_id
from sacd.runs.store import RunStore
from sacd.simulate.beside import is_whole, place_beside
from sacd.simulate.planned import array_bytes
from sacd.simulate.simulated_cohort import simulate
from sacd.training.config import TRAINING_VERSION

GOOD = """
import os, sys
import matplotlib.pyplot as plt
import pandas as pd
import plotly.graph_objects as go
from IPython.display import HTML, display
assert sys.executable == EXECUTABLE and os.environ["OMP_NUM_THREADS"] == "1", sys.executable
plt.plot([1, 2]); plt.title("simulated"); plt.show()
display(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])))
display(HTML('<a href="https://example.org/x">a link</a><img src="//example.org/y.png">'))
print("seed", seed, file=sys.stderr)
"""
NOT_APPLICABLE = "from sacd.exceptions import NotApplicable\nraise NotApplicable('no AHI here')"
TABLE = "pd.DataFrame({'method': ['CE <b>'], 'accuracy': [0.5 + seed]})"


def cell(source, *tags):
    return nbformat.v4.new_code_cell(source.strip(), metadata={"tags": list(tags)})


def write_notebook(folder, name, *cells):
    start = cell("cohort = ''\nprofile = 'laptop'\nseed = 0", "parameters")
    words = "# Title\n\nSee <https://example.org/paper> and $\\lambda_1$ ![](http://example.org/z.png)"
    text = nbformat.v4.new_markdown_cell(words)
    folder.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[text, start, *cells]), folder / f"{name}.ipynb")


def no_runs(cohort, profile):
    return []


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A root with a cohort and five small notebooks, each ending in another way."""
    root = tmp_path / "root"
    root.mkdir()
    make_tiny(root / "data" / "tiny", features=True)
    folder = root / "notebooks"
    good = GOOD.replace("EXECUTABLE", repr(sys.executable))
    write_notebook(folder, "01_good", cell(good), cell(TABLE, "summary"))
    write_notebook(folder, "02_bad", cell("print('before')"), cell("raise ValueError('first\\nlast line')"))
    write_notebook(folder, "03_no_ahi", cell(NOT_APPLICABLE))
    write_notebook(folder, "04_needs_video", cell("1 / 0"))
    write_notebook(folder, "05_dies", cell("import os\nos._exit(1)"))
    chapters = [
        Chapter("01_good", "Good", no_runs), Chapter("02_bad", "Bad", no_runs), Chapter("03_no_ahi", "AHI", no_runs),
        Chapter("04_needs_video", "Video", no_runs, lambda cohort: "no raw video"), Chapter("05_dies", "Dies", no_runs),
    ]
    monkeypatch.setattr(report, "ROOT", root)
    monkeypatch.setattr(experiments, "CHAPTERS", {chapter.name: chapter for chapter in chapters})
    return root


def write(root, **options):
    prepared = report.Report("smoke", root / "data" / "tiny", out=root / "out", **options)
    return {entry.name: entry for entry in prepared.write()}


FETCHING = ("src", "href", "srcset", "action", "poster", "data")


class Addresses(HTMLParser):
    """Collects every attribute that makes a browser fetch something or go somewhere."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in FETCHING and value]


def addresses(page):
    parser = Addresses()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.found


def run_cli(root, *options):
    cohort, out = root / "data" / "tiny", root / "out"
    command = ["report", "--profile", "smoke", "--cohort", str(cohort), "--out", str(out), *options]
    return CliRunner().invoke(app, command)


def test_a_whole_report(bench):
    result = run_cli(bench)
    assert result.exit_code == 1, result.output
    manifest = json.loads((bench / "out" / "report.json").read_text())["entries"]
    assert {name: (entry["status"], entry["reason"]) for name, entry in manifest.items()} == {
        "01_good": ("done", ""),
        "02_bad": ("failed", "ValueError: last line"),
        "03_no_ahi": ("not applicable", "no AHI here"),
        "04_needs_video": ("not applicable", "no raw video"),
        "05_dies": ("failed", manifest["05_dies"]["reason"]),
    }
    assert "Kernel died" in manifest["05_dies"]["reason"]
    index = (bench / "out" / "index.html").read_text(encoding="utf-8")
    for words in (
        "tiny (simulated)", "<strong>simulated</strong>", "ValueError: last line", "no raw video", "CE &lt;b&gt;",
        'src="01_good.png"', "torch", "0.5",
    ):
        assert words in index, words
    assert not (bench / "out" / "04_needs_video.html").exists()
    page = (bench / "out" / "01_good.html").read_text(encoding="utf-8")
    for words in ("Plotly.newPlot(", "data:image/png;base64,", "a link", "$\\lambda_1$", "is <strong>simulated"):
        assert words in page, words
    page = (bench / "out" / "02_bad.html").read_text(encoding="utf-8")
    assert "before" in page and "last line" in page
    assert Image.open(bench / "out" / "01_good.png").width <= pages.THUMBNAIL_WIDTH
    assert sorted(entry.name for entry in bench.iterdir() if "lock" not in entry.name) == ["data", "notebooks", "out"]
    for file in (bench / "out").glob("*.html"):
        found = addresses(file)
        assert not [address for address in found if re.match(r"(?i)\s*([a-z+]*:)?//|\s*(https?|ftp):", address)]
        local = [address for address in found if not address.startswith(("data:", "#"))]
        assert all((bench / "out" / address.split("#")[0]).exists() for address in local)
        assert "default-src 'self' file:" in file.read_text(encoding="utf-8")


@pytest.fixture
def executions(bench, monkeypatch):
    """Names of the notebooks that were executed; a quick stand-in takes the kernels' place."""
    names = []

    def execute_all(due, folder):
        for name, (_, parameters) in due.items():
            names.append(name)
            words = nbformat.v4.new_markdown_cell(f"seed {parameters.get('seed')}")
            content = nbformat.v4.new_notebook(cells=[words])
            nbformat.write(content, folder / f"{name}.ipynb")
        others = {
            "02_bad": Outcome("failed", "ValueError: x", 0.1),
            "03_no_ahi": Outcome("not applicable", "put it there", 0.1),
        }
        return {name: others.get(name, Outcome("done", "", 2.0)) for name in due}

    monkeypatch.setattr(report, "execute_all", execute_all)
    return names


def test_what_is_unchanged_is_kept(bench, executions):
    first = write(bench, only=["01", "02", "04"], parameters={"seed": 1})
    assert executions == ["01_good", "02_bad"] and not first["01_good"].kept
    again = write(bench, only=["01", "02", "04"], parameters={"seed": 1})
    assert executions == ["01_good", "02_bad", "02_bad"], "what failed is tried again"
    assert again["01_good"].kept and again["01_good"].executed == first["01_good"].executed
    assert "kept from" in (bench / "out" / "index.html").read_text()
    assert "seed 1" in (bench / "out" / "01_good.html").read_text()


def test_a_chapter_not_asked_for_stays_while_current(bench, executions):
    write(bench, only=["01"])
    assert write(bench, only=["03"])["01_good"].kept
    participants = bench / "data" / "tiny" / "participants.tsv"
    participants.write_text(participants.read_text().replace("\tM\t", "\tF\t"))
    assert "01_good" not in write(bench, only=["04"])
    write(bench, only=["01"])
    assert executions == ["01_good", "03_no_ahi", "01_good"]


def test_what_was_not_applicable_is_tried_again_when_asked_for(bench, executions):
    assert write(bench, only=["03"])["03_no_ahi"].reason == "put it there"
    assert write(bench, only=["01"])["03_no_ahi"].kept, "it was not asked for"
    assert not write(bench, only=["03"])["03_no_ahi"].kept, "what it missed may be there now"
    assert executions == ["03_no_ahi", "01_good", "03_no_ahi"]


@pytest.mark.parametrize("lock", ["out", "data/runs/tiny"])
def test_a_second_report_waits_before_it_trains(bench, executions, monkeypatch, capsys, lock):
    trained = []
    monkeypatch.setattr(runs, "ensure_all", lambda parts, store: trained.append(len(parts)) or [])
    second = threading.Thread(target=write, args=(bench,), kwargs={"only": ["01"]})
    with alone(bench / lock, "writes a report"):
        second.start()
        second.join(1)
        assert second.is_alive() and trained == executions == []
    second.join(30)
    assert trained == [0] and executions == ["01_good"]
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if "another process" in line and line.endswith("waiting for it")] == told[:1]
    assert not list(bench.rglob(".*.lock"))


@pytest.mark.parametrize("change", ["parameter", "notebook", "cohort", "profile", "run"])
def test_what_changed_is_executed_again(bench, executions, monkeypatch, change):
    options = {"only": ["01"], "parameters": {"seed": 0}}
    write(bench, **options)
    if change == "parameter":
        options["parameters"] = {"seed": 2}
    elif change == "notebook":
        write_notebook(bench / "notebooks", "01_good", cell("1 + 1"))
    elif change == "cohort":
        participants = bench / "data" / "tiny" / "participants.tsv"
        participants.write_text(participants.read_text().replace("\tM\t", "\tF\t"))
    elif change == "profile":
        other = load_profile("smoke").model_copy(update={"embedding_clips": 17})
        monkeypatch.setattr(report, "load_profile", lambda name: other)
    else:
        monkeypatch.setitem(experiments.CHAPTERS, "01_good", Chapter("01_good", "Good", one_student))
        monkeypatch.setattr(runs, "ensure_all", failing)
    write(bench, **options)
    assert executions == ["01_good", "01_good"]


def one_student(cohort, profile):
    return [experiments.student(cohort, profile, "ce", "paper", 0, None, raw=False)]


def failing(parts, store):
    return [_rows(cohort, configs, "failed", "loss is NaN") for cohort, configs in parts]


def _rows(cohort, configs, status, error=""):
    return pd.DataFrame([
        {"status": status, "error": error, "run_id": run_id(config, cohort)} for config in configs
    ])


def test_failed_runs_are_shown(bench, executions, monkeypatch):
    monkeypatch.setattr(runs, "ensure_all", failing)
    monkeypatch.setitem(experiments.CHAPTERS, "01_good", Chapter("01_good", "Good", one_student))
    result = run_cli(bench, "--only", "01")
    assert result.exit_code == 1 and "loss is NaN" in result.stdout
    entry = json.loads((bench / "out" / "report.json").read_text())["entries"]["01_good"]
    assert entry["status"] == "done" and entry["runs"] == 1 and "loss is NaN" in entry["failed_runs"][0]
    assert "loss is NaN" in (bench / "out" / "index.html").read_text()


def test_a_chapter_whose_runs_are_impossible_fails_alone(bench, executions, monkeypatch):
    def impossible(cohort, profile):
        raise SacdError("a budget above half")

    monkeypatch.setitem(experiments.CHAPTERS, "02_bad", Chapter("02_bad", "Bad", impossible))
    entries = write(bench, only=["01", "02"])
    assert (entries["02_bad"].status, entries["02_bad"].reason) == ("failed", "a budget above half")
    assert entries["01_good"].status == "done" and executions == ["01_good"]


def test_plan(bench, monkeypatch):
    def two(cohort, profile):
        return [experiments.student(cohort, profile, "ce", "paper", seed, None, raw=False) for seed in range(2)]

    monkeypatch.setitem(experiments.CHAPTERS, "01_good", Chapter("01_good", "Good", two))
    plan = report.Report("smoke", bench / "data" / "tiny", only=["01"], out=bench / "out").plan()
    assert len(plan.runs) == 2 and plan.cached == 0 and plan.notebooks == ["01_good"]
    training = plan.runs.predicted_seconds.sum() / runs.workers()
    assert plan.seconds == pytest.approx(training + plans.NOTEBOOK_SECONDS / plans.notebooks_side_by_side())
    result = run_cli(bench, "--plan", "--only", "01,04")
    assert result.exit_code == 0 and "2 runs to train" in result.stdout and "minutes on this machine" in result.stdout
    assert "04_needs_video  not applicable  no raw video" in result.stdout
    assert not (bench / "out").exists()


def test_the_disk_of_runs_is_what_those_of_their_kind_take(tmp_path):
    for name, kind, size in (("a", "student", 1000), ("b", "student", 3000), ("c", "fusion", 500)):
        folder = tmp_path / name
        folder.mkdir()
        about = json.dumps({"version": TRAINING_VERSION, "row": {"kind": kind}})
        for file, text in (("DONE", ""), ("metrics.json", '{"x": 1}'), ("config.json", about)):
            (folder / file).write_text(text)
        (folder / "weights").write_bytes(b"0" * (size - sum(file.stat().st_size for file in folder.iterdir())))
    known = plans.run_bytes(RunStore(tmp_path))
    assert (known["student"], known["fusion"]) == (2000, 500) and known["teacher"] == plans.RUN_BYTES["teacher"]
    assert plans.run_bytes(RunStore(tmp_path / "none")) == plans.RUN_BYTES


@pytest.fixture
def coupled(bench, executions, monkeypatch):
    """A chapter that needs a run on the main cohort and one on a companion; `trained` notes what is asked for."""

    def raw(cohort):
        return [experiments.student(cohort, load_profile("smoke"), "ce", "paper", 0, None, raw=True)]

    def beside(cohort, profile):
        return [Companion(place_beside(cohort, "weak", coupling="weak"), raw)]

    trained = []

    def ensure_all(parts, store):
        trained.extend((cohort.path.name, len(configs)) for cohort, configs in parts)
        return [_rows(cohort, configs, "done") for cohort, configs in parts]

    monkeypatch.setattr(runs, "ensure_all", ensure_all)
    chapter = Chapter("01_good", "Good", lambda cohort, profile: raw(cohort), companions=beside)
    monkeypatch.setitem(experiments.CHAPTERS, "01_good", chapter)
    simulate(bench / "data" / "main", train=2, test=1, nights=0, frames=4, size=8)
    return trained


def of_main(root, only=("01",)):
    return report.Report("smoke", root / "data" / "main", only, out=root / "out")


def write_main(root, only=("01",)):
    return {entry.name: entry for entry in of_main(root, only).write()}


def test_a_plan_simulates_no_companion_but_counts_it(bench, coupled):
    plan = of_main(bench).plan()
    assert plan.simulated == ["main-weak"] and plan.cached == 0 and len(plan.runs) == 2
    assert not (bench / "data" / "main-weak").exists() and not coupled
    less = of_main(bench)
    less.jobs[0].parts.pop()
    assert plan.seconds > less.plan().seconds + plan.runs.predicted_seconds.min() / runs.workers()
    write_main(bench)
    again = of_main(bench).plan()
    assert again.notebooks == []
    # The stand-in left no runs in the store: they would be trained, on a companion that is made again.
    assert again.simulated == ["main-weak"] and again.peak_bytes == plan.peak_bytes > again.left_bytes
    # What was predicted for the companion without it is what is predicted with it.
    assert sorted(again.runs.predicted_seconds) == pytest.approx(sorted(plan.runs.predicted_seconds))


def test_companions_are_made_trained_and_kept(bench, coupled, executions):
    entry = write_main(bench)["01_good"]
    assert entry.status == "done" and entry.runs == 2
    assert coupled == [("main", 1), ("main-weak", 1)] and executions == ["01_good"]
    weak, main = (Cohort.open(bench / "data" / name) for name in ("main-weak", "main"))
    assert is_whole(main) and not list(weak.path.rglob("*.npy")), "its runs are done, it can be made again"
    changed = (weak.path / "cohort.json").stat().st_mtime_ns
    assert write_main(bench)["01_good"].kept and executions == ["01_good"]
    assert (weak.path / "cohort.json").stat().st_mtime_ns == changed and not is_whole(weak)
    participants = bench / "data" / "main-weak" / "participants.tsv"
    participants.write_text(participants.read_text().replace("male", "n/a"))
    write_main(bench)
    assert executions == ["01_good"] * 2, "a companion that changed is a reason to execute again"
    shutil.rmtree(bench / "data" / "main-weak")
    assert "01_good" not in write_main(bench, ["03"])
    assert not (bench / "data" / "main-weak").exists(), "not for a chapter that was not asked for"


def test_a_companion_without_runs_is_counted_and_keeps_its_arrays(bench, coupled, monkeypatch):
    def beside(cohort, profile):
        return [Companion(place_beside(cohort, "weak", coupling="weak"), lambda there: [])]

    chapter = experiments.CHAPTERS["01_good"]
    monkeypatch.setitem(experiments.CHAPTERS, "01_good", replace(chapter, companions=beside))
    before = of_main(bench).plan()
    assert before.simulated == ["main-weak"] and len(before.runs) == 1
    write_main(bench)
    weak = Cohort.open(bench / "data" / "main-weak")
    after = of_main(bench).plan()
    assert is_whole(weak) and after.simulated == []
    assert before.left_bytes - after.left_bytes == array_bytes(weak)


@pytest.mark.parametrize("status", ["done", "failed"])
def test_what_is_spent_of_a_companion_without_runs_goes_once_its_chapters_are_done(bench, coupled, monkeypatch, status):
    def beside(cohort, profile):
        return [Companion(place_beside(cohort, "weak", coupling="weak"), lambda there: [], spent=("eeg.npy",))]

    chapter = experiments.CHAPTERS["01_good"]
    monkeypatch.setitem(experiments.CHAPTERS, "01_good", replace(chapter, companions=beside))
    if status == "failed":
        failed = Outcome("failed", "it stopped", 1.0)
        monkeypatch.setattr(report, "execute_all", lambda due, folder: dict.fromkeys(due, failed))
    assert write_main(bench)["01_good"].status == status
    left = {file.name for file in (bench / "data" / "main-weak").rglob("*.npy")}
    assert ("eeg.npy" in left) == (status == "failed") and "video.npy" in left
    # It is not made again for that.
    assert of_main(bench).plan().simulated == []


def test_failed_runs_of_a_companion_are_shown(bench, coupled, monkeypatch):
    def half(parts, store):
        return [
            _rows(cohort, configs, *(("failed", "loss is NaN") if cohort.path.name == "main-weak" else ("done",)))
            for cohort, configs in parts
        ]

    monkeypatch.setattr(runs, "ensure_all", half)
    entry = write_main(bench)["01_good"]
    assert len(entry.failed_runs) == 1 and "loss is NaN" in entry.failed_runs[0]
    assert is_whole(Cohort.open(bench / "data" / "main-weak")), "its runs will be tried again"


def test_a_companion_of_other_settings_fails_its_chapter_alone(bench, coupled, executions):
    simulate(bench / "data" / "main-weak", train=2, test=1, nights=0, frames=4, size=8)
    entries = write_main(bench, ["01", "03"])
    assert entries["01_good"].status == "failed" and "other settings" in entries["01_good"].reason
    assert executions == ["03_no_ahi"] and coupled == []


def test_a_cohort_that_can_have_no_companions_is_not_applicable(bench, coupled):
    entries = write(bench, only=["01"])
    assert (entries["01_good"].status, coupled) == ("not applicable", [])
    assert "none can be simulated" in entries["01_good"].reason


def test_a_failing_report_leaves_the_previous_one(bench, executions, monkeypatch):
    write(bench, only=["03"])
    before = {file: file.read_bytes() for file in (bench / "out").rglob("*") if file.is_file()}

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for error, expected in ((full, SacdError), (interrupted, KeyboardInterrupt)):
        with monkeypatch.context() as patch:
            patch.setattr(pages, "render", error)
            with pytest.raises(expected):
                write(bench, only=["03"])
        assert {file: file.read_bytes() for file in (bench / "out").rglob("*") if file.is_file()} == before
        assert not (bench / ".out.new").exists()


def test_a_swap_that_was_cut_short_is_undone(tmp_path):
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "report.json").write_text('{"entries": {"a": {"seconds": 3.0}}}')
    assert Folder(tmp_path / "out").seconds("a") == 3.0
    assert (tmp_path / "out" / "report.json").exists()


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(SacdError, match="is not a report"):
        Folder(tmp_path)
    with pytest.raises(SacdError, match="is a file"):
        Folder(tmp_path / "thesis.txt")


def test_the_profiles_cohort_is_made_once_and_not_for_a_plan(bench, executions, monkeypatch):
    profile = load_profile("smoke")
    small = profile.cohort.model_copy(update={"train": 1, "test": 1, "nights": 0, "frames": 4, "size": 8})

    def usual(**changes):
        other = profile.model_copy(update={"cohort": small.model_copy(update=changes)})
        monkeypatch.setattr(report, "load_profile", lambda name: other)
        return report.Report("smoke", only=["01"], out=bench / "out")

    path = bench / "data" / "simulated-smoke"
    plan = usual().plan()
    assert plan.simulated == ["simulated-smoke"] and not path.exists()
    usual().write()
    changed = (path / "cohort.json").stat().st_mtime_ns
    assert usual().plan().simulated == [] and usual().plan().peak_bytes == 0
    usual().write()
    assert (path / "cohort.json").stat().st_mtime_ns == changed
    arrays = sum(file.stat().st_size for file in path.rglob("*.npy"))
    assert plan.peak_bytes == plan.left_bytes == pytest.approx(arrays, rel=0.01)
    for other in ({"seed": 1}, {"coupling": "weak"}, {"frames": 8}, {"train": 2}):
        with pytest.raises(SacdError, match="other settings"):
            usual(**other)


def test_choose(bench):
    assert jobs.choose([]) == jobs.choose([""]) == list(experiments.CHAPTERS)
    assert jobs.choose(["03", " 01_good "]) == ["01_good", "03_no_ahi"]
    with pytest.raises(SacdError, match="chapter '9' is unknown"):
        jobs.choose(["9"])


def test_parameters_of_a_notebook(tmp_path):
    write_notebook(tmp_path, "a", cell("other = 1"), cell("threads: int = 2\npair = (1, 2)", "parameters"))
    notebook = Notebook(tmp_path / "a.ipynb")
    assert notebook.parameters == ("cohort", "profile", "seed", "threads", "pair")
    write_notebook(tmp_path, "b", cell("x = = 1", "parameters"))
    with pytest.raises(SacdError, match="not valid Python"):
        Notebook(tmp_path / "b.ipynb").parameters  # noqa: B018
    (tmp_path / "c.ipynb").write_text("{")
    with pytest.raises(SacdError, match="not a notebook"):
        Notebook(tmp_path / "c.ipynb")
    with pytest.raises(SacdError, match="not found"):
        Notebook(tmp_path / "d.ipynb")


def test_key_follows_the_code_that_a_notebook_uses(tmp_path, monkeypatch):
    package = tmp_path / "lib"
    (package / "room").mkdir(parents=True)
    files = {
        "__init__.py": "", "a.py": "from lib.room import b\nimport numpy", "unused.py": "", "room/__init__.py": "",
        "room/b.py": "def f():\n    from lib.c import x", "c.py": "import lib.a", "room/table.json": "{}",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    monkeypatch.setattr(notebooks, "PACKAGE", package)
    write_notebook(tmp_path, "n", cell("%matplotlib inline\nimport lib.a\n!ls"), cell("this is no python"))
    notebook = Notebook(tmp_path / "n.ipynb")
    used = {str(file.relative_to(package)) for file in notebook.library}
    assert used == set(files) - {"unused.py"}
    key = notebook.key({})
    (package / "unused.py").write_text("1")
    assert notebook.key({}) == key != notebook.key({"parameters": {"seed": 1}})
    for name in used:
        text = (package / name).read_text()
        (package / name).write_text(text + "\n")
        assert notebook.key({}) != key, name
        (package / name).write_text(text)
    assert notebook.key({}) == key


def test_key_ignores_outputs(tmp_path):
    write_notebook(tmp_path, "n", cell("1"))
    key = Notebook(tmp_path / "n.ipynb").key({})
    content = nbformat.read(tmp_path / "n.ipynb", as_version=4)
    content.cells[2].outputs = [nbformat.v4.new_output("stream", text="x")]
    content.metadata["papermill"] = {"x": 1}
    nbformat.write(content, tmp_path / "n.ipynb")
    assert Notebook(tmp_path / "n.ipynb").key({}) == key
    content.cells[2].source = "2"
    nbformat.write(content, tmp_path / "n.ipynb")
    assert Notebook(tmp_path / "n.ipynb").key({}) != key


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ('<a href="https://x.org/y?z=1&w=2">t</a>', "t"), ("<img src='http://x.org/a.png'>", ""),
        ("<script src=//cdn.org/x.js></script>", ""), ('<link REL=stylesheet HREF = "HTTPS://x.org/a b.css">', ""),
        ('<style>@import "https://x.org/a.css"; p {background: url(http://x.org/b.png)}</style>', "p {"),
        ('<video poster="https://x.org/p.png" src="data:video/webm;base64,AA">', "data:video/webm;base64,AA"),
        ('<form action="https://x.org"><input></form>', "<input>"), ('<a\n href="https://x.org">t</a>', "t"),
        ('<img src="&#104;ttps:&#x2f;/x.org/a.png" alt="a > b">', 'alt="a &gt; b"'),
        ('<img title="1 < 2" src="\\\\x.org/a.png" hidden>', " hidden"),
        ('<img src="ht\ntps:x.org/a.png">', "data-address"),
        ('<img srcset="a.png 1x, https://x.org/a.png 2x">', "data-address"),
        ("<style>@IMPORT 'a.css'; a {b: image-set('//x.org/b.png' 1x)} p {color: red}</style>", "p {color: red}"),
        ('<p style="color: red; background: u\\72l(https://x.org/b.png)">t</p>', "color: red; background: none"),
    ],
)
def test_external_addresses_go(html, kept):
    cleaned = pages.without_external_addresses(html)
    parser = Addresses()
    parser.feed(cleaned)
    assert not [address for address in parser.found if "//" in address]
    assert "@import" not in cleaned.lower() and "url(http" not in cleaned and kept in cleaned
    for style in re.findall(r"(?s)<style>.*</style>|style=.*?>", cleaned):
        assert "x.org" not in style


@pytest.mark.parametrize(
    "html",
    [
        '<a href="#part">x</a>', '<a href="b.html">x</a>', '<p>href="https://x.org" in words</p>',
        "<pre>http:\n\n   </pre><p>a &lt; b &amp; c<br>http:<script>if (a < b && c) x('//y')</script>",
        "<td nowrap>http:</td>",
        '<style>a {content: "http:"; background: url(b.png)}</style>', "<table><tr><td>plain</table>",
    ],
)
def test_the_rest_stays(html):
    assert pages.without_external_addresses(html) in (html, html + "</p>")


@pytest.mark.parametrize(("words", "seconds"), [("plain", 1), ("http:", 10)])
def test_a_large_table_is_read_in_reasonable_time(words, seconds):
    table = pd.DataFrame({name: [words] * 1000 for name in "abcdefgh"}).to_html()
    begun = time.process_time()
    assert pages.without_external_addresses(table).split() == table.split()
    assert time.process_time() - begun < seconds * len(table) / 1e6


def picture():
    stream = BytesIO()
    Image.fromarray(np.zeros((900, 1200, 3), np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def executed(*outputs, source="x", tags=()):
    made = cell(source, *tags)
    made.outputs = [nbformat.v4.new_output(kind, **values) for kind, values in outputs]
    return nbformat.v4.new_notebook(cells=[made])


def test_outputs_that_need_a_kernel_are_left_out():
    notebook = executed(
        ("display_data", {"data": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "HBox(...)"}}),
        ("display_data", {"data": {"text/plain": "a < b"}}),
        ("stream", {"name": "stderr", "text": "\x1b[31mred\x1b[0m <x>"}),
    )
    (shown,) = pages.cells(notebook)
    html = "".join(output["html"] for output in shown["outputs"])
    assert "HBox" not in html and "a &lt; b" in html and "&lt;x&gt;" in html and "\x1b" not in html


def test_thumbnail_and_summaries():
    notebook = executed(
        ("display_data", {"data": {"image/png": picture()}}),
        ("execute_result", {"data": {"text/html": "<table></table>"}}),
        tags=("summary",),
    )
    assert Image.open(BytesIO(pages.thumbnail(notebook))).size == (640, 480)
    assert pages.summaries(notebook) == ["<table></table>"]
    plain = executed(("stream", {"name": "stdout", "text": "x"}))
    assert pages.thumbnail(plain) is None and pages.summaries(plain) == []


def test_scripts_in_figures_cannot_end_the_page():
    notebook = executed(("display_data", {"data": {pages.PLOTLY: {"data": [], "layout": {"title": "</script><b>"}}}}))
    assert pages.uses_plotly(notebook)
    assert "</script><b>" not in pages.cells(notebook)[0]["outputs"][0]["html"]


def test_entries_survive_the_manifest(tmp_path):
    folder = Folder(tmp_path / "out")
    assert folder.kept("a", "k") is None
    (tmp_path / "out" / "notebooks").mkdir(parents=True)
    (tmp_path / "out" / "notebooks" / "a.ipynb").write_text("{}")
    entry = Entry("a", "A", "done", key="k", seconds=2.0, executed="now", failed_runs=["r: e"])
    (tmp_path / "out" / "report.json").write_text(json.dumps({"entries": {"a": vars(entry)}}))
    kept = Folder(tmp_path / "out").kept("a", "k")
    assert kept == Entry(**vars(entry) | {"kept": True})
    assert Folder(tmp_path / "out").kept("a", "other") is None
    shutil.rmtree(tmp_path / "out" / "notebooks")
    assert Folder(tmp_path / "out").kept("a", "k") is None
