"""The privileged-feature benchmark, made from the published feature nights."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import recording_folders as made
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest import ingest
from sacd.ingest.sleep_edf import FEATURES, WEAK_VIEW, choose_view, unsaturated, with_neighbours


@pytest.fixture(scope="module")
def nights(real_data: Path) -> Path:
    return real_data / "sleep-edf-features"


@pytest.fixture(scope="module")
def cohort(nights: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return ingest(nights, tmp_path_factory.mktemp("sleep-edf") / "cohort")


def copy(nights: Path, folder: Path, name: str = "SC4011") -> Path:
    folder.mkdir()
    for file in nights.glob(f"{name}*"):
        shutil.copy(file, folder / file.name)
        (folder / file.name).chmod(0o644)
    return folder


def test_whole(cohort: Cohort) -> None:
    assert checking.check(cohort.path) == []
    assert len(cohort) == 16
    assert cohort.recordings.participant_id.value_counts().tolist() == [2] * 8
    assert cohort.participants.ahi.isna().all()
    assert (cohort.participants["split"] == "n/a").all()
    assert cohort.label == "Sleep-EDF privileged-feature benchmark"
    assert "transductive" in cohort.info.provenance["normalisation"]
    assert cohort.info.sampling.eeg_features == FEATURES
    assert set(cohort.info.sampling.video_features) == set(WEAK_VIEW)


def test_labels_are_the_scorers(nights: Path, cohort: Cohort) -> None:
    for recording in cohort:
        (file,) = nights.glob(f"{recording.recording_id}*.npz")
        stages = recording.clips.stage.to_numpy()
        published = np.load(file)["y"]
        asleep = np.flatnonzero(published > 0)
        assert (stages == published[max(0, asleep[0] - 60) : asleep[-1] + 61]).all()
        assert (stages[:60] == 0).all()
        assert stages[60] != 0


def test_truncated_night_is_kept_in_the_open(cohort: Cohort) -> None:
    truncated = [recording.recording_id for recording in cohort if recording.metadata["provenance"]["truncated"]]
    assert truncated == ["SC4011"]
    provenance = cohort["SC4011"].metadata["provenance"]
    assert (provenance["rows"], provenance["scored_clips"]) == (951, 2802)
    assert set(cohort["SC4011"].clips.stage) == {0, 1, 2, 3}


def test_normalised_within_each_night(cohort: Cohort) -> None:
    for recording in cohort:
        assert np.abs(recording.eeg.mean(axis=0)).max() < 1e-3
        assert np.abs(recording.eeg.std(axis=0) - 1).max() < 1e-3
        names = cohort.info.sampling.video_features
        assert np.array_equal(recording.video, recording.eeg[:, [FEATURES.index(name) for name in names]])


def test_columns_are_what_their_names_say(nights: Path) -> None:
    for file in sorted(nights.glob("*.npz"))[:3]:
        published = np.load(file)["X"]
        error = np.abs(with_neighbours(published[:, :18]) - published).max(axis=1)
        # The publisher pads the ends in another way, and dropped the clips that nobody scored afterwards.
        assert (error > 1e-6).sum() <= 4
        assert np.median(error) < 1e-9
        powers = unsaturated(published[:, :18])
        name = {column: i for i, column in enumerate(FEATURES)}
        # Saturated powers span less than 3 e-folds, true ones more than 4.
        assert np.ptp(published[:, name["Fpz-Cz_delta"]]) < 3 < 4 < np.ptp(powers[:, name["Fpz-Cz_delta"]])
        sleep = np.load(file)["y"]
        assert powers[sleep == 3, name["Pz-Oz_delta"]].mean() > powers[sleep == 0, name["Pz-Oz_delta"]].mean()
        assert np.array_equal(powers[:, name["Pz-Oz_mobility"]], published[:, name["Pz-Oz_mobility"]])


def test_views() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 72
    assert [FEATURES[i] for i in choose_view(["Pz-Oz_mobility"])] == ["Pz-Oz_mobility"]
    assert len(choose_view(["Pz-Oz_*"])) == 36
    with pytest.raises(SacdError, match="matches no feature"):
        choose_view(["Cz_delta"])
    with pytest.raises(SacdError, match="empty"):
        choose_view([])


def test_student_view_is_a_parameter(nights: Path, tmp_path: Path) -> None:
    source = copy(nights, tmp_path / "source")
    made = ingest(source, tmp_path / "out", student_view=("Fpz-Cz_*_rolling_mean",))
    assert made["SC4011"].video.shape[1] == 9


def test_teacher_sees_clearly_more(cohort: Cohort) -> None:
    stage = np.concatenate([recording.clips.stage for recording in cohort])
    group = np.concatenate([[recording.participant_id] * len(recording) for recording in cohort])
    accuracy = {}
    for view in ("eeg", "video"):
        features = np.concatenate([recording.array(view) for recording in cohort])
        right = np.zeros(len(stage), bool)
        for train, test in GroupKFold(4).split(features, stage, group):
            model = LogisticRegression(max_iter=60, tol=1e-2).fit(features[train], stage[train])
            right[test] = model.predict(features[test]) == stage[test]
        accuracy[view] = np.mean([right[group == name].mean() for name in np.unique(group)])
    assert accuracy["eeg"] > 0.77
    assert 0.6 < accuracy["video"] < accuracy["eeg"] - 0.07


def test_labels_that_disagree(nights: Path, tmp_path: Path) -> None:
    source = copy(nights, tmp_path / "source")
    file = next(source.glob("*.npz"))
    arrays = dict(np.load(file))
    arrays["y"][700] = 4
    np.savez(file, **arrays)
    with pytest.raises(SacdError, match=r"SC4011E0\.npz: 1 labels differ .* row 700"):
        ingest(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_broken_nights(nights: Path, tmp_path: Path) -> None:
    source = copy(nights, tmp_path / "source")
    file = next(source.glob("*.npz"))
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(SacdError, match="cannot be read as a feature night") as caught:
        ingest(source, tmp_path / "out")
    assert "\n" not in str(caught.value)
    next(source.glob("*-Hypnogram.edf")).unlink()
    with pytest.raises(SacdError, match="has 0 files SC4011"):
        ingest(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": np.full((6, 72), "x"), "y": np.arange(6)}, "cannot be read as a feature night"),
        ({"X": np.zeros((6, 72)), "y": np.zeros((6, 1))}, "X and y have shapes (6, 72) and (6, 1)"),
        ({"X": np.zeros((6, 72)), "y": np.array(1)}, "X and y have shapes (6, 72) and (),"),
        ({"X": np.zeros((6, 72)), "y": np.full(6, np.nan)}, "6 labels differ"),
        ({"y": np.arange(6)}, "cannot be read as a feature night"),
    ],
)
def test_other_arrays(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    made.write_edf(tmp_path / "SC4001EC-Hypnogram.edf", 180, ["W", "N1", "N2", "N2", "N3", "REM"])
    np.savez(tmp_path / "SC4001E0.npz", **arrays)
    with pytest.raises(SacdError) as caught:
        ingest(tmp_path, tmp_path.with_name("out"))
    assert words in str(caught.value) and "SC4001E0.npz" in str(caught.value) and "\n" not in str(caught.value)
