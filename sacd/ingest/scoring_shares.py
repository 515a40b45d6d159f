"""Tables of probabilities as YASA has them: a column a stage, a row an epoch of 30 s.

In YASA 0.6 `SleepStaging.predict_proba` gives them, in 0.8 `Hypnogram.proba`. The stage of an epoch is the most
probable one; the probabilities stay with it as the shares of several scorers do.
Source: Vallat & Walker 2021, doi:10.7554/eLife.70092.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError
from sacd.ingest.scoring_marks import Marks, seconds
from sacd.stages import CLIP_SECONDS

_NAMES = (("w", "wake"), ("n1",), ("n2",), ("n3",), ("r", "rem"))
_TOLERANCE = 0.02


def share_columns(cells: Sequence[str]) -> list[int] | None:
    """Which columns hold the shares of W, N1, N2, N3 and REM, by a table's first line; None where it has not all."""
    bare = [cell.strip().casefold() for cell in cells]
    found = [next((index for index, cell in enumerate(bare) if cell in names), -1) for names in _NAMES]
    return None if -1 in found else found


def read_shares(path: Path, rows: Sequence[tuple[int, list[str]]], columns: Sequence[int]) -> Marks:
    """The stages of a table of probabilities, with `Marks.shares`.

    Parameters
    ----------
    rows : sequence of (line number, cells)
    columns : sequence of int
        As `share_columns` gives them.

    Raises
    ------
    SacdError
        Numbers that are no probabilities.
    """
    shares = np.array([[seconds(cells[column]) for column in columns] for _, cells in rows], float)
    shares = shares.reshape(-1, len(_NAMES))
    # Written so that NaN is refused as well.
    sound = (shares >= 0).all(axis=1) & (np.abs(shares.sum(axis=1) - 1) <= _TOLERANCE)
    if not sound.all():
        number = rows[np.argmin(sound)][0]
        raise SacdError(
            f"{path}: line {number}: what stands under W, N1, N2, N3 and R are no probabilities that sum to 1; export "
            "them again"
        )
    marks = Marks.of_epochs(shares.argmax(axis=1).tolist(), CLIP_SECONDS, shares=shares.astype(np.float32))
    return marks.noting("the stages are the most probable ones of a table of probabilities")
