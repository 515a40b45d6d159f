"""Measured on simulated nights: what finetuning brings a laboratory with another camera and two labelled nights."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from sacd import runs
from sacd.cohort import Cohort
from sacd.experiments.finetuning import finetuned
from sacd.experiments.profile import load_profile
from sacd.experiments.single_student import single_student
from sacd.runs.execute import execute
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.student import StudentRun
from sacd.runs.staging import TrainedStudent
from sacd.runs.store import Run, RunStore
from sacd.simulate.simulated_cohort import simulate
from sacd.training.config import ObjectiveConfig
from sacd.training.tasks import stage_scores

SEEDS = 3
LAPTOP = load_profile("laptop")
SCRATCH = ("kd", "ce")


def made(config: RunConfig, cohort: Cohort, store: RunStore) -> Run:
    for run in runs.closure([config]):
        execute(run, cohort, store)
    return store.open(config, cohort)


def student(cohort: Cohort, method: str, labelled: int | None, seed: int) -> StudentRun:
    """The laptop profile's, on its trunk; of the teachers one that is quick, of as many steps wherever it learns."""
    teacher = None if method == "ce" else "sen"
    objective = ObjectiveConfig(name=method)
    run = single_student(cohort, LAPTOP, objective, teacher=teacher, labelled=labelled, frozen=True, seed=seed)
    if run.teacher is None:
        return run
    training = LAPTOP.few_label_teacher.training
    return run.model_copy(update={"teacher": run.teacher.model_copy(update={"training": training})})


def macro_f1(said: pd.DataFrame) -> float:
    """Over test people of whom neither student has seen anything, each weighing the same."""
    return stage_scores(*(said[name].to_numpy() for name in ("stage", "predicted", "participant_id")))["macro_f1"]


def measured(folder: Path, seed: int) -> dict[str, float]:
    """Macro-F1 on the new laboratory's test people: other people, behind a camera that shows less.

    At home everybody is labelled, in the laboratory two people are. `start` is the student as it comes; from scratch
    the same two are all there is, for the teacher too.
    """
    sizes = {"nights": 0, "viewing": False, "exist_ok": True}
    home = Cohort.open(simulate(folder / "home", train=24, test=4, coupling="medium", seed=0, **sizes))
    clinic = Cohort.open(simulate(folder / "clinic", train=14, test=12, coupling="weak", seed=1, **sizes))
    store = RunStore(folder / "runs")
    parent = made(student(home, "kd", None, seed), home, store)
    config = finetuned(parent, clinic, labelled=2, seed=seed)
    tested = clinic.of(config.split(clinic).test)
    comes = pd.concat([TrainedStudent(parent).staged(night, "argmax") for night in tested])
    ours = {f"scratch {method}": student(clinic, method, 2, seed) for method in SCRATCH} | {"finetuned": config}
    said = {name: made(run, clinic, store).predictions for name, run in ours.items()}
    return {"start": macro_f1(comes)} | {
        name: macro_f1(table[table["split"] == "test"]) for name, table in said.items()
    }


@pytest.mark.slow
def test_it_beats_what_two_labels_alone_teach(tmp_path):
    """On this trunk, which everybody shares, nothing is claimed against its start or distilling from scratch."""
    torch.set_num_threads(1)
    table = pd.DataFrame([measured(tmp_path, seed) for seed in range(SEEDS)])
    assert (table["finetuned"] - table["scratch ce"]).mean() > 0, table.round(3).to_string()
