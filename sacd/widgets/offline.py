"""A player of a handful of clips inside a page: works from ``file://``, without a kernel and without a network.

It is the viewer itself (`viewer.js`) under a small host (`host_shim.js`) that answers from the page. `head` goes into a
page once, `player` wherever clips are to be looked at.
"""

import base64
import json
from typing import Any

import pandas as pd

from sacd.cohort import Cohort
from sacd.exceptions import SacdError
from sacd.widgets.clip_bytes import answer
from sacd.widgets.viewer import FOLDER
from sacd.widgets.viewing import Clips, Viewing, listed, named_runs

MARK = 'class="sacd-player"'
"""By which a page knows that it holds a player and needs `head`."""
MOST = 24
"""Clips of one player: each adds some 100 kB, a preview as much again."""
_PIXELS = 1200


def head() -> str:
    """Style, source and host of the players of a page: HTML for its head, or anywhere before or after them, once."""
    style, shim, source = ((FOLDER / name).read_text("utf-8") for name in ("viewer.css", "host_shim.js", "viewer.js"))
    held = f'<script type="application/json" id="sacd-viewer-source">{_inert(source)}</script>'
    return f"<style>\n{style}</style>\n{held}\n<script>\n{shim}</script>"


def player(cohort: Cohort, clips: Clips, predictions: pd.DataFrame | None = None) -> str:
    """A player of some clips.

    Parameters
    ----------
    cohort : Cohort
    clips : DataFrame or iterable of (recording_id, clip)
        At most `MOST`, in the order in which they are shown.
    predictions : DataFrame, optional
        As for `sacd.widgets.Viewer`.

    Returns
    -------
    str
        An HTML fragment that holds everything but `head`.

    Raises
    ------
    SacdError
        No clip, too many, or one that the cohort does not have.
    """
    said = named_runs(predictions)
    walk = listed(cohort, clips, said)
    if len(walk) > MOST:
        raise SacdError(f"a page's player holds at most {MOST} clips, not {len(walk)}; choose fewer")
    viewing = Viewing(cohort, walk, said)
    requests: list[dict[str, Any]] = [{"kind": "hello"}]
    for recording_id in walk["recording_id"].unique():
        requests += [{"kind": "night", "recording": recording_id}]
        requests += [{"kind": "overview", "recording": recording_id, "pixels": _PIXELS}]
    for recording_id, clip in walk.itertuples(index=False):
        kinds = ("clip",) if cohort[recording_id].preview is None else ("clip", "preview")
        requests += [{"kind": kind, "recording": recording_id, "clip": int(clip)} for kind in kinds]
    answers = {" ".join(str(part) for part in request.values() if part != _PIXELS): _answered(request, viewing)
               for request in requests}
    # Another display filter would have to be asked for.
    answers["hello"][0]["bands"] = answers["hello"][0]["bands"][:1]
    held = f'<script type="application/json">{_inert(answers)}</script>'
    return f"<div {MARK}>A player of {len(walk)} clips: it opens in a report's page, with scripts allowed.{held}</div>"


def _answered(request: dict[str, Any], viewing: Viewing) -> list[Any]:
    content, buffers = answer(request, viewing)
    if "error" in content:
        raise SacdError(content["error"])
    return [content, [base64.b64encode(buffer).decode() for buffer in buffers]]


def _inert(content: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(content).replace("<", "\\u003c")
