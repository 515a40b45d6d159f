"""A recording folder, as a clinic exports it, becomes a raw cohort.

::

    SOURCE/
      participants.tsv             participant_id, sex, age, weight, ahi [, split]; n/a where unknown
      recordings.tsv               optional: recording_id [, participant_id] [, video_start] [, offset]
      dataset_description.json     optional: {"Name": ..., "Simulated": true|false}
      REC/                         one folder for each recording; its name is the recording's id
        *.edf                      EDF or EDF+ with an EEG channel
        *.mp4|.mkv|.avi|.webm|.mov the video
        *hypnogram.edf|*.txt|*.csv the scoring; without one, the annotations of the EDF+ are read

A recording may also be files of one stem beside participants.tsv: ``REC.edf``, ``REC.mp4``, ``REC-Hypnogram.edf`` or
``REC.txt``. The participant is recordings.tsv's, else the id itself, else what comes before its last ``_``
(``P001_1`` → ``P001``). The video begins at `video_start` (ISO 8601, local), else at the container's creation time;
`offset` (s, and ``--offset`` for all) is added. A text scoring has one stage a line, or the columns onset, duration
(s from the start of the EDF) and stage.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacd.cohort import PARTICIPANT_COLUMNS, Cohort, CohortInfo, Sampling, check_id, hash_file, read_info, read_tsv
from sacd.errors import SacdError
from sacd.ingest.hypnogram import Scoring, read_scoring
from sacd.ingest.psg import EEG_HZ, Psg, choose_channel, read_eeg, read_psg
from sacd.ingest.sync import align
from sacd.ingest.video import HOLD_S, Video, decode, frame_times, read_video
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS
from sacd.writer import CohortWriter

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".webm", ".mov")
TEXT_SUFFIXES = (".txt", ".csv")
_HYPNOGRAM = re.compile(r"[-_. ]?hypnogram$", re.IGNORECASE)


@dataclass(frozen=True)
class Files:
    """The files of one recording."""

    recording_id: str
    psg: Path
    video: Path
    scoring: Path


@dataclass(frozen=True)
class Night:
    """A recording whose files were opened and found to fit together; `clips` as `sync.align` gives them."""

    files: Files
    participant_id: str
    psg: Psg
    scoring: Scoring
    video: Video
    video_begin_s: float
    clips: pd.DataFrame


def is_recording_folder(source: Path) -> bool:
    """Whether `source` looks like the layout above."""
    return (source / "participants.tsv").is_file() or any(_grouped(source))


def ingest_recording_folder(
    source: Path, out: Path, offset: float = 0.0, channel: str | None = None, frames: int = 32,
    span_s: float = CLIP_SECONDS, size: tuple[int, int] = (32, 32), allow_gaps: bool = False,
    progress: Bar | None = None,
) -> Cohort:
    """Read every recording of `source` and write them as a raw cohort, all of them or none.

    Everything but the pictures is read and compared first, so most faults are found before anything is written.
    Parameters as in `sacd.ingest.ingest`.
    """
    participants = _read_participants(source)
    nights = _open_nights(source, participants, offset, allow_gaps)
    name = choose_channel([night.psg for night in nights], channel)
    info = _info(source, out, nights, name, offset, frames, span_s, size)
    total = sum(len(night.clips) for night in nights)
    done = 0
    with CohortWriter(out, info) as writer:
        for night in nights:
            writer.add_participant(night.participant_id, **participants[night.participant_id])

            def tell(clips: int, night: Night = night, before: int = done) -> None:
                if progress:
                    progress.to((before + clips) / total, night.files.recording_id)

            _add(writer, night, name, frames, span_s, size, tell)
            done += len(night.clips)
    return Cohort.open(out)


def _read_participants(source: Path) -> dict[str, dict[str, Any]]:
    file = source / "participants.tsv"
    # The split is ours, not the clinic's: it may be left out.
    required = tuple(name for name in PARTICIPANT_COLUMNS if name != "split")
    table = read_tsv(file, required, ("age", "weight", "ahi"))
    twice = table.participant_id[table.participant_id.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: participant {twice.iloc[0]} has several rows; keep one")
    if "split" not in table:
        table["split"] = "n/a"
    rows = {row.pop("participant_id"): row for row in table[list(PARTICIPANT_COLUMNS)].to_dict("records")}
    return {
        check_id(key, f"{file}: participant"): {k: None if pd.isna(v) else v for k, v in row.items()}
        for key, row in rows.items()
    }


def _grouped(source: Path) -> dict[str, list[Path]]:
    """Files by recording id; a folder and files of the same id are two recordings with one id."""
    groups: dict[str, list[Path]] = {}
    kinds = (".edf", *VIDEO_SUFFIXES, *TEXT_SUFFIXES)
    for entry in sorted(source.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            files = [file for file in sorted(entry.iterdir()) if file.suffix.lower() in kinds]
            if files:
                groups[entry.name] = files
    for entry in sorted(source.iterdir()):
        if entry.is_file() and entry.suffix.lower() in kinds:
            name = _HYPNOGRAM.sub("", entry.stem)
            if any(file.parent != source for file in groups.get(name, [])):
                raise SacdError(f"{entry}: two recordings with one id, {name}, in a folder and beside it; rename one")
            groups.setdefault(name, []).append(entry)
    return groups


def find_recordings(source: Path) -> list[Files]:
    """The recordings of a folder, by name.

    Raises
    ------
    SacdError
        None at all, a recording without EDF or video, or with two of a kind.
    """
    found = []
    for name, files in _grouped(source).items():
        check_id(name, f"{source}: recording")
        hypnograms = [file for file in files if _is_scoring(file)]
        psgs = [file for file in files if file.suffix.lower() == ".edf" and file not in hypnograms]
        videos = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        psg = _only(psgs, source, name, "EDF recording")
        video = _only(videos, source, name, "video")
        found.append(Files(name, psg, video, _only(hypnograms, source, name, "scoring") if hypnograms else psg))
    if not found:
        raise SacdError(f"{source}: no recordings; put each into a folder of its own: an EDF, a video and a scoring")
    return found


def _is_scoring(file: Path) -> bool:
    return file.suffix.lower() in TEXT_SUFFIXES or (
        file.suffix.lower() == ".edf" and _HYPNOGRAM.search(file.stem) is not None
    )


def _only(files: list[Path], source: Path, name: str, what: str) -> Path:
    if not files:
        raise SacdError(f"{source}: recording {name} has no {what}; add the file")
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise SacdError(f"{source}: two recordings with one id, {name}: more than one {what} ({names}); keep one")
    return files[0]


def _read_table(source: Path) -> dict[str, dict[str, Any]]:
    """recordings.tsv by recording id; empty without the file."""
    file = source / "recordings.tsv"
    if not file.exists():
        return {}
    table = read_tsv(file, ("recording_id",), ())
    twice = table.recording_id[table.recording_id.duplicated()]
    if len(twice):
        raise SacdError(f"{file}: two recordings with one id, {twice.iloc[0]}; give each an id of its own")
    if "offset" in table:
        table = read_tsv(file, ("recording_id",), ("offset",))
    return {row["recording_id"]: row for row in table.to_dict("records")}


def _open_nights(source: Path, participants: dict[str, Any], offset: float, allow_gaps: bool) -> list[Night]:
    table = _read_table(source)
    found = find_recordings(source)
    absent = sorted(set(table) - {files.recording_id for files in found})
    if absent:
        raise SacdError(f"{source / 'recordings.tsv'}: recording {absent[0]} has no files; add them or remove the row")
    nights = []
    for files in found:
        row = table.get(files.recording_id, {})
        participant = _participant(source, files.recording_id, row, participants)
        psg = read_psg(files.psg)
        scoring = read_scoring(files.scoring, psg.start)
        video = read_video(files.video)
        own = row.get("offset", 0.0)
        begin = (_video_start(source, files, row, video) - psg.start).total_seconds()
        begin += offset + (0.0 if pd.isna(own) else float(own))
        clips = align(psg, scoring, video, begin, allow_gaps)
        nights.append(Night(files, participant, psg, scoring, video, begin, clips))
    return nights


def _participant(source: Path, recording: str, row: dict[str, Any], participants: Iterable[str]) -> str:
    named = row.get("participant_id", "n/a")
    candidates = [named] if named != "n/a" else [recording, recording.rpartition("_")[0]]
    for name in candidates:
        if name in participants:
            return name
    wanted = candidates[0]
    raise SacdError(
        f"{source / 'participants.tsv'}: recording {recording}: no participant {wanted}; "
        "add the row, or name the participant in recordings.tsv"
    )


def _video_start(source: Path, files: Files, row: dict[str, Any], video: Video) -> datetime:
    told = row.get("video_start", "n/a")
    if told != "n/a":
        try:
            return datetime.fromisoformat(told).replace(tzinfo=None)
        except ValueError:
            raise SacdError(
                f"{source / 'recordings.tsv'}: recording {files.recording_id}: video_start {told!r} is not a time; "
                "write it like 2024-03-01T22:30:00"
            ) from None
    if video.start is None:
        raise SacdError(
            f"{files.video}: the video does not say when it began; "
            f"write video_start of recording {files.recording_id} into {source / 'recordings.tsv'}"
        )
    return video.start


def _info(
    source: Path, out: Path, nights: list[Night], channel: str, offset: float, frames: int, span_s: float,
    size: tuple[int, int],
) -> CohortInfo:
    description: dict[str, Any] = {}
    file = source / "dataset_description.json"
    if file.exists():
        try:
            description = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise SacdError(f"{file}: not valid JSON ({error}); correct or remove it") from None
    if (out / "cohort.json").exists():
        # Later nights of the same source may join a cohort: it keeps the id it got first.
        source_id = read_info(out).source_id
    else:
        hashes = (f"{n.files.recording_id} {hash_file(n.psg.path)} {hash_file(n.scoring.path)}" for n in nights)
        parts = [channel, *hashes]
        source_id = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return CohortInfo(
        name=str(description.get("Name", source.resolve().name)),
        simulated=bool(description.get("Simulated", False)),
        source_id=source_id,
        video="raw",
        eeg="raw",
        sampling=Sampling(
            eeg_hz=EEG_HZ, eeg_channels=(channel,), frames=frames, span_s=span_s, height=size[0], width=size[1]
        ),
        provenance={"format": "recording folder", "alignment": "start times", "offset_s": offset},
    )


def _add(
    writer: CohortWriter, night: Night, channel: str, frames: int, span_s: float, size: tuple[int, int],
    tell: Callable[[int], None],
) -> None:
    clips = night.clips
    try:
        with tempfile.TemporaryFile(dir=writer.path, prefix=".video-") as aside:
            clips["flag_video_gap"] = _write_clips(aside, night, frames, span_s, size, tell)
            aside.flush()
            video = np.memmap(aside, np.uint8, "r", shape=(len(clips), frames, *size))
            writer.add_recording(
                night.files.recording_id,
                night.participant_id,
                clips.drop(columns="segment"),
                video,
                _cut(read_eeg(night.psg, channel), night),
                start=night.psg.start.isoformat(),
                channel=channel,
                provenance=_provenance(night),
                commit=False,
            )
    except OSError as error:
        raise SacdError(
            f"{writer.path}: recording {night.files.recording_id} could not be written ({error.strerror or error}); "
            "free space or name another folder, nothing was half-written"
        ) from None


def _write_clips(
    aside: Any, night: Night, frames: int, span_s: float, size: tuple[int, int], tell: Callable[[int], None]
) -> np.ndarray:
    """Decode into an open file, one picture after the other; True for clips whose pictures are partly held ones."""
    times = frame_times(night.clips.onset.to_numpy(), frames, span_s) - night.video_begin_s
    gap = np.zeros(times.size, bool)
    count = 0
    for count, (picture, distance) in enumerate(decode(night.video.path, times.ravel(), *size), 1):
        # A plain write reports a full disk as an error; a memory map would end the process.
        aside.write(picture.tobytes())
        gap[count - 1] = distance > HOLD_S
        if count % frames == 0:
            tell(count // frames)
    if count < times.size:
        raise SacdError(f"{night.video.path}: the video does not decode to its end; copy or convert it again")
    return gap.reshape(times.shape).any(axis=1)


def _cut(segments: list[np.ndarray], night: Night) -> np.ndarray:
    """EEG clips float32 [n, 1, 3000], µV."""
    samples = round(CLIP_SECONDS * EEG_HZ)
    eeg = np.zeros((len(night.clips), 1, samples), np.float32)
    for row, onset, segment in zip(eeg, night.clips.onset, night.clips.segment, strict=True):
        signal = segments[segment]
        first = round((onset - night.psg.segments[segment][0]) * EEG_HZ)
        # Rounding at the ends may ask for a sample too many.
        first = min(max(first, 0), len(signal) - samples)
        row[0] = signal[first : first + samples]
    return eeg


def _provenance(night: Night) -> dict[str, Any]:
    """File names may hold a person's name, so sources are known by their hashes alone."""
    return {
        "psg_sha256": hash_file(night.psg.path),
        "scoring_sha256": hash_file(night.scoring.path),
        "video_sha256": hash_file(night.video.path),
        "video_begin_s": night.video_begin_s,
        "gaps": len(night.psg.segments) - 1,
        "clips_left_out": int(len(night.scoring.stages) - len(night.clips)),
    }
