"""A recording folder, as `sacd.ingest.layout` describes it, becomes a raw cohort."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, StrictBool, StrictStr

from sacd.cohort import Cohort, CohortInfo, Sampling, hash_file, read_info
from sacd.cohort.extras import Extras
from sacd.cohort.format import read_json, validated
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.ingest.camera import Look, read_pictures
from sacd.ingest.clips import align
from sacd.ingest.hypnogram import Scoring, read_scoring
from sacd.ingest.layout import (
    Files,
    find_recordings,
    participant_of,
    read_recordings_table,
    read_source_participants,
    video_start,
)
from sacd.ingest.psg import EEG_HZ, Psg, choose_channel, read_eeg, read_psg
from sacd.ingest.sync import VideoClock
from sacd.ingest.video import Video, read_video
from sacd.progress import Bar
from sacd.stages import CLIP_SECONDS


class Description(BaseModel):
    """What is read of `dataset_description.json`."""

    name: StrictStr | None = Field(default=None, alias="Name")
    simulated: StrictBool = Field(default=False, alias="Simulated")


@dataclass(frozen=True)
class Night:
    """A recording whose files were opened and found to fit together; `clips` as `clips.align` gives them."""

    files: Files
    participant_id: str
    psg: Psg
    scoring: Scoring
    video: Video
    video_begin_s: float
    clips: pd.DataFrame


def ingest_recording_folder(
    source: Path, out: Path, offset: float = 0.0, channel: str | None = None, frames: int = 32,
    span_s: float = CLIP_SECONDS, size: tuple[int, int] = (32, 32), allow_gaps: bool = False,
    progress: Bar | None = None,
) -> Cohort:
    """Read every recording of `source` and write them as a raw cohort, all of them or none.

    Everything but the pictures is read and compared first, so most faults are found before anything is written.
    Parameters as in `sacd.ingest.ingest`.
    """
    participants = read_source_participants(source)
    nights = _open_nights(source, participants, offset, allow_gaps)
    name = choose_channel([night.psg for night in nights], channel)
    info = _info(source, out, nights, name, offset, frames, span_s, size)
    total = sum(len(night.clips) for night in nights)
    done = 0
    with CohortWriter(out, info) as writer:
        for night in nights:
            writer.add_participant(night.participant_id, **participants[night.participant_id])

            def tell(clips: int, night: Night = night, before: int = done) -> None:
                if progress is not None:
                    progress.to((before + clips) / total, night.files.recording_id)

            _add(writer, night, name, frames, span_s, size, tell)
            done += len(night.clips)
    return Cohort.open(out)


def _open_nights(source: Path, participants: dict[str, Any], offset: float, allow_gaps: bool) -> list[Night]:
    table = read_recordings_table(source)
    found = find_recordings(source)
    absent = sorted(set(table) - {files.recording_id for files in found})
    if absent:
        raise SacdError(f"{source / 'recordings.tsv'}: recording {absent[0]} has no files; add them or remove the row")
    nights = []
    for files in found:
        row = table.get(files.recording_id, {})
        participant = participant_of(source, files.recording_id, row, participants)
        psg = read_psg(files.psg)
        scoring = read_scoring(files.scoring, psg.start)
        video = read_video(files.video)
        own = row.get("offset", 0.0)
        begin = (video_start(source, files, row, video) - psg.start).total_seconds()
        begin += offset + (0.0 if pd.isna(own) else float(own))
        clips = align(psg, scoring, video, begin, allow_gaps)
        nights.append(Night(files, participant, psg, scoring, video, begin, clips))
    return nights


def _info(
    source: Path, out: Path, nights: list[Night], channel: str, offset: float, frames: int, span_s: float,
    size: tuple[int, int],
) -> CohortInfo:
    file = source / "dataset_description.json"
    description = validated(Description, read_json(file, "correct or remove it") if file.exists() else {}, file)
    if (out / "cohort.json").exists():
        # Later nights of the same source may join a cohort: it keeps the id it got first.
        source_id = read_info(out).source_id
    else:
        hashes = (f"{n.files.recording_id} {hash_file(n.psg.path)} {hash_file(n.scoring.path)}" for n in nights)
        parts = [channel, *hashes]
        source_id = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return CohortInfo(
        name=description.name or source.resolve().name,
        simulated=description.simulated,
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
    try:
        with tempfile.TemporaryDirectory(dir=writer.path, prefix=".video-") as aside:
            files = [(night.video, VideoClock(night.video_begin_s))]
            look = Look(frames, span_s, *size, motion=False)
            taken = read_pictures(files, night.clips.onset.to_numpy(), look, Path(aside), tell)
            writer.add_recording(
                night.files.recording_id,
                night.participant_id,
                night.clips.drop(columns="segment").join(taken.faults.add_prefix("flag_video_")),
                taken.video,
                _cut(read_eeg(night.psg, channel), night),
                extras=Extras(frame_times=taken.frame_times),
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


def _cut(segments: list[np.ndarray], night: Night) -> np.ndarray:
    """EEG clips float32 [n, 1, 3000], µV."""
    samples = round(CLIP_SECONDS * EEG_HZ)
    eeg = np.zeros((len(night.clips), 1, samples), np.float32)
    for row, onset, segment in zip(eeg, night.clips.onset, night.clips.segment, strict=True):
        signal = segments[segment]
        first = round((onset - night.psg.segments[segment][0]) * EEG_HZ)
        # Rounding may ask for a sample or two beyond the ends.
        row[0] = signal.take(np.arange(first, first + samples), mode="clip")
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
