"""A multilayer perceptron on feature vectors: frozen-tier students, and both networks of a feature cohort."""

from torch import Tensor, nn

from sacd.exceptions import SacdError
from sacd.models.base import FEATURE_DIM, Network
from sacd.stages import STAGES

NORMS = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d, "none": nn.Identity}


class MLP(Network):
    """`depth` hidden layers (linear, norm, ReLU, dropout), then a linear layer to the 512 features.

    Parameters
    ----------
    in_features : int
        Length of the input vectors.
    n_classes : int
    hidden : int
        Width of the hidden layers.
    depth : int
        Number of hidden layers.
    dropout : float
        Probability of dropping a hidden unit.
    norm : str
        "layer", "batch" or "none"; layer norm does not depend on the batch, so small batches change nothing.
    """

    def __init__(
        self, in_features: int, n_classes: int = len(STAGES), *, hidden: int = 256, depth: int = 1,
        dropout: float = 0.2, norm: str = "layer",
    ) -> None:
        super().__init__(FEATURE_DIM, n_classes)
        if norm not in NORMS:
            raise SacdError(f"norm {norm!r} of the MLP is not known; choose one of {', '.join(NORMS)}")
        self.layers = nn.ModuleList()
        width = in_features
        for _ in range(depth):
            self.layers.append(
                nn.Sequential(nn.Linear(width, hidden), NORMS[norm](hidden), nn.ReLU(inplace=True), nn.Dropout(dropout))
            )
            width = hidden
        self.project = nn.Linear(width, FEATURE_DIM)

    def trunk(self, x: Tensor, taps: bool = False) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Features of feature vectors.

        Parameters
        ----------
        x : Tensor [B, in_features] float
        taps : bool
            Also return the hidden layers' outputs, [B, hidden] each.

        Returns
        -------
        features : Tensor [B, 512] float
        taps : tuple of Tensor
        """
        inner = []
        for layer in self.layers:
            x = layer(x)
            inner.append(x)
        return self.project(x), tuple(inner) if taps else ()
