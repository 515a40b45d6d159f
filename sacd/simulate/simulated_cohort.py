"""Writes a cohort of simulated nights: blocks of clips of most participants, whole nights of some test participants.

With an encoder all nights are whole, and what a trunk says of the video is written in its place; such nights may be
those of a camera alone.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from sacd.cohort import CohortInfo, Sampling, read_info
from sacd.cohort.extras import Extras
from sacd.cohort.writer import CohortWriter
from sacd.exceptions import SacdError
from sacd.simulate.coupling import LABELS, get_coupling
from sacd.simulate.eeg import CHANNEL, RATE_HZ
from sacd.simulate.extras import event_table, extras_of, motion
from sacd.simulate.features import FEWEST_FRAMES, Encoder, encoder_hash, feature_names, night_features
from sacd.simulate.participant import Participant, Stream, make_participant
from sacd.simulate.simulated_night import SimulatedNight
from sacd.stages import CLIP_SECONDS, STAGES

VERSION = 2
"""Raised whenever the same arguments give other nights."""
BLOCKS = 10
BLOCK_CLIPS = {"train": 8, "test": 12, "pretrain": 8}
Progress = Callable[[int, int], None]


def block_clips(participant: Participant, clips: int) -> np.ndarray:
    """Indices of 10 blocks of consecutive clips, one in each tenth of the night, never touching.

    Parameters
    ----------
    participant : Participant
        Blocks hold 8 clips in training and pretraining, 12 in test.
    clips : int
        Length of the night.
    """
    length = BLOCK_CLIPS[participant.split]
    edges = np.linspace(0, clips, BLOCKS + 1).astype(int)
    # At least one clip stays between blocks, so that no window runs over a gap unseen.
    room = np.diff(edges) - length - 1
    start = edges[:-1] + participant.rng(Stream.BLOCKS).integers(0, room + 1)
    return (start[:, None] + np.arange(length)).ravel()


def clip_table(night: SimulatedNight, clips: np.ndarray) -> pd.DataFrame:
    """`clips.parquet` of these clips: clip, onset (s), stage, and the posterior of the five stages."""
    posterior = night.posterior[clips].astype(np.float32)
    return pd.DataFrame({
        "clip": clips, "onset": clips * CLIP_SECONDS, "stage": night.labels[clips],
        **{f"posterior_{name}": posterior[:, code] for code, name in enumerate(STAGES)},
    })


def source_id(**what: Any) -> str:
    """Identity of the nights themselves: everything but how frames are sampled."""
    text = json.dumps({"simulator": VERSION, "labels": asdict(LABELS), **what}, sort_keys=True)
    return f"simulated-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def simulate(
    out: str | os.PathLike[str], train: int = 64, test: int = 24, nights: int = 4, coupling: str = "medium",
    seed: int = 0, frames: int = 32, size: int = 32, name: str | None = None,
    progress: Progress | bool | None = None, span_s: float = CLIP_SECONDS, exist_ok: bool = False,
    viewing: bool = True, preview: bool = False, encoder: str | None = None, skip: int = 0, camera_only: bool = False,
) -> Path:
    """Write a simulated cohort, one participant in memory at a time.

    Participant k of a split is the same whatever the numbers of participants are.

    Parameters
    ----------
    out : path
        A new or empty folder.
    train, test : int
        Participants of each split; a training participant holds 10 blocks of 8 clips, a test participant 10 of 12.
    nights : int
        How many of the test participants hold the whole night instead (about 1,200 clips).
    coupling : str
        "weak", "medium" or "strong": how much the video shows (uncalibrated).
    seed : int
    frames, size, span_s : int, int, float
        Frames of a clip, their height and width, and the seconds in the clip's middle that they spread over. They do
        not change `source_id`.
    name : str, optional
        Default: the folder's name.
    progress : callable or bool, optional
        ``progress(done, of)``, called after each participant; True shows a bar with the time left.
    exist_ok : bool
        Take a cohort that these arguments made before as it is.
    viewing : bool
        Also write what the later reading of nights wants (`sacd.simulate.extras`): motion and, of whole nights,
        signals. The times of frames and the events are there anyhow.
    preview : bool
        Also write the first whole night as a film of 20 MB, which takes about a minute.
    encoder : str, optional
        A shipped trunk, e.g. ``r2plus1d_10-motion``: everybody's whole night is written, as `sacd.simulate.features`
        has it and with float16 EEG, and nothing to view; `nights`, `viewing` and `preview` change nothing then.
    skip : int
        Test participants that are passed over: those of another cohort of the same seed.
    camera_only : bool
        With an encoder: features and motion, which a camera alone leaves, and no EEG.

    Returns
    -------
    Path
        The cohort's folder.

    Raises
    ------
    SacdError
        A number out of range, an unknown coupling, a folder that holds a cohort or something else, a disk that is full.
    """
    out = Path(out)
    info = cohort_info(
        name or out.resolve().name, train, test, nights, coupling, seed, frames, size, span_s, viewing, preview,
        encoder, skip, camera_only,
    )
    if (out / "cohort.json").exists():
        _check_same(out, info)
        if not exist_ok:
            raise SacdError(f"{out}: this very cohort is there already, whole; use it, or name another folder")
        return out
    people = [("train", k) for k in range(train)] + [("test", k) for k in range(skip, skip + test)]
    preset, encode = get_coupling(coupling), None if encoder is None else Encoder(encoder)
    with CohortWriter(out, info) as writer, tqdm(total=len(people), unit="night", disable=progress is not True) as bar:
        for done, (split, index) in enumerate(people, start=1):
            participant = make_participant(seed, split, index)
            night = SimulatedNight(participant, preset)
            whole = encode is not None or (split == "test" and index < skip + nights)
            clips = np.arange(night.clips) if whole else block_clips(participant, night.clips)
            if encode is not None:
                video = night_features(night, encode, frames, size, span_s)
                extras = Extras(events=event_table(night), motion=motion(night, clips) if camera_only else None)
            else:
                video = night.video(clips, frames, size, span_s)
                extras = extras_of(night, clips, frames, span_s, viewing, whole, preview and whole and index == skip)
            writer.add_participant(
                participant.participant_id, participant.sex, participant.age, participant.weight, participant.ahi, split
            )
            writer.add_recording(
                f"{participant.participant_id}-night1", participant.participant_id, clip_table(night, clips), video,
                # Of whole nights half the precision, one part in 2,000 of each value: half the disk.
                None if camera_only else night.eeg(clips).astype(np.float16 if whole else np.float32),
                channel=channel_of(info),
                provenance={"seed": seed, "split": split, "index": index, "whole_night": whole, "clips": night.clips},
                extras=extras, commit=False,
            )
            bar.update()
            if callable(progress):
                progress(done, len(people))
    return out


def cohort_info(
    name: str, train: int, test: int, nights: int, coupling: str, seed: int, frames: int, size: int,
    span_s: float = CLIP_SECONDS, viewing: bool = True, preview: bool = False, encoder: str | None = None,
    skip: int = 0, camera_only: bool = False,
) -> CohortInfo:
    """The `cohort.json` that these arguments of `simulate` give.

    Raises
    ------
    SacdError
        A number out of range, an unknown coupling, no such encoder.
    """
    preset = get_coupling(coupling)
    _check_numbers(train, test, nights, seed, frames, size, span_s, encoder, skip)
    if camera_only and encoder is None:
        raise SacdError("nights of a camera alone are written as features; name an encoder, or leave camera_only out")
    who = {"seed": seed, "coupling": asdict(preset), "train": train, "test": test}
    made: dict[str, Any] = {"coupling_is": "uncalibrated", "labels": asdict(LABELS)}
    # Named where they are asked for alone: cohorts without them stay what they were.
    who |= {"skip": skip} if skip else {}
    made |= {"camera_only": True} if camera_only else {}
    if encoder is None:
        who |= {"nights": nights}
        made |= {"viewing": viewing, "preview": preview}
    else:
        # All nights are whole. The file's hash belongs to the cohort's fingerprint: other weights, other features.
        who |= {"nights": "all"}
        made |= {"encoder": encoder, "encoder_sha256": encoder_hash(encoder)}
    return CohortInfo(
        name=name, simulated=True, source_id=source_id(**who), video="raw" if encoder is None else "features",
        eeg="none" if camera_only else "raw",
        sampling=Sampling(
            **({} if camera_only else {"eeg_hz": RATE_HZ, "eeg_channels": (CHANNEL,)}), frames=frames, span_s=span_s,
            height=size, width=size, video_features=() if encoder is None else feature_names(frames),
        ),
        provenance={"simulator": VERSION, **who, **made},
    )


def channel_of(info: CohortInfo) -> str:
    """The EEG channel of a simulated cohort's recordings, or n/a."""
    return next(iter(info.sampling.eeg_channels), "n/a")


def _check_same(path: Path, wanted: CohortInfo) -> None:
    """Refuse a folder whose cohort was not made with the arguments that would make `wanted`."""
    present = read_info(path)
    if not present.simulated:
        raise SacdError(f"{path}: holds a cohort that is not simulated; name another folder")
    # Through JSON, for a tuple comes back as a list.
    old, new = (info.model_dump(mode="json") for info in (present, wanted))
    for name, value in (new["provenance"] | new["sampling"]).items():
        found = (old["provenance"] | old["sampling"]).get(name)
        if found != value:
            found, value = (part.get("name", part) if isinstance(part, dict) else part for part in (found, value))
            raise SacdError(f"{path}: holds a cohort simulated with {name} {found}, not {value}; name another folder")


def _check_numbers(
    train: int, test: int, nights: int, seed: int, frames: int, size: int, span_s: float, encoder: str | None,
    skip: int,
) -> None:
    for what, value, least in (
        ("train", train, 0), ("test", test, 0), ("nights", nights, 0), ("seed", seed, 0),
        ("frames", frames, 1 if encoder is None else FEWEST_FRAMES), ("size", size, 8), ("skip", skip, 0),
    ):
        if value < least:
            raise SacdError(f"{what} is {value}; use {least} or more")
    if train + test == 0:
        raise SacdError("a cohort of nobody was asked for; set train or test above 0")
    if nights > test and encoder is None:
        raise SacdError(f"{nights} whole nights need as many test participants, not {test}; lower nights or raise test")
    if not 0 < span_s <= CLIP_SECONDS:
        raise SacdError(f"span of {span_s} s is not within a clip; use more than 0 and at most {CLIP_SECONDS:g}")
