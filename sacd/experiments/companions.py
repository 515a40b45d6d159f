"""Cohorts beside the main one: the same simulated nights with other frames, or others with another coupling.

They lie in the main cohort's folder, named after it (``simulated-laptop-weak``), and share its store of runs: a teacher
is trained once where EEG and labels are the same. A real cohort's companions are found, never made.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from sacd.cohort import Cohort, CohortInfo, Sampling, check_id, read_info
from sacd.exceptions import NotApplicable, SacdError
from sacd.runs.kind import RunConfig
from sacd.simulate.coupling import get_coupling
from sacd.simulate.eeg import CHANNEL, RATE_HZ
from sacd.simulate.participant import make_participant
from sacd.simulate.provenance import arguments_of, check_version, is_ours
from sacd.simulate.several import simulate_several
from sacd.simulate.simulated_cohort import BLOCK_CLIPS, BLOCKS, source_id
from sacd.stages import CLIP_SECONDS

NIGHT_CLIPS = 1200
"""Assumed of a whole night that is not simulated yet."""
EEG_SECONDS, REST_SECONDS, FRAME_SECONDS = 0.0014, 2.4e-7, 1e-8
"""Measured seconds of simulation on one core: of a clip, of its resting picture's pixels, of a pixel in a frame."""


@dataclass(frozen=True)
class Companion:
    """A cohort beside the main one, and the runs that a chapter needs on it.

    Attributes
    ----------
    path : Path
        Its folder, there or not.
    runs : callable
        The runs, of the opened (or only planned) companion.
    simulation : dict or None
        Arguments of `sacd.simulate.simulated_cohort.simulate` that make it; None where it is only found.
    """

    path: Path
    runs: Callable[[Cohort], list[RunConfig]]
    simulation: dict[str, Any] | None = None

    @property
    def exists(self) -> bool:
        """Whether it is there, whole."""
        return (self.path / "cohort.json").exists()

    def open(self) -> Cohort:
        """The cohort.

        Raises
        ------
        SacdError
            There is none yet, or it was made with other settings.
        """
        if self.simulation is not None and self.exists:
            check_made_with(self.path, self.simulation)
        return Cohort.open(self.path)

    def planned(self) -> Cohort:
        """The index that the cohort will have, without any recording: enough to predict how long runs take."""
        return plan_cohort(self.path, self.simulation or {})


def simulated(
    cohort: Cohort, name: str, runs: Callable[[Cohort], list[RunConfig]], **changes: Any
) -> Companion:
    """A companion that is simulated as the main cohort was, but for some settings; nothing is made yet.

    Parameters
    ----------
    cohort : Cohort
        The main one.
    name : str
        What its name has after the main one's, e.g. ``weak`` or ``16-consecutive``.
    runs : callable
        The runs that are needed on it, given the companion: ``lambda beside: [student(beside, profile, …), …]``.
    **changes
        Of `coupling`, `train`, `test`, `nights`, `seed`, `frames`, `size`, `span_s`. The whole nights of fewer test
        participants are at most all of them.

    Raises
    ------
    NotApplicable
        The main cohort is not one that `sacd simulate` made.

    Examples
    --------
    >>> simulated(cohort, "weak", lambda beside: runs_of(beside, profile), coupling="weak", train=32, test=16, nights=0)
    """
    # The nights are the main cohort's, to be viewed there.
    settings = settings_of(cohort) | {"viewing": False, "preview": False} | changes
    settings["nights"] = min(settings["nights"], settings["test"])
    path = cohort.path.resolve()
    return Companion(path.with_name(check_id(f"{path.name}-{name}", "cohort")), runs, settings)


def found(cohort: Cohort, runs: Callable[[Cohort], list[RunConfig]]) -> list[Companion]:
    """The cohorts of the same nights (`source_id`) in the main one's folder, itself among them, in order of name.

    Hidden folders, and those that hold no readable cohort, are passed over.
    """
    folder = cohort.path.resolve().parent
    found = []
    for file in sorted(folder.glob("[!.]*/cohort.json")):
        try:
            info = read_info(file.parent)
        except SacdError:  # not of this report; `sacd check` says what is wrong with it
            continue
        if info.source_id == cohort.info.source_id:
            found.append(Companion(file.parent, runs))
    return found


def ensure(companions: Iterable[Companion]) -> list[Cohort]:
    """The companions, opened; those that are absent are simulated first, two side by side.

    Raises
    ------
    SacdError
        One is there with other settings, or the disk is full; what was being made is taken back.
    """
    wanted = list(companions)
    absent = [companion for companion in wanted if not companion.exists]
    if absent:
        # Two notebooks may want the same ones.
        with FileLock(absent[0].path.parent / ".companions.lock"):
            still = {companion.path: companion.simulation for companion in absent if not companion.exists}
            if still:
                simulate_several(still)
    return [companion.open() for companion in wanted]


def settings_of(cohort: Cohort) -> dict[str, Any]:
    """The arguments of `sacd.simulate.simulated_cohort.simulate` that made a cohort.

    Raises
    ------
    NotApplicable
        It is real, or simulated in another way.
    """
    if not is_ours(cohort.info):
        raise NotApplicable(f"{cohort.info.name} was not made by 'sacd simulate': none can be simulated beside it")
    return arguments_of(cohort.info)


def check_made_with(path: Path, settings: dict[str, Any]) -> None:
    """Refuse a cohort that other settings made, or another version of the simulator.

    Raises
    ------
    SacdError
        It says so, and how to make it anew.
    """
    present, wanted = read_info(path), planned_info(path, settings)
    check_version(path, present)
    if (present.source_id, present.sampling) != (wanted.source_id, wanted.sampling):
        raise SacdError(
            f"{path}: made with other settings than the profile has now; "
            "move it away, or name another cohort with --cohort"
        )


def planned_info(path: Path, settings: dict[str, Any]) -> CohortInfo:
    """The `cohort.json` that these arguments of `simulate` give."""
    who = {name: settings[name] for name in ("seed", "train", "test", "nights")}
    source = source_id(**who, coupling=asdict(get_coupling(settings["coupling"])))
    sampling = Sampling(
        eeg_hz=RATE_HZ, eeg_channels=(CHANNEL,), frames=settings["frames"],
        span_s=settings.get("span_s", CLIP_SECONDS), height=settings["size"], width=settings["size"],
    )
    return CohortInfo(name=path.name, simulated=True, source_id=source, video="raw", eeg="raw", sampling=sampling)


def plan_cohort(path: Path, settings: dict[str, Any]) -> Cohort:
    """The index of the cohort that these arguments of `simulate` give: people and numbers of clips, no recording."""
    people = [make_participant(settings["seed"], split, k) for split in BLOCK_CLIPS for k in range(settings[split])]
    names = [person.participant_id for person in people]
    participants = pd.DataFrame(
        [{name: getattr(person, name) for name in ("sex", "age", "weight", "ahi", "split")} for person in people],
        index=pd.Index(names, name="participant_id"),
    )
    whole = [person.split == "test" and person.index < settings["nights"] for person in people]
    clips = [
        NIGHT_CLIPS if night else BLOCKS * BLOCK_CLIPS[person.split]
        for person, night in zip(people, whole, strict=True)
    ]
    recordings = pd.DataFrame({
        "recording_id": [f"{name}-night1" for name in names], "participant_id": names, "start": "n/a",
        "channel": CHANNEL, "clips": clips,
    })
    return Cohort(path, planned_info(path, settings), participants, recordings)


def simulation_seconds(cohort: Cohort) -> float:
    """Predicted seconds to simulate a cohort, on one core; from its index alone."""
    sampling = cohort.info.sampling
    picture = sampling.height * sampling.width
    clip = EEG_SECONDS + picture * (REST_SECONDS + sampling.frames * FRAME_SECONDS)
    return int(cohort.recordings.clips.sum()) * clip
