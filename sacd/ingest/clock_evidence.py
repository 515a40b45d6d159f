"""At which lag camera and recorder tell the same of a night: the fit in blocks of ten minutes, and the best line.

Movement is a matter of correlation: bursts in one and changes in the other. Breathing is a matter of likelihood, for
its sign in the picture may change whenever the sleeper turns, and its phase against a belt is the sleeper's own.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from sacd.cohort.motion import HZ, SAMPLES
from sacd.ingest.clock_traces import PsgTraces, VideoTraces, analytic, on_grid
from sacd.stages import CLIP_SECONDS

SEARCH_S = 180.0
"""A stated clock may be wrong by so much."""
BLOCK_S = 600.0
RIVAL_S = {"movement": 4.0, "breathing": 1.2}
"""Lags further away are other answers, not the same less exactly: a movement's length, less than half a breath."""
_LARGEST_DRIFT = 150e-6
_BLOCK, _REACH, _NEAR = round(BLOCK_S * HZ), round(SEARCH_S * HZ), round(3 * HZ)
# Independent numbers in a clip of breathing: 30 s of some 0.25 Hz of bandwidth, real and imaginary.
_FREEDOM = 16
# Best lags that beat their rivals by fewer standard errors are chance (fitted: `tests/test_clock_study.py`).
_MARGIN = 2.3


@dataclass(frozen=True)
class Evidence:
    """What one source tells of the lag.

    Attributes
    ----------
    name : str
        "movement" or "breathing".
    lags : ndarray [lags]
        s: so much later than stated was the picture taken.
    block_s : ndarray [blocks]
        Middles of ten minutes each, s on the stated clock.
    score : ndarray [blocks, lags] float32
        How well the two recordings fit at each lag in each.
    middle_s : float
        The middle of the night, s.
    margin : float
        By how many standard errors the best lag beats every other that is `RIVAL_S` away.
    lag, slope : float
        The best line: lag in the middle of the night (s), and its change (s per s).
    covariance : ndarray [2, 2]
        Of lag and slope, from how blocks differ.
    jumps : bool
        Whether the two halves of the night have each a lag that stands out, and not the same.
    """

    name: str
    lags: np.ndarray
    block_s: np.ndarray
    score: np.ndarray
    middle_s: float
    margin: float
    lag: float
    slope: float
    covariance: np.ndarray
    jumps: bool

    @property
    def believed(self) -> bool:
        """Whether one lag stands out."""
        return self.margin >= _MARGIN and bool(np.isfinite(self.covariance).all())


def find_evidence(video: VideoTraces, psg: PsgTraces) -> tuple[Evidence, ...]:
    """What movement and breathing tell of the lag, where both recordings have them; an hour at least."""
    length = video.onsets[-1] + CLIP_SECONDS - video.onsets[0]
    middles = video.onsets[0] + BLOCK_S * (np.arange(np.ceil(length / BLOCK_S)) + 0.5)
    middle = video.onsets[0] + length / 2
    found = []
    if psg.movement is not None:
        found.append(_fit("movement", *_movement_score(video, psg, len(middles)), middles, middle))
    if psg.breathing is not None:
        found.append(_fit("breathing", *_breathing_score(video, psg, len(middles)), middles, middle))
    return tuple(found)


def _movement_score(video: VideoTraces, psg: PsgTraces, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Lags [lags], and the correlation in each block, [blocks, lags]; one in which little moves counts for little."""
    seen = np.zeros(blocks * _BLOCK, np.float32)
    line = on_grid(video.movement, video.onsets)
    seen[: len(line)] = line
    seen = seen.reshape(blocks, _BLOCK)
    seen -= seen.mean(axis=1, keepdims=True)
    felt = on_grid(psg.movement, psg.onsets)
    felt -= felt.mean()
    view, rows, lags = _windows(felt, psg, video.onsets[0] + BLOCK_S * np.arange(blocks), _BLOCK)
    windows = view[rows]
    energies = (seen**2).mean(axis=1), windows.var(axis=1)
    usual = [energy + np.median(energy) + 1e-12 for energy in energies]
    return lags, _correlate(seen, windows) / (_BLOCK * np.sqrt(usual[0] * usual[1]))[:, None]


def _breathing_score(video: VideoTraces, psg: PsgTraces, blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Lags [lags], and the log-likelihood of each block, [blocks, lags].

    With C the complex correlation of a clip, signs ± and one phase φ a block explain at best the share
    max over φ of Σ Re(exp(−iφ) C)² / clips = (Σ |C|² + |Σ C²|) / 2 clips.
    """
    seen = analytic(video.breathing.ravel()).reshape(-1, SAMPLES)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True) + 1e-6
    felt = analytic(on_grid(psg.breathing, psg.onsets))
    view, rows, lags = _windows(felt, psg, video.onsets, SAMPLES)
    least = 1e-3 * SAMPLES * np.mean(np.abs(felt) ** 2) + 1e-12
    block = ((video.onsets - video.onsets[0]) // BLOCK_S).astype(int)
    score = np.zeros((blocks, len(lags)), np.float32)
    for number in np.unique(block):
        own = block == number
        windows = view[rows[own]]
        power = np.cumsum(np.pad(np.abs(windows) ** 2, ((0, 0), (1, 0))), axis=1)
        alike = _correlate(seen[own], windows) / np.sqrt(power[:, SAMPLES:] - power[:, :-SAMPLES] + least)
        explained = ((np.abs(alike) ** 2).mean(0) + np.abs((alike**2).mean(0))) / 2
        score[number] = -0.5 * _FREEDOM * own.sum() * np.log1p(-0.99 * explained)
    return lags, score


def _windows(
    line: np.ndarray, psg: PsgTraces, begins: np.ndarray, length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The recorder's line around each begin (s): a view [samples, length + 2 reach], its row of each, and the lags."""
    first = np.rint((begins - psg.onsets[0]) * HZ).astype(int)
    before, after = max(0, _REACH - first.min()), max(0, first.max() + length + _REACH - len(line))
    view = np.lib.stride_tricks.sliding_window_view(np.pad(line, (before, after)), length + 2 * _REACH)
    rounded = float(np.mean(first / HZ - (begins - psg.onsets[0])))
    return view, first - _REACH + before, np.arange(-_REACH, _REACH + 1) / HZ + rounded


def _correlate(one: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Σ conj(one[t]) · window[t + lag], rows [n] with rows [n + 2 reach] → [2 reach + 1]."""
    size = 2 ** int(np.ceil(np.log2(windows.shape[1])))
    if np.iscomplexobj(one):
        found = np.fft.ifft(np.fft.fft(windows, size) * np.fft.fft(one, size).conj())
    else:
        found = np.fft.irfft(np.fft.rfft(windows, size) * np.fft.rfft(one, size).conj(), size)
    return found[:, : 2 * _REACH + 1]


def _fit(name: str, lags: np.ndarray, score: np.ndarray, block_s: np.ndarray, middle_s: float) -> Evidence:
    """The line of lags that fits all blocks best, how sure it is, and how far every other line is behind."""
    away = block_s - middle_s
    step = 1 / (HZ * np.abs(away).max())
    slopes = step * np.arange(-np.ceil(_LARGEST_DRIFT / step), np.ceil(_LARGEST_DRIFT / step) + 1)
    sums = np.stack([_along(score, slope * away).sum(axis=0) for slope in slopes])
    best, place = np.unravel_index(sums[:, _NEAR:-_NEAR].argmax(), (len(slopes), len(lags) - 2 * _NEAR))
    place += _NEAR
    straight = _along(score, slopes[best] * away)
    margin = _margin(straight, place, rival := round(RIVAL_S[name] * HZ))
    halves = [straight[: len(straight) // 2], straight[len(straight) // 2 :]]
    best_of_halves = [int(half.sum(axis=0).argmax()) for half in halves]
    both = all(_margin(half, at, rival) >= _MARGIN for half, at in zip(halves, best_of_halves, strict=True))
    jumps = both and bool(abs(best_of_halves[0] - best_of_halves[1]) > rival)
    line, covariance = _refine(straight[:, place - _NEAR : place + _NEAR + 1], slopes[best], away)
    return Evidence(
        name, lags, block_s, score.astype(np.float32), float(middle_s), margin, float(lags[place] + line[0]),
        float(line[1]), covariance, jumps,
    )


def _margin(straight: np.ndarray, place: int, rival: int) -> float:
    """By how many standard errors over blocks a lag beats the best of those more than `rival` samples away."""
    rivals = straight.sum(axis=0)
    rivals[max(0, place - rival) : place + rival + 1] = -np.inf
    lead = straight[:, place] - straight[:, rivals.argmax()]
    return float(lead.sum() / (np.sqrt(len(lead)) * lead.std(ddof=1) + 1e-12))


def _along(score: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Each block's score [blocks, lags] moved by as many seconds, in whole samples."""
    places = np.arange(score.shape[1]) + np.rint(moves * HZ).astype(int)[:, None]
    return np.take_along_axis(score, np.clip(places, 0, score.shape[1] - 1), axis=1)


def _refine(near: np.ndarray, slope: float, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's steps from a line of whole samples to the best one, and the sandwich covariance over blocks.

    Parameters
    ----------
    near : ndarray [blocks, 2 near + 1]
        Scores about the line of this slope, of which each block took the nearest sample.

    Returns
    -------
    line, covariance : ndarray [2], ndarray [2, 2]
        Lag (s from the middle sample) and slope. The covariance is infinite where the scores have no peak.
    """
    curve = CubicSpline(np.arange(-_NEAR, _NEAR + 1) / HZ, near, axis=1)
    taken = np.rint(slope * away * HZ) / HZ
    design = np.column_stack([np.ones_like(away), away])
    line = np.array([0.0, slope])

    def derivative(order: int) -> np.ndarray:
        return np.diagonal(curve(np.clip(design @ line - taken, -3, 3), order))

    for _ in range(8):
        bend = design.T @ (derivative(2)[:, None] * design)
        if not (np.linalg.eigvalsh(bend) < 0).all():
            break
        move = -np.linalg.solve(bend, design.T @ derivative(1))
        line = line + move * min(1.0, 0.2 / (np.abs(design @ move).max() + 1e-12))
    bend = design.T @ (derivative(2)[:, None] * design)
    if not (np.linalg.eigvalsh(bend) < 0).all():
        return line, np.diag([np.inf, np.inf])
    pull = derivative(1)[:, None] * design
    bread = np.linalg.inv(bend)
    return line, bread @ (pull.T @ pull) @ bread * len(away) / (len(away) - 2)
