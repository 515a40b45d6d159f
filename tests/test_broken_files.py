"""Whatever a file holds, it is taken or refused in one line: a sample of broken files of every kind."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import mutations as broken
import numpy as np
import pytest
import recording_folders as made
import yaml
from conftest import ROOT

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.ingest import ingest

pytestmark = pytest.mark.filterwarnings("ignore")


def tracebacks(
    file: Path, mutations: Iterable[tuple[str, bytes]], use: Callable[[], object], every: int = 1
) -> tuple[int, list[str]]:
    """How many broken versions of a file were refused, and what ended otherwise than in one line."""
    content = file.read_bytes()
    refused, found = 0, []
    for what, changed in islice(mutations, 0, None, every):
        file.write_bytes(changed)
        try:
            use()
        except SacdError as error:
            refused += 1
            found += [f"{file.name}, {what}: {line}" for line in str(error).splitlines()[1:]]
        except Exception as error:
            found.append(f"{file.name}, {what}: {error!r}")
    file.write_bytes(content)
    return refused, found


def read(path: Path) -> None:
    """Check a cohort, open it and read all that is in it."""
    faults = check(path)
    assert not any("\n" in fault for fault in faults)
    cohort = Cohort.open(path)
    assert cohort.summary and cohort.fingerprint
    for night in cohort:
        assert night.metadata and night.timing_hash and night.hash_of("eeg") and len(night) >= 0
        assert np.asarray(night.video).ndim + np.asarray(night.eeg).ndim >= 0
    if faults:
        raise SacdError(faults[0])


@pytest.mark.parametrize("name", ["cohort.json", "recording.json"])
def test_json_of_a_cohort(make_cohort, name):
    path = make_cohort(participants=1, clips=2)
    (file,) = path.rglob(name)
    refused, found = tracebacks(file, broken.other_json(file.read_bytes()), lambda: read(path), every=3)
    assert refused > 10 and found == []


@pytest.mark.parametrize("name", ["participants.tsv", "recordings.tsv"])
def test_tables_of_a_cohort(make_cohort, name):
    path = make_cohort(participants=1, clips=2)
    cells = broken.other_cells((path / name).read_bytes())
    refused, found = tracebacks(path / name, cells, lambda: read(path), every=4)
    assert refused > 10 and found == []


def test_clips_and_arrays_of_a_cohort(make_cohort):
    path = make_cohort(participants=1, clips=3)
    night = path / "recordings" / "P000-night1"
    for file, changed in (
        (night / "clips.parquet", broken.other_columns(night / "clips.parquet")),
        (night / "video.npy", broken.other_array(np.load(night / "video.npy"))),
        (night / "eeg.npy", broken.other_array(np.load(night / "eeg.npy"))),
    ):
        refused, found = tracebacks(file, changed, lambda: read(path), every=2)
        assert refused > 10 and found == []


def test_damage_to_a_cohort(make_cohort):
    path, rng = make_cohort(participants=1, clips=2), np.random.default_rng(0)
    for file in [file for file in sorted(path.rglob("*")) if file.is_file()]:
        refused, found = tracebacks(file, broken.damaged(file.read_bytes(), rng, 12), lambda: read(path))
        assert refused > 5 and found == []


def test_a_recording_folder(tmp_path):
    source, rng = made.make_source(tmp_path / "source", stages=("W", "N2", "REM")), np.random.default_rng(0)
    (source / "dataset_description.json").write_text('{"Name": "n", "Simulated": false}')
    scoring, psg = source / "P1_a" / "a-hypnogram.csv", source / "P1_a" / "psg.edf"
    calls = iter(range(10**6))

    def use() -> None:
        ingest(source, tmp_path / f"out{next(calls)}", frames=1, size=4)

    use()
    description = (source / "dataset_description.json").read_bytes()
    tables = [(source / name, "\t", 7) for name in ("participants.tsv", "recordings.tsv")]
    changed = [
        (source / "dataset_description.json", broken.other_json(description), 3),
        *((file, broken.other_cells(file.read_bytes(), mark), every) for file, mark, every in tables),
        (psg, broken.other_fields(psg.read_bytes()), 9),
        *((file, broken.damaged(file.read_bytes(), rng, 15), 1) for file in (psg, psg.with_name("video.mp4"))),
    ]
    for file, mutations, every in changed:
        refused, found = tracebacks(file, mutations, use, every)
        assert refused > 5 and found == []
    scoring.write_text("onset,duration,stage\n0,30,W\n30,30,N2\n60,30,R\n")
    refused, found = tracebacks(scoring, broken.other_cells(scoring.read_bytes(), ","), use, every=2)
    assert refused > 5 and found == []


def test_feature_nights(tmp_path):
    source, rng = tmp_path / "source", np.random.default_rng(0)
    source.mkdir()
    made.write_edf(source / "SC4001EC-Hypnogram.edf", 180, ["W", "N1", "N2", "N2", "N3", "REM"])
    arrays = {"X": rng.normal(-5, 1, (6, 72)), "y": np.array([0, 1, 2, 2, 3, 4])}
    np.savez(source / "SC4001E0.npz", **arrays)
    calls = iter(range(10**6))

    def others() -> Iterable[tuple[str, bytes]]:
        for name, array in arrays.items():
            for what, content in broken.other_array(array):
                whole = io.BytesIO()
                with zipfile.ZipFile(whole, "w") as file:
                    for member in arrays:
                        file.writestr(f"{member}.npy", content if member == name else broken.saved(arrays[member]))
                yield f"{name} {what}", whole.getvalue()

    def use() -> None:
        ingest(source, tmp_path / f"out{next(calls)}")

    use()
    night, hypnogram = source / "SC4001E0.npz", source / "SC4001EC-Hypnogram.edf"
    for file, mutations, every in (
        (night, others(), 2),
        (night, broken.damaged(night.read_bytes(), rng, 15), 1),
        (hypnogram, broken.damaged(hypnogram.read_bytes(), rng, 15), 1),
    ):
        refused, found = tracebacks(file, mutations, use, every)
        assert refused > 5 and found == []


def test_nights_of_two_sensors(tmp_path):
    source, calls = tmp_path / "source", iter(range(10**6))
    source.mkdir()
    columns = {"hr_feature": "0.3", "count_feature": "1.5", "psg_labels": "2.0"}
    lines = {kind: [value] * 6 for kind, value in columns.items()}
    lines["time_feature"] = [f"{clip / 120:.6f}" for clip in range(6)]
    for kind, values in lines.items():
        (source / f"P1_{kind}.out").write_text("\n".join(values) + "\n")

    def use() -> None:
        ingest(source, tmp_path / f"out{next(calls)}")

    use()
    for file in sorted(source.iterdir()):
        damage = broken.damaged(file.read_bytes(), np.random.default_rng(0), 10)
        refused, found = tracebacks(file, [*damage, *islice(broken.other_cells(file.read_bytes()), 0, 26, 3)], use)
        assert refused > 5 and found == []


def test_profiles(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_bytes((ROOT / "sacd" / "experiments" / "profiles" / "smoke.yaml").read_bytes())
    content = json.dumps(yaml.safe_load(file.read_text())).encode()
    damage = broken.damaged(file.read_bytes(), np.random.default_rng(0), 20)
    for mutations, every in ((damage, 1), (broken.other_json(content), 40)):
        refused, found = tracebacks(file, mutations, lambda: load_profile(file), every)
        assert refused > 5 and found == []
