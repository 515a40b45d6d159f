"""The clinic as one sees it: the address is opened, a participant chosen, the report and the portrait are there."""

import pytest
from browser import picture_of
from playwright.sync_api import Page
from serving import served
from test_clinic_nights import trained  # noqa: F401

pytestmark = pytest.mark.slow


def test_a_participant_is_chosen_and_the_night_is_seen(trained, tmp_path, page: Page) -> None:  # noqa: F811
    """`page` fails where anything outside this machine is asked for; the server watches itself."""
    cohort, run = trained
    page.set_default_timeout(90_000)
    command = ("-m", "sacd", "clinic", str(cohort.path), "--run", run.name, "--port", "PORT", "--no-browser")
    with served(tmp_path, *command) as server:
        page.goto(f"http://127.0.0.1:{server.port}/")
        assert "This page is private" in page.content() and "P20" not in page.content()
        page.goto(f"http://127.0.0.1:{server.port}/?token={server.token}")
        page.get_by_label("Participant").select_option("P20")
        report = page.frame_locator("iframe")
        report.get_by_text("Night P20n1").wait_for()
        assert server.token not in page.url and "Compared with 24 people" in page.content()
        frame = page.locator("iframe")
        assert frame.evaluate("frame => frame.clientHeight >= frame.contentDocument.documentElement.scrollHeight")
        assert page.get_by_alt_text("Portrait").evaluate("image => image.naturalWidth") > 100
        page.set_viewport_size({"width": 1180, "height": 2600})  # Voilà's page scrolls within itself
        picture_of(page, "night-report", "iframe")
        with page.expect_download() as saved:
            page.get_by_text("Save the report as PDF").click()
        assert saved.value.suggested_filename == "night-report-P20n1.pdf"
        assert saved.value.path().read_bytes().startswith(b"%PDF")
        assert "The clinic's page is closed." in server.end()
        assert not server.watched.exists(), server.watched.read_text()
