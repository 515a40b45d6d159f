"""The reference map of portraits: fitted once on clips of the reference people; a new clip is placed, the map stays.

Features are scaled and reduced to principal components, both fitted on the reference. openTSNE (Poličar et al. 2024,
doi:10.18637/jss.v109.i03) or, as an option, UMAP (McInnes et al. 2018, doi:10.21105/joss.00861) lays them out. New
clips do not see each other: where one lies depends on the reference alone, and is the same every time. The map is for
looking; what is told of a person comes from `sacd.analysis.severity`.
"""

from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sacd.analysis.embedding import fit_map, restore_map
from sacd.stages import NOT_SCORED

Method = Literal["tsne", "umap"]
COMPONENTS = 50
NEIGHBOURS = 15
"""Of UMAP: its default."""


def draw_clips(stage: np.ndarray, participant: np.ndarray, most: int, seed: int = 0) -> np.ndarray:
    """Sorted positions of at most `most` clips of each stage of each participant, drawn at random.

    Parameters
    ----------
    stage : ndarray [n] int
        −1 is never drawn.
    participant : ndarray [n]
    """
    table = pd.DataFrame({"participant": participant, "stage": stage})
    shuffled = table[stage != NOT_SCORED].sample(frac=1, random_state=seed)
    return np.sort(shuffled.groupby(["participant", "stage"]).head(most).index.to_numpy())


class ReferenceMap:
    """A fitted map; made by `fit`.

    Attributes
    ----------
    points : ndarray [n, 2] float64
        Where the reference clips lie.
    method : str
        *tsne* or *umap*.
    """

    def __init__(self, pipeline: Pipeline, layout: Any, points: np.ndarray, method: Method) -> None:
        self._pipeline, self._layout = pipeline, layout
        self.points, self.method = points, method

    @classmethod
    def fit(
        cls, features: np.ndarray, method: Method = "tsne", perplexity: float = 30.0, seed: int = 0,
        points: np.ndarray | None = None,
    ) -> "ReferenceMap":
        """Lay out the reference clips.

        Parameters
        ----------
        features : ndarray [n, d]
            At least 8 clips.
        method : {"tsne", "umap"}
        perplexity : float
            Of t-SNE.
        seed : int
        points : ndarray [n, 2], optional
            Those of a map that was fitted on the same features before: it is restored. UMAP is fitted again.

        Raises
        ------
        SacdError
            Fewer than 8 clips, or features that are not finite.
        """
        pipeline = make_pipeline(
            StandardScaler(), PCA(min(COMPONENTS, *np.shape(features)), svd_solver="full", random_state=seed)
        )
        reduced = pipeline.fit_transform(np.asarray(features, dtype=np.float64))
        if method == "umap":
            from umap import UMAP  # compiles for seconds when imported

            layout = UMAP(n_neighbors=min(NEIGHBOURS, len(reduced) - 1), random_state=seed, n_jobs=1).fit(reduced)
            return cls(pipeline, layout, np.asarray(layout.embedding_, dtype=np.float64), method)
        if points is None:
            layout = fit_map(reduced, perplexity, seed)
        else:
            layout = restore_map(reduced, points, perplexity, seed)
        # `transform` centres the map in place: done now, the first placing finds it as the second does.
        layout -= (layout.max(axis=0) + layout.min(axis=0)) / 2
        return cls(pipeline, layout, np.array(layout, dtype=np.float64), method)

    def place(self, features: np.ndarray) -> np.ndarray:
        """Where new clips [m, d] lie, float64 [m, 2]."""
        reduced = self._pipeline.transform(np.asarray(features, dtype=np.float64))
        return np.array(self._layout.transform(reduced), dtype=np.float64)
