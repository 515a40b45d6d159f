"""An executed notebook keeps what pages can show, and no state of widgets, which need a kernel."""

import os

import nbformat
import pytest

from sacd.kernels import ENVIRONMENT, prepare_worker, write_kernel
from sacd.paths import ROOT
from sacd.report.notebook import execute

WIDGET = """
import ipywidgets
display(ipywidgets.Text("much " * 10_000))
display(ipywidgets.Dropdown(options=["a", "b"]))
print("shown", place)
"""


def test_neither_state_of_widgets_nor_the_repositorys_place_is_kept(tmp_path, monkeypatch):
    for name in (*ENVIRONMENT, "JUPYTER_PATH"):  # put back when the test is over
        monkeypatch.setenv(name, os.environ.get(name, ""))
    write_kernel(tmp_path / "home")
    prepare_worker(tmp_path / "home")
    cells = [nbformat.v4.new_code_cell("place = ''"), nbformat.v4.new_code_cell(WIDGET)]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "live.ipynb")
    outcome = execute(tmp_path / "live.ipynb", tmp_path / "out.ipynb", {"place": f"{ROOT}/data"})
    assert outcome.status == "done", outcome.reason
    made = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert "widgets" not in made.metadata
    kinds = {kind for cell in made.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert any("widget-view" in kind for kind in kinds)
    assert (tmp_path / "out.ipynb").stat().st_size < 20_000
    text = (tmp_path / "out.ipynb").read_text()
    assert f"{ROOT}/" not in text and "shown data" in text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), None])
def test_a_disk_without_room_fails_the_notebook_and_leaves_none(tmp_path, monkeypatch, error):
    def write_in_part(path, target, *arguments, **options):
        target.write_text('{"cells": [')
        if error:
            raise error

    monkeypatch.setattr("papermill.execute_notebook", write_in_part)
    made = execute(tmp_path / "01.ipynb", tmp_path / "out.ipynb", {})
    assert (made.status, list(tmp_path.iterdir())) == ("failed", [])
    assert made.reason.startswith("out.ipynb could not be written (") and made.reason.endswith("; free space")
