"""Several scorers of one night: the majority, and their disagreement as soft labels.

The consensus is that of Guillot et al. 2020, "Dreem Open Datasets", doi:10.1109/TNSRE.2020.3011181: the stage that most
scorers chose, of equals the one of the scorer who agrees most with the others over the night.
"""

import numpy as np

from sacd.stages import NOT_SCORED, STAGES


def majority(stages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The consensus of several scorings.

    Parameters
    ----------
    stages : ndarray [scorers, clips] int64
        0–4, −1 where a scorer did not score.

    Returns
    -------
    consensus : ndarray [clips] int64
        −1 where fewer than half of the scorers scored.
    shares : ndarray [clips, 5] float32
        Of those who scored, the share that chose each stage; 0 where nobody did.
    """
    chosen = stages[..., None] == np.arange(len(STAGES))
    votes = chosen.sum(axis=0)
    said = votes.sum(axis=1)
    most = votes == votes.max(axis=1, keepdims=True)
    consensus = most.argmax(axis=1)
    # The most reliable scorer has the last word.
    for scorer in np.argsort(soft_agreement(stages), kind="stable"):
        backed = (chosen[scorer] & most).any(axis=1)
        consensus[backed] = stages[scorer, backed]
    consensus = np.where(2 * said >= len(stages), consensus, NOT_SCORED)
    consensus[said == 0] = NOT_SCORED
    return consensus, (votes / np.maximum(said, 1)[:, None]).astype(np.float32)


def soft_agreement(stages: np.ndarray) -> np.ndarray:
    """How far each scorer agrees with the others.

    Parameters
    ----------
    stages : ndarray [scorers, clips] int64

    Returns
    -------
    ndarray [scorers] float64
        Mean over the clips that the scorer and another scored of the others' votes for the scorer's stage, divided by
        their most frequent stage's; 0 without such clips.
    """
    chosen = stages[..., None] == np.arange(len(STAGES))
    others = chosen.sum(axis=0) - chosen
    peak = others.max(axis=2)
    both = (stages != NOT_SCORED) & (peak > 0)
    backed = np.where(chosen, others, 0).sum(axis=2) / np.maximum(peak, 1)
    return (backed * both).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
