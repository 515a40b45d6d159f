"""Spoken to handwritten digits: reading, pairing, and that its parts do not meet."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from sacd.audiovideo import digits, find
from sacd.audiovideo.benchmark import TEST, TRAIN, UNLABELLED, VALIDATION, Pairs
from sacd.exceptions import NotApplicable, SacdError
from sacd.experiments.audio_video import audio_teachers
from sacd.runs.execute import execute
from sacd.runs.store import Run, RunStore


def some_data(per_digit: int = 12) -> dict[str, np.ndarray]:
    """Random audio, and images of which each pixel holds the image's number."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(10), per_digit)
    images = np.broadcast_to((np.arange(len(label)) % 17)[:, None, None], (len(label), 8, 8)).astype(float)
    audio = rng.normal(size=(len(label), 5)).astype(np.float32)
    return {"audio": audio, "spoken": label, "images": images, "written": label}


def names(pairs: Pairs, *parts: str) -> set[str]:
    return set(pairs.name[pairs.rows(*parts)])


def test_pairs_share_their_class_and_budgets_are_nested() -> None:
    data = some_data()
    small, large = (digits.make_pairs(**data, labelled=count, seed=3) for count in (2, 4))
    row = {vector.tobytes(): digit for vector, digit in zip(data["audio"], data["spoken"], strict=True)}
    mine = large.rows(TRAIN, UNLABELLED)
    assert [row[vector.tobytes()] for vector in large.audio[mine]] == large.label[mine].tolist()
    assert np.isnan(large.audio[large.rows(VALIDATION, TEST)]).all()
    known = [names(pairs, TRAIN, VALIDATION) for pairs in (small, large)]
    assert known[0] < known[1]
    assert len(known[1]) == 40 and len(large.rows(VALIDATION)) == 10
    assert (large.visible == -1).sum() == len(large.rows(UNLABELLED)) > 0


def test_test_images_are_nobody_elses_and_the_same_for_every_seed() -> None:
    first, second = (digits.make_pairs(**some_data(), labelled=2, seed=seed) for seed in (0, 1))
    for pairs in (first, second):
        assert not names(pairs, TEST) & names(pairs, TRAIN, UNLABELLED, VALIDATION)
        assert len(set(pairs.name)) == len(pairs.name)
    np.testing.assert_array_equal(*(pairs.video[pairs.rows(TEST)] for pairs in (first, second)))
    assert names(first, TRAIN) != names(second, TRAIN)


@pytest.mark.parametrize("labelled", [1, 5])
def test_a_budget_out_of_range_is_refused(labelled: int) -> None:
    with pytest.raises(SacdError, match=r"labelled=\d of 8 pairs of digit 0; give 2 … 4"):
        digits.make_pairs(**some_data(), labelled=labelled, seed=0)


def test_an_image_crosses_its_clip() -> None:
    clips = digits.move_across(np.full((6, 8, 8), 16.0), np.random.default_rng(0))
    assert clips.shape == (6, digits.FRAMES, digits.CANVAS, digits.CANVAS) and clips.dtype == np.uint8
    column = np.arange(digits.CANVAS)
    bright = (clips > 150).sum(axis=2)
    centre = (bright * column).sum(axis=2) / bright.sum(axis=2)
    travel = np.abs(centre[:, -1] - centre[:, 0])
    np.testing.assert_allclose(travel, digits.CANVAS - digits.GLYPH, atol=0.3)
    assert bright.sum(axis=2).min() > 55  # all 64 pixels stay inside, but for noise


def test_recordings_are_cut_padded_and_scaled(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "3_ann_0.wav", 8000, np.full(9000, 16384, dtype=np.int16))
    wavfile.write(tmp_path / "7_bob_12.wav", 8000, np.full(100, -16384, dtype=np.int16))
    waves, digit, index, speaker = digits.read_recordings(tmp_path)
    assert waves.shape == (2, digits.SAMPLES)
    assert (waves[0] == 0.5).all() and (waves[1, :100] == -0.5).all() and (waves[1, 100:] == 0).all()
    assert (digit.tolist(), index.tolist(), speaker.tolist()) == ([3, 7], [0, 12], ["ann", "bob"])
    level = digits.log_mel(waves)
    assert level.shape[1:] == digits.SPECTROGRAM
    assert level.max() == pytest.approx(0, abs=1e-4) and level.min() >= -digits.RANGE_DB


def test_bad_recordings_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SacdError, match=r"no \.wav files; give the folder"):
        digits.read_recordings(tmp_path)
    file = tmp_path / "3_ann_0.wav"
    file.write_bytes(b"no sound at all")
    with pytest.raises(SacdError, match=r"3_ann_0\.wav: not a wav file"):
        digits.read_recordings(tmp_path)
    wavfile.write(file, 16000, np.zeros(10, dtype=np.int16))
    with pytest.raises(SacdError, match="16000 Hz, int16, 1-d; need mono 16-bit at 8000 Hz"):
        digits.read_recordings(tmp_path)
    file.rename(tmp_path / "three.wav")
    with pytest.raises(SacdError, match="not named DIGIT_SPEAKER_INDEX"):
        digits.read_recordings(tmp_path)


def test_a_dataset_that_is_not_there_is_not_applicable(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="nowhere: not found; put audio-digits there"):
        find("audio-digits", tmp_path / "nowhere")


def test_the_real_teacher_hears_digits(real_data: Path, tmp_path: Path) -> None:
    bench = digits.Digits.open(find(digits.NAME, real_data / digits.NAME))
    audio = bench.audio
    assert [len(audio.rows(part)) for part in (TRAIN, VALIDATION, TEST, UNLABELLED)] == [1320, 180, 300, 1200]
    heard = Run(execute(audio_teachers(bench, 1)[0], bench, RunStore(tmp_path))).metrics
    assert heard["test_accuracy"] > 0.9 and heard["unlabelled_accuracy"] > 0.9
    pairs = bench.pairs(0, 16)
    assert [len(pairs.rows(part)) for part in (TRAIN, UNLABELLED, VALIDATION, TEST)] == [120, 1040, 40, 540]
    # What the teacher learned from is never paired.
    learned = {vector.tobytes() for vector in audio.x[audio.rows(TRAIN, VALIDATION)]}
    assert not learned & {vector.tobytes() for vector in pairs.audio[pairs.rows(TRAIN, UNLABELLED)]}
