"""The one training loop: steps, validation that picks the weights, checkpoints, exact resume.

A `Task` says what is trained and on what; the loop knows nothing of teachers or students. A run that is killed
goes on from its last checkpoint and ends with the same numbers, bit for bit on one device and thread count.
"""

import copy
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sacd.exceptions import SacdError
from sacd.models.base import Network
from sacd.training.config import TrainingConfig
from sacd.workers import environment

# Fabric tells its precision at every start; the run's environment.json says it once.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

CHECKPOINT = "checkpoint.pt"
_CHECKPOINT_SECONDS = float(os.environ.get("SACD_CHECKPOINT_SECONDS", "20"))


class Task(nn.Module):
    """What a loop trains. All state that must survive a resume is in parameters and buffers.

    Subclasses set `network` (the module that is kept) and define `terms` and `validate`. Where the network `is_trained`
    when training begins, its weights are validated too, and kept unless others are better.
    """

    network: nn.Module
    is_trained = False

    def terms(self, step: int) -> dict[str, Tensor]:
        """Weighted terms of the loss at a step, a pure function of state and step; their sum is minimised."""
        raise TypeError(f"{type(self).__name__} does not define terms(step)")

    def validate(self) -> dict[str, float]:
        """Validation figures; `score` (higher is better) picks the weights."""
        raise TypeError(f"{type(self).__name__} does not define validate()")

    def after_step(self) -> None:
        """Called after each optimiser step (momentum networks)."""

    def diagnostics(self) -> dict[str, float]:
        """Further numbers for the history's row; read after `validate`."""
        return {}


def make_fabric(precision: str) -> Fabric:
    """Fabric on one device; half precision only where the GPU or CPU computes in bfloat16 natively."""
    if torch.cuda.is_available():
        return Fabric(accelerator="cuda", devices=1, precision=precision)
    able = torch.cpu.get_capabilities()
    native = able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16")
    return Fabric(accelerator="cpu", devices=1, precision=precision if native else "32-true")


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Sums in one order on a GPU, without which a resumed run is not exact; operations that have none only warn."""
    if device.type != "cuda":
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    with environment(CUBLAS_WORKSPACE_CONFIG=":4096:8"):
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def parameter_groups(task: Task, config: TrainingConfig) -> list[dict[str, Any]]:
    """The parameters that learn, a group for each learning rate: trunk and objective may have a factor on theirs."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in task.named_parameters():
        path, factor = name.split("."), 1.0
        if "objective" in path:
            factor = config.objective_lr
        elif "network" in path and "head" not in path:
            factor = config.trunk_lr
        if parameter.requires_grad:
            groups.setdefault(factor, []).append(parameter)
    return [{"params": parameters, "lr": config.lr * factor} for factor, parameters in groups.items()]


def make_optimizer(task: Task, config: TrainingConfig) -> torch.optim.Optimizer:
    """SGD with momentum 0.9 as the paper, or AdamW, for all that learns; a trunk that does not is frozen."""
    if config.trunk_lr == 0:
        for part in task.modules():
            if isinstance(part, Network):
                part.freeze_trunk()
    groups = parameter_groups(task, config)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, weight_decay=config.weight_decay)
    # Fused: one kernel for all parameters, where the small nets of a loss would pay for some fifteen operations each.
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay, fused=True)


def make_schedule(optimizer: torch.optim.Optimizer, config: TrainingConfig) -> torch.optim.lr_scheduler.LRScheduler:
    """Constant, or a one-cycle-like warm-up of a twentieth followed by a cosine to zero."""
    if config.schedule == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
    warm = max(1, config.steps // 20)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=warm)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, config.steps - warm))
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[warm])


def step_seed(seed: int, step: int) -> int:
    """One integer for (seed, step): dropout and augmentation of that step."""
    return (seed * 1_000_003 + step * 7919 + 12345) % (2**31 - 1)


def _seed_everything(seed: int, device: torch.device) -> None:
    """What `torch.manual_seed` sets here, without the stack traces it keeps for each accelerator that is absent."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


def train(
    task: Task,
    config: TrainingConfig,
    seed: int,
    folder: Path,
    fabric: Fabric,
    report: Callable[[int], None] = lambda step: None,
) -> dict[str, Any]:
    """Train a task to its last step or until patience ends; load the weights that are kept into `task.network`.

    Parameters
    ----------
    task : Task
        Already on the fabric's device.
    folder : Path
        Where the checkpoint lies; one that is present is resumed.
    report : callable
        Told the number of finished steps now and then.

    Returns
    -------
    dict
        `history` (list of dict: step, loss terms averaged since the last row, validation figures), `best_step`,
        `steps` (that were taken), `seconds` (of these steps, over all resumes), `best_score`.

    Raises
    ------
    SacdError
        A term of the loss, or the validation score, is not finite.
    """
    with deterministic(fabric.device):
        return _train(task, config, seed, folder, fabric, report)


def _train(
    task: Task, config: TrainingConfig, seed: int, folder: Path, fabric: Fabric, report: Callable[[int], None]
) -> dict[str, Any]:
    optimizer = make_optimizer(task, config)
    schedule = make_schedule(optimizer, config)
    state: dict[str, Any] = {"step": 0, "history": [], "best_score": None, "best_step": 0, "best": None, "seconds": 0.0}
    if config.keep == "midway":
        state["start"] = copy.deepcopy(task.network.state_dict())
    sums = _Sums()
    file = folder / CHECKPOINT
    if file.exists():
        saved = torch.load(file, map_location=fabric.device, weights_only=True)
        task.load_state_dict(saved["task"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        state, sums = saved["state"], _Sums(**saved["sums"])
    if task.is_trained and not state["history"]:
        _validate(task, state, sums, folder)
    saved_at = time.monotonic()
    task.train()
    while state["step"] < config.steps and not _exhausted(state, config):
        started = time.monotonic()
        step = state["step"]
        _seed_everything(step_seed(seed, step), fabric.device)
        terms = take_step(task, optimizer, fabric, step)
        schedule.step()
        state["step"] = step = step + 1
        sums.add(terms)
        state["seconds"] += time.monotonic() - started
        if step % config.validate_every == 0 or step == config.steps:
            sums.check(folder, _last_row(state))
            _validate(task, state, sums, folder)
            task.train()
            sums = _Sums()
        report(step)
        if time.monotonic() - saved_at > _CHECKPOINT_SECONDS and step < config.steps:
            sums.check(folder, _last_row(state))
            _save(file, {
                "task": task.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
                "state": state, "sums": vars(sums),
            })
            saved_at = time.monotonic()
    midway = config.keep == "midway"
    task.network.load_state_dict(_midway(state["start"], task.network.state_dict()) if midway else state["best"])
    task.eval()
    if midway:
        with torch.inference_mode():
            state["best_step"], state["best_score"] = state["step"], task.validate()["score"]
    return {key: state[key] for key in ("history", "best_step", "seconds", "best_score")} | {"steps": state["step"]}


def take_step(task: Task, optimizer: torch.optim.Optimizer, fabric: Fabric, step: int) -> dict[str, Tensor]:
    """Minimise the sum of a task's terms by one step; the terms, and that sum as `loss`."""
    terms = task.terms(step)
    loss = torch.stack([term.float() for term in terms.values()]).sum()
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(loss)
    optimizer.step()
    task.after_step()
    return {**terms, "loss": loss}


class _Sums:
    """Terms of the loss summed on their device: reading a number each step would stall a GPU.

    Attributes
    ----------
    total, finite : dict of str to Tensor
        Of each term its sum, and in how many steps that sum was finite.
    """

    def __init__(self, total: dict[str, Tensor] | None = None, finite: dict[str, Tensor] | None = None) -> None:
        self.total, self.finite = total or {}, finite or {}

    def add(self, terms: dict[str, Tensor]) -> None:
        """Add a step's terms."""
        for name, term in terms.items():
            self.total[name] = self.total.get(name, 0.0) + term.detach().float()
            # A sum that is not finite stays so: what is counted are the steps before the first bad one.
            self.finite[name] = self.finite.get(name, 0) + self.total[name].isfinite()

    def check(self, folder: Path, since: int) -> None:
        """Stop where a sum that began after step `since` is not finite."""
        found = torch.stack([*self.total.values()]).isfinite().tolist() if self.total else []
        steps = {name: int(self.finite[name]) for name, finite in zip(self.total, found, strict=True) if not finite}
        if steps:
            first = min(steps, key=steps.__getitem__)
            raise SacdError(
                f"{folder}: the loss term '{first}' is not finite at step {since + steps[first] + 1}; "
                "lower the learning rate or the term's weight, or check the recordings"
            )


def _midway(start: dict[str, Tensor], last: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean of two sets of weights; counters are the later one's."""
    return {
        name: torch.lerp(start[name], value, 0.5) if value.is_floating_point() else value
        for name, value in last.items()
    }


def _exhausted(state: dict[str, Any], config: TrainingConfig) -> bool:
    """Whether the last `patience` validations found no better weights."""
    since = sum(row["step"] > state["best_step"] for row in state["history"])
    return config.patience is not None and since >= config.patience


def _last_row(state: dict[str, Any]) -> int:
    """Step of the history's last row, 0 before the first."""
    return state["history"][-1]["step"] if state["history"] else 0


def _validate(task: Task, state: dict[str, Any], sums: _Sums, folder: Path) -> None:
    since = state["step"] - _last_row(state)
    task.eval()
    with torch.inference_mode():
        figures = task.validate()
    if not math.isfinite(figures["score"]):
        raise SacdError(
            f"{folder}: the validation score is not finite at step {state['step']}; "
            "lower the learning rate, or check the recordings"
        )
    row = {"step": state["step"], **{name: float(value) / since for name, value in sums.total.items()}}
    row |= task.diagnostics() if since else {}
    state["history"].append(row | {f"validation_{name}": value for name, value in figures.items()})
    if state["best_score"] is None or figures["score"] > state["best_score"]:
        state["best_score"], state["best_step"] = figures["score"], state["step"]
        state["best"] = copy.deepcopy(task.network.state_dict())


def _save(file: Path, content: dict[str, Any]) -> None:
    """Write aside and rename: a kill during the write leaves the previous checkpoint."""
    aside = file.with_suffix(".aside")
    torch.save(content, aside)
    os.replace(aside, file)
