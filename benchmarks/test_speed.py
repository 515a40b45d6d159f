"""Speed, side by side in one process on one thread: `make bench`. Read the ratios, not the times."""

import numpy as np
import pytest
import torch

from sacd.models import MODELS, build
from sacd.objectives import OBJECTIVES, build_objective
from sacd.objectives.base import Context, Pair
from sacd.simulate.coupling import get_coupling
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_night import SimulatedNight

BATCH = 64
SHAPES = {"video": (1, 32, 32, 32), "eeg": (1, 3000), "features": (512,)}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def train_step(network: torch.nn.Module, x: torch.Tensor, loss) -> None:
    """Forward, backward and update."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    optimizer.zero_grad()
    loss(network(x)).backward()
    optimizer.step()


@pytest.mark.benchmark(group="simulator: 80 clips of 32 frames of 32×32 with EEG")
def test_simulator(benchmark) -> None:
    participant, coupling, clips = make_participant(0, "train", 0), get_coupling("medium"), np.arange(80)

    def make() -> None:
        night = SimulatedNight(participant, coupling)
        night.video(clips, 32, 32, 30.0)
        night.eeg(clips)

    benchmark.pedantic(make, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize(
    "name", [name for name in ("attnsleep", "deepsleepnet", "sen", "r2plus1d_10", "mlp") if name in MODELS]
)
@pytest.mark.benchmark(group=f"training step of a network, batch {BATCH}")
def test_network(benchmark, name) -> None:
    shape = SHAPES[MODELS[name].kind]
    network = build(name, **({"in_features": shape[0]} if len(shape) == 1 else {"in_channels": shape[0]}))
    x, label = torch.randn(BATCH, *shape), torch.randint(0, 5, (BATCH,))
    benchmark.pedantic(
        train_step,
        (network, x, lambda out: torch.nn.functional.cross_entropy(out.logits, label)),
        rounds=3,
        warmup_rounds=1,
    )


@pytest.mark.parametrize("name", list(OBJECTIVES))
@pytest.mark.benchmark(group=f"step of the small R(2+1)D by objective, batch {BATCH}; compare with ce")
def test_objective(benchmark, name) -> None:
    torch.manual_seed(0)
    network, slow = build("r2plus1d_10", in_channels=1), build("r2plus1d_10", in_channels=1)
    objective = build_objective(name, Context(n_clips=5120))
    x, label = torch.randn(BATCH, *SHAPES["video"]), torch.randint(-1, 5, (BATCH,))
    teacher = {"teacher_features": torch.randn(BATCH, 512), "teacher_logits": torch.randn(BATCH, 5)}
    places = torch.arange(BATCH)

    def loss(out) -> torch.Tensor:
        momentum = {}
        if objective.needs_momentum:
            with torch.no_grad():
                copy = slow(x)
            momentum = {"momentum_features": copy.features, "momentum_logits": copy.logits}
        pair = Pair(
            out.features,
            out.logits,
            label,
            clip=places,
            window=places // 8,
            night=places // 16,
            participant=places // 16,
            posterior=torch.softmax(teacher["teacher_logits"], 1),
            student_taps=(),
            **teacher,
            **momentum,
        )
        return torch.stack(list(objective(pair).values())).sum()

    benchmark.pedantic(train_step, (network, x, loss), rounds=3, warmup_rounds=1)
