"""`sacd.cohort.check`: each fault is named, a line each, all of them at once."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import clip_table, raw_arrays

from sacd.cohort import Cohort, hash_file
from sacd.cohort.check import check
from sacd.exceptions import SacdError


@pytest.fixture
def night(make_cohort):
    return make_cohort(clips=6) / "recordings" / "P001-night1"


def rewrite(night, name, content):
    """Replace a file of a recording, and its hash: the fault is in the content alone."""
    if name == "clips.parquet":
        content.to_parquet(night / name, index=False)
    else:
        np.save(night / name, content, allow_pickle=True)
    metadata = json.loads((night / "recording.json").read_text())
    metadata["hashes"][name] = hash_file(night / name)
    (night / "recording.json").write_text(json.dumps(metadata))


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def the_fault(night):
    faults = check(night.parents[1])
    assert len(faults) == 1 and "\n" not in faults[0], faults
    return faults[0]


def test_sound(night):
    seen = []
    assert check(night.parents[1], progress=seen.append) == []
    assert seen == ["P000-night1", "P001-night1", "P002-night1"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", ["video.npy", "clips.parquet", "recording.json"])
def test_a_pipe_is_not_waited_for(night, name):
    (night / name).unlink()
    os.mkfifo(night / name)
    faults = check(night.parents[1])
    assert faults and all(name in fault for fault in faults), faults
    recording = Cohort.open(night.parents[1])["P001-night1"]
    with pytest.raises(SacdError, match=f"{name}: is a pipe"):
        _ = recording.video, recording.clips, recording.metadata


@pytest.mark.parametrize("name", ["eeg.npy", "video.npy", "clips.parquet", "recording.json"])
def test_missing_file(night, name):
    (night / name).unlink()
    words = "not found" if name == "recording.json" else "file is missing"
    assert any(f"{night / name}: {words}" in fault for fault in check(night.parents[1]))


def test_missing_folder(night):
    shutil.rmtree(night)
    assert "the recording's folder is missing" in the_fault(night)


def test_stray_folder(night):
    shutil.copytree(night, night.with_name("copy"))
    assert "copy: is not in recordings.tsv" in the_fault(night)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("video.npy", raw_arrays(6)["video"].astype(np.int16), "dtype is int16, must be uint8"),
        ("video.npy", raw_arrays(6)["video"][:, :3], "shape is (6, 3, 6, 5), must be (clips, 4, 6, 5)"),
        ("video.npy", raw_arrays(6)["video"][0], "shape is (4, 6, 5)"),
        ("video.npy", raw_arrays(5)["video"], "5 clips, recordings.tsv says 6"),
        ("eeg.npy", raw_arrays(6)["eeg"].astype(np.float64), "dtype is float64, must be float32 or float16"),
        ("eeg.npy", raw_arrays(6)["eeg"][:, :, :59], "shape is (6, 1, 59)"),
        ("eeg.npy", np.where(np.arange(6)[:, None, None] == 4, np.float32(np.inf), raw_arrays(6)["eeg"]), "in row 4"),
        ("eeg.npy", np.array([None] * 6), "cannot be read as an array"),
    ],
)
def test_array_faults(night, name, array, words):
    rewrite(night, name, array)
    faults = check(night.parents[1])
    assert any(f"{night / name}: " in fault and words in fault for fault in faults), faults


@pytest.mark.parametrize(
    "content",
    [
        b"", b"PK\x03\x04 not an array", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x09\x00{'descr':",
        b"\x93NUMPY\x01\x00\x01\x00[",
    ],
)
def test_broken_array(night, content):
    (night / "video.npy").write_bytes(content)
    faults = check(night.parents[1])
    assert [fault.split(": ")[1].split(" (")[0] for fault in faults] == [
        "changed since it was written", "cannot be read as an array",
    ]


def test_cut_off_array(night):
    file = night / "eeg.npy"
    file.write_bytes(file.read_bytes()[:-10])
    assert any("cannot be read as an array" in fault for fault in check(night.parents[1]))


def test_changed_byte(night):
    file = night / "video.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "changed since it was written (hash differs)" in the_fault(night)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stage": [0, 1, 2, 3, 4, 5]}, "stage code 5 at clip 5 is out of range"),
        ({"stage": [0, 1, -2, 3, 4, -3]}, "stage code -2 at clip 2 is out of range (2 such)"),
        ({"stage": [0.0, 1, 2, 3, 4, np.nan]}, "column stage has dtype float64"),
        ({"clip": [0, 1, 2, 2, 4, 5]}, "column clip does not rise"),
        ({"clip": [-1, 1, 2, 3, 4, 5]}, "column clip does not rise"),
        ({"onset": [0, 30, 60, np.nan, 120, 150]}, "column onset has values that are not finite"),
        ({"onset": [0, 30, 60, 90, 120, np.inf]}, "column onset has values that are not finite"),
        ({"onset": ["a"] * 6}, "column onset has dtype"),
    ],
)
def test_clip_faults(night, change, words):
    rewrite(night, "clips.parquet", clip_table(6).assign(**change))
    assert words in the_fault(night)


def test_clip_table_faults(night):
    rewrite(night, "clips.parquet", clip_table(6).drop(columns=["onset", "stage"]))
    assert "no column onset, stage" in the_fault(night)
    rewrite(night, "clips.parquet", clip_table(4))
    assert "4 clips, recordings.tsv says 6" in the_fault(night)


def test_clip_table_that_is_no_table(night):
    (night / "clips.parquet").write_text("not parquet")
    assert any("clips.parquet: cannot be read" in fault for fault in check(night.parents[1]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"), ("[]", "valid dictionary"), ("[" * 100_000, "not valid JSON"),
        ('{"hashes": [1]}', "hashes: Input should be a valid dictionary"),
        ('{"hashes": {"eeg.npy": 1}}', "hashes.eeg.npy: Input should be a valid string"),
        ('{"hashes": {"../../x": "0"}}', "is not a file name"),
    ],
)
def test_metadata_faults(night, content, words):
    (night / "recording.json").write_text(content)
    assert any(words in fault for fault in check(night.parents[1]))


def test_participant_in_two_splits(night):
    file = night.parents[1] / "participants.tsv"
    file.write_text(file.read_text() + "P000\tM\t40\t70\t0\ttest\n")
    assert "participant P000 is in 2 splits (test, train)" in the_fault(night)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("participants.tsv", "P001", "P 1", "participant 'P 1' is not a valid id"),
        ("participants.tsv", "validation", "holdout", "split 'holdout' is unknown"),
        ("participants.tsv", "7.5", "-7.5", "ahi is negative"),
        ("participants.tsv", "7.5", "many", "column ahi: 'many' is not a number"),
        ("participants.tsv", "7.5", "inf", "column ahi: 'inf' is not a number"),
        ("participants.tsv", "\tahi", "\tAHI", "no column ahi"),
        ("recordings.tsv", "\tP001\t", "\tP009\t", "participant P009 is not in participants.tsv"),
        ("recordings.tsv", "C4-M1\t6", "C4-M1\t6.5", "column clips must hold whole numbers"),
        ("recordings.tsv", "C4-M1\t6", "C4-M1\t-6", "column clips must hold whole numbers"),
        ("recordings.tsv", "P002-night1", "P001-night1", "recording P001-night1 has 2 rows"),
    ],
)
def test_index_faults(night, file, old, new, words):
    path = night.parents[1]
    edit(path / file, old, new)
    faults = check(path)
    assert any(f"{path / file}" in fault and words in fault for fault in faults), faults


@pytest.mark.parametrize("file", ["participants.tsv", "recordings.tsv"])
def test_broken_tables(night, file):
    path = night.parents[1]
    (path / file).write_text("")
    assert any(f"{path / file}: not a tab-separated table" in fault for fault in check(path))
    (path / file).unlink()
    assert any(f"{path / file}: not found" in fault for fault in check(path))


def test_short_rows_are_faults_not_crashes(night):
    path = night.parents[1]
    with open(path / "recordings.tsv", "a") as file:
        file.write("P003-night1\n")
    assert any("column clips must hold whole numbers" in fault for fault in check(path))
    with open(path / "participants.tsv", "a") as file:
        file.write("\n\t\t\n")
    assert any("is not a valid id" in fault for fault in check(path))


def test_all_faults_at_once(night):
    path = night.parents[1]
    rewrite(night, "clips.parquet", clip_table(6).assign(stage=9))
    rewrite(night, "eeg.npy", np.full((6, 1, 60), np.nan, np.float32))
    (path / "recordings" / "P000-night1" / "video.npy").unlink()
    edit(path / "participants.tsv", "7.5", "-1")
    faults = check(path)
    assert len(faults) == 4 and all("\n" not in fault for fault in faults)


@pytest.mark.parametrize("make", ["missing", "file"])
def test_no_cohort_there(tmp_path, make):
    path = tmp_path / "x"
    if make == "file":
        path.write_text("")
    (fault,) = check(path)
    assert "is not a cohort" in fault


def test_a_table_of_many_rows_is_read_in_parts(night):
    """NaN past the first chunk of rows is found too."""
    clips = 600
    arrays = raw_arrays(clips)
    arrays["eeg"][590] = np.nan
    rewrite(night, "clips.parquet", pd.DataFrame(clip_table(clips)))
    rewrite(night, "eeg.npy", arrays["eeg"])
    rewrite(night, "video.npy", arrays["video"])
    row = "P001-night1\tP001\tn/a\tC4-M1\t"
    edit(night.parents[1] / "recordings.tsv", f"{row}6", f"{row}{clips}")
    assert "NaN or infinite value in row 590" in the_fault(night)
