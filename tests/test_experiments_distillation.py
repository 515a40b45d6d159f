"""Table II's further rows: other trunks, tuned decisions, seeds of what claims rest on, and what blocks are called."""

from pathlib import Path

import pandas as pd
import pytest
from tiny import make_cohort

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.distillation import methods, tuned
from sacd.experiments.profile import Profile, load_profile
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.simulate.planned import plan_cohort
from sacd.stages import STAGES

TRUNKS = {
    "trunks": ("pixels",), "untrained": ("ce",), "sensitivity": ("motion-1", "motion-uncoupled"), "shifted": (),
    "smoothed": (), "tuned": ("ce", "kd"),
}


def profile_of(**changes: object) -> Profile:
    """Smoke with four methods, of which two have four seeds and the others one."""
    smoke = load_profile("smoke")
    own = {"methods": ("ce", "kd", "crd", "night-kd"), "seeds": 1, "headline": ("kd", "night-kd"), "headline_seeds": 4}
    return smoke.model_copy(update=own | {"comparison": smoke.comparison.model_copy(update=TRUNKS)} | changes)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return plan_cohort(Path("nowhere") / "main", load_profile("smoke").cohort.model_dump())


def few(cohort: Cohort, profile: Profile) -> list[StudentRun]:
    """The frozen tier with few labels and the profile's own teacher."""
    return [
        run
        for run in experiments.published(cohort, profile)
        if (run.protocol, run.tier) == ("few-label", "frozen")
        and (run.teacher is None or run.teacher.model.name == "attnsleep")
    ]


def test_every_trunk_has_the_methods_that_the_profile_names(cohort):
    on: dict[str, list[str]] = {}
    for run in few(cohort, profile_of()):
        if run.seed == 0:
            on.setdefault(run.row()["trunk"], []).append(run.objective.name)
    own = ["ce", "kd", "crd", "night-kd"]
    assert on == {
        "motion": own, "pixels": own, "random": ["ce"], "motion-1": ["kd", "night-kd"],
        "motion-uncoupled": ["kd", "night-kd"],
    }


def test_on_another_trunk_a_method_differs_in_its_trunk_alone(cohort):
    found = [run for run in few(cohort, profile_of()) if run.seed == 0]
    own = {run.objective.name: run for run in found if run.row()["trunk"] == "motion"}
    for run in found:
        reference = own[run.objective.name]
        assert run.model_copy(update={"trunk": reference.trunk}) == reference
        assert run.trunk.model.name == reference.trunk.model.name == "r2plus1d_10"


def test_what_claims_rest_on_has_more_seeds_on_the_profiles_own_trunk(cohort):
    seeds: dict[tuple[str, str], set[int]] = {}
    for run in few(cohort, profile_of()):
        seeds.setdefault((run.row()["trunk"], run.objective.name), set()).add(run.seed)
    for (trunk, name), found in seeds.items():
        more = trunk == "motion" and name in ("kd", "night-kd")
        assert found == set(range(4 if more else 1)), (trunk, name)
    assert profile_of(seeds=9).seeds_of("kd") == 9, "never fewer than the others"


def test_a_real_cohort_stands_on_the_shipped_trunk_beside_its_own(cohort):
    info = cohort.info.model_copy(update={"simulated": False})
    real = type(cohort)(cohort.path, info, cohort.participants, cohort.recordings)
    found = [run for run in few(real, profile_of()) if run.seed == 0 and run.objective.name == "ce"]
    assert [run.row()["trunk"] for run in found] == ["motion, continued", "motion", "pixels", "random"]
    assert [isinstance(run.trunk, TrunkRun) for run in found] == [False, True, True, True]


def test_tuned_decisions_are_of_students_of_the_first_block(cohort):
    profile = profile_of(seeds=2)
    found = tuned(cohort, profile)
    assert [(run.student.objective.name, run.seed) for run in found] == [("ce", 0), ("ce", 1), ("kd", 0), ("kd", 1)]
    known = {run.model_dump_json() for run in few(cohort, profile)}
    assert all(run.student.model_dump_json() in known for run in found)
    assert set(found) <= set(run for run in experiments.distillation(cohort, profile) if run.kind == "tuned")


def test_of_two_labelled_nobody_can_be_left_out(tmp_path):
    small = make_cohort(tmp_path / "c", features=True, train=9, test=0, clips=8)
    assert tuned(small, profile_of()) == []
    assert len(runs.plan(small, experiments.distillation(small, profile_of())))


def test_rows_and_blocks_are_called_after_protocol_tier_trunk_and_search(cohort):
    profile = profile_of()
    wanted = [run for run in experiments.distillation(cohort, profile) if run.protocol == "few-label" and run.seed == 0]
    table = pd.DataFrame([run.row() for run in wanted])
    named = experiments.named(table, cohort, profile)
    assert list(named.columns) == [*table.columns, "block", "family"]
    blocks = {block: set(rows.method) for block, rows in named[named.kind == "student"].groupby("block")}
    start, ours = f"{experiments.PUBLISHED} · few-label · ", "Night-KD (ours), teacher smoothed"
    others = {f"CRD · {name}" for name in ("DeepSleepNet", "modified SEN")}
    assert blocks == {
        f"{start}raw": {"CE", "CE · R3D-10", "KD"},
        f"{start}frozen, motion": {"CE", "KD", "CRD", ours} | others,
        f"{start}frozen, pixels": {"CE", "KD", "CRD", ours},
        f"{start}frozen, random": {"CE"},
        f"{start}frozen, motion-1": {"KD", ours},
        f"{start}frozen, motion-uncoupled": {"KD", ours},
    }
    assert set(named[named.kind == "selected"].block) == {"equal budget · few-label · frozen, motion"}
    assert set(named[named.kind == "tuned"].block) == {f"{start}frozen, motion"}


def test_features_that_are_given_have_no_trunk(tmp_path):
    cohort, profile = make_cohort(tmp_path / "c", features=True, train=9, test=0, clips=8), profile_of()
    table = pd.DataFrame([run.row() for run in experiments.published(cohort, profile)])
    named = experiments.named(table, cohort, profile)
    assert set(named.trunk) == {""}
    assert set(named.block) == {f"{experiments.PUBLISHED} · {name} · features" for name in experiments.PROTOCOLS}
    assert {"KD", "KD, teacher without Pz-Oz"} <= set(named.method)


def test_the_headline_is_each_methods_own_row_on_the_profiles_trunk(cohort):
    smoke = load_profile("smoke")
    profile = profile_of(comparison=smoke.comparison.model_copy(update=TRUNKS | {"shifted": ("kd",), "seeds": 1}))
    published = experiments.published(cohort, profile)
    rows = pd.DataFrame([run.row() for run in published])
    table = experiments.named(rows, cohort, profile)
    kept = experiments.headline(table, profile)
    frozen = kept[kept.tier == "frozen"]
    assert set(frozen.method) == {"KD", "Night-KD (ours), teacher smoothed"} and set(frozen.trunk) == {"motion"}
    assert frozen.groupby(["protocol", "method"]).seed.nunique().eq(4).all()
    assert set(kept[kept.tier == "raw"].method) == {"KD"}


def test_simulated_nights_that_went_through_files_have_no_oracle(tmp_path, cohort):
    profile = profile_of(methods=("ce", "oracle"))
    assert methods(cohort, profile, "paper") == ["ce", "oracle"]
    made = make_cohort(tmp_path / "made", features=True)
    assert methods(made, profile, "paper") == ["ce", "oracle"]
    for recording in made:
        table = recording.clips.drop(columns=[f"posterior_{stage}" for stage in STAGES])
        table.to_parquet(recording.path / "clips.parquet", index=False)
    ingested = Cohort.open(tmp_path / "made")
    assert methods(ingested, profile, "paper") == ["ce"]
    run = next(run for run in experiments.published(made, profile) if getattr(run, "name", "") == "oracle")
    with pytest.raises(SacdError, match="no posterior of a simulator; leave objective oracle out"):
        run.check(ingested)
