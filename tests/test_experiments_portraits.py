"""Portraits: whose features, where the people are, who is left out, and the two notebooks on a cohort of features."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny import make_cohort

from sacd import experiments
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments import portraits
from sacd.experiments.profile import PROFILES, Portraits, load_profile
from sacd.report import Report
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
    with pytest.raises(NotApplicable, match="nobody's AHI"):
        portraits.portrait(cohort, SMOKE)


def test_both_notebooks_run_on_a_cohort_of_features_with_its_own_people(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True, train=6, test=36, clips=100).path
    table = pd.read_csv(cohort / "participants.tsv", sep="\t")
    table.loc[7, "age"] = 12
    table.to_csv(cohort / "participants.tsv", sep="\t", index=False)
    profile = load_profile("smoke").model_copy(update={"portraits": Portraits(permutations=100, clips=4, shuffles=4)})
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(profile.model_dump(mode="json")))
    report = Report(str(file), cohort, ("09", "10"), out=tmp_path / "report")
    entries = report.write()
    assert [(entry.name, entry.status, entry.reason) for entry in entries] == [
        ("09_ahi_spearman", "done", ""), ("10_feature_portraits", "done", "")
    ]
    for name in ("09_ahi_spearman", "10_feature_portraits"):
        page = (tmp_path / "report" / f"{name}.html").read_text()
        assert "1 under 18" in page and "simulated" in page
