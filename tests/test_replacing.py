"""A file is replaced as a whole or not at all."""

import numpy as np
import pytest

from sacd.replacing import replacing


def test_what_is_written_takes_the_files_place(tmp_path):
    file = tmp_path / "x.npz"
    for value in (1, 2):
        with replacing(file) as aside:
            np.savez(aside, value=value)  # which would add a suffix of its own
            assert value == 1 or np.load(file)["value"] == 1
        assert np.load(file)["value"] == value and list(tmp_path.iterdir()) == [file]


def test_an_error_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path):
    file = tmp_path / "x.txt"
    file.write_text("before")
    with pytest.raises(ZeroDivisionError), replacing(file) as aside:
        aside.write_text("half")
        raise ZeroDivisionError
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "nowhere" / "x.txt") as aside:
        aside.write_text("half")
