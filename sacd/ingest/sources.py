"""What a folder of files is: the sources that are known, how each is recognised, and which command takes it.

A new source is a line in `SOURCES`. Those with a `command` are benchmarks of `sacd.audiovideo`: clips, not nights. They
are trained on where they lie and never become a cohort.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sacd.exceptions import SacdError
from sacd.ingest.bids import is_bids
from sacd.ingest.layout import is_recording_folder
from sacd.ingest.s3ve import is_s3ve
from sacd.ingest.sleep_accel import is_sleep_accel
from sacd.ingest.sleep_edf import is_sleep_edf

# As sacd.audiovideo names them, which imports this room.
_UCF101 = re.compile(r"v_[A-Za-z]+_g\d\d_c\d\d\.avi")
_UCF51_AUDIO = "audiocnn14embed512_features.tar.gz"
_DIGIT = re.compile(r"\d_[A-Za-z]+_\d+\.wav")
_NEIGHBOURS = 50
"""Folders within, at most, that are looked at where the folder itself is nothing known."""


@dataclass(frozen=True)
class KnownSource:
    """A kind of source.

    Attributes
    ----------
    name : str
        As ``--format`` has it.
    what : str
        In words.
    sign : str
        What it is recognised by.
    fits : callable
        ``fits(folder)``: whether it is one.
    command : str
        What takes it instead of ``sacd ingest``, ``{}`` its folder; empty where that does.
    """

    name: str
    what: str
    sign: str
    fits: Callable[[Path], bool]
    command: str = ""


def _is_cohort(folder: Path) -> bool:
    return (folder / "cohort.json").is_file()


def _is_ucf101(folder: Path) -> bool:
    return any(_UCF101.fullmatch(file.name) for file in folder.glob("*/v_*.avi"))


def _is_ucf51_audio(folder: Path) -> bool:
    return (folder / _UCF51_AUDIO).is_file()


def _is_digits(folder: Path) -> bool:
    files = (*folder.glob("*.wav"), *folder.glob("recordings/*.wav"))
    return any(_DIGIT.fullmatch(file.name) for file in files)


_TABLE_III = "sacd report --only 08 -p {name} {{}}"
SOURCES: tuple[KnownSource, ...] = (
    KnownSource("cohort", "a cohort already", "cohort.json", _is_cohort, "sacd check {}"),
    KnownSource("sleep-edf", "Sleep-EDF feature nights", "SC4*.npz with *-Hypnogram.edf", is_sleep_edf),
    KnownSource("sleep-accel", "nights of a heart-rate and a movement sensor", "*_hr_feature.out", is_sleep_accel),
    KnownSource("s3ve", "the S3VE release", "folders named for EEG, video features and labels, with .npy", is_s3ve),
    KnownSource(
        "ucf-101", "UCF-101's videos, a benchmark of Table III and no nights", "CLASS/v_CLASS_gGG_cCC.avi", _is_ucf101,
        _TABLE_III.format(name="ucf101"),
    ),
    KnownSource(
        "ucf51-audio", "the sound of UCF-101, a benchmark of Table III and no nights", _UCF51_AUDIO, _is_ucf51_audio,
        _TABLE_III.format(name="ucf51_audio"),
    ),
    KnownSource(
        "digits", "spoken digits, a benchmark of Table III and no nights", "DIGIT_SPEAKER_INDEX.wav", _is_digits,
        _TABLE_III.format(name="audio_digits"),
    ),
    KnownSource("bids", "a BIDS data set", "sub-*/ with BIDSVersion in dataset_description.json, or eeg/", is_bids),
    KnownSource(
        "recordings", "a recording folder", "participants.tsv, or a PSG, videos and a scoring of one stem or folder",
        is_recording_folder,
    ),
)
"""The most particular first: a folder is the first that fits."""

FORMATS = tuple(source.name for source in SOURCES if not source.command)
"""What ``--format`` takes, beside ``auto``."""


def recognise(folder: str | os.PathLike[str], format: str = "auto") -> KnownSource:
    """What kind of source a folder is, or is said to be.

    Parameters
    ----------
    folder : path
    format : str
        ``"auto"``, or one of `FORMATS`, which is taken at its word.

    Raises
    ------
    SacdError
        It is no folder, nothing known, or something that another command takes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise SacdError(f"{folder}: not a folder; name the folder that holds the recordings")
    if format not in ("auto", *FORMATS):
        raise SacdError(f"format {format!r} is unknown; use auto or {', '.join(FORMATS)}")
    if format != "auto":
        return next(source for source in SOURCES if source.name == format)
    found = _first(folder)
    if found is None:
        raise SacdError(f"{folder}: no known format; {_within(folder) or _expected()}")
    if found.command:
        raise SacdError(f"{folder}: {found.what} ({found.sign}); use: {found.command.format(folder)}")
    return found


def _first(folder: Path) -> KnownSource | None:
    return next((source for source in SOURCES if source.fits(folder)), None)


def _within(folder: Path) -> str:
    """Where in a folder a source lies, as a remedy; empty where it does not."""
    folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    for entry in folders[:_NEIGHBOURS]:
        found = _first(entry)
        if found is not None:
            return f"{entry.name} in it is {found.what}: name that folder"
    return ""


def _expected() -> str:
    return "expected " + "; ".join(f"{source.what} ({source.sign})" for source in SOURCES if not source.command)
