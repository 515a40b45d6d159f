"""The cohort's format: what is written comes back, a failed writer leaves nothing half-written, cohorts grow."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import clip_table, open_files, raw_arrays, raw_info
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sacd.cohort import Cohort, Sampling, check_id, read_info
from sacd.cohort.check import check
from sacd.cohort.format import ID_PATTERN
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError

number = st.none() | st.floats(0, 1e6, allow_nan=False)
person = st.fixed_dictionaries({
    "sex": st.sampled_from(["F", "M", "n/a"]), "age": number, "weight": number, "ahi": number,
    "split": st.sampled_from(["train", "validation", "test", "n/a"]),
})
identity = st.from_regex(ID_PATTERN, fullmatch=True)
text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
    lambda value: value == value.strip()
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.dictionaries(identity, person, min_size=1, max_size=3), start=text, channel=text,
    clips=st.integers(0, 5), data=st.data(),
)
def test_round_trip(tmp_path_factory, people, start, channel, clips, data):
    path = tmp_path_factory.mktemp("round") / "cohort"
    table, arrays = clip_table(clips), raw_arrays(clips)
    names = data.draw(st.lists(identity, min_size=len(people), max_size=len(people), unique=True))
    with CohortWriter(path, raw_info()) as writer:
        for name, (participant, values) in zip(names, people.items(), strict=True):
            writer.add_participant(participant, **values)
            writer.add_recording(name, participant, table, **arrays, start=start, channel=channel)
    cohort = Cohort.open(path)
    assert check(path) == []
    assert cohort.info == raw_info()
    assert [recording.recording_id for recording in cohort] == names
    for participant, values in people.items():
        row = cohort.participants.loc[participant]
        assert (row["sex"], row["split"]) == (values["sex"], values["split"])
        for column in ("age", "weight", "ahi"):
            assert row[column] == values[column] if values[column] is not None else np.isnan(row[column])
    for recording in cohort:
        assert (recording.start, recording.channel, len(recording)) == (start, channel, clips)
        pd.testing.assert_frame_equal(recording.clips, table)
        np.testing.assert_array_equal(recording.video, arrays["video"])
        np.testing.assert_array_equal(recording.eeg, arrays["eeg"])


def test_feature_cohort_round_trip(tmp_path):
    info = raw_info(
        simulated=False, video="features", eeg="features",
        sampling=Sampling(video_features=("a", "b"), eeg_features=("c", "d", "e")),
    )
    video, eeg = np.ones((3, 2), np.float32), np.zeros((3, 3), np.float32)
    with CohortWriter(tmp_path / "c", info) as writer:
        writer.add_participant("P1")
        writer.add_recording("P1-1", "P1", clip_table(3), video, eeg)
    recording = Cohort.open(tmp_path / "c")["P1-1"]
    assert check(tmp_path / "c") == []
    assert (recording.path / "video_features.npy").exists()
    np.testing.assert_array_equal(recording.video, video)
    np.testing.assert_array_equal(recording.eeg, eeg)


@pytest.mark.parametrize("bad", ["", "../x", "a/b", "..", "a b", "ä", "a\n", "x" * 65, "a\0b", "C:\\x"])
def test_ids_that_are_no_file_names_are_refused(tmp_path, bad):
    with pytest.raises(SacdError, match="not a valid id"):
        check_id(bad, "participant")
    with CohortWriter(tmp_path / "c", raw_info()) as writer:
        writer.add_participant("P1")
        for attempt in (
            lambda: writer.add_participant(bad),
            lambda: writer.add_recording(bad, "P1", clip_table(2), **raw_arrays(2)),
        ):
            with pytest.raises(SacdError, match="not a valid id"):
                attempt()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["c"]
    assert list((tmp_path / "c" / "recordings").iterdir()) == []


def test_an_index_that_points_outside_is_not_opened(make_cohort, tmp_path):
    path = make_cohort()
    index = path / "recordings.tsv"
    index.write_text(index.read_text().replace("P000-night1", "../../etc"))
    with pytest.raises(SacdError, match="not a valid id"):
        Cohort.open(path)
    assert any("'../../etc' is not a valid id" in fault for fault in check(path))


def test_growth_keeps_recordings_and_splits(make_cohort):
    path = make_cohort(participants=2)
    before = {file: file.read_bytes() for file in path.glob("recordings/*/*")}
    with CohortWriter(path, raw_info()) as writer:
        writer.add_participant("P000", split="train")
        with pytest.raises(SacdError, match="is in split train, cannot move to test"):
            writer.add_participant("P000", split="test")
        with pytest.raises(SacdError, match="two recordings cannot share an id"):
            writer.add_recording("P000-night1", "P000", clip_table(8), **raw_arrays(8))
        writer.add_recording("P000-night2", "P000", clip_table(5), **raw_arrays(5))
        writer.add_participant("P007", split="test")
        writer.add_recording("P007-night1", "P007", clip_table(3), **raw_arrays(3))
    cohort = Cohort.open(path)
    assert check(path) == []
    assert [len(recording) for recording in cohort.of(["P000"])] == [8, 5]
    assert cohort.participants.loc["P000", "age"] == 40 and cohort.participants.loc["P007", "split"] == "test"
    assert all(file.read_bytes() == content for file, content in before.items())


def test_another_source_is_not_mixed_in(make_cohort):
    path = make_cohort()
    with pytest.raises(SacdError, match="source_id is 'tiny'"):
        CohortWriter(path, raw_info(source_id="other"))


def test_bad_recordings_leave_the_cohort_as_it_was(make_cohort):
    path = make_cohort()
    before = sorted(str(file) for file in path.rglob("*"))
    index = (path / "recordings.tsv").read_text()
    nan = raw_arrays(4)
    nan["eeg"][2, 0, 7] = np.nan
    with pytest.raises(SacdError, match="recording R1: eeg.npy: NaN or infinite value in row 2"):
        with CohortWriter(path, raw_info()) as writer:
            writer.add_recording("R1", "P000", clip_table(4), **nan)
    assert sorted(str(file) for file in path.rglob("*")) == before
    assert (path / "recordings.tsv").read_text() == index


def test_what_was_not_committed_is_taken_back(make_cohort):
    path = make_cohort()
    with pytest.raises(KeyboardInterrupt):
        with CohortWriter(path, raw_info()) as writer:
            writer.add_recording("R1", "P000", clip_table(4), **raw_arrays(4), commit=False)
            raise KeyboardInterrupt
    assert not (path / "recordings" / "R1").exists()
    assert check(path) == []


def test_a_failed_new_cohort_leaves_nothing(tmp_path):
    def write(path: Path) -> None:
        with pytest.raises(SacdError):
            with CohortWriter(path, raw_info()) as writer:
                writer.add_participant("P1")
                writer.add_recording("R1", "P1", clip_table(4), **raw_arrays(4), commit=False)
                writer.add_recording("R2", "P1", clip_table(4), **raw_arrays(3), commit=False)

    write(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    assert [str(entry.relative_to(tmp_path)) for entry in tmp_path.rglob("*")] == ["empty"]


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    (tmp_path / "recordings" / "night").mkdir(parents=True)
    with pytest.raises(SacdError, match="is not a cohort"):
        CohortWriter(tmp_path, raw_info())
    (tmp_path / "thesis.txt").unlink()
    with pytest.raises(SacdError, match="is not a cohort"):
        CohortWriter(tmp_path, raw_info())


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from conftest import clip_table, raw_arrays, raw_info
from sacd.cohort.writer import CohortWriter
with CohortWriter(sys.argv[1], raw_info()) as writer:
    writer.add_participant("P1")
    writer.add_recording("R1", "P1", clip_table(4), **raw_arrays(4), commit=False)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_written_over(tmp_path):
    path = tmp_path / "c"
    script = [sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)]
    assert subprocess.run(script, check=False).returncode == -signal.SIGKILL
    assert (path / "recordings" / "R1").exists() and not (path / "cohort.json").exists()
    with pytest.raises(SacdError, match="not found"):
        Cohort.open(path)
    with CohortWriter(path, raw_info()) as writer:
        writer.add_participant("P1")
        writer.add_recording("R1", "P1", clip_table(2), **raw_arrays(2))
    assert check(path) == [] and len(Cohort.open(path)["R1"]) == 2


def test_full_disk(make_cohort, monkeypatch):
    path = make_cohort()
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for target in ("numpy.save", "pandas.DataFrame.to_parquet", "os.replace", "os.fsync"):
        with monkeypatch.context() as patch, pytest.raises(SacdError, match="No space left on device") as raised:
            with CohortWriter(path, raw_info()) as writer:
                patch.setattr(target, full)
                writer.add_recording("R1", "P000", clip_table(4), **raw_arrays(4))
        assert "\n" not in str(raised.value)
        assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before


def test_memory_maps_stay_few(make_cohort):
    cohort = Cohort.open(make_cohort(participants=100, clips=1))
    with open_files(200):
        totals = [int(recording.video.sum()) + float(recording.eeg.sum()) for recording in cohort]
    assert len(totals) == 100


def test_a_rewritten_array_is_seen(make_cohort):
    recording = Cohort.open(make_cohort())["P000-night1"]
    first = recording.video[0].copy()
    np.save(recording.path / "video.npy", np.zeros_like(np.asarray(recording.video)))
    os.utime(recording.path / "video.npy", ns=(1, 1))
    assert first.any() and not recording.video[0].any()


def test_a_recording_without_the_hash_of_a_file_is_refused(make_cohort):
    path = make_cohort()
    file = path / "recordings" / "P001-night1" / "recording.json"
    for content, words in (('{"hashes": {}}', "no hash of eeg.npy"), ('{"hashes": 1}', "hashes: Input should be")):
        file.write_text(content)
        with pytest.raises(SacdError, match=f"recording.json: {words}"):
            Cohort.open(path)["P001-night1"].hash_of("eeg")


def test_fingerprint_changes_with_anything(make_cohort):
    path = make_cohort()
    fingerprints = {Cohort.open(path).fingerprint}
    assert Cohort.open(path).fingerprint in fingerprints
    participants = path / "participants.tsv"
    participants.write_text(participants.read_text().replace("40.0", "41.0"))
    fingerprints.add(Cohort.open(path).fingerprint)
    metadata = path / "recordings" / "P001-night1" / "recording.json"
    content = json.loads(metadata.read_text())
    content["hashes"]["eeg.npy"] = "0" * 64
    metadata.write_text(json.dumps(content))
    fingerprints.add(Cohort.open(path).fingerprint)
    assert len(fingerprints) == 3


def test_label_says_simulated(make_cohort):
    assert Cohort.open(make_cohort()).label == "tiny (simulated)"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 3}, "newer"), ({"format_version": "2"}, "not a whole number"),
        ({"format_version": 0}, "greater than or equal to 1"), ({"format_version": 4, "future": 1}, "newer"),
        ({"surprise": 1}, "surprise"), ({"video": "sound"}, "video"), ({"simulated": None}, "simulated"),
    ],
)
def test_cohort_json_faults(make_cohort, change, words):
    path = make_cohort()
    file = path / "cohort.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(SacdError, match=words) as raised:
        read_info(path)
    assert str(file) in str(raised.value) and check(path) == [str(raised.value)]


def test_spreadsheet_tables_are_read(make_cohort):
    path = make_cohort()
    file = path / "participants.tsv"
    file.write_text("\ufeff" + file.read_text().replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert list(Cohort.open(path).participants.index) == ["P000", "P001", "P002"]


def test_missing_files_are_told_in_one_line(make_cohort):
    path = make_cohort()
    cohort = Cohort.open(path)
    for name, read in (("eeg.npy", lambda night: night.eeg), ("clips.parquet", lambda night: night.clips),
                       ("recording.json", lambda night: night.metadata)):
        (path / "recordings" / "P001-night1" / name).unlink()
        with pytest.raises(SacdError, match=f"{name}: not found"):
            read(cohort["P001-night1"])
