"""The child process that meets changed files: it uses one after the other, and says how each use ended.

Lines of JSON come in ("make" a target's sound files in a folder, "use" what lies there now) and go out. A use may take
ten seconds of the processor; memory is measured, and bounded so that the machine survives.
"""

import json
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import edfio
import numpy as np
import pandas as pd
import recording_folders as made
from conftest import clip_table, raw_arrays, raw_info

from sacd.cohort import Cohort
from sacd.cohort.check import check
from sacd.cohort.extras import Extras, SignalInfo, frame_times
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.experiments.profile import load_profile
from sacd.ingest import ingest

SECONDS = 10
GB = 2**30
SPACE = 3 * GB
"""Address space beyond that of the idle process; what is measured may be at most 1 GB."""


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
    made.make_source(folder, stages=("W", "N2", "N3", "REM"))
    (folder / "dataset_description.json").write_text('{"Name": "n", "Simulated": false}')
    night, stages = folder / "P1_a", ("W", "N2", "N3", "REM")
    made.write_edf(night / "psg.edf", 120, channels=("EEG C3-A2", "EMG chin"))
    if scoring.endswith(".edf"):
        notes = [edfio.EdfAnnotation(30 * i, 30, f"Sleep stage {stage}") for i, stage in enumerate(stages)]
        start = {"recording": edfio.Recording(startdate=made.START.date()), "starttime": made.START.time()}
        edfio.Edf([], annotations=notes, **start).write(night / scoring)
    elif scoring.endswith(".csv"):
        rows = [f"{30 * i},30,{stage}" for i, stage in enumerate(stages)]
        (night / scoring).write_text("\n".join(["onset,duration,stage", *rows, ""]))
    elif scoring.endswith(".xml"):
        codes = {"W": 0, "N2": 2, "N3": 3, "REM": 5}
        events = "".join(
            "<ScoredEvent><EventType>Stages|Stages</EventType><EventConcept>Stage|"
            f"{codes[stage]}</EventConcept><Start>{30 * i}</Start><Duration>30</Duration></ScoredEvent>"
            for i, stage in enumerate(stages)
        )
        (night / scoring).write_text(
            "<?xml version='1.0' encoding='UTF-8'?>\n<PSGAnnotation><SoftwareVersion>x</SoftwareVersion>"
            f"<EpochLength>30</EpochLength><ScoredEvents>{events}</ScoredEvents></PSGAnnotation>"
        )
    else:
        (night / scoring).write_text("".join(f"{stage}\n" for stage in stages))


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


TARGETS = {
    "psg": Target(make_night, take_in, ("P1_a/psg.edf",)),
    "scoring table": Target(make_night, take_in, ("P1_a/hypnogram.csv",)),
    "scoring text": Target(_night("stages.txt"), take_in, ("P1_a/stages.txt",)),
    "scoring EDF+": Target(_night("x-hypnogram.edf"), take_in, ("P1_a/x-hypnogram.edf",)),
    "scoring XML": Target(_night("x-nsrr.xml"), take_in, ("P1_a/x-nsrr.xml",)),
    "video": Target(make_night, take_in, ("P1_a/video.mp4",)),
    "tables": Target(make_night, take_in, ("*.tsv", "*.json")),
    "feature nights": Target(make_feature_nights, take_in, ("*",)),
    "two sensors": Target(make_two_sensors, take_in, ("*",)),
    "cohort": Target(make_cohort, read_cohort, ("*.json", "*.tsv", "recordings/P1_a/*")),
    "run": Target(make_runs, read_runs, ("runs/student/*",)),
    "profile": Target(make_profile, lambda folder, _: void(load_profile(folder / "p.yaml")), ("p.yaml",)),
}


def void(_: object) -> None:
    """Nothing: what was read is of no interest."""


def attempt(target: Target, folder: Path) -> dict[str, Any]:
    """Use the files once; how it ended, what it took, and what was left behind."""
    out = folder.parent / "out"
    before = sorted(folder.parent.iterdir())
    Path("/proc/self/clear_refs").write_text("5")
    begun = time.process_time()
    limit = int(begun) + SECONDS + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    said: dict[str, Any] = {"status": "taken", "text": ""}
    try:
        target.use(folder, out)
    except SacdError as error:
        said = {"status": "refused", "text": str(error)}
    except BaseException as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/sacd/" in frame.filename]
        where = f"{frames[-1].filename.partition('/sacd/')[2]}:{frames[-1].lineno}" if frames else "?"
        said = {"status": "crash", "text": f"{where}: {error!r}"}
    said |= {"seconds": time.process_time() - begun, "memory": peak() - IDLE, "left": []}
    if out.exists():
        said["left"] = check(out) + [str(file) for file in out.rglob(".*") if not file.name.endswith(".lock")]
        shutil.rmtree(out)
    said["left"] += [str(entry) for entry in sorted(folder.parent.iterdir()) if entry not in before]
    return said


def peak() -> int:
    """The most memory that was resident since it was last asked to forget, bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def serve() -> None:
    """Answer orders until there are no more."""
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        target, folder = TARGETS[order["target"]], Path(order["folder"])
        if order["do"] == "make":
            target.make(folder)
            said = attempt(target, folder)
            files = sorted({file for pattern in target.files for file in folder.glob(pattern) if file.is_file()})
            said["files"] = [str(file) for file in files]
        else:
            said = attempt(target, folder)
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    space = pages * resource.getpagesize() + SPACE
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    IDLE = peak()
    serve()
