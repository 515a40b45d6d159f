"""Batches for the tests of objectives, and the step that a training loop would take with them."""

from dataclasses import fields, replace

import torch
from torch import Tensor

from sacd.objectives.base import Context, Objective, Pair

N_CLIPS = 40
STUDENT_TAPS = ((16, 4, 4, 4), (32, 2, 2, 2), (64, 2, 2, 2))
TEACHER_TAPS = ((64, 75), (30, 16))
TEACHER_FIELDS = ("teacher_features", "teacher_logits", "momentum_features", "momentum_logits", "posterior")


def context(student_dim: int = 24, teacher_dim: int = 24, n_clips: int = N_CLIPS, n_nights: int = 0) -> Context:
    return Context(n_clips, student_dim, teacher_dim, n_nights=n_nights)


def make_pair(
    batch: int = 16, labels: str | list[int] = "mixed", seed: int = 0, dtype: torch.dtype = torch.float32,
    student_dim: int = 24, teacher_dim: int = 24, window: int = 4, windows_per_night: int = 2,
) -> Pair:
    """A random batch; labels "mixed" (some −1), "one" (a single class), "none" (all −1), "all", or a list."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return (scale * torch.randn(*shape, generator=generator)).to(dtype)

    drawn = torch.randint(5, (batch,), generator=generator)
    hidden = torch.rand(batch, generator=generator) < 0.3
    named = {
        "mixed": torch.where(hidden, -1, drawn), "one": torch.full((batch,), 2),
        "none": torch.full((batch,), -1), "all": drawn,
    }
    clips = torch.arange(batch)
    return Pair(
        student_features=normal(batch, student_dim).requires_grad_(),
        student_logits=normal(batch, 5).requires_grad_(),
        label=named[labels] if isinstance(labels, str) else torch.tensor(labels),
        teacher_features=normal(batch, teacher_dim).requires_grad_(),
        teacher_logits=normal(batch, 5, scale=3.0).requires_grad_(),
        momentum_features=normal(batch, student_dim).requires_grad_(),
        momentum_logits=normal(batch, 5, scale=8.0).requires_grad_(),
        student_taps=tuple(normal(batch, *shape).requires_grad_() for shape in STUDENT_TAPS),
        teacher_taps=tuple(normal(batch, *shape).requires_grad_() for shape in TEACHER_TAPS),
        participant=clips // (2 * window),
        clip=torch.randperm(N_CLIPS, generator=generator)[:batch],
        window=clips // window,
        night=clips // (window * windows_per_night),
        posterior=torch.rand(batch, 5, generator=generator).softmax(dim=1).requires_grad_(),
    )


def reordered(pair: Pair, order: Tensor) -> Pair:
    """The same batch in another order."""

    def pick(value: object) -> object:
        if isinstance(value, Tensor):
            return value[order]
        return tuple(tap[order] for tap in value) if isinstance(value, tuple) else value

    return Pair(**{field.name: pick(getattr(pair, field.name)) for field in fields(pair)})


def on_meta(pair: Pair) -> Pair:
    """The same batch on a device that computes shapes alone; windows and nights stay on the host, as in training."""

    def move(value: object) -> object:
        if isinstance(value, Tensor):
            return value.detach().to("meta").requires_grad_(value.requires_grad)
        return tuple(move(tap) for tap in value) if isinstance(value, tuple) else value

    moved = {field.name: move(getattr(pair, field.name)) for field in fields(pair)}
    return Pair(**(moved | {"window": pair.window, "night": pair.night}))


def detached(pair: Pair) -> Pair:
    """The same batch with new student leaves, so that gradients start from nothing."""
    return replace(
        pair,
        student_features=pair.student_features.detach().clone().requires_grad_(),
        student_logits=pair.student_logits.detach().clone().requires_grad_(),
        student_taps=tuple(tap.detach().clone().requires_grad_() for tap in pair.student_taps),
    )


def step(objective: Objective, pair: Pair, rate: float = 0.01) -> dict[str, float]:
    """Forward, backward and a plain gradient step on the objective's own parameters; the terms."""
    terms = objective(pair)
    loss = torch.stack(list(terms.values())).sum()
    objective.zero_grad()
    if loss.requires_grad:
        loss.backward()
    with torch.no_grad():
        for parameter in objective.parameters():
            if parameter.grad is not None:
                parameter.sub_(rate * parameter.grad)
    return {name: value.item() for name, value in terms.items()}


def student_leaves(pair: Pair) -> list[Tensor]:
    """What a gradient may reach."""
    return [pair.student_features, pair.student_logits, *pair.student_taps]


def teacher_leaves(pair: Pair) -> list[Tensor]:
    """What no gradient may reach."""
    return [getattr(pair, name) for name in TEACHER_FIELDS] + list(pair.teacher_taps)
