"""Unbroken stretches: a night is cut wherever a clip does not follow the one before it, and no decoder looks across."""

import numpy as np


def _laid_out(night: np.ndarray, clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clips in order of night and number, and where in that order each stretch begins."""
    code = np.unique(night, return_inverse=True)[1]
    order = np.lexsort((clip, code))
    follows = (np.diff(code[order]) == 0) & (np.diff(clip[order]) == 1)
    return order, np.flatnonzero(np.concatenate([[True], ~follows])[: len(order)])


def stretches(night: np.ndarray, clip: np.ndarray) -> list[np.ndarray]:
    """The unbroken stretches of some clips, given in any order.

    Parameters
    ----------
    night : ndarray [n]
        Whose values tell recordings apart.
    clip : ndarray [n] int
        A clip's number in its night.

    Returns
    -------
    list of ndarray of int64
        Of each stretch the indices of its clips, in time order; every clip is in one.
    """
    order, first = _laid_out(night, clip)
    return np.split(order, first[1:]) if len(order) else []


def steps(night: np.ndarray, clip: np.ndarray) -> list[np.ndarray]:
    """The same stretches step by step, to go along all of them at once.

    Returns
    -------
    list of ndarray of int64
        Entry t holds the index of clip t of every stretch that has one. Longer stretches come first, so that
        ``steps[t]`` follows ``steps[t - 1][: len(steps[t])]``.
    """
    order, first = _laid_out(night, clip)
    if not len(order):
        return []
    length = np.diff(np.append(first, len(order)))
    longest = np.argsort(-length, kind="stable")
    first, length = first[longest], length[longest]
    return [order[first[length > t] + t] for t in range(length[0])]
