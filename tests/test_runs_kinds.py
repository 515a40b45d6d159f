"""Kinds of run: defaults pinned, identities that follow content, a kind that nobody knows, what a store lists."""

import json
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import yaml
from filelock import FileLock
from tiny import make_cohort
from typer.testing import CliRunner

from sacd import runs
from sacd.cli import app
from sacd.exceptions import SacdError
from sacd.experiments.profile import PROFILES, load_profile
from sacd.models.base import Network
from sacd.objectives import options_of
from sacd.runs import kinds
from sacd.runs.execute import Making, execute
from sacd.runs.identity import run_id
from sacd.runs.kind import LabelledRun
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.store import RunStore, tabulate
from sacd.stages import STAGES
from sacd.training.clip_set import Arrays, ClipSet
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.inputs import Inputs
from sacd.training.transforms import prepare_features


@pytest.fixture(scope="module")
def featured_cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("kinds") / "cohort", features=True)


def test_defaults_are_the_papers():
    config = TrainingConfig(steps=1)
    assert (config.optimizer, config.lr, config.weight_decay, config.batch) == ("sgd", 0.001, 5e-4, 16)
    assert config.model_dump() == {
        "steps": 1,
        "batch": 16,
        "optimizer": "sgd",
        "lr": 0.001,
        "weight_decay": 5e-4,
        "schedule": "constant",
        "sampler": "window",
        "stretch": 120,
        "validate_every": 500,
        "augment": True,
        "normalise": "standard",
        "precision": "32-true",
        "momentum_encoder": 0.999,
        "labelled_share": None,
        "labelled_weight": 0.0,
        "trunk_lr": 1.0,
        "objective_lr": 1.0,
        "patience": None,
        "keep": "best",
        "flagged": False,
    }  # a changed default changes what a stored run means: raise TRAINING_VERSION with it


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_load(name):
    assert load_profile(name).name == name


def test_unknown_key_is_named_with_the_known_ones(tmp_path):
    load_file = tmp_path / "mine.yaml"
    raw = load_profile("smoke").model_dump(mode="json") | {"sedes": 3}
    load_file.write_text(yaml.safe_dump(raw))
    with pytest.raises(SacdError, match=r"mine.yaml: unknown key sedes; known here: name, cohort, seeds"):
        load_profile(load_file)
    raw.pop("sedes")
    raw["student"]["training"]["epochs"] = 2
    load_file.write_text(yaml.safe_dump(raw))
    with pytest.raises(SacdError, match=r"unknown key student.training.epochs; known here: steps, batch"):
        load_profile(load_file)


@pytest.mark.parametrize(
    ("text", "words"),
    [("seeds: [", "not valid YAML"), ("name: x\n", "Field required"), ("name: x\nseeds: 0\n", "p.yaml: ")],
)
def test_broken_profiles_give_one_line(tmp_path, text, words):
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(SacdError, match=words) as caught:
        load_profile(file)
    assert "\n" not in str(caught.value)


def test_a_profile_in_another_encoding_gives_one_line(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_bytes("name: café\n".encode("latin-1"))
    with pytest.raises(SacdError, match=r"p\.yaml: not valid YAML \('utf-8' codec can't decode.*; correct") as caught:
        load_profile(file)
    assert "\n" not in str(caught.value)


def test_unknown_profile_lists_the_known():
    with pytest.raises(SacdError, match="use smoke, laptop, evening, paper"):
        load_profile("lapotp")


def test_identity_holds_no_defaults_and_survives_json():
    run = StudentRun(model=ModelConfig(name="mlp"), training=TrainingConfig(steps=5))
    assert run.content() == {"kind": "student", "model": {"name": "mlp"}, "training": {"steps": 5}}
    assert parse_run(run.model_dump_json()) == run


def test_a_budget_belongs_to_few_label():
    with pytest.raises(ValueError, match="belongs to the few-label protocol"):
        StudentRun(model=ModelConfig(name="mlp"), training=TrainingConfig(steps=5), labelled=8)


# --- an added kind -----------------------------------------------------------------------------------------------


class MajorityRun(LabelledRun):
    """A kind that no module of the package knows: every clip is the stage most frequent among the labelled ones."""

    kind: Literal["majority"] = "majority"
    model: ModelConfig = ModelConfig(name="mlp")
    training: TrainingConfig = TrainingConfig(steps=1)

    @property
    def name(self) -> str:
        return "stage"

    @property
    def networks(self) -> tuple[str, ...]:
        return ()

    def make(self, making: Making) -> dict[str, float]:
        stages = np.concatenate([night.clips.stage for night in making.cohort.of(making.split.labelled)])
        network = Majority(int(np.bincount(stages).argmax()))

        def inputs(clips: ClipSet) -> Inputs:
            return Inputs(Arrays(clips, [night.video for night in clips.recordings]), prepare_features, making.fabric)

        figures = making.evaluate(network, inputs)
        making.describe((2,))
        return {"steps": 0, "seconds": 0.0} | figures


class Majority(Network):
    """Says one stage."""

    def __init__(self, stage: int) -> None:
        super().__init__(feature_dim=2)
        self.head.weight.data.zero_()
        self.head.bias.data = torch.eye(len(STAGES))[stage]

    def trunk(self, x, taps=False):
        return x, ()


def test_a_new_kind_is_its_own_file_and_a_line_in_the_list(featured_cohort, tmp_path, monkeypatch):
    """Planned, trained in a process of its own, tabulated, listed and opened again without a change elsewhere."""
    monkeypatch.setattr(kinds, "KINDS", [*kinds.KINDS, MajorityRun])
    store, wanted = RunStore(tmp_path / "runs"), [MajorityRun(seed=seed) for seed in range(2)]
    assert not runs.plan(featured_cohort, wanted, store).cached.any()
    table = runs.ensure(featured_cohort, wanted, store)
    assert list(table.status) == ["done", "done"] and list(table.method) == ["stage"] * 2, table.error.tolist()
    assert table.run_id[0].startswith("majority-stage-")
    assert runs.predictions(table).predicted.nunique() == 1
    assert list(tabulate(store.done()).kind) == ["majority"] * 2
    assert parse_run(json.dumps(store.done()[0].description["run"])).kind == "majority"
    assert runs.plan(featured_cohort, wanted, store).cached.all()


# --- identity ----------------------------------------------------------------------------------------------------

COSINE = """
from sacd.objectives.base import Objective, labelled_cross_entropy

class Mine(Objective):
    title = "Mine"
    needs_teacher = False

    def __init__(self, context, weight: float = 1.0):
        super().__init__(context)
        self.weight = weight

    def forward(self, pair):
        return {"ce": self.weight * labelled_cross_entropy(pair.student_logits, pair.label)}
"""
FAST = TrainingConfig(steps=2, batch=16, validate_every=2)


def student(name: str = "ce", model: ModelConfig | None = None, **options) -> StudentRun:
    objective = ObjectiveConfig(name=name, options=options)
    return StudentRun(model=model or ModelConfig(name="mlp"), training=FAST, objective=objective)


@pytest.fixture
def mine(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(COSINE)
    return tmp_path / "mine.py"


def test_options_in_another_spelling_are_the_same_run(featured_cohort):
    assert student("label-smoothing", smoothing=0) == student("label-smoothing", smoothing=0.0)
    default = options_of("label-smoothing")["smoothing"]
    assert student("label-smoothing", smoothing=default) == student("label-smoothing")
    assert ModelConfig(name="mlp", options={"dropout": 0}) == ModelConfig(name="mlp", options={"dropout": 0.0})
    assert ModelConfig(name="r2plus1d_10", options={"width": 8}).options == {}


def test_weights_are_known_by_their_content(featured_cohort, tmp_path):
    files = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for file in files:
        file.write_bytes(b"the same")
    one, two = (student(model=ModelConfig(name="mlp", weights=str(file))) for file in files)
    before = run_id(one, featured_cohort)
    assert before == run_id(two, featured_cohort) != run_id(student(), featured_cohort)
    files[1].write_bytes(b"other, longer")
    assert run_id(two, featured_cohort) != before
    files[1].unlink()
    with pytest.raises(SacdError, match=r"b.safetensors: no such file"):
        run_id(two, featured_cohort)


def test_a_file_is_resolved_once_and_known_by_its_content(featured_cohort, mine, tmp_path):
    relative, absolute = student("mine.py:Mine"), student(f"{mine}:Mine")
    assert relative == absolute and relative.objective.name == f"{mine}:Mine"
    (tmp_path / "elsewhere").mkdir()
    moved = mine.rename(tmp_path / "elsewhere" / "renamed.py")
    mine.write_text(COSINE)
    assert run_id(student(f"{moved}:Mine"), featured_cohort) == run_id(relative, featured_cohort)
    before = run_id(relative, featured_cohort)
    mine.write_text(COSINE + "\n# edited\n")
    assert run_id(relative, featured_cohort) != before


def test_a_profile_names_files_from_its_own_folder(mine, tmp_path, monkeypatch):
    raw = load_profile("smoke").model_dump(mode="json") | {"name": "own", "methods": ["ce", "mine.py:Mine"]}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(raw))
    monkeypatch.chdir("/")
    assert load_profile(tmp_path / "own.yaml").methods == ("ce", f"{mine}:Mine")
    raw["methods"] = ["ce", "absent.py:Mine"]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(SacdError, match=r"own.yaml: .*absent.py: no such file"):
        load_profile(tmp_path / "own.yaml")
    raw["methods"] = ["ce", "kdd"]
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(SacdError, match=r"own.yaml: unknown objective 'kdd'"):
        load_profile(tmp_path / "own.yaml")


def test_what_the_objective_refuses_is_refused_before_anything_is_trained():
    with pytest.raises(SacdError, match="unknown objective 'kdd'"):
        student("kdd")
    with pytest.raises(SacdError, match="unknown option 'tempratur'"):
        student("kd", tempratur=2.0)
    with pytest.raises(SacdError, match="learns from a teacher; name one"):
        student("kd")
    with pytest.raises(SacdError, match="has no option depht"):
        ModelConfig(name="mlp", options={"depht": 2})


def test_a_network_for_other_input_is_refused_before_its_teacher_trains(featured_cohort, tmp_path):
    teacher = TeacherRun(model=ModelConfig(name="mlp"), training=FAST)
    wrong = StudentRun(
        model=ModelConfig(name="r3d_10"), training=FAST, teacher=teacher, objective=ObjectiveConfig(name="kd")
    )
    table = runs.ensure(featured_cohort, [wrong], RunStore(tmp_path / "runs"))
    assert "model r3d_10 does not read the features" in table.error[0]
    assert not (tmp_path / "runs").exists()


# --- the store ---------------------------------------------------------------------------------------------------


@pytest.fixture
def store(featured_cohort, mine, tmp_path) -> RunStore:
    """One good run, one of a file that has moved since, one of an older version, one broken, one unfinished."""
    store = RunStore(tmp_path / "runs")
    for config in (student(), student("mine.py:Mine")):
        execute(config, featured_cohort, store)
    mine.unlink()
    older, broken, unfinished = (store.root / f"student-{name}-0" for name in ("older", "broken", "unfinished"))
    shutil.copytree(store.folder(student(), featured_cohort), older)
    about = json.loads((older / "config.json").read_text()) | {"version": 1, "run": {"kind": "student", "gone": 1}}
    (older / "config.json").write_text(json.dumps(about))
    shutil.copytree(older, broken)
    (broken / "config.json").write_text("[")
    unfinished.mkdir()
    return store


def test_runs_are_listed_without_executing_or_parsing_what_they_were_made_of(store):
    assert sorted(tabulate(store.done()).method) == ["CE", "Mine"]
    assert len(store.finished()) == 4
    result = CliRunner().invoke(app, ["runs"], env={"SACD_RUNS": str(store.root)})
    assert result.exit_code == 0 and "Mine" in result.output
    assert "2 runs of another version, or unreadable, are not shown" in result.output


def test_pruning_takes_what_nothing_opens_again_and_leaves_runs_in_training(store):
    names = ["student-broken-0", "student-older-0", "student-unfinished-0"]
    with FileLock(store.root / "student-unfinished-0" / ".run.lock"):
        assert [path.name for path in store.prunable()] == names[:2]
    command = CliRunner().invoke(app, ["runs", "--prune", "--dry-run"], env={"SACD_RUNS": str(store.root)})
    assert all(name in command.output for name in names) and len(store.prunable()) == 3
    CliRunner().invoke(app, ["runs", "--prune"], env={"SACD_RUNS": str(store.root)})
    assert store.prunable() == [] and len(list(store.root.iterdir())) == 2


def test_a_failed_run_keeps_its_traceback_and_gives_one_line(featured_cohort, mine, tmp_path):
    mine.write_text(COSINE.replace('return {"ce"', 'undefined_name; return {"ce"'))
    table = runs.ensure(featured_cohort, [student("mine.py:Mine"), student()], RunStore(tmp_path / "runs"))
    assert list(table.status) == ["failed", "done"]
    assert table.error[0] == "NameError: name 'undefined_name' is not defined"
    assert "mine.py" in (Path(table.path[0]) / "traceback.txt").read_text()
    mine.write_text(COSINE)


def test_no_lock_lies_about_when_a_run_is_done(featured_cohort, tmp_path):
    store = RunStore(tmp_path / "runs")
    folder = execute(student(), featured_cohort, store)
    assert [path.name for path in store.root.iterdir()] == [folder.name] and not list(folder.glob("*.lock"))
