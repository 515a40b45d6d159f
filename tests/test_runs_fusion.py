"""Table IV: every experiment trains; frozen is frozen, released is not; features are out-of-fold; resume is exact."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tiny import make_cohort

from sacd import experiments, runs
from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.models import build
from sacd.models.fusion import TwoStream, TwoViews
from sacd.paper import tidy
from sacd.runs.execute import Making, execute
from sacd.runs.identity import run_id
from sacd.runs.kind import RunConfig
from sacd.runs.kinds import parse_run
from sacd.runs.kinds.fusion import FusionRun, frozen_features, part_of
from sacd.runs.kinds.reverse import ReverseRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.store import Run, RunStore
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.fusion import alignment
from sacd.training.loop import Task, train

FAST = TrainingConfig(steps=4, batch=16, optimizer="adamw", validate_every=2, momentum_encoder=0.9)
MLP = ModelConfig(name="mlp", options={"hidden": 16})
EEG = TeacherRun(model=MLP, training=FAST)
VIDEO = StudentRun(model=MLP, training=FAST)
SMALL = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 2})
PARTS = 3


def fusion(letter: str, eeg: TeacherRun = EEG, video: StudentRun = VIDEO, parts: int = PARTS) -> FusionRun:
    return FusionRun(experiment=letter, eeg=eeg, video=video, training=FAST, parts=parts)


def reverse(letter: str, eeg: TeacherRun = EEG, video: StudentRun = VIDEO) -> ReverseRun:
    objective = ObjectiveConfig(name="ccl" if letter == "G" else "sacd")
    return ReverseRun(model=eeg.model, training=FAST, objective=objective, source=video, released=letter != "E")


def any_of(letter: str, **encoders: RunConfig) -> FusionRun | ReverseRun:
    return fusion(letter, **encoders) if letter in "ABCD" else reverse(letter, **encoders)


def execute_all(cohort: Cohort, config: RunConfig, store: RunStore) -> Path:
    for run in runs.closure([config]):
        folder = execute(run, cohort, store)
    return folder


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("features") / "cohort", features=True)


@pytest.fixture(scope="module")
def store(cohort) -> RunStore:
    """A store that holds the encoders."""
    store = RunStore(cohort.path.parent / "runs")
    for run in fusion("A").dependencies:
        execute(run, cohort, store)
    return store


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(value, two[name]) for name, value in one.items())


def part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


# --- heads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "widths"), [(1, [(5, 1024)]), (3, [(256, 1024), (64, 256), (5, 64)])])
def test_heads_are_the_papers(layers, widths):
    head = build("fusion", layers=layers)
    assert [tuple(p.shape) for p in head.parameters() if p.ndim == 2] in (widths, widths[-1:] + widths[:-1])
    assert head(torch.randn(3, 1024)).logits.shape == (3, 5)
    with pytest.raises(SacdError, match="use 1 or 3"):
        build("fusion", layers=2)


def test_two_streams_reach_both_encoders_and_are_the_head_on_their_features():
    eeg, video = build("mlp", in_features=3), build("mlp", in_features=2)
    network = TwoStream(eeg, video, layers=3).eval()
    views = TwoViews(torch.randn(4, 3), torch.randn(4, 2))
    logits = network(views).logits
    features = torch.cat([eeg(views.eeg).features, video(views.video).features], dim=1)
    assert torch.equal(logits, network.head(network.hidden(features)))
    logits.square().sum().backward()
    for encoder in (eeg, video):
        assert all(p.grad.abs().sum() > 0 for name, p in encoder.named_parameters() if not name.startswith("head"))


# --- experiments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", "ABCDEFG")
def test_every_experiment_trains_and_predicts(cohort, store, letter):
    config = any_of(letter)
    assert parse_run(config.model_dump_json()) == config
    run = Run(execute_all(cohort, config, store))
    assert config.row()["method"] == f"Experiment {letter}" in set(tidy("IV").method)
    assert run.history["loss"].notna().all() and list(run.history.step) == [2, 4]
    test = run.predictions[run.predictions.split == "test"]
    assert set(test.participant_id) == set(config.split(cohort).test) and len(test) == 3 * 24
    assert np.allclose(test[[f"p_{stage}" for stage in ("W", "N1", "N2", "N3", "REM")]].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("letter", "AB")
def test_frozen_encoders_stay_and_only_the_head_is_trained(cohort, store, letter):
    config = fusion(letter)
    encoders = [store.folder(run, cohort) / "weights.safetensors" for run in config.dependencies]
    before = [file.read_bytes() for file in encoders]
    making = Making(config, cohort, store, store.root / "aside")
    task = config.task(making)
    names = {name for name, _ in build("fusion", layers=config.layers).named_parameters()}
    assert {name for name, _ in task.named_parameters()} == {f"network.{name}" for name in names}
    assert task.inputs.arrays.shape == (1024,)
    folder = execute_all(cohort, config, store)
    assert [file.read_bytes() for file in encoders] == before
    # At test it reads exactly what the final encoders say.
    recordings = cohort.of(config.split(cohort).test)
    expected = [
        np.hstack([np.load(next((store.folder(run, cohort) / "outputs").glob(f"{r.recording_id}-*")))["features"]
                   for run in (config.eeg, config.video)])
        for r in recordings
    ]  # fmt: skip
    for got, wanted in zip(frozen_features(config, cohort, store, recordings), expected, strict=True):
        assert np.array_equal(got, wanted)
    assert (folder / "DONE").exists()


@pytest.mark.parametrize("letter", "CD")
def test_released_encoders_start_from_their_trained_weights_and_move(cohort, store, letter):
    config = fusion(letter)
    assert config.dependencies == [EEG, VIDEO]
    task = config.task(Making(config, cohort, store, store.root / "aside"))
    begin = task.network.state_dict()
    end = weights(execute_all(cohort, config, store))
    for name, encoder in (("eeg.", EEG), ("video.", VIDEO)):
        trained = weights(store.folder(encoder, cohort))
        assert same(part(begin, name), trained)
        trunk = [key for key in trained if not key.startswith("head")]
        assert all(not torch.equal(part(end, name)[key], trained[key]) for key in trunk if trained[key].any())


def trained_task(
    config: RunConfig, cohort: Cohort, store: RunStore, folder: Path
) -> tuple[Task, dict[str, torch.Tensor]]:
    """A task after training, and its state before; the run's own folder is left alone."""
    folder.mkdir()
    making = Making(config, cohort, store, folder)
    task = config.task(making)
    begin = copy.deepcopy(task.state_dict())
    train(task, config.training, config.seed, folder, making.fabric)
    return task, begin


@pytest.mark.parametrize("letter", "EFG")
def test_the_source_is_frozen_in_e_and_trains_in_f_and_g(cohort, store, tmp_path, letter):
    config, source = reverse(letter), weights(store.folder(VIDEO, cohort))
    task, begin = trained_task(config, cohort, store, tmp_path / "run")
    moved = part(task.state_dict(), "network.")
    assert not same(moved, part(begin, "network."))
    assert same(weights(store.folder(VIDEO, cohort)), source)
    if letter == "E":  # the source is not even there, only what it said
        assert not any(name.startswith("source.") for name in begin)
    else:
        assert same(part(begin, "source.network."), source)
        after = part(task.state_dict(), "source.network.")
        assert all(not torch.equal(after[name], value) for name, value in source.items() if value.any())
        assert all(parameter.requires_grad for parameter in task.source.network.parameters())


def test_a_released_source_learns_from_the_eeg_network_too(cohort, store, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    task = reverse("F").task(Making(reverse("F"), cohort, store, folder))
    terms = task.terms(0)
    own, theirs = ({name for name in terms if name.startswith("source_") == side} for side in (False, True))
    assert theirs == {f"source_{name}" for name in own} == {
        f"source_{name}" for name in ("ce", "structure", "contrastive", "jsd")
    }
    pair = (task.network, task.source.network)
    for name, (mine, other) in (("jsd", pair), ("source_jsd", pair[::-1])):
        reached = torch.autograd.grad(terms[name], list(mine.parameters()), retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.any() for gradient in reached)
        away = torch.autograd.grad(terms[name], list(other.parameters()), retain_graph=True, allow_unused=True)
        assert all(gradient is None for gradient in away)


def test_the_eeg_network_of_e_starts_as_the_baseline_does(cohort, store):
    aside = store.root / "aside"
    one, two = (config.task(Making(config, cohort, store, aside)) for config in (reverse("E"), EEG))
    assert same(one.network.state_dict(), two.network.state_dict())


# --- out of fold -------------------------------------------------------------------------------------------------


def test_parts_cut_the_labelled_participants(cohort):
    config = fusion("A")
    split = config.split(cohort)
    parts = part_of(config, cohort)
    assert set(parts) == set(split.labelled) and set(parts.values()) == set(range(PARTS))
    for name, index in parts.items():
        for encoder in config.encoders(index):
            seen = encoder.split(cohort)
            assert name not in seen.labelled + seen.validation + seen.unlabelled
            assert encoder in config.dependencies
            assert set(seen.labelled) == {other for other in split.labelled if parts[other] != index}
            assert (seen.validation, seen.test) == (split.validation, split.test)


def test_no_features_come_from_an_encoder_that_saw_the_label(cohort, tmp_path):
    """A participant's stages are permuted: the encoders its features come from stay the same, all others change."""
    epoch = FAST.model_copy(update={"batch": 64, "steps": 8, "validate_every": 8})  # every clip is drawn
    config = fusion("A", *(encoder.model_copy(update={"training": epoch}) for encoder in (EEG, VIDEO)))
    parts = part_of(config, cohort)
    name = config.split(cohort).labelled[1]
    other = make_cohort(tmp_path / "cohort", features=True, relabel={name: 9})
    assert other[f"{name}n1"].clips.stage.tolist() != cohort[f"{name}n1"].clips.stage.tolist()
    here, there = RunStore(tmp_path / "here"), RunStore(tmp_path / "there")
    for index in range(PARTS):
        for encoder in config.encoders(index):
            unchanged = run_id(encoder, other) == run_id(encoder, cohort)
            assert unchanged == (parts[name] == index)
            one, two = weights(execute(encoder, cohort, here)), weights(execute(encoder, other, there))
            assert same(one, two) == (parts[name] == index)
    assert run_id(config, other) != run_id(config, cohort)


def test_in_sample_features_are_the_papers_way(cohort, store):
    config = fusion("A", parts=1)
    assert config.dependencies == [EEG, VIDEO] and part_of(config, cohort) == {}
    recordings = cohort.of(config.split(cohort).labelled)
    own, paper = (frozen_features(run, cohort, store, recordings) for run in (fusion("A"), config))
    assert all(a.shape == b.shape == (24, 1024) and not np.allclose(a, b) for a, b in zip(own, paper, strict=True))
    assert run_id(config, cohort) != run_id(fusion("A"), cohort)


def test_alignment_undoes_a_rotation():
    rng = np.random.default_rng(0)
    final = rng.normal(size=(200, 8))
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    fresh = rng.normal(size=(50, 8))
    assert np.allclose(alignment(final @ rotation + 3, final).predict(fresh @ rotation + 3), fresh, atol=0.02)


def test_too_many_parts_give_a_remedy(cohort, store):
    with pytest.raises(SacdError, match=r"cannot be cut into 9 parts; use at most \d"):
        part_of(fusion("A", parts=9), cohort)


def test_encoders_of_other_participants_are_refused():
    with pytest.raises(ValidationError, match="must have its seed"):
        fusion("A", eeg=EEG.model_copy(update={"seed": 1}))
    with pytest.raises(ValidationError, match="only encoders leave a part out"):
        FusionRun(experiment="A", eeg=EEG, video=VIDEO, training=FAST, part=(0, 3))


# --- guarantees --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", "ACEFG")
def test_resume_is_exact(cohort, store, tmp_path, letter, monkeypatch):
    monkeypatch.setattr("sacd.training.loop._CHECKPOINT_SECONDS", 0.0)
    config = any_of(letter)
    whole, _ = trained_task(config, cohort, store, tmp_path / "whole")

    class Killed(BaseException):
        pass

    def kill(step: int) -> None:
        if step == 3:
            raise Killed

    folder = tmp_path / "killed"
    folder.mkdir()
    first = Making(config, cohort, store, folder)
    with pytest.raises(Killed):
        train(config.task(first), FAST, config.seed, folder, first.fabric, kill)
    assert (folder / "checkpoint.pt").exists()
    second = Making(config, cohort, store, folder)
    task = config.task(second)
    steps: list[int] = []
    train(task, FAST, config.seed, folder, second.fabric, steps.append)
    assert steps[0] > 1 and steps[-1] == FAST.steps
    assert same(task.state_dict(), whole.state_dict())


@pytest.mark.parametrize("letter", "ADF")
def test_test_labels_do_not_reach_training(cohort, store, tmp_path, letter):
    config = any_of(letter)
    hidden = {name: 9 for name in config.split(cohort).test}
    other = make_cohort(tmp_path / "cohort", features=True, relabel=hidden)
    folder = execute_all(other, config, RunStore(tmp_path / "runs"))
    mine = execute_all(cohort, config, store)
    assert same(weights(folder), weights(mine))
    columns = ["recording_id", "clip", "predicted", "p_W"]
    assert Run(folder).predictions[columns].equals(Run(mine).predictions[columns])


def test_unlabelled_pairs_serve_reverse_distillation(cohort, store):
    few = {"protocol": "few-label", "labelled": 4}
    video = VIDEO.model_copy(update=few)
    config = reverse("E", video=video).model_copy(update=few)
    making = Making(config, cohort, store, store.root / "aside")
    execute_all(cohort, video, store)
    task = config.task(making)
    shown = {recording.participant_id for recording in task._clips.recordings}
    split = config.split(cohort)
    assert shown == set(split.labelled + split.unlabelled)
    names = sorted(shown)
    for name in split.unlabelled:
        assert (task._clips.label[task._clips.participant == names.index(name)] == -1).all()


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("raw") / "cohort", train=5, test=1, clips=16)


@pytest.mark.parametrize("tier", ["raw", "frozen"])
def test_raw_cohorts_work(raw, tier):
    fast = FAST.model_copy(update={"steps": 2, "batch": 8})
    trunk = TrunkRun(model=SMALL, training=fast) if tier == "frozen" else None
    eeg = TeacherRun(model=ModelConfig(name="attnsleep"), training=fast)
    video = StudentRun(model=MLP if trunk else SMALL, training=fast, trunk=trunk)
    store = RunStore(raw.path.parent / "runs")
    for letter in "ACF":
        config = any_of(letter, eeg=eeg, video=video).model_copy(update={"training": fast})
        if letter == "A":
            config = config.model_copy(update={"parts": 2})
        folder = execute_all(raw, config, store)
        assert config.row()["tier"] == tier
        assert "p_REM" in Run(folder).predictions.columns
        assert json.loads((folder / "config.json").read_text())["cohort"]["simulated"] is True


def test_the_chapter_plans_both_baselines_and_seven_experiments(raw, cohort):
    profile = load_profile("smoke")
    for each in (raw, cohort):
        configs = experiments.fusion(each, profile)
        kinds = [config.row()["method"] for config in configs[:9]]
        assert kinds[2:] == [f"Experiment {letter}" for letter in "ABCDEFG"]
        assert len(configs) == 9 * profile.seeds
        plan = runs.plan(each, configs[:9], RunStore(each.path.parent / "none"))
        assert (plan.predicted_seconds > 0).all() and plan.run_id.is_unique
        assert set(configs[2].split(each).labelled) == set(configs[1].split(each).labelled)
