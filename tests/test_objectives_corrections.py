"""Corrections for imbalance: names, options and identities of both parts, the balanced head, adjusted labels."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from objective_pairs import context, make_pair, step
from safetensors.torch import load_file
from tiny import make_cohort

from sacd.exceptions import SacdError
from sacd.experiments.trials import trials
from sacd.objectives import (
    CORRECTIONS,
    OBJECTIVES,
    build_objective,
    identity,
    load_objective,
    normal_options,
    options_of,
    parts_of,
    resolved,
    short_name,
)  # fmt: skip
from sacd.objectives.base import Context, Objective, labelled_cross_entropy
from sacd.runs.execute import execute
from sacd.runs.forecast import predicted_seconds
from sacd.runs.identity import run_id
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.outputs import load_network
from sacd.runs.store import Run, RunStore
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.inputs import make_network, predict, whole_set

FAST = TrainingConfig(steps=4, batch=16, optimizer="adamw", validate_every=2, momentum_encoder=0.9)
MLP = ModelConfig(name="mlp", options={"dropout": 0.0})
OWN = """
from sacd.objectives.base import Objective, labelled_cross_entropy

class Mine(Objective):
    title = "Mine"
    weights = ("weight",)

    def __init__(self, context, weight: float = 0.5):
        super().__init__(context)
        self.weight = weight

    def forward(self, pair):
        apart = (pair.student_logits - pair.teacher_logits.detach()).square().mean()
        return {"ce": self.labelled(pair), "apart": self.weight * apart}

class Deaf(Objective):
    title = "Deaf"

    def forward(self, pair):
        return {"ce": labelled_cross_entropy(pair.student_logits, pair.label)}
"""
IMBALANCED = torch.tensor([0] * 6 + [1] * 3 + [2] * 2 + [-1] * 29)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path / "mine.py"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("corrections") / "cohort", features=True)


def build(name: str, about: Context | None = None, **options: object) -> Objective:
    torch.manual_seed(3)
    return build_objective(name, about or replace(context(), label=IMBALANCED), options)


def student(name: str, **options: float) -> StudentRun:
    teacher = TeacherRun(model=MLP, training=FAST, protocol="few-label", labelled=4)
    objective = ObjectiveConfig(name=name, options=options)
    needs = load_objective(objective.name).needs_teacher
    return StudentRun(
        model=MLP, training=FAST, protocol="few-label", labelled=4, objective=objective,
        teacher=teacher if needs else None,
    )


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correction", sorted(CORRECTIONS))
@pytest.mark.parametrize("method", sorted(OBJECTIVES))
def test_every_method_can_be_corrected(method: str, correction: str) -> None:
    name, own, added = f"{method}+{correction}", OBJECTIVES[method], CORRECTIONS[correction]
    both = load_objective(name)
    assert issubclass(both, own) and issubclass(both, added)
    assert both.title == f"{own.title} + {added.title}" and both.since_paper
    assert both.version == identity(name) == f"{own.version}+{added.version}"
    assert own.source in both.source and added.source in both.source
    assert both.weights == own.weights + added.weights
    for asked in ("needs_teacher", "uses_unlabelled", "needs_momentum", "needs_taps", "needs_posterior"):
        assert getattr(both, asked) is getattr(own, asked)
    extra = {"abc": {"abc_weight": 1.0, "abc_threshold": 0.95}, "la": {"la_tau": 1.0}}[correction]
    assert options_of(name) == {**extra, **options_of(method)}
    assert parts_of(name) == (method, correction) and resolved(name) == short_name(name) == name
    assert normal_options(name, {**extra, **options_of(method)}) == {}
    assert isinstance(build_objective(name, context(), extra), both)


def test_a_methods_own_options_reach_it() -> None:
    objective = build("sacd+abc", structure=0.0, contrastive=0, abc_weight=0.5)
    assert (objective.structure_weight, objective.contrastive_weight, objective.jsd_weight) == (0.0, 0, 1.0)
    assert objective.abc_weight == 0.5 and not objective.needs_momentum
    assert not build("sacd+abc", structure=0.0, contrastive=0.0, jsd=0.0).needs_teacher
    with pytest.raises(SacdError, match="unknown option 'wieght'; its options are: abc_weight, abc_threshold, temp"):
        build("kd+abc", wieght=1.0)


@pytest.mark.parametrize("ask", [load_objective, resolved])
def test_unknown_parts(ask) -> None:
    for name in ("kdd+abc", "kd+abcd", "kd+", "+abc"):
        with pytest.raises(SacdError, match=r"unknown objective .* choose one of ce, .*correction \(\+abc, \+la\)"):
            ask(name)


def test_a_second_correction() -> None:
    with pytest.raises(SacdError, match="KD \\+ ABC \\+ LA: a method takes one correction"):
        load_objective("kd+abc+la")


def test_a_file_with_a_correction(mine: Path, cohort) -> None:
    name = f"{mine}:Mine+abc"
    assert resolved("mine.py:Mine+abc") == name and short_name(name) == "Mine+abc"
    assert identity(name) == f"{hashlib.sha256(mine.read_bytes()).hexdigest()}+1"
    assert load_objective(name).title == "Mine + ABC" and load_objective(name).weights == ("weight", "abc_weight")
    assert options_of(name) == {"abc_weight": 1.0, "abc_threshold": 0.95, "weight": 0.5}
    config = student("mine.py:Mine+abc", weight=2)
    assert config.objective.options == {"weight": 2.0} and config.name == "Mine+abc"
    assert config.method == "Mine + ABC (weight=2.0)"
    before = [run_id(config, cohort), run_id(student("mine.py:Mine", weight=2), cohort)]
    assert before[0] != before[1]
    mine.write_text(OWN + "\n")
    assert run_id(config, cohort) != before[0]
    adjusted = build(f"{mine}:Mine+la")(make_pair())["ce"]
    torch.testing.assert_close(adjusted, build("ce+la")(make_pair())["ce"])


def test_labels_that_cannot_be_adjusted_are_told(mine: Path) -> None:
    for name in (f"{mine}:Deaf+la", "oracle+la"):
        with pytest.raises(SacdError, match=r"LA: its method has no labelled term; let it call self.labelled\(pair\)"):
            build(name)(make_pair())


def test_trials_and_forecasts_know_both_parts(cohort, tmp_path: Path) -> None:
    scaled = trials(student("kd+abc"), 2)["× 0.1"]
    assert scaled.objective.options == {"weight": pytest.approx(0.09), "abc_weight": pytest.approx(0.1)}

    def seconds(name: str) -> float:
        return predicted_seconds(student(name), cohort, RunStore(tmp_path))

    assert seconds("kd") < seconds("kd+abc") < seconds("sacd") < seconds("sacd+abc")


# --- the balanced head -------------------------------------------------------------------------------------------


def test_labelled_clips_are_kept_as_often_in_every_class() -> None:
    objective = build("ce+abc")
    torch.testing.assert_close(objective.kept, torch.tensor([2 / 6, 2 / 3, 1.0, 1.0, 1.0]))
    pair = make_pair(labels=[0] * 8 + [1] * 4 + [-1] * 4)
    each = [-math.log(p[k]) for p, k in zip(pair.student_logits.softmax(1).tolist(), 8 * [0] + 4 * [1], strict=False)]
    expected = sum(loss * kept for loss, kept in zip(each, 8 * [2 / 6] + 4 * [2 / 3], strict=True)) / 16
    torch.manual_seed(0)
    drawn = [objective(pair)["abc"].item() for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.std(drawn) / math.sqrt(2000))
    one = replace(objective.context, label=torch.tensor([4, 4, -1]))
    assert build("ce+abc", one).kept.tolist() == build("ce+abc", context()).kept.tolist() == [1.0] * 5


def test_the_teachers_sure_decisions_are_kept_as_often_too() -> None:
    pair = make_pair(labels=[0, 1] + 14 * [-1])
    terms = build("kd+abc", context(), abc_threshold=0.8, abc_weight=0.5)(pair)
    known = [0, 1] + [q.index(max(q)) if max(q) >= 0.8 else -1 for q in pair.teacher_logits.softmax(1).tolist()[2:]]
    assert -1 in known and max(known[2:]) >= 0
    torch.testing.assert_close(terms["abc"], 0.5 * labelled_cross_entropy(pair.student_logits, torch.tensor(known)))


def test_the_method_sees_its_own_head_and_the_balanced_one_sees_nothing_else() -> None:
    objective = build("kd+abc")
    pair = make_pair()
    terms = objective(pair)
    with torch.no_grad():
        own = replace(pair, student_logits=objective.method_head(pair.student_features))
    for name, value in build("kd")(own).items():
        torch.testing.assert_close(terms[name], value)
    heads = pair.student_logits, objective.method_head.weight
    for name, reached in (("ce", [False, True]), ("kd", [False, True]), ("abc", [True, False])):
        gradient = torch.autograd.grad(terms[name], heads, retain_graph=True, allow_unused=True)
        assert [g is not None for g in gradient] == reached


def test_a_momentum_network_is_seen_by_the_methods_head() -> None:
    objective = build("self-training+abc", threshold=0.0)
    pair = make_pair(labels="none")
    heads = [objective.method_head(pair.student_features), objective.method_head(pair.momentum_features)]
    own = replace(pair, student_logits=heads[0].detach(), momentum_logits=heads[1].detach())
    expected = build("self-training", threshold=0.0)(own)["self-training"]
    torch.testing.assert_close(objective(pair)["self-training"], expected)


def test_the_same_draws_after_a_resume() -> None:
    """As the loop does: the generator is seeded anew at every step."""
    def steps(objective: Objective, first: int, last: int) -> list[dict[str, float]]:
        found = []
        for number in range(first, last):
            torch.manual_seed(number)
            found.append(step(objective, make_pair(seed=number)))
        return found

    whole, resumed = build("sacd+abc"), build("sacd+abc")
    whole_terms = steps(whole, 0, 4)
    steps(resumed, 0, 2)
    again = build("sacd+abc")
    again.load_state_dict(resumed.state_dict())
    assert steps(again, 2, 4) == whole_terms[2:]


def test_the_balanced_head_validates_is_saved_and_classifies(cohort, tmp_path: Path) -> None:
    config = student("kd+abc", ce_weight=0.0, weight=0.0)
    store = RunStore(tmp_path)
    for run in (*config.dependencies, config):
        folder = execute(run, cohort, store)
    run, plain = Run(folder), student("kd")
    saved = load_file(folder / "weights.safetensors")
    assert saved.keys() == load_file(execute(plain, cohort, store) / "weights.safetensors").keys()
    untrained = make_network(config.model, (2,), config.seed).state_dict()
    assert not torch.equal(saved["head.weight"], untrained["head.weight"])  # though the method's terms weigh nothing
    network, fabric = load_network(config, folder)
    table = run.predictions[run.predictions.split == "test"]
    recordings = cohort.of(config.split(cohort).test)
    clips = whole_set(recordings)
    inputs = config.inputs(cohort, store, clips, fabric)
    assert predict(network, inputs, np.arange(len(clips))).logits.argmax(1).tolist() == table.predicted.tolist()
    best = run.history.set_index("step").loc[run.metrics["best_step"]]
    assert best.validation_macro_f1 == pytest.approx(run.metrics["validation_macro_f1"])


# --- adjusted labels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ce", "kd", "label-smoothing", "class-mean", "softmatch"])
def test_the_labelled_term_alone_is_adjusted(method: str) -> None:
    about = replace(context(), label=IMBALANCED)
    pair = make_pair()
    ours, theirs = build(f"{method}+la", about, la_tau=0.5)(pair), build(method, about)(pair)
    offset = torch.tensor([0.5 * math.log((count + 1) / 16) for count in (6, 3, 2, 0, 0)])
    adjusted = build(method, about)(replace(pair, student_logits=pair.student_logits + offset))
    torch.testing.assert_close(ours.pop("ce"), adjusted["ce"])
    assert ours.keys() == theirs.keys() - {"ce"}
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name])


def test_adjusted_labels_by_hand() -> None:
    # One clip of class 1 of 2; 3 labelled clips of class 0, 1 of class 1: π = (4/6, 2/6), logits 0: −ln(1/3).
    about = Context(4, n_classes=2, label=torch.tensor([0, 0, 0, 1]))
    pair = replace(make_pair(batch=1, labels=[1]), student_logits=torch.zeros(1, 2))
    assert build("ce+la", about)(pair)["ce"].item() == pytest.approx(math.log(3))


def test_without_labels_nothing_is_adjusted() -> None:
    pair = make_pair()
    torch.testing.assert_close(build("ce+la", context())(pair)["ce"], build("ce")(pair)["ce"])
