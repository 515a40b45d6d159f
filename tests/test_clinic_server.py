"""The clinic's server shows nothing without its token or to a foreign Host, and asks nobody elsewhere."""

import re
from io import BytesIO

import nbformat
import psutil
import pytest
from PIL import Image
from serving import UPGRADE, served

from sacd.clinic.server import ROOT, configuration

SERVE = "from pathlib import Path; from sacd.clinic.server import serve; "
SECRET = "participant P001"
FOREIGN = {"Host": "evil.example"}


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    """A clinic whose notebook says a secret; a picture lies beside it."""
    folder = tmp_path_factory.mktemp("clinic")
    root = folder / "root"
    root.mkdir()
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cell = nbformat.v4.new_code_cell("import os\nprint('participant', os.environ['SACD_CLINIC_RUN'])")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), root / "clinic.ipynb")
    stream = BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    (root / "night.png").write_bytes(stream.getvalue())
    with served(folder, "-c", f"{SERVE}serve(Path('.'), 'P001', PORT, False, Path({str(root)!r}))") as server:
        yield server


@pytest.fixture(scope="module")
def page(clinic):
    """The page, as it is shown to who has the token."""
    status, text = clinic.ask(f"/?token={clinic.token}")
    assert status == 200
    return text


def test_the_page_is_shown_with_the_token_alone(clinic, page):
    status, text = clinic.ask("/")
    assert status == 302 and text.startswith("/login") and SECRET not in text
    status, text = clinic.ask("/login?next=%2F")
    assert status == 200 and "This page is private" in text and "http" not in text.lower()
    status, _ = clinic.ask("/?token=wrong")
    assert status == 302
    assert SECRET in page and clinic.token not in page
    assert set(re.findall(r"https?://([\w.-]+)", page)) <= {"127.0.0.1", "www.w3.org"}
    assert not re.search(r"""(src|href)=["']?//""", page)


def test_no_file_is_handed_out(clinic):
    for path in ("/voila/files/night.png", "/voila/files/clinic.ipynb", "/night.png", "/voila/files/../page.py"):
        for query in ("", f"?token={clinic.token}"):
            status, text = clinic.ask(path + query)
            assert status in (302, 403, 404) and "PNG" not in text, (path, query)


def test_kernels_answer_with_the_token_alone(clinic, page):
    kernel = re.search(r'"kernelId": "([\w-]+)"', page)[1]
    channels, token = f"/api/kernels/{kernel}/channels?session_id=x", f"&token={clinic.token}"
    assert clinic.ask(channels + token, **UPGRADE)[0] == 101
    assert clinic.ask(channels, **UPGRADE)[0] == 403
    assert clinic.ask(channels + token, **UPGRADE, **FOREIGN)[0] == 403
    known = UPGRADE | {"Cookie": clinic.cookie()}
    assert clinic.ask(channels, **known, Origin=f"http://127.0.0.1:{clinic.port}")[0] == 101
    assert clinic.ask(channels, **known, Origin="http://evil.example")[0] == 403
    assert clinic.ask(f"/api/kernels/{kernel}")[0] == 403


@pytest.mark.parametrize(
    "path", ["/", "/login", "/voila/static/voila.js", "/voila/templates/sacd-clinic/static/voila-style.js",
             "/voila/files/night.png", "/voila/api/themes/", "/voila/labextensions/"],
)  # fmt: skip
def test_a_foreign_host_is_refused(clinic, path):
    status, text = clinic.ask(f"{path}?token={clinic.token}", **FOREIGN)
    assert status == 403 and text == "Only this machine's own names are answered."


def test_it_asks_nobody_elsewhere_and_ends_with_its_kernels(clinic):
    children = psutil.Process(clinic.process.pid).children(recursive=True)
    assert children
    assert "The clinic's page is closed." in clinic.end() and clinic.process.returncode == 0
    assert not [child for child in children if child.is_running()]
    assert not clinic.watched.exists(), clinic.watched.read_text()


def test_the_root_folder_holds_the_page_and_nothing_else():
    assert [file.name for file in ROOT.iterdir() if file.suffix != ".ipynb"] in ([], [".ipynb_checkpoints"])
    told = configuration(ROOT, 8866, False)
    assert told.VoilaConfiguration.file_allowlist == [] and told.Voila.ip == "127.0.0.1"
    assert told.Voila.tornado_settings["allow_remote_access"] is False
