"""Speed, side by side in one process on one thread: `make bench`. Read the ratios, not the times.

The table of objectives is printed where it is measured. No objective may cost a student on video more than BUDGET times
a step of cross-entropy (and, where it has a momentum network, one forward pass without gradient). None is excepted.
"""

import numpy as np
import pytest
import torch

from sacd.experiments.profile import load_profile
from sacd.models import MODELS, build
from sacd.runs.kinds.student import StudentRun
from sacd.runs.objective_cost import step_costs
from sacd.simulate.coupling import get_coupling
from sacd.simulate.participant import make_participant
from sacd.simulate.simulated_night import SimulatedNight

BATCH = 64
BUDGET = 1.25
CLIPS = 5120
"""Training clips of the laptop cohort."""
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


@pytest.mark.parametrize(("tier", "shape"), [("student", SHAPES["video"][1:]), ("frozen", SHAPES["features"])])
@pytest.mark.benchmark(group="measuring a step of every objective (the table above)")
def test_objectives(benchmark, capsys, tier, shape) -> None:
    """The table, and the budget: of the student on video, where the step of the network is what matters."""
    recipe = getattr(load_profile("laptop"), tier)
    run = StudentRun(model=recipe.model, training=recipe.training)
    costs = benchmark.pedantic(step_costs, (run, shape, CLIPS), {"rounds": 10 if tier == "student" else 40})
    with capsys.disabled():
        print(f"\n\nA training step of {run.model.name}, batch {run.training.batch}, {costs.device[0]}")
        print(costs.drop(columns=["objective", "device"]).round(3).to_string(index=False))
    if tier == "student" and costs.device[0] == "cpu":
        beyond = costs[costs.budget_ratio > BUDGET]
        assert beyond.empty, beyond[["method", "budget_ratio"]].to_string(index=False)
