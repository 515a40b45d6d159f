"""The viewer with a live kernel, in JupyterLab and in Voilà: it plays, its keys are its own, nothing goes outside."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from browser import picture_of
from numbered import IS_FILM, LOOK, make_numbered, number_of, read_back
from playwright.sync_api import Page

from sacd.cohort.preview import PREVIEW_FPS

pytestmark = pytest.mark.slow
TOKEN = "for-the-test"
CODE = """
from sacd.cohort import Cohort
from sacd.widgets import Viewer
cohort = Cohort.open("cohort")
viewer = Viewer(cohort, reader="AB")
viewer
"""
LINKED = """
import numpy as np
from sacd.analysis.exploration import clip_table
from sacd.analysis.portrait_density import group_density
from sacd.cohort import Cohort
from sacd.widgets import Viewer
from sacd.widgets.portrait_explorer import PortraitExplorer
cohort = Cohort.open("cohort")
clips, viewer = clip_table(cohort), Viewer(cohort)
clips["x"], clips["y"] = clips["clip"] * 1.0, clips["stage"] * 1.0
corners = np.repeat([[-1.0, -1], [6, -1], [-1, 5], [6, 5]], 6, axis=0)
density = group_density(corners, np.arange(24), np.tile([2.0, 8, 20, 50], 6))
def place(recording):
    return clips[clips["recording_id"] == recording]
PortraitExplorer(corners, density, ["filmed", "plain"], place, cohort.label, viewer)
"""
STACKED = """
from ipywidgets import VBox
from sacd.analysis.exploration import clip_table, night_table
from sacd.cohort import Cohort
from sacd.widgets import Viewer
from sacd.widgets.hypnoscope import Hypnoscope
cohort = Cohort.open("cohort")
clips, viewer = clip_table(cohort), Viewer(cohort)
VBox([Hypnoscope(night_table(cohort.participants, clips), clips, cohort.label, viewer.show), viewer])
"""
# Voilà's own template asks a content-delivery network for icons: only what it asks beside them is tried here.
TEMPLATE = """
{%- extends 'voila/templates/lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock html_head_js -%}
{%- block html_head_js_mermaidjs -%}{%- endblock html_head_js_mermaidjs -%}
{%- block notebook_css -%}
{{ resources.include_js("static/voila-style.js") }}{{ super.super() }}
{%- endblock notebook_css -%}
"""
READY = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
Serve = Callable[[str, list[str]], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_numbered(tmp_path / "cohort")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    pages = {"look": [CODE, "viewer.show('plain', 2)"], "linked": [LINKED], "stacked": [STACKED]}
    for name, written in pages.items():
        cells = [nbformat.v4.new_code_cell(code.strip()) for code in written]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / f"{name}.ipynb")
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Starts a server on 127.0.0.1 in `folder` and waits until it answers; gives its address."""
    started: list[subprocess.Popen] = []
    home = folder / "home"
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    places = {name: str(home / name) for name in own}
    # Kernels import the package under test, wherever they start.
    environment = os.environ | places | {"PYTHONPATH": str(Path(__file__).parents[1]), "HOME": str(home)}

    def start(module: str, options: list[str]) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", module, "--no-browser", f"--port={port}", *options]
        with open(folder / "server.log", "w") as log:
            started.append(subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            ))
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            assert started[-1].poll() is None, (folder / "server.log").read_text()[-2000:]
            try:
                # A page that is not there: Voilà executes a notebook for any that is.
                urllib.request.urlopen(f"{address}/voila/static/nothing", timeout=5)
            except urllib.error.HTTPError:
                return address
            except OSError:
                time.sleep(0.25)
        raise AssertionError((folder / "server.log").read_text()[-2000:])

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    shutil.rmtree(home, ignore_errors=True)


def seen(page: Page, recording: int, film: bool = False) -> None:
    """The picture on the screen is the one the cursor names: by its number, or in a film by its time in the clip."""
    look = page.evaluate(LOOK)
    frame, clip, filmed = int(look["frame"]), int(look["clip"]), round(float(look["time"]) * PREVIEW_FPS)
    assert read_back(look["grey"]) == (30 * PREVIEW_FPS * clip + filmed if film else number_of(recording, clip, frame))


def test_in_jupyterlab_it_plays_and_keeps_its_keys(serve: Serve, page: Page) -> None:
    page.set_default_timeout(180_000)
    lab = {
        "expose_app_in_browser": "True", "news_url": "", "extension_manager": "readonly",
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    options = ["--ip=127.0.0.1", "--allow-root", f"--IdentityProvider.token={TOKEN}"]
    address = serve("jupyterlab", [*options, *(f"--LabApp.{name}={value}" for name, value in lab.items())])
    page.goto(f"{address}/lab/tree/look.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    # The notebook is open before its kernel answers, and what is run until then is dropped.
    page.wait_for_function(READY)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    # Shown by the second cell, from Python.
    page.wait_for_selector(".sacd-viewer[data-recording=plain][data-clip='2'][data-state=paused]")
    seen(page, 1)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    viewer = page.locator(".sacd-viewer")
    viewer.locator(".traces").click(position={"x": 400, "y": 60})
    for key in ("1", "2", "d", "d", "a"):
        page.keyboard.press(key)
    viewer.get_by_text("AB: artefact").wait_for()
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells and page.locator(".jp-MarkdownCell").count() == 0
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".sacd-viewer[data-clip='3']")
    seen(page, 1)
    page.keyboard.press("Space")
    page.wait_for_selector(".sacd-viewer[data-state=playing]")
    page.wait_for_function("Number(document.querySelector('.sacd-viewer').dataset.frame) >= 2")
    seen(page, 1)
    page.keyboard.press("Space")


def voila(serve: Serve, folder: Path, notebook: str) -> str:
    """The address of a notebook's page, without what Voilà's own template asks for elsewhere."""
    template = folder / "home" / "JUPYTER_DATA_DIR" / "nbconvert" / "templates" / "bare"
    template.mkdir(parents=True)
    (template / "index.html.j2").write_text(TEMPLATE)
    (template / "conf.json").write_text('{"base_template": "lab"}')
    return serve("voila", [notebook, "--Voila.ip=127.0.0.1", "--VoilaConfiguration.template=bare"])


def test_in_voila_it_plays_the_film(serve: Serve, page: Page, folder: Path) -> None:
    page.set_default_timeout(180_000)
    page.goto(voila(serve, folder, "look.ipynb"))
    page.wait_for_selector(".sacd-viewer[data-recording=plain][data-clip='2'][data-state=paused]")
    seen(page, 1)
    page.locator(".sacd-viewer").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".sacd-viewer[data-recording=filmed][data-clip='2']")
    page.keyboard.press("p")
    page.wait_for_function(IS_FILM)
    page.keyboard.press("Space")
    # The film lost the first two seconds of this clip.
    page.wait_for_function("Number(document.querySelector('.sacd-viewer').dataset.time) >= 2.4")
    seen(page, 0, film=True)


def test_a_click_on_the_map_opens_the_clip_and_a_lasso_marks_both(serve: Serve, page: Page, folder: Path) -> None:
    page.set_default_timeout(60_000)
    page.goto(voila(serve, folder, "linked.ipynb"))
    page.wait_for_selector(".sacd-viewer[data-recording=filmed][data-clip='0'][data-state=paused]")
    clips = [page.locator(f".subplot.{axes} .scatterlayer .trace:has(path.point)") for axes in ("xy", "x2y2")]
    points = clips[0].nth(1).locator("path.point")
    points.nth(2).hover(force=True)
    points.nth(2).click(force=True)
    page.wait_for_selector(".sacd-viewer[data-clip='2'][data-state=paused]")
    seen(page, 0)
    # A lasso is drawn in one picture, what lies in it is marked in the other.
    area = page.locator(".draglayer .x2y2 .nsewdrag").bounding_box()
    left, right = area["x"] + 2, area["x"] + area["width"] / 2
    top, bottom = area["y"] + 2, area["y"] + area["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(*corner, steps=5)
    page.mouse.up()
    faint = clips[0].nth(1).locator("path.point[style*='opacity: 0.12']")
    faint.first.wait_for(state="attached")
    assert 0 < faint.count() < 6
    picture_of(page, "portrait-explorer")


def test_a_click_on_the_hypnoscope_opens_the_clip(serve: Serve, page: Page, folder: Path) -> None:
    page.set_default_timeout(60_000)
    page.goto(voila(serve, folder, "stacked.ipynb"))
    page.wait_for_selector(".sacd-viewer[data-recording=filmed][data-clip='0'][data-state=paused]")
    page.locator(".heatmaplayer image").wait_for()
    # The second night, near the end of its six clips.
    area = page.locator(".nsewdrag").bounding_box()
    place = area["x"] + area["width"] * 0.9, area["y"] + area["height"] * 0.75
    page.mouse.move(*place)
    page.mouse.click(*place)
    page.wait_for_selector(".sacd-viewer[data-recording=plain][data-clip='5'][data-state=paused]")
    seen(page, 1)
    picture_of(page, "hypnoscope")
