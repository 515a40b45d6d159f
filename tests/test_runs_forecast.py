"""Predicted times: what the store knows, what the tables say, and that hundreds of runs are planned at once."""

import json
import time
from pathlib import Path

import pytest
from tiny import make_cohort

from sacd import runs
from sacd.cohort import Cohort
from sacd.objectives import OBJECTIVES
from sacd.runs.forecast import OBJECTIVE_SECONDS, alike, predicted_seconds
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.store import DONE, RunStore
from sacd.training.config import TRAINING_VERSION, ModelConfig, ObjectiveConfig, TrainingConfig

MLP = ModelConfig(name="mlp")
TEACHER = TeacherRun(model=ModelConfig(name="attnsleep"), training=TrainingConfig(steps=100, batch=64))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("cost") / "cohort", features=True)


def student(name: str = "sacd", steps: int = 400, batch: int = 64, lr: float = 0.001, **options: float) -> StudentRun:
    return StudentRun(
        model=MLP, training=TrainingConfig(steps=steps, batch=batch, lr=lr), teacher=TEACHER,
        objective=ObjectiveConfig(name=name, options=options),
    )


def finish(config: StudentRun, cohort: Cohort, store: RunStore, seconds: float) -> None:
    """What a finished run leaves that plans read."""
    folder = store.folder(config, cohort)
    folder.mkdir(parents=True)
    sampling = cohort.info.sampling.model_dump()
    about = {"version": TRAINING_VERSION, "row": config.row(), "like": alike(config, sampling)}
    (folder / "config.json").write_text(json.dumps(about))
    (folder / "metrics.json").write_text(json.dumps({"steps": config.training.steps, "seconds": seconds}))
    (folder / DONE).touch()


def test_every_objective_is_measured() -> None:
    assert set(OBJECTIVE_SECONDS) == set(OBJECTIVES)


def test_the_store_knows_better_of_its_like(cohort: Cohort, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    others = [student("kd"), student(batch=16), student(structure=0.0)]
    before = [predicted_seconds(config, cohort, store) for config in (student(), *others)]
    finish(student(lr=0.01), cohort, store, 4000.0)
    after = [predicted_seconds(config, cohort, store) for config in (student(), *others)]
    assert after[0] == pytest.approx(4000.0, rel=0.01) and after[1:] == before[1:]
    assert predicted_seconds(student(steps=800), cohort, store) == pytest.approx(8000.0, rel=0.01)
    assert predicted_seconds(student(steps=801), cohort, store) < 100  # too short a run to tell


def test_more_work_takes_longer(cohort: Cohort, tmp_path: Path) -> None:
    def seconds(config: StudentRun | SelectedRun | TeacherRun) -> float:
        return predicted_seconds(config, cohort, RunStore(tmp_path))

    assert seconds(student("ce")) < seconds(student("kd")) < seconds(student("sacd"))
    assert seconds(student("kd")) < seconds(student("kd", steps=800)) < seconds(student("kd", steps=800, batch=128))
    assert seconds(SelectedRun.of([student("kd"), student("kd", lr=0.01)])) < seconds(student("kd"))


def test_hundreds_of_runs_are_planned_at_once(cohort: Cohort, tmp_path: Path) -> None:
    """A plan of a whole report is a matter of a second; each run once read every other, and it was a minute."""
    store = RunStore(tmp_path)
    for number in range(200):
        finish(student(lr=1e-5 * (number + 1)), cohort, store, 1.0)
    wanted = [student("kd", lr=1e-5 * (number + 1)) for number in range(300)]
    started = time.process_time()
    assert len(runs.plan(cohort, wanted, store)) == 301  # and the teacher
    assert time.process_time() - started < 5


def test_larger_clips_take_longer_in_proportion_and_are_not_taken_for_each_other(tmp_path: Path) -> None:
    small = make_cohort(tmp_path / "small")
    info = small.info.model_copy(update={"sampling": small.info.sampling.model_copy(update={"frames": 16})})
    large = Cohort(small.path, info, small.participants, small.recordings)
    run = StudentRun(model=ModelConfig(name="r2plus1d_10"), training=TrainingConfig(steps=4000, batch=64))
    store = RunStore(tmp_path / "runs")
    before = [predicted_seconds(run, cohort, store) for cohort in (small, large)]
    assert before[1] == pytest.approx(2 * before[0], rel=0.05)
    finish(run, small, store, 4000.0)
    after = [predicted_seconds(run, cohort, store) for cohort in (small, large)]
    assert after[0] == pytest.approx(4000.0, rel=0.01) and after[1] == before[1]
