"""Teachers and students of a benchmark: all methods train, hidden labels stay hidden, runs repeat."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sacd.audiovideo.accuracy import top1
from sacd.audiovideo.figures import accuracies, examples
from sacd.audiovideo.paired import TEST, TRAIN, UNLABELLED, VALIDATION, Audio, Benchmark, Pairs
from sacd.audiovideo.training import METHODS, Batches, Clips, Teacher, train_all, train_student, training
from sacd.training.config import ModelConfig, Recipe

N_CLASSES = 7


def make_pairs(seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    part = np.repeat([TRAIN, UNLABELLED, VALIDATION, TEST], [14, 42, 14, 28])
    label = np.tile(np.arange(N_CLASSES), len(part) // N_CLASSES)
    audio = np.eye(N_CLASSES)[label] + rng.normal(0, 0.2, (len(part), N_CLASSES))
    audio[np.isin(part, (VALIDATION, TEST))] = np.nan
    video = np.clip(rng.normal(0, 4, (len(part), 4, 8, 8)) + 30 * label[:, None, None, None], 0, 255)
    name = np.array([f"clip{index}" for index in range(len(part))])
    return Pairs(video.astype(np.uint8), audio.astype(np.float32), label, part, name, name)


def make_benchmark(steps: int = 4) -> Benchmark:
    rng = np.random.default_rng(9)
    label = np.tile(np.arange(N_CLASSES), 30)
    x = (np.eye(N_CLASSES)[label] + rng.normal(0, 0.2, (len(label), N_CLASSES))).astype(np.float32)
    part = np.repeat([TRAIN, VALIDATION, TEST], len(label) // 3)
    return Benchmark(
        "seven colours", tuple("abcdefg"), "clips", Audio(x, label, part, part), make_pairs,
        teacher=Recipe(model=ModelConfig(name="mlp"), training=training(40, lr=0.003)),
        student=Recipe(
            model=ModelConfig(name="r2plus1d_10", options={"width": 4}),
            training=training(steps, batch=16, augment=False),
        ),
    )


def run(pairs: Pairs, method: str, folder: Path, steps: int = 4, seed: int = 0) -> np.ndarray:
    bench = make_benchmark(steps)
    mine = pairs.select(TRAIN, UNLABELLED)
    outputs = Teacher(bench.audio, N_CLASSES, bench.teacher, 0).outputs(mine.audio)
    return train_student(pairs, outputs, N_CLASSES, method, bench.student, seed, folder).predicted.to_numpy()


def test_every_method_of_the_table_trains_on_any_number_of_classes() -> None:
    students, teachers = train_all(make_benchmark(), seeds=1)
    assert students.objective.drop_duplicates().tolist() == list(METHODS)
    assert (students.groupby("objective").size() == 28).all()
    assert students.predicted.between(0, N_CLASSES - 1).all()
    heard = teachers.assign(right=teachers.label == teachers.predicted).groupby("of").right.mean()
    assert set(heard.index) == {TRAIN, UNLABELLED, TEST} and heard.min() > 0.9


def test_students_learn(tmp_path: Path) -> None:
    pairs = make_pairs()
    truth = pairs.select(TEST).label
    assert (run(pairs, "kd", tmp_path, steps=60) == truth).mean() > 0.5  # chance is 1/7


@pytest.mark.parametrize("method", ["ce", "ccl", "sacd"])
def test_hidden_labels_are_never_seen(tmp_path: Path, method: str) -> None:
    pairs = make_pairs()
    hidden = np.where(pairs.part == UNLABELLED, (pairs.label + 1) % N_CLASSES, pairs.label)
    np.testing.assert_array_equal(
        run(pairs, method, tmp_path, steps=8), run(replace(pairs, label=hidden), method, tmp_path, steps=8)
    )


def test_runs_repeat_and_seeds_differ(tmp_path: Path) -> None:
    first, again, other = (run(make_pairs(), "kd", tmp_path, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_batches_come_in_windows_of_eligible_clips() -> None:
    clips = Clips(np.arange(40) % 5)
    batches = Batches(clips, clips.label < 3, 16, seed=0)
    index, window = batches.batch(5)
    assert len(index) == 16 and (clips.label[index] < 3).all()
    assert window.tolist() == [0] * 8 + [1] * 8
    epoch = np.concatenate([batches.batch(step)[0] for step in range(3)])
    assert sorted(epoch[:24]) == np.flatnonzero(clips.label < 3).tolist()


def test_figures_carry_their_label() -> None:
    bench = make_benchmark(2)
    students, _ = train_all(bench, ["ce", "kd"], seeds=2)
    summary = top1(students)
    drawn = accuracies(summary, bench.title, bench.unit, 0.9, {"CE": 0.575})
    assert bench.title in [text.get_text() for text in drawn.texts]
    legend = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert "paper, another dataset" in legend
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == ["CE", "KD"]
    assert len(examples(bench.pairs(0), bench.classes, bench.title, count=3).axes) == 3 * 4
    assert len(examples(bench.pairs(0), bench.classes, bench.title, (1, N_CLASSES), count=3).axes) == 3 * 5
