"""Audio teachers and students of a benchmark: in the store and the pool of all runs, blind to what is hidden."""

from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from colours import N_CLASSES, Colours, student, teacher

from sacd import runs
from sacd.analysis.top1 import top1
from sacd.audiovideo.benchmark import TEST, TRAIN, UNLABELLED, VALIDATION
from sacd.exceptions import SacdError
from sacd.experiments.audio_video import METHODS
from sacd.locks import alone
from sacd.runs.execute import execute
from sacd.runs.identity import run_id
from sacd.runs.kinds import parse_run
from sacd.runs.pool import closure
from sacd.runs.store import DONE, LOCK, Run, RunStore, tabulate
from sacd.training.config import ModelConfig


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def colours(tmp_path: Path) -> Colours:
    return Colours.open(tmp_path)


def changed(bench: Colours, attribute: str, part: str) -> Colours:
    """The same benchmark, but for an attribute of the clips of a part."""
    pairs = bench.pairs(0)
    values = getattr(pairs, attribute).copy()
    values[pairs.part == part] = (values[pairs.part == part] + 1) % N_CLASSES
    other = Colours.open(bench.path)
    other._pairs = lambda seed, labelled: replace(pairs, **{attribute: values})
    return other


def named(config, bench: Colours, store: RunStore) -> np.ndarray:
    """The run's answers for the test clips."""
    for run in closure([config]):
        execute(run, bench, store)
    found = Run(store.folder(config, bench)).predictions
    return found[found.split == TEST].predicted.to_numpy()


def test_every_method_trains_in_the_pool_and_lies_in_the_store(colours: Colours, store: RunStore) -> None:
    wanted = [student(method) for method in METHODS]
    table = runs.ensure(colours, wanted, store)
    assert set(table.status) == {"done"}, table.error.tolist()
    assert table.objective.tolist() == list(METHODS) and table.run_id[1].startswith("audio-video-kd-")
    predictions = runs.predictions(table)
    assert list(predictions.columns[:5]) == ["name", "unit", "split", "label", "predicted"]
    assert (predictions.groupby("objective").size() == 28).all()
    assert predictions.predicted.between(0, N_CLASSES - 1).all() and len(top1(predictions)) == len(METHODS)
    listed = tabulate(store.done())
    assert sorted(listed.kind) == ["audio-teacher"] + ["audio-video"] * len(METHODS) and store.prunable() == []
    assert parse_run(wanted[1].model_dump_json()) == wanted[1]
    assert runs.plan(colours, wanted, store).cached.all()
    described = store.open(wanted[1], colours).description
    assert described["classes"] == list("abcdefg")
    assert described["participants"] == {"labelled": 14, "unlabelled": 42, "validation": 14, "test": 28}


def test_the_same_student_trained_twice_at_once_is_trained_once(colours: Colours, store: RunStore) -> None:
    folder = store.folder(student("ce"), colours)
    folder.mkdir(parents=True)
    with alone(folder / LOCK, "trains it"):
        second = Thread(target=execute, args=(student("ce"), colours, store))
        second.start()
        second.join(0.5)
        assert second.is_alive()
        (folder / DONE).touch()
    second.join()
    assert [file.name for file in folder.iterdir()] == [DONE]  # it took the other's, and left no checkpoint


def test_students_learn(colours: Colours, store: RunStore) -> None:
    truth = colours.pairs(0).label[colours.pairs(0).rows(TEST)]
    assert (named(student(steps=60), colours, store) == truth).mean() > 0.5  # chance is 1/7
    heard = store.open(teacher(), colours).metrics
    assert heard["test_accuracy"] > 0.9 and "unlabelled_accuracy" not in heard


@pytest.mark.parametrize("method", ["ccl", "sacd"])
def test_hidden_labels_are_never_seen(colours: Colours, tmp_path: Path, method: str) -> None:
    config, other = student(method, steps=8), changed(colours, "label", UNLABELLED)
    assert run_id(config, colours) == run_id(config, other)
    first, second = (
        named(config, bench, RunStore(tmp_path / name)) for bench, name in ((colours, "one"), (other, "two"))
    )
    np.testing.assert_array_equal(first, second)


def test_identity_holds_what_a_run_sees(colours: Colours) -> None:
    before = run_id(student(), colours)
    for attribute, part in (("label", TRAIN), ("label", VALIDATION), ("video", TEST), ("audio", UNLABELLED)):
        assert run_id(student(), changed(colours, attribute, part)) != before, (attribute, part)
    assert run_id(student("ce"), changed(colours, "audio", UNLABELLED)) == run_id(student("ce"), colours)
    assert run_id(teacher(), changed(colours, "video", TRAIN)) == run_id(teacher(), colours)


def test_runs_repeat_and_seeds_differ(colours: Colours, tmp_path: Path) -> None:
    first, again, other = (
        named(student(seed=seed), colours, RunStore(tmp_path / f"runs{place}")) for place, seed in enumerate((0, 0, 1))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_cannot_be_trained_is_refused_before_its_teacher_trains(colours: Colours, store: RunStore) -> None:
    table = runs.ensure(colours, [student().model_copy(update={"model": ModelConfig(name="mlp")})], store)
    assert "model mlp does not read the video" in table.error[0] and not store.root.exists()
    with pytest.raises(SacdError, match="learns from a teacher; name one"):
        student().model_copy(update={"teacher": None}).model_validate(student().model_dump() | {"teacher": None})
