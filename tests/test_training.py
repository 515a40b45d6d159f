"""Training: batches are pure functions, hidden labels stay hidden, a killed run resumes exactly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import make_cohort

from sacd import runs
from sacd.cohort import Cohort
from sacd.config import ModelConfig, ObjectiveConfig, StudentRun, TeacherRun, TrainingConfig, TrunkRun
from sacd.errors import SacdError
from sacd.splits import make_split
from sacd.store import Run, RunStore, run_id
from sacd.training.batches import WINDOW, Arrays, ClipSet, Sampler
from sacd.training.execute import execute
from sacd.training.loop import step_seed
from sacd.training.pretext import motion_statistics
from sacd.training.tasks import participant_weights, stage_scores
from sacd.training.transforms import prepare_eeg, prepare_video

FAST = TrainingConfig(steps=6, batch=16, optimizer="adamw", validate_every=3, momentum_encoder=0.9)
MLP = ModelConfig(name="mlp")


@pytest.fixture(scope="session")
def raw(tmp_path_factory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("raw") / "cohort")


@pytest.fixture(scope="session")
def featured(tmp_path_factory) -> Cohort:
    return make_cohort(tmp_path_factory.mktemp("features") / "cohort", features=True)


def feature_student(method: str = "sacd", seed: int = 0, **options) -> StudentRun:
    teacher = TeacherRun(model=MLP, training=FAST, protocol="few-label", labelled=4, seed=seed)
    return StudentRun(
        model=MLP,
        training=FAST,
        protocol="few-label",
        labelled=4,
        seed=seed,
        objective=ObjectiveConfig(name=method, options=options),
        teacher=None if method == "ce" else teacher,
    )


def weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


# --- batches -----------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(step=st.integers(0, 10_000), seed=st.integers(0, 5), sampler=st.sampled_from(["window", "random"]))
def test_batches_are_a_pure_function_of_seed_and_step(raw, step, seed, sampler):
    clips = ClipSet(raw.of(raw.participants.index), raw.participants.index)
    eligible = np.ones(len(clips), dtype=bool)
    first, second = (Sampler(clips, eligible, 32, seed, sampler).batch(step) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_epoch_draws_every_window_in_pairs_of_one_night(raw):
    clips = ClipSet(raw.of(["P00", "P01"]), [])
    sampler = Sampler(clips, np.ones(len(clips), dtype=bool), 2 * WINDOW, seed=1)
    assert len(sampler.units) == 2 * 17  # an odd number a night: one window of each comes twice
    starts = []
    for step in range(18):
        index, window = sampler.batch(step)
        assert len(set(clips.night[index])) == 1 and window.tolist() == [0] * WINDOW + [1] * WINDOW
        starts += [index[0], index[WINDOW]]
    assert set(starts) == set(sampler.units[:, 0]) and len(starts) == 36


def test_windows_are_consecutive_clips_of_one_night(raw):
    clips = ClipSet(raw.of(["P00", "P01"]), [])
    clips.number[5:] += 3  # a gap after the fifth clip of the first night
    clips.number[24:] -= 3
    for window in clips.windows():
        assert len(set(clips.night[window])) == 1
        assert np.array_equal(np.diff(clips.number[window]), np.ones(WINDOW - 1))
    assert len(clips.windows()) == (24 - 5 - WINDOW + 1) + (24 - WINDOW + 1)


def test_arrays_give_each_clip_its_own_data(raw):
    clips = ClipSet(raw.of(raw.participants.index), [])
    index = np.array([100, 3, 77, 3, 200])
    got = Arrays.of(clips, "video").take(index)
    for row, i in enumerate(index):
        assert np.array_equal(got[row], clips.recordings[clips.night[i]].video[clips.row[i]])


def test_labels_outside_the_budget_are_hidden(raw):
    split = make_split(raw.participants, "few-label", 4)
    clips = ClipSet(raw.of(split.labelled + split.unlabelled), split.labelled)
    names = sorted(split.labelled + split.unlabelled)
    for name in split.unlabelled:
        assert (clips.label[clips.participant == names.index(name)] == -1).all()
    for name in split.labelled:
        assert (clips.label[clips.participant == names.index(name)] >= 0).all()


def test_no_window_gives_a_remedy(tmp_path):
    short = make_cohort(tmp_path / "short", features=True, clips=6)
    clips = ClipSet(short.of(["P00"]), [])
    with pytest.raises(SacdError, match="use sampler: random"):
        Sampler(clips, np.ones(6, dtype=bool), 16, 0)


# --- transforms and scores ---------------------------------------------------------------------------------------


def test_augmentation_is_repeatable_and_keeps_shapes():
    video = torch.randint(0, 255, (4, 8, 16, 16), dtype=torch.uint8)
    eeg = torch.randn(4, 1, 3000) * 30
    for prepare in (lambda g: prepare_video(video, "clip-mean", g), lambda g: prepare_eeg(eeg, g)):
        one, two = (prepare(torch.Generator().manual_seed(5)) for _ in range(2))
        assert torch.equal(one, two)
        assert one.shape == prepare(None).shape
        assert not torch.equal(one, prepare(torch.Generator().manual_seed(6)))


def test_clip_mean_normalisation_ignores_brightness():
    video = torch.randint(50, 150, (2, 8, 16, 16), dtype=torch.uint8)
    assert torch.allclose(prepare_video(video, "clip-mean"), prepare_video(video + 40, "clip-mean"), atol=1e-5)


def test_eeg_keeps_amplitude_and_clips_artefacts():
    x = torch.tensor([[[50.0, -50.0, 5000.0]]])
    assert prepare_eeg(x).flatten().tolist() == [1.0, -1.0, 16.0]


def test_motion_statistics_see_where_a_clip_moves():
    still = torch.full((1, 16, 32, 32), 100, dtype=torch.uint8)
    moving = still.clone()
    moving[:, ::2, :8, :8] += 50
    change = motion_statistics(moving) - motion_statistics(still)
    assert change[0, 0] > 1 and torch.allclose(change[0, 1:16], torch.zeros(15))


def test_every_participant_weighs_the_same():
    stage = np.array([0] * 90 + [1] * 10)
    predicted = np.zeros(100, dtype=int)
    participant = np.array([0] * 90 + [1] * 10)
    assert stage_scores(stage, predicted, participant)["accuracy"] == pytest.approx(0.5)
    assert np.bincount(participant, participant_weights(participant)) == pytest.approx([1, 1])


# --- runs --------------------------------------------------------------------------------------------------------


def test_step_seeds_differ():
    assert len({step_seed(seed, step) for seed in range(4) for step in range(500)}) == 2000


METHODS = ("ce", "kd", "jsd", "sacd", "label-smoothing", "class-mean", "self-training", "pseudo-label", "oracle")


@pytest.fixture(scope="module")
def trained(featured, tmp_path_factory):
    return runs.ensure(
        featured, [feature_student(method) for method in METHODS], RunStore(tmp_path_factory.mktemp("runs"))
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_writes_its_folder(trained, method):
    row = trained[trained.objective == method].iloc[0]
    assert row.status == "done", row.error
    run = Run(Path(row.path))
    assert {
        "config.json",
        "environment.json",
        "history.csv",
        "metrics.json",
        "predictions.parquet",
        "test_features.npy",
        "weights.safetensors",
        "DONE",
    } <= {file.name for file in run.path.iterdir()}
    test = run.predictions[run.predictions.split == "test"]
    assert len(test) == len(run.test_features) == 3 * 24
    assert np.allclose(test[[f"p_{s}" for s in ("W", "N1", "N2", "N3", "REM")]].sum(axis=1), 1, atol=1e-5)
    assert 0 <= row.test_accuracy <= 1 and np.isfinite(run.history["loss"]).all()


def test_raw_and_frozen_tiers_train(raw, tmp_path):
    small = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 2})
    trunk = TrunkRun(model=small, training=FAST)
    store = RunStore(tmp_path)
    teacher = TeacherRun(
        model=ModelConfig(name="attnsleep"), training=FAST.model_copy(update={"steps": 2, "validate_every": 2})
    )
    configs = [
        StudentRun(model=small, training=FAST, teacher=teacher, objective=ObjectiveConfig(name="kd")),
        StudentRun(model=MLP, training=FAST, teacher=teacher, trunk=trunk, objective=ObjectiveConfig(name="sacd")),
    ]
    table = runs.ensure(raw, configs, store)
    assert list(table.status) == ["done", "done"], table.error.tolist()
    assert list(table.tier) == ["raw", "frozen"]
    again = runs.plan(raw, configs, store)
    assert len(again) == 4 and again.cached.all() and (again.predicted_seconds == 0).all()


def test_permuting_every_hidden_label_changes_nothing(tmp_path):
    plain = make_cohort(tmp_path / "a", features=True)
    split = make_split(plain.participants, "few-label", 4)
    permuted = make_cohort(tmp_path / "b", features=True, relabel={name: 9 for name in split.unlabelled + split.test})
    hidden = [
        plain[f"{name}n1"].clips.stage.tolist() != permuted[f"{name}n1"].clips.stage.tolist()
        for name in split.unlabelled
    ]
    assert all(hidden)
    config = feature_student("sacd")
    one, two = (
        execute_all(cohort, config, RunStore(tmp_path / f"runs-{i}")) for i, cohort in enumerate((plain, permuted))
    )
    assert weights(one) == weights(two)
    columns = ["recording_id", "clip", "predicted", "p_W"]
    assert Run(one).predictions[columns].equals(Run(two).predictions[columns])


def execute_all(cohort: Cohort, config: StudentRun, store: RunStore) -> Path:
    for run in runs.closure([config]):
        folder = execute(run, cohort, store)
    return folder


def test_the_test_labels_do_not_reach_the_oracle_through_the_split(featured):
    config = feature_student("oracle")
    assert "posterior" not in config.minimal()
    assert run_id(config, featured) != run_id(feature_student("kd"), featured)


KILLED = """
import sys, time
from pathlib import Path
from sacd.cohort import Cohort
from sacd.config import parse_run
from sacd.store import RunStore
from sacd.training.execute import execute
import torch
torch.set_num_threads(1)
cohort, store = Cohort.open(sys.argv[1]), RunStore(Path(sys.argv[2]))
config = parse_run(Path(sys.argv[3]).read_text())
def report(step):
    print(step, flush=True)
    time.sleep(float(sys.argv[4]))
execute(config, cohort, store, report)
"""


@pytest.mark.parametrize("method", ["sacd", "self-training"])
def test_resume_after_kill_is_exact(featured, tmp_path, method):
    config = feature_student(method).model_copy(update={"training": FAST.model_copy(update={"steps": 12})})
    file = tmp_path / "run.json"
    file.write_text(config.model_dump_json())
    folders = []
    for name, kill in (("whole", False), ("killed", True)):
        store = RunStore(tmp_path / name)
        for dependency in config.dependencies:
            execute(dependency, featured, store)
        command = [sys.executable, "-c", KILLED, str(featured.path), str(store.root), str(file)]
        environment = os.environ | {"SACD_CHECKPOINT_SECONDS": "0", "OMP_NUM_THREADS": "1"}
        folder = store.folder(config, featured)
        if kill:
            process = subprocess.Popen([*command, "0.3"], env=environment, stdout=subprocess.PIPE, text=True)
            for line in process.stdout:
                if int(line) == 7:
                    break
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert (folder / "checkpoint.pt").exists() and not (folder / "DONE").exists()
        subprocess.run([*command, "0"], env=environment, check=True, stdout=subprocess.DEVNULL)
        folders.append(folder)
    whole, killed = folders
    assert weights(whole) == weights(killed)
    assert (whole / "history.csv").read_bytes() == (killed / "history.csv").read_bytes()
    assert (whole / "predictions.parquet").read_bytes() == (killed / "predictions.parquet").read_bytes()


def test_two_processes_that_want_one_run_train_it_once(featured, tmp_path):
    config = feature_student("ce")
    file = tmp_path / "run.json"
    file.write_text(config.model_dump_json())
    command = [sys.executable, "-c", KILLED, str(featured.path), str(tmp_path / "runs"), str(file), "0.1"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    steps = [len(process.communicate()[0].split()) for process in processes]
    assert sorted(steps) == [0, 6]


ENSURE = """
import sys
from pathlib import Path
from sacd import runs
from sacd.cohort import Cohort
from sacd.config import parse_run
from sacd.store import RunStore
if __name__ == "__main__":
    config = parse_run(Path(sys.argv[3]).read_text())
    runs.ensure(Cohort.open(sys.argv[1]), [config], RunStore(Path(sys.argv[2])))
"""


def test_workers_end_with_a_killed_parent(featured, tmp_path):
    config = feature_student("ce").model_copy(update={"training": FAST.model_copy(update={"steps": 1_000_000})})
    file, script = tmp_path / "run.json", tmp_path / "ensure.py"
    file.write_text(config.model_dump_json())
    script.write_text(ENSURE)
    store = RunStore(tmp_path / "runs")
    process = subprocess.Popen([sys.executable, script, featured.path, store.root, file], stderr=subprocess.DEVNULL)
    progress = store.folder(config, featured) / runs.PROGRESS
    deadline = time.monotonic() + 120
    while not progress.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.kill()
    process.wait()
    time.sleep(3)
    before = progress.stat().st_mtime_ns
    time.sleep(2)
    assert progress.stat().st_mtime_ns == before


def test_a_failed_run_is_reported_and_the_others_finish(featured, tmp_path):
    bad = feature_student("kd").model_copy(update={"objective": ObjectiveConfig(name="kd", options={"tempratur": 2.0})})
    table = runs.ensure(featured, [bad, feature_student("ce")], RunStore(tmp_path))
    assert list(table.status) == ["failed", "done"]
    assert "tempratur" in table.error[0]
    with pytest.raises(SacdError, match="1 of 2 runs failed"):
        runs.predictions(table)


def test_identity_follows_config_data_and_versions_only(featured, tmp_path, monkeypatch):
    config = feature_student("kd")
    same = config.model_copy(update={"fold": None})
    assert run_id(config, featured) == run_id(same, featured)
    assert run_id(config, featured) != run_id(config.model_copy(update={"seed": 1}), featured)
    other = make_cohort(tmp_path / "other", features=True, seed=5)
    assert run_id(config, featured) != run_id(config, other)
    moved = Cohort.open(make_cohort(tmp_path / "copy", features=True).path)
    assert run_id(config, featured) == run_id(config, moved)
    monkeypatch.setattr("sacd.store.TRAINING_VERSION", 99)
    assert run_id(config, featured) != run_id(config, Cohort.open(featured.path))


def test_teacher_outputs_are_computed_once(featured, tmp_path):
    store = RunStore(tmp_path)
    config = feature_student("kd")
    execute_all(featured, config, store)
    outputs = sorted((store.folder(config.teacher, featured) / "outputs").iterdir())
    split = make_split(featured.participants, "few-label", 4)
    assert len(outputs) == len(split.labelled + split.unlabelled)
    stamps = [file.stat().st_mtime_ns for file in outputs]
    time.sleep(0.01)
    execute_all(featured, feature_student("jsd"), store)
    assert [file.stat().st_mtime_ns for file in outputs] == stamps


def test_config_json_says_all_that_inference_needs(featured, tmp_path):
    folder = execute_all(featured, feature_student("ce"), RunStore(tmp_path))
    content = json.loads((folder / "config.json").read_text())
    assert content["stages"] == ["W", "N1", "N2", "N3", "REM"] and content["input_shape"] == [2]
    assert content["cohort"]["simulated"] is True
