"""The runs behind the notebooks: Table II, nested budgets, and laptop's half hour."""

from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
from tiny import make_cohort

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.profile import Profile, load_profile
from sacd.report.plan import NOTEBOOK_SECONDS
from sacd.runs.forecast import predicted_seconds
from sacd.runs.store import RunStore
from sacd.simulate.planned import plan_cohort, simulation_seconds

LAPTOP_MINUTES = 30.5
"""Predicted; `make report` may take 25 on 2 cores, and the forecast is generous: of 28 predicted 22 were measured."""
CORES = 2


def cohort_of(profile: Profile) -> Cohort:
    """The index of a profile's simulated cohort, without any recording on disk."""
    return plan_cohort(Path("nowhere") / profile.name, profile.cohort.model_dump())


def applies(chapter: experiments.Chapter, cohort: Cohort, profile: Profile) -> bool:
    try:
        chapter.runs(cohort, profile), chapter.companions(cohort, profile)
    except NotApplicable:
        return False
    return True


def test_laptops_plan_keeps_its_budget_on_two_cores(tmp_path):
    profile, store = load_profile("laptop"), RunStore(tmp_path)
    cohort = cohort_of(profile)
    chapters = [chapter for chapter in experiments.CHAPTERS.values() if applies(chapter, cohort, profile)]
    main = runs.closure([run for chapter in chapters for run in chapter.runs(cohort, profile)])
    training = sum(predicted_seconds(config, cohort, store) for config in main)
    simulating = [simulation_seconds(cohort)]
    shared = defaultdict(list)
    for companion in (companion for chapter in chapters for companion in chapter.companions(cohort, profile)):
        shared[companion.place.path].append(companion)
    for companions in shared.values():
        planned = companions[0].place.open_or_plan()
        simulating.append(simulation_seconds(planned))
        configs = runs.closure(config for companion in companions for config in companion.runs(planned))
        # Their EEG and labels are the main cohort's, and so are their teachers.
        beside = [config for config in configs if config.kind != "teacher"]
        training += sum(predicted_seconds(config, planned, store) for config in beside)
    notebooks = NOTEBOOK_SECONDS * len(chapters) / CORES
    minutes = (training / CORES + notebooks + simulating[0] + sum(simulating[1:]) / CORES) / 60
    assert minutes <= LAPTOP_MINUTES, f"laptop needs {minutes:.1f} minutes; cut its steps or its runs"


@pytest.mark.parametrize("name", ["laptop", "paper"])
def test_table_two_has_every_method_in_both_protocols_with_three_seeds(name):
    profile = load_profile(name)
    configs = experiments.published(cohort_of(profile), profile)
    for protocol in experiments.PROTOCOLS:
        for method in experiments.methods(cohort_of(profile), profile, protocol):
            seeds = {run.seed for run in configs if (run.protocol, run.objective.name) == (protocol, method)}
            assert len(seeds) >= 3, (protocol, method)
    few = [run for run in configs if run.protocol == "few-label"]
    assert {run.labelled for run in few} == {8}
    assert all(run.teacher is None or (run.teacher.labelled, run.teacher.seed) == (8, run.seed) for run in few)


def test_on_laptop_only_few_label_ce_kd_and_sacd_are_raw():
    profile = load_profile("laptop")
    raw = [run for run in experiments.published(cohort_of(profile), profile) if run.tier == "raw"]
    assert {(run.protocol, run.objective.name) for run in raw} == {("few-label", m) for m in ("ce", "kd", "sacd")}


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_the_method_by_hand_looks_at_a_student_of_table_two(name):
    profile = load_profile(name)
    cohort = cohort_of(profile)
    [run] = experiments.method_by_hand(cohort, profile)
    assert run in experiments.published(cohort, profile)
    assert run.tier == "raw" and run.teacher is not None and run.objective.options == {}


def test_the_method_by_hand_needs_pictures(tmp_path):
    chapter = experiments.CHAPTERS["18_method_by_hand"]
    assert "features" in chapter.not_applicable(make_cohort(tmp_path / "f", features=True, train=2, test=0, clips=8))
    assert chapter.not_applicable(make_cohort(tmp_path / "r", train=2, test=0, clips=8)) is None


def test_methods_share_everything_but_the_objective():
    profile = load_profile("evening")
    configs = [run for run in experiments.published(cohort_of(profile), profile) if run.seed == 1]
    seen = defaultdict(set)
    for run in configs:
        second = run.model == profile.comparison.student.model
        seen[run.tier, run.protocol, second, run.row()["trunk"]].add(
            run.model_dump_json(exclude={"objective", "teacher", "taught"})
        )
    assert {tier for tier, *_ in seen} == {"raw", "frozen"} and any(second for _, _, second, _ in seen)
    assert {trunk for *_, trunk in seen} == {"", "motion", "pixels", "random", *profile.comparison.sensitivity}
    assert {len(same) for same in seen.values()} == {1}


@pytest.mark.parametrize("name", ["laptop", "evening"])
def test_what_claims_rest_on_has_five_seeds_and_every_method_stands_on_both_trunks(name):
    profile = load_profile(name)
    configs = [run for run in experiments.published(cohort_of(profile), profile) if run.tier == "frozen"]
    for protocol in experiments.PROTOCOLS:
        own = [(run.objective.name, run.row()["trunk"], run.seed) for run in configs if run.protocol == protocol]
        for method in profile.headline:
            assert {seed for name, trunk, seed in own if (name, trunk) == (method, "motion")} == set(range(5))
        on = {trunk: {name for name, where, _ in own if where == trunk} for trunk in ("motion", "pixels")}
        assert on["motion"] == on["pixels"] == set(experiments.methods(cohort_of(profile), profile, protocol))


PUBLISHED = {"fitnet", "pkt", "crd", "ifd", "cmc", "ccl", "sacd"}


@pytest.mark.parametrize("name", ["evening", "paper"])
def test_table_two_holds_the_papers_seven_methods_by_three_teachers_in_both_protocols(name):
    profile = load_profile(name)
    for protocol in experiments.PROTOCOLS:
        configs = [run for run in experiments.published(cohort_of(profile), profile) if run.protocol == protocol]
        plain = [run for run in configs if run.teacher and run.taught == "as-is"]
        pairs = {(run.objective.name, run.teacher.model.name) for run in plain}
        assert {(m, t) for m in PUBLISHED for t in ("attnsleep", "deepsleepnet", "sen")} <= pairs
        assert {("rkd", "attnsleep"), ("kd", "attnsleep"), ("jsd", "attnsleep")} <= pairs
        assert {run.objective.name for run in configs if run.taught == "shifted"} == {"kd", "sacd"}


@pytest.mark.parametrize("name", ["evening", "paper"])
def test_the_equal_budget_gives_every_method_as_many_trials_in_both_protocols(name):
    profile = load_profile(name)
    configs = experiments.equal_budget(cohort_of(profile), profile)
    number = {(run.protocol, len(run.trials)) for run in configs}
    (every,), (few,) = ({count for name, count in number if name == protocol} for protocol in experiments.PROTOCOLS)
    assert every == profile.equal_budget.trials
    assert few >= profile.equal_budget.trials + 2, "with few labels how the labels weigh is tried too"
    first = [run.trials[0] for run in configs]
    for protocol in experiments.PROTOCOLS:
        methods = {run.objective.name for run in first if run.protocol == protocol}
        assert methods >= PUBLISHED | {"ce", "kd", "jsd", "rkd"}
    # The published setting is Table II's own run, so nobody's test participants are looked at twice.
    known = {run.model_dump_json() for run in experiments.published(cohort_of(profile), profile)}
    main = [run for run in first if run.teacher is None or run.objective.name in PUBLISHED | {"kd"}]
    assert {run.model_dump_json() for run in main} <= known


def test_rows_name_a_teacher_or_student_that_is_not_the_profiles_own_and_what_is_newer_than_the_paper():
    profile = load_profile("evening")
    table = pd.DataFrame(
        {
            "method": ["CE", "CE", "SACD", "SACD", "DKD"],
            "objective": ["ce", "ce", "sacd", "sacd", "dkd"],
            "teacher": ["none", "none", "attnsleep", "sen", "attnsleep"],
            "student": ["r2plus1d_10", "r3d_10", "mlp", "mlp", "mlp"],
        }
    )
    names = experiments.row_names(table, cohort_of(profile), profile).tolist()
    assert names == ["CE", "CE · R3D-10", "SACD", "SACD · modified SEN", "DKD (since the paper)"]
    printed = experiments.printed_rows(profile)
    assert {"CE", "CE · R3D-10", "SACD", "SACD · DeepSleepNet", "CRD · modified SEN"} <= set(printed.method)
    chosen = printed[(printed.method == "SACD · modified SEN") & (printed.metric == "accuracy")]
    assert chosen["mean"].unique().tolist() == [0.626]


def test_feature_cohorts_get_folds_a_small_budget_and_the_arm_that_does_not_see_the_channel(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True)
    cohort.participants["split"] = "n/a"
    profile = load_profile("smoke")
    configs = experiments.distillation(cohort, profile)
    assert {run.fold for run in configs} == {(0, 2), (1, 2)}
    assert {run.labelled for run in configs if run.protocol == "few-label"} == {2}
    students = experiments.published(cohort, profile)
    assert {run.teacher.without for run in students if run.teacher} == {"", "Pz-Oz"}
    assert {run.tier for run in students} == {"features"}
