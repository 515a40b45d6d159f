"""From epochs of any length that is scored to the 30-s clips of a cohort.

The rule: a clip has the stage that fills most of its time (the AASM's rule for an epoch), of equals the one that comes
first; it is not scored where less than half of it is. Epochs of 30 s on the clips' own grid stay what they are.
Source of the rule: Berry et al., AASM Manual for the Scoring of Sleep, v2.6, section IV.
"""

from pathlib import Path

import numpy as np

from sacd.exceptions import SacdError
from sacd.ingest.scoring_marks import EPOCHS_S, TOLERANCE_S, Marks
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES


def first_clip(path: Path, marks: Marks) -> float:
    """Where the clips of a scoring begin, s: with its first epoch, scored or not.

    Raises
    ------
    SacdError
        Epochs that are neither of 30 nor of 20, 10 or 5 s on one grid, or two stages at one time.
    """
    scored = marks.codes != NOT_SCORED
    lower = float(marks.onset_s.min())
    if not scored.any():
        return lower
    step = epoch_length(path, marks)
    begin = float(marks.onset_s[scored].min())
    # What is not scored may stand on no grid, as a movement does: then the scored epochs give it.
    ahead = begin - lower
    return lower if _off(ahead, step) <= TOLERANCE_S else begin - CLIP_SECONDS * (ahead // CLIP_SECONDS)


def epoch_length(path: Path, marks: Marks) -> float:
    """The longest of `EPOCHS_S` that all scored stages are whole multiples of, s.

    The last of several may end anywhere, for a recording does.
    """
    onset, end, _ = _scored(path, marks)
    away, lasts = onset - onset[0], end - onset
    if len(lasts) > 1:
        lasts[-1] = 0.0
    for step in EPOCHS_S:
        off = np.maximum(_off(away, step), _off(lasts, step))
        if (off <= TOLERANCE_S).all():
            return step
    raise SacdError(
        f"{path}: the stage at {onset[np.argmax(off)]:g} s does not fill whole epochs of 30, 20, 10 or 5 s; score in "
        "such epochs"
    )


def to_clips(path: Path, marks: Marks, origin_s: float) -> np.ndarray:
    """Stages of the clips from `origin_s` on, by the module's rule.

    Parameters
    ----------
    marks : Marks
        Each with a duration.
    origin_s : float
        Where the first clip begins.

    Returns
    -------
    ndarray [clips] int64
        −1 where not scored; the last clip holds the end of the last stage.

    Raises
    ------
    SacdError
        Two stages at one time.
    """
    upper = float((marks.onset_s + marks.duration_s).max())
    count = max(0, int(np.ceil((upper - origin_s - TOLERANCE_S) / CLIP_SECONDS)))
    edges = origin_s + CLIP_SECONDS * np.arange(count + 1)
    if not (marks.codes != NOT_SCORED).any():
        return np.full(count, NOT_SCORED)
    onset, end, codes = _scored(path, marks)
    stages = range(len(STAGES))
    filled = np.stack([_seconds(edges, onset[codes == code], end[codes == code]) for code in stages], axis=1)
    most = filled >= filled.max(axis=1, keepdims=True) - TOLERANCE_S
    clips = most.argmax(axis=1)
    for clip in np.flatnonzero((most.sum(axis=1) > 1) & (filled.sum(axis=1) > TOLERANCE_S)):
        first = np.searchsorted(end, edges[clip] + TOLERANCE_S)
        clips[clip] = next(code for code in codes[first:] if most[clip, code])
    enough = filled.sum(axis=1) >= CLIP_SECONDS / 2 - TOLERANCE_S
    return np.where(enough, clips, NOT_SCORED)


def _scored(path: Path, marks: Marks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onset, end and code of the scored stages, in order and without overlap."""
    part = np.flatnonzero(marks.codes != NOT_SCORED)
    part = part[np.argsort(marks.onset_s[part], kind="stable")]
    onset, codes = marks.onset_s[part], marks.codes[part]
    end = onset + marks.duration_s[part]
    over = np.flatnonzero(end[:-1] > onset[1:] + TOLERANCE_S)
    if len(over):
        raise SacdError(f"{path}: two stages at {onset[over[0] + 1]:g} s; keep one scorer's scoring")
    end[:-1] = np.minimum(end[:-1], onset[1:])
    return onset, end, codes


def _seconds(edges: np.ndarray, onset: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How many seconds between each two edges lie within the spans."""
    if not len(onset):
        return np.zeros(len(edges) - 1)
    total = np.cumsum(end - onset)
    times, sums = np.stack([onset, end], axis=1).ravel(), np.stack([total - (end - onset), total], axis=1).ravel()
    return np.diff(np.interp(edges, times, sums))


def _off(value: np.ndarray | float, step: float) -> np.ndarray:
    """How far from a whole multiple of `step`."""
    return np.abs(value - step * np.round(np.asarray(value) / step))
