"""Aligns PSG, scoring and video by their start times: which clips all three cover."""

import numpy as np
import pandas as pd

from sacd.exceptions import SacdError
from sacd.ingest.psg import Psg
from sacd.ingest.scoring import Scoring
from sacd.ingest.video import HOLD_S, Video
from sacd.progress import duration
from sacd.stages import CLIP_SECONDS, NOT_SCORED

_EDGE_S = 0.02


def align(psg: Psg, scoring: Scoring, video: Video, video_begin_s: float, allow_gaps: bool = False) -> pd.DataFrame:
    """The clips that PSG, scoring and video cover.

    A clip at either end that one of them does not cover whole is left out; more than one missing clip is refused.
    Scored length is what lies between the first and the last line of the scoring, without *not scored* at its ends
    beyond the recording.

    Parameters
    ----------
    video_begin_s : float
        First picture, s from the start of the PSG.
    allow_gaps : bool
        Whether an EDF+D file may have gaps; clips that touch one are left out, so the clip numbers have a gap as well.

    Returns
    -------
    DataFrame
        `clip` (index in the night), `onset` (s from the start of the PSG), `stage`, `segment` (index into
        `psg.segments`).

    Raises
    ------
    SacdError
        A scoring shorter or longer than the recording, a video shorter than the scoring, a gap that is not allowed.
    """
    if len(psg.segments) > 1 and not allow_gaps:
        gaps = len(psg.segments) - 1
        raise SacdError(
            f"{psg.path}: an EDF+D with {gaps} gap{'s' * (gaps > 1)}, the first after {duration(psg.segments[0][1])}; "
            "allow gaps with --allow-gaps: clips that touch one are left out"
        )
    onsets = scoring.onset_s + CLIP_SECONDS * np.arange(len(scoring.stages))
    scored = np.flatnonzero(scoring.stages != NOT_SCORED)
    if not len(scored):
        raise SacdError(f"{scoring.path}: no clip is scored; name the right scoring")
    _check_scoring(psg, scoring, onsets[scored])
    begins, ends = (np.array(edge) for edge in zip(*psg.segments, strict=True))
    segment = np.searchsorted(begins, onsets + _EDGE_S, side="right") - 1
    inside = (segment >= 0) & (onsets + CLIP_SECONDS <= ends[segment] + _EDGE_S) & (onsets >= begins[segment] - _EDGE_S)
    if not inside.any():
        raise SacdError(f"{psg.path}: no whole 30-s clip lies between its gaps; export the recording without gaps")
    _check_video(scoring, video, video_begin_s, onsets[inside])
    video_end_s = video_begin_s + video.duration_s
    seen = (onsets >= video_begin_s - HOLD_S) & (onsets + CLIP_SECONDS <= video_end_s + HOLD_S)
    keep = np.flatnonzero(inside & seen)
    if not len(keep):
        raise SacdError(f"{video.path}: no whole clip has PSG, scoring and video; check the start times")
    return pd.DataFrame(
        {"clip": keep, "onset": onsets[keep], "stage": scoring.stages[keep].astype(np.int64), "segment": segment[keep]}
    )


def _check_scoring(psg: Psg, scoring: Scoring, scored: np.ndarray) -> None:
    longer = max(-scored[0], scored[-1] + CLIP_SECONDS - psg.duration_s)
    shorter = max(scoring.onset_s, psg.duration_s - scoring.end_s)
    if max(longer, shorter) > CLIP_SECONDS + _EDGE_S:
        how = "longer" if longer >= shorter else "shorter"
        raise SacdError(
            f"{scoring.path}: the scoring ({_span(scoring.onset_s, scoring.end_s)}) is {how} than the recording "
            f"{psg.path.name} ({_span(0, psg.duration_s)}); trim one of them, or write '?' for what is not scored"
        )


def _check_video(scoring: Scoring, video: Video, begin: float, onsets: np.ndarray) -> None:
    end = begin + video.duration_s
    if max(begin - onsets[0], onsets[-1] + CLIP_SECONDS - end) > CLIP_SECONDS + _EDGE_S:
        last = onsets[-1] + CLIP_SECONDS
        raise SacdError(
            f"{video.path}: the video ({_span(begin, end)} on the recording's clock) is shorter than the scoring "
            f"{scoring.path.name} ({_span(onsets[0], last)}); correct video_start, use --offset, or trim the scoring"
        )


def _span(begin: float, end: float) -> str:
    return f"{begin:g} to {end:g} s"
