"""A t-SNE map of features that new clips can be placed on, and numbers that say what the eye believes it sees.

openTSNE (Poličar et al. 2024, doi:10.18637/jss.v109.i03);
silhouette (Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7).
"""

import numpy as np
import pandas as pd
from openTSNE import TSNE, TSNEEmbedding
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from sacd.exceptions import SacdError
from sacd.stages import NOT_SCORED


def balanced_subsample(stage: np.ndarray, per_stage: int, seed: int = 0) -> np.ndarray:
    """Sorted positions of at most `per_stage` clips of each scored stage, drawn at random.

    Parameters
    ----------
    stage : ndarray [n] int
        −1 (not scored) is never drawn.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for code in np.unique(stage[stage != NOT_SCORED]):
        positions = np.flatnonzero(stage == code)
        drawn.append(rng.choice(positions, min(per_stage, len(positions)), replace=False))
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=int)


def fit_map(features: np.ndarray, perplexity: float = 30.0, seed: int = 0) -> TSNEEmbedding:
    """Fit a two-dimensional t-SNE map; its `transform` places new features without moving the map.

    Parameters
    ----------
    features : ndarray [n, d] float
        At least 8 clips; the perplexity is lowered where they are few.
    """
    if len(features) < 8 or not np.isfinite(features).all():
        raise SacdError(f"features: {len(features)} clips, finite: {bool(np.isfinite(features).all())}; a map needs 8")
    return _mapper(len(features), perplexity, seed).fit(np.asarray(features, dtype=np.float64))


def restore_map(features: np.ndarray, points: np.ndarray, perplexity: float = 30.0, seed: int = 0) -> TSNEEmbedding:
    """The map that `fit_map` gave of these features, from its points: nothing is laid out anew."""
    mapper = _mapper(len(features), perplexity, seed)
    return mapper.prepare_initial(np.asarray(features, dtype=np.float64), initialization=np.asarray(points))


def _mapper(clips: int, perplexity: float, seed: int) -> TSNE:
    # PCA initialisation scaled by openTSNE: the large-scale layout is then the data's, not the random seed's
    return TSNE(
        perplexity=min(perplexity, (clips - 1) / 3), initialization="pca", neighbors="exact",
        negative_gradient_method="fft" if clips > 10_000 else "bh", n_jobs=1, random_state=seed,
    )  # fmt: skip


def embed(features: np.ndarray, clips: pd.DataFrame, per_stage: int = 200, seed: int = 0) -> pd.DataFrame:
    """Map a balanced subsample of clips.

    Parameters
    ----------
    features : ndarray [n, d] float
    clips : DataFrame [n rows]
        Must hold `stage`; its columns are kept.

    Returns
    -------
    DataFrame
        The drawn rows of `clips` with `x` and `y`, the original positions as `position`.
    """
    if len(features) != len(clips):
        raise SacdError(f"features: {len(features)} rows for {len(clips)} clips; pass those of the same run and split")
    drawn = balanced_subsample(clips["stage"].to_numpy(), per_stage, seed)
    points = np.asarray(fit_map(np.asarray(features)[drawn], seed=seed))
    return clips.iloc[drawn].reset_index(drop=True).assign(x=points[:, 0], y=points[:, 1], position=drawn)


def separation(
    features: np.ndarray, stage: np.ndarray, participant: np.ndarray, neighbours: int = 15
) -> dict[str, float]:
    """How far stages lie apart in feature space (not on the map, whose distances mean little).

    Parameters
    ----------
    features : ndarray [n, d] float
    stage : ndarray [n] int
        −1 is left out. Balance the stages first (`balanced_subsample`): purity by chance is then 1 / stages.
    participant : ndarray [n]
        A clip's neighbours are sought among *other* participants, or a person's look passes for a stage.
    neighbours : int

    Returns
    -------
    dict
        `silhouette` (−1 … 1, mean over clips), `purity` (share of the nearest neighbours with the clip's own stage,
        mean over clips), `chance` (purity of neighbours drawn at random); NaN where undefined.
    """
    keep = stage != NOT_SCORED
    features, stage, participant = np.asarray(features, dtype=np.float64)[keep], stage[keep], participant[keep]
    several = 1 < len(np.unique(stage)) < len(stage)
    purity, chance = np.full(len(stage), np.nan), np.full(len(stage), np.nan)
    for person in np.unique(participant):
        own = participant == person
        if own.all():
            break
        index = NearestNeighbors(n_neighbors=min(neighbours, int((~own).sum()))).fit(features[~own])
        near = stage[~own][index.kneighbors(features[own], return_distance=False)]
        purity[own] = (near == stage[own][:, None]).mean(axis=1)
        chance[own] = (stage[~own][None, :] == stage[own][:, None]).mean(axis=1)
    return {
        "silhouette": float(silhouette_score(features, stage)) if several else np.nan,
        "purity": float(purity.mean()) if len(stage) else np.nan,
        "chance": float(chance.mean()) if len(stage) else np.nan,
    }
