"""The frame: pins, what git keeps of a notebook, what the README promises, progress for people and log files."""

import ast
import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from typer.testing import CliRunner

from sacd import progress
from sacd.cli import app

ROOT = Path(__file__).parents[1]
LIBERTIES = {"18_method_by_hand"}
"""Notebooks that may print as they go: it shows every step of a method."""
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_dependency_is_pinned_within_its_range():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}
    assert all(version.local is None for version in pins.values()), "a build tag ties the pin to one index"
    wanted = [Requirement(text) for text in (*project()["dependencies"], *project()["optional-dependencies"]["dev"])]
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not pinned"
        assert pins[name] in requirement.specifier, requirement


def test_third_party_imports_are_declared():
    distribution = {"bs4": "beautifulsoup4", "yaml": "pyyaml", "sklearn": "scikit-learn", "umap": "umap-learn"}
    through = {"nbformat": "nbconvert", "nbclient": "nbconvert", "pygments": "nbconvert", "markupsafe": "jinja2",
               "PIL": "matplotlib", "IPython": "ipykernel", "traitlets": "ipykernel", "tornado": "jupyterlab",
               "jupyter_core": "jupyterlab"}
    declared = {canonicalize_name(Requirement(text).name) for text in project()["dependencies"]}
    found = set()
    for file in (ROOT / "sacd").rglob("*.py"):
        found |= set(re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(encoding="utf-8"), re.M))
    for name in found - set(sys.stdlib_module_names) - {"sacd"}:
        package = canonicalize_name(distribution.get(name, name))
        assert package in declared or through.get(name) in declared, f"{name} is imported and not declared"


def test_environment_has_no_list_of_its_own():
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    names = [item for item in content["dependencies"] if isinstance(item, str)]
    assert [re.split(r"[<>=]", name)[0] for name in names] == ["python", "pip"]
    assert content["dependencies"][-1] == {"pip": ["-c constraints.txt", "-e .[dev]"]}


def test_git_keeps_kernel_and_language_of_a_notebook_and_nothing_of_its_execution():
    makefile = (ROOT / "Makefile").read_text()
    keys = re.search(r"^STRIPPED := (.*)$", makefile, re.M)[1]
    left = {"papermill": {"x": 1}, "execution": {"iopub.execute_input": "2020-01-01T00:00:00Z"}}
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["parameters"], **left})
    cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="x")], 3
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=kernel | {"papermill": {"x": 1}, "widgets": {"x": {}}})
    command = [sys.executable, "-m", "nbstripout", "--extra-keys", keys]
    result = subprocess.run(command, input=nbformat.writes(notebook), capture_output=True, text=True, check=True)
    stripped = json.loads(result.stdout)
    assert stripped["metadata"] == kernel
    assert stripped["cells"][0]["metadata"] == {"tags": ["parameters"]}
    assert stripped["cells"][0]["outputs"] == [] and stripped["cells"][0]["execution_count"] is None
    assert "*.ipynb text eol=lf filter=nbstripout" in (ROOT / ".gitattributes").read_text()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_bare(path):
    content = nbformat.read(path, as_version=4)
    code = [cell for cell in content.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "papermill" not in content.metadata
    assert content.metadata.kernelspec.name == "python3" and content.metadata.kernelspec.language == "python"
    assert [cell for cell in code if "parameters" in cell.metadata.get("tags", [])] == code[:1]
    assert re.search(r"^cohort\b.*^profile\b", code[0].source, re.M | re.S)


def sacd_lines(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    return [line.split("#")[0].split() for line in re.findall(r"(?:^\s*|`)(sacd [^`\n]+)", text, re.M)]


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem not in LIBERTIES], ids=lambda path: path.stem)
def test_no_notebook_formats_a_sentence(path):
    for cell in nbformat.read(path, as_version=4).cells:
        for node in ast.walk(ast.parse(cell.source)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.JoinedStr):
                words = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
                assert not re.search(r"[^\W\d_]{2}", words), f"a tested function should say {ast.unparse(node)}"


@pytest.mark.parametrize("page", ["README.md", "docs/from-your-lab.md"])
def test_commands_in_the_readme_exist(page):
    lines = [words for words in sacd_lines(page) if words[1].islower()]
    assert len(lines) > 8
    for words in lines:
        result = CliRunner().invoke(app, [words[1], "--help"])
        assert result.exit_code == 0, words
        for flag in (word for word in words if word.startswith("-")):
            assert f"{flag} " in result.output, (words, flag)


def test_targets_in_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"\bmake ([a-z-]+)\b", (ROOT / "README.md").read_text())) - {"report"} <= targets


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3600, "1 h 00 min"),
        (7500, "2 h 05 min"), (-1, "0 s"),
    ],
)
def test_durations(seconds, words):
    assert progress.duration(seconds) == words


@pytest.fixture
def clock(monkeypatch, capsys):
    """Time that goes on when told to; gives the lines printed since the last call."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def forward(seconds):
        now[0] += seconds
        return capsys.readouterr().err.splitlines()

    return forward


def test_log_files_get_a_line_now_and_then(clock):
    with progress.progress("working", 10) as bar:
        for _ in range(3):
            bar.advance(1, "a")
            assert clock(4.9) == []
        clock(1.0)
        bar.advance(1, "b")
        assert clock(0) == ["working: 40%, 24 s left (b)"]
        bar.to(2)
        bar.to(99)
        clock(20)
    assert clock(0) == ["working: 100% in 36 s"]


def test_short_work_says_nothing_in_log_files(clock):
    with progress.progress("working", 0):
        clock(1)
    assert clock(0) == []


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.progress("working", 4) as bar:
        bar.advance(1, "one")
        bar.to(3.5)
        bar.to(1)
    shown = stream.getvalue()
    assert "working: one" in shown and "88%" in shown and "left" in shown
