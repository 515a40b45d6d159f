"""What the clinic shows of a night: the report, its PDF, and the portrait where its reference people are there."""

from dataclasses import replace

import pytest
from tiny import make_cohort

from sacd.analysis.portrait import Material, Portrait
from sacd.analysis.portrait_file import FILE, open_portrait, save_portrait
from sacd.analysis.severity import FOREIGN
from sacd.clinic.nights import NO_REFERENCE, NightsOfRun
from sacd.exceptions import SacdError
from sacd.experiments.night_report import Subject, read_subject
from sacd.experiments.portraits import people_of, portrait_student
from sacd.experiments.profile import load_profile
from sacd.runs.execute import execute
from sacd.runs.staging import TrainedStudent
from sacd.runs.store import Run, RunStore


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A cohort of features, and a student whose run keeps a reference of people."""
    folder = tmp_path_factory.mktemp("clinic")
    cohort = make_cohort(folder / "cohort", features=True, train=6, test=24, clips=100)
    run = portrait_student(cohort, load_profile("smoke").model_copy(update={"methods": ("ce",)}))
    store = RunStore.beside(cohort)
    execute(run, cohort, store)
    people = people_of(run, cohort, cohort, list(run.split(cohort).test))
    save_portrait(Portrait.fit(Material.of(people, None, 4)), store.folder(run, cohort), cohort.label)
    return cohort, store.folder(run, cohort)


@pytest.mark.slow
def test_a_night_has_a_report_and_a_portrait(trained):
    cohort, run = trained
    nights = NightsOfRun(cohort.path, run.name)
    assert nights.label == "tiny (simulated)" and nights.people["P20"] == ["P20n1"] and len(nights.people) == 30
    seen = nights.seen("P20n1")
    assert "P20n1" in seen.report and "simulated" in seen.report and seen.paper.startswith(b"%PDF")
    assert seen.portrait.startswith(b"\x89PNG") and "Compared with 24 people" in seen.words
    assert nights.seen("P21n1").portrait != seen.portrait


@pytest.mark.slow
def test_a_person_is_read_by_the_same_stages_as_the_reference_people(trained):
    """The likeliest ones, whatever the report's decoder makes of the night."""
    cohort, run = trained
    portrait, _ = open_portrait(run)
    config = portrait_student(cohort, load_profile("smoke").model_copy(update={"methods": ("ce",)}))
    told = portrait.tell(people_of(config, cohort, cohort, ["P20", "P21"]))
    for name, row in told.iterrows():
        _, answer = read_subject(portrait, TrainedStudent(Run(run)), Subject.recorded(cohort, f"{name}n1"))
        assert answer.probability == pytest.approx(row["probability"], abs=1e-4)
        assert answer.distance == pytest.approx(row["distance"], rel=1e-3)
    real = replace(Subject.recorded(cohort, "P20n1"), simulated=False)
    _, answer = read_subject(portrait, TrainedStudent(Run(run)), real)
    assert answer.abstains and answer.why == FOREIGN, "simulated people tell nothing of a real one"


@pytest.mark.slow
def test_without_reference_people_there_is_no_portrait(trained):
    cohort, run = trained
    (run / FILE).rename(run / "aside")
    seen = NightsOfRun(cohort.path, str(run)).seen("P20n1")
    (run / "aside").rename(run / FILE)
    assert (seen.portrait, seen.words) == (None, NO_REFERENCE) and "P20n1" in seen.report


def test_what_does_not_fit_is_said_at_once(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True, train=1, test=1, clips=4)
    with pytest.raises(SacdError, match="is not a cohort"):
        NightsOfRun(tmp_path / "none", "run")
    with pytest.raises(SacdError, match="no finished run there"):
        NightsOfRun(cohort.path, "run")
