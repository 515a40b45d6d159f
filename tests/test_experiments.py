"""The runs behind the notebooks: the frame of Table II, nested budgets, and laptop's fifteen minutes."""

from pathlib import Path

import pandas as pd
import pytest
from tiny import make_cohort

from sacd import experiments, runs
from sacd.cohort import Cohort, CohortInfo, Sampling
from sacd.config import StudentRun
from sacd.profile import Profile, load_profile
from sacd.report import NOTEBOOK_SECONDS, choose
from sacd.store import RunStore
from sacd.training.cost import predicted_seconds

LAPTOP_MINUTES = 15
SIMULATOR_CLIPS_PER_SECOND = 500
CORES = 2


def cohort_of(profile: Profile) -> Cohort:
    """The index of a profile's simulated cohort, without any recording on disk."""
    shape = profile.cohort
    clips = [80] * shape.train + [1200] * shape.nights + [120] * (shape.test - shape.nights)
    names = [f"P{i:03d}" for i in range(len(clips))]
    participants = pd.DataFrame(
        {
            "ahi": [float(3 + 11 * (i % 4)) for i in range(len(names))],
            "split": ["train"] * shape.train + ["test"] * shape.test,
        },
        index=names,
    )
    recordings = pd.DataFrame(
        {"recording_id": names, "participant_id": names, "start": "n/a", "channel": "C3", "clips": clips}
    )
    sampling = Sampling(eeg_hz=100, eeg_channels=("C3",), frames=32, span_s=30, height=32, width=32)
    info = CohortInfo(name="laptop", simulated=True, source_id="x", video="raw", eeg="raw", sampling=sampling)
    return Cohort(Path("nowhere"), info, participants, recordings)


def test_laptops_plan_keeps_its_budget_on_two_cores(tmp_path):
    profile = load_profile("laptop")
    cohort = cohort_of(profile)
    chapters = choose(profile.chapters)
    configs = runs.closure([run for name in chapters for run in experiments.CHAPTERS[name].runs(cohort, profile)])
    training = sum(predicted_seconds(config, cohort, RunStore(tmp_path)) for config in configs) / CORES
    notebooks = NOTEBOOK_SECONDS * len(chapters) / CORES
    simulating = cohort.recordings.clips.sum() / SIMULATOR_CLIPS_PER_SECOND
    minutes = (training + notebooks + simulating) / 60
    print(minutes)
    assert minutes <= LAPTOP_MINUTES, f"laptop needs {minutes:.1f} minutes; cut its steps or its runs"


@pytest.mark.parametrize("name", ["laptop", "paper"])
def test_table_two_has_every_method_in_both_protocols_with_three_seeds(name):
    profile = load_profile(name)
    configs = [run for run in experiments.distillation(cohort_of(profile), profile) if isinstance(run, StudentRun)]
    for protocol in experiments.PROTOCOLS:
        for method in experiments.methods(cohort_of(profile), profile, protocol):
            seeds = {run.seed for run in configs if (run.protocol, run.objective.name) == (protocol, method)}
            assert len(seeds) >= 3, (protocol, method)
    few = [run for run in configs if run.protocol == "few-label"]
    assert {run.labelled for run in few} == {8}
    assert all(run.teacher is None or (run.teacher.labelled, run.teacher.seed) == (8, run.seed) for run in few)


def test_on_laptop_only_few_label_ce_kd_and_sacd_are_raw():
    profile = load_profile("laptop")
    raw = [run for run in experiments.distillation(cohort_of(profile), profile) if run.tier == "raw"]
    assert {(run.protocol, run.objective.name) for run in raw} == {("few-label", m) for m in ("ce", "kd", "sacd")}


def test_methods_share_everything_but_the_objective():
    profile = load_profile("laptop")
    configs = [run for run in experiments.distillation(cohort_of(profile), profile) if run.seed == 1]
    for tier in ("raw", "frozen"):
        for protocol in experiments.PROTOCOLS:
            same = {
                run.model_dump_json(exclude={"objective", "teacher"})
                for run in configs
                if (run.tier, run.protocol) == (tier, protocol)
            }
            assert len(same) <= 1


def test_feature_cohorts_get_folds_a_small_budget_and_the_arm_that_does_not_see_the_channel(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True)
    cohort.participants["split"] = "n/a"
    profile = load_profile("smoke")
    configs = experiments.distillation(cohort, profile)
    assert {run.fold for run in configs} == {(0, 2), (1, 2)}
    assert {run.labelled for run in configs if run.protocol == "few-label"} == {2}
    assert {run.teacher.without for run in configs if run.teacher} == {"", experiments.HIDDEN_CHANNEL}
    assert {run.tier for run in configs} == {"features"}
