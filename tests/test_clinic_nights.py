"""What the clinic shows of a night: the report, its PDF, and the portrait where its reference people are there."""

import pytest
import yaml
from tiny import make_cohort

from sacd.clinic.nights import NightsOfRun
from sacd.exceptions import SacdError
from sacd.experiments.portraits import portrait_student
from sacd.experiments.profile import Portraits, load_profile
from sacd.runs.execute import execute
from sacd.runs.store import RunStore


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A cohort of features, the student whose features portraits are made of, and the profile that says so."""
    folder = tmp_path_factory.mktemp("clinic")
    cohort = make_cohort(folder / "cohort", features=True, train=6, test=36, clips=100)
    own = {"portraits": Portraits(clips=4), "methods": ("ce",)}
    profile = load_profile("smoke").model_copy(update=own)
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(profile.model_dump(mode="json")))
    run, store = portrait_student(cohort, profile), RunStore.beside(cohort)
    execute(run, cohort, store)
    return cohort.path, store.folder(run, cohort).name, str(file)


def test_a_night_has_a_report_and_a_portrait(trained):
    nights = NightsOfRun(*trained)
    assert nights.label == "tiny (simulated)" and nights.people["P20"] == ["P20n1"] and len(nights.people) == 42
    seen = nights.seen("P20n1")
    assert "P20n1" in seen.report and "simulated" in seen.report and seen.paper.startswith(b"%PDF")
    assert seen.portrait.startswith(b"\x89PNG") and "Reference: 24 people" in seen.words
    assert nights.seen("P21n1").portrait != seen.portrait


def test_without_its_reference_people_there_is_no_portrait(trained):
    cohort, run, _ = trained
    seen = NightsOfRun(cohort, run, "smoke").seen("P20n1")
    assert seen.portrait is None and seen.words.startswith("There is no portrait: ")
    assert "P20n1" in seen.report


def test_what_does_not_fit_is_said_at_once(trained):
    cohort, run, profile = trained
    for wrong in ((cohort / "none", run, profile), (cohort, "none", profile), (cohort, run, "none")):
        with pytest.raises(SacdError):
            NightsOfRun(*wrong)
