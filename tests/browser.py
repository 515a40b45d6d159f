"""Chromium for tests: where it is, a loud skip where it is not, and pages whose every request is recorded."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:  # every test process has this file: what it needs is imported where a browser is
    from playwright.sync_api import Browser, BrowserContext, Page

    from sacd.widgets.viewing import Viewing

CHROMIUM = os.environ.get("SACD_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_HOME = {"", "127.0.0.1", "localhost"}
# The answers come from this process: a live kernel's place.
_LIVE = """
<!doctype html><html lang="en"><meta charset="utf-8"><title>live</title>{head}<body><div id="here"></div><script>
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
window.heard = new Set();
window.sent = [];
window.made = 0; window.revoked = 0;
const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
URL.createObjectURL = (thing) => {{ window.made++; return make.call(URL, thing); }};
URL.revokeObjectURL = (address) => {{ window.revoked++; revoke.call(URL, address); }};
const model = {{
  on: (_, listener) => window.heard.add(listener), off: (_, listener) => window.heard.delete(listener),
  async send(request) {{
    window.sent.push(request);
    const found = await window.askPython(request);
    if (found) for (const listener of window.heard) listener(found[0], found[1].map(bytes));
  }},
}};
const source = JSON.parse(document.getElementById("sacd-viewer-source").textContent);
const address = URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }}));
import(address).then((viewer) => viewer.default.render({{ model, el: document.getElementById("here") }}));
</script></body></html>
"""


def is_home(address: str) -> bool:
    """Whether a request stays on this machine: files, blobs and data included."""
    parts = urlsplit(address)
    return parts.scheme in ("file", "blob", "data", "about") or (parts.hostname or "") in _HOME


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A headless Chromium; where there is none the test is skipped, or fails where SACD_BROWSER is *required*."""
    if CHROMIUM is None:
        say = pytest.fail if os.environ.get("SACD_BROWSER") == "required" else pytest.skip
        say("NO CHROMIUM: nothing was tried in a browser; apt install chromium, or set SACD_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: "Browser") -> "Iterator[BrowserContext]":
    """A fresh profile; at the end nothing it asked for was outside, no script of its pages failed or opened a box."""
    asked: list[str] = []
    wrong: list[str] = []
    with chromium.new_context(viewport={"width": 1180, "height": 1000}) as profile:
        profile.on("request", lambda request: asked.append(request.url))
        profile.on("weberror", lambda error: wrong.append(str(error.error)))
        profile.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        yield profile
    assert not [address for address in asked if not is_home(address)]
    assert not wrong


def picture_of(page: "Page", name: str, part: str | None = None) -> None:
    """A picture of the whole page, or of a part that a selector names, as PNG in the folder SACD_SCREENSHOTS if set."""
    if folder := os.environ.get("SACD_SCREENSHOTS"):
        file = Path(folder) / f"{name}.png"
        if part is None:
            page.screenshot(path=file, full_page=True)
        else:
            page.locator(part).first.screenshot(path=file)


@pytest.fixture
def page(context: "BrowserContext") -> "Page":
    """A page of `context`."""
    return context.new_page()


@pytest.fixture
def live(page: "Page", tmp_path: Path) -> "Callable[[Viewing], Page]":
    """Opens the viewer in a plain page that this process answers, and waits for the first picture."""
    from sacd.widgets.clip_bytes import answer
    from sacd.widgets.offline import head

    def open_viewer(viewing: "Viewing") -> "Page":
        def answered(request: dict[str, Any]) -> list[Any] | None:
            if request["kind"] == "moved":
                return None
            content, buffers = answer(request, viewing)
            return [content, [base64.b64encode(buffer).decode() for buffer in buffers]]

        page.expose_function("askPython", answered)
        file = tmp_path / "live.html"
        file.write_text(_LIVE.format(head=head()), encoding="utf-8")
        page.goto(file.as_uri())
        page.wait_for_selector(".sacd-viewer[data-state]", timeout=90_000)
        return page

    return open_viewer
