"""The two-sensor benchmark, made from published nights of heart rate and wrist movement."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import ingest
from sacd.ingest.sleep_accel import HEART, MOVEMENT, WINDOWS, with_context

KINDS = ("hr_feature", "count_feature", "time_feature", "psg_labels")


def write_night(folder: Path, name: str, stages: list[int], clips: list[int] | None = None, seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    hours = np.array(clips or range(len(stages))) / 120
    columns = rng.random(len(stages)), rng.exponential(2, len(stages)), hours, stages
    for kind, values in zip(KINDS, columns, strict=True):
        np.savetxt(folder / f"{name}_{kind}.out", values, fmt="%f")
    return folder


@pytest.fixture(scope="module")
def cohort(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return ingest(real_data / "sleep-accel", tmp_path_factory.mktemp("sleep-accel") / "cohort")


def test_what_it_holds(tmp_path: Path) -> None:
    source = write_night(tmp_path / "source", "P_1-a", [0, 1, 2, 3, 4, 5, -1], clips=[0, 1, 2, 3, 9, 10, 11])
    write_night(source, "007", [0, 2, 5])
    made = ingest(source, tmp_path / "out")
    assert checking.check(made.path) == []
    assert list(made.participants.index) == ["007", "P_1-a"]
    night = made["P_1-a"]
    assert night.clips.stage.tolist() == [0, 1, 2, 3, 3, 4, -1]
    assert night.clips["clip"].tolist() == [0, 1, 2, 3, 9, 10, 11]
    assert night.clips.onset.tolist() == [30.0 * clip for clip in night.clips["clip"]]
    sampling, provenance = made.info.sampling, made.info.provenance
    assert (sampling.video_features, sampling.eeg_features) == (MOVEMENT, HEART + MOVEMENT)
    assert np.array_equal(night.video, night.eeg[:, len(HEART) :])
    assert made.label.startswith("Two-sensor benchmark") and "EEG" not in made.label
    assert "not documented" in provenance["heart"]
    assert all(name in provenance["data"] for name in ("Walch", "doi:10.13026/hmhs-py35", "ODC-By", "Zhai", "MIT"))


def test_context_is_of_the_stretch(tmp_path: Path) -> None:
    values = np.random.default_rng(0).exponential(2, 90)
    found = with_context(values)
    tamed = np.arcsinh(values)
    assert found.shape == (90, len(HEART)) and np.array_equal(found[:, 0], tamed)
    for place, window in enumerate(WINDOWS):
        around = tamed[45 - window // 2 : 46 + window // 2]
        assert found[45, 1 + 2 * place : 3 + 2 * place] == pytest.approx([around.mean(), around.std()])
        past = tamed[max(0, 45 - window + 1) : 46]
        assert with_context(values, causal=True)[45, 1 + 2 * place : 3 + 2 * place] == pytest.approx(
            [past.mean(), past.std()]
        )
    # Two stretches of one constant each: nothing varies within a stretch, and no window mixes them.
    source = write_night(tmp_path / "source", "P", [2] * 20, clips=[*range(10), *range(12, 22)])
    np.savetxt(source / "P_count_feature.out", [1.0] * 10 + [9.0] * 10)
    video = ingest(source, tmp_path / "out")["P"].video
    spreads = [name.startswith("movement_std") for name in MOVEMENT]
    assert np.abs(video[:, spreads]).max() == 0
    assert np.abs(np.abs(video[:, np.logical_not(spreads)]) - 1).max() < 1e-5


def test_causal_features_hold_nothing_of_what_comes_later(tmp_path: Path) -> None:
    folders = [write_night(tmp_path / name, "P", [2] * 60) for name in ("a", "b")]
    movement = np.loadtxt(folders[1] / "P_count_feature.out")
    movement[40:] += 3
    np.savetxt(folders[1] / "P_count_feature.out", movement, fmt="%f")
    for causal in (True, False):
        made = [ingest(folder, folder / f"out-{causal}", causal=causal) for folder in folders]
        first, second = (one["P"].eeg for one in made)
        assert np.array_equal(first[:40], second[:40]) is causal
        assert ("causal" in made[0].info.provenance["normalisation"]) is causal


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("hr_feature", None, "not found"),
        ("hr_feature", "", "is empty"),
        ("hr_feature", "1\n2\nx\n4\n", "not a column of numbers (could not convert string to float: 'x')"),
        ("hr_feature", "1\n2\nnan\n4\n", "NaN or infinite"),
        ("count_feature", "1\n2\n3\n", "3 lines, P_time_feature.out 4"),
        ("count_feature", "1\n2\n-3\n4\n", "an activity count is negative"),
        ("time_feature", "0\n0.01\n0.02\n0.03\n", "line 2 is at 0.01 h, not a multiple of 30 s"),
        ("time_feature", "0\n0.008333\n0.008333\n0.025\n", "times do not rise after line 2"),
        ("time_feature", "0\n0.008333\n0.016667\n1e300\n", "hours from 0 to 1e+300 are no night's"),
        ("psg_labels", "0\n1\n6\n2\n", "6 is not a known stage"),
        ("psg_labels", "0\n1\n0.5\n2\n", "0.5 is not a known stage"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, file: str, content: str | None, words: str) -> None:
    source = write_night(tmp_path / "source", "P", [0, 1, 2, 5])
    path = source / f"P_{file}.out"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(SacdError) as caught:
        ingest(source, tmp_path / "out")
    assert words in str(caught.value) and path.name in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_ids_become_file_names(tmp_path: Path) -> None:
    source = write_night(tmp_path / "source", "P 1", [0, 1])
    with pytest.raises(SacdError, match="participant 'P 1' is not a valid id"):
        ingest(source, tmp_path / "out")


def test_the_published_nights(real_data: Path, cohort: Cohort) -> None:
    assert checking.check(cohort.path) == []
    assert len(cohort) == len(cohort.participants) == 21
    assert cohort.participants.age.isna().all() and (cohort.participants["split"] == "n/a").all()
    for recording in cohort:
        clips = recording.clips
        hours, stages = (
            np.loadtxt(real_data / "sleep-accel" / f"{recording.recording_id}_{kind}.out")
            for kind in ("time_feature", "psg_labels")
        )
        assert np.abs(clips.onset / 3600 - hours).max() < 1e-5
        assert (clips.stage == np.choose(stages.astype(int), [0, 1, 2, 3, 3, 4])).all()
    assert sum((np.diff(recording.clips["clip"]) > 1).sum() for recording in cohort) > 50


def test_movement_tells_something_and_the_heart_more(cohort: Cohort) -> None:
    scored = {recording.recording_id: recording.clips.stage.to_numpy() for recording in cohort}
    stage = np.array([0, 1, 1, 1, 2])[np.concatenate(list(scored.values()))]
    group = np.concatenate([[name] * len(stages) for name, stages in scored.items()])
    found = {}
    for view in ("eeg", "video"):
        features, told = np.concatenate([recording.array(view) for recording in cohort]), np.zeros(len(stage))
        for train, test in GroupKFold(3).split(features, stage, group):
            model = LogisticRegression(max_iter=60, tol=1e-2, class_weight="balanced")
            told[test] = model.fit(features[train], stage[train]).predict(features[test])
        found[view] = balanced_accuracy_score(stage, told)
    assert 0.48 < found["video"] < found["eeg"] - 0.05
