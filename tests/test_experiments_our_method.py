"""Our method beside others that have all it has, and without each of its parts."""

from pathlib import Path

import pandas as pd
import pytest
from tiny import make_cohort, night_profile

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.exceptions import NotApplicable
from sacd.experiments.night import night_place
from sacd.experiments.our_method import ALIKE, COMPLETE, PARTS, Row, named_runs, rows, with_rows
from sacd.runs.execute import execute
from sacd.runs.kinds.ensemble_teacher import EnsembleTeacherRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.store import RunStore
from sacd.simulate.planned import plan_cohort
from sacd.training.config import ModelConfig

LACKS = {
    "teacher not smoothed": {"taught"},
    "all clips weigh the same": {"objective"},
    "labels beside the teacher": {"objective"},
    "student sees single clips": {"model"},
    "KD as published in its place": {"objective", "taught"},
    "an ensemble of teachers": {"teacher"},
}
"""What of the run a row of the second block changes."""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("ours") / "c", features=True, train=8, test=2, clips=16)


def of_block(cohort: Cohort, block: str) -> list[tuple[Row, StudentRun]]:
    return [(row, run) for row, run in named_runs(cohort, night_profile()) if row.block == block]


def changed(run: StudentRun, reference: StudentRun) -> set[str]:
    return {name for name, value in run if value != getattr(reference, name)}


def test_with_all_else_alike_rows_differ_in_the_objective_alone(cohort: Cohort) -> None:
    found = of_block(cohort, ALIKE)
    assert [row.objective for row, _ in found] == ["ce", "kd", "sacd", "night-kd"]
    ours = found[-1][1]
    assert ours.taught == "smoothed" and ours.protocol == "few-label" and not ours.objective.options
    for row, run in found[:-1]:
        # Cross-entropy has no teacher to be smoothed.
        lacks = {"teacher", "taught"} if row.objective == "ce" else set()
        assert changed(run, ours) == {"objective"} | lacks and not run.objective.options
    assert found[0][1].teacher is None


def test_a_row_of_parts_lacks_its_part_alone(cohort: Cohort) -> None:
    (complete, ours), *others = of_block(cohort, PARTS)
    assert complete.name == COMPLETE and ours == of_block(cohort, ALIKE)[-1][1]
    assert {row.name: changed(run, ours) for row, run in others} == LACKS
    by_name = {row.name: run for row, run in others}
    assert by_name["teacher not smoothed"].taught == by_name["KD as published in its place"].taught == "as-is"
    assert by_name["KD as published in its place"].objective.name == "kd"
    assert by_name["all clips weigh the same"].objective.options == {"confidence": 0.0}
    assert by_name["labels beside the teacher"].objective.options == {"ce_weight": 0.5}
    assert by_name["student sees single clips"].model == ModelConfig(
        name=ours.model.name, options=ours.model.options | {"length": 1}
    )
    assert by_name["an ensemble of teachers"].teacher == EnsembleTeacherRun.of(ours.teacher, 2)


def test_the_night_is_the_longest_context_and_a_profile_may_leave_the_ensemble_out(cohort: Cohort) -> None:
    profile = night_profile(lengths=(1, 4, 0), parts=None)
    found = {row.name: run for row, run in named_runs(cohort, profile)}
    assert found[COMPLETE].model.options["length"] == 0
    assert set(found) - {COMPLETE, "CE", "KD", "SACD"} == set(LACKS) - {"an ensemble of teachers"}


def test_of_two_labelled_there_is_no_ensemble(tmp_path: Path) -> None:
    small = make_cohort(tmp_path / "c", features=True, train=9, test=0, clips=8)
    assert "an ensemble of teachers" not in {row.name for row, _ in named_runs(small, night_profile())}
    assert runs.plan(small, experiments.CHAPTERS["17_our_method"].runs(small, night_profile())).shape[0]


def test_a_profile_without_our_method_does_not_apply(cohort: Cohort) -> None:
    with pytest.raises(NotApplicable, match="the methods of profile smoke leave night-kd out"):
        rows(cohort, night_profile().model_copy(update={"methods": ("ce", "kd")}))


def test_runs_are_asked_for_where_the_nights_lie(cohort: Cohort) -> None:
    chapter, profile = experiments.CHAPTERS["17_our_method"], night_profile()
    assert chapter.runs(cohort, profile) == [run for _, run in named_runs(cohort, profile)]
    assert chapter.companions(cohort, profile) == []
    main = plan_cohort(Path("nowhere") / "main", profile.cohort.model_dump())
    assert chapter.runs(main, profile) == []
    [companion] = chapter.companions(main, profile)
    assert companion.place == night_place(main, profile)
    nights = companion.place.open_or_plan()
    assert companion.runs(nights) == [run for _, run in named_runs(nights, profile)]


def test_a_run_of_several_rows_stands_in_each(cohort: Cohort) -> None:
    named = [(row, run) for row, run in named_runs(cohort, night_profile()) if row.name in ("KD", COMPLETE)]
    assert [(row.block, row.name) for row, _ in named] == [(ALIKE, "KD"), (ALIKE, COMPLETE), (PARTS, COMPLETE)]
    store = RunStore.beside(cohort)
    for run in runs.closure([run for _, run in named]):
        execute(run, cohort, store)
    table = runs.ensure(cohort, [run for _, run in named], store)
    decided = with_rows(runs.predictions(table, decision=["argmax", "corrected"]), table, named)
    sizes = decided.groupby(["block", "method", "decision"]).size()
    assert set(sizes.index) == {(row.block, row.name, how) for row, _ in named for how in ("argmax", "corrected")}
    assert set(sizes) == {2 * 16}
    ours = [
        decided[(decided.block == block) & (decided.method == COMPLETE)].drop(columns="block").reset_index(drop=True)
        for block in (ALIKE, PARTS)
    ]
    pd.testing.assert_frame_equal(*ours)
    kd = decided[decided.method == "KD"]
    assert kd.run_id.nunique() == 1 and set(kd.run_id) != set(ours[0].run_id)
