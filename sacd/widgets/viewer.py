"""The viewer as a notebook's widget: everything travels by custom message, on request; no trait holds data."""

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd

from sacd.cohort import Cohort
from sacd.cohort.remarks import Remarks
from sacd.exceptions import SacdError
from sacd.widgets.clip_bytes import answer
from sacd.widgets.viewing import Clips, Viewing, listed, named_runs

FOLDER = Path(__file__).parent


class Viewer(anywidget.AnyWidget):
    """Video, EEG and further signals of a clip in step, under the night it comes from.

    Works without any trained run. Keys are listed under ``?``.

    Parameters
    ----------
    cohort : Cohort
    predictions : DataFrame, optional
        From `sacd.runs.predictions`, one row a clip and run; several runs are told apart by a column `run`, else by
        `method`. The last is shown first, the first is its baseline in the filters.
    clips : DataFrame or iterable of (recording_id, clip), optional
        What to walk through, in this order. By default all clips of the nights that predictions speak of, else all.
    remarks : Remarks, optional
        Where the reader's labels and notes go: by default beside the cohort.
    occlusion : callable, optional
        ``occlusion(recording_id, clip)`` → float32 [time, height, width]; asked when the reader wants to know where the
        student looked.
    reader : str, optional
        Who the remarks are by; by default the name of the account.

    Raises
    ------
    SacdError
        Predictions without the columns that are needed, or clips that are not in the cohort.
    """

    _esm = FOLDER / "viewer.js"
    _css = FOLDER / "viewer.css"

    def __init__(
        self, cohort: Cohort, predictions: pd.DataFrame | None = None, clips: Clips | None = None,
        remarks: Remarks | None = None, occlusion: Callable[[str, int], np.ndarray] | None = None,
        reader: str | None = None,
    ) -> None:
        super().__init__()
        said = named_runs(predictions)
        walk = listed(cohort, clips, said)
        self.viewing = Viewing(
            cohort, walk, said, remarks or Remarks(cohort.path), occlusion, reader or getpass.getuser()
        )
        self.here: tuple[str, int] = (walk["recording_id"].iloc[0], int(walk["clip"].iloc[0]))
        """The clip that is shown: recording and number."""
        self._callbacks: list[Callable[[str, int], None]] = []
        self.on_msg(self._hear)

    def show(self, recording_id: str, clip: int) -> None:
        """Go to a clip, also one that is not among those to walk through.

        Raises
        ------
        SacdError
            The cohort has no such clip.
        """
        self.viewing.row(self.viewing.recording(recording_id), int(clip))
        self.here = (recording_id, int(clip))
        self.send({"kind": "show", "recording": recording_id, "clip": int(clip)})

    def on_clip(self, callback: Callable[[str, int], None]) -> None:
        """Have ``callback(recording_id, clip)`` called whenever the reader comes to another clip."""
        self._callbacks.append(callback)

    def _hear(self, _: Any, request: dict[str, Any], __: list[memoryview]) -> None:
        if request.get("kind") == "moved":
            self._moved(request)
            return
        content, buffers = answer(request, self.viewing)
        if request.get("kind") == "hello":
            content["here"] = self.here
        self.send(content, buffers)

    def _moved(self, request: dict[str, Any]) -> None:
        try:
            self.viewing.row(self.viewing.recording(request.get("recording")), request.get("clip"))
        except SacdError:  # a page that outlived its kernel
            return
        self.here = (request["recording"], request["clip"])
        for callback in self._callbacks:
            callback(*self.here)
