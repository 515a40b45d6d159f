"""Table V's rows: what each lacks, what it shares with Table II, and what becomes of L_D without windows."""

import pytest
import torch
from objective_pairs import context, make_pair
from tiny import make_cohort

from sacd import paper
from sacd.cohort import Cohort
from sacd.experiments.ablation import LEFT_OUT, READINGS, TABLE_V, ablation, further, named_runs
from sacd.experiments.distillation import distillation
from sacd.experiments.few_labels import compared
from sacd.experiments.profile import Ablation, Profile, load_profile
from sacd.objectives import build_objective, options_of
from sacd.objectives.structure import StructureLoss


def profile(**tried: object) -> Profile:
    return load_profile("smoke").model_copy(update={"ablation": Ablation(**tried)})


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    return make_cohort(tmp_path / "cohort")


def test_the_rows_are_the_papers():
    printed = paper.table_v()
    names = [name.removeprefix("baseline(").removesuffix(")") for name in printed.method]
    assert [row.name for row in TABLE_V] == names
    terms = [{part.strip() for part in row.loss.replace("_", "").split("+")} for row in TABLE_V]
    theirs = [{part.replace("LCE", "CE").replace("LJSD", "JSD") for part in text.split("+")} for text in printed.module]
    assert terms == theirs


@pytest.mark.parametrize("row", TABLE_V, ids=lambda row: row.name)
def test_a_row_computes_the_terms_that_it_names(row):
    objective = build_objective(row.objective, context(), row.options)
    found = set(objective(make_pair()))
    named = {"L_D": "structure", "L_C": "contrastive", "L_C′": "contrastive", "JSD": "jsd", "CE": "ce"}
    assert found == {named[part] for part in row.loss.split(" + ")}
    assert (row.name in LEFT_OUT) == (row.name not in ("v0", "ours"))


def test_v0_and_ours_are_runs_of_table_two(cohort):
    smoke = profile()
    table_two = {run.model_dump_json() for run in distillation(cohort, smoke)}
    for row, run in named_runs(cohort, smoke):
        assert (run.model_dump_json() in table_two) == (row.name in ("v0", "ours")), row.name


def test_rows_of_a_seed_differ_in_what_they_say_and_in_nothing_else(cohort):
    runs = named_runs(cohort, profile(negatives=(16,), bank_sizes=(32,), momenta=(0.5,)))
    ours = {(run.protocol, run.seed): run for row, run in runs if row.name == "ours"}
    for row, run in runs:
        reference = ours[run.protocol, run.seed]
        assert run.objective.name == row.objective and run.objective.options == row.options
        changed = {name for name, value in run.training if value != getattr(reference.training, name)}
        assert changed == set(row.training), row.name
        same = {"objective", "training", "teacher"} if row.objective == "ce" else {"objective", "training"}
        assert run.model_dump(exclude=same) == reference.model_dump(exclude=same)


def test_every_run_is_asked_for_once_in_both_protocols_and_further_rows_in_few_label(cohort):
    tried = profile(seeds=5, negatives=(16,))
    texts = [run.model_dump_json() for run in ablation(cohort, tried)]
    assert len(set(texts)) == len(texts)
    # A setting of few labels may be the complete SACD's own.
    assert set(texts) == {run.model_dump_json() for _, run in (*named_runs(cohort, tried), *compared(cohort, tried))}
    names = {protocol: [] for protocol in ("paper", "few-label")}
    for row, run in named_runs(cohort, tried):
        assert run.seed < tried.seeds
        names[run.protocol] += [row.name] if run.seed == 0 else []
    main = [row.name for row in TABLE_V]
    assert names == {"paper": main, "few-label": main + [row.name for row in further(cohort, tried)]}


def test_a_published_value_is_not_a_row_of_its_own(cohort):
    published = options_of("sacd")
    momentum = next(run for row, run in named_runs(cohort, profile()) if row.name == "ours").training.momentum_encoder
    tried = profile(
        negatives=(16, published["negatives"]), bank_sizes=(published["bank_size"],), momenta=(momentum, 0.5)
    )
    assert [row.name for row in further(cohort, tried)[len(READINGS) :]] == ["K = 16", "momentum 0.5"]


def test_untrained_graphs_lie_between_the_two_margins_of_the_printed_equation():
    # What the two printed rows rest on: with γ = 0.5 the loss is 0 from the start, with γ = 3 it is not.
    pair = make_pair()
    losses = {}
    for row in READINGS[:2]:
        torch.manual_seed(0)
        margin = row.options.get("graph_margin", options_of("sacd")["graph_margin"])
        losses[margin] = StructureLoss(context(), "printed", margin)(pair).item()
    assert losses[0.5] == 0 and losses[3.0] > 0


def test_without_windows_the_structure_loss_is_one_of_single_clips():
    # The random sampler: a window a clip, so no edges; negatives only where two clips of a night meet.
    pair = make_pair(window=1)
    loss = StructureLoss(context())
    value = loss(pair)
    value.backward()
    gradients = [parameter.grad for parameter in loss.student_net.node_net.parameters()]
    assert torch.isfinite(value)
    assert all(torch.isfinite(gradient).all() for gradient in gradients) and any(g.abs().sum() > 0 for g in gradients)
