"""Whole nights as a clinic hands them over: EDF+ and infrared video in a recording folder, ready for `sacd ingest`.

The layout is that of `sacd.ingest.layout`. Each recording's ``truth.json`` holds what nobody could know at a
clinic, for tests of synchronisation; ingest does not read it.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import edfio
import numpy as np
import pandas as pd

from sacd.cohort import read_info
from sacd.cohort.format import RAW
from sacd.exceptions import SacdError
from sacd.simulate.coupling import COUPLINGS, Coupling
from sacd.simulate.eeg import CHANNEL, RATE_HZ
from sacd.simulate.film import encode, rendered
from sacd.simulate.participant import Participant, Stream, make_participant
from sacd.simulate.simulated_night import CHIN_HZ, SimulatedNight
from sacd.stages import CLIP_SECONDS, STAGES

HEIGHT, WIDTH, FPS = 240, 320, 10
BELT_HZ = 25
# Of the camera's clock and recorder: how late its time stamps are, how early it starts, what it loses.
_LONGEST_LAG_S = 1.0
_LEAD_S = (1, 10)
_DROPS_PER_HOUR, _LONGEST_DROP_S = 4.0, 4.0
_DATE = datetime(2020, 1, 1)
Progress = Callable[[float, str], None]


def write_raw_nights(
    out: str | os.PathLike[str], participants: Sequence[Participant], coupling: Coupling = COUPLINGS["medium"],
    clips: int | None = None, begin: int = 0, progress: Progress | None = None,
) -> Path:
    """Write one night of each participant as EDF+ and video, all of them or none; what a killed call left is replaced.

    Parameters
    ----------
    out : path
        A new or empty folder.
    participants : sequence of Participant
    coupling : Coupling
        How much of the night the camera sees.
    clips, begin : int
        Only so many clips, from that one on; by default the whole night.
    progress : callable, optional
        ``progress(share, recording_id)`` with the share of all nights that is written, 0–1.

    Returns
    -------
    Path
        The recording folder.

    Raises
    ------
    SacdError
        `out` holds something, or cannot be written.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SacdError(f"{out}: exists and is not empty; use what is there, or name a new or empty folder")
    aside = out.with_name(f".{out.name}-unfinished")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        rows = []
        for number, participant in enumerate(participants):
            recording = f"{participant.participant_id}-night1"

            def tell(share: float, recording: str = recording, number: int = number) -> None:
                if progress is not None:
                    progress((number + share) / len(participants), recording)

            video_start = _write_night(aside / recording, participant, number, coupling, clips, begin, tell)
            rows.append((recording, participant.participant_id, video_start.isoformat(timespec="milliseconds")))
        _write_tables(aside, participants, rows)
        os.replace(aside, out)
    except (OSError, av.FFmpegError) as error:
        raise SacdError(
            f"{out}: could not be written ({error.strerror or error}); free space or name another folder, "
            "nothing was half-written"
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def add_raw_nights(cohort: Path, nights: int, progress: Progress | None = None) -> Path:
    """Write the nights of the first test participants of a simulated cohort as a clinic would have them, to ``raw/``.

    Parameters
    ----------
    cohort : Path
        Its folder.
    nights : int
    progress : callable, optional
        As of `write_raw_nights`.

    Raises
    ------
    SacdError
        As `write_raw_nights`.
    """
    made = read_info(cohort).provenance
    skip = made.get("skip", 0)
    people = [make_participant(made["seed"], "test", k) for k in range(skip, skip + nights)]
    return write_raw_nights(cohort / RAW, people, Coupling(**made["coupling"]), progress=progress)


def _write_tables(folder: Path, participants: Sequence[Participant], rows: list[tuple[str, str, str]]) -> None:
    people = pd.DataFrame(
        [(p.participant_id, p.sex, p.age, p.weight, p.ahi) for p in participants],
        columns=["participant_id", "sex", "age", "weight", "ahi"],
    )
    people.to_csv(folder / "participants.tsv", sep="\t", index=False)
    recordings = pd.DataFrame(rows, columns=["recording_id", "participant_id", "video_start"])
    recordings.to_csv(folder / "recordings.tsv", sep="\t", index=False)
    description = {"Name": "simulated nights", "Simulated": True}
    (folder / "dataset_description.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


def _write_night(
    folder: Path, participant: Participant, number: int, coupling: Coupling, clips: int | None, begin: int,
    tell: Callable[[float], None],
) -> datetime:
    """Write one recording; returns the start of its video as the camera's file would state it."""
    folder.mkdir()
    night = SimulatedNight(participant, coupling)
    chosen = np.arange(begin, night.clips if clips is None else min(night.clips, begin + clips))
    rng = participant.rng(Stream.RAW)
    start = _DATE + timedelta(days=number, hours=22, seconds=int(rng.integers(0, 5400)))
    lag, lead = float(rng.uniform(0, _LONGEST_LAG_S)), int(rng.integers(*_LEAD_S))
    write_edf(folder / "psg.edf", night, chosen, start)
    kept, dropped = _drop_frames(rng, lead + len(chosen) * CLIP_SECONDS)
    # What the camera stamps with the time t happened `lag` seconds earlier.
    times = np.clip(kept / FPS - lead - lag, 0, None) + begin * CLIP_SECONDS
    _write_video(folder / "video.mp4", kept, rendered(night, times, HEIGHT, WIDTH), lambda done: tell(done / len(kept)))
    events = night.movements
    shown = events[events.onset.between(begin * CLIP_SECONDS, (begin + len(chosen)) * CLIP_SECONDS)]
    truth: dict[str, Any] = {
        "lag_s": lag,
        "video_lead_s": lead,
        "dropped_frames": dropped,
        "first_clip": begin,
        "movements": shown.assign(onset=shown.onset - begin * CLIP_SECONDS).to_dict("records"),
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")
    return start - timedelta(seconds=lead)


def write_edf(path: Path, night: SimulatedNight, clips: np.ndarray, start: datetime) -> None:
    """Write the PSG of consecutive clips as EDF+ with an empty patient field and the first scorer's stages.

    Signals: EEG (100 Hz, µV), chin EMG (200 Hz, µV), thorax and abdomen belts and airflow (25 Hz, arbitrary units).
    """
    begin, length = clips[0] * CLIP_SECONDS, len(clips) * CLIP_SECONDS
    belts = begin + np.arange(round(length * BELT_HZ)) / BELT_HZ
    signals = [
        _signal(night.eeg(clips).ravel(), RATE_HZ, CHANNEL, "uV"),
        _signal(night.chin(clips).ravel(), CHIN_HZ, "EMG chin", "uV"),
        _signal(night.thorax(belts), BELT_HZ, "Resp thorax", ""),
        _signal(night.abdomen(belts), BELT_HZ, "Resp abdomen", ""),
        _signal(night.airflow(belts), BELT_HZ, "Resp nasal", ""),
    ]
    stages = [
        edfio.EdfAnnotation(i * CLIP_SECONDS, CLIP_SECONDS, f"Sleep stage {_edf_name(night.labels[clip])}")
        for i, clip in enumerate(clips)
    ]
    edfio.Edf(
        signals,
        patient=edfio.Patient(),
        recording=edfio.Recording(startdate=start.date(), equipment_code="simulated"),
        starttime=start.time(),
        annotations=stages,
    ).write(path)


def _edf_name(stage: int) -> str:
    # EDF+ standard texts: W, N1, N2, N3, R.
    return "R" if STAGES[stage] == "REM" else STAGES[stage]


def _signal(values: np.ndarray, hz: float, label: str, unit: str) -> edfio.EdfSignal:
    return edfio.EdfSignal(values.astype(float), hz, label=label, physical_dimension=unit)


def _drop_frames(rng: np.random.Generator, length_s: float) -> tuple[np.ndarray, list[list[int]]]:
    """Numbers of the frames that reach the file, and [first, count] of each loss."""
    total = round(length_s * FPS)
    kept = np.ones(total, bool)
    dropped = []
    # The first frame is kept: the file begins when it says.
    for first in np.sort(rng.integers(1, total, rng.poisson(_DROPS_PER_HOUR * length_s / 3600))):
        count = int(rng.integers(1, _LONGEST_DROP_S * FPS))
        kept[first : first + count] = False
        dropped.append([int(first), count])
    return np.flatnonzero(kept), dropped


def _write_video(path: Path, frames: np.ndarray, chunks: Iterator[np.ndarray], tell: Callable[[int], None]) -> None:
    """Encode pictures with the time stamps of `frames` (10 a second), so that lost frames leave holes."""
    # At crf 30 a night has 0.1 to 0.7 GB and breathing keeps 90 % of its amplitude; 28 takes 3 GB, 33 keeps 70 %.
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"preset": "ultrafast", "crf": "30", "g": str(30 * FPS)}
    encode(path, codec, options, FPS, frames, chunks, tell)
