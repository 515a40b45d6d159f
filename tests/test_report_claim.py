"""`make claim`: resumed where it stopped, refused where it would look twice, and told as the counts say."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic_predictions import predictions
from tiny import make_cohort
from typer.testing import CliRunner

from sacd.analysis.counts import count
from sacd.cli import app
from sacd.exceptions import SacdError
from sacd.experiments import claim as design_module
from sacd.experiments.claim import Design, Stage, commit_of, load_design, stage_runs
from sacd.report import claim
from sacd.report.claim import Confirmation
from sacd.report.claim_benchmark import benchmark, plan_benchmark
from sacd.training.config import ModelConfig, ObjectiveConfig

RIGHT = {"CE": 0.50, "KD": 0.55, "ours": 0.65, "CE all": 0.66}


@pytest.fixture
def design() -> Design:
    """Three cohorts a stage, two training seeds."""
    small = {
        name: Stage(first_seed=first, cohorts={"medium": 3, "weak": 2}, seeds=2)
        for name, first in (("A", 100), ("B", 9000))
    }
    own = load_design()
    return own.model_copy(update={"stages": small, "labelled": 4, "cohort": own.cohort | {"train": 8, "test": 4}})


@pytest.fixture
def trained(monkeypatch) -> list[int]:
    """Seeds of the cohorts that were trained on; nothing is simulated or trained, the counts are made up."""
    seen: list[int] = []

    def ensure(places):
        return [SimpleNamespace(seed=place.settings["seed"], path=place.path) for place in places]

    def count_rows(design, cohort, seeds, store):
        seen.append(cohort.seed)
        cohort.path.mkdir(parents=True)
        table = predictions(RIGHT, participants=6, clips=200, seeds=seeds, seed=cohort.seed)
        return count(table.rename(columns={"method": "row"}).assign(student="context", decision=design.decisions[0]))

    monkeypatch.setattr(claim, "ensure", ensure)
    monkeypatch.setattr(claim, "count_rows", count_rows)
    monkeypatch.setattr(claim, "commit_of", lambda: "abc123")
    monkeypatch.setattr(claim, "REFERENCE", Path("nowhere"))
    return seen


def frozen(design: Design, tmp_path: Path) -> Path:
    """Stage A, run and fixed."""
    Confirmation("A", tmp_path / "A", design=design, work=tmp_path / "work").run()
    return tmp_path / "A" / "frozen.json"


def stage_b(design: Design, tmp_path: Path, fixed: Path, **options: int | str) -> Confirmation:
    return Confirmation("B", tmp_path / "B", design=design, frozen=fixed, work=tmp_path / "work", **options)


def test_both_stages_from_cohorts_to_the_page(design, trained, tmp_path):
    fixed = frozen(design, tmp_path)
    page = stage_b(design, tmp_path, fixed).run()
    assert trained == [100, 101, 102, 9000, 9001, 9002]
    assert not list((tmp_path / "work").rglob("cohort")), "a cohort is removed when it is counted"
    result = json.loads((tmp_path / "B" / "stage-B-medium-9000.json").read_text())
    assert (result["commit"], result["coupling"], result["cohorts"]) == ("abc123", "medium", [9000, 9001, 9002])
    assert result["components"] == json.loads(fixed.read_text())["components"]
    primary = result["tests"][0]
    assert primary["verdict"] == "holds"
    assert primary["mean"] == pytest.approx(0.1, abs=0.03)
    text = page.read_text()
    assert "primary, ours − KD, Accuracy: +" in text
    assert "abc123" in text
    scores = pd.read_csv(tmp_path / "B" / "stage-B-medium-9000.csv")
    assert set(scores["row"]) == set(RIGHT)


def test_the_difference_is_the_mean_over_participants_and_seeds(design, trained, tmp_path):
    frozen(design, tmp_path)
    scores = pd.read_csv(tmp_path / "A" / "stage-A-medium-100.csv")
    table = predictions(RIGHT, participants=6, clips=200, seeds=2, seed=101)
    by_hand = (table.stage == table.predicted)[table.method == "ours"].mean()  # all have as many clips
    own = scores[(scores.cohort == 101) & (scores.row == "ours") & (scores.metric == "accuracy")]
    assert own["value"].item() == pytest.approx(by_hand)


def test_an_interrupted_stage_goes_on_where_it_stopped(design, trained, tmp_path):
    fixed = frozen(design, tmp_path)
    first = stage_b(design, tmp_path, fixed)
    first._do(9000)
    again = stage_b(design, tmp_path, fixed)
    plan = again.plan()
    assert plan["done"].tolist() == [True, False, False]
    assert (plan["seconds"] > 0).tolist() == [False, True, True]
    again.run()
    assert trained.count(9000) == 1


def test_stage_b_runs_once_and_a_repeat_takes_fresh_cohorts(design, trained, tmp_path):
    fixed = frozen(design, tmp_path)
    stage_b(design, tmp_path, fixed).run()
    for first in (None, 9002, 8998 + 2):
        with pytest.raises(SacdError, match="9000|9002") as refused:
            stage_b(design, tmp_path, fixed, first_seed=first)
        assert "runs once" in str(refused.value)
    page = stage_b(design, tmp_path, fixed, first_seed=9100).run()
    assert "Stage B was run before" in page.read_text()


def test_another_coupling_is_a_stage_of_its_own(design, trained, tmp_path):
    fixed = frozen(design, tmp_path)
    stage_b(design, tmp_path, fixed).run()
    page = stage_b(design, tmp_path, fixed, coupling="weak").run()
    assert trained[-2:] == [9000, 9001]
    assert "weak coupling, 2 cohorts" in page.read_text()
    with pytest.raises(SacdError, match="weak cohort of seed 9000"):
        stage_b(design, tmp_path, fixed, coupling="weak")
    with pytest.raises(SacdError, match="has no cohorts of strong coupling; it has medium, weak"):
        stage_b(design, tmp_path, fixed, coupling="strong")


def test_seeds_of_one_stage_are_refused_in_the_other(design):
    with pytest.raises(SacdError, match="stage A takes"):
        design.cohorts("A", "medium", 198)
    with pytest.raises(SacdError, match="stage B takes"):
        design.cohorts("B", "medium", 150)


def test_stage_b_is_refused_before_anything_is_fixed_and_under_another_method(design, trained, tmp_path, monkeypatch):
    with pytest.raises(SacdError, match="nothing is fixed"):
        stage_b(design, tmp_path, tmp_path / "absent.json")
    fixed = frozen(design, tmp_path)
    other = design.rows["ours"].model_copy(update={"objective": ObjectiveConfig(name="jsd")})
    with pytest.raises(SacdError, match="run stage A anew"):
        stage_b(design.model_copy(update={"rows": design.rows | {"ours": other}}), tmp_path, fixed)
    monkeypatch.setattr(design_module, "TRAINING_VERSION", 999)
    with pytest.raises(SacdError, match="run stage A anew"):
        stage_b(design, tmp_path, fixed)


def test_cohorts_seen_under_another_method_are_not_fresh(design, trained, tmp_path):
    fixed = frozen(design, tmp_path)
    other = tmp_path / "B" / "counts" / "0123" / "B-medium-9001.parquet"
    other.parent.mkdir(parents=True)
    other.touch()
    with pytest.raises(SacdError, match="9001"):
        stage_b(design, tmp_path, fixed)


def test_changes_in_no_commit_are_refused(tmp_path, monkeypatch):
    states = {"rev-parse": "abc\n", "status": " M sacd/cli.py\n"}
    monkeypatch.setattr(
        design_module.subprocess, "run", lambda words, **options: SimpleNamespace(stdout=states[words[3]])
    )
    with pytest.raises(SacdError, match="in no commit"):
        commit_of(tmp_path)
    states["status"] = ""
    assert commit_of(tmp_path) == "abc"


def test_a_folder_without_git_is_said_to_be_one(tmp_path):
    assert commit_of(tmp_path) == "not under git"


def test_the_packages_design_can_be_run():
    own = load_design()
    assert len(own.cohorts("B", "medium")) >= 10
    assert set(own.cohorts("A", "medium")) <= set(range(100, 200))
    assert own.cohort["test"] == 96


def test_what_is_compared_differs_in_the_method_alone(design, tmp_path):
    cohort = design.place(tmp_path / "cohort", "medium", 9000).open_or_plan()
    runs = {row: run for row, _, run in stage_runs(design, cohort, 1)}
    fields = ("model", "training", "view", "seed", "trunk")
    assert len({tuple(str(getattr(run, name)) for name in fields) for run in runs.values()}) == 1
    assert runs["ours"].teacher == runs["KD"].teacher and runs["ours"].taught == "smoothed"
    assert not runs["KD"].teacher.tested, "nobody asks what a teacher says of test nights"
    assert runs["KD"].teacher.kind == "teacher"
    assert [run.protocol for run in runs.values()] == ["few-label"] * 3 + ["paper"]


def test_a_plan_for_a_cohort_of_features_trains_nothing(design, tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True, train=8, test=8)
    planned = plan_benchmark(cohort.path, design.model_copy(update={"profile": "smoke"}))
    assert len(planned) > 5 and not planned.cached.any() and not (tmp_path / "runs").exists()
    result = CliRunner().invoke(app, ["claim", "--cohort", str(cohort.path), "--plan"])
    assert result.exit_code == 0 and "runs to train, 0 there already" in result.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_same_rows_on_a_cohort_of_features(design, tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True, train=8, test=8)
    student = design.students["context"]
    training = student.training.model_copy(update={"steps": 20, "stretch": 12})
    model = ModelConfig(name=student.model.name, options=student.model.options | {"length": 12})
    update = {
        "profile": "smoke",
        "real": design.real.model_copy(update={"seeds": 3}),
        "students": {"context": student.model_copy(update={"model": model, "training": training})},
        "rows": design.rows | {"ours": design.rows["KD"]},
    }
    page = benchmark(cohort.path, tmp_path / "out", design.model_copy(update=update))
    assert "ours − KD, context · argmax: +0.0 points" in page.read_text()  # where ours is KD
    assert "ours − KD, context · forward-backward" in page.read_text()
    table = pd.read_csv(tmp_path / "out" / "cohort.csv")
    assert set(table["row"]) == {"CE", "KD", "SACD", "ours", "CE all"}
    assert np.isfinite(table["low"]).all()
