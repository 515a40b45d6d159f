"""Portraits: whose features, where the people are, who is left out, and the two notebooks on a cohort of features."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from tiny import make_cohort

from sacd import experiments
from sacd.analysis.portrait import read_person
from sacd.analysis.portrait_file import open_portrait
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments import portraits
from sacd.experiments.calibration_nights import FILE
from sacd.experiments.profile import PROFILES, Portraits, load_profile
from sacd.figures.portrait_words import answer_in_words
from sacd.paths import ROOT
from sacd.report import Report
from sacd.runs.execute import execute
from sacd.runs.store import RunStore
from sacd.simulate.planned import array_bytes, plan_cohort

LAPTOP = load_profile("laptop")
SMOKE = load_profile("smoke").model_copy(update={"portraits": Portraits(people=20, weak=3)})


@pytest.fixture(scope="module")
def main() -> Cohort:
    return plan_cohort(Path("nowhere") / "main", LAPTOP.cohort.model_dump())


def test_the_student_is_one_of_table_two(main):
    [run] = portraits.portrait_runs(main, LAPTOP)
    assert run in experiments.published(main, LAPTOP)
    assert (run.objective.name, run.protocol, run.tier, run.seed) == ("sacd", "paper", "frozen", 0)


def test_the_people_are_further_test_participants_and_nobody_is_in_two_cohorts(main):
    planned = [companion.place.open_or_plan() for companion in portraits.portrait_companions(main, LAPTOP)]
    nights = [experiments.night.night_place(main, LAPTOP).open_or_plan()]
    names = [set(cohort.participants.index) for cohort in (main, *planned)]
    assert [len(people) for people in names[1:]] == [LAPTOP.portraits.people, LAPTOP.portraits.weak]
    assert not names[1] & names[2] and not (names[1] | names[2]) & (names[0] | set(nights[0].participants.index))
    assert [cohort.info.provenance["coupling"]["name"] for cohort in planned] == ["medium", "weak"]
    assert all((cohort.info.eeg, cohort.info.sampling.frames) == ("none", 32) for cohort in planned)
    assert all(companion.runs(planned[0]) == [] for companion in portraits.portrait_companions(main, LAPTOP))
    assert sum(map(array_bytes, planned)) < 1.2e9


@pytest.mark.parametrize("kept", [True, False])
def test_people_whose_motion_went_are_simulated_again_where_it_is_wanted(monkeypatch, kept):
    asked, nights = [], ["night 1", "night 2"]
    monkeypatch.setattr(portraits, "ensure", lambda places: [nights for _ in places])
    monkeypatch.setattr(portraits, "kept_markers", lambda night: {} if kept or night == "night 1" else None)
    monkeypatch.setattr(portraits, "make_whole", lambda cohorts: asked.extend(["whole", *cohorts]))
    monkeypatch.setattr(portraits, "recording_markers", asked.append)
    assert portraits._measured(None) is nights
    assert asked == ([] if kept else ["whole", nights, "night 1", "night 2"])


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_has_portraits_or_says_who_has(main, name):
    profile = load_profile(name)
    if profile.portraits is None:
        with pytest.raises(NotApplicable, match="leaves portraits out; laptop has them"):
            portraits.portrait_runs(main, profile)
    else:
        assert portraits.portrait_runs(main, profile)


def test_a_cohort_without_ahi_or_with_few_people_does_not_apply(tmp_path):
    cohort = make_cohort(tmp_path / "few", features=True, train=4, test=3, clips=8)
    assert portraits.no_ahi(cohort) is None
    with pytest.raises(NotApplicable, match="3 adults of known AHI"):
        portraits.portrait_runs(cohort, SMOKE)
    cohort.participants["ahi"] = np.nan
    assert "nobody's AHI is known" in experiments.CHAPTERS["09_ahi_spearman"].not_applicable(cohort)


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> tuple[Cohort, Path]:
    """A cohort of features with 36 people of its own, one of them a child, and a profile; the student is trained."""
    folder = tmp_path_factory.mktemp("own")
    path = make_cohort(folder / "cohort", features=True, train=6, test=36, clips=100).path
    table = pd.read_csv(path / "participants.tsv", sep="\t")
    table.loc[7, "age"] = 12
    table.to_csv(path / "participants.tsv", sep="\t", index=False)
    little = Portraits(permutations=100, clips=4, shuffles=4)
    profile = load_profile("smoke").model_copy(update={"portraits": little, "methods": ("ce",)})
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(profile.model_dump(mode="json")))
    cohort = Cohort.open(path)
    execute(portraits.portrait_student(cohort, profile), cohort, RunStore.beside(cohort))
    return cohort, file


def run_cells(name: str, **parameters: object) -> dict[str, object]:
    """Execute a notebook's code in this process, where the student is trained already."""
    namespace: dict[str, object] = {}
    for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, name, "exec"), namespace)
        if "parameters" in cell.metadata.get("tags", []):
            namespace.update(parameters)
    return namespace


def test_the_notebook_of_the_ahi_runs_on_a_cohort_with_its_own_people(own, capsys):
    cohort, file = own
    found = run_cells("09_ahi_spearman", cohort=str(cohort.path), profile=str(file))
    said = capsys.readouterr().out
    assert "35 adults" in said and "1 under 18" in said and "by construction" in said
    assert len(found["reference"].participants) == 23 and len(found["new"].participants) == 12
    assert set(found["survivals"]) == {"confounders", "confounders and mediators"}
    assert found["people"].stage_means.shape == (35, 5, 512)


def test_the_notebook_of_portraits_runs_and_what_it_leaves_opens_the_same(own, capsys):
    cohort, file = own
    found = run_cells("10_feature_portraits", cohort=str(cohort.path), profile=str(file))
    assert "abstains in" in capsys.readouterr().out
    portrait, new = found["portrait"], found["new"]
    opened, label = open_portrait(Path(found["row"].path))
    assert label == cohort.label and opened.baseline is None, "these recordings hold no motion"
    pd.testing.assert_frame_equal(opened.place(new), portrait.place(new), atol=0.05 * np.ptp(portrait.map.points))
    pd.testing.assert_frame_equal(opened.tell(new), portrait.tell(new))
    one = new.of(new.participants.index[:1])
    panels, answer = read_person(opened, one.features, one.clips["predicted"].to_numpy(), "new")
    assert set(panels) == {"N2", "N3"}
    if answer is not None:
        assert answer.probability == pytest.approx(opened.tell(one)["probability"].iloc[0])
        assert cohort.label in answer_in_words(answer, opened.severity, label)
    assert "too little sleep" in answer_in_words(None, opened.severity, label)
    with pytest.raises(SacdError, match="no reference of people; run notebook 10"):
        open_portrait(cohort.path)


def test_all_further_people_calibrate_the_student(own, tmp_path, monkeypatch):
    cohort, file = own
    profile = load_profile(str(file))
    run = RunStore.beside(cohort).open(portraits.portrait_student(cohort, profile), cohort)
    portraits.keep_nights(cohort, profile)
    assert not (run.path / FILE).exists(), "its own test people are its calibration"
    further = make_cohort(tmp_path / "further", features=True, train=2, test=3, clips=482, seed=1)
    monkeypatch.setattr(portraits, "has_people_beside", lambda _: True)
    monkeypatch.setattr(portraits, "portrait_place", lambda *_: None)
    monkeypatch.setattr(portraits, "ensure", lambda _: [further])
    portraits.keep_nights(cohort, profile)
    kept = pd.read_parquet(run.path / FILE)
    (run.path / FILE).unlink()
    assert sorted(set(kept["participant_id"])) == sorted(further.participants.index)
    assert len(kept) == 5 * 482 and kept["off"].isna().all()


@pytest.mark.slow
def test_both_notebooks_are_chapters_of_a_report(own, tmp_path):
    cohort, file = own
    entries = Report(str(file), cohort.path, ("09", "10"), out=tmp_path / "report").write()
    done = {entry.name: (entry.status, entry.reason) for entry in entries}
    for name in ("09_ahi_spearman", "10_feature_portraits"):
        assert done[name] == ("done", "")
        assert "1 under 18" in (tmp_path / "report" / f"{name}.html").read_text()
