"""Small scorings for tests: files of every format, made in the test itself."""

import datetime
from collections.abc import Sequence
from pathlib import Path

import edfio
import numpy as np
import pytest
import recording_folders as made

from sacd.exceptions import SacdError
from sacd.ingest.scoring import Scoring, read_scoring


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def annotated(
    path: Path, notes: Sequence[tuple[float, float | None, str]], begin: datetime.datetime = made.START,
    signals: bool = False,
) -> Path:
    """An EDF+ of annotations, with a signal where asked."""
    own = [edfio.EdfSignal(np.arange(100.0), 1, label="x")] if signals else []
    edfio.Edf(
        own,
        recording=edfio.Recording(startdate=begin.date()),
        starttime=begin.time(),
        annotations=[edfio.EdfAnnotation(*note) for note in notes],
    ).write(path)
    return path


def read(path: Path, **options: object) -> Scoring:
    return read_scoring(path, made.START, **options)


def refused(path: Path, *words: str, **options: object) -> str:
    """The one-line error that names the file."""
    with pytest.raises(SacdError) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 600 and path.name in message
    for word in words:
        assert word in message, message
    return message.replace(str(path), "")
