"""A sanity check: spoken digits (audio) to handwritten digits moved across a clip (video), few of them labelled.

Spoken: the Free Spoken Digit Dataset (CC BY-SA 4.0), 10 digits × 6 speakers × 50 recordings. Handwritten: the 1,797
images of 8×8 pixels that come with scikit-learn (UCI, Alpaydin & Kaynak 1998, doi:10.24432/C50P49).

The two have nothing in common but the digit: **pairs are made by class only**, the unlabelled ones too, so that pairing
itself uses the class. Nothing here can say how much synchronised audio tells beyond the class.

- Spoken: recordings 0–4 of each digit and speaker are the official test set. 5–29 are the teacher's corpus, of which
  5–7 validate; 30–49, which the teacher never learns from, are paired. All speakers are in all parts, as officially.
- Handwritten: 30 % of the images of each digit test, the same for every seed. The dataset names no writers, so some
  write in both parts, and images of one writer pass for independent ones in the intervals.
"""

import re
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy.io import wavfile
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sacd.audiovideo.benchmark import TEST, TRAIN, UNLABELLED, VALIDATION, Audio, Benchmark, BenchmarkInfo, Pairs
from sacd.cohort import Sampling
from sacd.cohort.splits import VALIDATION_EVERY, VALIDATION_POSITION
from sacd.exceptions import SacdError
from sacd.models.audio import LogMel

NAME = "audio-digits"
TITLE = "Spoken to handwritten digits: a sanity check, paired by class only"
CLASSES = tuple("0123456789")
RATE = 8000
"""Hz."""
SAMPLES = 6400
"""0.8 s; longer recordings are cut, shorter ones end in silence."""
BINS, FFT, HOP = 32, 256, 200
SPECTROGRAM = (SAMPLES // HOP + 1, BINS)
"""Times of 25 ms, mel bins."""
RANGE_DB = 60.0
FIRST_OF_CORPUS, FIRST_OF_TRAINING, FIRST_OF_PAIRS = 5, 8, 30
FRAMES, CANVAS, GLYPH = 6, 12, 8
NOISE = 8.0
FILE_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[A-Za-z]+)_(?P<index>\d+)\.wav")


def read_recordings(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Waveforms float32 [n, 6400] in −1 … 1, digit and index int64 [n], speaker [n] of str, in order of file names.

    Raises
    ------
    SacdError
        No recordings, a name or a file of another kind.
    """
    inner = folder / "recordings"
    files = sorted((inner if inner.is_dir() else folder).glob("*.wav"))
    if not files:
        raise SacdError(f"{folder}: no .wav files; give the folder of the Free Spoken Digit Dataset")
    waves = np.zeros((len(files), SAMPLES), dtype=np.float32)
    digit, index, speaker = [], [], []
    for wave, file in zip(waves, files, strict=True):
        match = FILE_NAME.fullmatch(file.name)
        if match is None:
            raise SacdError(f"{file}: not named DIGIT_SPEAKER_INDEX.wav; remove it")
        try:
            rate, samples = wavfile.read(file)
        except ValueError as error:
            raise SacdError(f"{file}: not a wav file ({error}); fetch it again") from None
        if rate != RATE or samples.ndim != 1 or samples.dtype != np.int16:
            raise SacdError(f"{file}: {rate} Hz, {samples.dtype}, {samples.ndim}-d; need mono 16-bit at {RATE} Hz")
        wave[: len(samples)] = samples[:SAMPLES] / 32768
        digit.append(int(match["digit"]))
        index.append(int(match["index"]))
        speaker.append(match["speaker"])
    return waves, np.array(digit), np.array(index), np.array(speaker)


def log_mel(waves: np.ndarray) -> np.ndarray:
    """dB below each recording's own loudest bin, at most 60, float32 [n, *SPECTROGRAM].

    Parameters
    ----------
    waves : ndarray [n, samples] float32
    """
    front = LogMel(RATE, FFT, HOP, BINS, 50.0, RATE / 2)
    with torch.inference_mode():
        level = front(torch.from_numpy(waves)).squeeze(1)
        level = (level - level.amax(dim=(1, 2), keepdim=True)).clamp_min(-RANGE_DB)
    return level.numpy()


def move_across(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Clips in which each image crosses a noisy square from side to side, rising or falling on its way.

    Parameters
    ----------
    images : ndarray [n, 8, 8]
        0 … 16, as scikit-learn has them.

    Returns
    -------
    ndarray [n, FRAMES, CANVAS, CANVAS] uint8
    """
    n, room = len(images), CANVAS - GLYPH
    way = np.linspace(0, 1, FRAMES)
    across = np.where(rng.random(n)[:, None] < 0.5, way, 1 - way) * room
    begin, end = rng.uniform(0, room, (2, n, 1))
    top, left = np.rint(begin + (end - begin) * way).astype(int), np.rint(across).astype(int)
    clips = rng.normal(90, NOISE, (n, FRAMES, CANVAS, CANVAS))
    clip, inside = np.arange(n)[:, None, None], np.arange(GLYPH)
    for frame in range(FRAMES):
        rows, columns = top[:, frame, None] + inside, left[:, frame, None] + inside
        clips[clip, frame, rows[:, :, None], columns[:, None, :]] += images * (120 / 16)
    return np.clip(np.rint(clips), 0, 255).astype(np.uint8)


def make_pairs(
    audio: np.ndarray, spoken: np.ndarray, images: np.ndarray, written: np.ndarray, labelled: int, seed: int
) -> Pairs:
    """Pairs by class: each recording with another handwritten image of its digit, and the test images alone.

    Parameters
    ----------
    audio : ndarray [n, d] float32
    spoken : ndarray [n] int64
        Digit of each recording.
    images : ndarray [m, 8, 8]
    written : ndarray [m] int64
        Digit of each image.
    labelled : int
        Labelled pairs of each digit; of four, one validates. Nested over budgets.
    seed : int
        Of the pairing, the motion and the labelled subset.

    Raises
    ------
    SacdError
        A budget below two, or above half of the pairs.
    """
    train, test = train_test_split(np.arange(len(images)), test_size=0.3, stratify=written, random_state=0)
    rng = np.random.default_rng([seed, 0xD161])
    heard, seen, part = [], [], []
    for digit in range(len(CLASSES)):
        voices = rng.permutation(np.flatnonzero(spoken == digit))
        pictures = rng.permutation(train[written[train] == digit])
        count = min(len(voices), len(pictures))
        if not 2 <= labelled <= count // 2:
            raise SacdError(f"labelled={labelled} of {count} pairs of digit {digit}; give 2 … {count // 2}")
        heard.append(voices[:count])
        seen.append(pictures[:count])
        roles = np.full(count, UNLABELLED, dtype=object)
        place = np.arange(labelled)
        roles[:labelled] = np.where(place % VALIDATION_EVERY == VALIDATION_POSITION, VALIDATION, TRAIN)
        part.append(roles)
    heard, seen, part = (np.concatenate(parts) for parts in (heard, seen, part))
    listened = np.where(np.isin(part, (TRAIN, UNLABELLED))[:, None], audio[heard], np.float32(np.nan))
    silent = np.full((len(test), audio.shape[1]), np.nan, dtype=np.float32)
    name = np.array([f"image-{index:04d}" for index in (*seen, *test)])
    return Pairs(
        label=written[np.concatenate([seen, test])].astype(np.int64),
        part=np.concatenate([part, np.full(len(test), TEST)]).astype(str), unit=name, name=name,
        # The test clips are one fixed set: every seed and method sees the same pixels.
        video=np.concatenate([move_across(images[seen], rng), move_across(images[test], np.random.default_rng(0))]),
        audio=np.concatenate([listened, silent]),
    )


class Digits(Benchmark):
    """The sanity check, opened from the folder of the Free Spoken Digit Dataset, or what holds its ``recordings``."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read all recordings.

        Raises
        ------
        SacdError
            See `read_recordings`.
        """
        waves, digit, index, speaker = read_recordings(path)
        ends = (FIRST_OF_CORPUS, FIRST_OF_TRAINING, FIRST_OF_PAIRS)
        part = np.select([index < end for end in ends], [TEST, VALIDATION, TRAIN], UNLABELLED)
        name = np.array([f"{d}_{s}_{i}" for d, s, i in zip(digit, speaker, index, strict=True)])
        audio = Audio(digit, part, speaker, name, x=log_mel(waves).reshape(len(waves), -1))
        sampling = Sampling(frames=FRAMES, height=CANVAS, width=CANVAS)
        return cls(Path(path), BenchmarkInfo(NAME, TITLE, CLASSES, "test images", sampling), audio)

    def make_pairs(self, seed: int, labelled: int | None) -> Pairs:
        """The audio that the teacher never learns from, each recording with an image of its digit."""
        paired, pool = self.audio.rows(UNLABELLED), load_digits()
        return make_pairs(self.audio.x[paired], self.audio.label[paired], pool.images, pool.target, labelled or 0, seed)
