"""The cost column: every objective is measured, beside CE, and what costs more shows."""

import pytest
import torch
from tiny import make_cohort

from sacd.exceptions import SacdError
from sacd.figures.objective_cost import cost_table
from sacd.objectives import OBJECTIVES, load_objective
from sacd.runs.kinds.student import StudentRun
from sacd.runs.objective_cost import cohort_step_costs, step_costs
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

MLP = StudentRun(
    model=ModelConfig(name="mlp"), training=TrainingConfig(steps=1, batch=64, optimizer="adamw", momentum_encoder=0.9)
)
VIDEO = StudentRun(
    model=ModelConfig(name="r2plus1d_10", options={"width": 2}),
    training=TrainingConfig(steps=1, batch=16, normalise="clip-mean"),
)
BANK = 4_000_000
OWN = f"""
import torch
from sacd.objectives.base import Objective, labelled_cross_entropy


class Busy(Objective):
    title = "Busy"
    uses_unlabelled = needs_teacher = False

    def forward(self, pair):
        work = torch.randn(300, 300)
        for _ in range(20):
            work = torch.tanh(work @ work)
        return {{"ce": labelled_cross_entropy(pair.student_logits, pair.label) + 0 * work.sum()}}


class Bank(Objective):
    needs_teacher = False

    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("bank", torch.zeros({BANK}, dtype=torch.uint8))

    def forward(self, pair):
        return {{"ce": labelled_cross_entropy(pair.student_logits, pair.label)}}


class Passing(Objective):
    needs_teacher = False

    def forward(self, pair):
        gone = torch.zeros({BANK}, dtype=torch.uint8).sum()
        return {{"ce": labelled_cross_entropy(pair.student_logits, pair.label) + 0 * gone}}
"""


@pytest.fixture(scope="module")
def every():
    return step_costs(MLP, (16,), n_clips=400, rounds=3).set_index("objective")


def test_every_objective_is_measured_beside_ce(every):
    assert list(every.index) == list(OBJECTIVES) and every.index[0] == "ce"
    assert (every[["seconds", "ratio", "budget_ratio", "peak_bytes", "memory_ratio"]] > 0).all().all()
    assert every.loc["ce", ["ratio", "ratio_low", "ratio_high", "budget_ratio", "memory_ratio"]].tolist() == [1.0] * 5
    assert (every.ratio_low <= every.ratio).all() and (every.ratio <= every.ratio_high).all()
    assert every.method.tolist() == [load_objective(name).title for name in OBJECTIVES]


def test_a_momentum_network_is_allowed_its_forward_pass_and_no_other(every):
    assert set(every.index[every.momentum]) == {"self-training", "sacd"}
    assert (every.budget_ratio < every.ratio)[every.momentum].all()
    assert (every.budget_ratio == every.ratio)[~every.momentum].all()
    assert every.loc["self-training", "state_bytes"] == bytes_of(16)


def bytes_of(size: int) -> int:
    """Of the MLP's parameters, its layers written out."""
    layers = [torch.nn.Linear(size, 256), torch.nn.LayerNorm(256), torch.nn.Linear(256, 512), torch.nn.Linear(512, 5)]
    return 4 * sum(p.numel() for layer in layers for p in layer.parameters())


def test_what_takes_time_or_memory_shows(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    names = [f"{tmp_path}/own.py:{name}" for name in ("Busy", "Bank", "Passing")]
    costs = step_costs(MLP, (16,), n_clips=400, objectives=names, rounds=5).set_index("method")
    assert list(costs.index[:2]) == ["CE", "Busy"] and costs.objective.tolist() == ["ce", *names]
    ce, busy, bank, passing = (row for _, row in costs.iterrows())
    assert busy.ratio > 1.5 and busy.ratio_low > 1.2 and busy.seconds > ce.seconds
    assert bank.state_bytes == BANK and bank.peak_bytes == ce.peak_bytes + BANK
    assert passing.state_bytes == 0 and passing.peak_bytes > BANK


def test_the_peak_holds_parameters_gradients_optimiser_state_and_batch():
    peak = step_costs(MLP, (4096,), 100, ["ce"], 1).peak_bytes[0]
    parameters, batch = bytes_of(4096), 4 * 64 * 4096
    assert 4 * parameters + batch < peak < 7 * parameters + batch  # Adam keeps two moments


def test_video_students_on_a_cohort(tmp_path):
    cohort = make_cohort(tmp_path / "cohort")
    runs = [VIDEO.model_copy(update={"objective": ObjectiveConfig(name=name)}) for name in ("ce", "pkt", "sacd")]
    costs = cohort_step_costs([*runs, *runs], cohort, rounds=1)
    assert costs.tier.tolist() == ["raw"] * 3 and set(costs.batch) == {16}
    assert costs.objective.tolist() == ["ce", "pkt", "sacd"], "the runs' own and no others"
    html = cost_table(costs, cohort.label)
    assert "r2plus1d_10, batch 16" in html and "simulated" in html
    assert all(title in html for title in ("CE", "PKT", "SACD")) and "Oracle" not in html


def test_banks_hold_an_entry_a_clip():
    short, long = (
        step_costs(MLP, (2,), n_clips, ["crd"], 1).set_index("objective").state_bytes["crd"] for n_clips in (100, 1100)
    )
    per_clip = (long - short) / 1000
    assert per_clip >= 2 * 128 * 4  # two embeddings of 128 numbers


def test_random_numbers_and_threads_are_left_as_they_were():
    torch.manual_seed(1)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    step_costs(MLP, (2,), 64, ["sacd"], 1)
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads


def test_an_unknown_objective_is_named():
    with pytest.raises(SacdError, match="unknown objective 'nope'"):
        step_costs(MLP, (2,), 64, ["nope"])
