"""Table III's data: the 51 classes of UCF-101 that have sound, with one CNN14 embedding a clip; public split 1.

Audio: 512-d embeddings of CNN14 (PANNs, Kong et al. 2020, doi:10.1109/TASLP.2020.3030497), 6,837 clips, as
``CLASS/v_CLASS_gGG_cCC.npy`` in a tar.gz, which is read in memory and never unpacked. Video: a user's UCF-101 folder
(Soomro et al. 2012, arXiv:1212.0402) of ``CLASS/v_CLASS_gGG_cCC.avi``; here grey, frames spread over the whole clip.

The archive lies in the benchmark's folder, beside the clips that `decode_videos` wrote there; without these there is
audio alone.

A *group* (gGG) holds clips cut from one film. Split 1: groups 01–07 test, 08–25 train; of those 23–25 validate, here.
Statistics take the groups of each class for participants.
"""

import hashlib
import io
import os
import re
import shutil
import tarfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from sacd.audiovideo.benchmark import TEST, TRAIN, VALIDATION, Audio, Benchmark, BenchmarkInfo, Pairs
from sacd.cohort import Sampling
from sacd.exceptions import NotApplicable, SacdError
from sacd.ingest.picture import decode
from sacd.ingest.video import read_video
from sacd.locks import alone
from sacd.progress import progress

NAME = "ucf51"
TITLE = "UCF51, split 1"
ARCHIVE = "audiocnn14embed512_features.tar.gz"
CLIPS = "clips-*.npy"
DIMENSIONS = 512
TEST_GROUPS, VALIDATION_GROUPS = range(1, 8), range(23, 26)
LARGEST_MEMBER = 1 << 20
"""Bytes; an embedding has 2 kB, and nothing larger is read into memory."""
FILE_NAME = re.compile(r"v_(?P<label>[A-Za-z]+)_g(?P<group>\d\d)_c\d\d")


@dataclass(frozen=True)
class Embeddings:
    """The audio of UCF51: `clip` names (``v_Archery_g01_c01``), `x` float32 [n, 512], `label`, `group`, `classes`."""

    clip: np.ndarray
    x: np.ndarray
    label: np.ndarray
    group: np.ndarray
    classes: tuple[str, ...]

    @property
    def part(self) -> np.ndarray:
        """`TEST`, `VALIDATION` or `TRAIN` of each clip, by its group."""
        held = [np.isin(self.group, groups) for groups in (TEST_GROUPS, VALIDATION_GROUPS)]
        return np.select(held, [TEST, VALIDATION], TRAIN)

    @property
    def unit(self) -> np.ndarray:
        """Class and group of each clip: groups of different classes are different films."""
        pairs = zip(self.label, self.group, strict=True)
        return np.array([f"{self.classes[label]} g{group:02d}" for label, group in pairs])

    @property
    def audio(self) -> Audio:
        """As the teacher's half of a benchmark."""
        return Audio(self.label, self.part, self.unit, self.clip, self.x)


def read_embeddings(source: Path) -> Embeddings:
    """All embeddings of the archive, in order of class and clip.

    Parameters
    ----------
    source : Path
        The archive, or the folder that holds it.

    Raises
    ------
    SacdError
        No archive, one that is damaged, or a member that is not what its name promises.
    """
    file = source / ARCHIVE if source.is_dir() else source
    found: dict[tuple[str, str], np.ndarray] = {}
    try:
        with tarfile.open(file, "r|gz") as archive:
            for member in archive:
                path = Path(member.name)
                # AppleDouble files, which macOS packs along, begin with a dot.
                if not member.isfile() or path.suffix != ".npy" or path.name.startswith("."):
                    continue
                match = FILE_NAME.fullmatch(path.stem)
                if match is None or match["label"].casefold() != path.parent.name.casefold():
                    raise SacdError(f"{file}: member {member.name!r} is not CLASS/v_CLASS_gGG_cCC.npy; fetch it again")
                found[path.parent.name, path.stem] = _embedding(file, archive, member)
    except OSError as error:
        raise SacdError(f"{file}: cannot be read ({error.strerror or error}); name the folder of {ARCHIVE}") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise SacdError(f"{file}: not a whole tar.gz ({error}); fetch it again") from None
    if not found:
        raise SacdError(f"{file}: holds no CLASS/v_CLASS_gGG_cCC.npy; fetch it again")
    keys = sorted(found)
    classes = tuple(sorted({name for name, _ in keys}))
    return Embeddings(
        clip=np.array([clip for _, clip in keys]), x=np.stack([found[key] for key in keys]),
        label=np.array([classes.index(name) for name, _ in keys]),
        group=np.array([int(FILE_NAME.fullmatch(clip)["group"]) for _, clip in keys]), classes=classes,
    )


def _embedding(file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> np.ndarray:
    content = archive.extractfile(member) if member.size <= LARGEST_MEMBER else None
    try:
        vector = np.load(io.BytesIO(content.read()), allow_pickle=False) if content else np.empty(0)
    except ValueError:
        vector = np.empty(0)
    if vector.shape != (DIMENSIONS,) or vector.dtype.kind != "f" or not np.isfinite(vector).all():
        raise SacdError(f"{file}: member {member.name!r} is not {DIMENSIONS} finite numbers; fetch it again")
    return vector.astype(np.float32)


def find_videos(folder: Path, clips: np.ndarray) -> list[Path]:
    """The video of each clip, anywhere below a folder.

    Raises
    ------
    SacdError
        Videos are missing; the first is named.
    """
    # UCF-101 itself spells HandstandPushups in two ways.
    there = {file.stem.casefold(): file for file in sorted(folder.rglob("*.avi"))}
    missing = [clip for clip in clips if clip.casefold() not in there]
    if missing:
        raise SacdError(
            f"{folder}: {len(missing):,} of {len(clips):,} videos are missing, the first is {missing[0]}.avi; "
            "unpack UCF-101 there"
        )
    return [there[clip.casefold()] for clip in clips]


def decode_videos(source: Path, videos: Path, folder: Path, frames: int = 16, size: int = 112) -> Path:
    """Make a folder from which Table III is trained: the archive, and grey frames spread evenly over each video.

    What another process decodes is waited for, what is there already is kept.

    Parameters
    ----------
    source : Path
        The archive, or the folder that holds it.
    videos : Path
        A user's UCF-101 folder.
    folder : Path
        Made where it is absent.
    frames, size : int

    Returns
    -------
    Path
        The folder.
    """
    archive = source / ARCHIVE if source.is_dir() else source
    found = find_videos(videos, read_embeddings(archive).clip)
    content = "\n".join(f"{video.name} {video.stat().st_size}" for video in found)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    file = folder / f"clips-{frames}x{size}x{size}-{digest}.npy"
    with alone(folder, "decodes the videos"):
        folder.mkdir(exist_ok=True)
        if archive.resolve() != (folder / ARCHIVE).resolve():
            shutil.copy(archive, folder)
        if not file.exists():
            _decode(found, file, (len(found), frames, size, size))
        for other in set(folder.glob(CLIPS)) - {file}:
            other.unlink()
    return folder


def _decode(videos: list[Path], file: Path, shape: tuple[int, int, int, int]) -> None:
    _, frames, height, width = shape
    aside = file.with_suffix(".aside")
    clips = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape)
    with progress("decoding UCF-101", len(videos)) as bar:
        for clip, path in zip(clips, videos, strict=True):
            video = read_video(path)
            times = (np.arange(frames) + 0.5) / frames * video.duration_s
            for place, (picture, _) in enumerate(decode(video, times, height, width)):
                clip[place] = picture
            bar.advance(1, path.stem)
    clips.flush()
    os.replace(aside, file)


class UCF51(Benchmark):
    """Table III: every training clip labelled, as there; `video` uint8 [n, frames, size, size] is a memory map."""

    def __init__(self, path: Path, embeddings: Embeddings, video: np.ndarray | None) -> None:
        frames, height, width = (None, None, None) if video is None else video.shape[1:]
        sampling = Sampling(frames=frames, height=height, width=width)
        info = BenchmarkInfo(NAME, TITLE, embeddings.classes, "groups of test clips", sampling)
        super().__init__(path, info, embeddings.audio)
        self.video = video

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the archive, and map the clips where there are some.

        Raises
        ------
        SacdError
            See `read_embeddings`.
        """
        clips = sorted(Path(path).glob(CLIPS))
        return cls(Path(path), read_embeddings(Path(path)), np.load(clips[0], mmap_mode="r") if clips else None)

    @cached_property
    def _every_pair(self) -> Pairs:
        if self.video is None:
            raise NotApplicable(f"{self.path}: holds no clips; name the folder of UCF-101's videos")
        audio = self.audio
        heard = np.where((audio.part == TRAIN)[:, None], audio.x, np.float32(np.nan))
        return Pairs(audio.label, audio.part, audio.unit, audio.name, self.video, heard)

    def make_pairs(self, seed: int, labelled: int | None) -> Pairs:
        """The same for every seed."""
        return self._every_pair
