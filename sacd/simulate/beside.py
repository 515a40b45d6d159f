"""Simulated cohorts that a command makes when it needs them: a report's main one, and those beside it.

A cohort beside the main one has the same nights with other frames, or others with another coupling. It lies in the main
cohort's folder, named after it (``simulated-laptop-weak``), and shares its store of runs: a teacher is trained once
where EEG and labels are the same. Its video and EEG are needed while runs are trained on it; they can be removed and
made again, the index stays. A real cohort's companions are found, never made.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sacd.cohort import Cohort, check_id, read_info
from sacd.exceptions import NotApplicable, SacdError
from sacd.locks import alone
from sacd.simulate.features import FEWEST_FRAMES
from sacd.simulate.planned import plan_cohort, settings_of
from sacd.simulate.provenance import check_version, is_ours
from sacd.simulate.simulated_cohort import cohort_info, simulate
from sacd.workers import Job, run_jobs

INDEX = (".json", ".parquet", ".tsv")
"""Files of a recording that say what it is; the others are what it holds."""


@dataclass(frozen=True)
class Place:
    """Where a cohort lies, or will.

    Attributes
    ----------
    path : Path
        Its folder.
    settings : dict or None
        Arguments of `sacd.simulate.simulated_cohort.simulate` that make it; None where it is only found.
    """

    path: Path
    settings: dict[str, Any] | None = None

    @property
    def exists(self) -> bool:
        """Whether it is there; its arrays may have been removed."""
        return (self.path / "cohort.json").exists()

    def open(self) -> Cohort:
        """The cohort.

        Raises
        ------
        SacdError
            There is none yet, or it was made with other settings.
        """
        if self.settings is not None and self.exists:
            _check_made_with(self.path, self.settings)
        return Cohort.open(self.path)

    def open_or_plan(self) -> Cohort:
        """The cohort; where it is not made yet its index alone: enough to predict what runs on it take."""
        return self.open() if self.exists or self.settings is None else plan_cohort(self.path, self.settings)


def place_beside(cohort: Cohort, name: str, **changes: Any) -> Place:
    """The place of a cohort that is simulated as the main one was, but for some settings; nothing is made yet.

    Parameters
    ----------
    cohort : Cohort
        The main one.
    name : str
        What its name has after the main one's, e.g. ``weak`` or ``16-consecutive``.
    **changes
        Of `coupling`, `train`, `test`, `nights`, `seed`, `frames`, `size`, `span_s`, `encoder`. The whole nights of
        fewer test participants are at most all of them.

    Raises
    ------
    NotApplicable
        The main cohort is not one that `sacd simulate` made; its clips have too few frames for an encoder.

    Examples
    --------
    >>> place_beside(cohort, "weak", coupling="weak", train=32, test=16, nights=0)
    """
    # The nights are the main cohort's, to be viewed there.
    settings = settings_of(cohort) | {"viewing": False, "preview": False} | changes
    settings["nights"] = min(settings["nights"], settings["test"])
    if settings.get("encoder") is not None and settings["frames"] < FEWEST_FRAMES:
        raise NotApplicable(
            f"clips of {settings['frames']} frames, where nights as features need {FEWEST_FRAMES}; "
            "simulate the cohort with more"
        )
    path = cohort.path.resolve()
    return Place(path.with_name(check_id(f"{path.name}-{name}", "cohort")), settings)


def same_nights(cohort: Cohort) -> list[Place]:
    """The cohorts of the same nights (`source_id`) in a cohort's folder, itself among them, in order of name.

    Hidden folders, and those that hold no readable cohort, are passed over.
    """
    found = []
    for file in sorted(cohort.path.resolve().parent.glob("[!.]*/cohort.json")):
        try:
            info = read_info(file.parent)
        except SacdError:  # not of this report; `sacd check` says what is wrong with it
            continue
        if info.source_id == cohort.info.source_id:
            found.append(Place(file.parent))
    return found


def ensure(places: Iterable[Place]) -> list[Cohort]:
    """The cohorts, opened; those that are absent are simulated first, side by side.

    Raises
    ------
    SacdError
        One is there with other settings, or the disk is full; what was being made is taken back.
    """
    wanted = list(places)
    absent = {place.path: place.settings for place in wanted if not place.exists and place.settings is not None}
    _simulate_if(absent, lambda path: not Place(path).exists)
    return [place.open() for place in wanted]


def is_whole(cohort: Cohort) -> bool:
    """Whether the arrays of all recordings are there, or the cohort is one that cannot be made again."""
    if not is_ours(cohort.info):
        return True
    return all((recording.path / name).exists() for recording in cohort for name in recording.metadata["hashes"])


def make_whole(cohorts: Iterable[Cohort]) -> None:
    """Simulate again the cohorts whose arrays were removed.

    Raises
    ------
    SacdError
        They cannot be made as they were, e.g. by another version of the simulator.
    """
    emptied = {cohort.path.resolve(): cohort for cohort in cohorts if not is_whole(cohort)}
    for path, cohort in emptied.items():
        _check_made_with(path, settings_of(cohort))
    settings = {path: settings_of(cohort) for path, cohort in emptied.items()}
    _simulate_if(settings, lambda path: not is_whole(emptied[path]))


def empty(cohort: Cohort, names: Sequence[str] | None = None) -> None:
    """Remove the arrays of a simulated cohort: its index, labels and hashes stay, and so do the runs on it.

    Parameters
    ----------
    names : sequence of str, optional
        Files of its recordings; by default all but the index.
    """
    with alone(cohort.path.resolve(), "simulates it"):
        for recording in cohort:
            for file in recording.path.iterdir():
                if file.suffix not in INDEX if names is None else file.name in names:
                    file.unlink()


def _check_made_with(path: Path, settings: dict[str, Any]) -> None:
    present, wanted = read_info(path), cohort_info(path.name, **settings)
    check_version(path, present)
    encoders = [info.provenance.get("encoder_sha256") for info in (present, wanted)]
    if (present.source_id, present.sampling, encoders[0]) != (wanted.source_id, wanted.sampling, encoders[1]):
        raise SacdError(
            f"{path}: made with other settings than the profile has now; "
            "move it away, or name another cohort with --cohort"
        )


def _simulate_if(wanted: Mapping[Path, dict[str, Any]], still: Callable[[Path], bool]) -> None:
    """Simulate cohorts that are still wanted when no other process makes one of them."""
    with ExitStack() as locks:
        for path in sorted(wanted):
            locks.enter_context(alone(path, "simulates it"))
        jobs = {str(path): _job(path, settings) for path, settings in wanted.items() if still(path)}
        names = ", ".join(Path(path).name for path in jobs) if len(jobs) < 3 else f"{len(jobs)} cohorts"
        for result in run_jobs(f"simulating {names}", jobs).values():
            if result.error:
                raise SacdError(result.error)


def _job(path: Path, settings: dict[str, Any]) -> Job:
    people = settings["train"] + settings["test"]
    return Job(_simulate, (path, settings), people, share=partial(_written, _aside(path), people))


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _written(path: Path, people: int) -> float:
    """Share of a cohort in the making that is on disk."""
    folder = path / "recordings"
    nights = sum(not entry.name.startswith(".") for entry in folder.iterdir()) if folder.is_dir() else 0
    return min(1.0, nights / people)


def _simulate(path: Path, settings: dict[str, Any]) -> None:
    """Make a cohort aside, and put it in its place when whole; one that is there without arrays must be the same."""
    aside, old = _aside(path), path.with_name(f".{path.name}.old")
    for folder in (aside, old):
        shutil.rmtree(folder, ignore_errors=True)
    present = Cohort.open(path) if Place(path).exists else None
    if present is None and path.exists() and any(path.iterdir()):
        raise SacdError(f"{path}: exists and is not a cohort; move it away")
    try:
        made = Cohort.open(simulate(aside, **settings, name=path.name if present is None else present.info.name))
        if present is not None and present.fingerprint != made.fingerprint:
            raise SacdError(
                f"{path}: cannot be made again as it was (a library has another version); "
                "move it away, and its runs are trained anew"
            )
        if path.exists():
            path.rename(old)
        aside.rename(path)
    finally:
        for folder in (aside, old):
            shutil.rmtree(folder, ignore_errors=True)
