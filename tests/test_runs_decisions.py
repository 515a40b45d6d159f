"""Runs write what decisions need, predictions are decided by name, and τ is chosen on people who were left out."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from tiny import make_cohort

from sacd import runs
from sacd.decisions import Correction
from sacd.exceptions import SacdError
from sacd.metrics import confusion, macro_f1
from sacd.runs.execute import DRAWS, PROBABILITIES, execute
from sacd.runs.identity import run_id
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.tuned import TunedRun
from sacd.runs.outputs import load_network
from sacd.runs.store import RunStore
from sacd.training.batches import Sampler
from sacd.training.clip_set import ClipSet
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.inputs import predict
from sacd.training.loop import make_fabric

FAST = TrainingConfig(steps=6, batch=16, optimizer="adamw", lr=0.005, validate_every=3)
MLP = ModelConfig(name="mlp")
FEW = {"model": MLP, "training": FAST, "protocol": "few-label", "labelled": 4}
STUDENT = StudentRun(**FEW, objective=ObjectiveConfig(name="kd"), teacher=TeacherRun(**FEW))
TUNED = TunedRun.of(STUDENT)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    cohort, store = make_cohort(folder / "cohort", features=True), RunStore(folder / "runs")
    wanted = [STUDENT, STUDENT.teacher, SelectedRun.of([STUDENT]), TUNED]
    for run in runs.closure(wanted):
        execute(run, cohort, store)
    table = runs.ensure(cohort, wanted, store)
    assert set(table.status) == {"done"}, table.error.tolist()
    return cohort, store, table


def test_the_prior_is_the_mean_over_the_students_own_draws(trained):
    cohort, store, _ = trained
    run, split = store.open(STUDENT, cohort), STUDENT.split(cohort)
    found = Correction.read(run.path)
    clips = ClipSet(cohort.of(split.labelled + split.unlabelled), split.labelled)
    sampler = Sampler(clips, np.ones(len(clips), dtype=bool), FAST.batch, STUDENT.seed, FAST.sampler)
    assert FAST.steps * FAST.batch < DRAWS, "a run of fewer draws is asked for no more than it had"
    network, _ = load_network(STUDENT, run.path)
    inputs = STUDENT.inputs(cohort, store, clips, make_fabric("32-true"))
    logits = np.concatenate([predict(network, inputs, sampler.batch(step)[0]).logits for step in range(FAST.steps)])
    mean = np.maximum(softmax(logits / found.temperature, axis=1).mean(axis=0), 1 / len(logits))
    np.testing.assert_allclose(found.prior, mean / mean.sum(), atol=1e-5, err_msg=str(found.temperature))
    held = run.predictions.query("split == 'validation'")
    fitted = Correction.of(held[PROBABILITIES].to_numpy(), held["stage"].to_numpy(), softmax(logits, axis=1))
    assert found.temperature == pytest.approx(fitted.temperature, rel=1e-4)


def test_predictions_are_decided_by_name(trained):
    _, store, table = trained
    table = table[table.kind != "tuned"]
    plain, both = runs.predictions(table), runs.predictions(table, decision=("argmax", "corrected"))
    assert list(both.decision.unique()) == ["argmax", "corrected"]
    pd.testing.assert_frame_equal(both[both.decision == "argmax"].reset_index(drop=True), plain)
    changed = both[both.decision == "corrected"].reset_index(drop=True)
    same = plain.columns.drop(["predicted", "decision"])
    pd.testing.assert_frame_equal(changed[same], plain[same])
    for run, rows in changed.groupby("run_id"):
        known = Correction.read(store.root / run)
        odds = rows[PROBABILITIES].to_numpy(float) ** (1 / known.temperature)
        expected = (odds / odds.sum(axis=1, keepdims=True) / np.array(known.prior)).argmax(axis=1)
        assert (rows.predicted.to_numpy() == expected).all()
    assert (changed.predicted != plain.predicted).any()
    assert set(changed.kind) == {"student", "teacher", "selected"}


def test_a_selected_run_has_the_correction_of_the_chosen(trained):
    cohort, store, _ = trained
    chosen, own = (Correction.read(store.folder(run, cohort)) for run in (SelectedRun.of([STUDENT]), STUDENT))
    assert chosen == own


def test_tau_is_chosen_on_people_who_were_left_out(trained):
    cohort, store, table = trained
    row = table[table.kind == "tuned"].iloc[0]
    run, split = store.open(TUNED, cohort), STUDENT.split(cohort)
    scores = {}
    for tau in (0, 0.25, 0.5, 0.75, 1):
        stage, predicted, participant = [], [], []
        parts = [(one, split.part(part, 3)) for part, one in enumerate(TUNED.without)]
        for student, people in [(STUDENT, split.validation), *parts]:
            known = Correction.read(store.folder(student, cohort))
            clips = ClipSet(cohort.of(people), people)
            network, fabric = load_network(student, store.folder(student, cohort))
            logits = predict(network, student.inputs(cohort, store, clips, fabric), np.arange(len(clips))).logits
            log = np.log(softmax(logits / known.temperature, axis=1)) - tau * np.log(known.prior)
            stage += clips.label.tolist()
            predicted += log.argmax(axis=1).tolist()
            participant += [people[i] for i in clips.participant]
        assert len(set(participant)) == 4 == len(split.labelled + split.validation)
        scores[tau] = float(macro_f1(confusion(*map(np.array, (stage, predicted, participant)))))
    best = max(scores.values())
    assert row.tau == min(tau for tau, value in scores.items() if value == best)
    assert {tau: row[f"macro_f1_tau_{tau:g}"] for tau in scores} == pytest.approx(scores)
    own = Correction.read(store.folder(STUDENT, cohort))
    assert Correction.read(run.path) == own.model_copy(update={"tau": row.tau})
    pd.testing.assert_frame_equal(run.predictions, store.open(STUDENT, cohort).predictions)
    assert row.method == "KD" and len(runs.predictions(table[table.kind == "tuned"], decision="tuned")) == 3 * 24
    assert parse_run(TUNED.model_dump_json()) == TUNED


def test_a_run_without_what_a_decision_needs_is_named(trained, tmp_path):
    _, store, table = trained
    with pytest.raises(SacdError, match="no τ was chosen"):
        runs.predictions(table[table.kind == "student"], decision="tuned")
    with pytest.raises(SacdError, match="decision 'coin' is unknown"):
        runs.predictions(table, decision="coin")
    bare = tmp_path / "old"
    bare.mkdir()
    old = table[table.kind == "student"].iloc[[0]].assign(path=str(bare))
    store.root.joinpath(table.run_id[0], "predictions.parquet").rename(bare / "predictions.parquet")
    try:
        with pytest.raises(SacdError, match=r"old/decision\.json: missing or unreadable"):
            runs.predictions(old, decision="corrected")
    finally:
        (bare / "predictions.parquet").rename(store.root / table.run_id[0] / "predictions.parquet")


def test_what_a_tuned_run_is_made_of_tells_it_apart(trained):
    cohort = trained[0]
    assert run_id(TUNED, cohort) != run_id(TunedRun.of(STUDENT, parts=2), cohort)
    assert run_id(TUNED, cohort).startswith("tuned-kd-")
