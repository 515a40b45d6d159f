"""Every notebook runs headless on the smoke profile, on simulated video and EEG and on a feature cohort."""

from pathlib import Path

import pytest
from tiny import make_cohort

from sacd import experiments
from sacd.config import load_profile
from sacd.report import Report
from sacd.simulate.cohort import simulate


@pytest.fixture(scope="module", params=["simulated", "features"])
def report(request, tmp_path_factory) -> tuple[str, Path, list]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "simulated":
        cohort = simulate(folder / "cohort", **load_profile("smoke").cohort.model_dump())
    else:
        cohort = make_cohort(folder / "cohort", features=True, train=9, test=0).path
    return request.param, folder, Report("smoke", cohort, out=folder / "report").write()


def test_every_notebook_is_done(report):
    _, _, entries = report
    assert [entry.name for entry in entries] == list(experiments.CHAPTERS)
    assert [(entry.name, entry.status, entry.reason) for entry in entries if entry.status == "failed"] == []


def test_simulated_figures_say_so(report):
    _, folder, _ = report
    page = (folder / "report" / "index.html").read_text()
    assert "simulated" in page


def test_pages_ask_for_nothing_from_the_network(report):
    _, folder, _ = report
    for page in (folder / "report").glob("*.html"):
        text = page.read_text()
        assert 'src="http' not in text and 'href="http' not in text and "url(http" not in text, page.name
