"""The privileged-feature benchmark, made from the published feature nights."""

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import edfio
import numpy as np
import pytest
import recording_folders as made
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.cohort.privacy import check_privacy
from sacd.exceptions import SacdError
from sacd.ingest import ingest
from sacd.ingest.crop import MARGIN_CLIPS, drawn_margins
from sacd.ingest.scoring import read_scoring
from sacd.ingest.sleep_edf import FEATURES, WEAK_VIEW, choose_view, unsaturated, with_neighbours
from sacd.stages import NOT_SCORED, STAGES


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


def write_scoring(file: Path, names: Sequence[str]) -> None:
    notes = [edfio.EdfAnnotation(30 * i, 30, f"Sleep stage {name}") for i, name in enumerate(names)]
    signal = edfio.EdfSignal(np.arange(30.0 * len(names)), 1, label="EEG C3-A2", physical_dimension="uV")
    day = edfio.Recording(startdate=made.START.date())
    edfio.Edf(
        [signal], recording=day, starttime=made.START.time(), annotations=notes, data_record_duration=30
    ).write(file)


def write_night(folder: Path, features: np.ndarray, stages: Sequence[int]) -> Path:
    """A feature night that starts at 22:30, with its scoring."""
    folder.mkdir()
    write_scoring(folder / "SC4001EC-Hypnogram.edf", [STAGES[code] for code in stages])
    np.savez(folder / "SC4001E0.npz", X=features, y=np.array(stages))
    return folder


def random_features(clips: int) -> np.ndarray:
    return np.random.default_rng(0).normal(-5, 1, (clips, len(FEATURES)))


def test_whole(cohort: Cohort) -> None:
    assert checking.check(cohort.path) == []
    # Everybody has the dates of these nights.
    assert check_privacy(cohort.path) == []
    assert len(cohort) == 16
    assert cohort.recordings.participant_id.value_counts().tolist() == [2] * 8
    assert cohort.participants.ahi.isna().all()
    assert (cohort.participants["split"] == "n/a").all()
    assert cohort.label == "Sleep-EDF privileged-feature benchmark"
    assert "transductive" in cohort.info.provenance["normalisation"]
    assert cohort.info.sampling.eeg_features == FEATURES
    assert set(cohort.info.sampling.video_features) == set(WEAK_VIEW)


def test_labels_are_the_scorers(nights: Path, cohort: Cohort) -> None:
    kept = {}
    for recording in cohort:
        (file,) = nights.glob(f"{recording.recording_id}*.npz")
        (hypnogram,) = nights.glob(f"{recording.recording_id}*-Hypnogram.edf")
        published, start = np.load(file)["y"], datetime.fromisoformat(recording.start)
        scored = np.flatnonzero(read_scoring(hypnogram, start).stages != NOT_SCORED)
        stages = recording.clips.stage.to_numpy()
        assert (stages == published[np.searchsorted(scored, recording.clips["clip"])]).all()
        first, last = (start + timedelta(seconds=recording.clips.onset.iloc[place]) for place in (0, -1))
        assert (first.hour, first.minute) == (22, 0) and (last.hour < 9)
        kept[recording.recording_id] = (stages > 0).sum() / (published > 0).sum()
    assert [name for name, share in kept.items() if share < 0.99] == ["SC4052"] and kept["SC4052"] > 0.85
    wake = np.concatenate([recording.clips.stage == 0 for recording in cohort]).mean()
    assert 0.3 < wake < 0.4


def test_the_clock_knows_no_scoring(tmp_path: Path) -> None:
    clips = 13 * 120
    features = random_features(clips)
    scorings = {
        "night": [0] * 300 + [1, 2, 3, 4] * 150 + [0] * (clips - 900),
        "other": [4, 3, 2, 1] * 100 + [0] * (clips - 400),
        "awake": [0] * clips,
    }
    found = [
        ingest(write_night(tmp_path / name, features, stages), tmp_path / f"out-{name}")["SC4001"]
        for name, stages in scorings.items()
    ]
    for recording, stages in zip(found, scorings.values(), strict=True):
        assert recording.clips["clip"].tolist() == list(range(round(10.5 * 120)))
        assert recording.clips.stage.tolist() == stages[: len(recording)]
        assert np.array_equal(recording.eeg, found[0].eeg) and np.array_equal(recording.video, found[0].video)


def test_a_recording_by_day(tmp_path: Path) -> None:
    # It starts at 22:30; every clip before 09:00 is missing.
    source = write_night(tmp_path / "source", random_features(20), [0] * 20)
    write_scoring(source / "SC4001EC-Hypnogram.edf", ["?"] * 1280 + ["W"] * 20)
    with pytest.raises(SacdError, match=r"SC4001E0\.npz: no clips that begin from 22:00 to 9:00"):
        ingest(source, tmp_path / "out")


def test_margins_are_drawn_for_each_night(nights: Path, tmp_path: Path) -> None:
    clips = [0] * 200 + [2] * 100 + [0] * 200
    recording = ingest(write_night(tmp_path / "source", random_features(500), clips), tmp_path / "out", crop="drawn")
    before, after = drawn_margins("SC4001")
    assert recording["SC4001"].clips["clip"].tolist() == list(range(200 - before, 300 + after))
    margins = np.array([drawn_margins(f"SC4{subject:02d}{night}") for subject in range(50) for night in (1, 2)])
    assert margins.min() >= 0 and margins.max() <= MARGIN_CLIPS
    assert np.abs(margins.mean(axis=0) - MARGIN_CLIPS / 2).max() < 12
    assert np.abs(np.corrcoef(margins.T)[0, 1]) < 0.3
    with pytest.raises(SacdError, match="crop 'scored' is unknown"):
        ingest(tmp_path / "source", tmp_path / "other", crop="scored")


def test_causal_features_hold_nothing_of_what_comes_later(tmp_path: Path) -> None:
    features = random_features(100)
    later = features.copy()
    later[60:] += 1
    stages = [0] * 50 + [2] * 50
    folders = [write_night(tmp_path / name, X, stages) for name, X in (("a", features), ("b", later))]
    for causal in (True, False):
        first, second = (ingest(folder, folder / f"out-{causal}", causal=causal)["SC4001"].eeg for folder in folders)
        assert np.array_equal(first[:60], second[:60]) is causal
        assert not np.array_equal(first[60:], second[60:])


def test_another_crop_is_another_cohort(tmp_path: Path) -> None:
    source = write_night(tmp_path / "source", random_features(60), [0] * 20 + [2] * 40)
    made = [
        ingest(source, tmp_path / f"{crop}-{causal}", crop=crop, causal=causal).info
        for crop in ("clock", "drawn")
        for causal in (False, True)
    ]
    assert len({info.source_id for info in made}) == 4
    assert len({(info.provenance["crop"], info.provenance["normalisation"]) for info in made}) == 4


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
