"""Fig. 5's cells: the paper's fixed values, each cell once, and no test clip anywhere."""

import pytest
from tiny import make_cohort

from sacd import paper, runs
from sacd.cohort import Cohort
from sacd.experiments.hyperparameters import OPTIONS, cells, hyperparameters, lambdas
from sacd.experiments.profile import Sweep, load_profile
from sacd.objectives import build_objective, options_of
from sacd.objectives.base import Context
from sacd.runs.execute import execute
from sacd.runs.store import RunStore

FIXED = tuple(paper.LAMBDAS.values())
VALUES = (0.1, 0.5, 1.0, 10.0)


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    return make_cohort(tmp_path / "cohort")


def smoke(**sweep: object):
    return load_profile("smoke").model_copy(update={"sweep": Sweep(**sweep)})


def test_three_full_grids_and_shared_cells_once():
    found = cells(VALUES)
    assert len(found) == len(set(found)) == 3 * 16 - 3 * 4 + 1
    for place, fixed in enumerate(FIXED):
        assert sum(cell[place] == fixed for cell in found) == len(VALUES) ** 2


def test_every_point_that_the_paper_states_is_a_cell():
    points = paper.figure_5()[list(OPTIONS)].itertuples(index=False, name=None)
    assert set(points) <= set(cells(VALUES))
    assert FIXED in cells((10.0,)), "the paper's choice is always there"


def test_the_options_are_the_papers_weights():
    assert {name: options_of("sacd")[option] for name, option in OPTIONS.items()} == paper.LAMBDAS


def test_a_run_of_each_cell_and_seed_has_its_weights_and_the_cut_budget(cohort):
    profile = smoke(values=(1.0, 10.0), seeds=5, steps=7)
    configs = hyperparameters(cohort, profile)
    table = lambdas(configs)
    expected = {(0.0, 0.0, 0.0), *cells((1.0, 10.0))}
    assert len(configs) == profile.seeds * len(expected)
    for config, row in zip(configs, table.to_dict("records"), strict=True):
        assert config.training.steps == 7 and config.protocol == "paper" and not config.test
        if row["method"] != "CE":
            made = build_objective("sacd", Context(n_clips=8), config.objective.options)
            weights = (made.structure_weight, made.contrastive_weight, made.jsd_weight)
            assert weights == tuple(row[name] for name in OPTIONS)
    assert set(table[list(OPTIONS)].itertuples(index=False, name=None)) == expected
    assert (table.method == "CE").sum() == profile.seeds
    assert "0.5, 1, 10" in set(table.method)


def test_without_a_cut_a_run_has_the_steps_of_table_two(cohort):
    profile = smoke(values=(1.0,), seeds=1)
    assert {run.training for run in hyperparameters(cohort, profile)} == {profile.frozen.training}


def test_a_trained_cell_has_validation_predictions_and_no_others(cohort):
    config = hyperparameters(cohort, smoke(values=(1.0,), seeds=1, steps=2))[1]
    assert config.objective.name == "sacd"
    for needed in runs.closure([config]):  # here, without starting worker processes
        execute(needed, cohort, RunStore.beside(cohort))
    table = runs.ensure(cohort, [config])
    assert table.status.tolist() == ["done"]
    predicted = runs.predictions(table, "validation")
    tested = set(cohort.participants.index[cohort.participants["split"] == "test"])
    assert len(predicted) and not set(predicted.participant_id) & tested
    assert runs.predictions(table, "test").empty
    assert not any(name.startswith("test_") for name in table.columns)


def test_a_cohort_without_a_split_sweeps_one_fold(tmp_path):
    cohort = make_cohort(tmp_path / "features", features=True, train=9, test=0)
    cohort.participants["split"] = "n/a"
    configs = hyperparameters(cohort, smoke(values=(1.0,), seeds=1))
    assert {run.fold for run in configs} == {(0, 2)}
    assert {run.tier for run in configs} == {"features"}
