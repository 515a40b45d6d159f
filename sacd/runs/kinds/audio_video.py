"""The kinds of run on a benchmark of `sacd.audiovideo`: *audio-teacher*, and *audio-video*, which learns from one.

A benchmark's clips are no nights: each takes a participant's part in a split.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import model_validator
from torch import Tensor

from sacd.audiovideo.benchmark import TEST, TRAIN, UNLABELLED, VALIDATION, Benchmark, Half
from sacd.cohort.splits import Split
from sacd.exceptions import SacdError
from sacd.runs.execute import Making
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.encoder import check_builds, check_reads
from sacd.runs.kinds.student import ObjectiveRun
from sacd.runs.outputs import load_network
from sacd.training.clip_set import Arrays
from sacd.training.inputs import Inputs, Outputs, Prepare, make_network, predict, video_preparation
from sacd.training.single_clips import AudioTask, Batches, Clips, PairTask
from sacd.training.tasks import StageTask
from sacd.training.transforms import prepare_features


class BenchmarkRun(RunConfig):
    """A classifier of a benchmark's clips by one of its halves."""

    def half(self, benchmark: Benchmark) -> Half:
        """What it learns from and is tested on."""
        raise TypeError(f"{type(self).__name__} does not define half(benchmark)")

    def stored(self, benchmark: Benchmark) -> np.ndarray:
        """What its network reads of that half, first axis the clips."""
        raise TypeError(f"{type(self).__name__} does not define stored(benchmark)")

    def preparation(self, benchmark: Benchmark) -> Prepare:
        """How that becomes its network's input."""
        raise TypeError(f"{type(self).__name__} does not define preparation(benchmark)")

    def task(self, making: Making) -> StageTask:
        """What the loop trains."""
        raise TypeError(f"{type(self).__name__} does not define task(making)")

    @property
    def named(self) -> tuple[str, ...]:
        """Parts whose clips it names when it is trained."""
        return VALIDATION, TEST

    @property
    def leaves_weights(self) -> bool:
        """Whether its weights are kept."""
        return False

    def split(self, benchmark: Benchmark) -> Split:
        """The names of the clips by their part."""
        half = self.half(benchmark)
        parts = (tuple(half.name[half.rows(part)]) for part in (TRAIN, UNLABELLED, VALIDATION, TEST))
        return Split(*parts)

    def roles(self, split: Split) -> dict[str, tuple[str, ...]]:
        """The clips by their role."""
        return {role: getattr(split, role) for role in ("labelled", "unlabelled", "validation", "test")}

    def clips(self, benchmark: Benchmark) -> Mapping[str, int]:
        """One a name."""
        return dict.fromkeys(self.half(benchmark).name, 1)

    def inferences(self, split: Split) -> list[tuple[tuple[str, ...], str]]:
        """Those that it names."""
        return [(split.validation + split.test, self.model.name)]

    def classes(self, benchmark: Benchmark) -> tuple[str, ...]:
        """The benchmark's."""
        return benchmark.info.classes

    def sees(self, part: str, attribute: str) -> bool:
        """Whether its numbers depend on an attribute of a part of its half."""
        return True

    def data(self, benchmark: Benchmark) -> list[list[str]]:
        """Hashes of the parts of its half, and the classes."""
        content = [["classes", *benchmark.info.classes]]
        for part, hashes in self.half(benchmark).hashes.items():
            content += [[part, attribute, found] for attribute, found in hashes.items() if self.sees(part, attribute)]
        return content

    def left_out(self, benchmark: Benchmark) -> int:
        """None: nothing is flagged."""
        return 0

    def inputs(self, making: Making, clips: Clips) -> Inputs:
        """Its network's input over some clips."""
        return Inputs(Arrays(clips, [self.stored(making.cohort)]), self.preparation(making.cohort), making.fabric)

    def common(self, making: Making, pairs: bool) -> tuple[Any, ...]:
        """The first arguments of its task; with `pairs` clips take part whose label is hidden."""
        benchmark, training = making.cohort, self.training
        half = self.half(benchmark)
        clips = _clips(half, TRAIN, *([UNLABELLED] if pairs else []))
        held = _clips(half, VALIDATION)
        inputs, held_inputs = (self.inputs(making, part) for part in (clips, held))
        network = make_network(self.model, inputs.arrays.shape, self.seed, n_classes=len(benchmark.info.classes))
        batches = Batches(clips, np.ones(len(clips), dtype=bool), training.batch, self.seed)
        return network, inputs, clips, batches, held_inputs, held, self.seed, training.augment

    def make(self, making: Making) -> dict[str, Any]:
        """Train it and let it name clips: name, unit, split, label, predicted."""
        task = self.task(making)
        figures = making.train(task, task.inputs.arrays.shape, keep_weights=self.leaves_weights)
        half, tables = self.half(making.cohort), []
        for part in self.named:
            clips = _clips(half, part)
            if not len(clips):
                continue
            predicted = predict(task.network, self.inputs(making, clips), np.arange(len(clips))).logits.argmax(1)
            label = half.label[clips.row]
            about = {"name": half.name[clips.row], "unit": half.unit[clips.row], "split": part}
            tables.append(pd.DataFrame(about | {"label": label, "predicted": predicted}))
            figures[f"{part}_accuracy"] = float((predicted == label).mean())
        pd.concat(tables).to_parquet(making.folder / "predictions.parquet", index=False)
        return figures


class AudioTeacherRun(BenchmarkRun):
    """A network on audio that students learn from; its own training clips standardise what it reads."""

    kind: Literal["audio-teacher"] = "audio-teacher"

    @property
    def leaves_weights(self) -> bool:
        """For its students."""
        return True

    @property
    def named(self) -> tuple[str, ...]:
        """Also the audio of pairs, where it is not what the teacher learns from."""
        return VALIDATION, TEST, UNLABELLED

    def row(self) -> dict[str, Any]:
        """A teacher and its network."""
        return super().row() | {"method": f"Audio teacher ({self.model.name})", "teacher": self.model.name}

    def half(self, benchmark: Benchmark) -> Half:
        """The audio."""
        return benchmark.audio

    def stored(self, benchmark: Benchmark) -> np.ndarray:
        """The audio's vectors."""
        return benchmark.audio.x

    def preparation(self, benchmark: Benchmark) -> Prepare:
        """Standardised by the clips that it learns from."""
        mine = benchmark.audio.x[benchmark.audio.rows(TRAIN)]
        mean, deviation = torch.from_numpy(mine.mean(0)), torch.from_numpy(mine.std(0)).clamp_min(1e-3)
        return partial(_standardised, mean=mean, deviation=deviation)

    def check(self, benchmark: Benchmark) -> None:
        """Refuse a network that does not read vectors."""
        check_reads(self.model, "features", benchmark.path)

    def task(self, making: Making) -> AudioTask:
        """Cross-entropy."""
        return AudioTask(*self.common(making, pairs=False))


class AudioVideoRun(BenchmarkRun, ObjectiveRun):
    """A network on video that an objective trains on pairs; `labelled` of each class show their label, or all."""

    kind: Literal["audio-video"] = "audio-video"
    teacher: AudioTeacherRun | None = None
    labelled: int | None = None

    @model_validator(mode="after")
    def _objective_has_what_it_needs(self) -> "AudioVideoRun":
        if self.teacher is None and self.needs.needs_teacher:
            raise SacdError(f"objective {self.name} learns from a teacher; name one")
        return self

    @property
    def dependencies(self) -> list[RunConfig]:
        """Its teacher."""
        return [] if self.teacher is None else [self.teacher]

    def row(self) -> dict[str, Any]:
        """Objective with its options, student, teacher, labelled."""
        return super().row() | {
            "method": self.method, "objective": self.objective.name, "student": self.model.name,
            "teacher": "none" if self.teacher is None else self.teacher.model.name, "labelled": self.labelled,
        }

    def half(self, benchmark: Benchmark) -> Half:
        """The pairs of its seed."""
        return benchmark.pairs(self.seed, self.labelled)

    def stored(self, benchmark: Benchmark) -> np.ndarray:
        """Their video."""
        return benchmark.pairs(self.seed, self.labelled).video

    def preparation(self, benchmark: Benchmark) -> Prepare:
        """As video of nights."""
        return video_preparation(self.training.normalise)

    def sees(self, part: str, attribute: str) -> bool:
        """Audio only through its teacher, and no hidden label."""
        return not (attribute == "audio" and self.teacher is None) and not (attribute == "label" and part == UNLABELLED)

    def check(self, benchmark: Benchmark) -> None:
        """Refuse a network that cannot be built, or does not read video; an objective that is told a posterior."""
        super().check(benchmark)
        check_reads(self.model, "video", benchmark.path)
        check_builds(self.model, self.stored(benchmark).shape[1:])

    def task(self, making: Making) -> PairTask:
        """The objective on pairs of video and teacher outputs."""
        needs = self.needs
        common = self.common(making, pairs=needs.uses_unlabelled)
        network, _, clips, *_ = common
        teacher = self._heard(making, clips) if needs.needs_teacher else None
        own = self.distillation(network.feature_dim, clips, teacher, len(making.cohort.info.classes))
        return PairTask(*common, posterior=None, **own)

    def _heard(self, making: Making, clips: Clips) -> Outputs:
        """What its teacher says of the audio of some pairs."""
        benchmark = making.cohort
        network, fabric = load_network(self.teacher, making.store.folder(self.teacher, benchmark))
        audio = benchmark.pairs(self.seed, self.labelled).audio
        inputs = Inputs(Arrays(clips, [audio]), self.teacher.preparation(benchmark), fabric)
        return predict(network, inputs, np.arange(len(clips)), taps=True)


def _clips(half: Half, *parts: str) -> Clips:
    rows = half.rows(*parts)
    return Clips(half.visible[rows], rows)


def _standardised(x: Tensor, generator: torch.Generator | None, mean: Tensor, deviation: Tensor) -> Tensor:
    return prepare_features((x - mean.to(x.device)) / deviation.to(x.device), generator)
