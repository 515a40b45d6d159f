"""Measured on simulated nights: what finetuning brings a laboratory with another camera and two labelled nights."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from sacd import runs
from sacd.cohort import Cohort, hash_file
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

SEEDS = (20, 21, 22)
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


def behind_another_camera(path: Path) -> Cohort:
    """A cohort's pictures from further away (four fifths as large), darker (three fifths), and noisier."""
    rng = np.random.default_rng(0)
    for night in Cohort.open(path):
        pictures = torch.from_numpy(np.array(night.video)).float()
        size = round(0.8 * pictures.shape[-1])
        margin = (pictures.shape[-1] - size) // 2
        smaller = F.interpolate(pictures, size=(size, size), mode="area")
        seen = F.pad(smaller, (margin, pictures.shape[-1] - size - margin) * 2, value=40.0).numpy()
        seen = np.clip(0.6 * seen + 20 + rng.normal(0, 1.5, seen.shape), 0, 255).round().astype(np.uint8)
        np.save(night.path / "video.npy", seen)
        about = night.metadata
        about["hashes"]["video.npy"] = hash_file(night.path / "video.npy")
        (night.path / "recording.json").write_text(json.dumps(about))
    return Cohort.open(path)


def scores(said: pd.DataFrame) -> dict[str, float]:
    """Over test people of whom no student has seen anything, each weighing the same."""
    return stage_scores(*(said[name].to_numpy() for name in ("stage", "predicted", "participant_id")))


def measured(folder: Path, seed: int) -> pd.DataFrame:
    """Scores on the new laboratory's test people, a row a student: other people, behind another camera.

    At home everybody is labelled; the laboratory has eight nights, of which two are. `start` is the student as it
    comes; from scratch the same two are all there is, for the teacher too.
    """
    sizes = {"nights": 0, "viewing": False}
    home = Cohort.open(simulate(folder / "home", train=24, test=4, seed=2 * seed, **sizes))
    clinic = behind_another_camera(simulate(folder / "clinic", train=8, test=12, seed=2 * seed + 1, **sizes))
    store = RunStore(folder / "runs")
    parent = made(student(home, "kd", None, seed), home, store)
    config = finetuned(parent, clinic, labelled=2, seed=seed)
    tested = clinic.of(config.split(clinic).test)
    comes = pd.concat([TrainedStudent(parent).staged(night, "argmax") for night in tested])
    ours = {f"scratch {method}": student(clinic, method, 2, seed) for method in SCRATCH} | {"finetuned": config}
    said = {name: made(run, clinic, store).predictions for name, run in ours.items()}
    rows = {"start": scores(comes)} | {name: scores(table[table["split"] == "test"]) for name, table in said.items()}
    return pd.DataFrame(rows).T


@pytest.mark.slow
def test_it_beats_the_student_as_it_comes_and_training_from_scratch(tmp_path):
    """Settings were chosen on cohorts of seeds 0, 1 and 20 to 23; three further pairs of cohorts.

    Thirty pairs of seeds 100 to 129 gave 3.5 points of accuracy more than the start (95 % of 2.2 to 4.8), 6.8 (5.0 to
    8.5) more than distillation from scratch and 17.8 (15.2 to 20.4) more than labels from scratch.
    """
    torch.set_num_threads(1)
    tables = {seed: measured(tmp_path / str(seed), seed) for seed in SEEDS}
    table = pd.concat(tables)[["accuracy", "macro_f1", "kappa"]].unstack(0)
    print(table.round(3).to_string())
    mean = table["accuracy"].mean(axis=1)
    assert (mean["finetuned"] > mean.drop("finetuned")).all()
    assert (table["accuracy"].loc["finetuned"] > table["accuracy"].loc["scratch ce"]).all()
    assert (table["kappa"].mean(axis=1).drop("finetuned") < table["kappa"].loc["finetuned"].mean()).all()
