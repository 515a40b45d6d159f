"""The runs behind Table III and its small check: audio teachers, and students of every method from them."""

from collections.abc import Sequence

from sacd.audiovideo import digits, ucf51
from sacd.audiovideo.benchmark import TRAIN, Benchmark
from sacd.objectives import load_objective
from sacd.runs.kinds.audio_video import AudioTeacherRun, AudioVideoRun
from sacd.training.config import ModelConfig, ObjectiveConfig, Recipe, TrainingConfig

METHODS = ("ce", "kd", "jsd", "fitnet", "pkt", "rkd", "crd", "cmc", "ccl", "sacd")
"""The rows of Table III, and KD and JSD."""


def training(steps: int, **changes: object) -> TrainingConfig:
    """AdamW with a cosine, ten validations."""
    values = {"batch": 32, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01, "schedule": "cosine",
              "momentum_encoder": 0.99, "validate_every": max(1, steps // 10)}
    return TrainingConfig(steps=steps, **(values | changes))


TEACHERS: dict[str, Recipe] = {
    digits.NAME: Recipe(model=ModelConfig(name="mlp"), training=training(300, batch=64, lr=0.001)),
    # Two linear layers: on the validation groups, hidden layers gave no more.
    ucf51.NAME: Recipe(
        model=ModelConfig(name="mlp", options={"depth": 0}), training=training(300, batch=128, lr=0.001)
    ),
}
"""By the benchmark's name."""


def digit_student(steps: int) -> Recipe:
    """The student of the small check; a mirrored digit is no digit."""
    model = ModelConfig(name="r2plus1d_10", options={"width": 8, "stem_stride": 2})
    return Recipe(model=model, training=training(steps, augment=False))


def ucf51_student(recipe: Recipe, epochs: int, benchmark: Benchmark) -> Recipe:
    """A profile's video student, trained for so many passes over the training clips; the paper's is 80."""
    steps = max(1, round(epochs * len(benchmark.audio.rows(TRAIN)) / recipe.training.batch))
    changes = {"steps": steps, "validate_every": max(1, steps // 10), "normalise": "standard"}
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})


def audio_teachers(benchmark: Benchmark, seeds: int) -> list[AudioTeacherRun]:
    """One a seed."""
    recipe = TEACHERS[benchmark.info.name]
    return [AudioTeacherRun(model=recipe.model, training=recipe.training, seed=seed) for seed in range(seeds)]


def table_three(
    benchmark: Benchmark, student: Recipe, seeds: int, labelled: int | None = None, methods: Sequence[str] = METHODS
) -> list[AudioVideoRun]:
    """Every method with every seed; a seed has its own teacher, pairs and labelled subset, the same for all methods.

    Parameters
    ----------
    benchmark : Benchmark
    student : Recipe
    seeds : int
    labelled : int, optional
        Labelled pairs of each class; None where all are.
    methods : sequence of str
        Of `sacd.objectives`.
    """
    return [
        AudioVideoRun(
            model=student.model, training=student.training, objective=ObjectiveConfig(name=method), seed=teacher.seed,
            teacher=teacher if load_objective(method).needs_teacher else None, labelled=labelled,
        )
        for method in methods
        for teacher in audio_teachers(benchmark, seeds)
    ]
