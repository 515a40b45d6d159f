"""Which clips of a night there are: those that PSG, scoring and video cover, and why others are left out."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from sacd.exceptions import SacdError
from sacd.ingest.psg import Psg
from sacd.ingest.scoring import Scoring
from sacd.ingest.video import HOLD_S
from sacd.stages import CLIP_SECONDS, NOT_SCORED, STAGES

_EDGE_S = 0.02
_SHOWN = 0.5
"""Share of a clip between two videos that must have pictures."""
Span = tuple[float, float]


class Shown(NamedTuple):
    """A video, and where it begins and ends on the recording's clock, s."""

    path: Path
    begin: float
    end: float


@dataclass(frozen=True)
class Clips:
    """The clips of a night.

    Attributes
    ----------
    table : DataFrame
        `clip` (index in the night), `onset` (s from the start of the recording), `stage`, `segment` (index into
        `psg.segments`, 0 without a PSG); with several scorers `share_W` … `share_REM`.
    left_out : dict of str to int
        Clips that are not in the table, by the reason.
    """

    table: pd.DataFrame
    left_out: dict[str, int]


def choose_clips(psg: Psg | None, scoring: Scoring | None, shown: list[Shown], allow_gaps: bool = False) -> Clips:
    """The clips that PSG, scoring and video cover; those of nobody's scoring are not scored.

    The grid is the scoring's, else it begins with the recording. At either end a single clip may lie outside one of
    them and is left out; more are refused unless `allow_gaps`. Scored length is what lies between the first and the
    last line of the scoring, without *not scored* at its ends beyond the recording.

    Parameters
    ----------
    psg, scoring
        None where there is none.
    shown : list of Shown
        The videos, in the order of their beginnings.
    allow_gaps : bool
        Whether recordings may have gaps and parts may differ in length; clips that are not covered are left out.

    Raises
    ------
    SacdError
        A scoring shorter or longer than the recording, a video shorter than the scoring, a gap that is not allowed;
        no clip at all.
    """
    if psg is not None and len(psg.segments) > 1 and not allow_gaps:
        raise SacdError(
            f"{psg.path}: a recording with {psg.gaps_in_words}; allow gaps with --allow-gaps: clips that touch one are "
            "left out"
        )
    onsets, stages = _grid(psg, scoring, shown)
    scored = onsets[stages != NOT_SCORED]
    if psg is not None and scoring is not None and not allow_gaps:
        _check_scoring(psg, scoring, scored)
    segment, apart = _segments(psg, onsets)
    if (apart == "outside the recording").all():
        raise SacdError(
            f"{scoring.path}: the scoring ({_span(scoring.onset_s, scoring.end_s)}) lies outside the recording "
            f"{psg.path.name} ({_span(0, psg.duration_s)}); name the right scoring, or correct its start"
        )
    if (apart != "").all():
        raise SacdError(f"{psg.path}: no whole 30-s clip lies between its gaps; export the recording without gaps")
    inside = scored[(apart == "")[stages != NOT_SCORED]]
    if scoring is not None and len(inside) and not allow_gaps:
        _check_video(scoring, shown, inside, onsets[apart == ""])
    why = np.where(apart != "", apart, np.where(_is_shown(shown, onsets), "", "without video"))
    keep = np.flatnonzero(why == "")
    if not len(keep):
        raise SacdError(
            f"{shown[0].path}: no whole clip has PSG, scoring and video (video: {_span(*_ends(shown))} on the "
            f"recording's clock, clips: {_span(onsets[0], onsets[-1] + CLIP_SECONDS)}); check the start times"
        )
    table = {"clip": keep, "onset": onsets[keep], "stage": stages[keep], "segment": segment[keep]}
    if scoring is not None and scoring.shares is not None:
        table |= {f"share_{name}": scoring.shares[keep, k] for k, name in enumerate(STAGES)}
    # A line that says "not scored" of a time without a recording tells nothing.
    counted = why[(why != "outside the recording") | (stages != NOT_SCORED)]
    reasons = {str(reason): int((counted == reason).sum()) for reason in np.unique(counted[counted != ""])}
    return Clips(pd.DataFrame(table), reasons)


def _ends(shown: list[Shown]) -> Span:
    return shown[0].begin, max(video.end for video in shown)


def _grid(psg: Psg | None, scoring: Scoring | None, shown: list[Shown]) -> tuple[np.ndarray, np.ndarray]:
    """Onsets and stages of the clips that there might be."""
    if scoring is not None:
        if (scoring.stages == NOT_SCORED).all():
            raise SacdError(f"{scoring.path}: no clip is scored; name the right scoring, or remove it")
        return scoring.onset_s + CLIP_SECONDS * np.arange(len(scoring.stages)), scoring.stages.astype(np.int64)
    end = _ends(shown)[1] + HOLD_S if psg is None else psg.duration_s + _EDGE_S
    count = int(end // CLIP_SECONDS)
    if count < 1:
        path = shown[0].path if psg is None else psg.path
        raise SacdError(f"{path}: {end:.0f} s long, shorter than one clip of 30 s; name longer files")
    return CLIP_SECONDS * np.arange(count, dtype=float), np.full(count, NOT_SCORED, np.int64)


def _segments(psg: Psg | None, onsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The segment of the PSG that holds each clip, and why none does."""
    if psg is None:
        return np.zeros(len(onsets), int), np.full(len(onsets), "")
    begins, ends = (np.array(edge) for edge in zip(*psg.segments, strict=True))
    segment = np.searchsorted(begins, onsets + _EDGE_S, side="right") - 1
    inside = (segment >= 0) & (onsets + CLIP_SECONDS <= ends[segment] + _EDGE_S) & (onsets >= begins[segment] - _EDGE_S)
    beyond = (onsets < begins[0] - _EDGE_S) | (onsets + CLIP_SECONDS > ends[-1] + _EDGE_S)
    return segment, np.where(inside, "", np.where(beyond, "outside the recording", "at a gap of the PSG"))


def _is_shown(shown: list[Shown], onsets: np.ndarray) -> np.ndarray:
    """Whether a clip lies between the first picture and the last, and enough of it within the videos."""
    first, last = _ends(shown)
    within = (onsets >= first - HOLD_S) & (onsets + CLIP_SECONDS <= last + HOLD_S)
    covered, until = np.zeros(len(onsets)), -np.inf
    for video in shown:
        begin, until = max(video.begin - HOLD_S, until), max(video.end + HOLD_S, until)
        covered += np.clip(np.minimum(onsets + CLIP_SECONDS, until) - np.maximum(onsets, begin), 0, None)
    return within & (covered >= _SHOWN * CLIP_SECONDS)


def _check_scoring(psg: Psg, scoring: Scoring, scored: np.ndarray) -> None:
    longer = max(-scored[0], scored[-1] + CLIP_SECONDS - psg.duration_s)
    shorter = max(scoring.onset_s, psg.duration_s - scoring.end_s)
    if max(longer, shorter) <= CLIP_SECONDS + _EDGE_S:
        return
    begins, ends = scoring.onset_s, scoring.end_s - psg.duration_s
    if begins * ends > 0:
        apart = f"begins {_apart(begins)} the recording {psg.path.name}, and ends {_apart(ends)} it"
        raise SacdError(
            f"{scoring.path}: the scoring {apart}; if its clock is wrong, correct its start, write scoring_start into "
            "recordings.tsv, or export one stage a line, which counts from the recording's start; if it is right, "
            "leave out what they do not share with --allow-gaps"
        )
    how = "longer" if longer >= shorter else "shorter"
    raise SacdError(
        f"{scoring.path}: the scoring ({_span(scoring.onset_s, scoring.end_s)}) is {how} than the recording "
        f"{psg.path.name} ({_span(0, psg.duration_s)}); trim one of them, write '?' for what is not scored, say "
        "when the scoring begins (scoring_start in recordings.tsv), or leave out what they do not share with "
        "--allow-gaps"
    )


def _apart(seconds: float) -> str:
    return f"{abs(seconds):g} s {'after' if seconds > 0 else 'before'}"


def _check_video(scoring: Scoring, shown: list[Shown], scored: np.ndarray, onsets: np.ndarray) -> None:
    begin, end = _ends(shown)
    if max(begin - scored[0], scored[-1] + CLIP_SECONDS - end) > CLIP_SECONDS + _EDGE_S:
        raise SacdError(
            f"{shown[0].path}: the video ({_span(begin, end)} on the recording's clock) is shorter than the scoring "
            f"{scoring.path.name} ({_span(onsets[0], onsets[-1] + CLIP_SECONDS)}); correct video_start, use --offset, "
            "or leave out what the video does not show with --allow-gaps"
        )


def _span(begin: float, end: float) -> str:
    return f"{begin:g} to {end:g} s"
