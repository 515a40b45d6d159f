"""Many nights become a cohort or join one: side by side, each whole or absent, in the order of their ids.

Workers write nights aside, whole ones under a name that says what they were made of; this process moves them into the
cohort one by one, in order. Who is killed leaves a sound cohort of the first nights, and the same command goes on from
there: nights that are in are passed over, those that lie whole aside are used, and the cohort ends as it would have
without interruption, byte for byte.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sacd.cohort import Cohort, CohortInfo, Sampling, hash_file, read_info
from sacd.cohort.format import read_recordings
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError, first_line, reading
from sacd.ingest.aside import clear, digest, share, write_aside
from sacd.ingest.layout import NightFiles
from sacd.ingest.log import lines, read_log, write_log
from sacd.ingest.opened import OpenNight, open_night
from sacd.ingest.options import IngestOptions
from sacd.ingest.psg import EEG_HZ, choose_channels
from sacd.locks import alone
from sacd.progress import Bar
from sacd.progress import progress as shown_progress
from sacd.workers import Job, Result, run_jobs, side_by_side

ASIDE = ".ingest"
"""Folder in the cohort's, while nights are taken in."""
_OPENING = 0.02
"""Share of the work that opening the files is."""
Faults = dict[str, str]
"""Why nights are not taken in, by recording id."""


@dataclass(frozen=True)
class Source:
    """What a cohort says of where its nights come from; `format` in words, and anything else about it."""

    name: str
    simulated: bool = False
    format: str = "recording folder"


def take_in(
    nights: Sequence[NightFiles], participants: Mapping[str, Mapping[str, Any]], out: Path, options: IngestOptions,
    progress: Bar | None = None, source: Source | None = None, say: Callable[[str], None] = lambda line: None,
) -> Cohort:
    """Write nights as a raw cohort, or add those that it has not yet.

    Parameters
    ----------
    nights : sequence of NightFiles
    participants : mapping
        Participant id → sex, age, weight, ahi, split.
    out : Path
        The cohort's folder; its channels are kept where it exists.
    progress : Bar, optional
        With a total of 1.
    source : Source, optional
        By default named as `out`.
    say : callable
        Called with the lines of a table of what became of each night.

    Raises
    ------
    SacdError
        One line that names the file, what is wrong and what to do. What the first night shows when its files are
        opened leaves nothing behind; what shows later leaves the nights before it.
    """
    if progress is None:
        with shown_progress(f"ingesting into {out}", 1) as bar:
            return take_in(nights, participants, out, options, bar, source, say)
    with alone(out, "takes in nights"):
        known = set(read_recordings(out).recording_id) if (out / "cohort.json").exists() else set()
        new = sorted((night for night in nights if night.recording_id not in known), key=lambda n: n.recording_id)
        read_log(out)  # what is wrong with it is said before a night is taken in
        faults: Faults = {}
        if new:
            _take_in(new, participants, out, options, progress, source or Source(out.resolve().name), faults)
        log = write_log(out, new, faults)
        shutil.rmtree(out / ASIDE, ignore_errors=True)
    for line in lines(log, new, faults, len(nights) - len(new)):
        say(line)
    return Cohort.open(out)


def _take_in(
    new: list[NightFiles], participants: Mapping[str, Mapping[str, Any]], out: Path, options: IngestOptions,
    bar: Bar, source: Source, faults: Faults,
) -> None:
    opened = _open(new, options, bar, faults)
    present = read_info(out) if (out / "cohort.json").exists() else None
    channels, opened = _channels(opened, options, present, faults)
    _refuse(new, faults, options)
    if not opened:
        return
    info = _info(opened, channels, options, source, present)
    with CohortWriter(out, info) as writer:
        try:
            _read(writer, opened, new, participants, channels, options, bar, faults)
        finally:
            if not (out / "cohort.json").exists():
                shutil.rmtree(out / ASIDE, ignore_errors=True)


def _open(new: list[NightFiles], options: IngestOptions, bar: Bar, faults: Faults) -> list[OpenNight]:
    opened = []
    for number, files in enumerate(new, 1):
        try:
            opened.append(open_night(files, options))
        except SacdError as error:
            faults[files.recording_id] = first_line(error)
        bar.to(_OPENING * number / len(new), f"opening {files.recording_id}")
    return opened


def _channels(
    opened: list[OpenNight], options: IngestOptions, present: CohortInfo | None, faults: Faults
) -> tuple[tuple[str, ...], list[OpenNight]]:
    """The derivations of the cohort, none where there are cameras alone, and the nights that have them."""
    if present is not None and present.eeg == "none":
        return (), opened
    wanted = options.channels or (None if present is None else present.sampling.eeg_channels)
    if present is None and all(night.psg is None for night in opened):
        return (), opened
    fitting = []
    for night in opened:
        try:
            if night.psg is None:
                raise SacdError(
                    f"{night.videos[0].path}: recording {night.files.recording_id} has no PSG though others have; add "
                    "the file, or make a cohort of the nights without EEG"
                )
            choose_channels([night.psg], wanted)
            fitting.append(night)
        except SacdError as error:
            faults[night.files.recording_id] = first_line(error)
    return (choose_channels([night.psg for night in fitting], wanted) if fitting else ()), fitting


def _refuse(new: list[NightFiles], faults: Faults, options: IngestOptions) -> None:
    """Stop at the first fault, unless told to keep going and there is something to go on with."""
    if not faults or (options.keep_going and len(faults) < len(new)):
        return
    first = faults[min(faults)]
    others = len(faults) - 1
    if others:
        first += f" (and {others} more recording{'s' * (others > 1)} cannot be taken in)"
    elif len(new) > 1:
        first += f"; --keep-going takes in the other {len(new) - 1}"
    raise SacdError(first)


def _info(
    opened: list[OpenNight], channels: tuple[str, ...], options: IngestOptions, source: Source,
    present: CohortInfo | None,
) -> CohortInfo:
    # Later nights of the same source may join a cohort: it keeps the id it got first.
    source_id = _source_id(opened, channels) if present is None else present.source_id
    return CohortInfo(
        name=source.name,
        simulated=source.simulated,
        source_id=source_id,
        video="raw",
        eeg="raw" if channels else "none",
        sampling=Sampling(
            eeg_hz=EEG_HZ if channels else None, eeg_channels=channels, frames=options.frames, span_s=options.span_s,
            height=options.height, width=options.width,
        ),
        provenance={"format": source.format, "alignment": "start times", "offset_s": options.offset},
    )


def _source_id(opened: list[OpenNight], channels: tuple[str, ...]) -> str:
    """The same for the same nights, however their pictures are cut."""
    lines = [*channels]
    for night in opened:
        files = night.files
        paths = [*((files.psg,) if files.psg else files.videos), *files.scorings]
        lines.append(" ".join([files.recording_id, *map(hash_file, paths)]))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _read(
    writer: CohortWriter, opened: list[OpenNight], new: list[NightFiles],
    participants: Mapping[str, Mapping[str, Any]], channels: tuple[str, ...], options: IngestOptions, bar: Bar,
    faults: Faults,
) -> None:
    aside = writer.path / ASIDE
    nights = {night.files.recording_id: night for night in opened}
    folders = {name: aside / f"{name}-{digest(night, channels, options)}" for name, night in nights.items()}
    with reading(aside, "free space or name another folder", "cannot be written"):
        aside.mkdir(exist_ok=True)
        clear(aside, set(folders.values()))
    waiting, ended = list(nights), dict[str, Result]()

    def commit(name: str, result: Result) -> None:
        ended[name] = result
        while waiting and waiting[0] in ended:
            first = waiting.pop(0)
            if ended[first].error:
                faults[first] = ended[first].error
                _refuse(new, faults, options)
            else:
                _adopt(writer, nights[first], participants, folders[first])

    jobs = {}
    total = sum(len(night.clips.table) for night in opened)
    for name, night in nights.items():
        work = partial(write_aside, night, writer.info, channels, options, folders[name])
        cost = (1 - _OPENING) * len(night.clips.table) / total
        jobs[name] = Job(work, cost=cost, share=partial(share, folders[name], len(night.clips.table)))
    processes = min(side_by_side(options.processes), len(jobs))
    if processes > 1:
        run_jobs("taking in nights", jobs, processes, ended=commit, bar=_After(bar, _OPENING))
        return
    done = _OPENING
    for name, job in jobs.items():
        def tell(clips: int, name: str = name, job: Job = job, done: float = done) -> None:
            bar.to(done + job.cost * clips / len(nights[name].clips.table), name)

        try:
            result = Result(job.call(tell=tell))
        except SacdError as error:
            result = Result(error=first_line(error))
        commit(name, result)
        done += job.cost


@dataclass(frozen=True)
class _After:
    """A bar of which a share is done already."""

    bar: Bar
    before: float

    def to(self, done: float, note: str = "") -> None:
        self.bar.to(self.before + done, note)

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.bar.advance(amount, note)


def _adopt(
    writer: CohortWriter, night: OpenNight, participants: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    """Move a night that lies whole aside into the cohort."""
    person = night.files.participant_id
    about = dict(participants.get(person, {}))
    numbers = {name: None if about.get(name) is None else float(about[name]) for name in ("age", "weight", "ahi")}
    writer.add_participant(person, **about | numbers)
    row = json.loads((folder / "row.json").read_text(encoding="utf-8"))
    writer.adopt(folder / "recording", night.files.recording_id, person, **row)
    shutil.rmtree(folder)
