"""What is read, for the files that are changed: how sound ones are made, how they are used, and which are changed."""

import datetime
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import edfio
import mne
import numpy as np
import pandas as pd
import pybv
import recording_folders as made
from conftest import clip_table, raw_arrays, raw_info

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.cohort.extras import Extras, SignalInfo, frame_times
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.ingest import ingest

STAGES = ("W", "N2", "N3", "REM")


class Target(NamedTuple):
    """Something that is read: how its files are made, how they are used, and which of them are changed."""

    make: Callable[[Path], None]
    use: Callable[[Path, Path], None]
    files: tuple[str, ...]


def take_in(folder: Path, out: Path) -> None:
    """What comes out of files that are taken must be a sound cohort."""
    ingest(folder, out, frames=1, size=4)


def make_night(folder: Path, scoring: str = "hypnogram.csv") -> None:
    """A recording folder of one night of four clips with a scoring of its own."""
    made.make_source(folder, stages=STAGES)
    (folder / "dataset_description.json").write_text('{"Name": "n", "Simulated": false}')
    night = folder / "P1_a"
    made.write_edf(night / "psg.edf", 120, channels=("EEG C3-A2", "EMG chin"))
    _SCORINGS[Path(scoring).suffix](night / scoring)


def _edf_scoring(file: Path) -> None:
    notes = [edfio.EdfAnnotation(30 * i, 30, f"Sleep stage {stage}") for i, stage in enumerate(STAGES)]
    start = {"recording": edfio.Recording(startdate=made.START.date()), "starttime": made.START.time()}
    edfio.Edf([], annotations=notes, **start).write(file)


def _xml_scoring(file: Path) -> None:
    codes = {"W": 0, "N2": 2, "N3": 3, "REM": 5}
    events = "".join(
        "<ScoredEvent><EventType>Stages|Stages</EventType><EventConcept>Stage|"
        f"{codes[stage]}</EventConcept><Start>{30 * i}</Start><Duration>30</Duration></ScoredEvent>"
        for i, stage in enumerate(STAGES)
    )
    file.write_text(
        "<?xml version='1.0' encoding='UTF-8'?>\n<PSGAnnotation><SoftwareVersion>x</SoftwareVersion>"
        f"<EpochLength>30</EpochLength><ScoredEvents>{events}</ScoredEvents></PSGAnnotation>"
    )


def _table_scoring(file: Path) -> None:
    rows = [f"{30 * i},30,{stage}" for i, stage in enumerate(STAGES)]
    file.write_text("\n".join(["onset,duration,stage", *rows, ""]))


_SCORINGS = {
    ".edf": _edf_scoring, ".xml": _xml_scoring, ".csv": _table_scoring,
    ".txt": lambda file: file.write_text("".join(f"{stage}\n" for stage in STAGES)),
}  # fmt: skip


def make_other_psg(suffix: str) -> Callable[[Path], None]:
    """A night whose PSG is no EDF."""

    def make(folder: Path) -> None:
        make_night(folder)
        night = folder / "P1_a"
        (night / "psg.edf").unlink()
        wave = np.sin(2 * np.pi * np.arange(120 * made.HZ) / made.HZ)
        if suffix == ".bdf":
            signal = edfio.BdfSignal(50 * wave, made.HZ, label="C3-A2", physical_dimension="uV")
            about = edfio.Recording(startdate=made.START.date())
            edfio.Bdf([signal], recording=about, starttime=made.START.time()).write(night / "psg.bdf")
        elif suffix == ".vhdr":
            pybv.write_brainvision(
                data=5e-5 * np.stack([wave, wave[::-1]]), sfreq=made.HZ, ch_names=["C3", "M2"], fname_base="psg",
                folder_out=night, meas_date=made.START,
            )
        else:
            info = mne.create_info(["C3", "M2"], made.HZ, "eeg")
            raw = mne.io.RawArray(5e-5 * np.stack([wave, wave[::-1]]), info, verbose="error")
            raw.set_meas_date(made.START.replace(tzinfo=datetime.UTC)).save(night / "psg_raw.fif", verbose="error")

    return make


def make_joining(folder: Path) -> None:
    """A cohort of one night, and its source, to which a second night came."""
    make_night(folder / "source")
    take_in(folder / "source", folder / "cohort")
    shutil.copytree(folder / "source" / "P1_a", folder / "source" / "P1_b")
    table = folder / "source" / "recordings.tsv"
    first = table.read_text().splitlines()[1]
    table.write_text(table.read_text() + first.replace("P1_a", "P1_b") + "\n")


def join(folder: Path, out: Path) -> None:
    """Take in the second night; the first must be there whatever comes of it."""
    shutil.copytree(folder / "cohort", out)
    try:
        take_in(folder / "source", out)
    finally:
        assert len(Cohort.open(out)["P1_a"]) == len(STAGES)


def make_names(folder: Path) -> None:
    """A night, and a laboratory's own words for stages and events."""
    make_night(folder)
    (folder / "P1_a" / "hypnogram.csv").write_text("onset,duration,stage\n0,30,wach\n30,60,tief\n90,30,traum\n")
    (folder / "names.yaml").write_text("stages: {W: [wach], N3: [tief], REM: [traum]}\nevents: {arousal: [Arousals]}\n")


def take_in_named(folder: Path, out: Path) -> None:
    """As `take_in`, with the laboratory's words."""
    ingest(folder, out, frames=1, size=4, stage_names=folder / "names.yaml")


def make_bids(folder: Path) -> None:
    """A BIDS data set of one night with its video."""
    import test_ingest_bids

    test_ingest_bids.make_bids(folder, seconds=250)


def make_s3ve(folder: Path) -> None:
    """A night as the S3VE release is assumed to hold it."""
    import test_ingest_s3ve

    test_ingest_s3ve.write_nights(folder)


def make_feature_nights(folder: Path) -> None:
    """A published night of Sleep-EDF features with its hypnogram."""
    folder.mkdir()
    made.write_edf(folder / "SC4001EC-Hypnogram.edf", 180, ["W", "N1", "N2", "N2", "N3", "REM"])
    x = np.random.default_rng(0).normal(-5, 1, (6, 72))
    np.savez(folder / "SC4001E0.npz", X=x, y=np.array([0, 1, 2, 2, 3, 4]))


def make_two_sensors(folder: Path) -> None:
    """A published night of two sensors."""
    folder.mkdir()
    columns = {"hr_feature": "0.3", "count_feature": "1.5", "psg_labels": "2.0"}
    lines = {kind: [value] * 6 for kind, value in columns.items()}
    lines["time_feature"] = [f"{clip / 120:.6f}" for clip in range(6)]
    for kind, values in lines.items():
        (folder / f"P1_{kind}.out").write_text("\n".join(values) + "\n")


def make_cohort(folder: Path) -> None:
    """A cohort of one night with all that a recording may hold but a preview."""
    clips, rng = clip_table(3), np.random.default_rng(0)
    extras = Extras(
        frame_times=frame_times(clips.onset.to_numpy(), 4), motion=rng.integers(0, 9, (3, 150, 65), dtype=np.uint8),
        events=pd.DataFrame({"onset": [3.0, 9.0], "duration": [2.0, 1.0], "type": ["arousal", "apnoea"]}),
        signals=rng.normal(size=(3, 1, 60)).astype(np.float16),
        signal_info=SignalInfo(channels=("EMG",), units=("uV",), hz=2.0),
    )
    with CohortWriter(folder, raw_info(simulated=False)) as writer:
        writer.add_participant("P1", "female", 40, 70, 7.5, "train")
        writer.add_recording("P1_a", "P1", clips, **raw_arrays(3), channel="C4-M1", extras=extras)


def read_cohort(folder: Path, _: Path) -> None:
    """Check a cohort, open it and read all that is in it."""
    faults = check(folder)
    assert not any("\n" in fault for fault in faults), faults
    cohort = Cohort.open(folder)
    assert cohort.summary and cohort.fingerprint
    for night in cohort:
        assert night.metadata and night.timing_hash and night.hash_of("eeg") and len(night) >= 0
        for array in (night.video, night.eeg, night.frame_times, night.motion, night.signals):
            assert array is None or np.asarray(array).ndim >= 0
        assert night.signal_info and night.events is not None
    if faults:
        raise SacdError(faults[0])


def make_runs(folder: Path) -> None:
    """A store with one student on features, trained for a few steps, and its cohort."""
    from tiny import make_cohort as make_tiny

    from sacd.runs.execute import execute
    from sacd.runs.kinds.student import StudentRun
    from sacd.runs.store import RunStore
    from sacd.training.config import ModelConfig, ObjectiveConfig, TrainingConfig

    training = TrainingConfig(steps=2, batch=16, optimizer="adamw", validate_every=2)
    run = StudentRun(
        model=ModelConfig(name="mlp"), training=training, protocol="few-label", labelled=4, seed=0,
        objective=ObjectiveConfig(name="ce"), teacher=None,
    )
    cohort = make_tiny(folder / "cohort", features=True)
    execute(run, cohort, RunStore(folder / "runs")).rename(folder / "runs" / "student")


def read_runs(folder: Path, _: Path) -> None:
    """List a store, and stage a night with the run in it."""
    from sacd.runs.staging import TrainedStudent, find_run
    from sacd.runs.store import RunStore, tabulate

    store = RunStore(folder / "runs")
    tabulate(store.done()).to_string()
    run, cohort = find_run(folder / "runs" / "student"), Cohort.open(folder / "cohort")
    assert run.is_of(cohort) in (True, False) and len(run.history) >= 0 and len(run.predictions) >= 0
    student = TrainedStudent(run)
    student.check(cohort)
    student.staged(next(iter(cohort)))


def make_profile(folder: Path) -> None:
    """The smallest of the shipped profiles."""
    import sacd.experiments

    folder.mkdir()
    shutil.copy(Path(sacd.experiments.__file__).parent / "profiles" / "smoke.yaml", folder / "p.yaml")


def _night(scoring: str) -> Callable[[Path], None]:
    return lambda folder: make_night(folder, scoring)


def make_trap(folder: Path) -> None:
    """A file that says what shall happen."""
    folder.mkdir()
    (folder / "trap").write_text("nothing")


def spring(folder: Path, out: Path) -> None:
    """What must not happen, to see that it is noticed."""
    match (folder / "trap").read_text():
        case "refuse":
            raise SacdError("no")
        case "crash":
            1 / 0  # noqa: B018
        case "eat":
            b"x" * (1100 * 2**20)
        case "leave":
            out.with_name("else").mkdir()
        case "die":
            os._exit(3)
        case "spin":
            while True:
                pass
        case "sleep":
            time.sleep(1e6)


def void(_: object) -> None:
    """Nothing: what was read is of no interest."""


TARGETS = {
    "trap": Target(make_trap, spring, ("trap",)),
    "psg": Target(make_night, take_in, ("P1_a/psg.edf",)),
    "scoring table": Target(make_night, take_in, ("P1_a/hypnogram.csv",)),
    "scoring text": Target(_night("stages.txt"), take_in, ("P1_a/stages.txt",)),
    "scoring EDF+": Target(_night("x-hypnogram.edf"), take_in, ("P1_a/x-hypnogram.edf",)),
    "scoring XML": Target(_night("x-nsrr.xml"), take_in, ("P1_a/x-nsrr.xml",)),
    "BDF": Target(make_other_psg(".bdf"), take_in, ("P1_a/psg.bdf",)),
    "BrainVision": Target(make_other_psg(".vhdr"), take_in, ("P1_a/psg.*",)),
    "FIF": Target(make_other_psg(".fif"), take_in, ("P1_a/psg_raw.fif",)),
    "video": Target(make_night, take_in, ("P1_a/video.mp4",)),
    "tables": Target(make_night, take_in, ("*.tsv", "*.json")),
    "stage names": Target(make_names, take_in_named, ("names.yaml",)),
    "joining": Target(make_joining, join, ("cohort/ingest.tsv", "source/*.tsv", "source/P1_b/*")),
    "BIDS": Target(make_bids, take_in, ("*.*", "sub-01/ses-1/*.tsv")),
    "S3VE": Target(make_s3ve, take_in, ("*/*",)),
    "feature nights": Target(make_feature_nights, take_in, ("*",)),
    "two sensors": Target(make_two_sensors, take_in, ("*",)),
    "cohort": Target(make_cohort, read_cohort, ("*.json", "*.tsv", "recordings/P1_a/*")),
    "run": Target(make_runs, read_runs, ("runs/student/*",)),
    "profile": Target(make_profile, lambda folder, _: void(load_profile(folder / "p.yaml")), ("p.yaml",)),
}
