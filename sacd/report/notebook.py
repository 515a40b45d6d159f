"""One notebook: its parameters, what its results depend on, and its execution in a kernel of this environment."""

import ast
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import nbformat
import papermill
from IPython.core.inputtransformer2 import TransformerManager
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from sacd.cohort import hash_file
from sacd.exceptions import NotApplicable, SacdError, first_line
from sacd.kernels import KERNEL
from sacd.paths import ROOT

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "torch", "matplotlib", "seaborn", "plotly", "openTSNE", "yasa")
START_SECONDS = 180
Status = Literal["done", "failed", "not applicable"]


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of the libraries that numbers and figures come from."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python, "sacd": metadata.version("sacd")} | {name: metadata.version(name) for name in LIBRARIES}


class Notebook:
    """A notebook on disk, not yet executed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.content = nbformat.read(path, as_version=4)
        except FileNotFoundError:
            raise SacdError(f"{path}: not found; restore the notebook") from None
        except nbformat.reader.NotJSONError:
            raise SacdError(f"{path}: not a notebook; restore it") from None

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names set in the cells tagged ``parameters``, in order."""
        cells = [cell.source for cell in self.content.cells if "parameters" in cell.metadata.get("tags", [])]
        try:
            nodes = list(ast.walk(ast.parse("\n".join(cells))))
        except SyntaxError as error:
            raise SacdError(f"{self.path}: the parameters cell is not valid Python ({error.msg}); correct it") from None
        names = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        return tuple(dict.fromkeys(names))

    @cached_property
    def source(self) -> list[list[Any]]:
        """Type, text and tags of every cell: what remains when outputs and bookkeeping are left out."""
        return [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in self.content.cells]

    @cached_property
    def steps(self) -> int:
        """Number of code cells."""
        return sum(cell.cell_type == "code" for cell in self.content.cells)

    @cached_property
    def library(self) -> list[Path]:
        """The files of this package that the notebook uses, directly or not."""
        transform = TransformerManager().transform_cell
        cells = [transform(cell.source) for cell in self.content.cells if cell.cell_type == "code"]
        return _used_files([node for text in cells for node in _imports(text)])

    def key(self, inputs: dict[str, Any]) -> str:
        """Hash of all that the notebook's results depend on: itself, `inputs`, the library's code, versions."""
        code = {str(file.relative_to(PACKAGE)): hash_file(file) for file in self.library}
        content = {"source": self.source, "code": code, "versions": versions(), **inputs}
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _imports(source: str) -> list[str]:
    """Names of this package's modules, or of things in them, that a Python source imports."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # the notebook will say so itself when executed
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == PACKAGE.name]


def _used_files(names: list[str]) -> list[Path]:
    used: set[Path] = set()
    waiting = list(names)
    while waiting:
        parts = waiting.pop().split(".")[1:]
        for depth in range(len(parts) + 1):
            stem = PACKAGE.joinpath(*parts[:depth])
            for file in (stem.with_suffix(".py") if depth else stem, stem / "__init__.py"):
                if file.is_file() and file not in used:
                    used.add(file)
                    waiting += _imports(file.read_text(encoding="utf-8"))
    # Tables and scripts that lie beside the modules count as their code.
    rooms = {file.parent for file in used} - {PACKAGE}
    data = {file for room in rooms for file in room.iterdir() if file.suffix in (".json", ".js", ".css", ".yaml")}
    return sorted(used | data)


def without_root(text: str) -> str:
    """A text in which places in the repository are named without the folder that holds it: that may name a person."""
    return text.replace(f"{ROOT}/", "")


@dataclass(frozen=True)
class Outcome:
    """How an execution ended; `reason` is one line where it is not done, `seconds` the wall time."""

    status: Status
    reason: str
    seconds: float


@contextmanager
def _transport() -> Iterator[Config]:
    """How a kernel is spoken to: by sockets of its own in a private folder, for over TCP others could listen."""
    if os.name != "posix":
        yield Config()
        return
    with tempfile.TemporaryDirectory(prefix="sacd-") as folder:
        yield Config({"KernelManager": {"transport": "ipc", "ip": str(Path(folder) / "kernel")}})


def execute(path: Path, target: Path, parameters: dict[str, Any]) -> Outcome:
    """Execute a notebook in its own folder and save it, outputs and all, to `target` after every cell.

    Parameters
    ----------
    path, target : Path
    parameters : dict
        Injected after the cell tagged ``parameters``.

    Returns
    -------
    Outcome
        *not applicable* where the notebook raised `sacd.exceptions.NotApplicable`, *failed* for any other error; there
        is no `target` where the disk had no room for it.
    """
    begun = time.monotonic()
    try:
        try:
            status, reason = _execute(path, target, parameters)
        finally:  # also of what was stopped
            _tidy(target)
    except (OSError, nbformat.reader.NotJSONError) as error:  # the second of what was written in part
        target.unlink(missing_ok=True)
        why = getattr(error, "strerror", None) or "no space left?"
        status, reason = "failed", f"{target.name} could not be written ({why}); free space"
    return Outcome(status, without_root(reason), time.monotonic() - begun)


def _execute(path: Path, target: Path, parameters: dict[str, Any]) -> tuple[Status, str]:
    try:
        with _transport() as config:
            papermill.execute_notebook(
                path, target, parameters, kernel_name=KERNEL, language="python", progress_bar=False, cwd=path.parent,
                start_timeout=START_SECONDS, config=config,
            )
    except PapermillExecutionError as error:
        if error.ename == NotApplicable.__name__:
            return "not applicable", str(error.evalue)
        lines = str(error.evalue).strip().splitlines() or [""]
        return "failed", f"{error.ename}: {lines[-1]}"
    except DeadKernelError as error:
        return "failed", f"{first_line(error)} (was memory short?)"
    except RuntimeError as error:  # the kernel did not start
        return "failed", f"{type(error).__name__}: {first_line(error)}"
    return "done", ""


def _tidy(target: Path) -> None:
    """Without the state of widgets, of no use without a kernel and megabytes for a live figure, and without paths.

    While the notebook executes, widgets need their state.
    """
    if not target.exists():
        return
    made = nbformat.read(target, as_version=4)
    made.metadata.pop("widgets", None)
    target.write_text(without_root(nbformat.writes(made)), encoding="utf-8")


def finished_steps(target: Path) -> int:
    """Code cells of a notebook in execution that are completed."""
    try:
        cells = json.loads(target.read_text(encoding="utf-8"))["cells"]
    except (OSError, json.JSONDecodeError):  # not begun, or just being written
        return 0
    done = [cell["metadata"].get("papermill", {}).get("status") == "completed" for cell in cells]
    return sum(flag and cell["cell_type"] == "code" for flag, cell in zip(done, cells, strict=True))
