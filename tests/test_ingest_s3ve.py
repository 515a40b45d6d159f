"""The S3VE release as its authors describe it: no real one could be opened, so these are made as the module assumes."""

import json
from pathlib import Path

import numpy as np
import pytest

from sacd.cohort import Cohort
from sacd.cohort import check as checking
from sacd.exceptions import SacdError
from sacd.ingest.s3ve import ingest_s3ve

STAGES = ("W", "N1", "N2", "N3", "REM")
D = 6


def write_clips(folder: Path, people: dict[str, str], clips: tuple[int, ...] = (0, 1, 2, 5), eeg: int = 8) -> Path:
    """As the published loader finds it: a file a clip, a JSON of labels; `people` with their subset."""
    rng = np.random.default_rng(0)
    database = {}
    for person, subset in people.items():
        for number in clips:
            clip, stage = f"{person}_{number:04d}", STAGES[number % 5]
            for part, shape in (("EGG", (eeg,)), ("Infrared video features", (3, D))):
                (folder / part / stage).mkdir(parents=True, exist_ok=True)
                np.save(folder / part / stage / f"{clip}.npy", rng.standard_normal(shape))
            database[clip] = {"subset": subset, "annotations": {"label": stage, "segment": [1, 750]}}
    (folder / "labels").mkdir()
    (folder / "labels" / "s3ve.json").write_text(json.dumps({"labels": STAGES, "database": database}))
    return folder


def write_nights(folder: Path, clips: int = 4, scale: float = 30.0, labels: str = "W\nN2\n3\nrem\n") -> Path:
    """A file a night in each of the three: EEG as AttnSleep has it, [clips, 3000, 1]."""
    rng = np.random.default_rng(0)
    for part, shape in (("EEG", (clips, 3000, 1)), ("video_features", (clips, D))):
        (folder / part).mkdir(parents=True)
        np.save(folder / part / "007.npy", rng.standard_normal(shape) * (scale if part == "EEG" else 1))
    (folder / "labels").mkdir()
    (folder / "labels" / "007.txt").write_text(labels)
    return folder


def test_clips_become_nights_of_people(tmp_path: Path) -> None:
    source = write_clips(tmp_path / "source", {"s2": "training", "s10": "testing", "s3": "validation"})
    cohort = ingest_s3ve(source, tmp_path / "out")
    assert checking.check(cohort.path) == []
    assert cohort.participants["split"].to_dict() == {"s2": "train", "s10": "test", "s3": "validation"}
    night = cohort["s2"]
    assert night.clips["clip"].tolist() == [0, 1, 2, 5] and night.clips.onset.tolist() == [0.0, 30.0, 60.0, 150.0]
    assert night.clips.stage.tolist() == [0, 1, 2, 0]
    drawn = np.load(source / "Infrared video features" / "N2" / "s2_0002.npy")
    assert np.allclose(night.video[2], drawn.mean(axis=0), atol=1e-6)
    assert np.allclose(night.eeg[3], np.load(source / "EGG" / "W" / "s2_0005.npy"), atol=1e-6)
    info = cohort.info
    assert (info.video, info.eeg) == ("features", "features") and not info.simulated
    assert (len(info.sampling.video_features), len(info.sampling.eeg_features)) == (D, 8)
    assert "could not be opened" in info.provenance["assumed"] and info.provenance["splits"].startswith("as published")


@pytest.mark.parametrize(("scale", "factor"), [(30.0, 1.0), (3e-5, 1e6)])
def test_nights_of_signal_are_in_microvolts(scale: float, factor: float, tmp_path: Path) -> None:
    source = write_nights(tmp_path / "source", scale=scale)
    cohort = ingest_s3ve(source, tmp_path / "out")
    assert checking.check(cohort.path) == []
    night = cohort["007"]
    assert night.clips.stage.tolist() == [0, 2, 3, 4]
    assert (cohort.info.eeg, cohort.info.sampling.eeg_hz, cohort.info.sampling.eeg_channels) == ("raw", 100.0, ("C3",))
    assert np.allclose(night.eeg[:, 0], np.load(source / "EEG" / "007.npy")[:, :, 0] * factor, rtol=1e-5)
    assert ("V, brought to µV" == night.metadata["provenance"]["eeg_unit"]) == (factor > 1)


def test_people_who_are_in_two_subsets_have_no_split(tmp_path: Path) -> None:
    source = write_clips(tmp_path / "source", {"s1": "training", "s2": "testing"})
    table = source / "labels" / "s3ve.json"
    content = json.loads(table.read_text())
    content["database"]["s1_0005"]["subset"] = "validation"
    table.write_text(json.dumps(content))
    cohort = ingest_s3ve(source, tmp_path / "out")
    assert set(cohort.participants["split"]) == {"n/a"}
    assert cohort.info.provenance["splits"] == "published subsets mix people and were left out"


def test_severity_comes_from_a_table_beside(tmp_path: Path) -> None:
    source = write_nights(tmp_path / "source")
    (source / "participants.tsv").write_text("participant_id\tsex\tage\tweight\tahi\n007\tM\t50\tn/a\t31\n")
    assert ingest_s3ve(source, tmp_path / "out").participants.loc["007", "ahi"] == 31


def spoil(source: Path, how: str) -> None:
    video = source / "video_features" / "007.npy"
    match how:
        case "fewer labels":
            (source / "labels" / "007.txt").write_text("W\n")
        case "unknown stage":
            (source / "labels" / "007.txt").write_text("W\nN2\nN5\nN2\n")
        case "no features":
            video.unlink()
        case "cut off":
            video.write_bytes(video.read_bytes()[:-8])
        case "pickled":
            np.save(video, np.array([{}], dtype=object), allow_pickle=True)
        case "not finite":
            np.save(video, np.full((4, D), np.nan))
        case "a table":
            (source / "labels" / "007.txt").rename(source / "labels" / "007.xlsx")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("fewer labels", "but 1 clips are labelled"), ("unknown stage", "'N5' is not a known stage"),
        ("no features", "0 files 007.npy, one is needed"), ("cut off", "cannot be read as an array"),
        ("pickled", "cannot be read as an array"), ("not finite", "NaN or infinite"),
        ("a table", "neither a .json nor .npy, .txt or .csv"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(how: str, says: str, tmp_path: Path) -> None:
    source = write_nights(tmp_path / "source")
    spoil(source, how)
    with pytest.raises(SacdError) as error:
        ingest_s3ve(source, tmp_path / "out")
    assert says in str(error.value) and "\n" not in str(error.value) and "; " in str(error.value)
    assert not (tmp_path / "out").exists()


def test_clips_that_are_no_persons_are_refused(tmp_path: Path) -> None:
    source = write_clips(tmp_path / "source", {"s1": "training"})
    table = source / "labels" / "s3ve.json"
    table.write_text(table.read_text().replace("s1_0005", "clip-of-somebody"))
    with pytest.raises(SacdError, match="'clip-of-somebody' is not PERSON_NUMBER"):
        ingest_s3ve(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_cohort_opens(tmp_path: Path) -> None:
    ingest_s3ve(write_clips(tmp_path / "source", {"s1": "training"}), tmp_path / "out")
    assert Cohort.open(tmp_path / "out").label == "S3VE release (EEG and video features)"
