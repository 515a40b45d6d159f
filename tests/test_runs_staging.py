"""A finished student stages nights as it did when it was trained, and others."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from tiny import make_cohort

from sacd import runs
from sacd.cohort import Cohort, CohortInfo, Sampling
from sacd.cohort.writer import CohortWriter
from sacd.decisions.decoders import PROBABILITIES
from sacd.exceptions import SacdError
from sacd.runs.execute import execute
from sacd.runs.kinds.selected import SelectedRun
from sacd.runs.kinds.student import StudentRun
from sacd.runs.kinds.teacher import TeacherRun
from sacd.runs.kinds.trunk import TrunkRun
from sacd.runs.staging import TrainedStudent, find_run
from sacd.runs.store import Run, RunStore
from sacd.simulate.features import Encoder, clip_features, feature_names
from sacd.training.config import ModelConfig, TrainingConfig

FAST = TrainingConfig(steps=4, batch=16, optimizer="adamw", lr=0.01, validate_every=2)
SMALL = ModelConfig(name="r2plus1d_10", options={"width": 4, "stem_stride": 4})
RAW = StudentRun(model=SMALL, training=FAST.model_copy(update={"normalise": "clip-mean"}))
FROZEN = StudentRun(model=ModelConfig(name="mlp"), training=FAST, trunk=TrunkRun(model=SMALL))
FEATURES = StudentRun(model=ModelConfig(name="mlp"), training=FAST)


def train(cohort: Cohort, store: RunStore, config: StudentRun) -> Run:
    for run in runs.closure([config]):
        execute(run, cohort, store)
    return store.open(config, cohort)


@pytest.mark.parametrize(
    ("config", "features"), [(RAW, False), (FROZEN, False), (FEATURES, True), (SelectedRun.of([FEATURES]), True)],
    ids=["raw", "frozen", "features", "selected"],
)
def test_a_test_night_is_staged_as_it_was_when_the_run_was_made(tmp_path, config, features):
    cohort = make_cohort(tmp_path / "cohort", features=features)
    run = train(cohort, RunStore(tmp_path / "runs"), config)
    student = TrainedStudent(run)
    student.check(cohort)
    known = run.predictions
    recording = cohort[known.recording_id.iloc[-1]]
    own = known[known.recording_id == recording.recording_id].reset_index(drop=True)
    found = student.staged(recording, "argmax")
    np.testing.assert_allclose(found[PROBABILITIES], own[PROBABILITIES], atol=2e-6)
    assert found.predicted.tolist() == own.predicted.tolist() and found.stage.tolist() == own.stage.tolist()
    assert student.usual_decision == "forward-backward" and student.simulated
    smoothed = student.staged(recording)
    assert set(smoothed.decision) == {"forward-backward"} and not smoothed.p_W.equals(found.p_W)


def test_pictures_go_through_the_trunk_that_made_the_features(tmp_path):
    frames, names = 16, feature_names(16)
    sampling = Sampling(
        eeg_hz=100, eeg_channels=("C3",), frames=frames, span_s=30, height=16, width=16, video_features=names
    )
    info = CohortInfo(
        name="nights", simulated=True, source_id="nights", video="features", eeg="raw", sampling=sampling,
        provenance={"encoder": "r2plus1d_10-motion"},
    )
    rng = np.random.default_rng(0)
    with CohortWriter(tmp_path / "cohort", info) as writer:
        for number in range(8):
            writer.add_participant(f"P{number}", "M", 30, 70, 5.0 * number, "train" if number < 6 else "test")
            table = pd.DataFrame({"clip": np.arange(8), "onset": 30.0 * np.arange(8), "stage": np.arange(8) % 5})
            video = rng.normal(0, 1, (8, len(names))).astype(np.float16)
            writer.add_recording(
                f"P{number}n", f"P{number}", table, video, np.zeros((8, 1, 3000), np.float16), commit=False
            )
    cohort = Cohort.open(tmp_path / "cohort")
    config = FEATURES.model_copy(update={"view": "trunk"})
    student = TrainedStudent(train(cohort, RunStore(tmp_path / "runs"), config))
    pictures = rng.integers(0, 255, (3, frames, 16, 16), dtype=np.uint8)
    clips = pd.DataFrame({"clip": np.arange(3), "onset": 30.0 * np.arange(3), "stage": [-1] * 3})
    filmed = Night("v", "v", clips, pictures)
    encoded = Night("v", "v", clips, clip_features(pictures, Encoder("r2plus1d_10-motion"), 30))
    assert student.pictures.frames == frames
    np.testing.assert_array_equal(student.outputs(filmed).logits, student.outputs(encoded).logits)


class Night(SimpleNamespace):
    def __init__(self, recording_id: str, participant_id: str, clips: pd.DataFrame, video: np.ndarray) -> None:
        super().__init__(recording_id=recording_id, participant_id=participant_id, clips=clips, video=video)

    def __len__(self) -> int:
        return len(self.clips)


def test_what_cannot_stage_a_video_is_refused(tmp_path: Path) -> None:
    cohort, store = make_cohort(tmp_path / "cohort", features=True), RunStore(tmp_path / "runs")
    features = train(cohort, store, FEATURES)
    with pytest.raises(SacdError, match="does not say which trunk"):
        TrainedStudent(features).pictures  # noqa: B018
    with pytest.raises(SacdError, match="frames is 8, the run learnt from None"):
        TrainedStudent(features).check(make_cohort(tmp_path / "raw"))
    teacher = train(cohort, store, TeacherRun(model=ModelConfig(name="mlp"), training=FAST))
    with pytest.raises(SacdError, match="kind teacher does not stage video"):
        TrainedStudent(teacher)
    without = train(cohort, store, FEATURES.model_copy(update={"keep_weights": False}))
    with pytest.raises(SacdError, match="kept no weights"):
        TrainedStudent(without)


def test_runs_are_found_by_folder_and_by_id(tmp_path, monkeypatch):
    run = train(make_cohort(tmp_path / "cohort", features=True), RunStore(tmp_path / "runs"), FEATURES)
    monkeypatch.setenv("SACD_RUNS", str(tmp_path / "runs"))
    assert find_run(run.path).path == run.path == find_run(run.path.name).path
    with pytest.raises(SacdError, match="no finished run"):
        find_run("student-kd-000000000000")
    config = run.path / "config.json"
    config.write_text(config.read_text().replace('"version": 3', '"version": 2'))
    with pytest.raises(SacdError, match="another version"):
        find_run(run.path)


def test_a_run_with_broken_figures_weights_or_decision_stages_nothing(tmp_path):
    cohort = make_cohort(tmp_path / "cohort", features=True)
    run, night = train(cohort, RunStore(tmp_path / "runs"), FEATURES), next(iter(cohort))
    metrics, weights, told = (run.path / name for name in ("metrics.json", "weights.safetensors", "decision.json"))
    sound = [json.loads(file.read_text()) for file in (metrics, told)] + [load_file(weights)]
    for wrong in ("\x1b[31m", [1], None, True):
        metrics.write_text(json.dumps(sound[0] | {"test_accuracy": wrong}))
        assert Run(run.path).is_current is (wrong is True)  # a number, 1
    metrics.write_text(json.dumps(sound[0]))
    for wrong in ({"prior": [0.25] * 4}, {"prior": [0, 0.25, 0.25, 0.25, 0.25]}, {"temperature": 0}):
        told.write_text(json.dumps(sound[1] | wrong))
        with pytest.raises(SacdError, match="decision.json: missing or unreadable"):
            TrainedStudent(Run(run.path)).staged(night, "corrected")
    save_file({name: np.full_like(values, np.inf) for name, values in sound[2].items()}, weights)
    with pytest.raises(SacdError, match=r"not the weights of the run's network \(some are not finite\)"):
        TrainedStudent(Run(run.path)).staged(night, "argmax")
