"""The runs behind the verdict: those of other chapters and no others, on this cohort and with other couplings."""

from pathlib import Path

import pytest
from tiny import make_cohort

from sacd import runs
from sacd.cohort import Cohort
from sacd.experiments.ablation import ablation
from sacd.experiments.distillation import published
from sacd.experiments.fusion import fusion
from sacd.experiments.hyperparameters import hyperparameters
from sacd.experiments.profile import Profile, load_profile
from sacd.experiments.verdict import as_claimed, beside, gather, named_runs, verdict, verdict_elsewhere
from sacd.paper.claims import claims
from sacd.runs.execute import execute
from sacd.runs.kinds.student import StudentRun
from sacd.runs.store import RunStore
from sacd.simulate.coupling import COUPLINGS
from sacd.simulate.planned import plan_cohort

SYSTEMS = {name for claim in claims() for part in claim.evidence for name in (part.system, part.reference) if name}


def planned(profile: Profile, folder: Path) -> Cohort:
    """The index of a profile's simulated cohort, without any recording."""
    return plan_cohort(folder / f"simulated-{profile.name}", profile.cohort.model_dump())


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_nothing_is_trained_for_the_verdict_alone(name, tmp_path):
    profile = load_profile(name)
    cohort = planned(profile, tmp_path)
    chapters = (published, ablation, hyperparameters, *([fusion] if profile.fusion else []))
    others = [chapter(cohort, profile) for chapter in chapters]
    known = {run.model_dump_json() for runs in others for run in runs}
    wanted = [run.model_dump_json() for run in verdict(cohort, profile)]
    assert set(wanted) <= known
    assert len(wanted) == len(set(wanted))


def test_the_paper_profile_trains_every_system_that_a_claim_names(tmp_path):
    profile = load_profile("paper")
    found = {named.system for named in named_runs(planned(profile, tmp_path), profile)}
    assert found == SYSTEMS


def test_systems_of_one_setting_differ_in_nothing_but_what_their_names_say(tmp_path):
    profile = load_profile("laptop")
    named = [one for one in named_runs(planned(profile, tmp_path), profile) if isinstance(one.run, StudentRun)]
    for setting in {one.setting for one in named}:
        same = {
            one.run.model_dump_json(exclude={"objective", "teacher", "seed", "fold", "test"})
            for one in named
            if one.setting == setting
        }
        assert len(same) == 1, setting
    assert {one.run.objective.options == {} for one in named if one.system in ("SACD", "CE", "CCL")} == {True}


def test_validation_is_looked_at_where_weights_were_chosen_and_nowhere_else(tmp_path):
    profile = load_profile("laptop")
    named = named_runs(planned(profile, tmp_path), profile)
    on_validation = {one.system for one in named if one.split == "validation"}
    assert on_validation and all(name.startswith("λ") for name in on_validation)
    assert all(one.run.test for one in named if one.split == "test" and isinstance(one.run, StudentRun))


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_the_other_couplings_see_the_same_nights_and_teachers(name, tmp_path):
    profile = load_profile(name)
    cohort = planned(profile, tmp_path)
    companions = verdict_elsewhere(cohort, profile)
    made = {companion.place.settings["coupling"] for companion in companions}
    assert made | {profile.cohort.coupling} == {*profile.verdict.couplings, profile.cohort.coupling} <= set(COUPLINGS)
    own = {
        one.run.teacher.model_dump_json() for one in named_runs(cohort, profile) if getattr(one.run, "teacher", None)
    }
    for companion in companions:
        assert companion.place.settings | {"coupling": ""} == companions[0].place.settings | {"coupling": ""}
        runs = companion.runs(companion.place.open_or_plan())
        assert {run.seed for run in runs} == set(range(min(profile.verdict.seeds, profile.seeds)))
        assert {run.teacher.model_dump_json() for run in runs if run.teacher} <= own
        assert {run.protocol for run in runs} == {"paper", "few-label"}
        assert {run.objective.name for run in runs} <= set(profile.verdict.methods) | {"sacd"}


def test_cohorts_that_were_not_simulated_here_stand_alone_and_have_the_blind_arm(tmp_path):
    profile = load_profile("smoke")
    cohort = make_cohort(tmp_path / "cohort", features=True, train=9, test=0)
    assert verdict_elsewhere(cohort, profile) == []
    named = named_runs(cohort, profile)
    blind = [one for one in named if one.setting.endswith("without Pz-Oz")]
    assert {"CE", "SACD"} <= {one.system for one in blind}
    assert all(one.run.teacher is None or one.run.teacher.without == "Pz-Oz" for one in blind)


def test_a_list_of_cohorts_is_judged_whole_and_in_its_order(tmp_path):
    profile = load_profile("smoke")
    paths = [make_cohort(tmp_path / name, features=True, train=9, test=0).path for name in ("b", "a")]
    chosen = [Cohort.open(path) for path in paths]
    gathered = gather(chosen[0], profile, [], chosen)
    assert [cohort.path for cohort, _ in gathered] == paths
    for cohort, named in gathered:
        assert [one.system for one in named] == [one.system for one in named_runs(cohort, profile)]


def test_predictions_carry_the_names_that_claims_use(tmp_path, monkeypatch):
    monkeypatch.delenv("SACD_RUNS", raising=False)
    profile = load_profile("smoke")
    cohort = make_cohort(tmp_path / "cohort", features=True, train=9, test=0)
    few = [one for one in named_runs(cohort, profile) if one.system == "CE" and one.setting.startswith("paper")]
    few = [one for one in few if (one.run.seed, one.run.fold) == (0, (0, 2))]
    for run in {one.run.model_dump_json(): one.run for one in few}.values():
        execute(run, cohort, RunStore.beside(cohort))
    table = as_claimed(runs.ensure(cohort, [one.run for one in few]), few)
    found = runs.predictions(table, [one.split for one in few])
    assert set(found["tier"]) == {"paper · features", "paper · features · teacher without Pz-Oz"}
    assert set(found["method"]) == {"CE"}
    assert not found.duplicated(["method", "tier", "seed", "recording_id", "clip"]).any()
    assert set(found["split"]) == {"test"} and set(found["seed"]) == {0}
    learnt = runs.histories(table, ["method", "tier"])
    assert set(learnt) == {"CE, paper · features", "CE, paper · features · teacher without Pz-Oz"}
    assert all({"step", "ce", "validation_macro_f1"} <= set(history) for history in learnt.values())
    either = runs.predictions(table, ["validation", *["test"] * (len(few) - 1)])
    assert set(either["split"]) == {"validation", "test"}


def test_the_runs_beside_are_a_part_of_the_whole(tmp_path):
    profile = load_profile("laptop")
    cohort = planned(profile, tmp_path)
    whole = {(one.system, one.setting, one.run.model_dump_json()) for one in named_runs(cohort, profile)}
    part = {(one.system, one.setting, one.run.model_dump_json()) for one in beside(cohort, profile)}
    assert part < whole
