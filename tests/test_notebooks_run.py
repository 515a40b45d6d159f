"""Every notebook runs headless on the smoke profile, on simulated video and EEG and on a feature cohort."""

from pathlib import Path

import pytest
from tiny import make_cohort

from sacd import experiments
from sacd.experiments.profile import load_profile
from sacd.report import Report
from sacd.simulate.simulated_cohort import simulate

# One test a cohort, not one a claim: a report takes a minute, and test processes do not share fixtures.

OF_NIGHTS = ("13_night_report", "16_night_context", "17_our_method")
"""On a feature cohort alone: beside a simulated one they would have whole nights simulated."""


def check(report: Report, folder: Path, names: list[str]) -> None:
    """Write a report: every notebook is done or does not apply, and no page asks for anything from the network."""
    entries = report.write()
    # What does not apply stands there even where it was not asked for.
    assert [entry.name for entry in entries if entry.name in names or entry.status != "not applicable"] == names
    assert [(entry.name, entry.reason) for entry in entries if entry.status == "failed"] == []
    for page in folder.glob("*.html"):
        text = page.read_text()
        assert 'src="http' not in text and 'href="http' not in text and "url(http" not in text, page.name
    assert "simulated" in (folder / "index.html").read_text()


def test_every_notebook_on_a_simulated_cohort(tmp_path):
    cohort = simulate(tmp_path / "cohort", **load_profile("smoke").cohort.model_dump())
    names = [name for name in experiments.CHAPTERS if name not in OF_NIGHTS]
    # Audio to video: a few steps.
    report = Report("smoke", cohort, names, parameters={"steps": 4}, out=tmp_path / "report")
    check(report, tmp_path / "report", names)


ON_FEATURES = (*OF_NIGHTS, "00_quickstart", "07_fusion")
"""What a feature cohort shows anew in `make test`: the nights, its own folds, and one student."""


@pytest.mark.parametrize("names", [
    pytest.param(ON_FEATURES, id="night"),
    pytest.param(
        [name for name in experiments.CHAPTERS if name not in (*ON_FEATURES, "08_audio_to_video")],  # any cohort does
        id="others", marks=pytest.mark.slow,
    ),
])
def test_every_notebook_on_a_feature_cohort(tmp_path, names):
    cohort = make_cohort(tmp_path / "cohort", features=True, train=9, test=0).path
    names = sorted(names)
    check(Report("smoke", cohort, names, out=tmp_path / "report"), tmp_path / "report", names)
