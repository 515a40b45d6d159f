"""Training: batches are pure functions, hidden labels stay hidden, a killed run resumes exactly."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import open_files
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_fabric import Fabric
from tiny import make_cohort

from sacd import runs
from sacd.cohort import Cohort
from sacd.cohort.splits import make_split
from sacd.exceptions import SacdError
from sacd.objectives import OBJECTIVES
from sacd.objectives.base import Pair
from sacd.objectives.ifd import averaged
from sacd.runs.execute import Making, execute
from sacd.runs.identity import run_id
from sacd.runs.kind import RunConfig
from sacd.runs.kinds.reverse import ReverseRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.outputs import cached_outputs, load_network
from sacd.runs.pool import PROGRESS
from sacd.runs.store import Run, RunStore
from sacd.training.batches import WINDOW, Sampler
from sacd.training.clip_set import Arrays, ClipSet
from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig
from sacd.training.inputs import forward, make_network, predict, unbroken, whole_set
from sacd.training.loop import step_seed
from sacd.training.pretext import motion_statistics
from sacd.training.tasks import StageTask, stage_scores
from sacd.training.transforms import prepare_eeg, prepare_video

FAST = TrainingConfig(steps=6, batch=16, optimizer="adamw", validate_every=3, momentum_encoder=0.9)
MLP = ModelConfig(name="mlp")
SMALL = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 2})
TWO = FAST.model_copy(update={"steps": 2, "validate_every": 2})


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
    for arrays in (
        [recording.video for recording in clips.recordings],
        [partial(recording.array, "video") for recording in clips.recordings],
    ):
        got = Arrays(clips, arrays).take(index)
        for row, i in enumerate(index):
            assert np.array_equal(got[row], clips.recordings[clips.night[i]].video[clips.row[i]])


def test_more_recordings_than_files_may_be_open(make_cohort, tmp_path):
    cohort = Cohort.open(make_cohort(participants=210, clips=1))
    clips = ClipSet(list(cohort), [])
    index = np.random.default_rng(0).permutation(len(clips))
    store, fabric = RunStore(tmp_path / "runs"), Fabric(accelerator="cpu", devices=1)
    for kind, modality in ((StudentRun, "video"), (TeacherRun, "eeg")):
        with open_files(200):
            inputs = kind(model=MLP, training=FAST).inputs(cohort, store, clips, fabric)
            got = inputs.arrays.take(index)
        for clip, i in zip(got, index, strict=True):
            assert np.array_equal(clip, clips.recordings[i].array(modality)[0])


@pytest.mark.parametrize("half", [0, 1])
def test_recordings_in_half_precision_stand_beside_others(raw, half):
    """Whole nights are stored as float16: whichever comes first, the others lose nothing."""
    clips = ClipSet(raw.of(["P00", "P01"]), [])
    stored = [np.array(recording.eeg) for recording in clips.recordings]
    stored[half] = stored[half].astype(np.float16)
    got = Arrays(clips, stored).take(np.array([3, 30]))
    assert got.dtype == torch.float32
    assert np.array_equal(got[0], stored[0][3]) and np.array_equal(got[1], stored[1][30 - len(stored[0])])


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


# --- runs --------------------------------------------------------------------------------------------------------


def test_step_seeds_differ():
    assert len({step_seed(seed, step) for seed in range(4) for step in range(500)}) == 2000


@pytest.fixture(scope="module")
def trained(featured, tmp_path_factory):
    return runs.ensure(
        featured, [feature_student(method) for method in OBJECTIVES], RunStore(tmp_path_factory.mktemp("runs"))
    )


@pytest.mark.parametrize("method", OBJECTIVES)
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
        "weights.safetensors",
        "DONE",
    } <= {file.name for file in run.path.iterdir()}
    test = run.predictions[run.predictions.split == "test"]
    assert len(test) == 3 * 24
    assert np.allclose(test[[f"p_{s}" for s in ("W", "N1", "N2", "N3", "REM")]].sum(axis=1), 1, atol=1e-5)
    assert 0 <= row.test_accuracy <= 1 and np.isfinite(run.history["loss"]).all()


def test_raw_and_frozen_tiers_train(raw, tmp_path):
    trunk = TrunkRun(model=SMALL, training=FAST)
    store = RunStore(tmp_path)
    teacher = TeacherRun(model=ModelConfig(name="attnsleep"), training=TWO)
    configs = [
        StudentRun(model=SMALL, training=FAST, teacher=teacher, objective=ObjectiveConfig(name="kd")),
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
    assert "posterior" not in config.content()
    assert run_id(config, featured) != run_id(feature_student("kd"), featured)


KILLED = """
import sys, time
from pathlib import Path
from sacd.cohort import Cohort
from sacd.runs.kinds import parse_run
from sacd.runs.store import RunStore
from sacd.runs.execute import execute
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


def test_a_store_that_cannot_be_written_is_told_before_anything_is_trained(featured, tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(SacdError, match="runs: cannot be written .*SACD_RUNS"):
        runs.ensure(featured, [feature_student()], RunStore(tmp_path / "runs"))


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
from sacd.runs.kinds import parse_run
from sacd.runs.store import RunStore
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
    progress = store.folder(config, featured) / PROGRESS
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
    bad = feature_student("ce").model_copy(update={"model": SMALL})
    table = runs.ensure(featured, [bad, feature_student("ce")], RunStore(tmp_path))
    assert list(table.status) == ["failed", "done"]
    assert "does not read the features" in table.error[0] and not (tmp_path / table.run_id[0]).exists()
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
    monkeypatch.setattr("sacd.runs.identity.TRAINING_VERSION", 99)
    assert run_id(config, featured) != run_id(config, Cohort.open(featured.path))


def test_teacher_outputs_are_computed_once(featured, tmp_path):
    store = RunStore(tmp_path)
    config = feature_student("kd")
    execute_all(featured, config, store)
    outputs = sorted((store.folder(config.teacher, featured) / "outputs").glob("*.npz"))
    split = make_split(featured.participants, "few-label", 4)
    assert len(outputs) == len(split.labelled + split.unlabelled)
    stamps = [file.stat().st_mtime_ns for file in outputs]
    time.sleep(0.01)
    execute_all(featured, feature_student("jsd"), store)
    assert [file.stat().st_mtime_ns for file in outputs] == stamps


def test_config_json_says_all_that_inference_needs(featured, tmp_path):
    folder = execute_all(featured, feature_student("ce"), RunStore(tmp_path))
    content = json.loads((folder / "config.json").read_text())
    assert content["classes"] == ["W", "N1", "N2", "N3", "REM"] and content["input_shape"] == [2]
    assert content["cohort"]["simulated"] is True


# --- teachers ----------------------------------------------------------------------------------------------------


def task_of(config: RunConfig, cohort: Cohort, store: RunStore, fabric: Fabric | None = None) -> StageTask:
    """The task of a run, as it is before its first step."""
    making = Making(config, cohort, store, store.folder(config, cohort))
    making.fabric = fabric or making.fabric
    return config.task(making)


@pytest.fixture(scope="module")
def odd_nights(tmp_path_factory) -> Cohort:
    """Raw nights of 20 clips: two windows of 8 and a rest."""
    return make_cohort(tmp_path_factory.mktemp("odd") / "cohort", clips=20)


@pytest.mark.parametrize(
    ("name", "options"), [("attnsleep", {}), ("sen", {}), ("deepsleepnet", {}), ("deepsleepnet", {"sequence": True})]
)
def test_a_trained_teacher_says_the_same_of_a_night_alone(odd_nights, tmp_path, name, options):
    """Its weights are loaded again, and a night's outputs do not depend on the nights that are evaluated with it."""
    config = TeacherRun(model=ModelConfig(name=name, options=options), training=TWO, protocol="few-label", labelled=4)
    folder = execute(config, odd_nights, RunStore(tmp_path))
    test = Run(folder).predictions.query("split == 'test'")
    alone = cached_outputs(config, odd_nights, RunStore(tmp_path), odd_nights.of(test.participant_id.unique()))
    assert len(alone) == 3
    for recording_id, rows in test.groupby("recording_id"):
        probability = torch.from_numpy(alone[recording_id].logits).softmax(dim=1).numpy()
        assert np.allclose(probability, rows[[f"p_{s}" for s in ("W", "N1", "N2", "N3", "REM")]], atol=1e-5)


def test_windows_end_with_the_night_and_at_gaps(odd_nights):
    config = TeacherRun(model=ModelConfig(name="deepsleepnet", options={"sequence": True}), training=TWO)
    network = make_network(config.model, (1, 3000), seed=0)
    clips = whole_set(odd_nights.of(["P00", "P01"]))
    clips.number[30:] += 1  # a gap after the tenth clip of the second night
    assert [len(run) for run in unbroken(clips, np.arange(40))] == [20, 10, 10]
    fabric = Fabric(accelerator="cpu", devices=1)
    inputs = config.inputs(odd_nights, RunStore(odd_nights.path.parent), clips, fabric)
    before = predict(network, inputs, np.arange(40))
    assert np.allclose(before.features[20:], predict(network, inputs, np.arange(20, 40)).features, atol=1e-5)
    silent = np.array(inputs.arrays._arrays[1]())
    silent[11] = 0
    inputs.arrays._arrays[1] = silent
    moved = np.abs(predict(network, inputs, np.arange(40)).features - before.features).max(axis=1) > 1e-5
    assert np.flatnonzero(moved).tolist() == list(range(30, 38))


@pytest.mark.parametrize(("sampler", "window"), [("random", 8), ("window", 25)])
def test_windows_that_are_not_drawn_are_refused(raw, tmp_path, sampler, window):
    model = ModelConfig(name="deepsleepnet", options={"sequence": True, "window": window})
    config = TeacherRun(model=model, training=TWO.model_copy(update={"sampler": sampler}))
    with pytest.raises(SacdError, match=f"reads windows of {window} clips") as caught:
        task_of(config, raw, RunStore(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["attnsleep", "deepsleepnet", "sen"])
def test_networks_follow_the_sampling_rate_of_the_cohort(name):
    run = TeacherRun(model=ModelConfig(name=name), training=TWO)
    assert make_network(run.model, (2, 1920), seed=0).eval()(torch.randn(2, 2, 1920)).logits.shape == (2, 5)
    stated = ModelConfig(name=name, options={"samples": 100})
    with pytest.raises(SacdError, match="samples follows from the data; leave it out"):
        make_network(stated, (2, 1920), seed=0)


# --- SEN's participants ------------------------------------------------------------------------------------------


SEN = TeacherRun(model=ModelConfig(name="sen"), training=TWO, protocol="few-label", labelled=4)


def test_sen_trains_against_its_labelled_participants(raw, tmp_path):
    folder = execute(SEN, raw, RunStore(tmp_path))
    labelled = len(make_split(raw.participants, "few-label", 4).labelled)
    history = Run(folder).history
    assert 0 < history["participant"].iloc[0] < 10 * np.log(labelled)
    assert np.allclose(history["ce"] + history["participant"], history["loss"])
    network, _ = load_network(SEN, folder)
    assert network.participant_head[-1].out_features == labelled
    assert Run(folder).description["participant_classes"] == labelled
    student = StudentRun(model=SMALL, training=TWO, protocol="few-label", labelled=4)
    reverse = ReverseRun(
        model=SEN.model, training=TWO, protocol="few-label", labelled=4, objective=ObjectiveConfig(), source=student
    )
    assert task_of(reverse, raw, RunStore(tmp_path)).network.participant_head is None


def test_the_participant_term_works_against_the_representation(raw, tmp_path):
    task = task_of(SEN, raw, RunStore(tmp_path))
    task.eval()  # the same dropout and batch statistics in both passes

    def gradient(reversal: float) -> torch.Tensor:
        task.network.zero_grad()
        task.network.reversal = reversal
        task.terms(0)["participant"].backward()
        assert task.network.participant_head[0].weight.grad.abs().sum() > 0
        assert task.network.head.weight.grad is None
        return task.network.representation.small[1][1][0].weight.grad.clone()

    towards = gradient(-1.0)
    assert towards.abs().sum() > 0
    torch.testing.assert_close(gradient(0.5), -0.5 * towards, rtol=1e-3, atol=1e-7)


def test_the_participant_term_leaves_unlabelled_clips_out(raw, tmp_path):
    task = task_of(SEN, raw, RunStore(tmp_path))
    task.eval()
    index, _, x, label = task.draw(0)
    logits = task.network.participant_logits(forward(task.network, task.inputs, x, taps=True))
    each = torch.nn.functional.cross_entropy(logits, torch.from_numpy(task._clips.participant[index]), reduction="none")
    assert len(set(task._clips.participant.tolist())) == logits.shape[1] and (label >= 0).all()
    task._clips.label[index[::2]] = -1
    seen = torch.from_numpy(task._clips.label[index] >= 0)
    assert 0 < seen.sum() < len(index)
    torch.testing.assert_close(task.terms(0)["participant"], each[seen].sum() / len(index))
    task._clips.label[:] = -1
    assert {name: term.item() for name, term in task.terms(0).items()} == {"ce": 0, "participant": 0}


# --- inner activations of a teacher ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "teacher", "student", "channels"),
    [("featured", MLP, MLP, [256]), ("raw", ModelConfig(name="attnsleep"), SMALL, [128, 30, 30, 30])],
)
def test_inner_activations_reach_the_objective_and_teach_the_students(
    request, tmp_path, kind, teacher, student, channels
):
    cohort, store = request.getfixturevalue(kind), RunStore(tmp_path)
    common = {"training": TWO, "protocol": "few-label", "labelled": 4}
    taught_by = TeacherRun(model=teacher, **common)
    config = StudentRun(model=student, objective=ObjectiveConfig(name="ifd"), teacher=taught_by, **common)
    folder = execute(taught_by, cohort, store)
    task = task_of(config, cohort, store)
    pairs: list[Pair] = []
    task.objective.register_forward_pre_hook(lambda _, given: pairs.append(given[0]))
    terms = task.terms(0)
    assert [layer.shape[1] for layer in pairs[0].teacher_taps] == channels
    assert not any(layer.requires_grad for layer in pairs[0].teacher_taps)

    trained = load_network(taught_by, folder)[0]
    inputs = taught_by.inputs(cohort, store, task._clips, task.inputs.fabric)
    theirs = forward(trained, inputs, inputs.batch(pairs[0].clip.numpy()), taps=True)
    for kept, layer in zip(pairs[0].teacher_taps, theirs.taps, strict=True):
        # They are kept in half precision.
        torch.testing.assert_close(kept, averaged(layer), rtol=2**-11, atol=1e-5)

    terms["flow"].backward()
    assert terms["flow"] > 0 and all(p.grad is None for p in trained.parameters())
    reached = {name.split(".")[0] for name, p in task.network.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == ({"layers"} if student == MLP else {"stem", "layer1", "layer2", "layer3", "layer4"})
    assert "flow" in Run(execute(config, cohort, store)).history


def test_inner_activations_are_kept_once_somebody_asks_for_them(featured, tmp_path):
    config, store = feature_student("kd"), RunStore(tmp_path)
    execute_all(featured, config, store)
    cache = store.folder(config.teacher, featured) / "outputs"
    recordings = featured.of(["P00", "P01"])
    assert cache.exists() and not list(cache.glob("*-taps.npz"))
    plain = cached_outputs(config.teacher, featured, store, recordings)
    first, again = (cached_outputs(config.teacher, featured, store, recordings, taps=True) for _ in range(2))
    assert len(list(cache.glob("*-taps.npz"))) == len(recordings)
    for recording_id, outputs in first.items():
        assert [layer.shape for layer in outputs.taps] == [(24, 256)] and outputs.taps[0].dtype == np.float32
        other = again[recording_id]
        for one, two in zip((*outputs[:2], *outputs.taps), (*other[:2], *other.taps), strict=True):
            assert np.array_equal(one, two)
        assert all(np.array_equal(one, two) for one, two in zip(plain[recording_id][:2], outputs[:2], strict=True))
    # Who asks for less reads the larger files where they are.
    (cache / f"P00-night1-{recordings[0].hash_of('eeg')[:16]}.npz").unlink(missing_ok=True)
    less = cached_outputs(config.teacher, featured, store, recordings)
    assert not any(outputs.taps for outputs in less.values())
    assert not list(cache.glob("P00-*[!s].npz"))


# --- degenerate batches ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def taught(featured, tmp_path_factory) -> RunStore:
    """A store that holds the teacher of `feature_student`."""
    store = RunStore(tmp_path_factory.mktemp("taught"))
    execute(feature_student("kd").teacher, featured, store)
    return store


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("method", sorted(OBJECTIVES))
def test_degenerate_batches_stay_finite(featured, taught, method, precision):
    """One class, a single clip, nothing labelled: the first step of each finds empty banks, the second does not."""
    config = feature_student(method)
    if not OBJECTIVES[method].needs_teacher:
        config = config.model_copy(update={"teacher": None})
    for batch in ("one class", "one clip", "unlabelled"):
        task = task_of(config, featured, taught, Fabric(accelerator="cpu", devices=1, precision=precision)).train()
        if batch == "unlabelled":
            task._clips.label[:] = -1
        drawable = np.flatnonzero(task._clips.label == (-1 if batch == "unlabelled" else task._clips.label.max()))
        index = drawable[: 1 if batch == "one clip" else WINDOW]
        task._sampler.batch = lambda step, index=index: (index, np.arange(len(index)) // WINDOW)
        for step in range(2):
            terms = task.terms(step)
            assert all(term.isfinite() for term in terms.values()), (batch, terms)
            assert ("flow" in terms) is (method == "ifd")
            loss = torch.stack(list(terms.values())).sum()
            if loss.requires_grad:
                loss.backward()
            task.after_step()
        for name, parameter in task.named_parameters():
            assert parameter.grad is None or parameter.grad.isfinite().all(), (batch, name)
        assert all(buffer.isfinite().all() for buffer in task.buffers())
