"""What a training step of each objective costs beside plain cross-entropy: time and memory, measured in one process.

The steps are those of training: the same task, network, optimiser and precision, on random clips and random outputs of
a teacher that is mostly sure (some objectives leave out clips of which it is not). Reading and augmenting clips, the
same for all objectives, is left out.
"""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from sacd.cohort import Cohort
from sacd.models.base import FEATURE_DIM
from sacd.objectives import OBJECTIVES, build_objective, load_objective
from sacd.objectives.base import Context
from sacd.runs.kinds.student import StudentRun
from sacd.stages import STAGES
from sacd.training.batches import Sampler
from sacd.training.clip_set import Arrays, ClipSet
from sacd.training.inputs import Inputs, Outputs, forward, make_network, video_preparation
from sacd.training.loop import deterministic, make_fabric, make_optimizer, take_step
from sacd.training.tasks import StageTask, StudentTask
from sacd.training.transforms import prepare_features
from sacd.workers import environment

REFERENCE = "ce"
ROUNDS = 5
_FORWARD = "forward"
NIGHT = 80
"""Clips of a synthetic night, as many as a simulated cohort's short nights hold."""
TEACHER_TAPS = (128, 30, 30, 30)
"""Channels of AttnSleep's inner activations, as they are kept."""
BATCHES = 4
"""Different batches that are drawn; a step costs the same on each."""


@dataclass(frozen=True)
class _Night:
    """What a ClipSet asks of a recording."""

    participant_id: str
    clips: pd.DataFrame

    def __len__(self) -> int:
        return len(self.clips)


class _PreparedTask(StudentTask):
    """A student whose batches lie ready, and whose gradient norms are never looked at."""

    def __init__(self, *common: object, batches: list[tuple[np.ndarray, np.ndarray, Tensor, Tensor]], **named: object):
        super().__init__(*common, diagnose_every=sys.maxsize, **named)
        self._batches = batches

    def draw(self, step: int) -> tuple[np.ndarray, np.ndarray, Tensor, Tensor]:
        """Clip indices, windows, network input and visible labels of a step."""
        return self._batches[step % len(self._batches)]


class _Training:
    """One objective in training: its task, its optimiser, and the steps it has made."""

    def __init__(self, task: StudentTask, run: StudentRun, inputs: Inputs) -> None:
        self.task, self.inputs, self.steps = task.train(), inputs, 0
        self.optimizer = make_optimizer(task, run.training)

    def step(self) -> None:
        """A step as in training."""
        take_step(self.task, self.optimizer, self.inputs.fabric, self.steps)
        self.steps += 1

    def forward(self) -> None:
        """A forward pass without gradient, as a momentum network makes it."""
        with torch.no_grad():
            forward(self.task.network, self.inputs, self.task.draw(self.steps)[2])

    def peak_bytes(self) -> int:
        """Bytes of tensors at the fullest moment of its first two steps.

        The first allocates gradients and optimiser state, the second is as all that follow.
        What lives before (networks, banks, the batch) is counted by hand. To it comes, on a GPU, what the allocator
        reports, and on a CPU every allocation that torch's profiler sees: gradients, optimiser state, activations
        (not what a library such as oneDNN allocates for itself).
        """
        before = _bytes(self.task) + self.task.draw(0)[2].nbytes
        device = self.inputs.device
        if device.type == "cuda":
            allocated = torch.cuda.memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
            self.step()
            self.step()
            return before + torch.cuda.max_memory_allocated(device) - allocated
        # Above the highest level: the profiler otherwise writes two lines a use to stderr, and so into a notebook.
        quiet = environment(KINETO_LOG_LEVEL="6")
        gc.disable()  # what others left would be counted as freed by these steps
        try:
            with quiet, profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
                self.step()
                self.step()
        finally:
            gc.enable()
        events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
        events.sort(key=lambda event: event.start_ns())
        return before + int(np.cumsum([event.nbytes() for event in events]).max(initial=0))

    def state_bytes(self) -> int:
        """Bytes of what the objective itself brings: its nets and banks, the momentum network."""
        return _bytes(self.task.objective) + _bytes(self.task.momentum_network)


def _bytes(module: nn.Module | None) -> int:
    return 0 if module is None else sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


def _seconds(step: Callable[[], None], device: torch.device) -> float:
    """Seconds of a step: by the clock on a GPU, of the processor on a CPU, where others may be waiting for it too."""
    if device.type != "cuda":
        started = time.process_time()
        step()
        return time.process_time() - started
    torch.cuda.synchronize(device)
    started = time.perf_counter()
    step()
    torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _clip_set(n_clips: int, rng: np.random.Generator) -> ClipSet:
    """Nights of NIGHT clips, two a participant; every other participant's stages may be seen."""
    nights = []
    for index, first in enumerate(range(0, n_clips, NIGHT)):
        count = min(NIGHT, n_clips - first)
        table = pd.DataFrame({"clip": np.arange(count), "stage": rng.integers(0, len(STAGES), count)})
        nights.append(_Night(f"P{index // 2:05d}", table))
    return ClipSet(nights, {f"P{index:05d}" for index in range(0, len(nights), 2)})


def _inputs(run: StudentRun, shape: tuple[int, ...], clips: ClipSet, rng: np.random.Generator) -> Inputs:
    """Random clips; all nights share one array, for a cohort's worth would not fit into memory."""
    fabric = make_fabric(run.training.precision)
    if len(shape) == 1:
        array, prepare = rng.standard_normal((NIGHT, *shape), dtype=np.float32), prepare_features
    else:
        array = rng.integers(0, 256, (NIGHT, *shape), dtype=np.uint8)
        prepare = video_preparation(run.training.normalise)
    return Inputs(Arrays(clips, [array] * len(clips.recordings)), prepare, fabric)


def _trainings(run: StudentRun, shape: tuple[int, ...], n_clips: int, names: Sequence[str]) -> dict[str, _Training]:
    rng = np.random.default_rng(run.seed)
    clips = _clip_set(n_clips, rng)
    inputs = _inputs(run, shape, clips, rng)
    training = run.training
    sampler = Sampler(
        clips, np.ones(n_clips, dtype=bool), training.batch, run.seed, training.sampler, training.stretch
    )
    features, logits, *taps = (
        rng.standard_normal((n_clips, size), dtype=np.float32) for size in (FEATURE_DIM, len(STAGES), *TEACHER_TAPS)
    )
    logits *= 4
    posterior = rng.dirichlet(np.ones(len(STAGES)), n_clips).astype(np.float32)

    def common() -> tuple[object, ...]:
        return make_network(run.model, shape, run.seed), inputs, clips, sampler, inputs, clips, run.seed, False

    drawing = StageTask(*common())
    batches = [drawing.draw(step) for step in range(BATCHES)]
    trainings = {}
    for name in names:
        objective = build_objective(name, Context(n_clips=n_clips, n_nights=len(clips.recordings)))
        outputs = Outputs(features, logits, tuple(taps) if objective.needs_taps else ())
        task = _PreparedTask(
            *common(),
            batches=batches,
            objective=objective,
            teacher=outputs if objective.needs_teacher else None,
            posterior=posterior if objective.needs_posterior else None,
            momentum=run.training.momentum_encoder,
        ).to(inputs.device)
        trainings[name] = _Training(task, run, inputs)
    return trainings


def step_costs(
    run: StudentRun,
    shape: tuple[int, ...],
    n_clips: int,
    objectives: Sequence[str] = tuple(OBJECTIVES),
    rounds: int = ROUNDS,
) -> pd.DataFrame:
    """Time and memory of a training step under each objective, with its published options.

    Every round makes one step of each, so that a slow spell of the machine meets all of them; ratios are taken within
    a round. On a CPU one thread is used. Two steps, whose memory is watched, come before.

    Parameters
    ----------
    run : StudentRun
        Gives the network, batch, optimiser and precision; its own objective, teacher and labels do not matter.
    shape : tuple of int
        Of a clip as stored: (frames, height, width) video or (d,) features.
    n_clips : int
        Training clips: the length of the banks that hold one entry a clip.
    objectives : sequence of str
        Keys of `OBJECTIVES`, or ``file.py:Class``; "ce", the reference, comes first whether named or not.
    rounds : int

    Returns
    -------
    DataFrame
        One row an objective:

        - `objective`, `method`: its name and its title; `momentum`: whether it needs the momentum network;
        - `device`: "cpu" or "cuda"; `seconds`: median of a step (on a CPU, of the processor);
        - `ratio`, `ratio_low`, `ratio_high`: median and quartiles of step / CE step;
        - `budget_ratio`: median of step / (CE step and, with a momentum network, one forward pass without gradient);
        - `peak_bytes`: tensors alive at a step's fullest moment, parameters and optimiser state among them;
          `memory_ratio`: beside CE's;
        - `state_bytes`: the objective's own nets and banks and the momentum network.
    """
    names = [REFERENCE, *(name for name in objectives if name != REFERENCE)]
    with torch.random.fork_rng(), ExitStack() as afterwards:
        afterwards.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)
        torch.manual_seed(run.seed)
        trainings = _trainings(run, shape, n_clips, names)
        reference = trainings[REFERENCE]
        device = reference.inputs.device
        steps = {name: training.step for name, training in trainings.items()} | {_FORWARD: reference.forward}
        times = pd.DataFrame(index=range(rounds), columns=list(steps), dtype=float)
        with deterministic(device):
            peaks = {name: training.peak_bytes() for name, training in trainings.items()}
            for number in range(rounds):
                for name, step in steps.items():
                    times.loc[number, name] = _seconds(step, device)
    rows = []
    for name, training in trainings.items():
        momentum = training.task.momentum_network is not None
        ratio = times[name] / times[REFERENCE]
        allowed = times[REFERENCE] + (times[_FORWARD] if momentum else 0.0)
        rows.append(
            {
                "objective": name,
                "method": load_objective(name).title or name,
                "momentum": momentum,
                "device": device.type,
                "seconds": times[name].median(),
                "ratio": ratio.median(),
                "ratio_low": ratio.quantile(0.25),
                "ratio_high": ratio.quantile(0.75),
                "budget_ratio": (times[name] / allowed).median(),
                "peak_bytes": peaks[name],
                "memory_ratio": peaks[name] / peaks[REFERENCE],
                "state_bytes": training.state_bytes(),
            }
        )
    return pd.DataFrame(rows)


def cohort_step_costs(runs: Sequence[StudentRun], cohort: Cohort, rounds: int = ROUNDS) -> pd.DataFrame:
    """`step_costs` of every objective on each tier that occurs among some runs, at the cohort's sizes.

    What no run has is not measured: an objective that cannot serve the cohort, as the oracle a real one.

    Parameters
    ----------
    runs : sequence of StudentRun
        The first student of each tier gives its network and training.
    cohort : Cohort
    rounds : int

    Returns
    -------
    DataFrame
        As `step_costs`, with columns `tier`, `network` and `batch`; a block a tier.
    """
    first: dict[str, StudentRun] = {}
    objectives = list(dict.fromkeys(run.objective.name for run in runs))
    for run in runs:
        first.setdefault(run.tier, run)
    blocks = []
    for tier, run in first.items():
        split = run.split(cohort)
        n_clips = sum(len(recording) for recording in cohort.of(split.labelled + split.unlabelled))
        shape = (FEATURE_DIM,) if run.trunk is not None else next(iter(cohort)).video.shape[1:]
        # A step on feature vectors is some fifty times shorter, and its timing the more uncertain.
        block = step_costs(run, shape, n_clips, objectives, rounds if len(shape) > 1 else 4 * rounds)
        blocks.append(block.assign(tier=tier, network=run.model.name, batch=run.training.batch))
    return pd.concat(blocks, ignore_index=True)
